"""Every move of the table through the API: made, refused to the wrong role, refused now, asked for what is missing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from audit.models import AccessLog
from disputes.api import BODIES
from disputes.moves import MOVES
from tests import factories as f
from tests.api.conftest import Client
from tests.api.situations import SITUATIONS

pytestmark = pytest.mark.django_db


def url(case_no: str, move: str) -> str:
    return f"/api/v1/disputes/{case_no}/moves/{move}/"


def test_every_move_has_a_body_and_a_situation() -> None:
    assert BODIES.keys() == MOVES.keys() == SITUATIONS.keys()
    for name, body in BODIES.items():
        fields = body().fields
        assert {n for n, field in fields.items() if field.required} == set(MOVES[name].needs)
        assert set(fields) == {*MOVES[name].facts, "version"}


@pytest.mark.parametrize("name", MOVES)
def test_the_move_is_made_and_the_file_comes_back(w: SimpleNamespace, api: Client, name: str) -> None:
    ready = SITUATIONS[name](w)
    client = api(getattr(w, ready.by))
    body = {**ready.body, "version": ready.case.version}
    assert client.get(f"/api/v1/disputes/{ready.case.case_no}/").json()["allowed_moves"][name] is None
    answer = client.post(url(ready.case.case_no, name), body, format="json")
    assert answer.status_code == 200, answer.content.decode()
    shown = answer.json()
    expected = MOVES[name].to
    if expected:
        assert shown["status"] == expected
    assert shown["version"] == ready.case.version + 1
    event = ready.case.events.order_by("-pk").first()
    row = AccessLog.objects.get(event_hash=event.hash)
    assert event.kind == name and row.request_id.startswith("E-")


@pytest.mark.parametrize("name", MOVES)
def test_a_role_that_never_has_it_gets_403_and_the_wrong_desk_409(w: SimpleNamespace, api: Client, name: str) -> None:
    ready = SITUATIONS[name](w)
    before = ready.case.events.count()
    never = api(w.supervisor).post(url(ready.case.case_no, name), ready.body, format="json")
    assert never.status_code == (200 if name == "reopen" else 403), never.content.decode()
    if name == "reopen":
        return
    elsewhere = api(w.centre).post(url(ready.case.case_no, name), ready.body, format="json")
    assert elsewhere.status_code == 409, elsewhere.content.decode()
    assert elsewhere.json()["detail"] and ready.case.events.count() == before


@pytest.mark.parametrize("name", [name for name, row in MOVES.items() if row.needs])
def test_what_is_missing_is_named(w: SimpleNamespace, api: Client, name: str) -> None:
    ready = SITUATIONS[name](w)
    answer = api(getattr(w, ready.by)).post(url(ready.case.case_no, name), {}, format="json")
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == set(MOVES[name].needs)


@pytest.mark.parametrize(
    ("name", "change", "field"),
    [
        ("take_up", {"handler": "far_officer"}, "handler"),
        ("take_up", {"handler": "nobody-here"}, "handler"),
        ("settle", {"chair": "far_officer"}, "chair"),
        ("settle", {"organisation": "nowhere"}, "organisation"),
        ("settle", {"consents": {"999999": "agreed"}}, "consents"),
        ("settle", {"consents": {"1": "perhaps"}}, "consents.1"),
        ("settle", {"result": "great"}, "result"),
        ("settle", {"agreed_on": "昨天"}, "agreed_on"),
        ("settle", {"obligations": [{"what": "x", "due_on": "2027-01-01"}]}, "obligations.0.debtor"),
        ("settle", {"safety": {"beating": False}}, "safety.restraint"),
        ("merge", {"target": "620623-102-2026-0001"}, "target"),
        ("split", {"parts": "甲\n\n乙"}, "parts"),
        ("refer", {"told_ways": ["prayer"]}, "told_ways.0"),
        ("escalate", {"handler": "officer"}, "handler"),
        ("escalate", {"may_escalate": "yes"}, "may_escalate"),
        ("pause", {"status": "closed"}, "status"),
    ],
)
def test_wrong_facts_are_named(
    w: SimpleNamespace, api: Client, name: str, change: dict[str, object], field: str
) -> None:
    f.register(w, village=w.far_village)  # the foreign case that exists, 620623-102-2026-0001
    ready = SITUATIONS[name](w)
    answer = api(getattr(w, ready.by)).post(url(ready.case.case_no, name), {**ready.body, **change}, format="json")
    assert answer.status_code == 400, answer.content.decode()
    assert field in answer.json()["errors"]


def test_a_move_that_does_not_exist_is_404(w: SimpleNamespace, api: Client) -> None:
    case = f.register(w)
    answer = api(w.assistant).post(url(case.case_no, "promote"), {}, format="json")
    assert answer.status_code == 404 and answer.json()["detail"]


def test_the_law_s_refusals_come_as_sentences(w: SimpleNamespace, api: Client) -> None:
    ready = SITUATIONS["settle"](w)
    family = f.mediating(w, type_l1="01", type_l2="0101", at=ready.case.registered_at)
    body = {**ready.body, "consents": {str(p.pk): "agreed" for p in family.principal_parties()}}
    body["obligations"][0]["debtor"] = family.principal_parties()[0].pk
    client = api(w.assistant)
    answer = client.post(url(family.case_no, "settle"), body, format="json")
    assert answer.status_code == 409 and "安全问题" in answer.json()["detail"]
    body["safety"] = dict.fromkeys(("beating", "restraint", "insult", "threat", "fear"), False)
    assert client.post(url(family.case_no, "settle"), body, format="json").status_code == 200
