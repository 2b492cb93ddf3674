"""Referrals through the API: what the pages do, by the same doors; and merged cases, each under its own number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AccessLog
from disputes.models import Dispute
from disputes.referrals.models import Referral
from tests.api.conftest import Client
from tests.api.situations import an_hour_ago, days_ahead, handle, new, taken

pytestmark = pytest.mark.django_db
REFERRALS = "/api/v1/referrals/"


def today() -> str:
    return str(timezone.localdate())


def out(**other: Any) -> dict[str, Any]:
    given = {"kind": "court", "mode": "transfer", "other": "县人民法院", "text": "请先行调解", "sent_on": today()}
    return given | other


def of(case: Dispute) -> str:
    return f"/api/v1/disputes/{case.case_no}/referrals/"


def to_department(w: SimpleNamespace, api: Client, case: Dispute) -> dict[str, Any]:
    sent = out(kind="admin", to_office=w.department_office.code)
    del sent["other"]
    answer = api(w.assistant).post(of(case), sent, format="json")
    assert answer.status_code == 201, answer.json()
    assert answer["Location"].endswith(f"{REFERRALS}{answer.json()['id']}/")
    return answer.json()


def test_out_to_an_office_and_its_outcome_back(w: SimpleNamespace, api: Client) -> None:
    case = taken(w)
    row = to_department(w, api, case)
    here, client = f"{REFERRALS}{row['id']}/", api(w.department)
    handle(case)
    (told,) = client.get("/api/v1/notices/").json()["results"]
    assert (told["kind"], told["text"]) == ("referral_sent", f"收到移送：{case.case_no}")
    seen = client.get(here).json()
    assert (seen["case_no"], seen["may_open_case"], seen["text"]) == (case.case_no, False, "请先行调解")
    assert AccessLog.objects.filter(action="read", subject=row["id"], actor_id=w.department.pk).count() == 1
    assert client.get(f"/api/v1/disputes/{case.case_no}/").status_code == 404
    taken_up = client.post(f"{here}accept/", {"version": 1, "doc_no": "水管12号"}, format="json").json()
    assert (taken_up["state"], taken_up["doc_no"], taken_up["taken_on"]) == ("accepted", "水管12号", today())
    body = {"version": 2, "outcome": "mediated", "outcome_on": today(), "outcome_text": "轮流用水"}
    assert client.post(f"{here}report/", body, format="json").json()["outcome"] == "mediated"
    assert client.post(f"{here}report/", body, format="json").status_code == 409
    (row,) = api(w.assistant).get(of(case)).json()["results"]
    assert (row["state"], row["outcome"], row["may_open_case"]) == ("done", "mediated", True)
    handle(case)
    told = [one["kind"] for one in api(w.assistant).get("/api/v1/notices/").json()["results"]]
    assert {"referral_taken", "referral_done"} <= set(told)


def test_the_same_key_twice_is_one_referral(w: SimpleNamespace, api: Client) -> None:
    case, client, key = taken(w), api(w.assistant), {"HTTP_IDEMPOTENCY_KEY": "r-1"}
    first, again = (client.post(of(case), out(), format="json", **key) for _ in range(2))
    assert first.json() == again.json() and Referral.objects.count() == 1
    key, sent = {"HTTP_IDEMPOTENCY_KEY": "r-2"}, out(village=w.village.code)
    first, again = (client.post(REFERRALS, sent, format="json", **key) for _ in range(2))
    assert first.json() == again.json() and Referral.objects.count() == 2


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"kind": "party"}, "kind"),
        ({"mode": "entrust"}, "consents"),
        ({"consents": {"0": "agreed"}}, "consents"),
        ({"sent_on": days_ahead(1)}, "sent_on"),
        ({"other": ""}, "other"),
        ({"to_office": "nowhere", "other": ""}, "to_office"),
        ({"leaves": {"told_ways": []}}, "leaves.told_ways"),
        ({"kind": "other", "leaves": {"told_ways": ["court"], "told_on": today()}}, "kind"),
        ({"state": "done"}, "state"),
    ],
)
def test_wrong_bodies_name_the_field(w: SimpleNamespace, api: Client, sent: dict[str, Any], field: str) -> None:
    answer = api(w.assistant).post(of(taken(w)), out(**sent), format="json")
    assert answer.status_code == 400 and any(field in name for name in answer.json()["errors"]), answer.json()
    assert not Referral.objects.exists()


def test_consent_and_the_whole_matter(w: SimpleNamespace, api: Client) -> None:
    case = taken(w)
    agreed = {str(party.pk): "agreed" for party in case.principal_parties()}
    answer = api(w.assistant).post(of(case), out(mode="delegate", consents=agreed), format="json")
    assert answer.status_code == 201 and answer.json()["consented_on"] == today()
    leaves = {"told_ways": ["court"], "told_on": today()}
    answer = api(w.assistant).post(of(case), out(leaves=leaves), format="json")
    assert answer.status_code == 201 and Dispute.objects.get(pk=case.pk).status == "referred"
    assert [row["state"] for row in api(w.assistant).get(of(case)).json()["results"]] == ["sent", "over"]
    assert api(w.assistant).post(of(case), out(), format="json").status_code == 409


def test_in_and_what_it_becomes(w: SimpleNamespace, api: Client) -> None:
    client, sent = api(w.officer), out(village=w.village.code, side_a="马文林", side_b="王世昌", doc_no="诉调12号")
    assert client.post(REFERRALS, sent | {"mode": "delegate"}, format="json").status_code == 400
    row = client.post(REFERRALS, sent, format="json").json()
    assert (row["direction"], row["case_no"], row["state"]) == ("in", "", "sent")
    made = client.post(f"{REFERRALS}{row['id']}/new/", {"version": 1, "kind": "0905", "tier": 2}, format="json").json()
    assert (made["state"], Dispute.objects.get(case_no=made["case_no"]).source) == ("accepted", "04")
    row, case, far = client.post(REFERRALS, sent, format="json").json(), new(w), new(w, village=w.far_village)
    wrong = client.post(f"{REFERRALS}{row['id']}/join/", {"version": 1, "target": far.case_no}, format="json")
    assert wrong.status_code == 400 and "target" in wrong.json()["errors"]
    done = client.post(f"{REFERRALS}{row['id']}/join/", {"version": 1, "target": case.case_no}, format="json").json()
    assert done["case_no"] == case.case_no
    row = client.post(REFERRALS, sent, format="json").json()
    back = client.post(
        f"{REFERRALS}{row['id']}/return/", {"version": 1, "reason": "不属于本辖区"}, format="json"
    ).json()
    assert (back["state"], back["reason"]) == ("returned", "不属于本辖区")
    assert api(w.department).post(REFERRALS, sent, format="json").status_code == 403


def test_the_list_and_its_conditions(w: SimpleNamespace, api: Client) -> None:
    case = taken(w)
    inside, client = to_department(w, api, case)["id"], api(w.assistant)
    outside = client.post(of(case), out(text="马文林不肯还钱"), format="json").json()["id"]

    def ids(user: Any, query: str = "") -> list[str]:
        return [row["id"] for row in api(user).get(f"{REFERRALS}{query}").json()["results"]]

    assert ids(w.assistant) == [outside, inside] and ids(w.department) == [inside] and ids(w.counsellor) == []
    assert ids(w.assistant, "?kind=court") == [outside] and ids(w.assistant, "?waiting=other") == [outside, inside]
    assert ids(w.department, "?waiting=mine") == [inside] and ids(w.assistant, "?direction=in") == []
    assert client.get(f"{REFERRALS}?stage=new").status_code == 400
    assert "马文林" not in str(api(w.supervisor).get(REFERRALS).json())


def test_a_merged_case_keeps_its_own_address_and_says_where_it_went(w: SimpleNamespace, api: Client) -> None:
    old, into = taken(w), taken(w)
    old.perform("merge", by=w.assistant, at=an_hour_ago(), target=into, reason="同一件事")
    client = api(w.assistant)
    answer = client.get(f"/api/v1/disputes/{old.case_no}/")
    assert (answer.status_code, answer.json()["case_no"], answer.json()["merged_into"]) == (
        200, old.case_no, into.case_no,
    )  # fmt: skip
    assert client.get(f"/api/v1/disputes/{into.case_no}/").json()["merged_from"] == [old.case_no]
    found = [row["case_no"] for row in client.get(f"/api/v1/disputes/?q={old.case_no}").json()["results"]]
    assert found == [into.case_no, old.case_no]
    body = {"reason": "不是一件事"}
    assert (
        client.post(f"/api/v1/disputes/{old.case_no}/moves/unmerge/", body, format="json").json()["merged_into"] is None
    )
    assert client.get(f"/api/v1/disputes/{into.case_no}/").json()["merged_from"] == []


def test_parts_and_the_whole_name_one_another(w: SimpleNamespace, api: Client) -> None:
    case = taken(w)
    case.perform("split", by=w.assistant, at=an_hour_ago(), parts=["草场界线", "打伤羊只"], reason="两件事")
    part = case.parts.get()
    client = api(w.assistant)
    assert client.get(f"/api/v1/disputes/{case.case_no}/").json()["split_into"] == [part.case_no]
    assert client.get(f"/api/v1/disputes/{part.case_no}/").json()["split_from"] == case.case_no
