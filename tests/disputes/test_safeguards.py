"""Ten safeguards, each with the stop, the allowed way on, what is and what is not stored; then what follows."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from audit.models import AccessLog
from disputes.effects import screened
from disputes.models import Check, Dispute, Event, FactsMissing, MoveRefused, NotYours, Obligation
from disputes.safe import acts
from disputes.safe.models import Consent, NoPenalty, PoliceSession, Slip, Task
from disputes.safe.ways import ways_for
from disputes.safeguards import SAFETY_QUESTIONS, no_mediation
from tests import factories as f
from tests import safe
from tests.factories import NOW, moment

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
DAY = dt.timedelta(days=1)
TOLD = {"told_ways": ["court"], "told_on": TODAY}


def dump() -> str:
    """Every column of every row of our own tables, as the database holds it."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_app_config("disputes").get_models():
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
            found += [f"{model._meta.db_table} {row}" for row in cursor.fetchall()]
        cursor.execute('SELECT * FROM "audit_accesslog"')
        found += [f"log {row}" for row in cursor.fetchall()]
    return "\n".join(found)


def settle(w, case: Dispute, by=None, at=NOW, **facts):
    given = f.settlement(w, case, at, organisation=w.committee, chair=w.village_mediator)
    return case.perform("settle", by=by or w.assistant, at=at, **given | facts)


# --- 1 refusal -------------------------------------------------------------------------------------------------------
def test_refusal(w):
    case = f.mediating(w)
    party = case.parties.get(side="B")
    case.set_consent(party, by=w.grid, at=NOW, consent="agreed", way="电话", on=TODAY, asked_by=w.assistant)
    case.set_consent(party, by=w.assistant, at=NOW, consent="refused", way="当面")
    # the stop: no settlement, no attempt, no session; a plain note remains
    assert "明确表示不愿意" in case.why_not("settle", by=w.assistant, at=NOW)
    with pytest.raises(MoveRefused, match="不能再调解"):
        case.add_note(by=w.assistant, at=NOW, text="又劝了一次", is_attempt=True)
    assert "王世昌" in no_mediation(case, w.assistant, NOW) and "王世昌" not in no_mediation(case, w.supervisor, NOW)
    case.add_note(by=w.assistant, at=NOW, text="乙方说要起诉")
    # the way on: the party itself takes it back
    for wrong in ({"way": "当面"}, {"taken_back": True}):
        with pytest.raises(MoveRefused, match="本人撤回拒绝"):
            case.set_consent(party, by=w.assistant, at=NOW, consent="agreed", **wrong)
    case.set_consent(party, by=w.assistant, at=NOW, consent="agreed", way="书面", taken_back=True)
    settle(w, case)
    # what is stored: each answer with day, manner, who asked and who wrote it down
    rows = list(Consent.objects.filter(party=party).order_by("pk"))
    assert [(r.answer, r.way, r.taken_back, r.asked_by, r.by) for r in rows] == [
        ("agreed", "电话", False, w.assistant, w.grid),
        ("refused", "当面", False, w.assistant, w.assistant),
        ("agreed", "书面", True, w.assistant, w.assistant),
    ]
    assert case.events.filter(kind="consent").first().facts["taken_back"] is True


def test_what_cannot_be_mediated_goes_up_without_an_attempt(w):
    for flag in ("crime_suspected", "bullying"):
        case = f.mediating(w, **{flag: True})
        case.perform("escalate", by=w.assistant, at=NOW, reason="由民警处理")
        assert case.desk == w.room


def test_after_a_refusal_it_ends_or_goes_elsewhere(w):
    for move, facts in (("end", {"reason": "乙方拒绝"} | TOLD), ("refer", {"way": "court"} | TOLD)):
        case = f.mediating(w)
        case.set_consent(case.parties.get(side="B"), by=w.assistant, at=NOW, consent="refused", way="当面")
        case.perform(move, by=w.assistant, at=NOW, **facts)
        assert not case.is_open


# --- 2 the seven exclusions ------------------------------------------------------------------------------------------
def test_seven_exclusions(w):
    case = safe.at_room_mediating(w)
    case.act("police", by=w.officer, at=NOW, **safe.WIZARD | {"exclusions_clear": False})
    # the stop, for a session and for a settlement, even when the form then says otherwise
    with pytest.raises(MoveRefused, match="不适用治安调解"):
        case.act("police_session", by=w.officer, at=NOW, **safe.session(TODAY))
    for given in ({}, {"exclusions_clear": True}):
        with pytest.raises(MoveRefused, match="公安机关查处"):
            settle(w, case, w.officer, organisation=w.room, chair=w.officer, track="police", **given)
    # the way on: the police deal with it
    case.perform("refer", by=w.officer, at=NOW, way="police", told_ways=["police"], told_on=TODAY)
    assert case.result == "way_police"
    # what is stored: version, officer, time and outcome; never which one
    check = case.checks.get(kind="exclusions")
    assert (check.version, check.by, check.at, check.outcome) == ("APR-179/2018", w.officer, NOW, "some")
    assert check.sealed == ""
    event = case.events.get(kind="police")
    assert event.facts == {"fits": False} and not hasattr(event, "text")
    for word in ("雇凶", "结伙", "寻衅", "多次", "逃跑", "不宜调解"):
        assert word not in dump(), word


def test_the_wizard_has_three_steps(w):
    for wrong, words in (
        ({"deed": "civil"}, "民间纠纷"),
        ({"deed": "other"}, "不符合治安调解的条件"),
        ({"lesser": False}, "不符合治安调解的条件"),
        ({"ground": "none"}, "不符合治安调解的条件"),
    ):
        case = safe.at_room_mediating(w)
        case.act("police", by=w.officer, at=NOW, **safe.WIZARD | wrong)
        with pytest.raises(MoveRefused, match=words):
            case.act("police_session", by=w.officer, at=NOW, **safe.session(TODAY))
    # what is no violation goes on as people's mediation
    case = safe.at_room_mediating(w)
    case.act("police", by=w.officer, at=NOW, **safe.WIZARD | {"deed": "civil"})
    settle(w, case, w.officer)
    assert case.agreements.get().track == "people"
    with pytest.raises(NotYours):
        f.mediating(w).act("police", by=w.assistant, at=NOW, **safe.WIZARD)


def test_facts_come_before_the_session(w):
    case = safe.at_room_mediating(w)
    case.act("police", by=w.officer, at=NOW, **safe.WIZARD | {"established": ""})
    with pytest.raises(MoveRefused, match="查明事实"):
        case.act("police_session", by=w.officer, at=NOW, **safe.session(TODAY))


# --- 3 one officer without a recording -------------------------------------------------------------------------------
def test_one_officer_without_a_recording(w):
    case = safe.at_room_mediating(w)
    case.act("police", by=w.officer, at=NOW, **safe.WIZARD)
    alone = safe.session(TODAY, officers="1")
    with pytest.raises(MoveRefused, match="同步录音录像"):
        case.act("police_session", by=w.officer, at=NOW, **alone)
    with pytest.raises(MoveRefused, match="执法办案场所"):
        case.act("police_session", by=w.officer, at=NOW, **alone | {"place_kind": "other", "recording": "LX-1"})
    assert not PoliceSession.objects.exists()
    # both ways on
    case.act("police_session", by=w.officer, at=NOW, **alone | {"recording": "LX-20260302-07"})
    other = safe.at_room_mediating(w)
    other.act("police", by=w.officer, at=NOW, **safe.WIZARD)
    other.act("police_session", by=w.officer, at=NOW, **safe.session(TODAY, place_kind="other"))
    # only the number of the recording is kept, and only on the session
    assert case.police_sessions.get().recording == "LX-20260302-07"
    lines = [line for line in dump().splitlines() if "LX-20260302-07" in line]
    assert len(lines) == 1 and lines[0].startswith("disputes_policesession")


def test_on_the_spot_under_police_chair(w):
    case = safe.at_room_mediating(w)
    case.act("police", by=w.officer, at=NOW, **safe.WIZARD)
    spot = {"result": "oral", "organisation": w.room, "chair": w.officer, "track": "police", "on_the_spot": True}
    kept_now = [{"debtor": case.principal_parties()[1], "what": "赔礼道歉", "amount": None, "due_on": TODAY}]
    spot |= {"obligations": kept_now}
    with pytest.raises(MoveRefused, match="情节轻微"):
        settle(w, case, w.officer, **spot)
    case.act("police", by=w.officer, at=NOW, **safe.WIZARD | {"plain": True})
    with pytest.raises(MoveRefused, match="录音录像编号"):
        settle(w, case, w.officer, **spot)
    later = [dict(kept_now[0], due_on=TODAY + DAY)]
    with pytest.raises(MoveRefused, match="当场履行"):
        settle(w, case, w.officer, **spot | {"recording": "LX-8", "obligations": later})
    settle(w, case, w.officer, **spot | {"recording": "LX-8"})
    assert case.agreements.get().on_the_spot and case.police_tracks.get().recording == "LX-8"


# --- 4 the second session --------------------------------------------------------------------------------------------
def test_second_session_after_seven_working_days(w):
    first = moment("2026-03-27 10:00")  # a Friday; 04-06 is a holiday of the table
    case = safe.at_room_mediating(w, first - 3 * DAY)
    case.act("police", by=w.officer, at=first, **safe.WIZARD)
    case.act("police_session", by=w.officer, at=first, **safe.session(first.date()))
    last, late = dt.date(2026, 4, 8), dt.date(2026, 4, 9)  # the seventh working day, because Monday does not count
    at = moment("2026-04-10 09:00")
    second = {"second_why": "asked"}
    with pytest.raises(MoveRefused, match="2026-04-08"):
        case.act("police_session", by=w.officer, at=at, **safe.session(late, **second))
    with pytest.raises(MoveRefused, match="选为什么"):
        case.act("police_session", by=w.officer, at=at, **safe.session(last))
    with pytest.raises(MoveRefused, match="已经登记过"):
        case.act("police_session", by=w.officer, at=at, **safe.session(first.date(), **second))
    case.act("police_session", by=w.officer, at=at, **safe.session(last, **second))
    with pytest.raises(MoveRefused, match="已经记了 2 次"):
        case.act("police_session", by=w.officer, at=at, **safe.session(last + DAY, **second))
    # the way on: it is over, and the police deal with it
    failed = {"failure": "not_reached", "failed_on": last, "civil_told_on": last}
    case.act("police_failed", by=w.officer, at=at, **failed)
    case.perform("refer", by=w.officer, at=at, way="police", told_ways=["court", "police"], told_on=last)
    assert [row.second_why for row in case.police_sessions.all()] == ["", "asked"]


# --- 5 the family screen ---------------------------------------------------------------------------------------------
def test_family_screen(w):
    case = safe.family(w)
    with pytest.raises(MoveRefused, match="五个安全问题"):
        settle(w, case, w.officer)
    with pytest.raises(MoveRefused, match="还差 4 项"):
        case.act("screen", by=w.officer, at=NOW, safety={"beating": True})
    with pytest.raises(MoveRefused, match="只由经办人"):
        case.act("screen", by=w.second_officer, at=NOW, safety=safe.NO)
    case.act("screen", by=w.officer, at=NOW, safety=safe.NO | {"fear": True, "beating": True})
    # the stop: an agreement alone is not enough, nor is another kind of dispute
    with pytest.raises(MoveRefused, match="写明处置"):
        settle(w, case, w.officer)
    with pytest.raises(MoveRefused, match="不能改成别的大类"):
        case.edit(by=w.officer, at=NOW, version=case.version, facts={"type_l1": "02", "type_l2": "0201"})
    # the way on: a disposition, added to the answers given before
    case.act("screen", by=w.officer, at=NOW, disposition="warning_letter")
    settle(w, case, w.officer)
    # what is stored: sealed answers; the timeline and the log know nothing of them
    checks = list(case.checks.filter(kind="family").order_by("pk"))
    assert [check.outcome for check in checks] == ["yes:", "yes:warning_letter"]
    assert screened(checks[-1]) == ["beating", "fear"]
    rows = [line for line in dump().splitlines() if any(f"{q}" in line for q in SAFETY_QUESTIONS)]
    assert [row for row in rows if "disputes_policetrack" not in row] == []
    assert {json.dumps(e.facts) for e in case.events.filter(kind="screen")} == {"{}"}


def test_in_a_family_case_only_the_handler_sees_where_to_reach_whom(w):
    case = safe.family(w)
    party = case.parties.get(side="A")
    for by in (w.second_officer, w.assistant, w.centre):
        with pytest.raises(MoveRefused, match="只有经办人"):
            party.reveal("phone", by=by, at=NOW, reason="联系")
    assert party.reveal("phone", by=w.officer, at=NOW, reason="联系") == f.PARTY_A["phone"]
    waiting = f.register(w, type_l1="01", type_l2="0101")
    with pytest.raises(MoveRefused, match="先由石门村委会受理"):
        waiting.parties.get(side="A").reveal("phone", by=w.assistant, at=NOW, reason="联系")


def test_nobody_is_called_without_a_note_that_it_is_safe(w):
    from followups.visits import record_visit

    case = safe.family(w)
    with pytest.raises(MoveRefused, match="方便联系"):
        case.add_note(by=w.officer, at=NOW, text="电话问了", way="phone")
    case.act("screen", by=w.officer, at=NOW, safety=safe.NO)
    settle(w, case, w.officer)
    heard = {p.pk: {"reached": True, "satisfaction": "yes", "mind": "calm"} for p in case.principal_parties()}
    facts = {"visited_on": TODAY, "way": "phone", "parties": heard}
    with pytest.raises(FactsMissing) as missing:
        record_visit(case=case, by=w.officer, at=NOW, facts=facts)
    assert set(missing.value.errors) == {"way"}
    case.parties.update(safe_to_call="晚上八点以后打给妹妹")
    record_visit(case=case, by=w.officer, at=NOW, facts=facts)


# --- 6 minors --------------------------------------------------------------------------------------------------------
def test_minor_without_guardian(w):
    born = {"birth_on": dt.date(2009, 6, 1)}  # sixteen
    case = f.mediating(w, parties=[f.PARTY_A, {**f.PARTY_B, **born}])
    assert "监护人" in case.why_not("settle", by=w.assistant, at=NOW)
    party = case.parties.get(side="B")

    def change(**values):
        case.edit(by=w.assistant, at=NOW, version=case.version, parties=[{"pk": party.pk, **values}])

    change(own_wages=True)  # sixteen, own wages, agrees (APR 181)
    assert case.why_not("settle", by=w.assistant, at=NOW) is None
    change(own_wages=True, birth_on=dt.date(2010, 6, 1))  # fifteen: the exception does not hold
    assert "监护人" in case.why_not("settle", by=w.assistant, at=NOW)
    change(guardian_name="王父", guardian_relation="父亲")
    assert case.why_not("settle", by=w.assistant, at=NOW) is None
    change(birth_on=dt.date(2014, 6, 1))  # eleven: what is kept takes the guardian's consent, too (PIPL 31)
    assert "监护人还没有同意" in case.why_not("settle", by=w.assistant, at=NOW)
    change(guardian_consent_on=TODAY)
    settle(w, case)
    assert case.protected and case.parties.get(side="B").guardian_consent_on == TODAY


def test_agents_on_the_police_track(w):
    agent = {"agent_name": "李律师"}
    case = safe.at_room_mediating(w, parties=[{**f.PARTY_A, **agent}, {**f.PARTY_B, **agent}])
    case.act("police", by=w.officer, at=NOW, **safe.WIZARD)

    def change(side, **values):
        row = {"pk": case.parties.get(side=side).pk, **values}
        case.edit(by=w.officer, at=NOW, version=case.version, parties=[row])

    with pytest.raises(MoveRefused, match="书面授权"):
        case.act("police_session", by=w.officer, at=NOW, **safe.session(TODAY))
    change("A", agent_in_writing=True, agent_scope="代为调解、签收")
    with pytest.raises(MoveRefused, match="违法嫌疑人不能委托代理人"):
        case.act("police_session", by=w.officer, at=NOW, **safe.session(TODAY))
    change("B", agent_name="")
    case.act("police_session", by=w.officer, at=NOW, **safe.session(TODAY))


# --- 7 pupil bullying ------------------------------------------------------------------------------------------------
def test_pupil_bullying(w):
    case = safe.stopped(w, bullying=True)
    assert "学生欺凌" in case.why_not("settle", by=w.officer, at=NOW)
    with pytest.raises(MoveRefused, match="学生欺凌"):
        case.add_note(by=w.officer, at=NOW, text="让两个孩子握手", is_attempt=True)
    with pytest.raises(MoveRefused, match="教育部门"):
        case.perform("refer", by=w.officer, at=NOW, way="court", **TOLD)
    with pytest.raises(MoveRefused, match="解除登记"):
        case.edit(by=w.officer, at=NOW, version=case.version, facts={"bullying": False})
    # both ways on: to whom it belongs; or an officer says why it is none
    other = safe.stopped(w, bullying=True)
    other.perform("refer", by=w.officer, at=NOW, way="admin", **TOLD)
    with pytest.raises(FactsMissing):
        case.act("lift", by=w.officer, at=NOW, flag="bullying")
    case.act("lift", by=w.officer, at=NOW, flag="bullying", reason="学校查明是一次偶然的推搡")
    case.refresh_from_db()
    assert case.why_not("settle", by=w.officer, at=NOW) is None
    assert case.events.get(kind="lift").text.body == "学校查明是一次偶然的推搡"


# --- 8 suspected crime -----------------------------------------------------------------------------------------------
def test_suspected_crime(w):
    case = safe.stopped(w, crime_suspected=True)
    for move in ("settle", "end", "withdraw"):
        assert "公安机关" in case.why_not(move, by=w.officer, at=NOW), move
    with pytest.raises(MoveRefused, match="只能移交"):
        case.add_note(by=w.officer, at=NOW, text="劝双方私了", is_attempt=True)
    with pytest.raises(MoveRefused, match="公安机关依法处理"):
        case.perform("refer", by=w.officer, at=NOW, way="court", **TOLD)
    with pytest.raises(MoveRefused, match="不写案情"):
        case.perform("refer", by=w.officer, at=NOW, way="police", reason="轻伤二级", **TOLD)
    assert "轻伤二级" not in dump()
    # the one way on; of it only 已移交 and its time are kept
    event = case.perform("refer", by=w.officer, at=NOW, way="police", **TOLD)
    assert (event.text.body, event.at) == ("已移交公安机关", NOW)
    assert set(event.facts) == {"way", "told_ways", "told_on"}


# --- 9 the other ways ------------------------------------------------------------------------------------------------
def test_other_ways_not_told(w):
    case = f.mediating(w)
    for move, facts in (("end", {"reason": "分歧大"}), ("refer", {"way": "court"})):
        with pytest.raises(FactsMissing) as missing:
            case.perform(move, by=w.assistant, at=NOW, **facts)
        assert set(missing.value.errors) == {"told_ways", "told_on"}
    case.perform("end", by=w.assistant, at=NOW, reason="分歧大", **TOLD)
    check = case.checks.get(kind="told")
    assert (check.outcome, check.by) == ("court", w.assistant)


def test_what_is_told_depends_on_what_it_is_about(w):
    def told(l2):
        return dict(ways_for(Dispute(type_l1=l2[:2], type_l2=l2)))

    assert "农村土地承包仲裁委员会" in str(told("0901")["arbitral"])
    assert "不属于" in str(told("1102")["admin"]) and "arbitral" not in told("1102")
    assert "劳动人事争议仲裁" in str(told("0703")["arbitral"])
    assert all(next(iter(told(l2))) == "court" for l2 in ("0901", "1102", "0703", "0101", "0303", "0201", "0804"))
    case = f.mediating(w, type_l1="11", type_l2="1102")
    with pytest.raises(MoveRefused, match="不属于农村土地承包仲裁"):
        case.perform("refer", by=w.assistant, at=NOW, way="arbitral", **TOLD)
    case.perform("refer", by=w.assistant, at=NOW, way="admin", **TOLD)


# --- 10 judicial confirmation ----------------------------------------------------------------------------------------
def test_confirmation_after_thirty_days(w):
    case = f.mediating(w)
    settle(w, case)
    signed = TODAY + 2 * DAY
    at = NOW + 60 * DAY
    ask = {"asked": True, "jointly": True, "court": "天祝藏族自治县人民法院"}
    with pytest.raises(MoveRefused, match="签名盖章"):
        case.act("confirm", by=w.assistant, at=at, requested_on=signed, **ask)
    case.act("signed", by=w.assistant, at=at, signed_on=signed)
    last = signed + 30 * DAY
    assert case.tasks.get(kind="confirm").due_on == last
    with pytest.raises(MoveRefused, match=f"{last} 已经截止.*起诉"):
        case.act("confirm", by=w.assistant, at=at, requested_on=last + DAY, **ask)
    with pytest.raises(MoveRefused, match="双方共同申请"):
        case.act("confirm", by=w.assistant, at=at, requested_on=last, asked=True)
    case.act("confirm", by=w.assistant, at=at, requested_on=last, **ask)
    with pytest.raises(MoveRefused, match="早于申请日期"):
        case.act("confirm_ruled", by=w.assistant, at=at, ruling="confirmed", ruled_on=signed)
    case.act("confirm_ruled", by=w.assistant, at=at, ruling="confirmed", ruled_on=last + 10 * DAY)
    row = case.agreements.get().confirmation
    assert (row.requested_on, row.ruling, row.ruled_on) == (last, "confirmed", last + 10 * DAY)
    assert case.tasks.get(kind="confirm").state == "done"


def test_no_confirmation_where_the_court_would_not_take_it(w):
    cases = [safe.settled_by_police(w)]
    for l2 in ("0101", "0102"):
        case = f.mediating(w, type_l1="01", type_l2=l2)
        settle(w, case, safety=safe.NO)
        cases.append(case)
    oral = f.mediating(w)
    settle(w, oral, result="oral", obligations=[])
    alone = f.mediating(w)
    settle(w, alone, result="self", obligations=[])
    found = [acts.ACTS["confirm"].fits(case) for case in [*cases, oral, alone]]
    assert found == [False, False, True, True, False]
    assert oral.agreements.get().effective_on == TODAY and oral.tasks.get(kind="confirm").due_on == TODAY + 30 * DAY


# --- acceptance ------------------------------------------------------------------------------------------------------
def test_what_is_not_acceptable_is_shown_elsewhere(w):
    case = f.register(w)
    case.act("acceptance", by=w.assistant, at=NOW, reserved=False, elsewhere=True)
    for move in ("take_up", "settle"):
        assert case.why_not(move, by=w.assistant, at=NOW), move
    assert "引导其他途径" in case.why_not("take_up", by=w.assistant, at=NOW)
    case.perform("refer", by=w.assistant, at=NOW, way="court", **TOLD)
    check = case.checks.get(kind="acceptance")
    assert (check.outcome, check.by, check.at) == ("elsewhere", w.assistant, NOW)
    again = f.register(w)
    again.act("acceptance", by=w.assistant, at=NOW, reserved=True, elsewhere=False)
    again.act("acceptance", by=w.assistant, at=NOW, reserved=False, elsewhere=False)
    again.perform("take_up", by=w.assistant, at=NOW, handler=w.assistant)


# --- the agreement under police chair, kept or not -------------------------------------------------------------------
def test_what_an_agreement_of_the_police_lacks_is_named(w):
    case = safe.at_room_mediating(w)
    case.act("police", by=w.officer, at=NOW, **safe.WIZARD)
    police = {"organisation": w.room, "chair": w.officer, "track": "police"}
    with pytest.raises(MoveRefused, match="先记一次治安调解"):
        settle(w, case, w.officer, **police)
    case.act("police_session", by=w.officer, at=NOW, **safe.session(TODAY))
    case.act("police_terms", by=w.officer, at=NOW, **safe.TERMS | {"cause": "", "consequence": ""})
    with pytest.raises(MoveRefused, match="还缺：起因、结果"):
        settle(w, case, w.officer, **police)
    case.act("police_terms", by=w.officer, at=NOW, **safe.TERMS)
    with pytest.raises(MoveRefused, match="书面协议"):
        settle(w, case, w.officer, **police | {"result": "oral", "obligations": []})
    settle(w, case, w.officer, **police)


def test_an_agreement_of_the_police_that_is_not_kept_goes_back_to_the_officer(w, django_capture_on_commit_callbacks):
    from followups.models import Notice
    from followups.reactions import react

    case = safe.settled_by_police(w)
    with pytest.raises(FactsMissing) as missing:
        case.act("police_failed", by=w.officer, at=NOW, failure="not_performed")
    assert set(missing.value.errors) == {"failed_on", "civil_told_on"}
    told = {"failed_on": TODAY, "civil_told_on": TODAY}
    with pytest.raises(MoveRefused, match="已经达成"):
        case.act("police_failed", by=w.officer, at=NOW, failure="not_reached", **told)
    event = case.act("police_failed", by=w.officer, at=NOW, failure="not_performed", **told)
    react(event.pk)
    assert Notice.objects.get(kind="police_failed").user == w.second_officer
    task = case.tasks.get(kind="police")
    assert (task.office, task.due_on, task.state) == (w.room, TODAY + DAY, "open")
    case.act("police_dealt", by=w.officer, at=NOW, dealt_on=TODAY)
    task.refresh_from_db()
    assert (task.state, task.done_on, task.by) == ("done", TODAY, w.officer)


def test_no_penalty_takes_performance_both_and_another_officer(w):
    case = safe.settled_at_room(w)
    apply = {"performed_on": TODAY, "applied_on": TODAY, "both": True, "undecided": True}
    with pytest.raises(MoveRefused, match="1 项没有履行完毕"):
        case.act("no_penalty", by=w.officer, at=NOW, **apply)
    row = case.agreements.get().obligations.get()
    case.act("performance", by=w.officer, at=NOW, obligation=str(row.pk), performance="2", performed_on=TODAY)
    for tick in ("both", "undecided"):
        with pytest.raises(MoveRefused, match="双方都书面申请"):
            case.act("no_penalty", by=w.officer, at=NOW, **apply | {tick: False})
    case.act("no_penalty", by=w.officer, at=NOW, **apply)
    with pytest.raises(MoveRefused, match="另一名民警"):
        case.act("no_penalty_done", by=w.officer, at=NOW, approved=True, decided_on=TODAY)
    case.act("no_penalty_done", by=w.second_officer, at=NOW, approved=True, decided_on=TODAY)
    assert NoPenalty.objects.get().decided_by == w.second_officer


# --- warning letters -------------------------------------------------------------------------------------------------
def test_a_warning_letter_stays_inside_its_case_with_four_visits(w):
    case = safe.family(w)
    facts = safe.letter_facts(case, TODAY)
    with pytest.raises(MoveRefused, match="不能是同一方"):
        case.act("letter", by=w.officer, at=NOW, **facts | {"victim": facts["warned"]})
    case.act("letter", by=w.officer, at=NOW, **facts)
    case.act(
        "letter", by=w.officer, at=NOW, **facts | {"served_victim_on": TODAY}
    )  # the same number: when it was served
    letter = case.letters.get()
    assert letter.served_victim_on == TODAY and letter.served_warned_on is None
    tasks = case.tasks.filter(kind="letter")
    assert {(t.office, t.party.side) for t in tasks} == {(o, s) for o in (w.room, w.committee) for s in "AB"}
    assert {t.due_on for t in tasks} == {TODAY + 7 * DAY}
    theirs = tasks.filter(office=w.committee).first()
    with pytest.raises(MoveRefused, match="石门村委会"):
        case.act("letter_visit", by=w.officer, at=NOW, task=str(theirs.pk), done_on=TODAY)
    case.act("letter_visit", by=w.assistant, at=NOW, task=str(theirs.pk), done_on=TODAY, note="双方分开住，平静")
    theirs.refresh_from_db()
    assert (theirs.state, theirs.by) == ("done", w.assistant)
    with pytest.raises(NotYours):
        case.act("letter", by=w.assistant, at=NOW, **facts)


def test_no_url_lists_warning_letters(w, client):
    from tests.access.inventory import addresses

    assert not [a.route for a in addresses() if "letter" in a.route and "<case_no>" not in a.route]


# --- slips -----------------------------------------------------------------------------------------------------------
def test_a_slip_is_read_by_the_supervisor_alone(w):
    case = f.mediating(w)
    words = "调解员只听甲方的，催我签字"
    for by in (w.assistant,):  # the handler
        with pytest.raises(MoveRefused, match="由别人登记"):
            Slip.objects.hand_in(case=case, by=by, at=NOW, text=words, received_on=TODAY)
    slip = Slip.objects.hand_in(case=case, by=w.grid, at=NOW, text=words, received_on=TODAY)
    with pytest.raises(NotYours):
        slip.read(by=w.grid, at=NOW)
    with pytest.raises(NotYours):
        slip.close(by=w.officer, at=NOW, answer="已谈话")
    assert slip.read(by=w.supervisor, at=NOW) == words
    assert AccessLog.objects.filter(action="read", subject=f"{case.case_no} {slip.uid}").exists()
    slip.close(by=w.town_supervisor, at=NOW, answer="已与调解员谈话，换人主持")
    assert words not in dump() and not case.events.filter(kind="slip").exists()
    assert list(Slip.objects.readable_by(w.far_officer)) == []


# --- performance to the end ------------------------------------------------------------------------------------------
def two_dates(w, at=NOW) -> Dispute:
    case = f.mediating(w, at=at)
    a, b = case.principal_parties()
    rows = [
        {"debtor": b, "what": "付草料款", "amount": 1200, "due_on": TODAY + 10 * DAY},
        {"debtor": a, "what": "移开界桩", "amount": None, "due_on": TODAY + 10 * DAY},
        {"debtor": b, "what": "付剩余款", "amount": 800, "due_on": TODAY + 40 * DAY},
    ]
    settle(w, case, at=at, obligations=rows)
    return case


def report(case, by, at, row, code, **facts):
    case.act("performance", by=by, at=at, obligation=str(row.pk), performance=code, **facts)


def test_one_task_per_performance_date_until_all_of_it_is_kept(w):
    case = two_dates(w)
    money, stone, rest = case.agreements.get().obligations.order_by("due_on", "pk")
    tasks = case.tasks.filter(kind="perform").order_by("due_on")
    assert [t.due_on for t in tasks] == [TODAY + 10 * DAY, TODAY + 40 * DAY]
    at = NOW + 12 * DAY
    report(case, w.assistant, at, stone, "2", performed_on=TODAY + 9 * DAY)
    assert tasks.all()[0].state == "open"
    for code, facts, words in (
        ("2", {}, "填履行日期"),
        ("3", {}, "已付金额"),
        ("3", {"paid": 1200}, "已付金额"),
        ("4", {}, "已经到期"),
    ):
        with pytest.raises(MoveRefused, match=words):
            report(case, w.assistant, at, money, code, **facts)
    with pytest.raises(MoveRefused, match="才到期"):
        report(case, w.assistant, at, rest, "5")
    report(case, w.assistant, at, money, "3", paid=500)
    report(case, w.assistant, at, money, "5")
    assert tasks.all()[0].state == "open"
    report(case, w.assistant, at, money, "2", performed_on=at.date(), note="差的七百补齐了")
    assert [t.state for t in tasks.all()] == ["done", "open"]
    money.refresh_from_db()
    assert (money.performance, money.paid, money.reported_by) == ("2", 1200, w.assistant)


def test_a_return_visit_answers_what_is_due(w):
    from followups.visits import record_visit

    case = two_dates(w)
    at = NOW + 15 * DAY
    heard = {p.pk: {"reached": True, "satisfaction": "yes", "mind": "calm"} for p in case.principal_parties()}
    facts = {"visited_on": at.date(), "way": "home", "parties": heard}
    record_visit(case=case, by=w.assistant, at=at, facts=facts | {"performance": "5"})
    codes = list(Obligation.objects.order_by("due_on", "pk").values_list("performance", flat=True))
    assert codes == ["5", "5", ""]
    record_visit(case=case, by=w.assistant, at=at + 30 * DAY, facts=facts | {"performance": "2"})
    assert set(Obligation.objects.values_list("performance", flat=True)) == {"2"}
    assert not case.tasks.open().filter(kind="perform").exists()


def test_nothing_due_and_unanswered_is_closed_without_a_word(w):
    from followups.models import Handled
    from followups.reactions import react
    from followups.visits import record_visit

    case = two_dates(w)
    for pk in case.events.exclude(pk__in=Handled.objects.values("event")).values_list("pk", flat=True):
        react(pk)
    at = NOW + 15 * DAY
    heard = {p.pk: {"reached": True, "satisfaction": "yes", "mind": "calm"} for p in case.principal_parties()}
    record_visit(case=case, by=w.assistant, at=at, facts={"visited_on": at.date(), "way": "home", "parties": heard})
    with pytest.raises(MoveRefused, match="2 项履行到期了还没有记结果"):
        case.perform("close", by=w.grid, at=at)
    case.perform("close", by=w.grid, at=at, reason="乙方外出，约定回来再核")
    # and it is followed after that
    row = Obligation.objects.order_by("pk").first()
    report(case, w.assistant, at, row, "2", performed_on=at.date())


def test_reopening_ends_what_the_round_before_was_waiting_for(w):
    case = two_dates(w)
    case.perform("reopen", by=w.assistant, at=NOW + DAY, reason="又争起来", report="没有移桩")
    assert set(case.tasks.values_list("state", flat=True)) == {"cancelled"}


def test_tasks_stand_on_my_work_and_are_reminded_of(w):
    from config.work import todos
    from followups import pump
    from followups.models import Notice

    case = two_dates(w)
    assert [t for t in todos(w.assistant, TODAY) if t.kind == "task"] == []
    day = TODAY + 10 * DAY
    (task,) = [t for t in todos(w.assistant, day) if t.kind == "task"]
    assert task.url == f"/disputes/{case.case_no}/acts/performance/" and task.when == "today"
    pump.pump_once(NOW + 10 * DAY)
    pump.pump_once(NOW + 10 * DAY)
    assert Notice.objects.filter(kind="task_due", user=w.assistant).count() == 1
    for row in Obligation.objects.all():
        report(case, w.assistant, NOW + 10 * DAY, row, "2", performed_on=day)
    pump.pump_once(NOW + 11 * DAY)
    assert not Notice.objects.filter(kind="task_overdue").exists()


def test_the_courts_deadline_is_on_my_work_while_it_runs_out_and_not_after(w):
    from config.work import todos
    from followups import pump
    from followups.models import Notice

    case = f.mediating(w)
    settle(w, case, result="oral", obligations=[])
    last = TODAY + 30 * DAY

    def shown(day):
        return [todo.due_on for todo in todos(w.assistant, day) if todo.kind == "task"]

    assert [shown(day) for day in (last - 8 * DAY, last - 7 * DAY, last, last + DAY)] == [[], [last], [last], []]
    pump.pump_once(NOW + 31 * DAY)
    assert not Notice.objects.filter(kind__startswith="task").exists()


# --- the table and its doors -----------------------------------------------------------------------------------------
def test_every_act_is_an_event_with_a_reaction_and_a_label(w):
    from disputes.models import OTHER_EVENTS
    from followups.reactions import REACTIONS

    assert acts.ACTS.keys() <= OTHER_EVENTS.keys() <= REACTIONS.keys()
    assert all(len(name) <= 16 for name in acts.ACTS)


def test_the_same_submission_twice_is_one_event(w):
    import uuid

    case, key = f.register(w), uuid.uuid4()
    facts = {"reserved": False, "elsewhere": False, "submission": key}
    first, again = (case.act("acceptance", by=w.assistant, at=NOW, **facts) for _ in range(2))
    assert first == again and Check.objects.filter(kind="acceptance").count() == 1


def test_a_failing_event_leaves_nothing(w, monkeypatch):
    case = f.register(w)

    def broken(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(Dispute, "append_event", broken)
    with pytest.raises(RuntimeError):
        case.act("acceptance", by=w.assistant, at=NOW, reserved=False, elsewhere=False)
    assert not Check.objects.exists() and not Event.objects.filter(kind="acceptance").exists()


def test_acts_are_asked_of_the_case_that_stands(w):
    case = f.register(w)
    with pytest.raises(NotYours):
        case.act("acceptance", by=w.supervisor, at=NOW, reserved=False, elsewhere=False)
    with pytest.raises(MoveRefused, match="石门村委会"):
        case.act("acceptance", by=w.officer, at=NOW, reserved=False, elsewhere=False)
    with pytest.raises(MoveRefused, match="今天之后"):
        f.settled(w).act("signed", by=w.assistant, at=NOW, signed_on=TODAY + DAY)
    with pytest.raises(MoveRefused, match="早于排查日期"):
        f.settled(w).act("signed", by=w.assistant, at=NOW, signed_on=TODAY - DAY)
    with pytest.raises(MoveRefused, match="不用办"):
        f.mediating(w).act("screen", by=w.assistant, at=NOW, safety=safe.NO)
    case.forget()
    assert acts.acts_for(case, w.assistant, NOW) == {"acceptance": None}
    assert acts.acts_for(case, w.supervisor, NOW) == {}


def test_a_log_row_stands_beside_every_act(w):
    case = f.register(w)
    event = case.act("acceptance", by=w.assistant, at=NOW, reserved=False, elsewhere=False)
    assert AccessLog.objects.filter(event_hash=event.hash, actor_id=w.assistant.pk).count() == 1


def test_today_is_the_civil_day(w):
    late = moment("2026-03-02 23:30")
    case = two_dates(w, late)
    assert timezone.localdate(case.settled_at) == TODAY and Task.objects.filter(kind="perform").count() == 2
