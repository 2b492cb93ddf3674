"""Visits, captures and triage through the API: what the pages do, by the same doors."""

from __future__ import annotations

import datetime as dt
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from audit.models import AccessLog
from disputes.field.models import Capture, Visit
from disputes.models import Dispute
from followups.models import Notice
from tests import factories as f
from tests.api.conftest import Client
from tests.api.situations import days_ahead
from tests.samples import JPG, PDF, PNG, taken_at

pytestmark = pytest.mark.django_db
VISITS, CAPTURES, TRIAGE = "/api/v1/visits/", "/api/v1/captures/", "/api/v1/triage/"
WORDS = {"side_a": "马文林", "side_b": "王世昌", "kind": "0905", "words": "马文林说界桩被冲走"}


def begin(w: SimpleNamespace, api: Client) -> str:
    sent = {"village": w.village.code, "visited_on": str(timezone.localdate()), "companions": "刘建军"}
    answer = api(w.assistant).post(VISITS, sent, format="json")
    assert answer.status_code == 201 and answer["Location"].endswith(f"{VISITS}{answer.json()['id']}/")
    return answer.json()["id"]


def captured(w: SimpleNamespace, api: Client, **facts: Any) -> dict[str, Any]:
    answer = api(w.assistant).post(f"{VISITS}{begin(w, api)}/captures/", WORDS | facts, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_a_visit_from_its_beginning_to_its_end(w: SimpleNamespace, api: Client) -> None:
    uid, client = begin(w, api), api(w.assistant)
    for _ in range(2):
        assert client.post(f"{VISITS}{uid}/captures/", WORDS, format="json").status_code == 201
    assert [row["words"] for row in client.get(f"{VISITS}{uid}/captures/").json()["results"]] == [WORDS["words"]] * 2
    ended = client.post(f"{VISITS}{uid}/end/", {"households": 9, "note": "都平安"}, format="json").json()
    assert (ended["households"], ended["note"], ended["village"]["name"]) == (9, "都平安", "石门村")
    assert ended["ended_at"] and client.get(f"{VISITS}{uid}/").json() == ended
    assert [row["id"] for row in api(w.officer).get(VISITS).json()["results"]] == [uid]
    assert api(w.far_officer).get(VISITS).json()["results"] == []


def test_the_same_key_twice_is_one_visit_and_one_capture(w: SimpleNamespace, api: Client) -> None:
    client, key = api(w.assistant), {"HTTP_IDEMPOTENCY_KEY": "a-1"}
    sent = {"village": w.village.code, "visited_on": str(timezone.localdate())}
    first, again = (client.post(VISITS, sent, format="json", **key) for _ in range(2))
    assert first.json() == again.json() and Visit.objects.count() == 1
    path, key = f"{VISITS}{first.json()['id']}/captures/", {"HTTP_IDEMPOTENCY_KEY": "a-2"}
    first, again = (client.post(path, WORDS, format="json", **key) for _ in range(2))
    assert first.json() == again.json() and Capture.objects.count() == 1


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"words": ""}, "words"),
        ({"words": "吵", "kind": "0999"}, "kind"),
        ({"words": "吵", "found": "later"}, "found"),
        ({"words": "吵", "state": "case"}, "state"),
        ({"words": "吵", "settled": {"chair": "far_officer"}}, "chair"),
        ({"words": "吵", "settled": {"safety": {"fear": True}}}, "settled.safety.beating"),
        ({"words": "吵", "settled": {"consents": [{"side": "C", "name": "x", "consent": "agreed"}]}}, "side"),
    ],
)
def test_wrong_bodies_name_the_field(w: SimpleNamespace, api: Client, sent: dict[str, Any], field: str) -> None:
    answer = api(w.assistant).post(f"{VISITS}{begin(w, api)}/captures/", sent, format="json")
    assert answer.status_code == 400 and any(field in name for name in answer.json()["errors"]), answer.json()
    assert not Capture.objects.exists()


def test_its_author_adds_to_it_and_a_second_version_is_a_conflict(w: SimpleNamespace, api: Client) -> None:
    row, client = captured(w, api), api(w.assistant)
    path = f"{CAPTURES}{row['id']}/"
    changed = client.patch(path, {"version": 1, "place": "后沟"}, format="json").json()
    assert (changed["place"], changed["words"], changed["version"]) == ("后沟", WORDS["words"], 2)
    assert client.patch(path, {"version": 1, "place": "前沟"}, format="json").status_code == 409
    assert api(w.officer).patch(path, {"version": 2, "place": "前沟"}, format="json").status_code == 409


def test_who_reads_what_is_masked_and_written_down(w: SimpleNamespace, api: Client) -> None:
    row = captured(w, api)
    seen = api(w.supervisor).get(f"{CAPTURES}{row['id']}/").json()
    assert (seen["side_a"], seen["words"]) == ("马*", "马*说界桩被冲走")
    assert AccessLog.objects.filter(action="read", subject=row["id"], actor_id=w.supervisor.pk).count() == 1
    assert "马文林" not in str(api(w.supervisor).get(CAPTURES).json())
    assert [r["id"] for r in api(w.officer).get(f"{CAPTURES}?state=new").json()["results"]] == [row["id"]]
    assert api(w.officer).get(f"{CAPTURES}?state=none").json()["results"] == []
    assert api(w.officer).get(f"{CAPTURES}?visit={row['visit']}").json()["results"][0]["id"] == row["id"]
    assert api(w.officer).get(f"{CAPTURES}?stage=new").status_code == 400


def test_danger_is_acknowledged(w: SimpleNamespace, api: Client, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        row = captured(w, api, may_escalate=True)
    told = api(w.officer).get("/api/v1/notices/").json()["results"]
    assert [(one["kind"], one["case_no"], one["capture"]) for one in told] == [("alarm", "", row["id"])]
    assert Notice.objects.count() == 2
    seen = api(w.officer).post(f"{CAPTURES}{row['id']}/acknowledge/", format="json").json()
    assert seen["acknowledged_by"]["username"] == "officer" and seen["acknowledged_at"]
    assert api(w.centre).post(f"{CAPTURES}{row['id']}/acknowledge/", format="json").status_code == 403


def test_what_stops_a_settlement_on_the_spot(w: SimpleNamespace, api: Client) -> None:
    agreed = [
        {"side": "A", "name": "马文林", "consent": "agreed"},
        {"side": "B", "name": "王世昌", "consent": "agreed"},
    ]
    told = {"chair": "village_mediator", "consents": agreed}
    crime = captured(w, api, found="calm", settled=told | {"crime_suspected": True})
    assert crime["state"] == "new" and "涉嫌犯罪" in crime["lacking"]
    born = str(timezone.localdate() - dt.timedelta(days=365 * 12))
    young = {"side": "A", "name": "马文林", "birth_on": born}
    child = captured(w, api, found="calm", settled=told | {"young": [young]})
    assert child["lacking"] == "缺：马文林的监护人、马文林的监护人同意登记的日期"
    late = {"version": 1, "young": [young | {"birth_on": "2099-01-01"}]}
    wrong = api(w.assistant).post(f"{CAPTURES}{child['id']}/settle/", late, format="json")
    assert wrong.status_code == 400 and "核对年份" in wrong.content.decode()
    steps = {"deed": "damage", "lesser": True, "ground": "close", "exclusions_clear": True}
    steps |= {"officers": "2", "place_kind": "other", "recording": "V-1"}
    police = told | {"chair": "officer", "track": "police", **steps}
    row = captured(w, api, found="calm", settled=police)  # the assistant's answers to the steps are not kept
    assert row["lacking"].startswith("缺：属于哪种行为")
    assert not Dispute.objects.exists()
    done = api(w.officer).post(f"{CAPTURES}{row['id']}/settle/", {"version": 1, **steps}, format="json").json()
    assert done["state"] == "case" and Dispute.objects.get().agreements.get().track == "police"


def test_a_settlement_on_the_spot(w: SimpleNamespace, api: Client) -> None:
    agreed = [
        {"side": "A", "name": "马文林", "consent": "agreed"},
        {"side": "B", "name": "王世昌", "consent": "agreed"},
    ]
    whole = captured(w, api, found="calm", settled={"chair": "village_mediator", "consents": agreed})
    case = Dispute.objects.get()
    assert (whole["state"], whole["cases"], whole["lacking"]) == ("case", [case.case_no], "")
    assert case.agreements.get().result == "oral"

    part = captured(w, api, found="calm", settled={"consents": agreed[:1]})
    assert (part["state"], part["lacking"]) == ("new", "缺：谁说和的、王世昌是否同意")
    sent = {"version": 1, "between_themselves": True, "consents": agreed[1:]}
    done = api(w.officer).post(f"{CAPTURES}{part['id']}/settle/", sent, format="json").json()
    assert done["state"] == "case" and Dispute.objects.get(case_no=done["cases"][0]).result == "self"
    again = api(w.officer).post(f"{CAPTURES}{part['id']}/settle/", sent | {"version": 2}, format="json")
    assert again.status_code == 409


def test_every_way_to_sort(w: SimpleNamespace, api: Client) -> None:
    officer, target = api(w.officer), f.register(w)
    new = {"kind": "0905", "tier": 2, "person": "second_officer", "note": "先看界桩"}
    ways: dict[str, dict[str, Any]] = {
        "new": new,
        "several": {"kind": "09", "tier": 1, "parts": ["界桩", "欠款"]},
        "join": {"target": target.case_no},
        "none": {"reason": "和好"},
        "back": {"reason": "写清是哪条渠"},
        "later": {"until": days_ahead(3)},
    }
    for name, body in ways.items():
        row = captured(w, api)
        assert officer.get(TRIAGE).json()["results"][-1]["id"] == row["id"]
        answer = officer.post(f"{TRIAGE}{row['id']}/{name}/", body | {"version": 1}, format="json")
        assert answer.status_code == 200, (name, answer.json())
        became = {"none": "none", "back": "back", "later": "later"}.get(name, "case")
        assert (answer.json()["state"], len(answer.json()["cases"])) == (
            became, {"new": 1, "several": 2, "join": 1}.get(name, 0),
        )  # fmt: skip
        again = officer.post(f"{TRIAGE}{row['id']}/{name}/", body | {"version": 1}, format="json")
        assert again.status_code == 409
        if name != "several":
            undone = officer.post(f"{TRIAGE}{row['id']}/undo/", {"version": 2}, format="json")
            assert (undone.status_code, undone.json()["state"], undone.json()["cases"]) == (200, "new", []), name
    assert Dispute.objects.get(narrative=WORDS["words"]).handler == w.second_officer


def test_sorting_says_what_is_missing_and_who_may_not(w: SimpleNamespace, api: Client) -> None:
    row, officer = captured(w, api), api(w.officer)
    for name, body, field in (
        ("new", {"tier": 2}, "kind"),
        ("new", {"kind": "0905", "tier": 2, "person": "assistant2"}, "person"),
        ("new", {"kind": "0905", "tier": 2, "due_on": "2020-01-01"}, "due_on"),
        ("join", {"target": "620623-103-2026-9999"}, "target"),
        ("several", {"kind": "0905", "tier": 2, "parts": ["一件"]}, "parts"),
        ("none", {}, "reason"),
        ("later", {"until": str(timezone.localdate())}, "until"),
    ):
        answer = officer.post(f"{TRIAGE}{row['id']}/{name}/", body | {"version": 1}, format="json")
        assert answer.status_code == 400 and field in answer.json()["errors"], (name, answer.json())
    body = {"version": 1, "reason": "和好"}
    assert api(w.assistant).post(f"{TRIAGE}{row['id']}/none/", body, format="json").status_code == 403
    assert api(w.far_officer).post(f"{TRIAGE}{row['id']}/none/", body, format="json").status_code == 404
    assert officer.post(f"{TRIAGE}{uuid.uuid4()}/none/", body, format="json").status_code == 404


def test_photos_go_to_the_capture_and_are_seen_in_its_case(w: SimpleNamespace, api: Client) -> None:
    row = captured(w, api)
    client, officer, photos = api(w.assistant), api(w.officer), f"{CAPTURES}{row['id']}/photos/"

    def send(name: str, content: bytes, **key: str) -> Any:
        return client.post(photos, {"file": SimpleUploadedFile(name, content)}, format="multipart", **key)

    sent = [send("马文林家.jpg", taken_at("JPEG"), HTTP_IDEMPOTENCY_KEY="p-1") for _ in range(2)]
    assert sent[0].status_code == 201 and sent[0].json() == sent[1].json()
    photo = sent[0].json()
    assert (photo["previews"], photo["capture"], photo["name"]) == ([320, 1280], row["id"], "马文林家.jpg")
    assert [one["id"] for one in officer.get(photos).json()["results"]] == [photo["id"]]
    assert "马文林" not in api(w.supervisor).get(photos).json()["results"][0]["name"]
    original, small = officer.get(f"{photos}{photo['id']}/"), officer.get(f"{photos}{photo['id']}/320/")
    assert original.content == taken_at("JPEG") and original["Content-Disposition"].startswith("attachment")
    assert small["Content-Type"] == "image/jpeg" and b"37.2N" not in small.content
    assert api(w.far_officer).get(f"{photos}{photo['id']}/").status_code == 404
    assert officer.get(f"{photos}{uuid.uuid4()}/").status_code == 404

    for name, content, words in (("a.pdf", PDF, "可以传照片"), ("a.jpg", PNG, "对不上"), ("a.jpg", b"", "是空的")):
        refused = send(name, content)
        assert refused.status_code == 409 and words in refused.json()["detail"] and name in refused.json()["detail"]
    assert api(w.officer).post(photos, {"file": SimpleUploadedFile("a.jpg", JPG)}).status_code == 409
    assert len(officer.get(photos).json()["results"]) == 1

    body = {"version": 1, "kind": "0905", "tier": 2}
    (case_no,) = officer.post(f"{TRIAGE}{row['id']}/new/", body, format="json").json()["cases"]
    listed = officer.get(f"/api/v1/disputes/{case_no}/attachments/").json()["results"]
    assert [(one["id"], one["capture"]) for one in listed] == [(photo["id"], row["id"])]
    assert officer.get(f"/api/v1/disputes/{case_no}/attachments/{photo['id']}/1280/").status_code == 200
    assert "已经分流" in send("b.jpg", JPG).json()["detail"]
