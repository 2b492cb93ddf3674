from urllib.parse import parse_qsl, urlsplit

import pytest

from tests import factories
from villages.models import SpecialDay, today


@pytest.fixture
def api(w, sign_in):
    client = sign_in(w.department)
    return lambda url, status=200, **query: _get(client, url, status, query)


def _get(client, url, status, query):
    response = client.get(f"/api/v1/{url}/", query)
    assert response.status_code == status, response.content
    return response.json()


def test_a_stranger_gets_401(client, db):
    assert client.get("/api/v1/areas/").status_code == 401


def test_areas(w, api):
    found = api("areas", q="大湾", level="5")["results"]
    assert [row["code"] for row in found] == [w.far_village.code]
    assert found[0]["full_name"] == "天堂镇大湾村"
    assert found[0]["parent"] == w.far_township.code
    assert {row["code"] for row in api("areas", parent=w.township.code)["results"]} == {
        w.village.code,
        w.sister_village.code,
    }
    w.village.valid_to = today()
    w.village.save()
    assert api("areas", parent=w.township.code)["results"][0]["code"] == w.sister_village.code
    assert api(f"areas/{w.village.code}")["valid_to"] == str(today())
    api("areas/620600000009", status=404)


def test_areas_are_paged_in_code_order(w, api):
    for n in range(120):
        factories.area(f"620623103{300 + n}", f"村{n}", 5, w.township)
    seen, page = [], api("areas", level="5", page_size="50")
    while True:
        seen += [row["code"] for row in page["results"]]
        if not page["next"]:
            break
        page = api("areas", **dict(parse_qsl(urlsplit(page["next"]).query)))
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 124


def test_offices_codes_calendar_numbers_and_me(w, api):
    assert {row["name"] for row in api("offices", kind="room")["results"]} == {"石门警务室", "大湾警务室", "暖泉警务室"}
    assert api("offices", area=w.township.code, kind="centre")["results"][0]["tier"] == 3
    assert [row["code"] for row in api("codes", table="case_source")["results"]] == ["01", "06"]
    SpecialDay.objects.create(day="2026-05-08", kind="normal")
    days = api("calendar", year="2026")["results"]
    assert "2026-02-28" in [row["day"] for row in days]
    assert "2026-05-08" not in [row["day"] for row in days]
    numbers = {row["key"]: row["value"] for row in api("deadlines")}
    assert (numbers["tier_days_1"], numbers["tier_days_2"], numbers["tier_days_3"]) == (3, 7, 15)
    me = api("me")
    assert me["username"] == "department"
    assert me["postings"][0]["office_name"] == "松山镇水管站"


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ("areas", {"level": "9"}),
        ("areas", {"colour": "red"}),
        ("areas", {"parent": "1"}),
        ("areas", {"cursor": "xyz"}),
        ("offices", {"kind": "palace"}),
        ("codes", {"active": "maybe"}),
        ("calendar", {"year": "20261"}),
        ("me", {"x": "1"}),
    ],
)
def test_what_is_not_declared_is_refused(w, api, url, query):
    api(url, status=400, **query)
