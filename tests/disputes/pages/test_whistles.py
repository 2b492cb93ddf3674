"""The pages of a whistle: what was typed stays, what was not ticked is not there, answers stand live on the case."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from audit.models import AccessLog
from disputes import attachments
from disputes.whistles.models import Call, Whistle
from tests import factories as f
from tests.factories import NOW, moment
from tests.samples import PDF
from villages.models import Draft, Posting


@pytest.fixture
def case(w):
    f.departments(w)
    return f.mediating(w)


def sent(w, **changes):
    return {
        "offices": [w.department_office.code, w.land_office.code, w.justice_office.code],
        "kind": "on_site",
        "what": "到现场看渠口",
        "answer_by": "明天",
        "summary": "甲方和乙方为渠口用水争执",
        **changes,
    }


# --- asking ----------------------------------------------------------------------------------------------------------
def test_the_form_offers_the_directory_prefills_nothing_and_names_offices_without_people(w, case, sign_in):
    page = sign_in(w.assistant).get(f"/disputes/{case.case_no}/whistles/new/").content.decode()
    assert "松山镇畜牧站（现在没有在岗人员，收不到）" in page and "大湾警务室" in page and "暖泉警务室" not in page
    assert '<option value="620623103-D3" data-find="' in page and "disabled" in page
    assert 'value="2026-03-03"' in page and "1 个工作日" in page
    form = page.split("给他们看什么")[1]
    assert "界桩" not in form and "checked" not in form  # nothing of the case by itself


def test_a_whistle_to_three_offices_stands_on_the_case_page(w, case, sign_in):
    client = sign_in(w.assistant)
    Draft.objects.create(user=w.assistant, key=f"whistle:{case.case_no}", url="/", sealed="", updated_at=NOW)
    answer = client.post(f"/disputes/{case.case_no}/whistles/new/", sent(w, share_place="on"))
    assert answer.url == f"/disputes/{case.case_no}/#whistles"
    whistle = Whistle.objects.get()
    assert (whistle.answer_by, whistle.share_place, whistle.share_names) == (dt.date(2026, 3, 3), True, False)
    assert not Draft.objects.exists()
    page = client.get(f"/disputes/{case.case_no}/").content.decode()
    assert "已吹哨给松山镇水管站、松山镇自然资源所、松山司法所，案件仍由你们办理" in page
    assert "还没有答复，已过 1 分钟" in page and "吹哨：松山镇水管站、松山镇自然资源所、松山司法所" in page
    assert f'hx-get="/disputes/{case.case_no}/whistles/"' in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"offices": []}, "选吹哨给哪些单位"),
        ({"offices": ["620623103-D3"]}, "松山镇畜牧站现在没有在岗人员，收不到吹哨"),
        ({"offices": ["620622100-R1"]}, "没有这个选项"),
        ({"answer_by": "三月初"}, "认不出"),
        ({"answer_by": "2026-01-05"}, "最迟答复日期要在今天到 90 天之内"),
        ({"kind": ""}, "选要到场还是出具意见"),
        ({"what": ""}, "写明请他们做什么"),
        ({"summary": ""}, "写一段给支援单位看的情况"),
        ({"summary": "马文林堵了渠口"}, "这里写了当事人姓名（马文林）"),
        ({"share_phones": "on"}, "共享电话要同时勾选当事人姓名"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(w, case, sign_in, changes, sentence):
    answer = sign_in(w.assistant).post(f"/disputes/{case.case_no}/whistles/new/", sent(w, **changes))
    page = answer.content.decode()
    assert answer.status_code == 422 and sentence in page and "错误：" in page
    assert changes.get("what") == "" or "到现场看渠口" in page
    assert not Whistle.objects.exists()


def test_the_tick_of_knowing_stands_on_protected_cases_alone(w, case, sign_in):
    family = f.mediating(w, type_l1="01", type_l2="0101")
    client = sign_in(w.assistant)
    assert 'name="knowingly"' not in client.get(f"/disputes/{case.case_no}/whistles/new/").content.decode()
    url = f"/disputes/{family.case_no}/whistles/new/"
    assert 'name="knowingly"' in client.get(url).content.decode()
    answer = client.post(url, sent(w, share_names="on"))
    assert answer.status_code == 422 and "确需共享的，勾选确认" in answer.content.decode()
    assert client.post(url, sent(w, share_names="on", knowingly="on")).status_code == 302


def test_another_desk_is_told_whose_turn_it_is(w, case, sign_in):
    answer = sign_in(w.officer).get(f"/disputes/{case.case_no}/whistles/new/")
    assert answer.status_code == 409 and "由石门村委会办理，由他们吹哨" in answer.content.decode()


# --- an asked office -------------------------------------------------------------------------------------------------
@pytest.fixture
def whistle(w, case):
    return f.blow(case, w.assistant, w.department_office, w.land_office, share_place=True)


def test_a_department_reads_its_whistle_and_never_the_case(w, case, whistle, sign_in):
    client = sign_in(w.land)
    page = client.get(f"/whistles/{whistle.uid}/").content.decode()
    assert "来现场看渠口" in page and "甲方和乙方为渠口用水争执" in page and "松山镇石门村" in page
    for hidden in (case.case_no, "马文林", "王世昌", "界桩", "松山镇水管站"):
        assert hidden not in page
    assert client.get(f"/disputes/{case.case_no}/").status_code == 404
    assert client.get(f"/disputes/{case.case_no}/whistles/").status_code == 404
    assert AccessLog.objects.filter(action="read", actor_id=w.land.pk, subject=f"{case.case_no} {whistle.uid}").exists()
    assert sign_in(w.justice).get(f"/whistles/{whistle.uid}/").status_code == 404


def test_looking_writes_nothing_and_the_page_reports_that_it_was_opened(w, case, whistle, sign_in):
    client, row = sign_in(w.land), Call.objects.get(office=w.land_office)
    page = client.get(f"/whistles/{whistle.uid}/").content.decode()
    row.refresh_from_db()
    assert row.first_seen_at is None and f'hx-post="/whistles/{whistle.uid}/seen/"' in page
    assert client.post(f"/whistles/{whistle.uid}/seen/").status_code == 204
    row.refresh_from_db()
    assert row.first_seen_at == NOW
    assert "/seen/" not in client.get(f"/whistles/{whistle.uid}/").content.decode()


def test_accepting_and_reporting(w, case, whistle, sign_in):
    client, url = sign_in(w.land), f"/whistles/{whistle.uid}/"
    answer = client.post(f"{url}accept/", {"who_comes": "甘延平", "coming_on": "周五", "reply": "带仪器"})
    assert answer.url == url
    assert "已答复石门村委会" in client.get(url).content.decode()
    page = sign_in(w.assistant).get(f"/disputes/{case.case_no}/").content.decode()
    assert "甘延平" in page and "3月6日" in page and "用时 1 分钟" in page
    file = SimpleUploadedFile("记录.pdf", PDF, "application/pdf")
    assert client.post(f"{url}done/", {"done_note": "丈量完毕", "file": file}).status_code == 302
    row = Call.objects.get(office=w.land_office)
    assert (row.state, row.done_note, row.file.name) == ("done", "丈量完毕", "记录.pdf")
    answer = client.get(f"{url}attachments/{row.file.uid}/")
    assert answer.content == PDF and case.case_no not in answer["Content-Disposition"]
    assert AccessLog.objects.filter(action="download", actor_id=w.land.pk).exists()
    assert sign_in(w.department).get(f"{url}attachments/{row.file.uid}/").status_code == 404


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("accept", {"who_comes": "甘延平"}, "填写哪天到场或给意见"),
        ("accept", {"who_comes": "甘延平", "coming_on": "2026-01-05"}, "日期要在今天到 90 天之内"),
        ("decline", {"reply": ""}, "写明为什么不能支援"),
        ("done", {"done_note": ""}, "写明办了什么"),
    ],
)
def test_an_answer_that_lacks_something_stays_on_the_page(w, whistle, sign_in, name, data, sentence):
    answer = sign_in(w.land).post(f"/whistles/{whistle.uid}/{name}/", data)
    page = answer.content.decode()
    assert answer.status_code == 422 and sentence in page
    assert all(value in page for value in data.values())


def test_a_file_that_is_refused_keeps_what_was_written(w, whistle, sign_in):
    bad = SimpleUploadedFile("记录.pdf", b"MZ", "application/pdf")
    answer = sign_in(w.land).post(f"/whistles/{whistle.uid}/done/", {"done_note": "丈量完毕", "file": bad})
    assert answer.status_code == 422 and "丈量完毕" in answer.content.decode() and "对不上" in answer.content.decode()


def test_the_second_of_two_colleagues_is_told_and_keeps_the_text(w, whistle, sign_in):
    whistle.answer("accept", by=w.land, at=NOW, who_comes="甘延平", coming_on=NOW.date())
    answer = sign_in(w.second_land).post(f"/whistles/{whistle.uid}/decline/", {"reply": "都下乡了"})
    page = answer.content.decode()
    assert answer.status_code == 409 and "甘延平 在 03-02 09:00 已经答复" in page and "都下乡了" in page


def test_shared_phones_are_clicked_open_and_logged(w, case, sign_in):
    whistle = f.blow(case, w.assistant, w.land_office, share_names=True, share_phones=True)
    client = sign_in(w.land)
    page = client.get(f"/whistles/{whistle.uid}/").content.decode()
    assert "马文林" in page and "138****6021" in page and "13812346021" not in page
    page = client.post(f"/whistles/{whistle.uid}/reveal/").content.decode()
    assert "13812346021" in page and "只显示这一次" in page
    assert AccessLog.objects.filter(action="reveal", actor_id=w.land.pk).count() == 1


def test_shared_files_go_through_the_whistle_while_there_is_something_to_do(w, case, sign_in):
    shared, kept = (
        attachments.attach(case, w.assistant, NOW, SimpleUploadedFile(f"{n}.pdf", PDF)) for n in ("照片", "笔录")
    )
    whistle = f.blow(case, w.assistant, w.land_office, attachments=[shared])
    client, url = sign_in(w.land), f"/whistles/{whistle.uid}/attachments/"
    assert [client.get(f"{url}{row.uid}/").status_code for row in (shared, kept)] == [200, 404]
    assert client.get(f"/disputes/{case.case_no}/attachments/{shared.uid}/").status_code == 404
    whistle.answer("decline", by=w.land, at=NOW, reply="没空")
    assert client.get(f"{url}{shared.uid}/").status_code == 404


def test_reading_ends(w, whistle, sign_in, monkeypatch):
    whistle.answer("done", by=w.land, at=NOW, done_note="丈量完毕")
    whistle.close(by=w.assistant, at=NOW, reason="水管站不来")
    client, url = sign_in(w.land), f"/whistles/{whistle.uid}/"
    page = client.get(url).content.decode()
    assert "丈量完毕" in page and "为渠口用水争执" in page
    assert "石门村 " not in page and "水管站不来" not in page
    monkeypatch.setattr(timezone, "now", lambda: NOW + dt.timedelta(days=30, minutes=1))
    assert sign_in(w.land).get(url).status_code == 404


# --- the list and the work -------------------------------------------------------------------------------------------
def test_a_department_lists_what_waits_first_and_has_it_on_its_to_do(w, case, whistle, sign_in):
    f.blow(case, w.assistant, w.land_office, what="出具权属意见", answer_by=dt.date(2026, 3, 2))
    whistle.answer("decline", by=w.land, at=NOW, reply="没空")
    client = sign_in(w.land)
    page = client.get("/whistles/").content.decode()
    assert page.index("出具权属意见") < page.index("来现场看渠口") and "今天到期" in page and case.case_no not in page
    for url in ("/", "/todo/"):
        page = client.get(url).content.decode()
        assert "支援石门村委会：出具权属意见" in page and "来现场看渠口" not in page and case.case_no not in page
    assert client.get("/disputes/").status_code == 403


def test_a_desk_lists_what_it_blew_and_what_is_late_is_on_its_to_do(w, case, whistle, sign_in, monkeypatch):
    client = sign_in(w.assistant)
    assert "马文林与王世昌草场界线纠纷" in client.get("/whistles/").content.decode()
    assert "有单位逾期" not in client.get("/todo/?kind=whistle").content.decode()
    monkeypatch.setattr(timezone, "now", lambda: moment("2026-03-05 09:00"))
    client = sign_in(w.assistant)
    page = client.get("/todo/?kind=whistle").content.decode()
    assert "有单位逾期" in page and "逾期 2 天" in page
    page = client.get(f"/disputes/{case.case_no}/").content.decode()
    assert page.count("还没有答复，已过 3 个工作日") == 2 and "逾期 2 天" in page
    whistle.close(by=w.assistant, at=moment("2026-03-05 09:00"), reason="不等了")
    assert "有单位逾期" not in client.get("/todo/?kind=whistle").content.decode()


def test_when_all_have_answered_the_desk_is_asked_to_close(w, case, whistle, sign_in):
    for who in (w.department, w.land):
        whistle.answer("decline", by=who, at=NOW, reply="没空")
    assert "都有了结果" in sign_in(w.grid).get("/todo/?kind=whistle").content.decode()


def test_an_office_that_is_a_desk_finds_both_directions(w, case, sign_in):
    f.blow(case, w.assistant, w.room, what="一起到场")
    client = sign_in(w.officer)
    assert "一起到场" in client.get("/whistles/").content.decode()  # waiting, so it opens there
    assert "没有没结束的吹哨" in client.get("/whistles/?view=out").content.decode()


def test_a_desk_no_longer_lists_a_whistle_whose_case_left_its_sight(w, sign_in):
    f.departments(w)
    case = f.at_centre(w)
    case.perform("take_up", by=w.mediator, at=NOW, handler=w.mediator)
    f.blow(case, w.mediator, w.land_office)
    day = NOW.date() + dt.timedelta(5)
    assert case.case_no in sign_in(w.mediator).get("/whistles/?view=out").content.decode()
    case.perform("hand_down", by=w.centre_lead, at=NOW, reason="先由警务室办", due_on=day)
    assert case.case_no not in sign_in(w.mediator).get("/whistles/?view=out").content.decode()
    assert case.case_no in sign_in(w.centre).get("/whistles/?view=out").content.decode()


def test_supervisors_see_the_live_whistles_of_their_area_without_names(w, case, whistle, sign_in):
    page = sign_in(w.town_supervisor).get("/whistles/").content.decode()
    assert "马*与王*草场界线纠纷" in page and "马文林" not in page


# --- live on the case ------------------------------------------------------------------------------------------------
def test_the_section_is_asked_for_again_only_while_something_waits(w, case, whistle, sign_in):
    client, url = sign_in(w.assistant), f"/disputes/{case.case_no}/whistles/"
    assert 'hx-trigger="every 30s"' in client.get(url).content.decode()
    for who in (w.department, w.land):
        whistle.answer("decline", by=who, at=NOW, reply="没空")
    page = client.get(url).content.decode()
    assert "hx-trigger" not in page and "不能支援" in page and "<html" not in page


def test_a_page_that_asks_by_itself_does_not_keep_the_session_alive(w, case, whistle, sign_in):
    client, url = sign_in(w.assistant), f"/disputes/{case.case_no}/whistles/"
    client.get(url)
    session, then = client.session, int(time.time()) - 300
    session["seen_at"] = then
    session.save()
    assert client.get(url, headers={"HX-Request": "true"}).status_code == 200
    assert client.session["seen_at"] == then
    client.get(f"/disputes/{case.case_no}/", headers={"HX-Request": "true"})
    assert client.session["seen_at"] > then


# --- the chair -------------------------------------------------------------------------------------------------------
def test_calling_off_and_closing(w, case, whistle, sign_in):
    client, url = sign_in(w.assistant), f"/whistles/{whistle.uid}/"
    page = client.get(url).content.decode()
    assert "没有共享姓名" not in page and "另外共享：地点" in page
    answer = client.post(f"{url}call-off/", {"office": w.land_office.code, "reason": ""})
    assert answer.status_code == 422 and "写明为什么不用他们了" in answer.content.decode()
    answer = client.post(f"{url}call-off/", {"office": "nonsense", "reason": "量过了"})
    assert answer.status_code == 422 and "选撤回哪个单位的" in answer.content.decode()
    assert client.post(f"{url}call-off/", {"office": w.land_office.code, "reason": "量过了"}).url == url
    answer = client.post(f"{url}close/", {"reason": ""})
    assert answer.status_code == 422 and "松山镇水管站还没有答复或报办结" in answer.content.decode()
    assert client.post(f"{url}close/", {"reason": "水管站不来"}).url == url
    assert "结束说明：" in client.get(url).content.decode()
    answer = client.post(f"{url}close/", {"reason": "再来"})
    assert answer.status_code == 409 and "已经结束" in answer.content.decode()


def test_an_office_whose_last_person_left_reads_nothing(w, whistle, sign_in):
    Posting.objects.filter(user=w.land).update(valid_to=NOW.date())
    assert sign_in(w.land).get(f"/whistles/{whistle.uid}/").status_code == 404
