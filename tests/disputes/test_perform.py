"""The one door: atomic, locked, logged; what is missing is named; who was first is told."""

import datetime as dt

import pytest
from django.db import DatabaseError

from audit.models import AccessLog, verify
from disputes import moves
from disputes.models import Conflict, Dispute, Event, FactsMissing, MoveRefused, Round
from tests import safe
from tests.factories import (
    NOW,
    PARTY_A,
    PARTY_B,
    agreed,
    at_centre,
    at_room,
    attempt,
    mediating,
    moment,
    register,
    settled,
    settlement,
)


def test_a_failing_event_leaves_the_case_untouched(w, monkeypatch):
    case = register(w)
    before = Dispute.objects.values().get(pk=case.pk)

    def fail(self, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(Event, "save", fail)
    with pytest.raises(DatabaseError):
        case.perform("take_up", by=w.assistant, at=NOW, handler=w.assistant)
    assert Dispute.objects.values().get(pk=case.pk) == before


def test_what_is_pending_is_settled_with_the_case_or_not_at_all(w, monkeypatch):
    case, told = mediating(w), []
    monkeypatch.setattr(moves, "_leaving", [lambda case, event: told.append((case.status, event.kind))])
    case.perform("pause", by=w.assistant, at=NOW, reason="外出务工")
    case.perform("withdraw", by=w.assistant, at=NOW, asked_by="甲方", reason="自己说好了")
    assert told == [("withdrawn", "withdraw")]

    def fail(case, event):
        raise DatabaseError("disk full")

    other = mediating(w)
    monkeypatch.setattr(moves, "_leaving", [fail])
    before = Dispute.objects.values().get(pk=other.pk)
    with pytest.raises(DatabaseError):
        other.perform("withdraw", by=w.assistant, at=NOW, asked_by="甲方", reason="自己说好了")
    assert Dispute.objects.values().get(pk=other.pk) == before
    assert not other.events.filter(kind="withdraw").exists()


def test_a_failing_audit_row_leaves_the_case_untouched(w, monkeypatch):
    case = register(w)
    before, events = Dispute.objects.values().get(pk=case.pk), Event.objects.count()

    def fail(**kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr("disputes.models.record", fail)
    with pytest.raises(DatabaseError):
        case.perform("take_up", by=w.assistant, at=NOW, handler=w.assistant)
    assert (Dispute.objects.values().get(pk=case.pk), Event.objects.count()) == (before, events)


def test_each_event_has_one_log_row_with_its_hash(w):
    case = settled(w)
    for event in case.events.all():
        assert event.hash == event.compute_hash()
        assert AccessLog.objects.filter(event_hash=event.hash, subject=case.case_no).count() == 1
    assert not list(verify())


def test_the_second_of_two_is_told_who_and_what(w):
    case = register(w)
    read = case.version
    case.perform("take_up", by=w.assistant, at=NOW, version=read, handler=w.assistant)
    with pytest.raises(Conflict) as refused:
        case.perform("take_up", by=w.grid, at=NOW, version=read, handler=w.grid)
    assert "才让卓玛" in refused.value.sentence and "受理" in refused.value.sentence
    assert refused.value.event.kind == "take_up"


def test_missing_facts_are_named(w):
    case = at_room(w)
    with pytest.raises(FactsMissing) as refused:
        case.perform("return", by=w.officer, at=NOW)
    assert set(refused.value.errors) == {"reason", "to_add"}


def test_escalating_needs_an_attempt_or_danger(w):
    case = mediating(w)
    with pytest.raises(MoveRefused, match="至少一次调解"):
        case.perform("escalate", by=w.assistant, at=NOW, reason="谈不拢")
    case.perform("escalate", by=w.assistant, at=NOW, reason="要动手", may_escalate=True)
    assert (case.tier, case.status, case.desk) == (2, "waiting", w.room)


def test_an_attempt_at_another_tier_does_not_count(w):
    case = at_room(w)
    case.perform("take_up", by=w.officer, at=NOW, handler=w.officer)
    with pytest.raises(MoveRefused, match="至少一次调解"):
        case.perform("escalate", by=w.officer, at=NOW, reason="谈不拢")


def test_returning_restarts_the_clock_of_the_lower_desk(w):
    case = at_centre(w)
    later = moment("2026-03-04 10:00")
    case.perform("return", by=w.centre, at=later, reason="事实不清", to_add="补丈量图")
    assert (case.tier, case.status, case.desk, case.handler) == (2, "waiting", w.room, None)
    assert case.arrived_at == later
    assert case.due_on == dt.date(2026, 3, 5)  # take up within one working day
    assert case.events.first().text.body == "事实不清\n要补充：补丈量图"


def test_handing_down_gives_a_date(w):
    case = at_room(w)
    case.perform("hand_down", by=w.officer, at=NOW, reason="村里能办", due_on=dt.date(2026, 3, 20))
    case.perform("take_up", by=w.assistant, at=NOW, handler=w.assistant)
    assert case.due_on == dt.date(2026, 3, 20)


def test_settling_writes_the_agreement_and_leaves_the_round(w):
    case = settled(w)
    agreement = case.agreements.get()
    assert (agreement.result, agreement.track, agreement.chair) == ("written", "people", w.village_mediator)
    assert agreement.obligations.get().what == "重新立桩"
    row = Round.objects.get(dispute=case)
    assert (row.left_at, row.left_as, row.on_time) == (NOW, "settled", True)
    assert case.due_on is None


def test_on_the_spot_only_at_the_village_and_only_when_said(w):
    case = register(w)
    facts = settlement(w, case, organisation=w.committee, chair=w.village_mediator)
    with pytest.raises(MoveRefused, match="当场化解"):
        case.perform("settle", by=w.assistant, at=NOW, **facts)
    case.perform("settle", by=w.assistant, at=NOW, on_the_spot=True, **facts)
    assert case.status == "settled" and case.handler == w.assistant

    case = at_room(w)
    with pytest.raises(MoveRefused, match="先受理"):
        case.perform("settle", by=w.officer, at=NOW, on_the_spot=True, **settlement(w, case))


def test_an_assistant_alone_cannot_issue_an_agreement(w):
    case = mediating(w)
    facts = settlement(w, case, organisation=w.committee, chair=w.assistant)
    with pytest.raises(MoveRefused, match="不是人民调解员"):
        case.perform("settle", by=w.assistant, at=NOW, **facts)
    case.perform("settle", by=w.assistant, at=NOW, **{**facts, "result": "self", "obligations": []})
    assert case.agreements.get().track == ""


def test_the_public_security_track_needs_the_seven_exclusions_answered(w):
    case = at_room(w)
    case.perform("take_up", by=w.officer, at=NOW, handler=w.officer)
    facts = settlement(w, case, organisation=w.room, chair=w.officer, track="police")
    with pytest.raises(MoveRefused, match="七种"):
        case.perform("settle", by=w.officer, at=NOW, **facts)
    with pytest.raises(MoveRefused, match="不适用"):
        case.perform("settle", by=w.officer, at=NOW, exclusions_clear=False, **facts)
    with pytest.raises(MoveRefused, match="三步"):
        case.perform("settle", by=w.officer, at=NOW, exclusions_clear=True, **facts)
    safe.on_police_track(w, case)
    case.perform("settle", by=w.officer, at=NOW, exclusions_clear=True, **facts)
    assert set(case.checks.filter(kind="exclusions").values_list("outcome", flat=True)) == {"none"}
    assert case.agreements.get().track == "police"


def test_a_refusing_party_stops_settling(w):
    case = mediating(w)
    party = case.parties.get(side="B")
    case.set_consent(party, by=w.assistant, at=NOW, consent="refused", way="当面")
    assert "明确表示不愿意" in case.why_not("settle", by=w.assistant, at=NOW)
    case.perform("end", by=w.assistant, at=NOW, reason="乙方拒绝调解", told_ways=["court"], told_on=NOW.date())
    assert case.status == "withdrawn" and case.checks.get().kind == "told"


def test_a_family_case_answers_five_questions(w):
    case = mediating(w, type_l1="01", type_l2="0101")
    facts = settlement(w, case, organisation=w.committee, chair=w.village_mediator)
    with pytest.raises(MoveRefused, match="五个安全问题"):
        case.perform("settle", by=w.assistant, at=NOW, **facts)
    answers = dict.fromkeys(("beating", "restraint", "insult", "threat", "fear"), False) | {"threat": True}
    with pytest.raises(MoveRefused, match="处置"):
        case.perform("settle", by=w.assistant, at=NOW, safety=answers, **facts)
    case.perform("settle", by=w.assistant, at=NOW, safety=answers, disposition="warning_letter", **facts)
    check = case.checks.get(kind="family")
    assert check.outcome == "yes:warning_letter" and "threat" not in check.sealed


def test_a_minor_needs_a_guardian(w):
    minor = {**PARTY_B, "birth_on": dt.date(2010, 5, 1)}
    case = mediating(w, parties=[PARTY_A, minor])
    assert case.protected
    assert "监护人" in case.why_not("settle", by=w.assistant, at=NOW)
    party = case.parties.get(side="B")
    case.edit(by=w.assistant, at=NOW, version=case.version, parties=[{"pk": party.pk, "guardian_name": "王父"}])
    assert case.why_not("settle", by=w.assistant, at=NOW) is None


@pytest.mark.parametrize("flag", ["crime_suspected", "bullying"])
def test_crime_and_bullying_are_not_mediated_away(w, flag):
    case = mediating(w, **{flag: True})
    assert "公安" in case.why_not("settle", by=w.assistant, at=NOW)
    assert case.why_not("refer", by=w.assistant, at=NOW) is None


def test_a_number_is_voided_by_two_people_and_stays(w):
    case = register(w)
    case.ask_void(by=w.assistant, at=NOW, reason="重复登记")
    with pytest.raises(MoveRefused, match="另一人"):
        case.perform("void", by=w.assistant, at=NOW, reason="重复登记")
    case.perform("void", by=w.grid, at=NOW, reason="重复登记")
    assert case.status == "voided"
    assert register(w).case_no == "620623-103-2026-0002"


def test_nothing_is_voided_once_work_began(w):
    case = register(w)
    attempt(case, w.assistant)
    case.ask_void(by=w.assistant, at=NOW, reason="重复登记")
    with pytest.raises(MoveRefused, match="已经有办理记录"):
        case.perform("void", by=w.grid, at=NOW, reason="重复登记")


def test_merge_and_back_within_thirty_days(w):
    case, target = mediating(w), mediating(w)
    case.perform("merge", by=w.assistant, at=NOW, target=target, reason="同一件事")
    assert (case.status, case.merged_into) == ("merged", target)
    later = NOW + dt.timedelta(days=31)
    assert "30 天" in case.why_not("unmerge", by=w.assistant, at=later)
    del case.__dict__["_rules"]
    case.perform("unmerge", by=w.assistant, at=NOW + dt.timedelta(days=3), reason="不是一件事")
    assert (case.status, case.merged_into, case.left_at) == ("mediating", None, None)
    assert case.rounds.get().left_at is None


def test_a_case_is_not_merged_into_itself_or_a_closed_one(w):
    case, done = mediating(w), settled(w)
    with pytest.raises(MoveRefused, match="自己"):
        case.perform("merge", by=w.assistant, at=NOW, target=case, reason="x")
    with pytest.raises(MoveRefused, match="不在办理中"):
        case.perform("merge", by=w.assistant, at=NOW, target=done, reason="x")


def test_splitting_makes_cases_with_the_same_parties(w):
    case = mediating(w)
    case.perform("split", by=w.assistant, at=NOW, parts=["界桩", "打伤羊只"], reason="两件事")
    new = case.parts.get()
    assert new.narrative == "打伤羊只" and new.side_a == "马文林"
    assert new.parties.get(side="A").secret.phone != case.parties.get(side="A").secret.phone  # sealed anew
    assert case.status == "mediating"


def test_reopening_is_the_next_round_and_leaves_the_first_untouched(w):
    case = settled(w)
    first = Round.objects.values().get(dispute=case, no=1)
    case.perform("reopen", by=w.supervisor, at=NOW + dt.timedelta(days=5), reason="反弹", report="又起争执", tier=2)
    assert (case.round, case.tier, case.status, case.desk) == (2, 2, "waiting", w.room)
    assert Round.objects.values().get(dispute=case, no=1) == first
    assert case.agreements.filter(round=1).exists()


def test_reopening_never_goes_below_the_tier_that_settled(w):
    case = at_room(w)
    case.perform("take_up", by=w.officer, at=NOW, handler=w.officer)
    case.perform("settle", by=w.officer, at=NOW, **settlement(w, case))
    with pytest.raises(MoveRefused, match="不能低于"):
        case.perform("reopen", by=w.officer, at=NOW, reason="r", report="p", tier=1)


def test_past_the_case_limit_only_these_remain(w):
    case = mediating(w)
    attempt(case, w.assistant)
    late = NOW + dt.timedelta(days=31)
    refused = {n for n in ("escalate", "merge", "split") if case.why_not(n, by=w.assistant, at=late)}
    assert refused == {"escalate", "merge", "split"}
    assert all(case.why_not(n, by=w.assistant, at=late) is None for n in ("settle", "extend", "refer", "end"))


def test_extending_takes_every_partys_consent(w):
    case = mediating(w)
    until = dt.date(2026, 5, 1)
    with pytest.raises(MoveRefused, match="还没有同意"):
        case.perform("extend", by=w.assistant, at=NOW, reason="等丈量", until=until, consents={0: "agreed"})
    case.perform("extend", by=w.assistant, at=NOW, reason="等丈量", until=until, consents=agreed(case))
    assert (case.due_on, case.due_kind, case.escalate_on) == (until, "extended", None)


def test_the_handler_cannot_close_at_the_room(w):
    case = at_room(w)
    case.perform("take_up", by=w.officer, at=NOW, handler=w.officer)
    case.perform("settle", by=w.officer, at=NOW, **settlement(w, case))
    assert "经办人" in case.why_not("close", by=w.officer, at=NOW)


def test_a_gap_in_the_desks_is_said(w):
    w.room.coverage.all().delete()
    case = mediating(w)
    attempt(case, w.assistant)
    with pytest.raises(MoveRefused, match="没有单位"):
        case.perform("escalate", by=w.assistant, at=NOW, reason="x")


def test_the_same_submission_is_one_case(w):
    import uuid

    from tests.factories import Dispute as Model

    key = uuid.uuid4()
    facts = {"village": w.village, "type_l1": "09", "source": "06", "found_on": NOW.date(), "narrative": "x"}
    one = Model.objects.register(by=w.assistant, at=NOW, facts=facts, parties=[PARTY_A], submission=key)
    two = Model.objects.register(by=w.assistant, at=NOW, facts=facts, parties=[PARTY_A], submission=key)
    assert one.pk == two.pk


def test_numbers_follow_township_and_year(w):
    assert register(w).case_no == "620623-103-2026-0001"
    assert register(w).case_no == "620623-103-2026-0002"
    assert register(w, at=moment("2025-12-31 23:59")).case_no == "620623-103-2025-0001"
    assert register(w, at=moment("2026-01-01 00:00")).case_no == "620623-103-2026-0003"
    assert register(w, by=w.far_assistant, village=w.far_village).case_no == "620623-102-2026-0001"
