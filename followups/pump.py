"""The guarantee behind everything that must not be lost: one round of idempotent sweeps over the database.

Celery beat, the command `pump` and five of them at once all call `pump_once`: every sweep looks at state, never at
"it is nine o'clock", so a missed, late or doubled round leaves the same rows.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Mapping

from django.conf import settings
from django.db import connection
from django.db.models import Case, CharField, Exists, Max, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Concat, TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import idempotency
from disputes import attachments
from disputes.inbox.models import Instruction
from disputes.models import Dispute, Event, MoveRefused, rules_on
from disputes.safe.models import Task
from disputes.sessions.models import Session
from disputes.whistles.models import Call
from followups import alarms, danger, planning
from followups.channels import sweep as channels
from followups.delivering import deliver, needed
from followups.models import OF_WHISTLES, Heartbeat, Held, Reminder, ReturnVisit
from followups.reactions import people_at, react, reacting_kinds, whistled, whistled_and_above
from villages.models import Draft
from villages.policy import policy_on
from villages.workdays import load_calendar

log = logging.getLogger("followups.pump")

BATCH = 1000
TRIES = 5
DRAFTS_KEPT = dt.timedelta(days=30)


#: What the command `pump` does beside the rounds, for upper rooms: each has a Celery task of its own, too.
beside: list[Callable[[], object]] = []


def database_now() -> dt.datetime:
    """The database's clock: workers whose clocks disagree still agree on what is due and whose lease ran out."""
    if connection.vendor == "sqlite":
        return timezone.now()  # the database lives in this process
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def pump_once(now: dt.datetime | None = None) -> dict[str, int]:
    """One round of every sweep; how much each did. `now` stands in for the database's clock.

    A sweep that fails does not keep the others from running, but then there is no heartbeat: the banner and
    /healthz/reminders/ tell.
    """

    def moment() -> dt.datetime:
        return now or database_now()

    sweeps: dict[str, Callable[[Callable[[], dt.datetime]], int]] = {
        "reacted": sweep_events,
        "warned": sweep_alarms,
        "escalated": sweep_clock,
        "reclocked": sweep_provisional,
        "replanned": sweep_plans,
        "planned": plan_reminders,
        "sent": send_due,
        "addressed": channels.plan,
        "delivered": channels.deliver_due,
        "purged": purge,
        "swept": sweep_files,
    }
    done, failed = {}, None
    for name, sweep in sweeps.items():
        try:
            done[name] = sweep(moment)
        except Exception as error:
            log.exception("The sweep %r failed.", name)
            failed = error
    if failed:
        raise failed
    Heartbeat.objects.beat("pump", moment())
    if any(done.values()):
        log.info("Pump: %s", ", ".join(f"{name} {count}" for name, count in done.items() if count))
    return done


# --- events and clocks -----------------------------------------------------------------------------------------------
def sweep_events(moment: Callable[[], dt.datetime]) -> int:
    """React to the events whose server died, or whose reaction failed, right after the commit."""
    count = 0
    missed = Event.objects.filter(handled=None, kind__in=reacting_kinds())
    for pk in list(missed.order_by("pk").values_list("pk", flat=True)):
        try:
            count += react(pk)
        except Exception:
            log.exception("The reactions to event %s failed; the next round tries again.", pk)
    return count


def sweep_alarms(moment: Callable[[], dt.datetime]) -> int:
    """Tell the police of 可能激化 that they were not told of, or have not acknowledged for a while; then go higher."""
    at = moment()
    return alarms.warn_all(at) + danger.raise_all(at)


def sweep_clock(moment: Callable[[], dt.datetime]) -> int:
    """Pass up the cases whose grace after the due day is over; the day itself still belongs to the desk."""
    at = moment()
    today = timezone.localdate(at)
    # past its own limit no case changes hands any more; asking again every tick would only hold the writer lock
    in_time = Q(case_due_on=None) | Q(case_due_on__gte=today)
    late = list(Dispute.objects.open().filter(in_time, escalate_on__lt=today).order_by("escalate_on", "pk"))
    if not late:
        return 0
    rules = rules_on(today)
    reason = _("到期后 %(n)s 个工作日仍未办结，系统自动上报") % {"n": rules.policy["escalate_after_days"]}
    count = 0
    for case in late:
        try:
            case.perform("escalate", by=None, at=at, rules=rules, version=case.version, reason=reason)
            count += 1
        except MoveRefused as refused:
            # somebody was faster, or no office serves the village above: reminders go on
            log.debug("%s is not escalated: %s", case.case_no, refused.sentence)
        except Exception:
            log.exception("Escalating %s failed; the next round tries again.", case.case_no)
    return count


def sweep_provisional(moment: Callable[[], dt.datetime]) -> int:
    """Compute provisional due dates anew once the holiday table of their year has come."""
    provisional = Dispute.objects.open().filter(due_provisional=True)
    last = provisional.aggregate(last=Max("due_on"))["last"]
    if last is None:
        return 0
    rules = rules_on(timezone.localdate(moment()))
    if not rules.calendar.years:
        return 0
    return provisional.filter(due_on__year__lte=max(rules.calendar.years)).reclock(rules)


def sweep_plans(moment: Callable[[], dt.datetime]) -> int:
    """Plan the visits anew where holidays or numbers have changed since."""
    return planning.sweep()


# --- reminders -------------------------------------------------------------------------------------------------------
def plan_reminders(moment: Callable[[], dt.datetime]) -> int:
    """A row for every person at the desk of whatever is due, overdue or near, and has none yet; how many cases."""
    at = moment()
    today = timezone.localdate(at)
    policy = policy_on(today)
    ahead = today + dt.timedelta(days=policy["visit_remind_days"])
    near = load_calendar(today).add(today, policy["due_soon_days"])
    kind, due, late, soon = Reminder.Kind, Q(due_on=today), Q(due_on__lt=today), Q(due_on__gt=today)
    # A due day that was slept through gives the overdue row instead: what is told is always what is true now.
    cases = Dispute.objects.open().order_by().filter(due_on__lte=near)
    visits = ReturnVisit.objects.planned().order_by().filter(due_on__lte=ahead)
    calls = Call.objects.pending().order_by().filter(due_on__lte=today)
    # the day before; a day that was slept through is made good on the morning itself
    sessions = Session.objects.planned().order_by().annotate(due_on=TruncDate("starts_at"))
    sessions = sessions.filter(starts_at__gt=at, due_on__lte=today + dt.timedelta(days=1))
    tasks = Task.objects.still_useful(today).order_by().filter(due_on__lte=today)
    asked = Instruction.objects.pending().order_by().filter(due_on__lte=today)
    on_visits = {kind.VISIT_SOON: soon, kind.VISIT_DUE: due, kind.VISIT_OVERDUE: late}
    first, *others = (
        _lacking({kind.DUE_SOON: soon, kind.DUE: due, kind.OVERDUE: late}, cases, "pk", "desk_id"),
        _lacking(on_visits, visits, "dispute_id", "office_id"),
        _lacking({kind.TASK_DUE: due, kind.TASK_OVERDUE: late}, tasks, "dispute_id", "office_id"),
        _lacking({kind.ANSWER_DUE: due, kind.ANSWER_OVERDUE: late}, asked, "dispute_id", "dispute__desk_id"),
        _lacking({kind.WHISTLE_DUE: due, kind.WHISTLE_OVERDUE: late}, calls, "whistle__dispute_id", "pk"),
        _lacking({kind.SESSION_SOON: Q(due_on__gte=today)}, sessions, "dispute_id", "pk"),
    )
    lacking: list[Lacking] = list(first.union(*others, all=True))  # one query, however many kinds there are
    desks: dict[int, list[int]] = {}

    def told(what: str, whom: int) -> list[int]:
        """The people of an office, of a session, or those whom a call concerns: the late ones' superiors, too."""
        if what == kind.SESSION_SOON:
            return sorted(Session.objects.prefetch_related("attendees").get(pk=whom).people())
        if what in OF_WHISTLES:
            call = Call.objects.select_related("whistle__dispute").get(pk=whom)
            return whistled(call) if what == kind.WHISTLE_DUE else whistled_and_above(call)
        if whom not in desks:
            desks[whom] = people_at(whom)
        return desks[whom]

    for chunk in _chunks(lacking, 200):
        Reminder.objects.plan(
            Reminder(dispute_id=case, kind=what, slot=f"{day:%Y-%m-%d}/{whom}", recipient_id=person, due_at=at)
            for what, case, day, whom in chunk
            for person in told(what, whom)
        )
    return len(lacking)


Lacking = tuple[str, int, dt.date, int]


def _lacking(kinds: Mapping[Reminder.Kind, Q], rows: QuerySet, case: str, whom: str) -> QuerySet:
    """Kind, case, day and office, call or session of those rows for whose slot no reminder of their kind stands."""
    kind = Case(*(When(when, then=Value(str(name))) for name, when in kinds.items()), output_field=CharField())
    slot = Concat(Cast(OuterRef("due_on"), CharField()), Value("/"), Cast(OuterRef(whom), CharField()))
    written = Reminder.objects.filter(dispute=OuterRef(case), kind=OuterRef("told"), slot=slot)
    found = rows.annotate(told=kind).filter(~Exists(written))
    return found.values_list("told", case, "due_on", whom).distinct()


def _chunks(rows: list[Lacking], size: int) -> Iterator[list[Lacking]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def send_due(moment: Callable[[], dt.datetime]) -> int:
    """Claim → lease → send → finish, in batches until nothing is due. A row that fails does not stop the others."""
    lease = dt.timedelta(seconds=settings.PUMP_LEASE_SECONDS)
    sent = 0
    while True:
        rows = Reminder.objects.claim(now=moment(), lease=lease, limit=BATCH)
        sent += send(rows, moment) if rows else 0
        if len(rows) < BATCH:  # the last of them
            return sent


def send(rows: list[Held], moment: Callable[[], dt.datetime]) -> int:
    """Send claimed rows; how many arrived. All at once, and one by one where that fails."""
    at = moment()
    try:
        still = needed(rows, timezone.localdate(at))
        if len(still) < len(rows):
            for row in set(rows) - set(still):
                Reminder.objects.cancel(row)
        return deliver(still, at)
    except Exception:
        log.exception("A batch of %s reminders failed; each is tried by itself.", len(rows))
    return sum(_send_one(row, moment()) for row in rows)


def _send_one(row: Held, at: dt.datetime) -> int:
    try:
        if needed([row], timezone.localdate(at)):
            return deliver([row], at)
        Reminder.objects.cancel(row)
    except Exception as error:
        log.exception("Reminder %s failed at attempt %s.", row.pk, row.attempt)
        lease = dt.timedelta(seconds=settings.PUMP_LEASE_SECONDS)
        Reminder.objects.give_up(row, type(error).__name__, again_at=None if row.attempt >= TRIES else at + lease)
    return 0


def purge(moment: Callable[[], dt.datetime]) -> int:
    """Remove stored answers and drafts whose time is over."""
    at = moment()
    return idempotency.purge(at=at) + Draft.objects.filter(updated_at__lt=at - DRAFTS_KEPT).delete()[0]


def sweep_files(moment: Callable[[], dt.datetime]) -> int:
    """Once a day remove sealed files without a row."""
    return attachments.sweep_once_a_day()


# --- is it alive -----------------------------------------------------------------------------------------------------
def health(now: dt.datetime | None = None) -> dict[str, bool | int | None]:
    """Whether reminders flow: seconds since the last full round, and whether a row waits longer than it may."""
    now = now or database_now()
    patience = dt.timedelta(seconds=settings.PUMP_STALE_SECONDS)
    # one query: the banner asks on every page
    waiting = Exists(Reminder.objects.due(now - patience))
    row = Heartbeat.objects.filter(name="pump").annotate(waiting=waiting).values_list("at", "waiting").first()
    age = int((now - row[0]).total_seconds()) if row else None
    behind = bool(row and row[1])
    return {"ok": age is not None and age <= patience.total_seconds() and not behind, "age": age, "behind": behind}


def pump_is_stale() -> bool:
    """Whether the banner must say that reminders have stopped."""
    return not health(timezone.now())["ok"]
