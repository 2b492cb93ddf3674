"""Papers through the API: how one would read, issue, list, download, void."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories as f
from tests.api.conftest import Client
from tests.api.situations import an_hour_ago, taken

pytestmark = pytest.mark.django_db
PAPERS = "/api/v1/papers/"


def body(case, **change):
    return {"case": case.case_no, "kind": "acceptance", **change}


def issued(client: Client, case, **change):
    answer = client.post(PAPERS, body(case, **change), format="json")
    assert answer.status_code == 201, answer.content.decode()
    return answer.json()


def test_an_agreement_is_previewed_blocked_filled_in_issued_and_downloaded_twice(
    w: SimpleNamespace, api: Client
) -> None:
    client, case = api(w.assistant), f.settled(w, at=an_hour_ago())
    shown = client.post(f"{PAPERS}preview/", body(case, kind="agreement"), format="json").json()
    assert shown["problems"] == ["缺：履行方式、地点。补上后再出"]
    assert "人民调解协议书" in shown["words"] and shown["facts"]["facts"] == case.narrative
    refused = client.post(PAPERS, body(case, kind="agreement"), format="json")
    assert refused.status_code == 400 and "缺：" in str(refused.json())
    facts = shown["facts"] | {"how": "现金当面付清"}
    row = issued(client, case, kind="agreement", facts=facts)
    assert row["number"].endswith("第001号")
    first, second = (client.get(f"{PAPERS}{row['uid']}/pdf/") for _n in range(2))
    assert first.content == second.content
    assert hashlib.sha256(first.content).hexdigest() == row["pdf_sha256"]
    assert case.case_no in first.headers["Content-Disposition"]
    assert client.get(f"{PAPERS}{row['uid']}/docx/").content.startswith(b"PK")


def test_a_repeated_request_is_one_paper(w: SimpleNamespace, api: Client) -> None:
    client, case = api(w.assistant), taken(w)
    first, second = (client.post(PAPERS, body(case), format="json", HTTP_IDEMPOTENCY_KEY="p") for _n in range(2))
    assert first.content == second.content and case.papers.count() == 1


def test_the_list_asks_as_often_with_three_papers_as_with_one(w: SimpleNamespace, api: Client) -> None:
    client, case = api(w.assistant), taken(w)
    counts = []
    for more in (1, 2):
        for _n in range(more):
            issued(client, case)
        with CaptureQueriesContext(connection) as captured:
            rows = client.get(f"{PAPERS}?case={case.case_no}").json()["results"]
        counts.append(len(captured))
    assert len(rows) == 3 and counts[0] == counts[1]


def test_a_supervisor_sees_which_papers_there_are_and_none_of_their_words(w: SimpleNamespace, api: Client) -> None:
    case = taken(w)
    row = issued(api(w.assistant), case)
    voided = api(w.assistant).post(f"{PAPERS}{row['uid']}/void/", {"reason": "马文林的地址不对"}, format="json")
    assert voided.json()["void_reason"] == "马文林的地址不对"
    supervisor = api(w.supervisor)
    assert supervisor.get(f"{PAPERS}{row['uid']}/").json()["void_reason"] == "马*的地址不对"
    assert supervisor.get(f"{PAPERS}{row['uid']}/pdf/").status_code == 403
    assert api(w.foreign_officer).get(f"{PAPERS}{row['uid']}/").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "letter"}, "kind"),
        ({"facts": {"colour": "红"}}, "facts.colour"),
        ({"facts": "红"}, "facts"),
        ({"facts": {"remark": "一\n二"}}, "facts.remark"),
        ({"facts": {"remark": "长" * 201}}, "facts.remark"),
        ({"facts": {"remark": 3}}, "facts.remark"),
        ({"more": 1}, "more"),
    ],
)
def test_bad_input_is_named(w: SimpleNamespace, api: Client, change, field) -> None:
    answer = api(w.assistant).post(PAPERS, body(taken(w), **change), format="json")
    assert answer.status_code == 400 and field in answer.json()["errors"]


def test_what_another_paper_asks_for_is_refused_by_name(w: SimpleNamespace, api: Client) -> None:
    answer = api(w.assistant).post(PAPERS, body(taken(w), facts={"court": "县法院"}), format="json")
    assert answer.status_code == 409 and "不填“court”。要填的：remark" in answer.json()["detail"]


def test_what_may_not_be_made_out_is_a_409_with_the_way_out(w: SimpleNamespace, api: Client) -> None:
    answer = api(w.assistant).post(PAPERS, body(taken(w), kind="agreement"), format="json")
    assert answer.status_code == 409 and "先办“化解”" in answer.json()["detail"]
