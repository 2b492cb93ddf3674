"""The pages of referrals: what was typed stays, refusals are sentences, the receiver sees no case."""

from __future__ import annotations

import uuid

import pytest

from audit.models import AccessLog
from disputes.models import Dispute
from disputes.referrals.models import Referral
from tests import factories as f
from tests.factories import NOW
from villages.models import Draft

pytestmark = pytest.mark.django_db
OUT = {"kind": "court", "mode": "transfer", "other": "县人民法院", "text": "请先行调解", "sent_on": "今天"}
AGREED = {"mode": "delegate", "consented_on": "今天"}
IN = {**OUT, **AGREED, "doc_no": "诉调12号", "side_a": "马文林", "side_b": "王世昌", "text": "马文林诉王世昌欠款"}


def sent(w, case=None, **other) -> Referral:
    given = {"kind": "admin", "mode": "transfer", "to_office": w.department_office, "text": "请到场看水口"}
    case = case or f.mediating(w)
    return Referral.objects.send(case, by=w.assistant, at=NOW, facts=given | {"sent_on": NOW.date()} | other)


def text(answer) -> str:
    return answer.content.decode()


# --- out -------------------------------------------------------------------------------------------------------------
def test_from_the_case_page_to_the_outcome_on_the_case_page(w, sign_in):
    case, client = f.mediating(w), sign_in(w.assistant)
    assert f"/disputes/{case.case_no}/referrals/" in text(client.get(f"/disputes/{case.case_no}/"))
    where = client.get(f"/referrals/new/?case={case.case_no}").url
    page = text(client.get(where))
    assert "松山镇水管站" in page and "马文林" in page and "石门警务室" not in page
    body = {**OUT, "kind": "admin", "other": "", "to_office": w.department_office.code}
    assert client.post(where, body).url == f"/disputes/{case.case_no}/#referrals"
    row = Referral.objects.get()
    assert "待接收" in text(client.get(f"/disputes/{case.case_no}/"))

    receiver = sign_in(w.department)
    home = text(receiver.get("/"))
    assert case.case_no in text(receiver.get("/referrals/")) and "等本单位答复的移送 1 次" in home
    assert "现在没有派给你的事" not in home and "/referrals/" in home
    assert receiver.get(f"/disputes/{case.case_no}/").status_code == 404
    page = text(receiver.get(f"/referrals/{row.uid}/"))
    assert "请先行调解" in page and "马文林" not in page and f'href="/disputes/{case.case_no}/"' not in page
    assert AccessLog.objects.filter(action="read", subject=str(row.uid), actor_id=w.department.pk).count() == 1
    here = f"/referrals/{row.uid}/"
    assert receiver.post(here, {"act": "accept", "version": 1}).url == here
    done = {"act": "report", "version": 2, "outcome": "mediated", "outcome_on": "今天", "outcome_text": "轮流用水"}
    assert receiver.post(here, done).url == here
    page = text(client.get(f"/disputes/{case.case_no}/"))
    assert "调解成功" in page and "轮流用水" in page and "移送有结果" in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": ""}, "选对接类别"),
        ({"mode": "entrust"}, "委派、委托调解要每一方同意"),
        ({"text": " "}, "写明移送内容"),
        ({"sent_on": "明天"}, "在今天之后"),
        ({"other": ""}, "选接收单位"),
        ({"to_office": "620623103-D1"}, "只写一个"),
        ({"to_office": "620623103-R1"}, "没有这个选项"),
        ({"leaves": "on"}, "选已告知的其他途径"),
        ({"leaves": "on", "told_ways": ["court"], "told_on": "三月初"}, "认不出"),
        ({"leaves": "on", "kind": "other", "told_ways": ["court"], "told_on": "今天"}, "不能引导其他途径"),
    ],
)
def test_a_wrong_form_comes_back_with_what_was_typed(w, sign_in, change, sentence):
    case = f.mediating(w)
    answer = sign_in(w.assistant).post(f"/disputes/{case.case_no}/referrals/", {**OUT, "doc": "", **change})
    page = text(answer)
    assert answer.status_code == 422 and sentence in page
    assert "县人民法院" in page or "other" in change
    assert "请先行调解" in page or "text" in change
    assert not Referral.objects.exists() and Dispute.objects.get().status == "mediating"


def test_with_the_whole_matter_the_case_is_referred(w, sign_in):
    case, client = f.mediating(w), sign_in(w.assistant)
    body = {**OUT, "leaves": "on", "told_ways": ["court", "arbitral"], "told_on": "今天", "submission": uuid.uuid4()}
    for _twice in range(2):  # sent twice is sent once, though the case is gone
        assert client.post(f"/disputes/{case.case_no}/referrals/", body).status_code == 302
    assert Referral.objects.count() == 1 and Dispute.objects.get().status == "referred"
    refused = client.post(f"/disputes/{case.case_no}/referrals/", {**OUT, "text": "再送一次"})
    assert refused.status_code == 409 and "不能移送" in text(refused) and "再送一次" in text(refused)


def test_what_is_being_written_is_kept(w, sign_in):
    case, client = f.mediating(w), sign_in(w.assistant)
    for key, where in (
        (f"referral:{case.case_no}", f"/disputes/{case.case_no}/referrals/"),
        ("referral-in", "/referrals/in/"),
    ):
        assert client.post(f"/drafts/{key}/", {"text": "写到一半"}).status_code == 200
        page = text(client.get(where))
        assert "写到一半" in page and "已恢复" in page and "错误" not in page
    assert client.post(f"/disputes/{case.case_no}/referrals/", OUT).status_code == 302
    assert [draft.key for draft in Draft.objects.all()] == ["referral-in"]


def test_the_number_of_an_unknown_case_is_not_found(w, sign_in):
    client, case = sign_in(w.far_officer), f.mediating(w)
    assert "案号" in text(client.get("/referrals/new/"))
    for number in (case.case_no, "620623-103-2026-9999", "x" * 300):
        assert client.get(f"/referrals/new/?case={number}").status_code == 404


# --- in --------------------------------------------------------------------------------------------------------------
def test_what_was_received_becomes_a_case_on_its_page(w, sign_in):
    client = sign_in(w.officer)
    assert "登记收到的移送" in text(client.get("/referrals/"))
    answer = client.post("/referrals/in/", {**IN, "village": w.village.code})
    row = Referral.objects.get()
    assert answer.url == f"/referrals/{row.uid}/"
    page = text(client.get(answer.url))
    assert "新立一件案件" in page and "并入已有案件" in page and "马文林" in page and "反馈结果" not in page
    wrong = client.post(answer.url, {"act": "new", "version": 1, "tier": "2"})
    assert wrong.status_code == 422 and "选什么事" in text(wrong)
    assert client.post(answer.url, {"act": "new", "version": 1, "type": "0905", "tier": "2"}).status_code == 302
    case = Dispute.objects.get()
    page = text(client.get(f"/disputes/{case.case_no}/"))
    assert "县人民法院移送来" in page and "收到移送" in page
    assert "马文林" not in text(sign_in(w.supervisor).get(answer.url))
    assert "反馈结果" in text(client.get(answer.url))


def test_it_joins_a_case_of_ones_scope_only(w, sign_in):
    client, far = sign_in(w.officer), f.register(w, village=w.far_village, by=w.far_assistant)
    here = client.post("/referrals/in/", {**IN, "village": w.village.code}).url
    wrong = client.post(here, {"act": "join", "version": 1, "target": far.case_no})
    assert wrong.status_code == 422 and "没有这个案件" in text(wrong) and far.case_no in text(wrong)
    case = f.mediating(w)
    assert client.post(here, {"act": "join", "version": 1, "target": case.case_no}).status_code == 302
    assert Referral.objects.get().dispute == case


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"other": ""}, "写明哪个单位移送来的"),
        ({"village": "620623102201"}, "没有这个选项"),
        ({"consented_on": ""}, "要双方当事人同意"),
        ({"sent_on": "明天"}, "在今天之后"),
        ({"text": ""}, "写明移送内容"),
    ],
)
def test_a_wrong_receipt_comes_back_with_what_was_typed(w, sign_in, change, sentence):
    answer = sign_in(w.officer).post("/referrals/in/", {**IN, "village": w.village.code} | change)
    assert answer.status_code == 422 and sentence in text(answer) and 'value="马文林"' in text(answer)
    assert not Referral.objects.exists()


# --- answers ---------------------------------------------------------------------------------------------------------
def test_the_second_of_two_answers_is_told_and_keeps_its_words(w, sign_in):
    row, client = sent(w), sign_in(w.department)
    row.answer("return", by=w.department, at=NOW, version=1, reason="不归我们管")
    late = client.post(f"/referrals/{row.uid}/", {"act": "return", "version": 1, "reason": "写了很久的理由"})
    assert late.status_code == 409 and "已退回" in text(late) and "写了很久的理由" in text(late)
    row = sent(w)
    row.answer("accept", by=w.department, at=NOW, version=1)
    body = {"act": "report", "version": 1, "outcome": "other", "outcome_on": "今天", "outcome_text": "看过了"}
    late = client.post(f"/referrals/{row.uid}/", body)
    assert late.status_code == 409 and "刚办过" in text(late) and "看过了" in text(late)
    assert 'name="version" value="2"' in text(late)  # having read it, the same words can be sent
    assert client.post(f"/referrals/{row.uid}/", body | {"version": 2}).status_code == 302


@pytest.mark.parametrize("body", [{}, {"act": "x"}, {"act": "accept"}, {"act": "accept", "version": "x"}])
def test_a_broken_answer_is_refused(w, sign_in, body):
    row = sent(w)
    assert sign_in(w.department).post(f"/referrals/{row.uid}/", body).status_code in (409, 422)
    assert Referral.objects.get().state == "sent"


def test_others_of_the_scope_read_and_do_not_answer(w, sign_in):
    row = sent(w)
    page = text(sign_in(w.officer).get(f"/referrals/{row.uid}/"))
    assert "请到场看水口" in page and "退回" not in page
    refused = sign_in(w.officer).post(f"/referrals/{row.uid}/", {"act": "return", "version": 1, "reason": "x"})
    assert refused.status_code == 409 and "松山镇水管站答复" in text(refused)
    assert sign_in(w.far_officer).get(f"/referrals/{row.uid}/").status_code == 404


# --- the list --------------------------------------------------------------------------------------------------------
def test_the_list_is_narrowed_and_paged(w, sign_in):
    inside, outside = sent(w), sent(w, kind="court", to_office=None, other="县人民法院")
    client, uids = sign_in(w.assistant), {"inside": str(inside.uid), "outside": str(outside.uid)}

    def shown(query: str, who=client) -> set[str]:
        page = text(who.get(f"/referrals/?{query}"))
        return {name for name, uid in uids.items() if uid in page}

    assert shown("") == shown("direction=out") == shown("waiting=other") == {"inside", "outside"}
    assert shown("kind=court") == {"outside"} and shown("direction=in") == shown("waiting=mine") == set()
    assert shown("waiting=mine", sign_in(w.department)) == {"inside"}
    inside.answer("accept", by=w.department, at=NOW, version=1)
    assert shown("state=accepted") == {"inside"} and shown("state=nonsense") == {"inside", "outside"}
    case = Dispute.objects.get(pk=outside.dispute_id)
    for _n in range(50):
        sent(w, case)
    first = text(client.get("/referrals/?kind=admin"))
    assert first.count("<tr data-row>") == 50 and "共 51 次" in first
    more = text(client.get(f"/referrals/?kind=admin&after={Referral.objects.all()[49].pk}"))
    assert more.count("<tr data-row>") == 1 and "上一页" in more


def test_the_case_page_asks_as_often_with_many_referrals(w, sign_in, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    case, client = f.mediating(w), sign_in(w.officer)
    sent(w, case)
    client.get(f"/disputes/{case.case_no}/")
    with CaptureQueriesContext(connection) as one:
        client.get(f"/disputes/{case.case_no}/")
    for _n in range(4):
        sent(w, case)
    with django_assert_num_queries(len(one)):
        client.get(f"/disputes/{case.case_no}/")
