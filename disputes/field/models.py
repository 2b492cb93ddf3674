"""Visits, captures, and the doors through which they change (下去一把抓、上来再分家).

A capture is what somebody heard at a doorstep, before anybody knows whether it is a dispute. It is never deleted: it
becomes no dispute, a new case, part of a case, several cases, is sent back for more, or put off, and each of these can
be undone. The doors lock the capture's row, so that two people who sort one capture make one case.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit import keyring
from audit.locks import locked, once
from audit.models import record
from disputes import masking
from disputes.attachments import FileRefused, Received
from disputes.models import FAMILY_L1, Agreement, Conflict, Dispute, FactsMissing, MoveRefused, NotYours, Party
from disputes.moves import Status, Tier
from disputes.safeguards import lacks_consent, lacks_guardian, open_questions, says_yes
from villages.models import DESK_ROLES, Area, Coverage, Office, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest

#: Who sorts what was captured in the villages of their desk.
SORTERS = frozenset({Role.OFFICER, Role.CENTRE})
MOST_PARTS = 10  # a pasted page is not a list of disputes
MOST_ROWS = 200  # pasted at once
POLICE = Agreement.Track.POLICE
FOUND_ON_A_VISIT = "06"  # case_source 排查发现


Row = TypeVar("Row", bound="Place")

_alarms: list[Callable[[int], object]] = []


def on_alarm(function: Callable[[int], object]) -> None:
    """Let an upper room tell people of 可能激化 (a capture's id) right after the commit; its sweep is the guarantee."""
    if function not in _alarms:
        _alarms.append(function)


def _alarm(capture_id: int) -> None:
    for function in _alarms:
        function(capture_id)


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
        spot: Mapping[str, Any] | None = None,
        photos: Sequence[Received] = (),
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> Capture:
        """One thing that was met; place and free text alone are enough. The same `submission` twice is one capture.

        `spot` is what is known of a 当场化解 (`Spot.FACTS`): complete, it is a settled case at once and skips triage;
        else it waits there and says what is missing.
        """
        self._ask(by, facts)
        mine = Capture.objects.filter(submission=submission, by=by) if submission else Capture.objects.none()
        return once(mine, lambda: self._capture(by, at, facts, spot or {}, photos, submission, request))

    def capture_many(
        self,
        *,
        by: User,
        at: dt.datetime,
        rows: Sequence[Mapping[str, Any]],
        submission: uuid.UUID,
        request: HttpRequest | None = None,
    ) -> int:
        """Everything that was pasted, in one transaction: all of it or nothing, and the same `submission` twice once.

        How many captures this submission made. Raises FactsMissing when a row has no words or there are too many rows.
        """
        for facts in rows:
            self._ask(by, facts)
        if not 0 < len(rows) <= MOST_ROWS:
            raise FactsMissing({"text": _g("一次粘贴 1 到 %(n)d 行") % {"n": MOST_ROWS}})
        numbers = [uuid.uuid5(submission, str(number)) for number in range(len(rows))]

        def make() -> Capture:
            made = [self._write(by, at, facts, number, request) for facts, number in zip(rows, numbers, strict=True)]
            self._go_on()
            # one row for all of them: the chain's head is held no longer than for one
            self.log("create", by=by, at=at, detail={"captures": [str(row.uid) for row in made]}, request=request)
            return made[0]

        mine = Capture.objects.filter(by=by)
        once(mine.filter(submission=numbers[0]), make)
        return mine.filter(submission__in=[uuid.uuid5(submission, str(n)) for n in range(MOST_ROWS)]).count()

    def _ask(self, by: User, facts: Mapping[str, Any]) -> None:
        sentence = self.why_not_capture(by)
        if sentence:
            raise MoveRefused(sentence)
        if not facts.get("words"):
            raise FactsMissing({"words": _g("用一句话写下听到的事")})

    def _capture(
        self,
        by: User,
        at: dt.datetime,
        facts: Mapping[str, Any],
        spot: Mapping[str, Any],
        photos: Sequence[Received],
        submission: uuid.UUID | None,
        request: HttpRequest | None,
    ) -> Capture:
        from disputes.field.spot import settle

        with transaction.atomic():
            capture = self._write(by, at, facts, submission, request)
            self._go_on()
            told = capture._take_photos(photos, by, at)
            # before the log, whose head is locked last: a number is taken on the way
            if capture.found == Capture.Found.SETTLED and settle(capture, by=by, at=at, facts=spot, request=request):
                capture.save(update_fields=Capture.SORTED)
            self.log("create", by=by, at=at, detail={"capture": str(capture.uid), **told}, request=request)
        return capture

    def _write(
        self, by: User, at: dt.datetime, facts: Mapping[str, Any], submission: uuid.UUID | None, request: Any
    ) -> Capture:
        capture = Capture.objects.create(
            submission=submission, visit=self, by=by, at=at, desk=self.desk,
            county=self.county, township=self.township, village=self.village, **facts,
        )  # fmt: skip
        capture.alarm()
        return capture

    def _go_on(self) -> None:
        if self.ended_at:  # going on after the end: the visit is under way again
            self.ended_at = None
            self.save(update_fields=["ended_at"])

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
        return self.filter(state__in=[Capture.State.NEW, Capture.State.BACK, Capture.State.LATER])

    def to_sort(self, today: dt.date) -> CaptureQuerySet:
        """What waits for a sorter: the new ones, and those put off until today; dangerous ones first."""
        due = Q(state=Capture.State.NEW) | Q(state=Capture.State.LATER, put_off_until__lte=today)
        return self.filter(due).order_by("-may_escalate", "at", "pk")

    def waiting_counts(self, today: dt.date) -> dict[str, int]:
        """How many wait for a sorter, were put off further, and were sent back; one query."""
        put_off = Q(state=Capture.State.LATER, put_off_until__gt=today)
        return self.order_by().aggregate(
            to_sort=Count("pk", filter=~put_off & ~Q(state=Capture.State.BACK)),
            put_off=Count("pk", filter=put_off),
            sent_back=Count("pk", filter=Q(state=Capture.State.BACK)),
        )

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

        SETTLED = "calm", _("当场化解")
        FOLLOW = "follow", _("需要跟进")
        UP = "up", _("需要上报")

    visit = models.ForeignKey(Visit, models.PROTECT, related_name="captures")
    at = models.DateTimeField(_("录入时间"))
    side_a = models.CharField(_("甲方"), max_length=100, blank=True)
    side_b = models.CharField(_("乙方"), max_length=100, blank=True)
    kind = models.CharField(_("什么事"), max_length=4, blank=True)
    words = models.TextField(_("一句话情况"), max_length=2000)
    place = models.CharField(_("地点"), max_length=200, blank=True)
    found = models.CharField(_("现场结果"), max_length=6, choices=Found.choices, blank=True)
    may_escalate = models.BooleanField(_("可能激化"), default=False)
    protected = models.BooleanField(default=False)  # somebody under 18 was told of: outlives the `Spot`
    acknowledged_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    state = models.CharField(_("状态"), max_length=6, choices=State.choices, default=State.NEW)
    put_off_until = models.DateField(_("放到哪天"), null=True, blank=True)
    reason = models.CharField(_("理由"), max_length=500, blank=True)
    sorted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    sorted_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = CaptureQuerySet.as_manager()

    #: What its author may still change until it is sorted.
    FACTS = ("side_a", "side_b", "kind", "words", "place", "found", "may_escalate")
    #: What sorting writes.
    SORTED = ("state", "reason", "put_off_until", "sorted_by", "sorted_at")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["county", "state", "at"], name="capture_by_county_state"),
            models.Index(fields=["township", "state", "at"], name="capture_by_township_state"),
            models.Index(fields=["village", "state", "at"], name="capture_by_village_state"),
            models.Index(fields=["sorted_by", "sorted_at"], name="capture_by_sorter"),
            models.Index(fields=["at"], condition=Q(may_escalate=True, acknowledged_at=None), name="capture_alarms"),
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

    def parties(self) -> list[dict[str, str]]:
        """Everybody of both sides, as a registration takes them."""
        return parties_of(self.side_a, self.side_b)

    def lacking_for(self, viewer: User) -> str:
        """What a 当场化解 still lacks to be a settled case, or why it was refused; empty where nothing is asked."""
        if self.found != self.Found.SETTLED or not self.is_unsorted:
            return ""
        spot = spot_of(self)
        line = spot.refused or _g("缺：%(what)s") % {"what": "、".join(spot.missing())}
        return masking.mask_in(line, self.names()) if self.names_hidden_from(viewer) else line

    def names_hidden_from(self, viewer: User) -> bool:
        """Supervisors see 才*; a minor's names show to who wrote them down and who sorts them (PSA 12)."""
        if viewer.scope.masked:
            return True
        return self.protected and self.by_id != viewer.pk and viewer.scope.roles.isdisjoint(SORTERS)

    def sides_for(self, viewer: User) -> str:
        """才让 / 马成 as this viewer may read them: supervisors see 才*."""
        sides = (self.side_a, self.side_b)
        if self.names_hidden_from(viewer):
            sides = (masking.mask_side(self.side_a), masking.mask_side(self.side_b))
        return " / ".join(filter(None, sides)) or _g("没写姓名")

    def words_for(self, viewer: User) -> str:
        """What was heard; a name that is hidden does not stand in the story either."""
        return masking.mask_in(self.words, self.names()) if self.names_hidden_from(viewer) else self.words

    def log(self, action: str, *, by: User, at: dt.datetime, detail: Mapping[str, Any], request: Any = None) -> None:
        self.visit.log(action, by=by, at=at, detail={"capture": str(self.uid), **detail}, request=request)

    def alarm(self) -> None:
        """Tell the police of 可能激化 as soon as the transaction is committed."""
        if self.may_escalate and self.acknowledged_at is None:
            transaction.on_commit(lambda: _alarm(self.pk), robust=True)

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
        photos: Sequence[Received] = (),
        request: HttpRequest | None = None,
    ) -> None:
        """What its author adds before it is sorted; one that was sent back waits for its sorter again.

        A 当场化解 that is complete by this becomes a case.
        """
        from disputes.field.spot import settle

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
            told = row._take_photos(photos, by, at)
            if row.found == self.Found.SETTLED:
                settle(row, by=by, at=at, facts={}, request=request)
            row._write([*self.FACTS, *self.SORTED])
            row.alarm()
            row.log("edit", by=by, at=at, detail=told, request=request)
        self.refresh_from_db()

    def add_photos(
        self, photos: Sequence[Received], *, by: User, at: dt.datetime, request: HttpRequest | None = None
    ) -> None:
        """Photos that its author adds before it is sorted; they stay with it whatever it becomes."""
        with transaction.atomic():
            row = locked(Capture.objects.filter(pk=self.pk)).get()
            sentence = row.why_not_edit(by)
            if sentence:
                raise MoveRefused(sentence)
            row.log("attach", by=by, at=at, detail=row._take_photos(photos, by, at), request=request)

    def _take_photos(self, photos: Sequence[Received], by: User, at: dt.datetime) -> dict[str, list[str]]:
        """Their rows; what the AccessLog row of this transaction says of them."""
        if not photos:
            return {}
        most = settings.PHOTOS_PER_CAPTURE
        if self.photos.count() + len(photos) > most:
            raise FileRefused(_g("一条最多 %(n)d 张照片，其余的在成案后传到案件附件里") % {"n": most})
        for photo in photos:
            photo.take(by=by, at=at, capture=self)
        return {"photos": [photo.sha256 for photo in photos]}

    # --- settled on the spot ----------------------------------------------------------------------------------------
    def why_not_settle(self, by: User) -> str | None:
        """Why `by` cannot fill in what a 当场化解 lacks; None when they can: its author, and who sorts."""
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不登记走访。需要的联系村委会或警务室"))
        if not self.is_unsorted:
            return self._sorted_already()
        if self.found != self.Found.SETTLED:
            return _g("现场结果没有选“当场化解”，按一般线索分流")
        if self.by_id != by.pk and by.scope.roles.isdisjoint(SORTERS):
            return _g("这条由%(who)s记下，由他补充") % {"who": self.by.name}
        return None

    def settle(
        self,
        *,
        by: User,
        at: dt.datetime,
        version: int,
        facts: Mapping[str, Any],
        spot: Mapping[str, Any],
        request: HttpRequest | None = None,
    ) -> Dispute | None:
        """Fill in what a 当场化解 lacks; the settled case when nothing is missing any more, else None.

        `facts` are the sides and the kind, where they were left empty; `spot` is any of `Spot.FACTS`. Raises NotYours,
        Conflict or MoveRefused.
        """
        from disputes.field.spot import settle

        with transaction.atomic():
            row = self._held(version)
            sentence = row.why_not_settle(by)
            if sentence:
                raise MoveRefused(sentence)
            for name in ("side_a", "side_b", "kind"):
                setattr(row, name, getattr(row, name) or facts.get(name) or "")
            case = settle(row, by=by, at=at, facts=spot, request=request)
            row._write(["side_a", "side_b", "kind", *self.SORTED])
            detail = {"sort": "settle", "cases": [case.case_no]} if case else {"settle": "incomplete"}
            row.log("move" if case else "edit", by=by, at=at, detail=detail, request=request)
        self.refresh_from_db()
        return case

    # --- danger -----------------------------------------------------------------------------------------------------
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
        return None if self.is_unsorted else self._sorted_already()

    def _sorted_already(self) -> str:
        return _g("%(who)s 在 %(when)s 已经分流：%(state)s。核对后再办") % {
            "who": self.sorted_by.name if self.sorted_by else "",
            "when": timezone.localtime(self.sorted_at).strftime("%m-%d %H:%M") if self.sorted_at else "",
            "state": self.get_state_display(),
        }

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
            row._write([*self.SORTED])
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
        tier, person = int(facts["tier"]), facts.get("person")
        desk = Coverage.objects.desk_for(self.village, tier)
        if person and (desk is None or desk.pk not in person.scope.desks):
            raise FactsMissing({"person": _g("%(who)s不在这一级的单位，换一个人或换一级") % {"who": person.name}})
        case = self.make_case(
            words, facts["kind"], tier, by=by, at=at, request=request, handler=person,
            given_until=facts.get("due_on"),
        )  # fmt: skip
        if facts.get("note"):
            case.add_note(by=by, at=at, text=facts["note"], request=request)
        return case

    def make_case(
        self, words: str, kind: str, tier: int, *, by: User, at: dt.datetime, request: Any, **more: Any
    ) -> Dispute:
        """Register what was captured and keep it as the case's source; the row itself is written by the caller."""
        given = {
            "village": self.village, "tier": tier, "type_l1": kind[:2], "type_l2": kind if len(kind) == 4 else "",
            "source": FOUND_ON_A_VISIT, "found_on": self.visit.visited_on, "place": self.place, "narrative": words,
        }  # fmt: skip
        spot = spot_of(self)  # who is young and what is suspected go with it, whoever opens the case
        if spot.crime_suspected:
            given["crime_suspected"] = True
        case = Dispute.objects.register(by=by, at=at, facts=given | more, parties=spot.parties(), request=request)
        Source.objects.create(capture=self, dispute=case, how=Source.How.NEW, by=by, at=at)
        self.state, self.reason, self.put_off_until = self.State.CASE, "", None
        return case

    def _sort_join(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> list[Dispute]:
        case: Dispute = facts["target"]
        if case.status in (Status.VOIDED, Status.MERGED):
            raise MoveRefused(_g("案件已%(status)s，不能并入。换一件") % {"status": case.get_status_display()})
        case.append_event("source", by=by, at=at, text=self.words, facts={"capture": str(self.uid)}, request=request)
        Source.objects.create(capture=self, dispute=case, how=Source.How.JOINED, by=by, at=at)
        if spot_of(self).crime_suspected:
            case.suspect_crime(by=by, at=at, request=request)
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


class Spot(models.Model):
    """当场化解: what `settle` will ask about a capture, as far as it was told at the doorstep.

    It lives until the capture is a settled case; then the case holds everything and this row goes.
    """

    capture = models.OneToOneField(Capture, models.CASCADE, primary_key=True, related_name="spot")
    uid = models.UUIDField(default=uuid.uuid4, editable=False)  # made before the insert: the AAD
    chair = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("谁说和的"))
    between_themselves = models.BooleanField(_("双方自己说开"), default=False)
    track = models.CharField(max_length=8, blank=True)  # as of Agreement; police: 现场治安调解
    # the steps of 治安调解 (`disputes.safe.acts`), an officer's answers; of the exclusions never which one (domain 6.4)
    deed = models.CharField(max_length=12, blank=True)
    lesser = models.BooleanField(null=True, blank=True)
    ground = models.CharField(max_length=8, blank=True)
    exclusions_clear = models.BooleanField(_("七种情形都没有"), null=True, blank=True)
    officers = models.CharField(max_length=1, blank=True)
    place_kind = models.CharField(max_length=8, blank=True)
    checked_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    recording = models.CharField(_("录音录像编号"), max_length=60, blank=True)  # instead of a paper (APR 178)
    consents = models.JSONField(default=dict)  # "A:马文林" → agreed or refused: a changed name is asked again
    safety = models.TextField(blank=True)  # the five answers (DVA 2), sealed
    disposition = models.CharField(_("处置"), max_length=20, blank=True)
    text = models.CharField(_("怎么说好的"), max_length=500, blank=True)
    crime_suspected = models.BooleanField(_("涉嫌犯罪"), default=False)  # lifted on the case alone, with a reason
    minors = models.BooleanField(_("有未满 18 周岁的当事人"), default=False)
    young = models.JSONField(
        default=dict
    )  # by the same key as `consents`: birth_on, guardian_name, guardian_consent_on
    refused = models.CharField(max_length=300, blank=True)  # why `settle` said no when nothing was missing

    #: Facts that are kept as they are told; beside them those that add to what was told before.
    PLAIN = ("chair", "between_themselves", "track", "recording", "disposition", "text")
    ONCE = ("crime_suspected", "minors")  # a box left empty takes nothing back
    WIZARD = ("deed", "lesser", "ground", "exclusions_clear", "officers", "place_kind")
    FACTS = (*PLAIN, *ONCE, *WIZARD, "consents", "safety", "young")

    def __str__(self) -> str:
        return str(self.capture_id)

    def take(self, facts: Mapping[str, Any], by: User) -> None:
        """Add what is told now; what is not mentioned stays. Whether 治安调解 applies is an officer's to say."""
        for name in self.PLAIN:
            if facts.get(name) not in (None, ""):
                setattr(self, name, facts[name])
        for name in self.ONCE:
            setattr(self, name, getattr(self, name) or bool(facts.get(name)))
        self._check({name: facts[name] for name in self.WIZARD if facts.get(name) not in (None, "")}, by)
        if facts.get("between_themselves"):
            self.chair = None
        elif facts.get("chair"):
            self.between_themselves = False
        people = {key(party) for party in self.capture.parties()}
        told = {**self.consents, **(facts.get("consents") or {})}
        self.consents = {name: answer for name, answer in told.items() if name in people}
        for name, row in (facts.get("young") or {}).items():
            given = {field: str(value) for field, value in row.items() if value}
            self.young[name] = self.young.get(name, {}) | given
        self.young = {name: row for name, row in self.young.items() if name in people and row}
        if facts.get("safety"):
            answers = self.answers() | facts["safety"]
            text = ",".join(f"{name}={int(yes)}" for name, yes in answers.items())
            self.safety = keyring.seal(text, table="disputes_spot", column="safety", uid=self.uid)

    def _check(self, told: Mapping[str, Any], by: User) -> None:
        if not told or not by.scope.has(Role.OFFICER):
            return
        if self.checked_by_id not in (None, by.pk):  # another officer's answers are not the present one's
            for name in self.WIZARD:
                setattr(self, name, None if name in ("lesser", "exclusions_clear") else "")
        for name, answer in told.items():
            setattr(self, name, answer)
        self.checked_by = by

    def parties(self) -> list[dict[str, Any]]:
        """Everybody of both sides with what was told about the young, as a registration takes them."""
        return [party | self._young(party) for party in self.capture.parties()]

    def _young(self, party: Mapping[str, str]) -> dict[str, Any]:
        row = self.young.get(key(party), {})
        return {name: dt.date.fromisoformat(told) if name.endswith("_on") else told for name, told in row.items()}

    def answers(self) -> dict[str, bool]:
        """The answers to the five questions so far; for whoever handles it alone."""
        if not self.safety:
            return {}
        text = keyring.unseal(self.safety, table="disputes_spot", column="safety", uid=self.uid)
        return {name: value == "1" for name, _sign, value in (part.partition("=") for part in text.split(","))}

    def missing(self) -> list[str]:
        """Each thing without which this is no settled case, in the order of the form."""
        capture = self.capture
        lacks = [
            str(Capture._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
            for name in ("side_a", "side_b", "kind")
            if not getattr(capture, name)
        ]
        if self.chair_id is None and not self.between_themselves:
            lacks.append(_g("谁说和的"))
        lacks += [
            _g("%(name)s是否同意") % {"name": party["name"]}
            for party in capture.parties()
            if key(party) not in self.consents
        ]
        if capture.kind[:2] == FAMILY_L1:
            answers = self.answers()
            if open_questions(answers):
                lacks.append(_g("安全问题还差 %(n)d 项") % {"n": open_questions(answers)})
            elif says_yes(answers) and not self.disposition:
                lacks.append(_g("处置"))
        if self.track == POLICE:
            from disputes.safe.acts import FACTS  # acts build rows that hang on `disputes.models`, which ends with this

            wanted = (*self.WIZARD, "recording")
            lacks += [str(FACTS[name].label) for name in wanted if getattr(self, name) in (None, "")]
        return lacks + self._missing_of_the_young()

    def _people(self) -> list[Party]:
        return [Party(**party) for party in self.parties()]

    def tells_of_a_minor(self) -> bool:
        today = timezone.localdate(self.capture.at)
        return self.minors or any(party.is_minor(today) for party in self._people())

    def _missing_of_the_young(self) -> list[str]:
        """Guardians (APR 181), and their consent about children under 14 (PIPL 31)."""
        if not (self.young or self.minors):
            return []
        today = timezone.localdate(self.capture.at)
        people = self._people()
        lacks = [_g("%(name)s的监护人") % {"name": party.name} for party in people if lacks_guardian(party, today)]
        lacks += [
            _g("%(name)s的监护人同意登记的日期") % {"name": party.name}
            for party in people
            if lacks_consent(party, today)
        ]
        if self.minors and not any(party.is_minor(today) for party in people):
            lacks.append(_g("谁未满 18 周岁（出生日期、监护人）"))
        return lacks


def parties_of(side_a: str, side_b: str) -> list[dict[str, str]]:
    """One mapping for each name of two sides that are written with 、 between the names."""
    return [
        {"side": side, "name": name}
        for side, names in (("A", side_a), ("B", side_b))
        for name in names.split("、")
        if name
    ]


def key(party: Mapping[str, str]) -> str:
    """By what a party's consent is kept before there is a Party."""
    return f"{party['side']}:{party['name']}"


def spot_of(capture: Capture) -> Spot:
    """What is known of the 当场化解 of this capture; an empty one, unsaved, where nothing was told."""
    try:
        return capture.spot
    except Spot.DoesNotExist:
        return Spot(capture=capture)


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
