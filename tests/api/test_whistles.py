"""Whistles through the API: the same doors, the same limits of what an asked office learns."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from disputes import attachments
from disputes.whistles.models import Call, Whistle
from tests import factories as f
from tests.api.conftest import Client
from tests.api.situations import days_ahead
from tests.samples import PDF

pytestmark = pytest.mark.django_db
URL = "/api/v1/whistles/"


@pytest.fixture
def case(w: SimpleNamespace):
    f.departments(w)
    return f.mediating(w, at=timezone.now())


def body(w: SimpleNamespace, case: Any, **change: Any) -> dict[str, Any]:
    return {
        "case_no": case.case_no,
        "offices": [w.department_office.code, w.land_office.code],
        "kind": "on_site",
        "what": "到现场看渠口",
        "summary": "甲方和乙方为渠口用水争执",
        **change,
    }


def blow(w: SimpleNamespace, api: Client, case: Any, **change: Any) -> dict[str, Any]:
    answer = api(w.assistant).post(URL, body(w, case, **change), format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_blowing_and_reading(w, api, case) -> None:
    made = blow(w, api, case, share_names=True)
    assert [call["office"]["name"] for call in made["calls"]] == ["松山镇水管站", "松山镇自然资源所"]
    assert made["case_no"] == case.case_no and made["shared"] is None
    mine = api(w.land).get(f"{URL}{made['uid']}/").json()
    assert mine["case_no"] == "" and [call["office"]["code"] for call in mine["calls"]] == [w.land_office.code]
    assert [party["name"] for party in mine["shared"]["parties"]] == ["马文林", "王世昌"]
    assert [row["uid"] for row in api(w.land).get(URL).json()["results"]] == [made["uid"]]
    assert api(w.justice).get(URL).json()["results"] == []
    assert api(w.justice).get(f"{URL}{made['uid']}/").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"offices": ["nonsense"]}, "offices"),
        ({"offices": []}, "offices"),
        ({"offices": ["620623103-D3"]}, "offices"),
        ({"case_no": "620623-103-2026-9999"}, "case_no"),
        ({"summary": "马文林堵了渠口"}, "summary"),
        ({"attachments": ["00000000-0000-0000-0000-000000000001"]}, "attachments"),
        ({"answer_by": "2020-01-01"}, "answer_by"),
        ({"tier": 2}, "tier"),
    ],
)
def test_wrong_bodies_name_their_field(w, api, case, change, field) -> None:
    answer = api(w.assistant).post(URL, body(w, case, **change), format="json")
    assert answer.status_code == 400 and list(answer.json()["errors"])[0].split(".")[0] == field
    assert not Whistle.objects.exists()


def test_the_life_of_a_whistle(w, api, case) -> None:
    url = f"{URL}{blow(w, api, case)['uid']}/"
    land, desk = api(w.land), api(w.assistant)
    assert land.post(f"{url}seen/", format="json").json()["calls"][0]["first_seen_at"]
    accepted = land.post(f"{url}accept/", {"who_comes": "甘延平", "coming_on": days_ahead(2)}, format="json").json()
    assert (accepted["calls"][0]["state"], accepted["calls"][0]["due_on"]) == ("accepted", days_ahead(2))
    again = api(w.second_land).post(f"{url}decline/", {"reply": "没空"}, format="json")
    assert again.status_code == 409 and "甘延平" in again.json()["detail"]
    done = land.post(f"{url}done/", {"done_note": "量过了"}, format="json").json()
    assert done["calls"][0]["state"] == "done" and done["calls"][0]["in_time"] is True
    assert desk.post(f"{url}close/", {}, format="json").status_code == 400
    off = {"office": w.department_office.code, "reason": "用不着了"}
    assert [call["state"] for call in desk.post(f"{url}call-off/", off, format="json").json()["calls"]] == [
        "off", "done",
    ]  # fmt: skip
    closed = desk.post(f"{url}close/", {}, format="json").json()
    assert closed["is_live"] is False
    assert desk.post(f"{url}close/", {}, format="json").status_code == 409
    assert desk.post(f"{url}accept/", {"who_comes": "甲", "coming_on": days_ahead(1)}, format="json").status_code == 409
    assert land.post(f"{url}close/", {}, format="json").status_code == 403


def test_a_report_with_its_file(w, api, case) -> None:
    url = f"{URL}{blow(w, api, case)['uid']}/"
    file = SimpleUploadedFile("记录.pdf", PDF, "application/pdf")
    done = api(w.land).post(f"{url}done/", {"done_note": "量过了", "file": file}, format="multipart").json()
    kept = done["calls"][0]["file"]
    assert kept["name"] == "记录.pdf"
    assert api(w.land).get(f"{url}attachments/{kept['id']}/").content == PDF
    assert api(w.department).get(f"{url}attachments/{kept['id']}/").status_code == 404


def test_shared_files_and_phones(w, api, case) -> None:
    row = attachments.attach(case, w.assistant, timezone.now(), SimpleUploadedFile("照片.pdf", PDF))
    made = blow(w, api, case, share_names=True, share_phones=True, attachments=[str(row.uid)])
    url = f"{URL}{made['uid']}/"
    assert [file["name"] for file in api(w.land).get(url).json()["shared"]["files"]] == ["照片.pdf"]
    assert api(w.land).get(f"{url}attachments/{row.uid}/").content == PDF
    assert [p["phone"] for p in api(w.land).get(url).json()["shared"]["parties"]] == ["138****6021", "139****4417"]
    phones = api(w.land).post(f"{url}reveal/", format="json").json()
    assert [row["phone"] for row in phones] == ["13812346021", "13912344417"]
    assert api(w.assistant).post(f"{url}reveal/", format="json").status_code == 409


def test_the_same_key_blows_once(w, api, case) -> None:
    for _ in range(2):
        answer = api(w.assistant).post(URL, body(w, case), format="json", headers={"Idempotency-Key": "w-1"})
        assert answer.status_code == 201
    assert Call.objects.count() == 2


def test_reading_ends_for_the_asked(w, api, case) -> None:
    made = blow(w, api, case)
    Whistle.objects.get().close(by=w.assistant, at=timezone.now() - dt.timedelta(days=31), reason="不等了")
    assert api(w.land).get(f"{URL}{made['uid']}/").status_code == 404
    assert api(w.assistant).get(f"{URL}{made['uid']}/").status_code == 200
