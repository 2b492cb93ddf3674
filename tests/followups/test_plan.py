"""What the policy asks, by a pure function; and a plan that is repaired whatever came between."""

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from disputes.models import Dispute, Obligation
from followups import planning, pump
from followups.models import ReturnVisit, VisitPlan
from followups.planning import Grade, derive, wanted
from followups.visits import record_visit
from tests import factories as f
from tests.factories import NOW, moment
from tests.house.tree import ROOT
from villages.models import Policy, SpecialDay
from villages.policy import CATALOGUE
from villages.workdays import WorkCalendar

DEFAULTS = {key: item.default for key, item in CATALOGUE.items()}


def shipped(*years: int) -> WorkCalendar:
    """The holiday table as it is shipped."""
    rows = [line.split(",") for line in (ROOT / "data" / "holidays.csv").read_text(encoding="utf-8").splitlines()[1:]]
    days = {(dt.date.fromisoformat(day), kind) for day, kind, *_name in rows if int(day[:4]) in years}
    return WorkCalendar(
        holidays=frozenset(day for day, kind in days if kind == "holiday"),
        workdays=frozenset(day for day, kind in days if kind == "workday"),
        years=frozenset(years),
    )


def days(settled_on, *, grades=(), promised=(), **policy):
    asked = wanted(
        settled_on=settled_on,
        parties=[1],
        performance_days=promised,
        grades=grades,
        policy={**DEFAULTS, **policy},
        calendar=shipped(2025),
    )
    return [(row.slot, row.due_on.isoformat()) for row in asked]


def test_the_working_days_around_the_spring_festival_of_2025_move_visits_too():
    calendar, friday = shipped(2025), dt.date(2025, 1, 24)
    assert calendar.add(friday, 5) == dt.date(2025, 2, 7)
    assert calendar.add(friday, 6) == dt.date(2025, 2, 8)  # a Saturday that is worked
    # Friday 24 January + 4 is the eve of the festival; + 14 is a Friday, + 15 that Saturday, + 16 a Sunday
    for n, day in [(2, "2025-01-26"), (4, "2025-02-05"), (14, "2025-02-07"), (15, "2025-02-08"), (16, "2025-02-10")]:
        assert days(friday, first_visit_days=n) == [("first", day)], n
    performance = dt.date(2025, 10, 3)
    assert days(friday, promised=[performance])[1] == ("perform/2025-10-03", "2025-10-09")


def test_the_grade_asks_for_more_rounds():
    monday = dt.date(2025, 3, 3)
    until = dt.date(2025, 3, 20)

    def rounds(*grades: tuple[str, str]) -> list[str]:
        found = days(monday, grades=[Grade(dt.date.fromisoformat(on), level, until) for on, level in grades])
        return [slot for slot, _day in found if slot.startswith("danger")]

    assert rounds(("2025-03-01", "red")) == ["danger/7", "danger/30", "danger/90"]
    assert rounds(("2025-03-01", "orange")) == ["danger/30", "danger/90"]
    assert rounds(("2025-03-01", "yellow")) == rounds() == []
    assert rounds(("2025-03-20", "red")) == ["danger/30", "danger/90"]  # the seventh day was over by then
    assert rounds(("2025-03-01", "red"), ("2025-03-20", "red")) == ["danger/7", "danger/30", "danger/90"]  # renewed
    assert rounds(("2025-03-01", "red"), ("2025-03-20", "orange")) == ["danger/30", "danger/90"]
    assert rounds(("2025-03-01", "red"), ("2025-03-20", "blue")) == []
    expired = Grade(dt.date(2025, 2, 1), "red", dt.date(2025, 3, 2))
    assert days(monday, grades=[expired]) == [("first", "2025-03-18")]


def test_of_several_visits_on_one_day_one_is_enough():
    friday = dt.date(2025, 3, 7)
    saturday, monday = dt.date(2025, 4, 12), dt.date(2025, 4, 14)
    assert days(friday, promised=[saturday, monday]) == [("first", "2025-03-24"), ("perform/2025-04-12", "2025-04-14")]


# --- the plan that stands --------------------------------------------------------------------------------------------
@pytest.fixture
def run(django_capture_on_commit_callbacks):
    def call(function, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return function(*args, **kwargs)

    return call


def plan(case, side="A"):
    rows = case.visits.filter(party__side=side).exclude(state="cancelled").order_by("due_on", "pk")
    return [(row.slot or row.reason, row.due_on.isoformat(), row.state) for row in rows]


@pytest.mark.django_db
def test_grading_and_a_changed_agreement_plan_anew(w, run):
    case = run(f.settled, w)
    assert plan(case) == [("first", "2026-03-17", "planned"), ("perform/2026-04-01", "2026-04-01", "planned")]
    run(case.grade, by=w.assistant, at=NOW, level=Dispute.Danger.RED, reason="扬言动手")
    assert [row[:2] for row in plan(case)] == [
        ("danger/7", "2026-03-09"),
        ("first", "2026-03-17"),
        ("perform/2026-04-01", "2026-04-01"),  # the thirtieth day is the same one
        ("danger/90", "2026-06-01"),  # 31 May is a Sunday
    ]
    assert plan(case) == plan(case, "B")
    run(case.grade, by=w.assistant, at=NOW, level=Dispute.Danger.BLUE, reason="已劝开")
    Obligation.objects.update(due_on=dt.date(2026, 5, 8))
    assert derive(case) == 4
    assert plan(case) == [("first", "2026-03-17", "planned"), ("perform/2026-05-08", "2026-05-08", "planned")]
    assert derive(case) == 0


@pytest.mark.django_db
def test_a_party_that_joins_later_is_visited_like_the_others(w, run):
    case = run(f.settled, w)
    rows = [{"pk": party.pk} for party in case.parties.all()]
    rows.append({"side": "B", "name": "李发科"})
    run(case.edit, by=w.assistant, at=NOW, version=case.version, parties=rows)
    assert case.visits.filter(party__name="李发科").count() == 2


@pytest.mark.django_db
def test_the_pump_repairs_a_plan_when_a_holiday_comes_later(w, run, django_assert_max_num_queries):
    case = run(f.settled, w)
    first, second = case.principal_parties()
    at = moment("2026-03-17 10:00")
    heard = {"reached": True, "satisfaction": "yes", "mind": "calm"}
    facts = {"visited_on": at.date(), "way": "home", "parties": {first.pk: heard}}
    record_visit(case=case, by=w.assistant, at=at, facts=facts)
    holiday = SpecialDay.objects.create(day=dt.date(2026, 3, 17), kind="holiday", name="县里放假")
    assert pump.sweep_plans(lambda: at) == 1
    assert plan(case)[0] == ("first", "2026-03-17", "done")  # what was made stays
    assert plan(case, "B")[0] == ("first", "2026-03-18", "planned")
    holiday.delete()
    assert pump.sweep_plans(lambda: at) == 1
    assert plan(case, "B")[0] == ("first", "2026-03-17", "planned")
    Policy.objects.create(key="first_visit_days", value=20, valid_from=dt.date(2026, 4, 1))
    assert pump.sweep_plans(lambda: at) == 1
    assert plan(case, "B")[0] == ("first", "2026-03-17", "planned")  # settled under the number of March
    with django_assert_max_num_queries(3):
        assert pump.sweep_plans(lambda: at) == 0
    VisitPlan.objects.update(key="")
    assert pump.sweep_plans(lambda: at) == 1


@pytest.mark.django_db
def test_a_sweep_does_a_bounded_part_and_goes_on_with_the_rest(w, run, monkeypatch):
    monkeypatch.setattr(planning, "BATCH", 2)
    for _ in range(3):
        run(f.settled, w)
    VisitPlan.objects.update(key="")
    ReturnVisit.objects.filter(slot="first").delete()
    assert [planning.sweep() for _ in range(3)] == [2, 1, 0]
    assert ReturnVisit.objects.planned().filter(slot="first").count() == 6


@pytest.mark.django_db
def test_a_visit_keeps_who_makes_it_when_it_moves_or_is_tried_again(w, run):
    case = run(f.settled, w)
    case.visits.update(assignee=w.grid)
    SpecialDay.objects.create(day=dt.date(2026, 3, 17), kind="holiday", name="县里放假")
    planning.sweep()
    at = moment("2026-03-18 10:00")
    missed = {"reached": False, "why_failed": "外出", "next_on": dt.date(2026, 3, 20)}
    facts = {"visited_on": at.date(), "way": "home", "parties": {case.principal_parties()[0].pk: missed}}
    record_visit(case=case, by=w.assistant, at=at, facts=facts)
    assert set(case.visits.planned().values_list("assignee", flat=True)) == {w.grid.pk}


@pytest.mark.django_db
def test_the_first_rule_of_planning_is_read_as_slots(w, run):
    """What the migration does with visits that were planned before there were slots."""
    from importlib import import_module

    from django.apps import apps

    case = run(f.settled, w)
    before = plan(case)
    ReturnVisit.objects.update(slot="")
    VisitPlan.objects.all().delete()
    with transaction.atomic():
        import_module("followups.migrations.0006_visit_slots").name_slots(apps, None)
    assert plan(case) == before
    assert planning.sweep() == 1 and plan(case) == before
    assert timezone.localdate(case.settled_at) == NOW.date()
