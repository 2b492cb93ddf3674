"""The pages of a visit and of triage: what was typed stays, refusals are sentences, names are masked."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AccessLog
from disputes.field.models import Capture, Visit
from disputes.models import Dispute
from tests import factories as f
from villages.models import Draft

pytestmark = pytest.mark.django_db


@pytest.fixture
def w():
    return f.world()


def as_(user) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def walk(w) -> Visit:
    now = timezone.now()
    return Visit.objects.begin(by=w.assistant, at=now, village=w.village, visited_on=timezone.localdate(now))


def heard(w, **facts) -> Capture:
    given = {"side_a": "马文林", "side_b": "王世昌", "kind": "0905", "words": "马文林说界桩被冲走", **facts}
    return walk(w).capture(by=w.assistant, at=timezone.now(), facts=given)


# --- visits ----------------------------------------------------------------------------------------------------------
def test_a_visit_begins_with_its_only_village_chosen(w):
    client = as_(w.assistant)
    page = client.get("/visits/new/").content.decode()
    assert "松山镇石门村" in page and "选村（社区）" not in page
    sent = {"village": w.village.code, "visited_on": "今天", "companions": "刘建军", "households": "7"}
    answer = client.post("/visits/new/", sent)
    visit = Visit.objects.get()
    assert answer.url == f"/visits/{visit.uid}/"
    assert (visit.companions, visit.households, visit.visited_on) == ("刘建军", 7, timezone.localdate())


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"visited_on": "明天"}, "走访日期在今天之后"),
        ({"visited_on": "三月初"}, "认不出"),
        ({"village": "620623102201"}, "没有这个选项"),
        ({"households": "很多"}, "人数写"),
    ],
)
def test_a_wrong_visit_comes_back_with_what_was_typed(w, sent, sentence):
    given = {"village": w.village.code, "visited_on": "今天", "companions": "刘建军"} | sent
    answer = as_(w.assistant).post("/visits/new/", given)
    page = answer.content.decode()
    assert answer.status_code == 422 and sentence in page and "刘建军" in page
    assert not Visit.objects.exists()


def test_a_capture_without_words_comes_back_with_the_rest(w):
    visit = walk(w)
    answer = as_(w.assistant).post(f"/visits/{visit.uid}/", {"side_a": "马文林", "words": " "})
    page = answer.content.decode()
    assert answer.status_code == 422 and "用一句话写下听到的事" in page and 'value="马文林"' in page
    assert not Capture.objects.exists()


def test_the_loop_answers_with_the_next_empty_entry_and_drops_the_draft(w):
    visit, client = walk(w), as_(w.assistant)
    client.post(f"/drafts/capture:{visit.uid}/", {"words": "半句"})
    assert "半句" in client.get(f"/visits/{visit.uid}/").content.decode()
    sent = {"words": "渠口吵", "side_a": "马文林，王世昌", "submission": str(uuid.uuid4())}
    for _twice in range(2):
        page = client.post(f"/visits/{visit.uid}/", sent, headers={"HX-Request": "true"}).content.decode()
    assert "第 2 条" in page and "<html" not in page and 'value="马文林' not in page
    assert Capture.objects.get().side_a == "马文林、王世昌"
    assert not Draft.objects.exists()


def test_a_long_text_and_a_nul_byte_are_sentences(w):
    visit, client = walk(w), as_(w.assistant)
    long = client.post(f"/visits/{visit.uid}/", {"words": "吵" * 100_000})
    assert long.status_code == 422 and "最多 2000 字" in long.content.decode()
    assert client.post(f"/visits/{visit.uid}/", {"words": "a\0b"}).status_code in (400, 422)


def test_ending_without_a_capture_is_a_nil_report(w):
    visit, client = walk(w), as_(w.assistant)
    client.post(f"/visits/{visit.uid}/end/", {"households": "9", "note": "都平安"})
    page = client.get("/visits/").content.decode()
    assert "零报告已计入" in page and "零报告" in page
    assert "没有发现纠纷（零报告也计入）" in as_(w.officer).get(f"/visits/{visit.uid}/").content.decode()


def test_supervisors_read_visits_without_names(w):
    row = heard(w)
    for path in (f"/visits/{row.visit.uid}/", f"/captures/{row.uid}/"):
        page = as_(w.supervisor).get(path).content.decode()
        assert "马*" in page and "马文林" not in page and "王世昌" not in page


def test_what_is_sent_back_heads_the_list_of_its_author(w):
    row = heard(w)
    row.sort("back", by=w.officer, at=timezone.now(), version=1, reason="写清是哪条渠")
    client = as_(w.assistant)
    assert "写清是哪条渠" in client.get("/visits/").content.decode()
    page = client.get(f"/captures/{row.uid}/").content.decode()
    assert "写清是哪条渠" in page and "保存补充" in page
    assert client.post(f"/captures/{row.uid}/", {"words": "北渠口", "version": 2}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.words) == ("new", "北渠口")


# --- triage ----------------------------------------------------------------------------------------------------------
def test_sorting_leads_to_the_next_one(w):
    first, second = heard(w), heard(w)
    client = as_(w.officer)
    page = client.get("/triage/").content.decode()
    assert "待分流 2 条" in page and f'name="next" value="{second.uid}"' in page
    answer = client.post(
        f"/triage/{first.uid}/",
        {"sort": "new", "version": 1, "tier": "2", "kind": "0905", "person": "officer", "next": str(second.uid)},
    )
    assert answer.url == f"/triage/?at={second.uid}"
    case = Dispute.objects.get()
    assert (case.desk, case.handler) == (w.room, w.officer)
    page = client.get(answer.url).content.decode()
    assert f"已立案 {case.case_no}" in page and "撤销" in page
    page = client.get(f"/disputes/{case.case_no}/").content.decode()
    assert "走访来源" in page and "马文林说界桩被冲走" in page


def test_what_is_missing_is_said_at_its_field_and_the_rest_stays(w):
    row, client = heard(w, kind=""), as_(w.officer)
    sent = {"version": 1, "tier": "2", "note": "先看闸板"}
    for name, more, sentence in (
        ("new", {}, "选什么事"),
        ("none", {}, "写明为什么不是纠纷"),
        ("back", {}, "写明要补充什么"),
        ("later", {}, "填写放到哪天"),
        ("later", {"until": "今天"}, "放到今天以后的一天"),
        ("several", {"kind": "0905", "parts": "一件"}, "至少写两件"),
        ("new", {"kind": "0905", "due_on": "昨天"}, "办结期限在今天以前"),
        ("new", {"kind": "0905", "person": "assistant"}, "不在这一级的单位"),
    ):
        answer = client.post(f"/triage/{row.uid}/", sent | more | {"sort": name})
        page = answer.content.decode()
        assert answer.status_code == 422 and sentence in page and 'value="先看闸板"' in page, name
    row.refresh_from_db()
    assert row.state == "new" and not Dispute.objects.exists()


def test_likely_the_same_matter_stands_beside_it_and_takes_it_in(w):
    case, row, client = f.register(w), heard(w), as_(w.officer)
    page = client.get("/triage/").content.decode()
    assert f"join:{case.case_no}" in page and "同村同名" in page
    client.post(f"/triage/{row.uid}/", {"sort": f"join:{case.case_no}", "version": 1})
    assert row.sources.get().dispute == case
    # a case out of scope is one that does not exist
    other = f.register(w, village=w.far_village, by=w.far_assistant)
    again = heard(w)
    answer = client.post(f"/triage/{again.uid}/", {"sort": f"join:{other.case_no}", "version": 1})
    assert answer.status_code == 422 and "选并入哪一件案件" in answer.content.decode()


def test_the_second_of_two_is_told_who_was_first(w):
    row = heard(w)
    sent = {"sort": "none", "version": 1, "reason": "重复"}
    assert as_(w.officer).post(f"/triage/{row.uid}/", sent).status_code == 302
    answer = as_(w.centre).post(f"/triage/{row.uid}/", sent)
    assert answer.status_code == 409 and "刘建军" in answer.content.decode()


def test_undo_brings_it_back(w):
    row, client = heard(w), as_(w.officer)
    client.post(f"/triage/{row.uid}/", {"sort": "none", "version": 1, "reason": "和好"})
    assert "没有待分流的记录" in client.get("/triage/").content.decode()
    client.post(f"/triage/{row.uid}/", {"sort": "undo", "version": 2})
    assert "待分流 1 条" in client.get("/triage/").content.decode()


def test_danger_is_seen_at_once_and_acknowledged(w):
    row, client = heard(w, may_escalate=True), as_(w.officer)
    assert "可能激化 1 条，还没有民警确认" in client.get("/").content.decode()
    client.post(f"/captures/{row.uid}/acknowledge/")
    assert "还没有民警确认" not in client.get("/").content.decode()


def test_what_waits_longer_than_a_working_day_heads_the_supervisors_page(w):
    row = heard(w)
    assert "超过 1 个工作日没有分流的" not in as_(w.supervisor).get("/").content.decode()
    Capture.objects.filter(pk=row.pk).update(at=timezone.now() - dt.timedelta(days=12))
    assert "超过 1 个工作日没有分流的 1 条" in as_(w.supervisor).get("/").content.decode()


def test_every_change_is_in_the_log_and_no_word_of_it(w):
    row = heard(w)
    row.sort("none", by=w.officer, at=timezone.now(), version=1, reason="马文林说和好了")
    logged = AccessLog.objects.filter(subject=str(row.visit.uid))
    assert [(entry.action, entry.actor_name) for entry in logged.order_by("pk")] == [
        ("create", "才让卓玛"),
        ("create", "才让卓玛"),
        ("move", "刘建军"),
    ]
    assert "马文林" not in str(list(logged.values_list("detail", flat=True)))
