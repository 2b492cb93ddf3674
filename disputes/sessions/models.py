"""Joint mediation sessions 联调会, who is asked to them, where they are held, and the doors through which they change.

A session hangs on its case and never moves it: planning, changing, calling off and recording are events of the case
beside its moves. The doors lock the case first and the session after it, as every move does. Statutes: 人民调解法
(PMA), 公安机关办理行政案件程序规定 (APR).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from audit.locks import locked, once
from audit.models import NO_COUNTY, record
from disputes.models import Agreement, Conflict, Dispute, Event, FactsMissing, MoveRefused, NotYours, Party
from disputes.moves import Status
from villages.models import DESK_ROLES, Office, Posting, Role, User, in_force

if TYPE_CHECKING:
    from django.http import HttpRequest

#: Who may be asked to a session by name or through their office.
INVITED_ROLES = DESK_ROLES | {Role.DEPARTMENT, Role.COUNSELLOR}
#: A session without a planned end takes this long in the calendar of its room.
USUAL_LENGTH = dt.timedelta(hours=2)
LATEST = dt.timedelta(days=366)  # further ahead is a slip in the year
MOST_INVITED = 40


# --- places ----------------------------------------------------------------------------------------------------------
class VenueQuerySet(models.QuerySet["Venue"]):
    def on_offer(self, case: Dispute) -> VenueQuerySet:
        """The rooms in use of offices that stand in, or serve, the case's village or township; and of its desk."""
        areas = [case.village_id, case.township_id]
        serving = Q(office__coverage__area__in=areas) & in_force(prefix="office__coverage__")
        near = Q(office=case.desk_id) | Q(office__area__in=areas) | serving
        found = self.filter(near, in_force(prefix="office__"), ended_on=None)
        return self.filter(pk__in=found.values("pk")).select_related("office")

    def managed_by(self, user: User) -> VenueQuerySet:
        """The rooms that this person keeps: the system administrator every one, a lead those of the own office."""
        if user.scope.has(Role.SYSADMIN):
            return self.all()
        return self.filter(office__in=sorted(user.scope.leads))

    def add(self, *, office: Office, name: str, by: User, at: dt.datetime, request: Any = None) -> Venue:
        """A new room of an office. Raises NotYours, or MoveRefused where the office has one of that name."""
        why_not_keep(office, by)
        with transaction.atomic():
            locked(Office.objects.filter(pk=office.pk)).get()
            if self.filter(office=office, name=name, ended_on=None).exists():
                raise MoveRefused(_g("%(office)s已经有“%(name)s”，换个名称") % {"office": office.name, "name": name})
            venue = self.create(office=office, name=name)
            venue.log("add", by=by, at=at, request=request)
        return venue


def why_not_keep(office: Office, by: User) -> None:
    """Raise NotYours unless `by` keeps the rooms of this office."""
    if not by.scope.has(Role.SYSADMIN) and office.pk not in by.scope.leads:
        raise NotYours(_g("会议地点由本单位负责人或系统管理员维护。需要的联系他们"))


class Venue(models.Model):
    """A room of an office in which sessions are held; end-dated, never deleted."""

    office = models.ForeignKey(Office, models.PROTECT, related_name="venues", verbose_name=_("单位"))
    name = models.CharField(_("名称"), max_length=50)
    ended_on = models.DateField(_("停用日期"), null=True, blank=True)

    objects = VenueQuerySet.as_manager()

    class Meta:
        ordering = ["office", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["office", "name"], condition=Q(ended_on=None), name="an_office_has_one_room_of_that_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.office.name}{self.name}"

    def end(self, *, by: User, at: dt.datetime, request: Any = None) -> None:
        """No longer offered; sessions planned there stay. Raises NotYours."""
        why_not_keep(self.office, by)
        with transaction.atomic():
            self.ended_on = timezone.localdate(at)
            self.save(update_fields=["ended_on"])
            self.log("end", by=by, at=at, request=request)

    def log(self, what: str, *, by: User, at: dt.datetime, request: Any = None) -> None:
        county = self.office.area.county_code or NO_COUNTY
        detail = {"venue": what, "name": self.name}
        record(
            action="manage", actor=by, county=county, subject=self.office.code, detail=detail, at=at, request=request
        )

    def taken_by(self, starts_at: dt.datetime, ends_at: dt.datetime, besides: Session | None = None) -> list[Session]:
        """The planned sessions in this room that overlap with that time, earliest first."""
        rows = Session.objects.filter(
            venue=self, state=Session.State.PLANNED, starts_at__lt=ends_at, ends_at__gt=starts_at
        ).select_related("dispute", "office", "chair")
        if besides is not None:
            rows = rows.exclude(pk=besides.pk)
        return list(rows.order_by("starts_at", "pk"))


# --- sessions --------------------------------------------------------------------------------------------------------
def why_not_convene(case: Dispute, by: User) -> str | None:
    """Why `by` cannot plan a session of this case now; None when they can. Raises NotYours for roles that never can."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_g("你的岗位不召集联调会。需要的联系责任单位"))
    if case.status == Status.WAITING:
        return _g("案件还没有受理，先受理再约联调会")
    if case.status != Status.MEDIATING:
        return _g("案件现在是“%(status)s”，不能约联调会") % {"status": case.get_status_display()}
    if case.desk_id not in by.scope.desks:
        return _g("这个案件现在由%(desk)s办理，联调会由他们召集") % {"desk": case.desk.name}
    if case.is_paused:
        return _g("案件已中止，先恢复再约联调会")
    names = case.refusing_parties()
    if names:  # PMA 17
        return _g("%(names)s 明确表示不愿意调解，不能再约联调会。告知其他途径后选“调解不成”或“引导其他途径”") % {
            "names": "、".join(names)
        }
    if case.crime_suspected:
        return _g("本案登记了涉嫌犯罪，不能约联调会。选“引导其他途径”，转公安机关")
    if case.bullying:
        return _g("本案登记了学生欺凌，不能约联调会。选“引导其他途径”，转公安机关或教育部门")
    return None


class SessionQuerySet(models.QuerySet["Session"]):
    def visible_to(self, user: User) -> SessionQuerySet:
        """Sessions of the cases that `user` may read: the scope rule of the case."""
        condition = user.scope.cases("dispute__")
        return self.none() if condition is None else self.filter(condition)

    def inviting(self, user: User) -> SessionQuerySet:
        """Sessions that this person chairs, or is or was asked to: what they may read of them is the invitation."""
        asked = Attendee.objects.filter(Attendee.asks(user)).values("session")
        return self.filter(Q(chair=user) | Q(pk__in=asked))

    def attended_by(self, user: User) -> SessionQuerySet:
        """Sessions that this person chairs or is still asked to."""
        asked = Attendee.objects.filter(Attendee.asks(user), withdrawn=False).values("session")
        return self.filter(Q(chair=user) | Q(pk__in=asked))

    def planned(self) -> SessionQuerySet:
        return self.filter(state=Session.State.PLANNED)

    def without_outcome(self, at: dt.datetime) -> SessionQuerySet:
        """Those whose time has come and of which nobody has written what came of it."""
        return self.planned().filter(starts_at__lte=at)

    def to_record_by(self, user: User) -> SessionQuerySet:
        """Sessions whose record this person may write."""
        desks = sorted(user.scope.desks)
        return self.visible_to(user).filter(Q(office__in=desks) | Q(dispute__desk__in=desks) | Q(chair=user))

    def for_list(self) -> SessionQuerySet:
        """Loaded with everything that a list row shows."""
        return self.select_related("dispute__village__parent", "venue__office", "office", "chair")

    def plan(
        self,
        *,
        case: Dispute,
        by: User,
        at: dt.datetime,
        facts: Mapping[str, Any],
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> Session:
        """A planned session with its invitations; the same `submission` twice gives the same session.

        `facts`: `starts_at`, `chair`, `parties` (ids of the parties asked) and perhaps `ends_at`, `venue` or `place`,
        `shares_venue`, `track`, `purpose`, `guardians` (ids of the parties whose guardian is asked), `together` with
        `together_reason`, and `invited`: mappings with `office`, `user` or `name`, and `capacity`, `ask`, `consent`.
        Raises NotYours, MoveRefused, or FactsMissing where a fact is missing or must not be.
        """
        mine = self.filter(submission=submission, planned_by=by) if submission else self.none()
        return once(mine, lambda: self._plan(case, by, at, facts, submission, request))

    def _plan(
        self,
        case: Dispute,
        by: User,
        at: dt.datetime,
        facts: Mapping[str, Any],
        submission: uuid.UUID | None,
        request: HttpRequest | None,
    ) -> Session:
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
            sentence = why_not_convene(case, by)
            if sentence:
                raise MoveRefused(sentence)
            row = Session(
                dispute=case, office=case.desk, tier=case.tier, round=case.round, planned_by=by, planned_at=at,
                submission=submission,
            )  # fmt: skip
            row.take_plan(facts, by=by, at=at)
            row.save()
            row.ask(facts)
            row.tell("session_plan", by=by, at=at, text=row.purpose, request=request)
        return row


class Session(models.Model):
    """One joint session of one case: its plan, and what came of it."""

    class State(models.TextChoices):
        PLANNED = "planned", _("已约定")
        HELD = "held", _("已召开")
        FAILED = "failed", _("没有开成")
        CALLED_OFF = "off", _("已取消")

    class Outcome(models.TextChoices):
        AGREED = "agreed", _("达成一致")
        NOT_AGREED = "not_agreed", _("没有谈成")
        CONTINUE = "continue", _("下次接着谈")
        NOT_HELD = "not_held", _("没有开成")

    class Decision(models.TextChoices):
        """What became of a request for recusal 回避."""

        GRANTED = "granted", _("同意回避，已换人")
        DENIED = "denied", _("不需要回避，已说明")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="sessions", db_index=False)
    round = models.PositiveSmallIntegerField()
    tier = models.PositiveSmallIntegerField()  # where the case stood when it was planned
    office = models.ForeignKey(Office, models.PROTECT, related_name="+", verbose_name=_("召集单位"))
    state = models.CharField(_("状态"), max_length=8, choices=State.choices, default=State.PLANNED)
    version = models.PositiveIntegerField(default=1)
    submission = models.UUIDField(null=True, blank=True, editable=False)
    planned_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    planned_at = models.DateTimeField()

    # the plan
    starts_at = models.DateTimeField(_("开始时间"))
    ends_at = models.DateTimeField(_("结束时间"))
    venue = models.ForeignKey(Venue, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("会议室"))
    place = models.CharField(_("地点"), max_length=100, blank=True)
    shares_venue = models.BooleanField(_("知道那间屋同时有别的会，仍用这间"), default=False)
    chair = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("主持人"))
    track = models.CharField(_("调解类别"), max_length=8, choices=Agreement.Track.choices, blank=True)
    purpose = models.TextField(_("要谈什么"), max_length=2000, blank=True)
    together = models.BooleanField(_("婚恋家庭纠纷，让双方同坐一间屋"), default=False)
    together_reason = models.CharField(_("为什么同坐一间屋"), max_length=200, blank=True)

    # what came of it
    outcome = models.CharField(_("结果"), max_length=12, choices=Outcome.choices, blank=True)
    reason = models.CharField(_("没有开成或取消的原因"), max_length=500, blank=True)
    held_at = models.DateTimeField(_("实际开始"), null=True, blank=True)
    ended_at = models.DateTimeField(_("实际结束"), null=True, blank=True)
    rights_told_at = models.DateTimeField(_("宣读权利义务的时间"), null=True, blank=True)
    education = models.CharField(_("法治宣传"), max_length=500, blank=True)
    points_agreed = models.TextField(_("说到一起的"), max_length=5000, blank=True)
    points_open = models.TextField(_("还没谈拢的"), max_length=5000, blank=True)
    next_on = models.DateField(_("下次日期"), null=True, blank=True)
    recusal_by = models.ForeignKey(
        Party, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("谁提出回避")
    )
    recusal_about = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("要谁回避")
    )
    recusal_reason = models.CharField(_("回避的理由"), max_length=200, blank=True)
    recusal_decision = models.CharField(_("怎么决定的"), max_length=8, choices=Decision.choices, blank=True)
    recorded_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    recorded_at = models.DateTimeField(null=True, blank=True)

    objects = SessionQuerySet.as_manager()

    #: What `change` may change, and what `record` writes.
    PLAN = (
        "starts_at ends_at venue place shares_venue chair track purpose together together_reason"
    ).split()  # fmt: skip
    RECORD = (
        "state outcome reason held_at ended_at chair rights_told_at education points_agreed points_open next_on "
        "recusal_by recusal_about recusal_reason recusal_decision recorded_by recorded_at"
    ).split()

    class Meta:
        ordering = ["starts_at", "pk"]
        indexes = [
            models.Index(fields=["dispute", "starts_at"], name="sessions_of_a_case"),
            models.Index(fields=["state", "starts_at"], name="sessions_by_state_and_time"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["planned_by", "submission"],
                condition=Q(submission__isnull=False),
                name="one_session_per_submission",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["planned", "held", "failed", "off"]), name="a_session_has_a_known_state"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="a_session_ends_after_it_began"
            ),
            models.CheckConstraint(
                condition=(Q(state="held") & Q(held_at__isnull=False) & Q(rights_told_at__isnull=False))
                | (~Q(state="held") & Q(held_at=None)),
                name="a_session_was_held_if_and_only_if_it_says_when",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["failed", "off"]) | ~Q(reason=""), name="a_session_that_was_not_held_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dispute.case_no} {timezone.localtime(self.starts_at):%Y-%m-%d %H:%M}"

    # --- reading ----------------------------------------------------------------------------------------------------
    @property
    def where(self) -> str:
        """The room or the place in words."""
        return " ".join(filter(None, (str(self.venue) if self.venue else "", self.place)))

    @property
    def is_planned(self) -> bool:
        return self.state == self.State.PLANNED

    @property
    def is_recorded(self) -> bool:
        return self.state in (self.State.HELD, self.State.FAILED)

    def listed(self) -> list[Attendee]:
        """Everybody on the list who was not taken off it, parties first; those who came unasked last."""
        return [row for row in self.attendees.all() if not row.withdrawn]

    def people(self, rows: Iterable[Attendee] | None = None) -> set[int]:
        """The user ids that a message about this session goes to: the chair, those asked by name or by office."""
        rows = self.listed() if rows is None else list(rows)
        offices = [row.office_id for row in rows if row.office_id]
        posted = Posting.objects.filter(in_force(), office__in=offices, role__in=INVITED_ROLES, user__is_active=True)
        return (
            {self.chair_id} | {row.user_id for row in rows if row.user_id} | set(posted.values_list("user", flat=True))
        )

    def record_facts(self) -> dict[str, Any]:
        """Everything that a paper about this session may print, as plain values with names in clear.

        Times are aware datetimes, days dates; what is not known is None or an empty text. Whoever prints it for a
        viewer masks the names by the rule of the case (`Dispute.names_hidden_from`).
        """
        rows = self.listed()
        guardians = {row.party_id: row for row in rows if row.kind == Attendee.Kind.GUARDIAN}
        return {
            "case_no": self.dispute.case_no,
            "office": self.office.name,
            "track": self.track,
            "place": self.where,
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "purpose": self.purpose,
            "chair": self.chair.name,
            "state": self.state,
            "held_at": self.held_at,
            "ended_at": self.ended_at,
            "rights_told_at": self.rights_told_at,
            "parties": [
                {
                    "id": row.party_id,
                    "side": row.party.side,
                    "name": row.party.name,
                    "attended": row.attended,
                    "statement": row.statement,
                    "guardian": guardians[row.party_id].label if row.party_id in guardians else "",
                    "guardian_attended": guardians[row.party_id].attended if row.party_id in guardians else None,
                }
                for row in rows
                if row.kind == Attendee.Kind.PARTY and row.party
            ],
            "participants": [
                {
                    "name": row.label,
                    "capacity": row.capacity_label,
                    "attended": row.attended,
                    "consent": row.consent,
                }
                for row in rows
                if not row.party_id
            ],
            "education": self.education,
            "points_agreed": self.points_agreed,
            "points_open": self.points_open,
            "recusal": {
                "by": self.recusal_by.name,
                "about": self.recusal_about.name if self.recusal_about else "",
                "reason": self.recusal_reason,
                "decision": self.get_recusal_decision_display(),
            }
            if self.recusal_by
            else None,
            "outcome": self.outcome,
            "outcome_label": self.get_outcome_display() if self.outcome else "",
            "reason": self.reason,
            "next_on": self.next_on,
            "recorder": self.recorded_by.name if self.recorded_by else "",
        }

    # --- asking -----------------------------------------------------------------------------------------------------
    def _is_kept_by(self, by: User) -> bool:
        """The desk that called it and the desk where the case is now; it survives a change of tier with both."""
        return bool({self.office_id, self.dispute.desk_id} & by.scope.desks.keys())

    def _why_not_now(self, by: User) -> str | None:
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不召集联调会。需要的联系责任单位"))
        if self.state == self.State.CALLED_OFF:
            return _g("这场联调会已经取消。需要的另约一场")
        return None

    def why_not_change(self, by: User) -> str | None:
        """Why `by` cannot change the plan or call it off now; None when they can. Raises NotYours."""
        sentence = self._why_not_now(by)
        if sentence:
            return sentence
        if not self._is_kept_by(by):
            return _g("这场联调会由%(office)s召集，由他们改动") % {"office": self.office.name}
        if not self.is_planned:
            return _g("这场联调会已经有结果（%(outcome)s），不能再改安排") % {"outcome": self.get_outcome_display()}
        return None

    def why_not_record(self, by: User, at: dt.datetime) -> str | None:
        """Why `by` cannot write or correct the record now; None when they can. Raises NotYours."""
        sentence = self._why_not_now(by)
        if sentence:
            return sentence
        if not self._is_kept_by(by) and self.chair_id != by.pk:
            return _g("这场联调会由%(office)s召集，由他们记录") % {"office": self.office.name}
        if self.is_planned and timezone.localdate(at) < timezone.localdate(self.starts_at):
            return _g("联调会约在 %(when)s，还没到时间。提前开的先改时间") % {"when": moment_words(self.starts_at)}
        if self.is_recorded and not self.dispute.is_open:
            return _g("案件现在是“%(status)s”，不能再更正记录。可以记进展") % {
                "status": self.dispute.get_status_display()
            }
        return None

    # --- planning ---------------------------------------------------------------------------------------------------
    def take_plan(self, facts: Mapping[str, Any], *, by: User, at: dt.datetime) -> None:
        """Take over the facts of a plan; FactsMissing where one is missing or must not be."""
        from disputes.sessions import checks  # they read the rows of this module

        starts_at, venue = facts.get("starts_at"), facts.get("venue")
        ends_at = facts.get("ends_at") or (starts_at and starts_at + USUAL_LENGTH)
        errors = checks.wrong_plan(self, facts, by=by, at=at)
        if errors:
            raise FactsMissing(errors)
        assert starts_at is not None and ends_at is not None
        if venue is not None and not facts.get("shares_venue"):
            locked(Venue.objects.filter(pk=venue.pk)).get()  # of two who book one room at once the second is warned
            taken = venue.taken_by(starts_at, ends_at, besides=self if self.pk else None)
            if taken:
                raise FactsMissing({"shares_venue": checks.conflict_words(venue, taken[0], by)})
        given = {name: facts.get(name) or "" for name in ("place", "track", "purpose", "together_reason")}
        given |= {"starts_at": starts_at, "ends_at": ends_at, "venue": venue, "chair": facts["chair"]}
        given |= {name: bool(facts.get(name)) for name in ("shares_venue", "together")}
        for name, value in given.items():
            setattr(self, name, value)

    def ask(self, facts: Mapping[str, Any]) -> tuple[list[Attendee], list[Attendee]]:
        """Bring the list of those asked into line with the plan; (newly asked, no longer asked)."""
        kind = Attendee.Kind
        wanted = [Attendee(kind=kind.PARTY, party_id=pk) for pk in facts.get("parties") or ()]
        wanted += [
            Attendee(kind=kind.GUARDIAN, party_id=pk)
            for pk in facts.get("guardians") or ()
            if pk in (facts.get("parties") or ())
        ]
        wanted += [Attendee.of(row) for row in facts.get("invited") or ()]
        known = {row.key: row for row in self.attendees.all()} if self.pk else {}
        new, seen = [], set()
        for row in wanted:
            if row.key in seen:
                continue
            seen.add(row.key)
            old = known.get(row.key)
            if old is None:
                row.session = self
                row.save()
                new.append(row)
                continue
            if old.withdrawn:
                new.append(old)
            old.withdrawn, old.ask, old.consent, old.capacity = False, row.ask, row.consent, row.capacity
            old.save(update_fields=["withdrawn", "ask", "consent", "capacity"])
        gone = [row for key, row in known.items() if key not in seen and not row.withdrawn]
        Attendee.objects.filter(pk__in=[row.pk for row in gone]).update(withdrawn=True)
        self._prefetched_objects_cache: dict[str, Any] = {}
        return new, gone

    def _hold(self, version: int | None) -> Session:
        """This row and its case, locked; Conflict when it changed since `version` was read."""
        case = locked(Dispute.objects.for_page().filter(pk=self.dispute_id)).get()
        row = locked(Session.objects.filter(pk=self.pk)).get()
        row.dispute = case
        if version is not None and row.version != version:
            event = case.events.filter(kind__in=KINDS, facts__session=str(row.uid)).order_by("-pk").first()
            raise Conflict(
                _g("%(who)s 在 %(when)s 先改了这场联调会（%(what)s），现在是“%(state)s”。你写的内容还在，对照后再办")
                % {
                    "who": event.by_name if event else "",
                    "when": moment_words(event.at) if event else "",
                    "what": event.label if event else "",
                    "state": row.get_state_display(),
                },
                event,
            )
        return row

    def _write(self, fields: Iterable[str]) -> None:
        self.version += 1
        self.save(update_fields=[*fields, "version"])

    def tell(
        self,
        kind: str,
        *,
        by: User | None,
        at: dt.datetime,
        text: str = "",
        is_attempt: bool = False,
        request: HttpRequest | None = None,
        **facts: Any,
    ) -> Event:
        """Append the event of a change to the case; last in the change's transaction."""
        kept = {"session": str(self.uid), "starts_at": self.starts_at.isoformat(timespec="minutes"), **facts}
        return self.dispute.append_event(
            kind, by=by, at=at, text=text, facts=kept, is_attempt=is_attempt, request=request
        )

    def change(
        self,
        *,
        by: User,
        at: dt.datetime,
        version: int,
        facts: Mapping[str, Any],
        request: HttpRequest | None = None,
    ) -> Event:
        """Another time, place, chair or list of those asked; `facts` as for `plan`.

        Raises Conflict when it changed since `version` was read, NotYours, MoveRefused or FactsMissing.
        """
        with transaction.atomic():
            row = self._hold(version)
            sentence = row.why_not_change(by) or why_not_go_on(row.dispute)
            if sentence:
                raise MoveRefused(sentence)
            row.take_plan(facts, by=by, at=at)
            before = row.people()
            row._write(row.PLAN)
            row.ask(facts)
            after = row.people()
            told: dict[str, Any] = {"told_new": sorted(after - before), "told_off": sorted(before - after)}
            event = row.tell("session_change", by=by, at=at, request=request, **told)
        self.refresh_from_db()
        return event

    def give_chair(self, *, to: User, by: User, at: dt.datetime, request: HttpRequest | None = None) -> Event:
        """Another chair of the calling office; time, place and those asked stay. Raises NotYours or MoveRefused."""
        with transaction.atomic():
            row = self._hold(None)
            sentence = row.why_not_change(by) or why_not_go_on(row.dispute)
            if sentence:
                raise MoveRefused(sentence)
            if row.office_id not in to.scope.desks:
                raise MoveRefused(_g("%(name)s 不在%(office)s任职") % {"name": to.name, "office": row.office.name})
            before = row.people()
            row.chair = to
            row._write(["chair"])
            after = row.people()
            told: dict[str, Any] = {"told_new": sorted(after - before), "told_off": sorted(before - after)}
            event = row.tell("session_change", by=by, at=at, request=request, **told)
        self.refresh_from_db()
        return event

    def call_off(
        self,
        *,
        by: User | None,
        at: dt.datetime,
        reason: str,
        version: int | None = None,
        request: HttpRequest | None = None,
    ) -> Event:
        """It will not take place, and why. Raises Conflict, NotYours, MoveRefused or FactsMissing."""
        with transaction.atomic():
            row = self._hold(version)
            sentence = row.why_not_change(by) if by else None
            if sentence:
                raise MoveRefused(sentence)
            if not reason:
                raise FactsMissing({"reason": _g("写明为什么取消")})
            event = row._call_off(by, at, reason, request)
        self.refresh_from_db()
        return event

    def _call_off(self, by: User | None, at: dt.datetime, reason: str, request: HttpRequest | None) -> Event:
        self.state, self.reason = self.State.CALLED_OFF, reason
        self._write(["state", "reason"])
        return self.tell("session_off", by=by, at=at, text=reason, request=request)

    # --- the record -------------------------------------------------------------------------------------------------
    def record(
        self,
        *,
        by: User,
        at: dt.datetime,
        version: int,
        facts: Mapping[str, Any],
        request: HttpRequest | None = None,
    ) -> Event:
        """What came of it; a second time it corrects the record. One that took place counts as an attempt.

        `facts`: `outcome`, and for a session that took place `held_at`, `rights_told_at`, `people` (attendee id →
        `attended`, `consent`, `statement`) and perhaps `ended_at`, `chair`, `walk_ins` (as `invited` of a plan),
        `education`, `points_agreed`, `points_open`, `next_on`, and `recusal` with `by`, `about`, `reason`, `decision`.
        For one that did not, `reason`. Raises Conflict, NotYours, MoveRefused or FactsMissing.
        """
        from disputes.sessions import checks

        with transaction.atomic():
            row = self._hold(version)
            sentence = row.why_not_record(by, at)
            if sentence:
                raise MoveRefused(sentence)
            was_recorded, was_held = row.is_recorded, row.state == self.State.HELD
            errors = checks.wrong_record(row, facts, by=by, at=at)
            if errors:
                raise FactsMissing(errors)
            row._take_record(facts, by=by, at=at)
            row._write(row.RECORD)
            # an attempt of the desk where the case stands: not one of the tier below, written down late
            counts = row.state == self.State.HELD and not was_held and row.round == row.dispute.round
            held_here = counts and row.held_at is not None and row.held_at >= row.dispute.arrived_at
            kept = {"outcome": row.outcome, **({"corrected": True} if was_recorded else {})}
            event = row.tell("session", by=by, at=at, text=row.summary(), is_attempt=held_here, request=request, **kept)
        self.refresh_from_db()
        return event

    def _take_record(self, facts: Mapping[str, Any], *, by: User, at: dt.datetime) -> None:
        self.outcome, self.recorded_by, self.recorded_at = facts["outcome"], by, at
        took_place = self.outcome != self.Outcome.NOT_HELD
        self.state = self.State.HELD if took_place else self.State.FAILED
        self.reason = "" if took_place else facts["reason"]
        for name in ("held_at", "ended_at", "rights_told_at", "next_on"):
            setattr(self, name, facts.get(name) if took_place else None)
        for name in ("education", "points_agreed", "points_open"):
            setattr(self, name, facts.get(name) or "" if took_place else "")
        recusal = facts.get("recusal") or {} if took_place else {}
        self.recusal_by, self.recusal_about = recusal.get("by"), recusal.get("about")
        self.recusal_reason, self.recusal_decision = recusal.get("reason") or "", recusal.get("decision") or ""
        if took_place:
            self.chair = facts.get("chair") or self.chair
        answers = facts.get("people") or {} if took_place else {}
        for row in self.listed():
            answer = answers.get(row.pk) or {}
            row.attended = answer.get("attended")
            row.consent = answer.get("consent") or row.consent
            row.statement = answer.get("statement") or ""
            row.save(update_fields=["attended", "consent", "statement"])
        known = {row.key for row in self.attendees.all()}
        for given in facts.get("walk_ins") or () if took_place else ():
            row = Attendee.of(given)
            if row.key not in known:
                row.session, row.invited, row.attended = self, False, True
                row.save()

    def summary(self) -> str:
        """The words of the record's event: the outcome and what was agreed and left open."""
        with override(settings.LANGUAGE_CODE):  # the file speaks Chinese, whoever writes into it
            lines = [
                _g("结果：%(outcome)s") % {"outcome": self.get_outcome_display()},
                self.reason,
                _g("说到一起的：%(text)s") % {"text": self.points_agreed} if self.points_agreed else "",
                _g("还没谈拢的：%(text)s") % {"text": self.points_open} if self.points_open else "",
            ]
        return "\n".join(filter(None, lines))


class Attendee(models.Model):
    """Somebody asked to a session, or who came unasked: a party, its guardian, an office, a colleague, a neighbour."""

    class Kind(models.TextChoices):
        PARTY = "party", _("当事人")
        GUARDIAN = "guardian", _("监护人")
        OFFICE = "office", _("单位")
        STAFF = "staff", _("工作人员")
        OTHER = "other", _("其他人")

    class Capacity(models.TextChoices):
        """In what capacity somebody from outside takes part (PMA 20)."""

        RELATIVE = "relative", _("亲属")
        NEIGHBOUR = "neighbour", _("邻里")
        COLLEAGUE = "colleague", _("同事")
        CADRE = "cadre", _("村组干部")
        EXPERT = "expert", _("专业人员")
        LAWYER = "lawyer", _("律师、法律工作者")
        OTHER = "other", _("其他")

    class Consent(models.TextChoices):
        """Whether the parties agree that this person takes part."""

        ASKED_NOT = "", _("未问")
        AGREED = "agreed", _("都同意")
        REFUSED = "refused", _("有人不同意")

    session = models.ForeignKey(Session, models.CASCADE, related_name="attendees")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    party = models.ForeignKey(Party, models.PROTECT, null=True, blank=True, related_name="+")
    office = models.ForeignKey(Office, models.PROTECT, null=True, blank=True, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    name = models.CharField(_("姓名"), max_length=50, blank=True)
    capacity = models.CharField(_("身份"), max_length=10, choices=Capacity.choices, blank=True)
    ask = models.CharField(_("请他做什么"), max_length=200, blank=True)
    consent = models.CharField(_("当事人同意他参加"), max_length=8, choices=Consent.choices, blank=True)
    invited = models.BooleanField(default=True)  # False: came unasked
    withdrawn = models.BooleanField(default=False)  # taken off the list again
    attended = models.BooleanField(_("到场"), null=True)
    statement = models.TextField(_("说了什么"), max_length=5000, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind__in=["party", "guardian"]) & Q(party__isnull=False, office=None, user=None, name=""))
                | (Q(kind="office") & Q(office__isnull=False, party=None, user=None, name=""))
                | (Q(kind="staff") & Q(user__isnull=False, party=None, office=None, name=""))
                | (Q(kind="other") & Q(party=None, office=None, user=None) & ~Q(name="")),
                name="an_attendee_is_one_of_five_kinds",
            ),
            models.CheckConstraint(
                condition=Q(attended=None) | Q(attended=False) | ~Q(consent="refused"),
                name="nobody_takes_part_whom_a_party_refuses",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} {self.kind}"

    @staticmethod
    def asks(user: User) -> Q:
        """The rows by which this person is asked: by name, or through an office where they work."""
        offices = [office.pk for office in user.scope.offices] if user.scope.has(*INVITED_ROLES) else []
        return Q(user=user) | Q(office__in=offices)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Attendee:
        """An unsaved attendee from what a plan or a record says."""
        kept = {name: row.get(name) or "" for name in ("ask", "consent")}
        if row.get("office"):
            return cls(kind=cls.Kind.OFFICE, office=row["office"], **kept)
        if row.get("user"):
            return cls(kind=cls.Kind.STAFF, user=row["user"], **kept)
        return cls(kind=cls.Kind.OTHER, name=row["name"], capacity=row.get("capacity") or "", **kept)

    @property
    def key(self) -> tuple[Any, ...]:
        """Who this is: asked twice is asked once."""
        return (self.kind, self.party_id, self.office_id, self.user_id, self.name)

    @property
    def needs_consent(self) -> bool:
        return not self.party_id

    @property
    def label(self) -> str:
        """The name in clear; a guardian's stands on the party alone."""
        if self.party:
            return self.party.guardian_name if self.kind == self.Kind.GUARDIAN else self.party.name
        if self.office:
            return self.office.name
        return self.user.name if self.user else self.name

    @property
    def capacity_label(self) -> str:
        """甲方, 监护人, 亲属, 单位 …"""
        if self.kind == self.Kind.PARTY and self.party:
            return str(self.party.get_side_display())
        if self.kind == self.Kind.OTHER and self.capacity:
            return str(self.get_capacity_display())
        return str(self.get_kind_display())


#: The events of this room.
KINDS = ("session_plan", "session_change", "session_off", "session")


def moment_words(at: dt.datetime) -> str:
    """A moment as it stands in a sentence: 2026-03-05 09:00."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M")


def why_not_go_on(case: Dispute) -> str | None:
    """A planned session of a case that left, or that a party now refuses, is called off, not moved (PMA 17)."""
    if not case.is_open:
        return _g("案件现在是“%(status)s”，不能再改安排") % {"status": case.get_status_display()}
    names = case.refusing_parties()
    if names:
        return _g("%(names)s 明确表示不愿意调解，不能再改时间。取消这场联调会，告知其他途径") % {
            "names": "、".join(names)
        }
    return None


def call_off_with_the_case(case: Dispute, event: Event) -> None:
    """化解, 并案, 撤回 and the like call off what is still to come, in the move's own transaction.

    A session whose time has come stays without an outcome: whether it took place somebody must still say.
    """
    for row in locked(Session.objects.planned().filter(dispute=case, starts_at__gt=event.at)).order_by("pk"):
        row.dispute = case
        with override(settings.LANGUAGE_CODE):
            reason = _g("案件已%(move)s") % {"move": event.label}
        row._call_off(event.by, event.at, reason, None)
