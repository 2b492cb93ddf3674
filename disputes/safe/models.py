"""What stands behind the safeguards: consents, the police track, what is promised and must be done by a day.

Rows are written by `disputes.safe.acts`, on the locked case; `Slip`, which the case must not show, has its door here.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit import keyring
from audit.locks import locked, once
from audit.models import record, record_read_once
from disputes import clock
from disputes.models import Agreement, Dispute, Event, FactsMissing, MoveRefused, NotYours, Obligation, Party
from disputes.moves import Status
from villages.models import DESK_ROLES, Coverage, Office, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest


class Consent(models.Model):
    """One answer of one party to mediation; the party's own columns hold the latest alone (PMA 17, 23)."""

    party = models.ForeignKey(Party, models.CASCADE, related_name="consents")
    answer = models.CharField(max_length=8, choices=Party.Consent.choices)
    on = models.DateField(_("哪天问的"))
    way = models.CharField(_("怎么确认的"), max_length=20, blank=True)
    taken_back = models.BooleanField(_("本人撤回拒绝"), default=False)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("谁问的"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.party_id} {self.answer} {self.on}"


class PoliceTrack(models.Model):
    """治安调解 of one round: whether it applies, and what its agreement must say (APR 178, 180, 184, 185).

    The seven exclusions are not here: `Check` keeps the version, the officer, the time and whether any applied.
    """

    class Deed(models.TextChoices):
        """APR 178: the violations that may be mediated."""

        BEATING = "beating", _("殴打他人")
        INJURY = "injury", _("故意伤害")
        INSULT = "insult", _("侮辱")
        DEFAMATION = "defamation", _("诽谤")
        FALSE_CHARGE = "false_charge", _("诬告陷害")
        DAMAGE = "damage", _("故意损毁财物")
        DISTURBANCE = "disturbance", _("干扰他人正常生活")
        PRIVACY = "privacy", _("侵犯隐私")
        INTRUSION = "intrusion", _("非法侵入住宅")
        CIVIL = "civil", _("不是治安违法，只是民间纠纷")
        OTHER = "other", _("其他违法行为")

    class Ground(models.TextChoices):
        """APR 178: why it is better settled by mediation."""

        CLOSE = "close", _("亲友、邻里、同事、在校学生之间因琐事引起")
        FAULT = "fault", _("被侵害人事前有过错")
        EASIER = "easier", _("其他更容易通过调解化解的")
        NONE = "none", _("都不是")

    class Suspect(models.TextChoices):
        A = "A", _("甲方")
        B = "B", _("乙方")
        BOTH = "AB", _("双方都有")

    class Failure(models.TextChoices):
        NOT_REACHED = "not_reached", _("未达成协议")
        NOT_PERFORMED = "not_performed", _("达成协议后不履行")

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="police_tracks")
    round = models.PositiveSmallIntegerField()
    deed = models.CharField(_("属于哪种行为"), max_length=12, choices=Deed.choices)
    lesser = models.BooleanField(_("情节较轻"))
    ground = models.CharField(_("为什么适合调解"), max_length=8, choices=Ground.choices)
    suspect = models.CharField(_("哪一方是违法嫌疑人"), max_length=2, choices=Suspect.choices, blank=True)
    plain = models.BooleanField(_("情节轻微、事实清楚"), default=False)
    established = models.TextField(_("查明的事实"), blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    # the agreement's contents (APR 184) that Agreement and Obligation do not hold
    happened_when = models.CharField(_("发生时间"), max_length=60, blank=True)
    happened_where = models.CharField(_("发生地点"), max_length=200, blank=True)
    people_there = models.CharField(_("涉及人员和在场人员"), max_length=300, blank=True)
    cause = models.TextField(_("起因"), blank=True)
    course = models.TextField(_("经过"), blank=True)
    circumstances = models.TextField(_("情节"), blank=True)
    consequence = models.TextField(_("结果"), blank=True)
    perform_way = models.CharField(_("履行方式"), max_length=300, blank=True)
    recording = models.CharField(_("现场录音录像编号"), max_length=60, blank=True)

    # where it came to nothing: the clock of the case begins on this day (APR 185)
    failure = models.CharField(max_length=14, choices=Failure.choices, blank=True)
    failed_on = models.DateField(_("未达成或不履行的日期"), null=True, blank=True)
    civil_told_on = models.DateField(_("告知可以起诉的日期"), null=True, blank=True)

    #: What an agreement off the spot must say beside parties, text and deadlines (APR 184).
    TERMS = tuple(
        "happened_when happened_where people_there cause course circumstances consequence perform_way".split()
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dispute", "round"], name="one_police_track_per_round")]

    def __str__(self) -> str:
        return f"{self.dispute_id}/{self.round}"

    @property
    def fits(self) -> bool:
        """Whether steps one and two of the wizard lead on (APR 178); the third are the exclusions."""
        deeds = self.deed not in (self.Deed.CIVIL, self.Deed.OTHER)
        return deeds and self.lesser and self.ground != self.Ground.NONE

    def missing_terms(self) -> list[str]:
        """The labels of the terms that are not written yet."""
        labels = {field.name: field.verbose_name for field in self._meta.fields}
        return [str(labels[name]) for name in self.TERMS if not getattr(self, name)]


class PoliceSession(models.Model):
    """One session of 治安调解: where, by how many, recorded under which number; the video itself never comes here."""

    class Place(models.TextChoices):
        STANDARD = "standard", _("规范设置的执法办案场所")
        OTHER = "other", _("其他场所")

    class Second(models.TextChoices):
        NEEDED = "needed", _("公安机关认为有必要")
        ASKED = "asked", _("当事人申请")

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="police_sessions")
    round = models.PositiveSmallIntegerField()
    held_on = models.DateField(_("调解日期"))
    place_kind = models.CharField(_("在哪种场所"), max_length=8, choices=Place.choices)
    place = models.CharField(_("地点"), max_length=200)
    officers = models.PositiveSmallIntegerField(_("民警人数"))
    recording = models.CharField(_("录音录像编号"), max_length=60, blank=True)
    second_why = models.CharField(_("为什么再次调解"), max_length=6, choices=Second.choices, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["held_on", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["dispute", "round", "held_on"], name="one_police_session_a_day"),
            models.CheckConstraint(
                condition=Q(officers__gte=2) | (Q(place_kind="standard") & ~Q(recording="")),
                name="one_officer_alone_is_recorded_in_a_standard_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.held_on}"


class NoPenalty(models.Model):
    """Both sides apply for no penalty after people's mediation or a settlement of their own (PSA 9 ¶4, APR 186)."""

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="no_penalty")
    round = models.PositiveSmallIntegerField()
    performed_on = models.DateField(_("履行完毕的日期"))
    applied_on = models.DateField(_("双方书面申请的日期"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    approved = models.BooleanField(null=True)
    decided_on = models.DateField(null=True, blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dispute", "round"], name="one_application_per_round")]

    def __str__(self) -> str:
        return f"{self.dispute_id}/{self.round}"


class WarningLetter(models.Model):
    """A 告诫书 of this case (DVA 16-17). It is read on the case alone; there is no list of the people who got one."""

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="letters")
    number = models.CharField(_("告诫书编号"), max_length=60)
    issued_on = models.DateField(_("出具日期"))
    warned = models.ForeignKey(Party, models.PROTECT, related_name="+", verbose_name=_("加害人"))
    victim = models.ForeignKey(Party, models.PROTECT, related_name="+", verbose_name=_("受害人"))
    served_warned_on = models.DateField(_("送交加害人的日期"), null=True, blank=True)
    served_victim_on = models.DateField(_("送交受害人的日期"), null=True, blank=True)
    served_committee_on = models.DateField(_("通知村（居）委会的日期"), null=True, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    #: To be served on these three (DVA 17).
    SERVED = ("served_warned_on", "served_victim_on", "served_committee_on")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["dispute", "number"], name="a_letter_has_one_number")]

    def __str__(self) -> str:
        return self.number


class Confirmation(models.Model):
    """Whether the parties ask the court to confirm their agreement, and what it said (PMA 33)."""

    class Ruling(models.TextChoices):
        CONFIRMED = "confirmed", _("裁定有效")
        REJECTED = "rejected", _("裁定驳回")
        WITHDRAWN = "withdrawn", _("撤回申请")

    agreement = models.OneToOneField(Agreement, models.CASCADE, related_name="confirmation")
    asked = models.BooleanField(_("申请司法确认"))  # False: the parties said that they do not want it
    requested_on = models.DateField(_("申请日期"), null=True, blank=True)
    court = models.CharField(_("人民法院"), max_length=80, blank=True)
    ruling = models.CharField(_("裁定"), max_length=10, choices=Ruling.choices, blank=True)
    ruled_on = models.DateField(_("裁定日期"), null=True, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(asked=False) | Q(requested_on__isnull=False), name="a_request_says_on_which_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.agreement_id} {self.requested_on}"


class TaskQuerySet(models.QuerySet["Task"]):
    def visible_to(self, user: User) -> TaskQuerySet:
        """Tasks of the cases that `user` may read: the scope rule of the case."""
        condition = user.scope.cases("dispute__")
        return self.none() if condition is None else self.filter(condition)

    def open(self) -> TaskQuerySet:
        return self.filter(state=Task.State.OPEN)

    def for_offices_of(self, user: User, today: dt.date) -> TaskQuerySet:
        """Open ones of the desks of `user` that are near enough to be shown."""
        return self.still_useful(today).filter(office_id__in=sorted(user.scope.desks), since__lte=today)

    def still_useful(self, today: dt.date) -> TaskQuerySet:
        """Open ones; what the court would refuse after its deadline is nobody's work any more."""
        return self.open().exclude(kind=Task.Kind.CONFIRM, due_on__lt=today)


class Task(models.Model):
    """Something that a law wants done by a day at an office: on 我的待办, and reminded of, until it is done."""

    class Kind(models.TextChoices):
        PERFORM = "perform", _("核实履行")
        CONFIRM = "confirm", _("司法确认期限")
        LETTER = "letter", _("告诫书查访")
        POLICE = "police", _("治安案件依法处理")

    class State(models.TextChoices):
        OPEN = "open", _("待办")
        DONE = "done", _("已办")
        CANCELLED = "cancelled", _("不再需要")

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="tasks", db_index=False)
    round = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    office = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False)
    since = models.DateField()  # from this day on it is shown
    due_on = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    party = models.ForeignKey(Party, models.PROTECT, null=True, blank=True, related_name="+")  # whom to visit
    letter = models.ForeignKey(WarningLetter, models.CASCADE, null=True, blank=True, related_name="tasks")
    done_on = models.DateField(null=True, blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    objects = TaskQuerySet.as_manager()  # also `case.tasks.open()`

    class Meta:
        ordering = ["due_on", "pk"]
        indexes = [
            models.Index(fields=["office", "due_on"], condition=Q(state="open"), name="open_tasks_by_office"),
            models.Index(fields=["due_on"], condition=Q(state="open"), name="open_tasks_by_day"),
            models.Index(fields=["dispute"], name="tasks_of_a_case"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="done") | Q(done_on__isnull=False), name="a_task_that_is_done_says_when"
            )
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.kind} {self.due_on}"


class SlipQuerySet(models.QuerySet["Slip"]):
    def readable_by(self, user: User) -> SlipQuerySet:
        """A supervisor's, inside the area; nobody else's, least of all that of the desk complained about."""
        condition = user.scope.cases("dispute__")
        if condition is None or not user.scope.has(Role.SUPERVISOR):
            return self.none()
        return self.filter(condition)


class SlipManager(models.Manager.from_queryset(SlipQuerySet)):  # type: ignore[misc]
    def hand_in(
        self,
        *,
        case: Dispute,
        by: User,
        at: dt.datetime,
        text: str,
        received_on: dt.date,
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> Slip:
        """A slip that came in, typed by somebody who does not mediate in this case.

        It leaves no Event: the timeline is read by the desk. The log says that a slip was handed in, and no more.
        """
        sentence = Slip.why_not_hand_in(case, by)
        if sentence:
            raise MoveRefused(sentence)
        if not text:
            raise FactsMissing({"text": _g("写下意见的原话")})
        if received_on > timezone.localdate(at):
            raise FactsMissing({"received_on": _g("收到日期在今天之后，写实际收到的那天")})
        mine = self.filter(submission=submission, by=by) if submission else self.none()
        return once(mine, lambda: self._write(case, by, at, text, received_on, submission, request))

    def _write(
        self,
        case: Dispute,
        by: User,
        at: dt.datetime,
        text: str,
        received_on: dt.date,
        submission: uuid.UUID | None,
        request: HttpRequest | None,
    ) -> Slip:
        with transaction.atomic():
            slip = Slip(dispute=case, by=by, at=at, received_on=received_on, submission=submission)
            slip.sealed = keyring.seal(text, uid=slip.uid, **Slip.CELL)
            slip.save(force_insert=True)
            slip.log("note", by=by, at=at, request=request)
        return slip


class Slip(models.Model):
    """对调解员的意见 (PMA 11, 15): sealed, read by the supervisor alone, answered by the supervisor."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    submission = models.UUIDField(null=True, blank=True, editable=False)
    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="slips")
    sealed = models.TextField()
    received_on = models.DateField(_("收到日期"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    answer = models.CharField(_("处理情况"), max_length=500, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = SlipManager()

    CELL = {"table": "disputes_slip", "column": "sealed"}

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["by", "submission"], condition=Q(submission__isnull=False), name="one_slip_per_submission"
            )
        ]

    def __str__(self) -> str:
        return str(self.uid)

    def log(self, action: str, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> None:
        """One row of the access log, without a word of the slip."""
        county, detail = self.dispute.case_no[:6], {"slip": str(self.uid)}
        record(
            action=action, actor=by, county=county, subject=self.dispute.case_no, detail=detail, at=at, request=request
        )

    @staticmethod
    def why_not_hand_in(case: Dispute, by: User) -> str | None:
        """Why `by` cannot enter a slip; None when they can. Raises NotYours for roles that never do."""
        if by.scope.roles.isdisjoint({*DESK_ROLES, Role.SUPERVISOR}):
            raise NotYours(_g("你的岗位不登记意见。当事人可以把意见交给督导"))
        chairs = case.agreements.values_list("chair_id", flat=True)
        if by.pk == case.handler_id or by.pk in set(chairs):
            return _g("你是本案的经办人或主持人，意见由别人登记，也可以由当事人直接交给督导")
        return None

    def read(self, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> str:
        """The words, to a supervisor of the area; the log row is written before they are returned."""
        if not Slip.objects.readable_by(by).filter(pk=self.pk).exists():
            raise NotYours(_g("意见只有督导能看"))
        with transaction.atomic():
            subject, county = f"{self.dispute.case_no} {self.uid}", self.dispute.case_no[:6]
            record_read_once(actor=by, subject=subject, county=county, at=at, request=request)
        return keyring.unseal(self.sealed, uid=self.uid, **self.CELL)

    def close(self, *, by: User, at: dt.datetime, answer: str, request: HttpRequest | None = None) -> None:
        """What the supervisor did about it; said once."""
        with transaction.atomic():
            row = locked(Slip.objects.readable_by(by).filter(pk=self.pk)).first()
            if row is None:
                raise NotYours(_g("意见只有督导能看"))
            if row.answered_at:
                raise MoveRefused(_g("这条意见已经处理过，不用再填"))
            if not answer:
                raise FactsMissing({"answer": _g("写明怎么处理的")})
            row.answer, row.answered_by, row.answered_at = answer, by, at
            row.save(update_fields=["answer", "answered_by", "answered_at"])
            row.log("edit", by=by, at=at, request=request)


def lifts_in_area(user: User) -> models.QuerySet[Event]:
    """Every stop that was lifted in a case of the viewer's area: the supervisors' list and its count."""
    condition = user.scope.cases("dispute__")
    rows = Event.objects.filter(kind="lift")
    return rows.none() if condition is None else rows.filter(condition)


# --- what hangs on an agreement --------------------------------------------------------------------------------------
#: How long before the day a task is shown (days).
SHOWN_BEFORE: dict[str, int] = {Task.Kind.PERFORM: 3, Task.Kind.CONFIRM: 7}


class Standing:
    """What stands on the present round of one case, each read once; kept on the instance by `standing`."""

    def __init__(self, case: Dispute):
        self.case = case

    @cached_property
    def agreement(self) -> Agreement | None:
        if self.case.settled_at is None:  # a round that was not settled has none, and most pages need not ask
            return None
        rows = self.case.agreements.filter(round=self.case.round).select_related("confirmation__by")
        return rows.prefetch_related("obligations__debtor__dispute").first()

    @property
    def obligations(self) -> list[Obligation]:
        return list(self.agreement.obligations.all()) if self.agreement else []

    @property
    def confirmation(self) -> Confirmation | None:
        return getattr(self.agreement, "confirmation", None)

    @cached_property
    def track(self) -> PoliceTrack | None:
        return self.case.police_tracks.filter(round=self.case.round).select_related("by").first()

    @cached_property
    def sessions(self) -> list[PoliceSession]:
        if self.track is None:
            return []
        return list(self.case.police_sessions.filter(round=self.case.round).select_related("by"))

    @cached_property
    def no_penalty(self) -> NoPenalty | None:
        if self.case.settled_at is None:
            return None
        return self.case.no_penalty.filter(round=self.case.round).select_related("by", "decided_by").first()

    @cached_property
    def letters(self) -> list[WarningLetter]:
        if not self.case.is_family:
            return []
        return list(self.case.letters.select_related("warned__dispute", "victim__dispute", "by"))

    @cached_property
    def tasks(self) -> list[Task]:
        """Open and done, of all rounds: visits after a 告诫书 outlive the round."""
        rows = self.case.tasks.exclude(state=Task.State.CANCELLED)
        # most cases have none, and to ask that costs a fraction of the whole
        return list(rows.select_related("office", "party__dispute", "by")) if rows.exists() else []

    def open_tasks(self, kind: str) -> list[Task]:
        return [row for row in self.tasks if row.kind == kind and row.state == Task.State.OPEN]


def standing(case: Dispute) -> Standing:
    """The one `Standing` of this instance; `Dispute.forget` reads anew."""
    if "_standing" not in case.__dict__:
        case.__dict__["_standing"] = Standing(case)
    return case.__dict__["_standing"]


def police_desk(case: Dispute) -> Office:
    """The police room that serves the village, else the case's own desk."""
    return Coverage.objects.desk_for(case.village, 2) or case.desk


def add_task(case: Dispute, kind: str, due_on: dt.date, office: Office | None = None, **more: object) -> Task:
    """A new open task of the present round, for the case's desk unless another office must do it."""
    since = due_on - dt.timedelta(days=SHOWN_BEFORE.get(kind, 366))
    return Task.objects.create(
        dispute=case, round=case.round, kind=kind, office=office or case.desk, since=since, due_on=due_on, **more
    )


def promised(agreement: Agreement) -> None:
    """What follows from a new agreement: a task per performance date, one for the court's deadline (PMA 31, 33)."""
    case = agreement.dispute
    for day in sorted({row.due_on for row in agreement.obligations.all()}):
        add_task(case, Task.Kind.PERFORM, day)
    if agreement.may_be_confirmed:
        add_task(case, Task.Kind.CONFIRM, clock.confirmation_until(agreement.effective_on))


def keep_tasks(case: Dispute, by: User, on: dt.date) -> None:
    """Close the performance tasks of days on which nothing is open any more."""
    left = Obligation.objects.filter(agreement__dispute=case, agreement__round=case.round).exclude(
        performance__in=Obligation.FINAL
    )
    days = set(left.values_list("due_on", flat=True))
    tasks = case.tasks.filter(round=case.round, kind=Task.Kind.PERFORM, state=Task.State.OPEN)
    tasks.exclude(due_on__in=days).update(state=Task.State.DONE, done_on=on, by=by)


def end_tasks(case: Dispute, kinds: tuple[str, ...], state: str, *, by: User | None = None, on: dt.date | None) -> None:
    """Close every open task of these kinds in the rounds up to the present one."""
    case.tasks.filter(kind__in=kinds, state=Task.State.OPEN).update(state=state, by=by, done_on=on)


def heard(
    case: Dispute,
    *,
    by: User,
    at: dt.datetime,
    performance: str,
    on: dt.date,
    each: Mapping[int, str] | None = None,
) -> None:
    """What a return visit learned of the performance: `each` by obligation, `performance` on every other one.

    That one answer is about every obligation that it can be about: performed means all that is still open; the other
    answers mean what is due by then (未到期: what is not).
    """
    agreement = case.agreements.filter(round=case.round).first()
    each = each or {}
    if agreement is None or not (performance or each):
        return
    kept = (Obligation.Performance.ON_THE_SPOT, Obligation.Performance.DONE)
    for row in agreement.obligations.exclude(performance__in=Obligation.FINAL):
        code = each.get(row.pk, performance)
        done, due = code in kept, row.due_on <= on
        if not code or (row.pk not in each and not done and due == (code == Obligation.Performance.NOT_DUE)):
            continue
        row.performance, row.performed_on = code, on if done else None
        row.reported_by, row.reported_at = by, at
        row.save(update_fields=["performance", "performed_on", "reported_by", "reported_at"])
    keep_tasks(case, by, on)


#: A case that is over takes nothing of this room; one that was settled goes on until all is kept.
KEPT = (Status.SETTLED, Status.CLOSED)
