"""Recording visits, waiving them, and what keeps a case from being closed."""

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from audit.models import AccessLog, verify
from disputes.models import FactsMissing, MoveRefused, NotYours
from followups.models import Handled, Notice, ReturnVisit
from followups.visits import record_visit, waive_visit
from tests import factories as f
from tests.factories import NOW, moment

pytestmark = pytest.mark.django_db
LATER = moment("2026-03-17 10:00")
HEARD = {"reached": True, "satisfaction": "yes", "mind": "calm", "demands": "按月到账"}
MISSED = {"reached": False, "why_failed": "电话关机", "next_on": dt.date(2026, 3, 20)}


@pytest.fixture
def case(w, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        return f.settled(w)


def facts(case, a=None, b=None, **more):
    first, second = case.principal_parties()
    given = {first.pk: a, second.pk: b}
    return {
        "visited_on": LATER.date(),
        "way": "home",
        "parties": {pk: answers for pk, answers in given.items() if answers},
        **more,
    }


def states(case):
    return list(case.visits.order_by("party__side", "due_on", "pk").values_list("party__side", "reason", "state"))


def test_one_visit_writes_both_sides_one_event_and_one_log_row(w, case):
    version = case.version
    event = record_visit(case=case, by=w.assistant, at=LATER, facts=facts(case, HEARD, HEARD, performance="4"))
    case.refresh_from_db()
    assert case.version == version
    assert (event.kind, event.label, event.desk_id) == ("visit", "回访", case.desk_id)
    assert event.text.body == "甲方：满意，平稳，未到期\n乙方：满意，平稳，未到期"
    assert AccessLog.objects.filter(event_hash=event.hash, subject=case.case_no).count() == 1
    row = case.visits.get(party__side="A", reason="first")
    assert (row.state, row.by, row.entered_at, row.demands) == ("done", w.assistant, LATER, "按月到账")
    assert not list(verify())


def test_not_reached_plans_the_next_try_and_does_not_count(w, case):
    record_visit(case=case, by=w.assistant, at=LATER, facts=facts(case, HEARD, MISSED))
    assert states(case)[2:] == [
        ("B", "first", "failed"),
        ("B", "retry", "planned"),
        ("B", "performance", "planned"),
    ]
    assert case.visits.get(reason="retry").due_on == dt.date(2026, 3, 20)
    sentence = case.why_not("close", by=w.assistant, at=LATER)
    assert "王世昌" in sentence and "马文林" not in sentence
    record_visit(case=case, by=w.assistant, at=LATER, facts=facts(case, None, MISSED))  # twice on one day
    record_visit(case=case, by=w.assistant, at=LATER, facts=facts(case, None, HEARD))
    assert case.why_not("close", by=w.assistant, at=LATER) is None


def test_a_visit_nobody_had_planned_is_kept_too(w, case):
    ReturnVisit.objects.update(state="cancelled")
    record_visit(case=case, by=w.assistant, at=LATER, facts=facts(case, HEARD))
    assert case.visits.get(reason="extra").state == "done"


def test_a_late_visit_answers_everything_that_was_due_by_then(w, case):
    at = moment("2026-05-06 10:00")
    record_visit(case=case, by=w.assistant, at=at, facts=facts(case, HEARD, visited_on=at.date()))
    assert states(case)[:2] == [("A", "first", "done"), ("A", "performance", "cancelled")]


def test_the_same_submission_twice_is_one_visit(w, case):
    given, token = facts(case, HEARD), uuid.uuid4()
    first = record_visit(case=case, by=w.assistant, at=LATER, facts=given, submission=token)
    assert record_visit(case=case, by=w.assistant, at=LATER, facts=given, submission=token) == first
    assert case.events.filter(kind="visit").count() == 1
    assert case.visits.filter(state="done").count() == 1


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"visited_on": None}, {"visited_on"}),
        ({"visited_on": LATER.date() + dt.timedelta(1)}, {"visited_on"}),
        ({"visited_on": NOW.date() - dt.timedelta(1)}, {"visited_on"}),
        ({"way": ""}, {"way"}),
        ({"parties": {}}, {"parties"}),
        ({"parties": {0: HEARD}}, {"parties"}),
    ],
)
def test_wrong_facts_are_named_and_nothing_is_written(w, case, change, names):
    with pytest.raises(FactsMissing) as caught:
        record_visit(case=case, by=w.assistant, at=LATER, facts=facts(case, HEARD) | change)
    assert names <= caught.value.errors.keys()
    assert not case.visits.exclude(state="planned").exists()


def test_nothing_is_preselected_so_every_answer_must_be_given(w, case):
    with pytest.raises(FactsMissing) as caught:
        record_visit(
            case=case,
            by=w.assistant,
            at=LATER,
            facts=facts(case, {"reached": True}, {"reached": False, "next_on": None}),
        )
    a, b = (party.pk for party in case.principal_parties())
    assert caught.value.errors.keys() == {f"satisfaction-{a}", f"mind-{a}", f"why_failed-{b}", f"next_on-{b}"}


def test_who_may_record(w, case):
    for user in (w.assistant, w.grid, w.officer, w.centre):  # any desk role whose scope holds the case
        assert record_visit(case=case, by=user, at=LATER, facts=facts(case, MISSED))
    for user in (w.supervisor, w.sysadmin, w.department, w.counsellor):
        with pytest.raises(NotYours):
            record_visit(case=case, by=user, at=LATER, facts=facts(case, HEARD))


def test_only_after_the_settlement_and_still_after_the_closing(w, case):
    with pytest.raises(MoveRefused):
        record_visit(case=f.mediating(w), by=w.assistant, at=LATER, facts=facts(case, HEARD))
    record_visit(case=case, by=w.assistant, at=LATER, facts=facts(case, HEARD, HEARD))
    case.perform("close", by=w.assistant, at=LATER)
    at = moment("2026-04-01 10:00")
    record_visit(case=case, by=w.assistant, at=at, facts=facts(case, HEARD, visited_on=at.date()))
    assert ("A", "performance", "done") in states(case)


def test_closing_waits_for_the_reaction_of_the_settlement(w):
    case = f.settled(w)  # its reaction has not run
    ReturnVisit.objects.all().delete()
    assert not Handled.objects.filter(event__kind="settle").exists()
    assert "还在安排" in case.why_not("close", by=w.assistant, at=LATER)


def test_closing_counts_only_the_visits_of_this_round(w, case, django_capture_on_commit_callbacks):
    record_visit(case=case, by=w.assistant, at=LATER, facts=facts(case, HEARD, HEARD))
    case.perform("reopen", by=w.assistant, at=LATER, reason="反弹", report="又占了草场")
    case.perform("take_up", by=w.assistant, at=LATER, handler=w.assistant)
    with django_capture_on_commit_callbacks(execute=True):
        case.perform(
            "settle",
            by=w.assistant,
            at=LATER,
            **f.settlement(w, case, LATER, organisation=w.committee, chair=w.village_mediator),
        )
    sentence = case.why_not("close", by=w.assistant, at=LATER)
    assert "马文林" in sentence and "王世昌" in sentence


def test_the_refusal_names_nobody_to_those_who_may_not_read_the_names(w, django_capture_on_commit_callbacks):
    from followups.visits import why_visits_missing

    with django_capture_on_commit_callbacks(execute=True):
        case = f.settled(w)
    assert "马文林" not in why_visits_missing(case, w.supervisor, None, LATER)


def test_a_supervisor_waives_in_writing(w, case):
    first, second = case.principal_parties()
    record_visit(case=case, by=w.assistant, at=LATER, facts=facts(case, HEARD, MISSED))
    with pytest.raises(NotYours):
        waive_visit(case=case, party=second, by=w.assistant, at=LATER, reason="外出务工")
    with pytest.raises(FactsMissing):
        waive_visit(case=case, party=second, by=w.supervisor, at=LATER, reason="")
    event = waive_visit(case=case, party=second, by=w.supervisor, at=LATER, reason="长期在外务工，电话停机")
    assert (event.kind, event.by_name) == ("waive", "陈大勇")
    assert case.why_not("close", by=w.assistant, at=LATER) is None
    with pytest.raises(MoveRefused):
        waive_visit(case=case, party=second, by=w.supervisor, at=LATER, reason="再来一次")
    with pytest.raises(MoveRefused):
        waive_visit(case=case, party=first, by=w.supervisor, at=LATER, reason="已经回访过")


def test_a_sign_of_relapse_is_told_to_the_desk(w, case, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        event = record_visit(case=case, by=w.officer, at=LATER, facts=facts(case, HEARD | {"mind": "relapse"}))
    assert event.facts["relapse"]
    told = Notice.objects.filter(kind="relapse").order_by("pk")
    assert [n.user.username for n in told] == ["assistant", "grid", "village_mediator"]
    assert timezone.localdate(event.at) == LATER.date()
