"""Visits, notices, the ledger and the reference lists through the API."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from followups.models import Notice, ReturnVisit
from tests import factories as f
from tests.api.conftest import Client
from tests.api.situations import an_hour_ago, days_ahead, handle, new, settled

pytestmark = pytest.mark.django_db
VISITS, NOTICES, LEDGER = "/api/v1/followups/", "/api/v1/notices/", "/api/v1/ledger/"


def visit_body(case: Any, **change: Any) -> dict[str, Any]:
    a, b = case.principal_parties()
    return {
        "visited_on": str(timezone.localdate()),
        "way": "home",
        "performance": "2",
        "parties": [
            {"party": a.pk, "reached": True, "satisfaction": "yes", "mind": "calm", "demands": "没有诉求"},
            {"party": b.pk, "reached": False, "why_failed": "外出放牧", "next_on": days_ahead(3)},
        ],
        **change,
    }


# --- visits -----------------------------------------------------------------------------------------------------------


def test_settling_plans_visits_that_the_desk_sees(w: SimpleNamespace, api: Client) -> None:
    case = settled(w)
    rows = api(w.assistant).get(f"{VISITS}?mine=1").json()["results"]
    assert [(row["case_no"], row["party"]["name"], row["state"]) for row in rows][:2] == [
        (case.case_no, "马文林", "planned"),
        (case.case_no, "王世昌", "planned"),
    ]
    assert rows == sorted(rows, key=lambda row: row["due_on"])
    assert api(w.supervisor).get(VISITS).json()["results"][0]["party"]["name"] == "马*"
    assert api(w.far_officer).get(VISITS).json()["results"] == []


@pytest.mark.parametrize("query", ["state=planed", "mine=2", "when=soon", "village=1", "status=waiting", "cursor=x"])
def test_wrong_conditions_of_visits_are_refused(w: SimpleNamespace, api: Client, query: str) -> None:
    answer = api(w.officer).get(f"{VISITS}?{query}")
    assert answer.status_code == 400 and list(answer.json()["errors"]) == [query.split("=")[0]]


def test_visits_page_by_due_day(w: SimpleNamespace, api: Client) -> None:
    settled(w), settled(w)
    client, seen, url = api(w.assistant), [], f"{VISITS}?page_size=3"
    while url:
        page = client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert len(seen) == len(set(seen)) == ReturnVisit.objects.planned().count() > 3


def test_a_visit_is_recorded_and_a_missed_party_stays_to_visit(w: SimpleNamespace, api: Client) -> None:
    case, client = settled(w), api(w.assistant)
    answer = client.post(f"{VISITS}{case.case_no}/visits/", visit_body(case), format="json", HTTP_IDEMPOTENCY_KEY="v")
    assert answer.status_code == 201, answer.content.decode()
    again = client.post(f"{VISITS}{case.case_no}/visits/", visit_body(case), format="json", HTTP_IDEMPOTENCY_KEY="v")
    assert again.content == answer.content and case.events.filter(kind="visit").count() == 1
    shown = client.get(f"{VISITS}{case.case_no}/").json()
    b = case.principal_parties()[1]
    assert shown["lacking"] == [b.pk]
    assert {row["state"] for row in shown["made"]} == {"done", "failed"}
    assert [row["demands"] for row in shown["made"] if row["state"] == "done"] == ["没有诉求"]
    refused = client.post(f"/api/v1/disputes/{case.case_no}/moves/close/", {}, format="json")
    assert refused.status_code == 409 and "王世昌" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"visited_on": "2999-01-01"}, "visited_on"),
        ({"way": "letter"}, "way"),
        ({"parties": []}, "parties"),
        ({"parties": [{"party": 999999, "reached": False, "why_failed": "x", "next_on": "2099-01-01"}]}, "parties"),
        ({"state": "done"}, "state"),
    ],
)
def test_a_wrong_visit_names_its_field(w: SimpleNamespace, api: Client, change: dict[str, Any], field: str) -> None:
    case = settled(w)
    answer = api(w.assistant).post(f"{VISITS}{case.case_no}/visits/", visit_body(case, **change), format="json")
    assert answer.status_code == 400 and field in answer.json()["errors"], answer.content.decode()


def test_who_may_not_visit_or_waive(w: SimpleNamespace, api: Client) -> None:
    case, open_case = settled(w), new(w)
    url = f"{VISITS}{case.case_no}/visits/"
    assert api(w.supervisor).post(url, visit_body(case), format="json").status_code == 403
    assert api(w.far_officer).post(url, visit_body(case), format="json").status_code == 404
    early = api(w.assistant).post(f"{VISITS}{open_case.case_no}/visits/", visit_body(open_case), format="json")
    assert early.status_code == 409
    party = case.principal_parties()[0]
    waive = f"{VISITS}{case.case_no}/parties/{party.pk}/waive/"
    assert api(w.assistant).post(waive, {"reason": "已去世"}, format="json").status_code == 403
    assert api(w.supervisor).post(waive, {"reason": "已去世"}, format="json").status_code == 201
    assert api(w.supervisor).post(waive, {"reason": "已去世"}, format="json").status_code == 409
    assert api(w.supervisor).post(f"{VISITS}{case.case_no}/parties/1000000/waive/", {"reason": "x"}).status_code == 404


def test_more_visits_cost_no_more_queries(w: SimpleNamespace, api: Client) -> None:
    client = api(w.officer)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(VISITS).status_code == 200
        return len(queries)

    settled(w)
    count()
    one = count()
    settled(w), settled(w)
    assert count() == one


# --- notices ----------------------------------------------------------------------------------------------------------


def test_notices_are_the_own_ones_and_become_read(w: SimpleNamespace, api: Client) -> None:
    case = f.at_room(w, at=an_hour_ago())
    handle(case)
    client = api(w.officer)
    rows = client.get(NOTICES).json()["results"]
    assert [row["case_no"] for row in rows] == [case.case_no] and rows[0]["read_at"] is None
    assert "马文林" in rows[0]["text"]
    assert api(w.second_officer).post(f"{NOTICES}{rows[0]['id']}/read/").status_code == 404
    assert client.post(f"{NOTICES}{rows[0]['id']}/read/").json() == {"marked": 1}
    assert client.post(f"{NOTICES}read/").json() == {"marked": 0}
    assert client.get(NOTICES).json()["results"][0]["read_at"]
    assert Notice.objects.filter(read_at=None, user=w.second_officer).exists()


# --- ledger -----------------------------------------------------------------------------------------------------------


def test_the_month_lists_rounds_and_its_sums_hold(w: SimpleNamespace, api: Client) -> None:
    first, second = new(w, amount=1200, people_count=3), settled(w)
    shown = api(w.officer).get(LEDGER).json()
    assert [row["case_no"] for row in shown["rows"]] == [first.case_no, second.case_no]
    assert (shown["counts"]["new"], shown["counts"]["done"], shown["counts"]["holds"]) == (2, 1, True)
    assert (shown["people"], shown["amount"], shown["count"]) == (3, "1200.00", 2)
    assert shown["rows"][0]["side_a"] == "马文林" and shown["rows"][0]["amount"] == "1200.00"
    masked = api(w.supervisor).get(LEDGER).json()["rows"][0]
    assert masked["side_a"] == "马*" and masked["phone_a"].startswith("138****")
    assert "id_number" not in masked
    page = api(w.officer).get(f"{LEDGER}?page_size=1&page=2").json()
    assert [row["no"] for row in page["rows"]] == [2] and page["next"] is None and page["previous"]


@pytest.mark.parametrize(
    "query", ["month=2026-13", "month=26-1", "status=gone", "office=nowhere", "page=9", "page=0", "from=1", "type=9"]
)
def test_wrong_conditions_of_the_ledger_are_refused(w: SimpleNamespace, api: Client, query: str) -> None:
    answer = api(w.officer).get(f"{LEDGER}?{query}")
    assert answer.status_code == 400 and list(answer.json()["errors"]) == [query.split("=")[0]]


def test_the_ledger_is_not_for_administrators(w: SimpleNamespace, api: Client) -> None:
    for user in (w.sysadmin, w.auditor, w.department):
        assert api(user).get(LEDGER).status_code == 403


# --- what everybody reads ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["areas", "offices", "codes", "calendar", "deadlines", "me", "areas/620623103201"])
def test_reference_data_is_readable(w: SimpleNamespace, api: Client, path: str) -> None:
    answer = api(w.assistant).get(f"/api/v1/{path}/")
    assert answer.status_code == 200 and answer.json()


@pytest.mark.parametrize(
    "path", ["areas/?level=9", "areas/?nonsense=1", "codes/?active=perhaps", "calendar/?year=20", "offices/?kind=x"]
)
def test_wrong_conditions_of_reference_lists_are_refused(w: SimpleNamespace, api: Client, path: str) -> None:
    answer = api(w.assistant).get(f"/api/v1/{path}")
    assert answer.status_code == 400 and answer.json()["errors"]
