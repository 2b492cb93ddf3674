"""After settlement: return visits to each party, and the reminders that cannot be lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.locks import claim
from disputes.field.models import Capture
from disputes.models import Dispute, Event, Obligation, Party
from disputes.referrals.models import Referral
from disputes.sessions.models import INVITED_ROLES
from disputes.whistles.models import Call
from followups.counselling.models import CounsellingReferral
from followups.groups import ALWAYS_HEARD, MUTABLE, group_of
from villages.models import Office, Role, User


class ReturnVisitQuerySet(models.QuerySet["ReturnVisit"]):
    def visible_to(self, user: User) -> ReturnVisitQuerySet:
        """Visits of the cases that `user` may read: the scope rule of the case."""
        condition = user.scope.q("dispute__")
        return self.none() if condition is None else self.filter(condition)

    def planned(self) -> ReturnVisitQuerySet:
        return self.filter(state=ReturnVisit.State.PLANNED)

    def for_offices_of(self, user: User) -> ReturnVisitQuerySet:
        """Visits that the desks of `user` must make."""
        return self.filter(office_id__in=sorted(user.scope.desks))

    def give(self, to: User) -> int:
        """Make these visits `to`'s; how many. Called by the door that locked the case and writes its event."""
        return self.update(assignee=to)


class ReturnVisit(models.Model):
    """One visit to one party of one round: planned by a reaction, then done, failed, cancelled or waived.

    Nothing is preselected: satisfaction and state of mind are empty until somebody writes what was heard.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("待回访")
        DONE = "done", _("已回访")
        FAILED = "failed", _("没联系上")
        CANCELLED = "cancelled", _("已取消")
        WAIVED = "waived", _("已书面免访")

    class Reason(models.TextChoices):
        FIRST = "first", _("首次回访")
        PERFORMANCE = "performance", _("履行日回访")
        RETRY = "retry", _("再次联系")
        EXTRA = "extra", _("主动回访")  # made without having been planned
        DANGER = "danger", _("风险等级加访")
        AGAIN = "again", _("再回访一次")  # the conclusion of the visit before

    class Way(models.TextChoices):
        HOME = "home", _("入户")
        PHONE = "phone", _("电话")
        OFFICE = "office", _("来访")

    class Satisfaction(models.TextChoices):
        YES = "yes", _("满意")
        MOSTLY = "mostly", _("基本满意")
        NO = "no", _("不满意")
        NOT_STATED = "not_stated", _("未表态")
        REFUSED = "refused", _("拒访")

    class Mind(models.TextChoices):
        CALM = "calm", _("平稳")
        UPSET = "upset", _("有情绪")
        RELAPSE = "relapse", _("有反弹苗头")

    class Conclusion(models.TextChoices):
        CLOSE = "close", _("可以结案")
        AGAIN = "again", _("再回访一次")
        COUNSEL = "counsel", _("转心理疏导")
        RELAPSE = "relapse", _("反弹，重新办理")

    Performance = Obligation.Performance  # the one answer about all that was promised, where it is one

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="visits", db_index=False)
    round = models.PositiveSmallIntegerField()
    party = models.ForeignKey(Party, models.PROTECT, related_name="visits")
    reason = models.CharField(_("回访事由"), max_length=12, choices=Reason.choices)
    due_on = models.DateField(_("应回访日期"))
    # what the plan asks this visit for: first, perform/2026-04-19 (the day in the agreement), danger/30; else empty
    slot = models.CharField(max_length=20, blank=True, default="")
    office = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False)  # who makes the visit
    state = models.CharField(_("状态"), max_length=10, choices=State.choices, default=State.PLANNED)

    assignee = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")  # who makes it
    # one visit answers everything that was due by then: those are cancelled, and not asked for again
    answered_by = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")

    visited_on = models.DateField(_("回访日期"), null=True, blank=True)
    visited_time = models.TimeField(_("回访时间"), null=True, blank=True)
    way = models.CharField(_("回访方式"), max_length=8, choices=Way.choices, blank=True)
    satisfaction = models.CharField(_("对处理结果是否满意"), max_length=10, choices=Satisfaction.choices, blank=True)
    mind = models.CharField(_("思想动态"), max_length=8, choices=Mind.choices, blank=True)
    demands = models.TextField(_("诉求和原话"), max_length=2000, blank=True)
    performance = models.CharField(_("协议履行情况"), max_length=1, choices=Performance.choices, blank=True)
    performed = models.JSONField(_("各项履行情况"), default=dict, blank=True)  # obligation id → code
    topic = models.CharField(_("法治宣传主题"), max_length=8, blank=True)  # of the code table publicity_topic
    education = models.CharField(_("法治宣传内容"), max_length=200, blank=True)
    calmed = models.BooleanField(_("已做情绪疏导"), default=False)
    calming = models.CharField(_("情绪疏导"), max_length=200, blank=True)
    conclusion = models.CharField(_("回访结论"), max_length=8, choices=Conclusion.choices, blank=True)
    why_failed = models.CharField(_("没联系上的原因"), max_length=200, blank=True)  # also the waiver's reason
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    entered_at = models.DateTimeField(null=True, blank=True)  # time of visit and time of entry are kept apart

    objects = ReturnVisitQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dispute", "round", "party", "reason", "slot", "due_on"],
                condition=Q(state="planned"),
                name="a_visit_is_planned_once",
            ),
            models.UniqueConstraint(
                fields=["dispute", "round", "party", "slot"],
                condition=Q(state="planned") & ~Q(slot=""),
                name="a_visit_that_the_plan_asks_is_planned_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | (Q(visited_on__isnull=False) & Q(by__isnull=False)),
                name="a_visit_that_was_made_says_when_and_by_whom",
            ),
        ]
        indexes = [
            models.Index(fields=["office", "state", "due_on"], name="visits_to_make_by_office"),
            models.Index(fields=["dispute", "round"], name="visits_of_a_round"),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.party_id} {self.reason} {self.due_on}"


class VisitPlan(models.Model):
    """By which numbers and holidays the visits of a case were planned last; a plan of another key is behind."""

    dispute = models.OneToOneField(Dispute, models.CASCADE, primary_key=True, related_name="visit_plan")
    key = models.CharField(max_length=40, db_index=True)

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.key}"


class RelapseCheckQuerySet(models.QuerySet["RelapseCheck"]):
    def open(self) -> RelapseCheckQuerySet:
        return self.filter(state=RelapseCheck.State.OPEN)


class RelapseCheck(models.Model):
    """A sign of relapse that the desk must look into: it opens with the visit and waits until it is decided."""

    class State(models.TextChoices):
        OPEN = "open", _("待核实")
        CONFIRMED = "confirmed", _("确有反弹")
        DISMISSED = "dismissed", _("没有反弹")

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="relapse_checks", db_index=False)
    round = models.PositiveSmallIntegerField()
    event = models.OneToOneField(Event, models.PROTECT, related_name="+")  # the visit that found it
    due_on = models.DateField(_("核实期限"))
    state = models.CharField(_("核实结果"), max_length=10, choices=State.choices, default=State.OPEN)
    reason = models.TextField(_("核实情况"), max_length=1000, blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField(null=True, blank=True)

    objects = RelapseCheckQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dispute"], condition=Q(state="open"), name="one_relapse_is_looked_into_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["due_on"], condition=Q(state="open"), name="relapses_to_look_into")]

    def __str__(self) -> str:
        return f"{self.dispute_id}/{self.round} {self.state}"


class Handled(models.Model):
    """The reactions to this event have run; inserted with the rows they made, so that running twice is harmless."""

    event = models.OneToOneField(Event, models.CASCADE, primary_key=True, related_name="handled")

    def __str__(self) -> str:
        return str(self.event_id)


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def due(self, now: dt.datetime) -> ReminderQuerySet:
        """Pending rows whose time has come, whoever may hold them."""
        return self.filter(state=Reminder.State.PENDING, due_at__lte=now)

    def plan(self, rows: Iterable[Reminder]) -> None:
        """Insert what is not there yet; pumps that plan the same rows at once leave each of them once."""
        self.bulk_create(list(rows), batch_size=500, ignore_conflicts=True)  # type: ignore[arg-type]

    def claim(self, *, now: dt.datetime, lease: dt.timedelta, limit: int) -> list[Held]:
        """Up to `limit` due rows that nobody holds, held by the caller until the lease runs out.

        Each claim raises the attempt number: whoever held the row before can no longer finish it.
        """
        free = self.due(now).filter(Q(leased_until=None) | Q(leased_until__lt=now)).order_by("due_at", "pk")
        return [Held(*row) for row in claim(free[:limit], until=now + lease, columns=("id", *Held._fields[1:]))]

    def _held(self, row: Held) -> ReminderQuerySet:
        return self.filter(pk=row.pk, attempt=row.attempt, state=Reminder.State.PENDING)

    def cancel(self, row: Held) -> bool:
        """Close what is not true any more; False when another pump took it over."""
        return self._held(row).update(state=Reminder.State.CANCELLED, leased_until=None, error="") == 1

    def give_up(self, row: Held, error: str, *, again_at: dt.datetime | None) -> bool:
        """Give the row back until `again_at`, or for good; False when another pump took it over."""
        state = Reminder.State.PENDING if again_at else Reminder.State.FAILED
        return self._held(row).update(state=state, leased_until=again_at, error=error[:200]) == 1


class Held(NamedTuple):
    """A claimed reminder, as the pump needs it: no more than what stands in the row, since there are many."""

    pk: int
    attempt: int
    dispute_id: int
    kind: str
    slot: str
    recipient_id: int


class Reminder(models.Model):
    """The outbox: one row per case, kind, slot, person and channel; claimed, leased, sent, finished by the pump."""

    class Kind(models.TextChoices):
        """What the person is told; each is a fact about a day, so that a late one is still true."""

        DUE_SOON = "due_soon", _("案件快到期")
        DUE = "due", _("案件今天到期")
        OVERDUE = "overdue", _("案件已逾期")
        VISIT_SOON = "visit_soon", _("回访将到期")
        VISIT_DUE = "visit_due", _("回访今天到期")
        VISIT_OVERDUE = "visit_overdue", _("回访已逾期")
        SESSION_SOON = "session_soon", _("联调会快到了")
        WHISTLE_DUE = "whistle_due", _("吹哨今天到期")
        WHISTLE_OVERDUE = "whistle_overdue", _("吹哨已逾期")
        ANSWER_DUE = "answer_due", _("今天要答复督办、交办")
        ANSWER_OVERDUE = "answer_overdue", _("督办、交办逾期未答复")
        TASK_DUE = "task_due", _("履行、查访等今天到期")
        TASK_OVERDUE = "task_overdue", _("履行、查访等已逾期")

    class State(models.TextChoices):
        PENDING = "pending", _("待发")
        SENT = "sent", _("已发")
        CANCELLED = "cancelled", _("不再需要")
        FAILED = "failed", _("失败")

    class Channel(models.TextChoices):
        APP = "app", _("站内")

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="reminders", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    # the day it warns of and the office that must act, the session that will be held, or the call that waits for its
    # office: 2026-03-05/12
    slot = models.CharField(max_length=40)
    recipient = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.APP)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempt = models.PositiveIntegerField(default=0)  # the fence: only the holder of this number may finish
    leased_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    objects = ReminderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dispute", "kind", "slot", "recipient", "channel"], name="a_reminder_exists_once"
            )
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(state="pending"), name="reminders_due"),
            models.Index(fields=["-id"], condition=Q(state="failed"), name="reminders_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.kind} {self.slot}"

    @property
    def day(self) -> dt.date:
        """The day it warns of."""
        return dt.date.fromisoformat(self.slot[:10])

    def again(self, *, at: dt.datetime) -> bool:
        """Send what failed once more, by hand; False when it has not failed."""
        failed = Reminder.objects.filter(pk=self.pk, state=self.State.FAILED)
        return failed.update(state=self.State.PENDING, due_at=at, leased_until=None, error="") == 1


#: Notices that tell of a joint session and of nothing else of its case.
INVITATIONS = ("session_plan", "session_change", "session_off", Reminder.Kind.SESSION_SOON)
#: Reminders whose slot names a call instead of an office.
OF_WHISTLES = frozenset({Reminder.Kind.WHISTLE_DUE, Reminder.Kind.WHISTLE_OVERDUE})
#: Notices to an office to which a case was referred: they tell its number and nothing else of it.
OF_REFERRALS = ("referral_sent", "referral_over")
#: Notices to counsellors: that something waits for them, without the case.
OF_COUNSELLING = ("counsel_asked", "counsel_passed", "counsel_off")


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, user: User) -> NoticeQuerySet:
        """This person's notices, of what they may still read: a posting that ended takes its notices along.

        An invitation to a joint session is read by whoever was asked, and what was whistled or referred by the office
        that it went to, whether or not they read the case.
        """
        readable = [user.scope.q("dispute__"), user.scope.q("capture__")]
        if user.scope.has(*INVITED_ROLES):
            readable.append(Q(kind__in=INVITATIONS))
        if user.scope.responds:
            readable.append(Q(call__in=Call.objects.heard_by(user)))
            received = Referral.objects.filter(to_office__in=sorted(user.scope.responds)).values("dispute")
            readable.append(Q(kind__in=OF_REFERRALS, dispute__in=received))
        if user.scope.has(Role.COUNSELLOR):
            theirs = CounsellingReferral.objects.visible_to(user).values("dispute")
            readable.append(Q(kind__in=OF_COUNSELLING, dispute__in=theirs))
        known = [condition for condition in readable if condition is not None]
        return self.filter(reduce(or_, known), user=user) if known else self.none()

    def put(self, rows: Iterable[Notice]) -> None:
        """Insert what is not there yet; whoever tells the same twice, or two at once, leave it once."""
        rows = list(rows)
        Mute.objects.silence(rows)
        self.bulk_create(rows, ignore_conflicts=True)  # type: ignore[arg-type]

    def unread(self) -> NoticeQuerySet:
        return self.filter(read_at=None)

    def mark_read(self, at: dt.datetime) -> int:
        """How many became read."""
        return self.unread().update(read_at=at)

    def mark_unread(self, read_at: dt.datetime) -> int:
        """How many of those read at this very moment are unread again; muted ones never were unread."""
        return self.filter(read_at=read_at, muted=False).update(read_at=None)


class Notice(models.Model):
    """One line in somebody's 通知. Text is built per viewer when shown, so that no name leaks through it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notices", db_index=False)
    dispute = models.ForeignKey(Dispute, models.CASCADE, null=True, related_name="notices", db_index=False)
    capture = models.ForeignKey(Capture, models.CASCADE, null=True, related_name="notices", db_index=False)
    nth = models.PositiveIntegerField(default=0)  # of a capture: 0 is the alarm, then the reminders are counted
    kind = models.CharField(max_length=20)
    event = models.ForeignKey(Event, models.CASCADE, null=True, related_name="+", db_index=False)
    reminder = models.OneToOneField(Reminder, models.CASCADE, null=True, related_name="notice")
    call = models.ForeignKey(Call, models.CASCADE, null=True, related_name="+")  # of a whistle
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    # its reader had muted the case or the kind: it stands in the list, read from the start, and goes nowhere else
    muted = models.BooleanField(default=False)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["event", "user", "kind"],
                condition=Q(event__isnull=False),
                name="one_notice_per_event_and_person",
            ),
            models.UniqueConstraint(
                fields=["capture", "user", "kind", "nth"],
                condition=Q(capture__isnull=False),
                name="one_notice_per_alarm_and_person",
            ),
            models.CheckConstraint(
                condition=Q(dispute__isnull=True) ^ Q(capture__isnull=True), name="a_notice_is_about_one_thing"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="notices_newest_first"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notices_unread"),
            models.Index(fields=["created_at"], condition=Q(read_at=None), name="notices_to_tell"),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id or self.capture_id} {self.kind}"

    def case_no_for(self, viewer: User) -> str:
        """The number of the case it tells of; not for an asked office, which knows the whistle and not the case."""
        if self.call and self.call.whistle.desk_id not in viewer.scope.desks and not viewer.scope.has(Role.SUPERVISOR):
            return ""
        return self.dispute.case_no if self.dispute else ""


class MuteQuerySet(models.QuerySet["Mute"]):
    def put(self, rows: list[Mute]) -> None:
        """Insert what is not there yet: muting twice is muting once."""
        self.bulk_create(rows, ignore_conflicts=True)  # type: ignore[arg-type]

    def silence(self, notices: Iterable[Notice]) -> None:
        """Mark those of these unwritten notices that their own readers muted; one query for all of them.

        Danger, and what was put into the person's own hands, is never muted.
        """
        rows = [notice for notice in notices if notice.kind not in ALWAYS_HEARD]
        if not rows:
            return
        cases = {notice.dispute_id for notice in rows if notice.dispute_id}
        found = self.filter(Q(dispute=None) | Q(dispute__in=cases), user__in={notice.user_id for notice in rows})
        muted = set(found.values_list("user_id", "dispute_id", "group"))
        for notice in rows:
            mine: set[tuple[int, int | None, str]] = {(notice.user_id, None, str(group_of(notice.kind)))}
            if notice.dispute_id:
                mine.add((notice.user_id, notice.dispute_id, ""))
            if mine & muted:
                notice.muted, notice.read_at = True, notice.created_at

    def among(self, people: set[int]) -> set[int]:
        """Those of these people who muted anything at all: hardly anybody, and the others' notices need no look."""
        return set(self.filter(user__in=people).values_list("user", flat=True))

    def silence_written(self, reminders: list[int]) -> None:
        """The same for the notices just written of these reminders, in the caller's transaction."""
        if not reminders:
            return
        told = list(Notice.objects.filter(reminder__in=reminders))
        self.silence(told)
        Notice.objects.bulk_update([row for row in told if row.muted], ["muted", "read_at"])


class Mute(models.Model):
    """One person wants no badge and no message for one case, or for one group of notices; it binds nobody else."""

    user = models.ForeignKey(User, models.CASCADE, related_name="mutes", db_index=False)
    dispute = models.ForeignKey(Dispute, models.CASCADE, null=True, related_name="+", db_index=False)
    group = models.CharField(max_length=10, choices=[(str(g), g.label) for g in MUTABLE], blank=True)
    at = models.DateTimeField()

    objects = MuteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "dispute"], condition=Q(dispute__isnull=False), name="a_case_is_muted_once"
            ),
            models.UniqueConstraint(fields=["user", "group"], condition=~Q(group=""), name="a_group_is_muted_once"),
            models.CheckConstraint(condition=Q(dispute__isnull=True) ^ Q(group=""), name="a_case_or_a_group_is_muted"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.dispute_id or self.group}"


class DangerQuerySet(models.QuerySet["Danger"]):
    def mark_seen(self, *, by: User, at: dt.datetime) -> int:
        """How many somebody took note of just now."""
        return self.filter(seen_at=None).update(seen_by=by, seen_at=at)


class Danger(models.Model):
    """可能激化 or a red grade of a case, until one of the police has taken note of it."""

    event = models.OneToOneField(Event, models.CASCADE, primary_key=True, related_name="danger")
    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="dangers")
    at = models.DateTimeField()
    seen_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    seen_at = models.DateTimeField(null=True)

    objects = DangerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~(Q(seen_at__isnull=True) ^ Q(seen_by__isnull=True)), name="a_danger_was_seen_by_somebody"
            ),
        ]
        indexes = [models.Index(fields=["at"], condition=Q(seen_at=None), name="dangers_nobody_saw")]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.event_id}"


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def beat(self, name: str, at: dt.datetime) -> None:
        """In one statement, whether or not it ever beat before: every round of the pump ends with it."""
        row = Heartbeat(name=name, at=at)
        self.bulk_create([row], update_conflicts=True, unique_fields=["name"], update_fields=["at"])  # type: ignore[list-item]


class Heartbeat(models.Model):
    """When the pump last went round; older than three minutes shows a banner and fails /healthz/reminders/."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    objects = HeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


# Django finds a room's tables through this module.
from followups.channels import models as _channels  # noqa: E402, F401
from followups.handing import models as _handing  # noqa: E402, F401
