"""Every act of the table through the API: done, refused to the wrong role and the wrong desk, asked what is missing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from disputes.api import ACT_BODIES
from disputes.safe.acts import ACTS, OFFICER
from tests.api.conftest import Client
from tests.api.situations import ACT_SITUATIONS, new, taken

pytestmark = pytest.mark.django_db


def url(case_no: str, act: str = "") -> str:
    return f"/api/v1/disputes/{case_no}/acts/{act}/" if act else f"/api/v1/disputes/{case_no}/acts/"


def test_every_act_has_a_body_and_a_situation() -> None:
    assert ACT_BODIES.keys() == ACTS.keys() == ACT_SITUATIONS.keys()
    for name, body in ACT_BODIES.items():
        fields = body().fields
        assert {n for n, field in fields.items() if field.required} == set(ACTS[name].needs)
        assert set(fields) == set(ACTS[name].facts)


@pytest.mark.parametrize("name", ACTS)
def test_the_act_is_done_once(w: SimpleNamespace, api: Client, name: str) -> None:
    ready = ACT_SITUATIONS[name](w)
    client, no = api(getattr(w, ready.by)), ready.case.case_no
    assert client.get(url(no)).json()["acts"][name] is None
    answers = [client.post(url(no, name), ready.body, format="json", HTTP_IDEMPOTENCY_KEY="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201], answers[0].content.decode()
    assert answers[0].content == answers[1].content and answers[0].json()["kind"] == name
    assert ready.case.events.filter(kind=name).count() == 1


@pytest.mark.parametrize("name", ACTS)
def test_who_may_not(w: SimpleNamespace, api: Client, name: str) -> None:
    ready = ACT_SITUATIONS[name](w)
    no = ready.case.case_no
    for by, status in (
        ("supervisor", 403),
        ("centre", 403 if ACTS[name].who == OFFICER else 409),
        ("far_officer", 404),
    ):
        answer = api(getattr(w, by)).post(url(no, name), ready.body, format="json")
        assert answer.status_code == status, (by, answer.content.decode())
    assert not ready.case.events.filter(kind=name, at__gte=ready.case.registered_at).filter(by=w.centre).exists()


@pytest.mark.parametrize("name", [name for name in ACTS if ACTS[name].needs])
def test_what_is_missing_is_named(w: SimpleNamespace, api: Client, name: str) -> None:
    ready = ACT_SITUATIONS[name](w)
    answer = api(getattr(w, ready.by)).post(url(ready.case.case_no, name), {}, format="json")
    assert answer.status_code == 400 and set(answer.json()["errors"]) == set(ACTS[name].needs)


@pytest.mark.parametrize(
    ("name", "change", "field"),
    [
        ("performance", {"obligation": 999_999}, "obligation"),
        ("performance", {"paid": "12 元"}, "paid"),
        ("letter", {"warned": 999_999}, "warned"),
        ("screen", {"safety": {"beating": False}}, "safety.restraint"),
        ("police", {"which_exclusion": 3}, "which_exclusion"),
        ("signed", {"signed_on": "3.5"}, "signed_on"),
    ],
)
def test_wrong_facts_are_named(w: SimpleNamespace, api: Client, name: str, change: Any, field: str) -> None:
    ready = ACT_SITUATIONS[name](w)
    answer = api(getattr(w, ready.by)).post(url(ready.case.case_no, name), ready.body | change, format="json")
    assert answer.status_code == 400 and field in answer.json()["errors"], answer.content.decode()


def test_an_act_that_does_not_exist_is_404(w: SimpleNamespace, api: Client) -> None:
    assert api(w.assistant).post(url(new(w).case_no, "nonsense"), {}, format="json").status_code == 404


def test_the_screen_tells_the_timeline_nothing(w: SimpleNamespace, api: Client) -> None:
    ready = ACT_SITUATIONS["screen"](w)
    body = {"safety": ready.body["safety"] | {"threat": True}, "disposition": "police"}
    answer = api(w.officer).post(url(ready.case.case_no, "screen"), body, format="json")
    assert answer.status_code == 201 and answer.json()["facts"] == {} and answer.json()["text"] == ""
    for by in (w.officer, w.assistant, w.supervisor):
        file = api(by).get(f"/api/v1/disputes/{ready.case.case_no}/").content.decode()
        events = api(by).get(f"/api/v1/disputes/{ready.case.case_no}/events/").content.decode()
        assert "threat" not in file + events


def test_consent_says_on_which_day_and_who_asked(w: SimpleNamespace, api: Client) -> None:
    case, client = taken(w), api(w.grid)
    party = case.parties.get(side="B")
    where = f"/api/v1/disputes/{case.case_no}/parties/{party.pk}/consent/"
    assert client.post(where, {"consent": "refused", "asked_by": "assistant"}, format="json").status_code == 200
    refused = client.post(where, {"consent": "agreed", "way": "当面"}, format="json")
    assert refused.status_code == 409 and "本人撤回拒绝" in refused.json()["detail"]
    wrong = client.post(where, {"consent": "agreed", "asked_by": "far_officer"}, format="json")
    assert wrong.status_code == 400 and list(wrong.json()["errors"]) == ["asked_by"]
    late = client.post(where, {"consent": "refused", "on": "2099-01-01"}, format="json")
    assert late.status_code == 400 and list(late.json()["errors"]) == ["on"]
    again = client.post(where, {"consent": "agreed", "way": "当面", "taken_back": True}, format="json")
    assert again.status_code == 200 and party.consents.first().taken_back


def test_slips_come_in_at_the_desk_and_are_read_by_the_supervisor(w: SimpleNamespace, api: Client) -> None:
    case = taken(w)
    where = f"/api/v1/disputes/{case.case_no}/slips/"
    slip = {"text": "催我签字", "received_on": str(timezone.localdate())}
    assert api(w.assistant).post(where, slip, format="json").status_code == 409  # the handler
    assert api(w.grid).post(where, slip, format="json").status_code == 201
    late = api(w.grid).post(where, slip | {"received_on": "2099-01-01"}, format="json")
    assert late.status_code == 400 and list(late.json()["errors"]) == ["received_on"]
    assert api(w.grid).get(where).status_code == 403
    (row,) = api(w.supervisor).get(where).json()["results"]
    assert (row["text"], row["by"], row["answer"]) == ("催我签字", "马小兰", "")


def test_a_slip_is_answered_once_by_the_supervisor(w: SimpleNamespace, api: Client) -> None:
    case = taken(w)
    where = f"/api/v1/disputes/{case.case_no}/slips/"
    made = api(w.grid).post(where, {"text": "催我签字", "received_on": str(timezone.localdate())}, format="json")
    answer = f"{where}{made.json()['id']}/answer/"
    assert api(w.grid).post(answer, {"answer": "没事"}, format="json").status_code == 403
    assert api(w.supervisor).post(answer, {}, format="json").status_code == 400
    elsewhere = f"/api/v1/disputes/{taken(w).case_no}/slips/{made.json()['id']}/answer/"
    assert api(w.supervisor).post(elsewhere, {"answer": "换人主持"}, format="json").status_code == 404
    done = api(w.supervisor).post(answer, {"answer": "换人主持"}, format="json")
    assert done.status_code == 200 and (done.json()["text"], done.json()["answer"]) == ("催我签字", "换人主持")
    again = api(w.supervisor).post(answer, {"answer": "再换一个"}, format="json")
    assert again.status_code == 409 and "已经处理过" in again.json()["detail"]
    assert api(w.supervisor).get(where).json()["results"][0]["answer"] == "换人主持"


def test_dissuasions_are_about_noise_and_say_when(w: SimpleNamespace, api: Client) -> None:
    ready = ACT_SITUATIONS["dissuade"](w)
    client, no = api(w.assistant), ready.case.case_no
    answer = client.post(url(no, "dissuade"), ready.body | {"dissuaded_at": "9：05"}, format="json")
    assert answer.status_code == 201 and answer.json()["facts"]["dissuaded_at"] == "09:05"
    wrong = client.post(url(no, "dissuade"), ready.body | {"dissuaded_at": "夜里"}, format="json")
    assert wrong.status_code == 409 and "22:30" in wrong.json()["detail"]
    other = client.post(url(new(w).case_no, "dissuade"), ready.body, format="json")
    assert other.status_code in (400, 409)
