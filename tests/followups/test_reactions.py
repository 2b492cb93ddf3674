"""What follows from each event: visits, notices, and nothing twice."""

import datetime as dt

import pytest
from django.db import transaction

from disputes import moves, panels
from disputes.models import OTHER_EVENTS, Dispute, Event
from followups import reactions
from followups.models import Handled, Notice, ReturnVisit
from tests import factories as f
from tests.factories import NOW, moment
from villages.models import Coverage, Office, Posting

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(django_capture_on_commit_callbacks):
    """Runs what a request does, with its reactions after the commit."""

    def call(function, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return function(*args, **kwargs)

    return call


def told(kind=None):
    rows = Notice.objects.order_by("pk")
    return [n.user.username for n in (rows.filter(kind=kind) if kind else rows)]


def test_every_event_has_an_entry_and_no_entry_is_without_event():
    assert reactions.REACTIONS.keys() == moves.MOVES.keys() | OTHER_EVENTS.keys()


def test_what_upper_rooms_registered_below():
    assert moves.registered_guards() == {"close": ["why_visits_missing"]}
    assert [function.__name__ for function in moves._after] == ["react"]
    assert panels.register_list() == [
        (20, "safeguards"),
        (30, "sessions"),
        (35, "instructions"),
        (40, "whistles"),
        (45, "papers"),
        (50, "visits"),
        (52, "counselling"),
        (55, "referrals"),
        (60, "sources"),
        (65, "outcomes"),
        (70, "links"),
        (80, "reminders"),
    ]


def test_settling_plans_a_visit_to_each_party_on_a_working_day_and_one_more_when_something_must_be_done(w, run):
    case = run(f.settled, w, at=moment("2026-03-20 10:00"))  # + 15 days is Saturday 4 April, Monday the 6th a holiday
    planned = list(case.visits.values_list("party__side", "reason", "due_on", "office", "state", "round"))
    first, performance = dt.date(2026, 4, 7), dt.date(2026, 4, 20)  # 19 April is a Sunday
    assert planned == [
        ("A", "first", first, w.committee.pk, "planned", 1),
        ("B", "first", first, w.committee.pk, "planned", 1),
        ("A", "performance", performance, w.committee.pk, "planned", 1),
        ("B", "performance", performance, w.committee.pk, "planned", 1),
    ]


def test_an_obligation_due_by_the_first_visit_needs_no_visit_of_its_own(w, run):
    case = f.mediating(w)
    rows = [
        {"debtor": case.principal_parties()[0], "what": what, "amount": None, "due_on": NOW.date() + dt.timedelta(days)}
        for what, days in (("赔礼", 1), ("付款", 40), ("立桩", 40))
    ]
    facts = f.settlement(w, case, organisation=w.committee, chair=w.village_mediator, obligations=rows)
    run(case.perform, "settle", by=w.assistant, at=NOW, **facts)
    assert case.visits.filter(reason="first").count() == 2
    assert (
        list(case.visits.filter(reason="performance").values_list("due_on", flat=True))
        == [NOW.date() + dt.timedelta(42)] * 2  # 11 April is a Saturday
    )


def test_above_the_village_the_police_room_visits(w, run):
    case = f.at_centre(w)
    case.perform("take_up", by=w.centre, at=NOW, handler=w.centre)
    run(case.perform, "settle", by=w.centre, at=NOW, **f.settlement(w, case))
    assert set(case.visits.values_list("office", flat=True)) == {w.room.pk}


def test_without_a_police_room_the_desk_visits(w, run):
    case = f.at_centre(w)
    case.perform("take_up", by=w.centre, at=NOW, handler=w.centre)
    Coverage.objects.filter(office=w.room).delete()
    run(case.perform, "settle", by=w.centre, at=NOW, **f.settlement(w, case))
    assert set(case.visits.values_list("office", flat=True)) == {w.centre_office.pk}


def test_running_a_reaction_twice_is_running_it_once(w, run):
    case = run(f.settled, w)
    before = (ReturnVisit.objects.count(), Notice.objects.count(), Handled.objects.count())
    assert [reactions.react(event.pk) for event in case.events.all()] == [False] * case.events.count()
    assert before == (ReturnVisit.objects.count(), Notice.objects.count(), Handled.objects.count())


def test_a_reaction_that_fails_leaves_nothing_and_can_run_again(w, monkeypatch):
    case = f.settled(w)
    event = case.events.get(kind="settle")

    def broken(event):
        raise RuntimeError

    monkeypatch.setitem(reactions.REACTIONS, "settle", [reactions.plan_visits, broken])
    with pytest.raises(RuntimeError), transaction.atomic():
        reactions.react(event.pk)
    assert not case.visits.exists() and not Handled.objects.filter(event=event).exists()
    monkeypatch.undo()
    assert reactions.react(event.pk)
    assert case.visits.count() == 4


def test_a_failing_reaction_does_not_fail_the_move(w, run, monkeypatch):
    monkeypatch.setitem(reactions.REACTIONS, "take_up", [lambda event: 1 / 0])
    case = f.register(w)
    run(case.perform, "take_up", by=w.assistant, at=NOW, handler=w.assistant)
    case.refresh_from_db()
    assert case.status == "mediating"
    assert not Handled.objects.filter(event__kind="take_up").exists()


def test_reopening_cancels_the_visits_of_earlier_rounds_only(w, run):
    case = run(f.settled, w)
    run(case.perform, "reopen", by=w.assistant, at=NOW, reason="反弹", report="又占了草场")
    assert set(case.visits.values_list("state", flat=True)) == {"cancelled"}
    case.perform("take_up", by=w.assistant, at=NOW, handler=w.assistant)
    facts = f.settlement(w, case, organisation=w.committee, chair=w.village_mediator)
    run(case.perform, "settle", by=w.assistant, at=NOW, **facts)
    reactions.plan_visits(case.events.get(kind="reopen"))  # late and once more
    assert case.visits.filter(round=2, state="planned").count() == 4


def test_a_settlement_caught_up_after_the_reopening_plans_nothing(w, run):
    case = f.settled(w)
    run(case.perform, "reopen", by=w.assistant, at=NOW, reason="反弹", report="又占了草场")
    assert reactions.react(case.events.get(kind="settle").pk)
    assert not case.visits.exists()


def test_an_escalation_is_told_to_the_desk_that_receives_it_lead_first_and_not_to_the_sender(w, run):
    Posting.objects.filter(user=w.second_officer).update(mark="deputy")
    case = f.mediating(w)
    f.attempt(case, w.assistant)
    run(case.perform, "escalate", by=w.assistant, at=NOW, reason="需要丈量")
    assert told() == ["officer", "second_officer"]


def test_a_late_reaction_tells_the_desk_of_the_event_not_of_today(w, run):
    case = f.at_room(w)
    case.perform("return", by=w.officer, at=NOW, reason="材料不全", to_add="界桩照片")
    reactions.react(case.events.get(kind="escalate").pk)
    assert told("escalate") == ["officer", "second_officer"]
    reactions.react(case.events.get(kind="return").pk)
    assert told("return") == ["assistant", "grid", "village_mediator"]


def test_assigning_tells_the_one_who_is_assigned(w, run):
    case = f.mediating(w)
    run(case.perform, "assign", by=w.assistant, at=NOW, person=w.grid)
    assert told("assign") == ["grid"]


def test_what_may_come_to_blows_is_told_to_police_room_and_station(w, run):
    station = f.office("620623103-P", Office.Kind.STATION, "松山派出所", w.township)
    f.user("station", "派出所值班", (station, "officer"))
    case = f.mediating(w)
    run(case.perform, "escalate", by=w.assistant, at=NOW, reason="扬言动手", may_escalate=True)
    assert sorted(told("may_escalate")) == ["officer", "second_officer", "station"]
    other = f.mediating(w)
    run(other.grade, by=w.assistant, at=NOW, level=Dispute.Danger.RED, reason="扬言动手")
    assert told("may_escalate").count("station") == 2


def test_posts_that_ended_and_disabled_people_are_not_told(w, run):
    Posting.objects.filter(user=w.officer).update(valid_to=dt.date(2026, 1, 1))
    w.second_officer.is_active = False
    w.second_officer.save()
    case = f.mediating(w)
    f.attempt(case, w.assistant)
    run(case.perform, "escalate", by=w.assistant, at=NOW, reason="需要丈量")
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_visits_are_there_as_soon_as_the_settlement_is(w):
    case = f.settled(w)
    assert case.visits.count() == 4
    assert not Event.objects.filter(handled=None, kind__in=reactions.reacting_kinds()).exists()
