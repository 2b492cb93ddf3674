"""The pages of a visit and of triage: what was typed stays, refusals are sentences, names are masked."""

from __future__ import annotations

import datetime as dt
import re
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


# --- settled on the spot ---------------------------------------------------------------------------------------------
SETTLED = {
    "side_a": "马文林", "side_b": "王世昌", "kind": "02", "words": "答应接水槽", "found": "calm",
    "spot-chair": "village_mediator", "spot-consent_A0": "agreed", "spot-consent_B0": "agreed",
}  # fmt: skip


def test_a_complete_settlement_is_a_case_at_once_and_the_loop_goes_on(w):
    visit, client = walk(w), as_(w.assistant)
    page = client.get(f"/visits/{visit.uid}/").content.decode()
    assert page.index("才让卓玛</label>") < page.index("韩玉山</label>")  # whoever writes stands first
    page = client.post(f"/visits/{visit.uid}/", SETTLED, headers={"HX-Request": "true"}).content.decode()
    case = Dispute.objects.get()
    assert f"当场化解已立案 {case.case_no}" in page and "第 2 条" in page and 'value="马文林"' not in page
    assert (case.status, case.agreements.get().result) == ("settled", "oral")
    assert "没有待分流的记录" in as_(w.officer).get("/triage/").content.decode()


def test_what_is_missing_is_said_in_the_loop_and_in_triage_and_filled_in_from_there(w):
    visit, client = walk(w), as_(w.assistant)
    sent = SETTLED | {"spot-chair": "", "spot-consent_B0": ""}
    page = client.post(f"/visits/{visit.uid}/", sent, headers={"HX-Request": "true"}).content.decode()
    row = Capture.objects.get()
    assert "缺：谁说和的、王世昌是否同意" in page and f"/captures/{row.uid}/settle/" in page
    officer = as_(w.officer)
    page = officer.get("/triage/").content.decode()
    assert "缺：谁说和的、王世昌是否同意" in page and f"/captures/{row.uid}/settle/" in page
    page = officer.get(f"/captures/{row.uid}/settle/").content.decode()
    assert "王世昌同意吗" in page and "缺：谁说和的" in page
    answer = officer.post(f"/captures/{row.uid}/settle/", {"spot-version": 1, "spot-chair": "village_mediator"})
    assert answer.url == f"/captures/{row.uid}/settle/"  # still one thing missing
    answer = officer.post(f"/captures/{row.uid}/settle/", {"spot-version": 2, "spot-consent_B0": "agreed"})
    assert answer.url == "/triage/" and Dispute.objects.get().status == "settled"
    assert officer.get(f"/captures/{row.uid}/settle/").status_code == 409


def test_sides_and_kind_that_were_left_empty_are_asked_for(w):
    visit, client = walk(w), as_(w.assistant)
    client.post(f"/visits/{visit.uid}/", {"words": "说开了", "found": "calm", "spot-chair": "-"})
    row = Capture.objects.get()
    assert "缺：甲方、乙方、什么事" in client.get(f"/captures/{row.uid}/").content.decode()
    sent = {"spot-version": 1, "spot-side_a": "马文林", "spot-side_b": "王世昌", "spot-kind": "0201"}
    sent |= {"spot-consent_A0": "agreed", "spot-consent_B0": "agreed"}
    assert client.post(f"/captures/{row.uid}/settle/", sent).url == f"/visits/{visit.uid}/"
    assert (Dispute.objects.get().side_a, Dispute.objects.get().result) == ("马文林", "self")


def test_answers_about_safety_are_shown_to_whoever_asked_alone(w):
    visit, client = walk(w), as_(w.assistant)
    family = SETTLED | {"kind": "01", "spot-safety_fear": "1", "spot-safety_threat": "0"}
    client.post(f"/visits/{visit.uid}/", family)
    row = Capture.objects.get()
    path, ticked = (
        f"/captures/{row.uid}/settle/",
        'name="spot-safety_fear" value="1" id="id_spot-safety_fear_0" checked',
    )
    assert ticked in client.get(path).content.decode()
    page = as_(w.officer).get(path).content.decode()
    assert ticked not in page and "安全问题还差 3 项" in page


STEPS = {
    "spot-police": "clear", "spot-step_deed": "damage", "spot-step_lesser": "1", "spot-step_ground": "close",
    "spot-step_officers": "2", "spot-step_place_kind": "other", "spot-recording": "V-1",
}  # fmt: skip


def test_the_steps_of_a_police_mediation_are_asked_of_officers_alone(w):
    visit, client = walk(w), as_(w.assistant)
    page = client.get(f"/visits/{visit.uid}/").content.decode()
    assert "是，由民警核对后办结" in page and "step_deed" not in page and "雇凶伤害他人" not in page
    client.post(f"/visits/{visit.uid}/", SETTLED | {"spot-chair": "officer", "spot-police": "ask"})
    row = Capture.objects.get()
    path, officer = f"/captures/{row.uid}/settle/", as_(w.officer)
    page = officer.get(path).content.decode()
    assert "缺：属于哪种行为、情节较轻" in page and "雇凶伤害他人" in page and "确认情节轻微、事实清楚" in page
    sent = {"spot-version": 1, "spot-chair": "officer", **STEPS, "spot-step_officers": "1"}
    assert officer.post(path, sent).url == path  # one officer, no standard place
    page = officer.get(path).content.decode()
    assert "一名民警单独调解" in page and re.search(r'<option value="damage" selected', page)  # nothing typed is lost
    assert officer.post(path, sent | {"spot-version": 2, "spot-step_officers": "2"}).url == "/triage/"
    case = Dispute.objects.get()
    assert (case.status, case.agreements.get().track, case.police_sessions.get().officers) == ("settled", "police", 2)


def test_the_young_are_asked_about_by_name(w):
    visit, client = walk(w), as_(w.assistant)
    client.post(f"/visits/{visit.uid}/", SETTLED | {"spot-minors": "on"})
    row = Capture.objects.get()
    path = f"/captures/{row.uid}/settle/"
    page = client.get(path).content.decode()
    assert "缺：谁未满 18 周岁" in page and "马文林的监护人" in page and "王世昌的出生日期" in page
    born = timezone.localdate().replace(day=1).replace(year=timezone.localdate().year - 12)
    chair = {"spot-chair": "village_mediator", "spot-minors": "on"}
    wrong = client.post(path, {"spot-version": 1, **chair, "spot-born_A0": "2099-01-01", "spot-guardian_A0": "马得福"})
    assert wrong.status_code == 422 and "核对年份" in wrong.content.decode() and "马得福" in wrong.content.decode()
    sent = chair | {"spot-born_A0": str(born), "spot-guardian_A0": "马得福"}
    assert client.post(path, {"spot-version": 1, **sent}).url == path
    page = client.get(path).content.decode()
    assert "缺：马文林的监护人同意登记的日期" in page and f'value="{born}"' in page
    client.post(path, {"spot-version": 2, **sent, "spot-agreed_A0": "今天"})
    case = Dispute.objects.get()
    assert case.protected and case.parties.get(name="马文林").guardian_consent_on == timezone.localdate()


def test_a_suspected_crime_goes_to_triage(w):
    visit, client = walk(w), as_(w.assistant)
    client.post(f"/visits/{visit.uid}/", SETTLED | {"spot-crime_suspected": "on"})
    assert not Dispute.objects.exists()
    assert "登记了涉嫌犯罪，不能当场化解" in as_(w.officer).get("/triage/").content.decode()


def test_an_entry_that_cannot_be_read_keeps_its_answers(w):
    visit, client = walk(w), as_(w.assistant)
    answer = client.post(f"/visits/{visit.uid}/", SETTLED | {"words": ""})
    page = answer.content.decode()
    assert answer.status_code == 422 and "用一句话写下听到的事" in page
    assert re.search(r'value="village_mediator" id="id_spot-chair_\d" checked', page)
    assert client.post(f"/visits/{visit.uid}/", SETTLED | {"spot-chair": "far_officer"}).status_code == 422
    assert not Capture.objects.exists()


# --- pasting ---------------------------------------------------------------------------------------------------------
PASTED = '甲方\t乙方\t什么事\t一句话情况\n马文林\t王世昌\t飞船\t"渠口\n又吵"\n\t\t\t井口吵\n'


def laid_out(**changes) -> dict[str, str]:
    number = {"rows": "2", "submission": "7f1c6d0e-6a55-4a7e-9d3c-0d6c2b1f0001"}
    first = {"c1-side_a": "马文林", "c1-side_b": "王世昌", "c1-kind": "飞船", "c1-words": "渠口\r\n又吵"}
    return number | first | {"c2-words": "井口吵"} | {name.replace("__", "-"): v for name, v in changes.items()}


def test_pasted_rows_are_laid_out_with_what_is_wrong_and_nothing_is_lost(w):
    visit, client = walk(w), as_(w.assistant)
    answer = client.post(f"/visits/{visit.uid}/paste/", {"text": PASTED, "submission": str(uuid.uuid4())})
    page = answer.content.decode()
    assert answer.status_code == 200 and "第 1 行 什么事：没有“飞船”这一类" in page
    assert 'value="马文林"' in page and "渠口\n又吵</textarea>" in page and "井口吵" in page
    answer = client.post(f"/visits/{visit.uid}/paste/", laid_out())
    page = answer.content.decode()
    assert answer.status_code == 422 and 'value="飞船"' in page and "井口吵</textarea>" in page
    assert not Capture.objects.exists()


@pytest.mark.parametrize(("change", "saved"), [({"c1__kind": "邻里"}, 2), ({"skip1": "on"}, 1)])
def test_corrected_or_skipped_everything_else_is_saved_once(w, change, saved):
    visit, client = walk(w), as_(w.assistant)
    client.post(f"/drafts/paste:{visit.uid}/", {"text": PASTED})
    for _twice in range(2):
        answer = client.post(f"/visits/{visit.uid}/paste/", laid_out(**change))
        assert answer.url == f"/visits/{visit.uid}/"
    assert Capture.objects.count() == saved and not Draft.objects.exists()
    assert f"已存下 {saved} 条" in client.get(answer.url).content.decode()


def test_a_paste_that_cannot_be_read_stays_as_it_is(w):
    visit, client = walk(w), as_(w.assistant)
    for text, sentence in (
        ("渠口吵\n" * 201, "一次最多 200 行，现在是 201 行"),
        ("", "选中几行"),
        ("甲方\t乙方\n", "没有读到内容"),
    ):
        answer = client.post(f"/visits/{visit.uid}/paste/", {"text": text})
        page = answer.content.decode()
        assert answer.status_code == 422 and sentence in page and text[:20].strip() in page
    answer = client.post(f"/visits/{visit.uid}/paste/", laid_out(skip1="on", skip2="on"))
    assert answer.status_code == 422 and "每一行都跳过了" in answer.content.decode()
    assert client.post(f"/visits/{visit.uid}/paste/", {"rows": "x"}).status_code == 422
    assert not Capture.objects.exists()


def test_a_draft_of_a_paste_comes_back_where_it_was_left(w):
    visit, client = walk(w), as_(w.assistant)
    path = f"/visits/{visit.uid}/paste/"
    client.post(f"/drafts/paste:{visit.uid}/", {"text": "渠口\t吵", "submission": str(uuid.uuid4())})
    assert "渠口\t吵" in client.get(path).content.decode()
    client.post(f"/drafts/paste:{visit.uid}/", laid_out())
    page = client.get(path).content.decode()
    assert "这是" in page and 'value="飞船"' in page and laid_out()["submission"] in page
    assert client.post(f"/drafts/paste:{uuid.uuid4()}/", {"text": "x"}).status_code == 404


# --- reading ---------------------------------------------------------------------------------------------------------
def test_reading_what_was_captured_is_written_down(w):
    row, client = heard(w), as_(w.officer)
    for path, subject in (
        (f"/captures/{row.uid}/", row.uid),
        ("/triage/", row.uid),
        (f"/visits/{row.visit.uid}/", row.visit.uid),
    ):
        client.get(path)
        client.get(path)
        assert AccessLog.objects.filter(action="read", subject=str(subject), actor_id=w.officer.pk).count() == 1, path


def test_visits_page_by_day_without_numbers(w):
    now, today = timezone.now(), timezone.localdate()
    days = [today - dt.timedelta(days=n % 40) for n in range(120)]
    for day in days:
        Visit.objects.begin(by=w.assistant, at=now, village=w.village, visited_on=day)
    client, url, seen = as_(w.officer), "/visits/", []
    while url:
        answer = client.get(url)
        page = answer.context["page"]
        seen += [(row.visited_on, row.pk) for row in page.rows]
        url = answer.context["next"] and "/visits/" + answer.context["next"]
    assert seen == sorted(seen, reverse=True) and len(set(seen)) == 120
    assert "共 120 次" in answer.content.decode()
    back = client.get("/visits/" + answer.context["previous"]).context["page"].rows
    assert [(row.visited_on, row.pk) for row in back] == seen[50:100]
    for nonsense in ("2026-02-30_5", "1.000000_5", "x", "9" * 30):
        assert client.get(f"/visits/?after={nonsense}").context["page"].rows[0].pk == seen[0][1]


def test_what_was_typed_is_words_in_the_list_of_triage(w, client):
    now = timezone.now()
    walk = Visit.objects.begin(by=w.assistant, at=now, village=w.village, visited_on=timezone.localdate(now))
    facts = {"side_a": "<i>马", "words": "<script>alert(1)</script>渠口", "may_escalate": True}
    walk.capture(by=w.assistant, at=now, facts=facts)
    client.force_login(w.officer, "django.contrib.auth.backends.ModelBackend")
    page = client.get("/triage/").content.decode()
    assert "&lt;i&gt;马" in page and "&lt;script&gt;" in page
    assert "<script>alert" not in page and "<i>马" not in page
