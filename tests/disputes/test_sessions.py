"""Joint sessions through their doors: who may plan, what blocks, what a record needs, and what a case takes along."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import override

from disputes.models import Conflict, Event, FactsMissing, MoveRefused, NotYours
from disputes.safeguards import SAFETY_QUESTIONS
from disputes.sessions.models import Attendee, Session, Venue
from tests import factories as f
from tests.factories import NOW

pytestmark = pytest.mark.django_db
TOMORROW = NOW + dt.timedelta(days=1)
LATER = TOMORROW + dt.timedelta(hours=3)  # the session is over


@pytest.fixture
def w():
    w = f.world()
    w.hall = Venue.objects.add(office=w.room, name="调解室", by=w.officer, at=NOW)
    with override(settings.LANGUAGE_CODE):  # whatever language the request of an earlier test left behind
        yield w


def mediated(w, **facts):
    """Taken up at the police room."""
    case = f.at_room(w, **facts)
    case.perform("take_up", by=w.officer, at=NOW, handler=w.officer)
    return case


def facts_of(w, case, **facts):
    return {
        "starts_at": TOMORROW,
        "venue": w.hall,
        "chair": w.officer,
        "parties": [party.pk for party in case.parties.all()],
        "purpose": "界桩",
        **facts,
    }


def planned(w, case=None, at=NOW, **facts) -> Session:
    case = case or mediated(w)
    return Session.objects.plan(case=case, by=w.officer, at=at, facts=facts_of(w, case, **facts))


def people(session: Session, **changed) -> dict:
    return {row.pk: {"attended": True, "statement": "按旧界桩", **changed} for row in session.listed()}


def record_of(session: Session, **facts) -> dict:
    return {
        "outcome": "agreed",
        "held_at": TOMORROW,
        "rights_told_at": TOMORROW,
        "people": people(session),
        "points_agreed": "按旧界桩放牧",
        **facts,
    }


def record(w, session: Session, by=None, at=LATER, **facts) -> Event:
    session.refresh_from_db()
    return session.record(by=by or w.officer, at=at, version=session.version, facts=record_of(session, **facts))


def wrong(function, *args, **facts) -> dict[str, str]:
    with pytest.raises(FactsMissing) as refusal:
        function(*args, **facts)
    return refusal.value.errors


# --- planning --------------------------------------------------------------------------------------------------------
def test_a_plan_is_an_event_with_its_invitations(w):
    neighbour = {"name": "老马", "capacity": "neighbour", "consent": "agreed"}
    invited = [{"office": w.department_office, "ask": "带水权图"}, {"user": w.mediator}, neighbour]
    session = planned(w, invited=invited)
    event = session.dispute.events.first()
    assert (event.kind, event.facts["session"], event.text.body) == ("session_plan", str(session.uid), "界桩")
    assert (session.state, session.office, session.tier) == ("planned", w.room, 2)
    assert session.ends_at - session.starts_at == dt.timedelta(hours=2)
    assert [row.label for row in session.listed()] == ["马文林", "王世昌", "松山镇水管站", "王世昌", "老马"]
    assert session.people() == {w.officer.pk, w.department.pk, w.mediator.pk}
    assert event.dispute.version == session.dispute.version  # a plan moves nothing


def test_the_same_submission_twice_is_one_session(w):
    case, key = mediated(w), uuid.uuid4()
    rows = [
        Session.objects.plan(case=case, by=w.officer, at=NOW, facts=facts_of(w, case), submission=key) for _ in range(2)
    ]
    assert rows[0] == rows[1] and case.events.filter(kind="session_plan").count() == 1


def test_only_the_desk_of_a_mediated_case_plans(w):
    case = mediated(w)
    for by, sentence in ((w.assistant, "石门警务室"), (w.centre, "石门警务室")):
        with pytest.raises(MoveRefused, match=sentence):
            Session.objects.plan(case=case, by=by, at=NOW, facts=facts_of(w, case))
    with pytest.raises(NotYours):
        Session.objects.plan(case=case, by=w.supervisor, at=NOW, facts=facts_of(w, case))
    with pytest.raises(MoveRefused, match="先受理"):
        planned(w, f.at_room(w))
    case.perform("pause", by=w.officer, at=NOW, reason="等丈量")
    with pytest.raises(MoveRefused, match="先恢复"):
        planned(w, case)


def test_a_refusal_crime_and_bullying_block_new_sessions(w):
    case = mediated(w)
    case.set_consent(case.parties.last(), by=w.officer, at=NOW, consent="refused")
    with pytest.raises(MoveRefused, match="王世昌 明确表示不愿意调解"):
        planned(w, case)
    for fact in ("crime_suspected", "bullying"):
        with pytest.raises(MoveRefused, match="引导其他途径"):
            planned(w, mediated(w, **{fact: True}))
    assert not Session.objects.exists()


def test_what_a_plan_must_have(w):
    case = mediated(w)
    assert wrong(planned, w, case, starts_at=None).keys() == {"starts_at"}
    assert wrong(planned, w, case, starts_at=NOW + dt.timedelta(days=400)).keys() == {"starts_at"}
    assert wrong(planned, w, case, starts_at=NOW - dt.timedelta(days=3)).keys() == {"starts_at"}
    assert wrong(planned, w, case, ends_at=TOMORROW).keys() == {"ends_at"}
    assert wrong(planned, w, case, venue=None).keys() == {"venue"}
    assert wrong(planned, w, case, parties=[]).keys() == {"parties"}
    assert wrong(planned, w, case, parties=[99999]).keys() == {"parties"}
    assert wrong(planned, w, case, chair=w.far_officer).keys() == {"chair"}
    assert wrong(planned, w, case, track="people").keys() == {"track"}  # an officer is no people's mediator
    assert wrong(planned, w, case, track="police", chair=w.village_mediator).keys() == {"track"}
    assert wrong(planned, w, case, invited=[{"name": "老马"}]).keys() == {"invited"}
    refusing = {"name": "老马", "capacity": "relative", "consent": "refused"}
    assert "不同意" in wrong(planned, w, case, invited=[refusing])["invited"]
    assert not Session.objects.exists() and not case.events.filter(kind="session_plan").exists()


def test_a_room_that_is_taken_warns_with_which_session_and_is_shared_knowingly(w):
    first = planned(w)
    case = mediated(w)
    sentence = wrong(planned, w, case)["shares_venue"]
    assert first.dispute.case_no in sentence and "09:00–11:00" in sentence and "刘建军" in sentence
    assert planned(w, case, starts_at=TOMORROW + dt.timedelta(hours=2)).pk  # right after it
    assert planned(w, case, shares_venue=True).shares_venue


def test_a_conflict_names_no_case_to_somebody_who_may_not_read_it(w):
    planned(w)
    far = f.register(w, by=w.sister_assistant, village=w.sister_village)
    far.perform("take_up", by=w.sister_assistant, at=NOW, handler=w.sister_assistant)
    facts = facts_of(w, far, chair=w.sister_assistant)
    with pytest.raises(FactsMissing) as refusal:
        Session.objects.plan(case=far, by=w.sister_assistant, at=NOW, facts=facts)
    assert "620623" not in refusal.value.errors["shares_venue"] and "石门警务室" in refusal.value.errors["shares_venue"]


def test_minors_come_with_their_guardian(w):
    child = {"side": "A", "name": "小宝", "birth_on": dt.date(2014, 5, 1)}
    case = mediated(w, parties=[child, f.PARTY_B])
    assert "监护人" in wrong(planned, w, case)["parties"]
    party = case.parties.first()
    party.guardian_name = "马文林"
    party.save()
    assert "勾选监护人" in wrong(planned, w, case)["parties"]
    session = planned(w, case, guardians=[party.pk])
    assert [row.label for row in session.listed()] == ["小宝", "王世昌", "马文林"]
    alone = {row.pk: {"attended": row.kind != "guardian"} for row in session.listed()}
    assert "监护人没到" in next(iter(wrong(record, w, session, people=alone).values()))


def test_who_lives_on_their_own_wages_comes_alone(w):
    young = {"side": "A", "name": "马强", "birth_on": dt.date(2009, 5, 1), "own_wages": True}
    session = planned(w, mediated(w, parties=[young, f.PARTY_B]))
    record(w, session, people={row.pk: {"attended": True} for row in session.listed()})
    assert session.state == "held"


def test_a_family_is_not_asked_into_one_room_by_default(w):
    case = mediated(w, type_l1="01", type_l2="0101")
    assert wrong(planned, w, case).keys() == {"together"}
    assert wrong(planned, w, case, together=True).keys() == {"together_reason"}
    a, b = case.principal_parties()
    assert planned(w, case, parties=[a.pk]) and planned(w, case, parties=[b.pk], shares_venue=True)
    both = planned(w, case, together=True, together_reason="双方都要求当面说", place="二楼", shares_venue=True)
    assert both.together


# --- who reads -------------------------------------------------------------------------------------------------------
def test_scope_and_invitations(w):
    session = planned(w, invited=[{"office": w.department_office}, {"user": w.far_officer}])
    for name in ("assistant", "officer", "centre", "supervisor"):
        assert session in Session.objects.visible_to(getattr(w, name)), name
    for name in ("department", "far_officer", "mediator", "sister_assistant", "nobody", "sysadmin"):
        assert session not in Session.objects.visible_to(getattr(w, name)), name
    for name in ("department", "far_officer", "officer"):
        assert session in Session.objects.inviting(getattr(w, name)), name
    for name in ("assistant", "mediator", "nobody", "counsellor"):
        assert session not in Session.objects.inviting(getattr(w, name)), name


# --- changing --------------------------------------------------------------------------------------------------------
def test_a_change_tells_who_is_new_and_who_is_off(w):
    session = planned(w, invited=[{"user": w.mediator}])
    facts = facts_of(w, session.dispute, starts_at=LATER, invited=[{"office": w.department_office}])
    event = session.change(by=w.second_officer, at=NOW, version=1, facts=facts)
    assert (event.facts["told_new"], event.facts["told_off"]) == ([w.department.pk], [w.mediator.pk])
    assert (session.version, session.starts_at) == (2, LATER)
    assert [row.label for row in session.listed()] == ["马文林", "王世昌", "松山镇水管站"]
    again = facts | {"invited": [{"user": w.mediator}]}  # asked again: the row stands up again
    session.change(by=w.officer, at=NOW, version=2, facts=again)
    assert Attendee.objects.filter(session=session, user=w.mediator).get().withdrawn is False


def test_of_two_who_change_one_plan_the_second_is_told(w):
    session = planned(w)
    facts = facts_of(w, session.dispute, starts_at=LATER)
    session.change(by=w.second_officer, at=NOW, version=1, facts=facts)
    with pytest.raises(Conflict, match="何静"):
        session.change(by=w.officer, at=NOW, version=1, facts=facts)
    with pytest.raises(Conflict, match="何静"):
        session.call_off(by=w.officer, at=NOW, version=1, reason="下雪")


def test_a_session_is_called_off_with_its_reason(w):
    session = planned(w)
    assert wrong(session.call_off, by=w.officer, at=NOW, reason="").keys() == {"reason"}
    with pytest.raises(MoveRefused, match="石门警务室"):
        session.call_off(by=w.assistant, at=NOW, reason="下雪")
    session.call_off(by=w.officer, at=NOW, reason="下雪封路")
    assert (session.state, session.reason) == ("off", "下雪封路")
    for act in (lambda: session.call_off(by=w.officer, at=NOW, reason="x"), lambda: record(w, session)):
        with pytest.raises(MoveRefused, match="已经取消"):
            act()


@pytest.mark.parametrize("name", ["settle", "end", "withdraw", "refer", "merge"])
def test_a_case_that_leaves_calls_off_what_is_still_to_come(w, name):
    begun, session = None, planned(w)
    case = session.dispute
    begun = planned(w, case, starts_at=NOW - dt.timedelta(hours=3))
    told = {"told_ways": ["court"], "told_on": NOW.date()}
    facts = {
        "settle": f.settlement(w, case, chair=w.village_mediator, organisation=w.committee),
        "end": {"reason": "谈不拢", **told},
        "withdraw": {"asked_by": "双方", "reason": "自行说和"},
        "refer": {"way": "court", **told},
        "merge": {"target": f.register(w), "reason": "同一件事"},
    }[name]
    case.perform(name, by=w.officer, at=NOW, **facts)
    session.refresh_from_db(), begun.refresh_from_db()
    assert (session.state, begun.state) == ("off", "planned")  # what began, somebody must still say
    assert session.reason.startswith("案件已")
    kinds = list(case.events.values_list("kind", flat=True))[:2]
    assert kinds == ["session_off", name]


def test_a_move_that_fails_calls_nothing_off(w, monkeypatch):
    session = planned(w)
    monkeypatch.setattr(Session, "tell", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        session.dispute.perform("withdraw", by=w.officer, at=NOW, asked_by="双方", reason="自行说和")
    session.refresh_from_db(), session.dispute.refresh_from_db()
    assert (session.state, session.dispute.status) == ("planned", "mediating")
    assert not session.dispute.events.filter(kind="withdraw").exists()


# --- the record ------------------------------------------------------------------------------------------------------
def test_a_record_counts_as_an_attempt_and_lets_the_case_go_up(w):
    session = planned(w)
    case = session.dispute
    with pytest.raises(MoveRefused, match="先登记至少一次调解"):
        case.perform("escalate", by=w.officer, at=LATER, reason="谈不拢")
    event = record(w, session, outcome="not_agreed", points_agreed="", points_open="补偿多少")
    assert (event.kind, event.is_attempt, session.state) == ("session", True, "held")
    assert event.text.body == "结果：没有谈成\n还没谈拢的：补偿多少"
    case.perform("escalate", by=w.officer, at=LATER, reason="谈不拢")


def test_one_that_did_not_take_place_is_no_attempt_and_says_why(w):
    session = planned(w)
    assert wrong(record, w, session, outcome="not_held").keys() == {"reason"}
    event = record(w, session, outcome="not_held", reason="乙方没来")
    assert (event.is_attempt, session.state, session.held_at, session.reason) == (False, "failed", None, "乙方没来")
    assert not session.attendees.exclude(attended=None).exists()


def test_what_a_record_must_have(w):
    session = planned(w, invited=[{"user": w.mediator}])
    rows = session.listed()
    agreed = {row.pk: {"attended": True, "consent": "agreed"} for row in rows}
    assert wrong(record, w, session, outcome="").keys() == {"outcome"}
    assert wrong(record, w, session, people=agreed, held_at=None, rights_told_at=None).keys() == {
        "held_at",
        "rights_told_at",
    }
    assert wrong(record, w, session, people=agreed, held_at=LATER + dt.timedelta(hours=1)).keys() == {"held_at"}
    assert wrong(record, w, session, people=agreed, ended_at=TOMORROW).keys() == {"ended_at"}
    assert wrong(record, w, session, people={}).keys() == {f"attended_{row.pk}" for row in rows}
    assert wrong(record, w, session).keys() == {f"consent_{rows[2].pk}"}  # PMA 20
    assert wrong(record, w, session, people=agreed, points_agreed="").keys() == {"points_agreed"}
    assert wrong(record, w, session, people=agreed, outcome="continue").keys() == {"points_open", "next_on"}
    one_side = agreed | {rows[1].pk: {"attended": False}}
    assert wrong(record, w, session, people=one_side).keys() == {"outcome"}
    nobody = agreed | {row.pk: {"attended": False} for row in rows[:2]}
    assert "没有开成" in next(iter(wrong(record, w, session, people=nobody).values()))
    assert wrong(record, w, session, people=agreed, walk_ins=[{"name": "老马", "capacity": "relative"}]).keys() == {
        "walk_ins"
    }
    assert not session.dispute.events.filter(kind="session").exists()
    record(w, session, people=agreed, walk_ins=[{"name": "老马", "capacity": "relative", "consent": "agreed"}])
    assert session.record_facts()["participants"][-1] == {
        "name": "老马",
        "capacity": "亲属",
        "attended": True,
        "consent": "agreed",
    }


def test_recusal_is_decided_and_granted_by_another_chair(w):
    session = planned(w)
    party = session.dispute.parties.first()
    asked = {"by": party, "about": w.officer, "reason": "亲戚"}
    assert wrong(record, w, session, recusal=asked).keys() == {"recusal_decision"}
    assert "换人" in wrong(record, w, session, recusal=asked | {"decision": "granted"})["recusal_decision"]
    record(w, session, recusal=asked | {"decision": "granted"}, chair=w.second_officer)
    assert session.chair == w.second_officer
    assert session.record_facts()["recusal"]["about"] == "刘建军"


def test_who_records_and_when(w):
    session = planned(w)
    with pytest.raises(MoveRefused, match="还没到时间"):
        record(w, session, at=NOW)
    with pytest.raises(MoveRefused, match="石门警务室"):
        record(w, session, by=w.assistant)
    with pytest.raises(NotYours):
        record(w, session, by=w.supervisor)
    chaired = planned(w, chair=w.village_mediator, shares_venue=True)
    record(w, chaired, by=w.village_mediator)
    assert chaired.recorded_by == w.village_mediator


def test_it_survives_a_change_of_tier_and_a_late_record_is_no_attempt_above(w):
    session = planned(w)
    case = session.dispute
    case.perform("escalate", by=w.officer, at=LATER, reason="要打起来", may_escalate=True)
    assert session.why_not_record(w.officer, LATER) is None
    session.dispute.refresh_from_db()
    event = record(w, session)
    assert (event.is_attempt, case.attempts_at_this_tier().exists()) == (False, False)
    above = planned(w, mediated(w), shares_venue=True)
    above.dispute.perform("escalate", by=w.officer, at=NOW, reason="要打起来", may_escalate=True)
    assert record(w, above, by=w.centre).is_attempt  # held after it had arrived at the centre


def test_a_second_record_corrects_the_first_and_counts_once(w):
    session = planned(w)
    record(w, session)
    event = record(w, session, points_agreed="按新界桩放牧")
    assert (event.is_attempt, event.facts["corrected"], session.points_agreed) == (False, True, "按新界桩放牧")
    assert session.dispute.attempts_at_this_tier().count() == 1
    session.dispute.perform("withdraw", by=w.officer, at=LATER, asked_by="双方", reason="自行说和")
    with pytest.raises(MoveRefused, match="不能再更正"):
        record(w, session)


def test_of_two_who_record_one_session_the_second_is_told_and_nothing_is_written(w):
    session = planned(w)
    first, second = Session.objects.get(pk=session.pk), Session.objects.get(pk=session.pk)
    first.record(by=w.officer, at=LATER, version=1, facts=record_of(session))
    with pytest.raises(Conflict, match="刘建军"):
        second.record(by=w.second_officer, at=LATER, version=1, facts=record_of(session, points_agreed="另一份"))
    session.refresh_from_db()
    assert (session.points_agreed, session.recorded_by) == ("按旧界桩放牧", w.officer)
    assert session.dispute.events.filter(kind="session").count() == 1


def test_the_database_keeps_nonsense_out(w):
    session = planned(w, invited=[{"name": "老马", "capacity": "relative"}])
    for change in ({"state": "held"}, {"state": "off"}, {"ends_at": session.starts_at}, {"state": "lost"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Session.objects.filter(pk=session.pk).update(**change)
    for change in ({"kind": "staff"}, {"attended": True, "consent": "refused"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            session.attendees.filter(kind="other").update(**change)


# --- rooms -----------------------------------------------------------------------------------------------------------
def test_rooms_are_kept_by_the_lead_or_the_system_administrator(w):
    assert Venue.objects.add(office=w.committee, name="会议室", by=w.sysadmin, at=NOW).pk
    for by in (w.second_officer, w.centre_lead, w.secadmin):
        with pytest.raises(NotYours):
            Venue.objects.add(office=w.room, name="里屋", by=by, at=NOW)
    with pytest.raises(MoveRefused, match="换个名称"):
        Venue.objects.add(office=w.room, name="调解室", by=w.officer, at=NOW)
    w.hall.end(by=w.officer, at=NOW)
    assert Venue.objects.add(office=w.room, name="调解室", by=w.officer, at=NOW).pk
    assert wrong(planned, w).keys() == {"venue"}  # the old one is not offered


def test_rooms_on_offer_are_those_around_the_case(w):
    far = Venue.objects.add(office=w.far_room, name="调解室", by=w.sysadmin, at=NOW)
    hall = Venue.objects.add(office=w.centre_office, name="调解大厅", by=w.centre_lead, at=NOW)
    offered = set(Venue.objects.on_offer(mediated(w)))
    assert offered == {w.hall, hall} and far not in offered


def test_family_cases_still_settle_with_their_session_called_off(w):
    case = mediated(w, type_l1="01", type_l2="0101")
    session = planned(w, case, parties=[case.parties.first().pk])
    safety = dict.fromkeys(SAFETY_QUESTIONS, False)
    facts = f.settlement(w, case, chair=w.village_mediator, organisation=w.committee, safety=safety)
    case.perform("settle", by=w.officer, at=NOW, **facts)
    session.refresh_from_db()
    assert session.state == "off"
