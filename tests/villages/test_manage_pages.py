import datetime as dt
import re
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audit.models import AccessLog, record
from villages.models import Code, Coverage, Office, Policy, SpecialDay, User, today
from villages.policy import policy_on

SYSTEM, SECURITY, AUDIT = "sysadmin", "secadmin", "auditor"
EVERYONE = (
    "assistant", "grid", "mediator", "officer", "centre", "centre_lead", "department", "counsellor", "supervisor",
    "sysadmin", "secadmin", "auditor", "nobody",
)  # fmt: skip

PAGES = {
    "/manage/": {SYSTEM, SECURITY, AUDIT},
    "/manage/people/": {SYSTEM, SECURITY},
    "/manage/people/new/": {SYSTEM},
    "/manage/people/{person}/": {SYSTEM, SECURITY},
    "/manage/offices/": {SYSTEM},
    "/manage/offices/new/": {SYSTEM},
    "/manage/offices/{office}/": {SYSTEM},
    "/manage/codes/": {SYSTEM},
    "/manage/codes/?table=case_source": {SYSTEM},
    "/manage/codes/{code}/": {SYSTEM},
    "/manage/codes/case_source/new/": {SYSTEM},
    "/manage/deadlines/": {SYSTEM},
    "/manage/calendar/": {SYSTEM},
    "/manage/calendar/?year=2026": {SYSTEM},
    "/manage/audit/": {AUDIT},
    "/manage/audit/?action=login&actor=%E5%88%98&since=2026-01-01": {AUDIT},
    "/manage/audit/check/": {AUDIT},
    "/manage/postings/new/": {SECURITY, "officer", "centre_lead"},
    "/manage/postings/{posting}/end/": {SECURITY, "officer", "centre_lead"},
}


@pytest.mark.parametrize("page", PAGES)
def test_each_role_opens_its_own_pages_only(w, sign_in, page):
    url = page.format(
        person=w.assistant.pk, office=w.room.pk, code=Code.objects.first().pk, posting=w.assistant.postings.get().pk
    )
    for who in EVERYONE:
        response = sign_in(getattr(w, who)).get(url)
        assert response.status_code == (200 if who in PAGES[page] else 403), (who, url)
        text = response.content.decode()
        assert "style=" not in text
        assert "<script>" not in text
        if response.status_code == 403:
            assert "办理" in text or "使用" in text


@pytest.mark.parametrize(
    "url", ["/manage/people/{person}/password/", "/manage/people/{person}/active/", "/manage/people/{person}/"]
)
def test_only_the_system_administrator_changes_accounts(w, sign_in, url):
    url = url.format(person=w.assistant.pk)
    for who in EVERYONE:
        if who != SYSTEM:
            assert sign_in(getattr(w, who)).post(url, {"active": "0", "name": "x"}).status_code == 403
    w.assistant.refresh_from_db()
    assert w.assistant.is_active
    assert w.assistant.name == "才让卓玛"


def test_an_account_from_the_form_to_the_first_password(w, sign_in):
    client = sign_in(w.sysadmin)
    bad = client.post("/manage/people/new/", {"username": "Bad Name", "name": "", "phone": "12"})
    assert bad.status_code == 422
    text = bad.content.decode()
    for words in ("填写姓名", "账号用小写字母开头", "11 位手机号", "Bad Name", "错误："):
        assert words in text
    page = client.post("/manage/people/new/", {"username": "newone", "name": "扎西.顿珠", "phone": "+86 138 0000 1234"})
    user = User.objects.get(username="newone")
    assert (user.name, user.phone) == ("扎西·顿珠", "13800001234")
    password = re.search(r"<code>([^<]+)</code>", page.content.decode()).group(1)
    assert user.check_password(password)
    assert password not in client.get(f"/manage/people/{user.pk}/").content.decode()
    again = client.post("/manage/people/new/", {"username": "newone", "name": "x"})
    assert "已经有人用" in again.content.decode()
    assert again.status_code == 422


def test_disable_and_enable(w, sign_in):
    client = sign_in(w.sysadmin)
    url = f"/manage/people/{w.officer.pk}/active/"
    client.post(url, {"active": "0"})
    w.officer.refresh_from_db()
    assert not w.officer.is_active
    client.post(url, {"active": "1"})
    w.officer.refresh_from_db()
    assert w.officer.is_active


def test_people_are_found_by_initials(w, sign_in):
    client = sign_in(w.sysadmin)
    client.post(f"/manage/people/{w.officer.pk}/", {"name": "刘建军", "phone": "13800001234"})
    for q in ("ljj", "liujianjun", "建军", "officer", "0001234"):
        assert "刘建军" in client.get("/manage/people/", {"q": q}).content.decode()
    assert "没有符合条件的人" in client.get("/manage/people/", {"q": "zzzz"}).content.decode()


def test_posting_through_the_page(w, sign_in):
    client = sign_in(w.officer)
    url = "/manage/postings/new/"
    data = {"user": w.nobody.pk, "office": w.committee.pk, "role": "grid", "mark": "", "valid_from": "2026.3.2"}
    page = client.get(f"{url}?office={w.committee.pk}").content.decode()
    assert "网格员" in page
    assert "系统管理员" not in re.findall(r"<option[^>]*>([^<]*)</option>", page)
    assert client.post(url, {**data, "role": "officer"}).status_code == 422
    assert client.post(url, {**data, "office": w.far_committee.pk}).status_code == 422
    assert client.post(url, {**data, "valid_from": "三月初"}).status_code == 422
    response = client.post(url, data)
    assert response.headers["Location"] == f"/villages/{w.village.code}/"
    posting = w.nobody.postings.get()
    assert posting.valid_from == dt.date(2026, 3, 2)
    end = f"/manage/postings/{posting.pk}/end/"
    assert sign_in(w.far_officer).get(end).status_code in {403, 404}
    assert client.post(end, {"valid_to": str(today()), "handover": "没有未办的"}).status_code == 302
    posting.refresh_from_db()
    assert posting.handover == "没有未办的"
    assert client.post(end, {"valid_to": str(today())}).status_code == 422
    assert client.get(f"/manage/postings/{w.far_assistant.postings.get().pk}/end/").status_code == 404


def test_a_police_room_is_made_and_given_villages(w, sign_in):
    client = sign_in(w.sysadmin)
    data = {"kind": "room", "area": w.township.pk, "name": "河湾警务室", "phone": "0935-3121234"}
    assert client.post("/manage/offices/new/", {**data, "area": w.county.pk}).status_code == 422
    assert client.post("/manage/offices/new/", data).status_code == 302
    room = Office.objects.get(name="河湾警务室")
    assert room.code == "620623103-R2"
    url = f"/manage/offices/{room.pk}/"
    assert client.post(url, {"name": room.name, "villages": [w.sister_village.pk]}).status_code == 302
    assert Coverage.objects.filter(office=room, valid_to=None).get().area == w.sister_village
    centre = {"kind": "centre", "area": w.far_township.pk, "name": "天堂镇二中心"}
    client.post("/manage/offices/new/", centre)
    assert Office.objects.get(name="天堂镇二中心").coverage.get().area == w.far_township


def test_codes_are_renamed_ended_and_added_never_deleted(w, sign_in):
    client = sign_in(w.sysadmin)
    code = Code.objects.get(table="case_source", code="06")
    url = f"/manage/codes/{code.pk}/"
    assert 'name="number"' not in client.get(url).content.decode()
    client.post(url, {"name": "走访发现", "name_en": "", "active": "on", "valid_to": "2026-12-31"})
    code.refresh_from_db()
    assert (code.name, code.valid_to) == ("走访发现", dt.date(2026, 12, 31))
    new = "/manage/codes/case_source/new/"
    assert client.post(new, {"number": "06", "name": "重了"}).status_code == 422
    assert client.post(new, {"number": "71", "name": "视频接访", "active": "on"}).status_code == 302
    assert Code.objects.get(table="case_source", code="71").standing == Code.LOCAL
    assert client.get("/manage/codes/no_such/new/").status_code == 404
    assert client.get("/manage/codes/?table=no_such").status_code == 404


def test_deadlines_show_the_difference_before_they_are_saved(w, sign_in):
    client = sign_in(w.sysadmin)
    url = "/manage/deadlines/"
    data = {**policy_on(), "valid_from": str(today() + dt.timedelta(3))}
    assert "没有改动" in client.post(url, data).content.decode()
    data["tier_days_1"] = 5
    page = client.post(url, data)
    assert page.status_code == 200
    assert "<b>5</b>" in page.content.decode()
    assert not Policy.objects.exists()
    assert client.post(url, {**data, "confirm": "1"}).status_code == 302
    assert Policy.objects.get().value == 5
    assert policy_on()["tier_days_1"] == 3
    assert "还没生效的" in client.get(url).content.decode()
    assert client.post(url, {**data, "tier_days_1": 0}).status_code == 422
    assert client.post(url, {**data, "tier_days_1": "x"}).status_code == 422
    late = client.post(url, {**data, "valid_from": str(today() - dt.timedelta(1)), "confirm": "1"})
    assert late.status_code == 422
    assert "不能早于今天" in late.content.decode()


def test_the_calendar_is_shown_before_it_is_imported(w, sign_in):
    client = sign_in(w.sysadmin)
    url = "/manage/calendar/"
    before = SpecialDay.objects.count()
    bad = SimpleUploadedFile("a.csv", b"day,kind,name\n2028-13-01,holiday,x\n2028-01-03,workday,x\n")
    page = client.post(url, {"file": bad})
    assert page.status_code == 422
    assert "第 2 行" in page.content.decode()
    assert "第 3 行" in page.content.decode()
    assert client.post(url, {}).status_code == 422
    good = SimpleUploadedFile("b.csv", "day,kind,name\n2028-01-01,holiday,元旦\n".encode("gb18030"))
    page = client.post(url, {"file": good})
    assert page.status_code == 200
    assert "2028-01-01" in page.content.decode()
    assert SpecialDay.objects.count() == before
    content = re.search(r'name="content" value="([^"]*)"', page.content.decode()).group(1)
    assert client.post(url, {"content": content}).status_code == 302
    assert SpecialDay.objects.filter(day="2028-01-01").exists()
    assert AccessLog.objects.filter(subject="holidays:2028-2028").count() == 1
    shipped = Path(__file__).resolve().parents[2] / "data" / "holidays.csv"
    page = client.post(url, {"file": SimpleUploadedFile("c.csv", shipped.read_bytes())})
    assert page.status_code == 200
    content = re.search(r'name="content" value="([^"]*)"', page.content.decode()).group(1)
    assert client.post(url, {"content": content}).status_code == 302
    assert SpecialDay.objects.filter(day__year=2005).exists()


def test_the_auditor_reads_and_checks_the_log(w, sign_in):
    record(action="manage", actor=w.sysadmin, county="620623", subject="office:x", detail={"did": "edit"})
    record(action="refused", actor=w.officer, county="620623", subject="dispute:y")
    client = sign_in(w.auditor)
    text = client.get("/manage/audit/").content.decode()
    assert "office:x" in text
    assert "dispute:y" in text
    text = client.get("/manage/audit/", {"action": "refused"}).content.decode()
    assert "office:x" not in text
    assert "操作：拒绝访问" in text
    text = client.get("/manage/audit/", {"actor": "刘建军"}).content.decode()
    assert "dispute:y" in text
    assert "office:x" not in text
    assert "没有符合条件的记录" in client.get("/manage/audit/", {"subject": "zzz"}).content.decode()
    assert "完整" in client.get("/manage/audit/check/").content.decode()


@pytest.mark.parametrize("q", ["%00", "a" * 5000, "%F0%A0%AE%B7", "'; DROP TABLE", "%25", "_"])
def test_odd_searches_never_break_a_list(w, sign_in, q):
    client = sign_in(w.sysadmin)
    for url in ("/villages/", "/manage/people/", "/manage/offices/"):
        assert client.get(f"{url}?q={q}").status_code in {200, 422}
    for page in ("0", "-1", "99999999999999999999", "x"):
        assert client.get("/villages/", {"page": page}).status_code == 200
    assert client.get("/manage/people/99999999999999999999999/").status_code == 404
