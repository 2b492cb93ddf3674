import datetime as dt

import pytest

from tests import factories
from villages import directory, panels
from villages.models import Area, Coverage, Posting, Role, today


@pytest.fixture(autouse=True)
def own_panels(monkeypatch):
    monkeypatch.setattr(panels, "registered", {})


def row_of(area):
    return directory.rows([area])[0]


def test_a_village_with_its_people(w):
    row = row_of(w.village)
    assert [p.user for p in row.officers] == [w.officer, w.second_officer]  # the lead first
    assert [p.user for p in row.assistants] == [w.assistant]
    assert [p.user for p in row.grid_workers] == [w.grid]
    assert [p.user for p in row.mediators] == [w.village_mediator]
    assert (row.committee, row.room, row.centre) == (w.committee, w.room, w.centre_office)
    assert row.gaps == []


def test_gaps(w):
    assert row_of(w.other_village).gaps == ["缺警务助理"]
    w.officer.is_active = w.second_officer.is_active = False
    w.officer.save(), w.second_officer.save()
    assert row_of(w.village).gaps == ["缺民警"]
    w.assistant.postings.all().delete()
    assert row_of(w.village).gaps == ["缺民警", "缺警务助理"]
    Coverage.objects.filter(office=w.room).delete()
    assert row_of(w.village).gaps == ["没有警务室", "缺警务助理"]
    w.village.served = False
    assert row_of(w.village).gaps == []


def test_a_future_posting_fills_no_gap(w):
    w.far_assistant.postings.all().delete()
    tomorrow = today() + dt.timedelta(1)
    Posting.objects.create(user=w.far_assistant, office=w.far_committee, role=Role.ASSISTANT, valid_from=tomorrow)
    assert row_of(w.far_village).gaps == ["缺警务助理"]


def test_the_gap_page_lists_served_villages_only(w, sign_in):
    w.far_assistant.postings.all().delete()
    pseudo = factories.area("620623401498", "建材厂虚拟社区", 5, w.far_township)
    pseudo.served = False
    pseudo.save()
    text = sign_in(w.secadmin).get("/villages/gaps/").content.decode()
    assert w.far_village.code in text
    assert pseudo.code not in text
    assert f"/villages/{w.village.code}/" not in text
    assert "安排人员" in text
    assert "安排人员" not in sign_in(w.department).get("/villages/gaps/").content.decode()


def test_the_same_name_in_two_townships_is_told_apart(w):
    twin = factories.area("620623103209", "大湾村", 5, w.township)
    assert {twin.full_name, w.far_village.full_name} == {"松山镇大湾村", "天堂镇大湾村"}


@pytest.mark.parametrize("q", ["石门", "shimen", "smc", "SMC", "石门村"])
def test_search_by_name_pinyin_and_initials(w, sign_in, q):
    from villages.pinyin import place_keys

    for area in Area.objects.all():
        area.pinyin, area.initials = place_keys(area.short_name)
        area.save()
    text = sign_in(w.department).get("/villages/", {"q": q}).content.decode()
    assert w.village.code in text
    assert w.far_village.code not in text


def test_township_filter_and_chips(w, sign_in):
    client = sign_in(w.officer)
    text = client.get("/villages/", {"township": w.far_township.code}).content.decode()
    assert w.far_village.code in text
    assert f"/villages/{w.village.code}/" not in text
    assert "乡镇：天堂镇" in text
    assert client.get("/villages/", {"township": "abc"}).status_code == 200
    assert "没有符合条件的村" in client.get("/villages/", {"q": "zzzz"}).content.decode()


def test_the_list_costs_the_same_with_few_and_many_villages(w, sign_in):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = sign_in(w.officer)
    client.get("/villages/")
    with CaptureQueriesContext(connection) as few:
        client.get("/villages/")
    for n in range(20):
        factories.area(f"6206231033{n:02}", f"新村{n}", 5, w.township)
    with CaptureQueriesContext(connection) as many:
        client.get("/villages/")
    assert len(many) == len(few)


def test_upper_rooms_register_columns(w, sign_in):
    calls = []

    def open_cases(user, areas):
        calls.append((user, [area.pk for area in areas]))
        return {w.village.pk: {"text": "3", "url": "/somewhere/", "items": [{"text": "某案", "url": "/case/"}]}}

    panels.add("open", "在办", open_cases)
    panels.add("open", "在办", open_cases)
    assert panels.names() == ["在办"]
    text = sign_in(w.officer).get("/villages/").content.decode()
    assert '<th scope="col">在办</th>' in text
    assert '<a href="/somewhere/">3</a>' in text
    assert len(calls) == 1
    text = sign_in(w.officer).get(f"/villages/{w.village.code}/").content.decode()
    assert '<a href="/case/">某案</a>' in text


def test_one_village(w, sign_in):
    w.officer.phone = "13800001234"
    w.officer.save()
    client = sign_in(w.department)
    text = client.get(f"/villages/{w.village.code}/").content.decode()
    for words in ("松山镇石门村", "刘建军", "13800001234", "才让卓玛", "石门警务室", "松山镇综治中心"):
        assert words in text
    assert "结束岗位" not in text
    assert client.get("/villages/620699999999/").status_code == 404
    assert client.get(f"/villages/{w.township.code}/").status_code == 404
    assert "结束岗位" in sign_in(w.officer).get(f"/villages/{w.village.code}/").content.decode()


def test_a_village_is_corrected_by_the_system_administrator(w, sign_in):
    url = f"/villages/{w.village.code}/edit/"
    assert sign_in(w.officer).get(url).status_code == 403
    client = sign_in(w.sysadmin)
    assert client.get(url).status_code == 200
    assert client.post(url, {"name": "", "short_name": "x"}).status_code == 422
    data = {"name": "石门村委会", "short_name": "石门", "served": "on", "valid_to": ""}
    assert client.post(url, data).status_code == 302
    w.village.refresh_from_db()
    assert (w.village.short_name, w.village.pinyin, w.village.initials) == ("石门", "shimen", "sm")
