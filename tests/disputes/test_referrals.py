"""Referrals at their doors: who may send, answer and report, what consent is asked, and what leaving settles."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from audit.models import AccessLog, verify
from disputes.models import Conflict, Dispute, Event, FactsMissing, MoveRefused, NotYours
from disputes.referrals.models import ACTS, SOURCE_OF, WAY_OF, Referral, receivers
from followups.models import Notice
from followups.notices import with_words
from followups.reactions import react
from tests import factories as f
from tests.factories import NOW
from villages.models import Role

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


def facts(**other):
    return {
        "kind": "court",
        "mode": "transfer",
        "other": "县人民法院",
        "text": "请立案前先行调解",
        "sent_on": TODAY,
    } | other


def send(w, case=None, *, by=None, at=NOW, **other) -> Referral:
    return Referral.objects.send(case or f.mediating(w), by=by or w.assistant, at=at, facts=facts(**other))


def to_station(w, case=None, **other) -> Referral:
    """To the township's water office, which has its one contact."""
    return send(w, case, kind="admin", other="", to_office=w.department_office, **other)


def received(w, **other) -> Referral:
    given = {"village": w.village, "other": "县人民法院", "side_a": "马文林", "side_b": "王世昌", "doc_no": "诉调12号"}
    return Referral.objects.receive(by=w.officer, at=NOW, facts=facts(**given) | other)


def answer(row, name, by, *, at=NOW, version=None, **given):
    row.answer(name, by=by, at=at, version=row.version if version is None else version, **given)


def settle_all(case) -> None:
    for event in case.events.order_by("pk"):
        react(event.pk)


# --- out, to an office of the directory -------------------------------------------------------------------------------
def test_an_office_takes_it_and_reports_and_the_sender_learns_of_both(w):
    case = f.mediating(w)
    row = to_station(w, case)
    settle_all(case)
    assert [(n.user, n.kind) for n in Notice.objects.filter(kind__startswith="referral")] == [
        (w.department, "referral_sent")
    ]
    answer(row, "accept", w.department)
    answer(row, "report", w.department, outcome="mediated", outcome_on=TODAY, outcome_text="水口归两家轮用")
    assert (row.state, row.outcome, row.version, row.answered_by) == ("done", "mediated", 3, w.department)
    settle_all(case)
    told = Notice.objects.filter(kind__in=["referral_taken", "referral_done"]).order_by("pk")
    assert {(n.user, n.kind) for n in told} == {
        (who, kind) for who in (w.assistant, w.grid, w.village_mediator) for kind in ("referral_taken", "referral_done")
    }
    kinds = list(case.events.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["register", "take_up", "referral_sent", "referral_taken", "referral_done"]
    last = case.events.order_by("pk").last()
    assert (last.facts["outcome"], last.text.body, last.office) == ("mediated", "水口归两家轮用", w.department_office)
    assert AccessLog.objects.filter(subject=case.case_no, event_hash=last.hash).count() == 1 and verify() == []


def test_it_is_returned_with_a_reason(w):
    row = to_station(w)
    with pytest.raises(FactsMissing) as missing:
        answer(row, "return", w.department)
    assert "为什么退回" in missing.value.errors["reason"]
    answer(row, "return", w.department, reason="不归我们管")
    assert (row.state, row.reason) == ("returned", "不归我们管")
    with pytest.raises(MoveRefused, match="周庆.*已退回"):
        answer(row, "accept", w.department)
    assert row.dispute.is_open


def test_only_the_office_answers_for_itself(w):
    row = to_station(w)
    for user in (w.assistant, w.officer, w.centre_lead):
        with pytest.raises(MoveRefused, match="松山镇水管站答复"):
            answer(row, "accept", user)
    for user in (w.supervisor, w.counsellor, w.sysadmin, w.nobody):
        with pytest.raises(NotYours):
            answer(row, "accept", user)
    assert row.acts_for(w.department) == ["accept", "report", "return"] and row.acts_for(w.supervisor) == []


def test_the_receiver_sees_what_was_shared_and_never_the_case(w):
    case = f.mediating(w)
    row, outside = to_station(w, case, text="马文林家的水口请到场看"), send(w, case)
    assert list(Referral.objects.visible_to(w.department)) == [row]
    assert not Dispute.objects.visible_to(w.department).exists()
    assert row.veil(row.text, w.department) == row.text and "马文林" not in row.veil(row.text, w.supervisor)
    assert set(Referral.objects.visible_to(w.officer)) == {row, outside}
    for user in (w.counsellor, w.sysadmin, w.nobody, w.far_officer):
        assert not Referral.objects.visible_to(user).exists()
    settle_all(case)
    (notice,) = with_words(Notice.objects.visible_to(w.department), w.department)
    assert (notice.text, notice.url) == (f"收到移送：{case.case_no}", f"/referrals/{row.uid}/")
    w.department.postings.update(valid_to=TODAY - dt.timedelta(days=1))
    w.department.forget_scope()
    assert not Referral.objects.visible_to(w.department).exists()
    assert not Notice.objects.visible_to(w.department).exists()


def test_the_sender_keeps_reading_when_the_case_has_gone_up(w):
    case = f.at_centre(w)
    row = Referral.objects.send(case, by=w.mediator, at=NOW, facts=facts())
    case.perform("hand_down", by=w.centre_lead, at=NOW, reason="由警务室先办", due_on=TODAY + dt.timedelta(days=5))
    assert not Dispute.objects.visible_to(w.mediator).filter(pk=case.pk).exists()
    assert list(Referral.objects.visible_to(w.mediator)) == [row]
    row = Referral.objects.get()
    assert row.why_not("accept", w.officer) is None  # the desk where it is now may write down what comes back, too


def test_an_office_without_people_and_the_villages_own_desks_receive_nothing(w):
    case = f.mediating(w)
    empty = f.office("620623103-D9", "department", "松山镇林业站", w.township)
    found = set(receivers(case))
    assert {w.department_office, w.far_centre_office} <= found
    assert found.isdisjoint({empty, w.committee, w.room, w.centre_office, w.bureau, w.sister_committee})
    with pytest.raises(FactsMissing) as refused:
        send(w, case, other="", to_office=empty)
    assert "没有人可以接收" in refused.value.errors["to_office"]
    assert not Referral.objects.exists() and not case.events.filter(kind="referral_sent").exists()


# --- out, to a body outside -------------------------------------------------------------------------------------------
def test_for_a_court_the_senders_people_write_down_what_came_back(w):
    row = send(w)
    answer(row, "accept", w.grid, doc_no="（2026）甘0623诉前调12号", taken_on=TODAY)
    answer(row, "report", w.assistant, outcome="filed", outcome_on=TODAY)
    assert (row.state, row.outcome, row.doc_no) == ("done", "filed", "（2026）甘0623诉前调12号")
    with pytest.raises(MoveRefused, match="石门村委会办理"):
        answer(send(w), "accept", w.officer)


def test_days_lie_between_the_referral_and_today(w):
    row = send(w)
    for day in (TODAY + dt.timedelta(days=1), TODAY - dt.timedelta(days=1)):
        with pytest.raises(FactsMissing) as late:
            answer(row, "report", w.assistant, outcome="filed", outcome_on=day)
        assert "移送之后" in late.value.errors["outcome_on"]
    with pytest.raises(FactsMissing) as late:
        send(w, sent_on=TODAY + dt.timedelta(days=1))
    assert "在今天之后" in late.value.errors["sent_on"]


def test_who_may_send(w):
    case = f.mediating(w)
    for user, why in ((w.officer, "石门村委会办理"), (w.centre, "石门村委会办理")):
        with pytest.raises(MoveRefused, match=why):
            send(w, case, by=user)
    for user in (w.supervisor, w.department, w.sysadmin):
        with pytest.raises(NotYours):
            send(w, case, by=user)
    with pytest.raises(MoveRefused, match="不能移送"):
        send(w, f.settled(w))
    with pytest.raises(FactsMissing) as neither:
        send(w, case, other="")
    assert "名录里没有的" in neither.value.errors["other"]
    assert not Referral.objects.exists()


def test_the_same_form_twice_is_one_referral(w):
    case, number = f.mediating(w), uuid.uuid4()
    made = {Referral.objects.send(case, by=w.assistant, at=NOW, facts=facts(), submission=number) for _ in range(2)}
    assert len(made) == 1 and case.events.filter(kind="referral_sent").count() == 1


# --- consent ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["delegate", "entrust"])
def test_delegated_mediation_takes_every_partys_agreement(w, mode):
    case = f.mediating(w)
    a, b = case.principal_parties()
    for consents in ({}, {a.pk: "agreed"}, {a.pk: "agreed", b.pk: "refused"}):
        with pytest.raises(FactsMissing) as asked:
            send(w, case, mode=mode, consents=consents)
        assert "同意" in asked.value.errors["consents"]
    row = send(w, case, mode=mode, consents=f.agreed(case))
    assert row.consents == {str(a.pk): "agreed", str(b.pk): "agreed"} and row.consented_on == TODAY
    case.set_consent(b, by=w.assistant, at=NOW, consent="refused")
    with pytest.raises(MoveRefused, match="明确拒绝"):
        send(w, Dispute.objects.get(pk=case.pk), mode=mode, consents=f.agreed(case))


def test_a_transfer_asks_nobody_but_delegated_mediation_received_says_when_they_agreed(w):
    assert send(w).consented_on is None and received(w).consented_on is None
    with pytest.raises(FactsMissing) as asked:
        received(w, mode="delegate")
    assert "双方当事人同意" in asked.value.errors["consented_on"]
    assert received(w, mode="delegate", consented_on=TODAY).consented_on == TODAY
    with pytest.raises(IntegrityError), transaction.atomic():
        Referral.objects.filter(mode="delegate").update(consented_on=None)


# --- the whole matter goes --------------------------------------------------------------------------------------------
def test_with_the_whole_matter_the_case_leaves_by_the_move_that_exists(w):
    case = f.mediating(w)
    before = to_station(w, case)
    row = send(w, case, leaves={"told_ways": ["court"], "told_on": TODAY, "reason": "双方要起诉"})
    case.refresh_from_db()
    before.refresh_from_db()
    assert (case.status, case.result, row.state, before.state) == ("referred", "way_court", "sent", "over")
    assert case.checks.filter(kind="told").count() == 1 and case.rounds.get().left_as == "referred"
    answer(row, "report", w.assistant, outcome="filed", outcome_on=TODAY)
    assert Referral.objects.get(pk=row.pk).outcome == "filed"  # it is learnt of after the case has left
    with pytest.raises(FactsMissing):
        send(w, kind="other", leaves={"told_ways": ["court"], "told_on": TODAY, "reason": "x"})


def test_a_referral_that_fails_takes_the_move_back(w, monkeypatch):
    case = f.mediating(w)

    def fail(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(Referral, "tell", fail)
    with pytest.raises(DatabaseError):
        send(w, case, leaves={"told_ways": ["court"], "told_on": TODAY, "reason": "要起诉"})
    assert Dispute.objects.get(pk=case.pk).status == "mediating" and not Referral.objects.exists()


# --- leaving ----------------------------------------------------------------------------------------------------------
def leave_by(w, case, name):
    told = {"told_ways": ["court"], "told_on": TODAY}
    given = {
        "settle": lambda: f.settlement(w, case, organisation=w.committee, chair=w.village_mediator),
        "refer": lambda: {"way": "court", **told},
        "end": lambda: {"reason": "谈不拢", **told},
        "withdraw": lambda: {"asked_by": "甲方", "reason": "自己说好了"},
        "merge": lambda: {"target": f.mediating(w), "reason": "同一件事"},
    }[name]()
    return case.perform(name, by=w.assistant, at=NOW, **given)


@pytest.mark.parametrize("name", ["settle", "refer", "end", "withdraw", "merge"])
def test_leaving_settles_what_is_pending_in_the_same_transaction(w, name, monkeypatch):
    case = f.mediating(w)
    waiting, done = to_station(w, case), send(w, case)
    answer(done, "report", w.assistant, outcome="declined", outcome_on=TODAY)

    def fail(*args, **kwargs):
        raise DatabaseError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(Referral, "tell", fail)
        with pytest.raises(DatabaseError):
            leave_by(w, case, name)
    assert Dispute.objects.get(pk=case.pk).is_open and Referral.objects.pending().get() == waiting

    event = leave_by(w, case, name)
    waiting.refresh_from_db()
    done.refresh_from_db()
    assert (waiting.state, waiting.reason) == ("over", f"案件已办理“{event.label}”") and done.state == "done"
    assert case.events.order_by("pk").last().kind == "referral_over"
    settle_all(case)
    assert Notice.objects.filter(user=w.department, kind="referral_over").count() == 1
    with pytest.raises(MoveRefused, match="已了结"):
        answer(waiting, "accept", w.department)


def test_what_was_received_still_owes_its_answer_when_the_case_has_left(w):
    row = received(w)
    answer(row, "new", w.officer, kind="0905", tier=2)
    row.dispute.perform("take_up", by=w.officer, at=NOW, handler=w.officer)
    row.dispute.perform("withdraw", by=w.officer, at=NOW, asked_by="甲方", reason="撤诉")
    row.refresh_from_db()
    assert row.state == "accepted" and list(Referral.objects.waiting_for(w.officer)) == [row]
    answer(row, "report", w.officer, outcome="other", outcome_on=TODAY, outcome_text="当事人撤回")
    assert row.state == "done"


# --- in ---------------------------------------------------------------------------------------------------------------
def test_what_was_received_becomes_a_case_by_the_one_door(w):
    row = received(w)
    assert (row.desk, row.dispute, row.state) == (w.room, None, "sent")
    answer(row, "new", w.officer, kind="0905", tier=2)
    case = row.dispute
    assert (case.source, case.desk, case.side_a, case.narrative, case.found_on) == (
        "04", w.room, "马文林", row.text, TODAY,
    )  # fmt: skip
    assert list(case.events.order_by("pk").values_list("kind", flat=True)) == ["register", "referral_in"]
    assert (row.state, case.case_no.endswith("-0001")) == ("accepted", True)
    with pytest.raises(MoveRefused, match="已接收"):
        answer(row, "join", w.officer, target=case)


def test_it_joins_a_case_or_goes_back(w):
    case, row = f.mediating(w), received(w)
    answer(row, "join", w.second_officer, target=case)
    assert row.dispute == case and case.events.order_by("pk").last().text.body == row.text
    back = received(w)
    with pytest.raises(MoveRefused, match="先立案或并入"):
        answer(back, "report", w.officer, outcome="other", outcome_on=TODAY)
    answer(back, "return", w.officer, reason="不属于本辖区")
    assert (back.state, back.dispute) == ("returned", None)
    gone = f.mediating(w)
    gone.perform("merge", by=w.assistant, at=NOW, target=case, reason="同一件事")
    with pytest.raises(MoveRefused, match="已并案"):
        answer(received(w), "join", w.officer, target=gone)


def test_without_names_it_is_registered_by_hand_and_joined(w):
    row = received(w, side_a="", side_b="")
    with pytest.raises(FactsMissing) as missing:
        answer(row, "new", w.officer, kind="0905", tier=2)
    assert "登记纠纷" in missing.value.errors["kind"] and not Dispute.objects.exists()


def test_another_desk_does_not_decide_and_masked_viewers_read_no_names(w):
    row = received(w, text="马文林和王世昌争水")
    with pytest.raises(MoveRefused, match="石门警务室办理"):
        answer(row, "return", w.centre, reason="x")
    assert "马文林" not in row.veil(row.text, w.supervisor) and row.veil(row.text, w.officer) == row.text


# --- and the rest -----------------------------------------------------------------------------------------------------
def test_the_second_of_two_is_told(w):
    row = to_station(w)
    answer(row, "accept", w.department, version=1)
    with pytest.raises(Conflict, match="周庆刚办过"):
        answer(row, "report", w.department, version=1, outcome="other", outcome_on=TODAY)
    assert Event.objects.filter(kind__startswith="referral").count() == 2


def test_every_kind_has_a_source_and_every_answer_a_door(w):
    assert SOURCE_OF.keys() == set(Referral.Kind.values) and WAY_OF.keys() < SOURCE_OF.keys()
    assert all(callable(getattr(Referral, f"_{name}")) for name in ACTS)
    assert w.department.scope.responds == {w.department_office.pk} and w.supervisor.scope.responds == frozenset()
    assert w.officer.scope.responds == {w.room.pk} and Role.DEPARTMENT not in w.officer.scope.roles
