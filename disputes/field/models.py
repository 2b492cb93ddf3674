"""Visits, captures, and the doors through which they change (下去一把抓、上来再分家).

A capture is what somebody heard at a doorstep, before anybody knows whether it is a dispute. It is never deleted: it
becomes no dispute, a new case, part of a case, several cases, is sent back for more, or put off, and each of these can
be undone. The doors lock the capture's row, so that two people who sort one capture make one case.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit.locks import locked, once
from audit.models import record
from disputes import masking
from disputes.models import Attachment, Conflict, Dispute, FactsMissing, MoveRefused, NotYours
from disputes.moves import Status, Tier
from villages.models import DESK_ROLES, Area, Coverage, Office, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest

    from disputes.attachments import Received

#: Who sorts what was captured in the villages of their desk.
SORTERS = frozenset({Role.OFFICER, Role.CENTRE})
MOST_PARTS = 10  # a pasted page is not a list of disputes
FOUND_ON_A_VISIT = "06"  # case_source 排查发现


Row = TypeVar("Row", bound="Place")


class PlaceQuerySet(models.QuerySet[Row]):
    def visible_to(self, user: User) -> Self:
        """The scope rule of cases; and what one wrote down oneself, since a township mediator has a desk, no area."""
        condition = user.scope.q()
        return self.none() if condition is None else self.filter(condition | Q(by=user))


class Place(models.Model):
    """Where something was met, and whose desk sorts it: what the scope rule reads."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    county = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    township = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    village = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False, verbose_name=_("村（社区）"))
    desk = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("谁记的"))
    submission = models.UUIDField(null=True, blank=True, editable=False)  # the form's own number: sent twice, kept once

    class Meta:
        abstract = True


class VisitQuerySet(PlaceQuerySet["Visit"]):
    def begin(
        self,
        *,
        by: User,
        at: dt.datetime,
        village: Area,
        visited_on: dt.date,
        companions: str = "",
        households: int | None = None,
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> Visit:
        """A visit under way; the same `submission` twice gives the same visit.

        Raises NotYours for roles without a desk, MoveRefused where no desk could sort what is found.
        """
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不登记走访。需要的联系村委会或警务室"))
        mine = self.filter(submission=submission, by=by) if submission else self.none()
        return once(mine, lambda: self._begin(by, at, village, visited_on, companions, households, submission, request))

    def _begin(
        self,
        by: User,
        at: dt.datetime,
        village: Area,
        visited_on: dt.date,
        companions: str,
        households: int | None,
        submission: uuid.UUID | None,
        request: HttpRequest | None,
    ) -> Visit:
        desk = Coverage.objects.desk_for(village, Tier.ROOM) or Coverage.objects.desk_for(village, Tier.TOWNSHIP)
        township = village.parent
        if desk is None or township is None or township.parent is None:
            raise MoveRefused(
                _g("%(village)s还没有警务室，也没有综治中心来分流，先在“村与警务助理”里设好")
                % {"village": village.full_name}
            )
        with transaction.atomic():
            visit = self.create(
                submission=submission, county=township.parent, township=township, village=village, desk=desk, by=by,
                visited_on=visited_on, companions=companions, households=households, begun_at=at,
            )  # fmt: skip
            visit.log("create", by=by, at=at, detail={"visit": "begin"}, request=request)
        return visit


class Visit(Place):
    """A walk through one village: who went, whom they called on, what they found. Finding nothing counts, too."""

    visited_on = models.DateField(_("走访日期"))
    companions = models.CharField(_("同行"), max_length=200, blank=True)
    households = models.PositiveIntegerField(_("走访户数"), null=True, blank=True)
    note = models.TextField(_("走访情况"), max_length=2000, blank=True)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = VisitQuerySet.as_manager()

    class Meta:
        ordering = ["-visited_on", "-pk"]
        indexes = [
            models.Index(fields=["county", "visited_on"], name="walk_by_county"),
            models.Index(fields=["township", "visited_on"], name="walk_by_township"),
            models.Index(fields=["village", "visited_on"], name="walk_by_village"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["by", "submission"], condition=Q(submission__isnull=False), name="one_visit_per_submission"
            )
        ]

    def __str__(self) -> str:
        return str(self.uid)

    def log(self, action: str, *, by: User, at: dt.datetime, detail: Mapping[str, Any], request: Any = None) -> None:
        """The AccessLog row of a change; inside the change's transaction, last."""
        record(
            action=action, actor=by, county=self.village.county_code, subject=str(self.uid), detail=dict(detail), at=at,
            request=request,
        )  # fmt: skip

    def why_not_capture(self, by: User) -> str | None:
        """Why `by` cannot add to this visit; None when they can."""
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不登记走访。需要的联系村委会或警务室"))
        if self.by_id != by.pk:
            return _g("这次走访由%(who)s登记。你自己去的，另登记一次走访") % {"who": self.by.name}
        return None

    def capture(
        self,
        *,
        by: User,
        at: dt.datetime,
        facts: Mapping[str, Any],
        photos: Sequence[Received] = (),
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> Capture:
        """One thing that was met; place and free text alone are enough. The same `submission` twice is one capture."""
        sentence = self.why_not_capture(by)
        if sentence:
            raise MoveRefused(sentence)
        if not facts.get("words"):
            raise FactsMissing({"words": _g("用一句话写下听到的事")})
        mine = Capture.objects.filter(submission=submission, by=by) if submission else Capture.objects.none()
        return once(mine, lambda: self._capture(by, at, facts, photos, submission, request))

    def _capture(
        self,
        by: User,
        at: dt.datetime,
        facts: Mapping[str, Any],
        photos: Sequence[Received],
        submission: uuid.UUID | None,
        request: HttpRequest | None,
    ) -> Capture:
        with transaction.atomic():
            capture = Capture.objects.create(
                submission=submission, visit=self, by=by, at=at, desk=self.desk,
                county=self.county, township=self.township, village=self.village, **facts,
            )  # fmt: skip
            told = capture._take_photos(photos, by, at)
            if self.ended_at:  # going on after the end: the visit is under way again
                self.ended_at = None
                self.save(update_fields=["ended_at"])
            self.log("create", by=by, at=at, detail={"capture": str(capture.uid), **told}, request=request)
        return capture

    def end(
        self,
        *,
        by: User,
        at: dt.datetime,
        households: int | None = None,
        note: str = "",
        request: HttpRequest | None = None,
    ) -> None:
        """The visit is over; without a single capture it is a nil report (零报告), which counts like any other."""
        sentence = self.why_not_capture(by)
        if sentence:
            raise MoveRefused(sentence)
        with transaction.atomic():
            self.households, self.note, self.ended_at = households, note, at
            self.save(update_fields=["households", "note", "ended_at"])
            self.log("edit", by=by, at=at, detail={"visit": "end"}, request=request)


class CaptureQuerySet(PlaceQuerySet["Capture"]):
    def unsorted(self) -> CaptureQuerySet:
        """What nobody has decided on yet, wherever it lies."""
        return self.exclude(state__in=[Capture.State.NONE, Capture.State.CASE])

    def to_sort(self, today: dt.date) -> CaptureQuerySet:
        """What waits for a sorter: the new ones, and those put off until today; dangerous ones first."""
        due = Q(state=Capture.State.NEW) | Q(state=Capture.State.LATER, put_off_until__lte=today)
        return self.filter(due).order_by("-may_escalate", "at", "pk")

    def unacknowledged(self) -> CaptureQuerySet:
        """可能激化 that no police officer has taken note of."""
        return self.filter(may_escalate=True, acknowledged_at=None)


class Capture(Place):
    """One thing met on a visit, in five inputs; sorted later, never deleted."""

    class State(models.TextChoices):
        NEW = "new", _("待分流")
        BACK = "back", _("退回补充")
        LATER = "later", _("先放一放")
        NONE = "none", _("不是纠纷")
        CASE = "case", _("已成案")

    class Found(models.TextChoices):
        """What was seen on the spot."""

        FOLLOW = "follow", _("需要跟进")
        UP = "up", _("需要上报")
        CALM = "calm", _("当场说开了")

    visit = models.ForeignKey(Visit, models.PROTECT, related_name="captures")
    at = models.DateTimeField(_("录入时间"))
    side_a = models.CharField(_("甲方"), max_length=100, blank=True)
    side_b = models.CharField(_("乙方"), max_length=100, blank=True)
    kind = models.CharField(_("什么事"), max_length=4, blank=True)
    words = models.TextField(_("一句话情况"), max_length=2000)
    place = models.CharField(_("地点"), max_length=200, blank=True)
    found = models.CharField(_("现场结果"), max_length=6, choices=Found.choices, blank=True)
    may_escalate = models.BooleanField(_("可能激化"), default=False)
    acknowledged_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    state = models.CharField(_("状态"), max_length=6, choices=State.choices, default=State.NEW)
    put_off_until = models.DateField(_("放到哪天"), null=True, blank=True)
    reason = models.CharField(_("理由"), max_length=500, blank=True)
    sorted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    sorted_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = CaptureQuerySet.as_manager()

    #: What its author may still change until it is sorted.
    FACTS = ("side_a", "side_b", "kind", "words", "place", "found", "may_escalate")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["county", "state", "at"], name="capture_by_county_state"),
            models.Index(fields=["township", "state", "at"], name="capture_by_township_state"),
            models.Index(fields=["village", "state", "at"], name="capture_by_village_state"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["by", "submission"], condition=Q(submission__isnull=False), name="one_capture_per_submission"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["new", "back", "later", "none", "case"]), name="a_capture_has_a_known_state"
            ),
            models.CheckConstraint(
                condition=~Q(state="later") | Q(put_off_until__isnull=False), name="what_is_put_off_says_until_when"
            ),
            models.CheckConstraint(condition=~Q(words=""), name="a_capture_says_something"),
        ]

    def __str__(self) -> str:
        return str(self.uid)

    # --- reading ----------------------------------------------------------------------------------------------------
    @property
    def is_unsorted(self) -> bool:
        return self.state not in (self.State.NONE, self.State.CASE)

    def names(self) -> list[str]:
        return [name for side in (self.side_a, self.side_b) for name in side.split("、") if name]

    def sides_for(self, viewer: User) -> str:
        """才让 / 马成 as this viewer may read them: supervisors see 才*."""
        sides = (self.side_a, self.side_b)
        if viewer.scope.masked:
            sides = (masking.mask_side(self.side_a), masking.mask_side(self.side_b))
        return " / ".join(filter(None, sides)) or _g("没写姓名")

    def words_for(self, viewer: User) -> str:
        """What was heard; a name that is hidden does not stand in the story either."""
        return masking.mask_in(self.words, self.names()) if viewer.scope.masked else self.words

    def log(self, action: str, *, by: User, at: dt.datetime, detail: Mapping[str, Any], request: Any = None) -> None:
        self.visit.log(action, by=by, at=at, detail={"capture": str(self.uid), **detail}, request=request)

    # --- its author -------------------------------------------------------------------------------------------------
    def why_not_edit(self, by: User) -> str | None:
        """Why `by` cannot fill in more; None when they can."""
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不登记走访。需要的联系村委会或警务室"))
        if self.by_id != by.pk:
            return _g("这条由%(who)s记下，由他补充") % {"who": self.by.name}
        if not self.is_unsorted:
            return _g("这条已经分流（%(state)s），不能再改。要补充的记在案件进展里") % {
                "state": self.get_state_display()
            }
        return None

    def edit(
        self,
        *,
        by: User,
        at: dt.datetime,
        version: int,
        facts: Mapping[str, Any],
        request: HttpRequest | None = None,
    ) -> None:
        """What its author adds before it is sorted; one that was sent back waits for its sorter again."""
        with transaction.atomic():
            row = self._held(version)
            sentence = row.why_not_edit(by)
            if sentence:
                raise MoveRefused(sentence)
            if not facts.get("words"):
                raise FactsMissing({"words": _g("用一句话写下听到的事")})
            for name in self.FACTS:
                setattr(row, name, facts[name])
            if row.state == self.State.BACK:
                row.state, row.reason = self.State.NEW, ""
            row._write([*self.FACTS, "state", "reason"])
            row.log("edit", by=by, at=at, detail={}, request=request)
        self.refresh_from_db()

    def add_photos(
        self, photos: Sequence[Received], *, by: User, at: dt.datetime, request: HttpRequest | None = None
    ) -> list[Attachment]:
        """Photos that its author adds before it is sorted; they stay with it whatever it becomes."""
        with transaction.atomic():
            row = locked(Capture.objects.filter(pk=self.pk)).get()
            sentence = row.why_not_edit(by)
            if sentence:
                raise MoveRefused(sentence)
            told = row._take_photos(photos, by, at)
            if told:
                row.log("attach", by=by, at=at, detail=told, request=request)
        return list(self.photos.filter(uid__in=[photo.uid for photo in photos]))

    def _take_photos(self, photos: Sequence[Received], by: User, at: dt.datetime) -> dict[str, list[str]]:
        """Their rows; what the AccessLog row of this transaction says of them."""
        if not photos:
            return {}
        most = settings.PHOTOS_PER_CAPTURE
        if self.photos.count() + len(photos) > most:
            raise FactsMissing({"photos": _g("一条最多 %(n)d 张照片，其余的在成案后传到案件附件里") % {"n": most}})
        for photo in photos:
            photo.take(by=by, at=at, capture=self)
        return {"photos": [photo.sha256 for photo in photos]}

    def acknowledge(self, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> None:
        """A police officer has taken note of 可能激化; the first one counts."""
        if not by.scope.has(Role.OFFICER):
            raise NotYours(_g("可能激化由民警确认"))
        with transaction.atomic():
            row = locked(Capture.objects.filter(pk=self.pk)).get()
            if not row.may_escalate:
                raise MoveRefused(_g("这条没有勾选可能激化，不用确认"))
            if row.acknowledged_at is None:
                row.acknowledged_by, row.acknowledged_at = by, at
                row.save(update_fields=["acknowledged_by", "acknowledged_at"])
                row.log("note", by=by, at=at, detail={"acknowledged": True}, request=request)

    # --- sorting ----------------------------------------------------------------------------------------------------
    def why_not_sort(self, name: str, by: User) -> str | None:
        """Why `by` cannot sort this now; None when they can. `name` is one of SORTS."""
        if by.scope.roles.isdisjoint(SORTERS):
            raise NotYours(_g("分流由民警和综治中心办理"))
        if name == "undo":
            if self.state == self.State.NEW:
                return _g("这条还没有分流，不用撤销")
            return None
        if not self.is_unsorted:
            return _g("%(who)s 在 %(when)s 已经分流：%(state)s。核对后再办") % {
                "who": self.sorted_by.name if self.sorted_by else "",
                "when": timezone.localtime(self.sorted_at).strftime("%m-%d %H:%M") if self.sorted_at else "",
                "state": self.get_state_display(),
            }
        return None

    def sort(
        self,
        name: str,
        *,
        by: User,
        at: dt.datetime,
        version: int,
        request: HttpRequest | None = None,
        **facts: Any,
    ) -> list[Dispute]:
        """Decide what this is: one of SORTS with its facts; the cases that it became or joined.

        Raises NotYours, FactsMissing, Conflict (somebody else sorted it since `version` was read) or MoveRefused; then
        nothing was written.
        """
        with transaction.atomic():
            row = self._held(version)
            sentence = row.why_not_sort(name, by)
            if sentence:
                raise MoveRefused(sentence)
            missing = {need: str(SORTS[name][need]) for need in SORTS[name] if facts.get(need) in (None, "", [])}
            if missing:
                raise FactsMissing(missing)
            cases: list[Dispute] = getattr(row, f"_sort_{name}")(by, at, facts, request) or []
            row.sorted_by, row.sorted_at = (None, None) if name == "undo" else (by, at)
            row._write(["state", "reason", "put_off_until", "sorted_by", "sorted_at"])
            detail = {"sort": name, "cases": [case.case_no for case in cases]}
            row.log("move", by=by, at=at, detail=detail, request=request)
        self.refresh_from_db()
        return cases

    def _held(self, version: int) -> Capture:
        """This row, locked; Conflict when it changed since `version` was read."""
        row = locked(Capture.objects.filter(pk=self.pk)).get()
        if row.version != version:
            who = row.sorted_by or row.by
            raise Conflict(
                _g("%(who)s刚改过这条，现在是“%(state)s”。核对后再办，你写的内容还在")
                % {"who": who.name, "state": row.get_state_display()}
            )
        return row

    def _write(self, fields: list[str]) -> None:
        self.version += 1
        self.save(update_fields=[*fields, "version"])

    def _sort_none(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> None:
        self.state, self.reason, self.put_off_until = self.State.NONE, facts["reason"], None

    def _sort_back(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> None:
        self.state, self.reason, self.put_off_until = self.State.BACK, facts["reason"], None

    def _sort_later(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> None:
        if facts["until"] <= timezone.localdate(at):
            raise FactsMissing({"until": _g("放到今天以后的一天")})
        self.state, self.reason, self.put_off_until = self.State.LATER, facts.get("reason") or "", facts["until"]

    def _sort_new(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> list[Dispute]:
        return [self._case(self.words, by, at, facts, request)]

    def _sort_several(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> list[Dispute]:
        if len(facts["parts"]) < 2:
            raise FactsMissing({"parts": _g("至少写两件，每行一件；只有一件的按新立办理")})
        if len(facts["parts"]) > MOST_PARTS:
            raise FactsMissing({"parts": _g("一次最多拆成 %(n)d 件") % {"n": MOST_PARTS}})
        return [self._case(words, by, at, facts, request) for words in facts["parts"]]

    def _case(self, words: str, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> Dispute:
        """A new case from this capture, at the tier and with the person that the sorter chose."""
        kind, tier = facts["kind"], int(facts["tier"])
        parties = [
            {"side": side, "name": name}
            for side, names in (("A", self.side_a), ("B", self.side_b))
            for name in filter(None, names.split("、"))
        ]
        person: User | None = facts.get("person")
        desk = Coverage.objects.desk_for(self.village, tier)
        if person and (desk is None or desk.pk not in person.scope.desks):
            raise FactsMissing({"person": _g("%(who)s不在这一级的单位，换一个人或换一级") % {"who": person.name}})
        given = {
            "village": self.village, "tier": tier, "type_l1": kind[:2], "type_l2": kind if len(kind) == 4 else "",
            "source": FOUND_ON_A_VISIT, "found_on": self.visit.visited_on, "place": self.place, "narrative": words,
            "handler": person, "given_until": facts.get("due_on"),
        }  # fmt: skip
        case = Dispute.objects.register(by=by, at=at, facts=given, parties=parties, request=request)
        if facts.get("note"):
            case.add_note(by=by, at=at, text=facts["note"], request=request)
        Source.objects.create(capture=self, dispute=case, how=Source.How.NEW, by=by, at=at)
        self.state, self.reason, self.put_off_until = self.State.CASE, "", None
        return case

    def _sort_join(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> list[Dispute]:
        case: Dispute = facts["target"]
        if case.status in (Status.VOIDED, Status.MERGED):
            raise MoveRefused(_g("案件已%(status)s，不能并入。换一件") % {"status": case.get_status_display()})
        case.append_event("source", by=by, at=at, text=self.words, facts={"capture": str(self.uid)}, request=request)
        Source.objects.create(capture=self, dispute=case, how=Source.How.JOINED, by=by, at=at)
        self.state, self.reason, self.put_off_until = self.State.CASE, "", None
        return [case]

    def _sort_undo(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> list[Dispute]:
        """Back to 待分流. A case that was made of it keeps its number: voiding it is asked for, as for any other."""
        undone = []
        for source in self.sources.filter(undone_at=None).select_related("dispute"):
            case = source.dispute
            if source.how == Source.How.NEW:
                if case.status != Status.WAITING or case.events.exclude(kind__in=["register", "note"]).exists():
                    raise MoveRefused(_g("%(no)s 已经在办，不能撤销分流") % {"no": case.case_no})
                case.ask_void(by=by, at=at, reason=_g("撤销分流"), request=request)
            else:
                case.append_event(
                    "source", by=by, at=at, text=_g("撤销并入"), facts={"capture": str(self.uid), "undone": True},
                    request=request,
                )  # fmt: skip
            source.undone_at = at
            source.save(update_fields=["undone_at"])
            undone.append(case)
        self.state, self.reason, self.put_off_until = self.State.NEW, "", None
        return undone


#: What a capture may become → the facts that this takes, each with the sentence when it is missing.
SORTS: dict[str, dict[str, Any]] = {
    "new": {"kind": _("选什么事，拿不准选大类"), "tier": _("选由哪一级办理")},
    "join": {"target": _("选并入哪一件案件")},
    "several": {
        "parts": _("写明拆成哪几件，每行一件"),
        "kind": _("选什么事，拿不准选大类"),
        "tier": _("选由哪一级办理"),
    },
    "none": {"reason": _("写明为什么不是纠纷")},
    "back": {"reason": _("写明要补充什么")},
    "later": {"until": _("填写放到哪天")},
    "undo": {},
}


class Source(models.Model):
    """Which capture a case came from: every case shows its sources, and a capture what it became."""

    class How(models.TextChoices):
        NEW = "new", _("新立")
        JOINED = "joined", _("并入")

    capture = models.ForeignKey(Capture, models.PROTECT, related_name="sources")
    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="sources")
    how = models.CharField(max_length=6, choices=How.choices)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["capture", "dispute"], condition=Q(undone_at=None), name="a_capture_is_a_source_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.capture_id} {self.dispute_id}"
