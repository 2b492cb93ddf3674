"""Visits and captures through their doors: nothing is lost, nothing is sorted twice, every sorting can be undone."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from disputes.field.models import Capture, Source, Visit
from disputes.models import Conflict, Dispute, Event, FactsMissing, MoveRefused, NotYours
from tests import factories as f
from tests.factories import NOW

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
HEARD = {"side_a": "马文林", "side_b": "王世昌、韩玉山", "kind": "0905", "words": "界桩被冲走", "place": "后沟"}


@pytest.fixture
def w():
    return f.world()


def visit(w, **facts) -> Visit:
    return Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=TODAY, **facts)


def capture(w, **facts) -> Capture:
    return visit(w).capture(by=w.assistant, at=NOW, facts=HEARD | facts)


def sort(row: Capture, name: str, by, **facts) -> list[Dispute]:
    row.refresh_from_db()
    return row.sort(name, by=by, at=NOW, version=row.version, **facts)


NEW = {"kind": "0905", "tier": "2"}


# --- capturing -------------------------------------------------------------------------------------------------------
def test_place_and_free_text_alone_are_enough(w):
    row = visit(w).capture(by=w.assistant, at=NOW, facts={"words": "有人在渠口吵", "place": "渠口"})
    assert (row.state, row.names(), row.sides_for(w.officer)) == ("new", [], "没写姓名")


def test_a_capture_without_words_is_refused_and_writes_nothing(w):
    with pytest.raises(FactsMissing) as refusal:
        visit(w).capture(by=w.assistant, at=NOW, facts={**HEARD, "words": ""})
    assert set(refusal.value.errors) == {"words"}
    assert not Capture.objects.exists()


def test_the_same_submission_twice_is_one_visit_and_one_capture(w):
    key = uuid.uuid4()
    first, again = visit(w, submission=key), visit(w, submission=key)
    assert first == again and Visit.objects.count() == 1
    rows = [first.capture(by=w.assistant, at=NOW, facts=HEARD, submission=key) for _ in range(2)]
    assert rows[0] == rows[1] and Capture.objects.count() == 1


def test_another_persons_number_is_no_obstacle_and_tells_nothing(w):
    key = uuid.uuid4()
    theirs = visit(w, submission=key).capture(by=w.assistant, at=NOW, facts=HEARD, submission=key)
    mine = Visit.objects.begin(by=w.grid, at=NOW, village=w.village, visited_on=TODAY, submission=key)
    assert mine.by == w.grid and mine.capture(by=w.grid, at=NOW, facts=HEARD, submission=key) != theirs
    # nor is the number under which a row is known
    assert mine.capture(by=w.grid, at=NOW, facts=HEARD, submission=theirs.uid) != theirs


def test_only_who_walked_adds_to_a_visit(w):
    walked = visit(w)
    with pytest.raises(MoveRefused, match="才让卓玛"):
        walked.capture(by=w.officer, at=NOW, facts=HEARD)
    with pytest.raises(NotYours):
        walked.capture(by=w.supervisor, at=NOW, facts=HEARD)
    with pytest.raises(NotYours):
        Visit.objects.begin(by=w.department, at=NOW, village=w.village, visited_on=TODAY)


def test_a_nil_report_counts_and_a_late_capture_takes_the_visit_up_again(w):
    walked = visit(w)
    walked.end(by=w.assistant, at=NOW, households=12, note="都平安")
    walked.refresh_from_db()
    assert (walked.ended_at, walked.households, walked.captures.count()) == (NOW, 12, 0)
    walked.capture(by=w.assistant, at=NOW, facts=HEARD)
    walked.refresh_from_db()
    assert walked.ended_at is None


def test_where_nobody_could_sort_no_visit_begins(w):
    w.room.coverage.all().delete()
    w.centre_office.coverage.all().delete()
    with pytest.raises(MoveRefused, match="石门村"):
        visit(w)


# --- who reads -------------------------------------------------------------------------------------------------------
def test_scope(w):
    row = capture(w)
    for name in ("assistant", "grid", "officer", "centre", "supervisor", "town_supervisor"):
        assert row in Capture.objects.visible_to(getattr(w, name)), name
        assert row.visit in Visit.objects.visible_to(getattr(w, name)), name
    for name in ("sister_assistant", "far_officer", "foreign_officer", "mediator", "department", "sysadmin", "nobody"):
        assert row not in Capture.objects.visible_to(getattr(w, name)), name


def test_a_township_mediator_reads_what_they_wrote_themselves(w):
    walked = Visit.objects.begin(by=w.mediator, at=NOW, village=w.village, visited_on=TODAY)
    assert walked in Visit.objects.visible_to(w.mediator)


def test_supervisors_read_no_names(w):
    row = capture(w, words="马文林说界桩被冲走")
    assert row.sides_for(w.supervisor) == "马* / 王*、韩*"
    assert row.words_for(w.supervisor) == "马*说界桩被冲走"
    assert row.sides_for(w.officer) == "马文林 / 王世昌、韩玉山"


# --- sorting ---------------------------------------------------------------------------------------------------------
def test_a_new_case_carries_everything_that_was_captured(w):
    row = capture(w)
    (case,) = sort(row, "new", w.officer, **NEW, person=w.second_officer, note="先看界桩", due_on=dt.date(2026, 3, 6))
    case.refresh_from_db()
    assert (case.tier, case.status, case.desk, case.handler) == (2, "waiting", w.room, w.second_officer)
    assert (case.narrative, case.place, case.type_l1, case.type_l2) == ("界桩被冲走", "后沟", "09", "0905")
    assert (case.source, case.found_on, case.given_until) == ("06", TODAY, dt.date(2026, 3, 6))
    assert [(p.side, p.name) for p in case.parties.all()] == [("A", "马文林"), ("B", "王世昌"), ("B", "韩玉山")]
    assert [e.kind for e in case.events.all()] == ["note", "register"]
    row.refresh_from_db()
    assert (row.state, row.sorted_by, row.version) == ("case", w.officer, 2)
    assert [s.dispute for s in row.sources.all()] == [case]


def test_it_joins_a_case_that_exists(w):
    case, row = f.register(w), capture(w)
    assert sort(row, "join", w.officer, target=case) == [case]
    event = case.events.first()
    assert (event.kind, event.text.body, event.facts["capture"]) == ("source", "界桩被冲走", str(row.uid))


def test_it_becomes_several_cases(w):
    cases = sort(capture(w), "several", w.officer, **NEW, parts=["界桩", "欠草料款"])
    assert [case.narrative for case in cases] == ["界桩", "欠草料款"]
    with pytest.raises(FactsMissing):
        sort(capture(w), "several", w.officer, **NEW, parts=["只有一件"])
    with pytest.raises(FactsMissing):
        sort(capture(w), "several", w.officer, **NEW, parts=["一件"] * 11)
    assert Dispute.objects.count() == 2


def test_no_dispute_back_and_later_say_why_and_until_when(w):
    for name, state, facts in (
        ("none", "none", {"reason": "已经和好"}),
        ("back", "back", {"reason": "写清是哪条渠"}),
        ("later", "later", {"until": TODAY + dt.timedelta(days=3)}),
    ):
        row = capture(w)
        with pytest.raises(FactsMissing):
            sort(row, name, w.officer)
        sort(row, name, w.officer, **facts)
        assert row.state == state and row.reason == facts.get("reason", "")
    assert Capture.objects.count() == 3


def test_what_is_put_off_comes_back_on_its_day_and_dangerous_ones_come_first(w):
    later, plain, danger = capture(w), capture(w), capture(w, may_escalate=True)
    sort(later, "later", w.officer, until=TODAY + dt.timedelta(days=2))
    assert list(Capture.objects.to_sort(TODAY)) == [danger, plain]
    assert later in Capture.objects.to_sort(TODAY + dt.timedelta(days=2))
    with pytest.raises(FactsMissing):
        sort(plain, "later", w.officer, until=TODAY)


def test_what_is_sent_back_is_filled_in_by_its_author_and_waits_again(w):
    row = capture(w)
    sort(row, "back", w.officer, reason="写清是哪条渠")
    facts = {name: getattr(row, name) for name in Capture.FACTS}
    with pytest.raises(MoveRefused, match="才让卓玛"):
        row.edit(by=w.grid, at=NOW, version=row.version, facts=facts)
    row.edit(by=w.assistant, at=NOW, version=row.version, facts=facts | {"words": "北渠口的闸板"})
    assert (row.state, row.reason, row.words) == ("new", "", "北渠口的闸板")
    sort(row, "none", w.officer, reason="重复")
    with pytest.raises(MoveRefused, match="不是纠纷"):
        row.edit(by=w.assistant, at=NOW, version=row.version, facts=facts)


def test_of_two_who_sort_one_capture_the_second_is_told(w):
    row = capture(w)
    sort(row, "new", w.officer, **NEW)
    with pytest.raises(Conflict, match="刘建军"):
        row.sort("new", by=w.centre, at=NOW, version=1, **NEW)
    with pytest.raises(MoveRefused, match="刘建军"):
        sort(row, "none", w.centre, reason="重复")
    assert Dispute.objects.count() == 1


def test_who_does_not_sort_is_told_so(w):
    for name in ("assistant", "mediator", "supervisor", "department"):
        with pytest.raises(NotYours):
            sort(capture(w), "none", getattr(w, name), reason="重复")


def test_a_person_who_does_not_work_at_that_tier_is_refused_and_nothing_is_written(w):
    row = capture(w)
    with pytest.raises(FactsMissing) as refusal:
        sort(row, "new", w.officer, **NEW, person=w.assistant)
    assert set(refusal.value.errors) == {"person"}
    row.refresh_from_db()
    assert row.state == "new" and not Dispute.objects.exists()


# --- undoing ---------------------------------------------------------------------------------------------------------
def test_every_sorting_can_be_undone(w):
    target = f.register(w)
    for name, facts in (
        ("none", {"reason": "和好"}),
        ("back", {"reason": "补充"}),
        ("later", {"until": TODAY + dt.timedelta(days=3)}),
        ("join", {"target": target}),
    ):
        row = capture(w)
        sort(row, name, w.officer, **facts)
        sort(row, "undo", w.officer)
        assert (row.state, row.reason, row.put_off_until, row.sorted_by) == ("new", "", None, None), name
    assert not Source.objects.filter(undone_at=None).exists()
    with pytest.raises(MoveRefused, match="还没有分流"):
        sort(row, "undo", w.officer)


def test_undoing_a_new_case_asks_for_its_number_to_be_voided(w):
    row = capture(w)
    (case,) = sort(row, "new", w.officer, **NEW)
    sort(row, "undo", w.officer)
    case.refresh_from_db()
    assert (row.state, case.status) == ("new", "waiting")
    assert case.events.first().kind == "void_asked"


def test_a_case_that_is_being_worked_on_is_not_undone(w):
    row = capture(w)
    (case,) = sort(row, "new", w.officer, **NEW)
    case.perform("take_up", by=w.officer, at=NOW, handler=w.officer)
    with pytest.raises(MoveRefused, match=case.case_no):
        sort(row, "undo", w.officer)
    row.refresh_from_db()
    assert row.state == "case" and row.sources.get().undone_at is None
    assert not Event.objects.filter(kind="void_asked").exists()


# --- danger ----------------------------------------------------------------------------------------------------------
def test_danger_is_acknowledged_by_an_officer_once(w):
    row = capture(w, may_escalate=True)
    assert row in Capture.objects.unacknowledged()
    with pytest.raises(NotYours):
        row.acknowledge(by=w.centre, at=NOW)
    row.acknowledge(by=w.officer, at=NOW)
    row.acknowledge(by=w.second_officer, at=NOW + dt.timedelta(hours=1))
    row.refresh_from_db()
    assert (row.acknowledged_by, row.acknowledged_at) == (w.officer, NOW)
    with pytest.raises(MoveRefused):
        capture(w).acknowledge(by=w.officer, at=NOW)
