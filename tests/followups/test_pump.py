"""The sweeps of the pump: what they do on which day, and that doing it again changes nothing."""

import datetime as dt

import pytest
from django.utils import timezone

from disputes.models import Dispute, Event
from followups import pump
from followups.models import Handled, Heartbeat, Notice, Reminder, ReturnVisit
from followups.pump import pump_once
from followups.reactions import reacting_kinds
from followups.tasks import pump as task
from tests import factories as f
from tests.factories import NOW, moment
from villages import policy
from villages.models import Coverage, Draft, SpecialDay

pytestmark = pytest.mark.django_db
KIND = Reminder.Kind


def told(kind):
    return sorted(n.user.username for n in Notice.objects.filter(kind=kind).select_related("user"))


def rows():
    return sorted(
        Reminder.objects.values_list("dispute__case_no", "kind", "slot", "recipient__username", "state", "due_at")
    )


# --- events ----------------------------------------------------------------------------------------------------------
def test_events_whose_reactions_never_ran_are_caught_up(w):
    case = f.settled(w)
    assert not case.visits.exists() and not Handled.objects.exists()
    assert pump_once(now=NOW)["reacted"] == Event.objects.filter(kind__in=reacting_kinds()).count()
    assert case.visits.count() == 4
    assert pump_once(now=NOW)["reacted"] == 0
    assert case.visits.count() == 4


def test_one_broken_reaction_does_not_stop_the_others(w, monkeypatch):
    from followups import reactions

    f.settled(w)
    with monkeypatch.context() as patch:
        patch.setitem(reactions.REACTIONS, "take_up", [lambda event: 1 / 0])
        pump_once(now=NOW)
    assert [event.kind for event in Event.objects.filter(handled=None, kind__in=reacting_kinds())] == ["take_up"]
    assert ReturnVisit.objects.count() == 4
    pump_once(now=NOW)
    assert not Event.objects.filter(handled=None, kind__in=reacting_kinds()).exists()


# --- the clock -------------------------------------------------------------------------------------------------------
def test_the_clock_passes_a_case_up_when_the_second_working_day_after_the_due_day_is_over(w):
    case = f.mediating(w)  # Monday 2 March: due Thursday 5, escalated at the end of Monday 9
    assert (case.due_on, case.escalate_on) == (dt.date(2026, 3, 5), dt.date(2026, 3, 9))
    pump_once(now=moment("2026-03-09 23:59"))
    case.refresh_from_db()
    assert case.tier == 1
    assert pump_once(now=moment("2026-03-10 00:00"))["escalated"] == 1
    case.refresh_from_db()
    assert (case.tier, case.status, case.desk, case.handler) == (2, "waiting", w.room, None)
    event = case.events.get(kind="escalate")
    assert (event.by, "2 个工作日" in event.text.body) == (None, True)
    assert pump_once(now=moment("2026-03-10 00:01"))["escalated"] == 0
    assert told("escalate") == ["officer", "second_officer"]


def test_paused_extended_and_top_tier_cases_stay(w):
    paused, extended, top = f.mediating(w), f.mediating(w), f.at_centre(w)
    paused.perform("pause", by=w.assistant, at=NOW, reason="等待丈量")
    extended.perform(
        "extend", by=w.assistant, at=NOW, reason="等待丈量", until=dt.date(2026, 3, 20), consents=f.agreed(extended)
    )
    assert pump_once(now=moment("2026-03-25 09:00"))["escalated"] == 0
    for case in (paused, extended, top):
        before = (case.tier, case.status)
        case.refresh_from_db()
        assert (case.tier, case.status) == before
    assert set(told(KIND.OVERDUE)) >= {"assistant", "centre", "centre_lead"}


def test_cases_that_cannot_go_up_are_skipped_and_the_others_go(w):
    over, alone, other = f.mediating(w), f.register(w, village=w.sister_village), f.mediating(w)
    Dispute.objects.filter(pk=over.pk).update(case_due_on=dt.date(2026, 3, 4))  # past its own limit
    Coverage.objects.filter(office=w.room, area=w.sister_village).delete()  # nobody serves it above
    assert pump_once(now=moment("2026-03-10 09:00"))["escalated"] == 1
    for case, tier in ((over, 1), (alone, 1), (other, 2)):
        case.refresh_from_db()
        assert case.tier == tier


def test_a_holiday_table_that_arrives_late_moves_provisional_due_dates(w):
    SpecialDay.objects.filter(day__year__gte=2026).delete()
    case = f.register(w, at=moment("2026-04-02 09:00"), tier=2)
    assert case.due_provisional and case.due_on == dt.date(2026, 4, 3)
    pump_once(now=moment("2026-04-02 10:00"))
    case.refresh_from_db()
    assert case.due_provisional
    SpecialDay.objects.create(day=dt.date(2026, 4, 3), kind="holiday", name="清明节")
    assert pump_once(now=moment("2026-04-02 10:01"))["reclocked"] == 1
    case.refresh_from_db()
    assert (case.due_provisional, case.due_on, case.version) == (False, dt.date(2026, 4, 6), 1)


# --- reminders -------------------------------------------------------------------------------------------------------
def test_a_due_day_is_told_to_everyone_at_the_desk_once(w):
    case = f.mediating(w)
    pump_once(now=moment("2026-03-04 09:00"))
    assert told(KIND.DUE) == []
    for hour in ("00:01", "08:00", "23:59"):
        pump_once(now=moment(f"2026-03-05 {hour}"))
    assert told(KIND.DUE) == ["assistant", "grid", "village_mediator"]
    assert Notice.objects.filter(kind=KIND.DUE).first().dispute == case
    for day in (6, 7, 9):
        pump_once(now=moment(f"2026-03-0{day} 09:00"))
    assert told(KIND.OVERDUE) == ["assistant", "grid", "village_mediator"]


def test_the_desk_is_told_two_working_days_ahead_over_a_weekend_and_a_missed_day_is_made_good(w):
    desk = ["assistant", "grid", "village_mediator"]
    case = f.mediating(w)
    for due_on, too_early, first in (
        ("2026-03-16", "2026-03-11", "2026-03-12"),  # Monday: Thursday is two working days before
        ("2026-03-17", "2026-03-12", "2026-03-15"),  # Tuesday: Friday and Saturday were slept through
    ):
        Notice.objects.all().delete()
        Dispute.objects.filter(pk=case.pk).update(due_on=dt.date.fromisoformat(due_on), escalate_on=None)
        pump_once(now=moment(f"{too_early} 23:59"))
        assert told(KIND.DUE_SOON) == []
        for hour in ("00:00", "12:00"):
            pump_once(now=moment(f"{first} {hour}"))
        assert told(KIND.DUE_SOON) == desk


def test_a_due_day_that_was_slept_through_is_told_as_overdue(w):
    f.mediating(w)
    pump_once(now=moment("2026-03-06 09:00"))
    assert (told(KIND.DUE), len(told(KIND.OVERDUE))) == ([], 3)


def test_visits_are_announced_three_days_ahead_on_the_day_and_when_late(w, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        f.settled(w)  # first visits on Tuesday 17 March
    desk = ["assistant", "grid", "village_mediator"]
    pump_once(now=moment("2026-03-13 09:00"))
    assert not Reminder.objects.exists()
    pump_once(now=moment("2026-03-14 09:00"))
    assert told(KIND.VISIT_SOON) == desk  # one line for both parties
    pump_once(now=moment("2026-03-17 09:00"))
    assert told(KIND.VISIT_DUE) == desk
    pump_once(now=moment("2026-03-19 09:00"))
    assert told(KIND.VISIT_OVERDUE) == desk
    assert len(rows()) == 9


def test_the_number_of_days_ahead_is_a_setting(w, django_capture_on_commit_callbacks):
    policy.Policy.objects.create(key="visit_remind_days", value=5, valid_from=dt.date(2026, 3, 1))
    with django_capture_on_commit_callbacks(execute=True):
        f.settled(w)
    pump_once(now=moment("2026-03-12 09:00"))
    assert Reminder.objects.filter(kind=KIND.VISIT_SOON).count() == 3


def test_what_no_longer_holds_is_cancelled_and_not_sent(w):
    case = f.mediating(w)
    at = moment("2026-03-05 09:00")
    pump.plan_reminders(lambda: at)
    case.perform("withdraw", by=w.assistant, at=at, asked_by="双方", reason="自行说和")
    pump_once(now=at)
    assert set(Reminder.objects.values_list("state", flat=True)) == {"cancelled"}
    assert not told(KIND.DUE)


@pytest.mark.django_db(transaction=True)
def test_every_round_again_changes_nothing(w):
    f.mediating(w), f.settled(w), f.at_centre(w)
    for day in (5, 6, 10, 17, 25, 31):
        at = moment(f"2026-03-{day:02} 09:00")
        pump_once(now=at)
        before = (rows(), Notice.objects.count(), Event.objects.count(), ReturnVisit.objects.count())
        pump_once(now=at)
        assert before == (rows(), Notice.objects.count(), Event.objects.count(), ReturnVisit.objects.count())


# --- claim, lease, fence ---------------------------------------------------------------------------------------------
@pytest.fixture
def planned(w):
    f.mediating(w)
    at = moment("2026-03-05 09:00")
    pump.plan_reminders(lambda: at)
    return at


LEASE = dt.timedelta(seconds=60)


def test_a_claimed_row_is_nobody_elses_until_the_lease_runs_out(planned):
    mine = Reminder.objects.claim(now=planned, lease=LEASE, limit=50)
    assert len(mine) == 3
    assert not Reminder.objects.claim(now=planned + LEASE, lease=LEASE, limit=50)
    again = Reminder.objects.claim(now=planned + LEASE + dt.timedelta(seconds=1), lease=LEASE, limit=50)
    assert [(row.pk, row.attempt) for row in again] == [(row.pk, 2) for row in mine]


def test_the_one_whose_lease_ran_out_can_no_longer_finish(planned):
    late = Reminder.objects.claim(now=planned, lease=LEASE, limit=50)
    heir = Reminder.objects.claim(now=planned + 2 * LEASE, lease=LEASE, limit=50)
    assert pump.send(late, lambda: planned + 2 * LEASE) == 0  # while the heir still holds them
    assert pump.send(heir, lambda: planned + 2 * LEASE) == 3
    assert pump.send(late, lambda: planned + 2 * LEASE) == 0
    assert Notice.objects.filter(kind=KIND.DUE).count() == 3


def test_a_row_that_fails_waits_for_its_turn_and_gives_up_at_the_fifth(planned, monkeypatch):
    broken = Reminder.objects.first()
    deliver = pump.deliver

    def fails_for_one(rows, at):
        if broken.pk in {row.pk for row in rows}:
            raise ConnectionError
        return deliver(rows, at)

    monkeypatch.setattr(pump, "deliver", fails_for_one)
    at = planned
    for attempt in range(1, pump.TRIES + 1):
        pump.send_due(lambda at=at: at)
        broken.refresh_from_db()
        assert (broken.attempt, broken.error) == (attempt, "ConnectionError")
        at += dt.timedelta(seconds=61)
    assert broken.state == "failed"
    assert Reminder.objects.filter(state="sent").count() == 2


def test_a_sweep_that_fails_lets_the_others_run_but_stops_the_heartbeat(w, monkeypatch):
    f.mediating(w)
    pump_once()
    before = Heartbeat.objects.get().at

    def broken(moment):
        raise RuntimeError

    monkeypatch.setattr(pump, "sweep_clock", broken)
    with pytest.raises(RuntimeError):
        pump_once(now=moment("2026-03-05 09:00"))
    assert len(told(KIND.DUE)) == 3
    assert Heartbeat.objects.get().at == before


def test_old_drafts_go(w):
    old = timezone.now() - dt.timedelta(days=31)
    Draft.objects.create(user=w.assistant, key="register", url="/", sealed="x", updated_at=old)
    Draft.objects.create(user=w.grid, key="register", url="/", sealed="x", updated_at=timezone.now())
    task()
    assert [draft.user for draft in Draft.objects.all()] == [w.grid]


def test_an_empty_round_takes_few_queries(w, django_assert_max_num_queries):
    pump_once()
    with django_assert_max_num_queries(24):
        pump_once()
