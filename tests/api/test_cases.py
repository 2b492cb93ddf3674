"""Registering, reading, changing and moving a case through the API: the happy way and every refusal."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AccessLog
from disputes.models import Dispute
from disputes.moves import MOVES
from tests import factories as f
from tests.api.conftest import Client, registration
from tests.samples import PDF, pdf

URL = "/api/v1/disputes/"
pytestmark = pytest.mark.django_db


def at(case: Dispute, *rest: str) -> str:
    return f"{URL}{case.case_no}/" + "".join(f"{part}/" for part in rest)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_stranger_is_told_to_bring_a_token(w: SimpleNamespace, api: Client, client: Any) -> None:
    for path in (URL, "/api/v1/me/", "/api/v1/schema/"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Token"
        assert answer.json()["request_id"].startswith("E-")


def test_a_session_reads_and_needs_the_csrf_token_to_write(w: SimpleNamespace) -> None:
    from django.test import Client as Browser

    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(w.assistant, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get(URL).status_code == 200
    answer = browser.post(URL, registration(), content_type="application/json")
    assert answer.status_code == 403 and "CSRF" in answer.json()["detail"]


def test_a_disabled_account_s_token_dies(w: SimpleNamespace, api: Client) -> None:
    client = api(w.assistant)
    w.assistant.is_active = False
    w.assistant.save()
    assert client.get(URL).status_code == 401


def test_the_list_holds_the_own_scope_newest_first(w: SimpleNamespace, api: Client) -> None:
    own, other = f.register(w), f.register(w, village=w.sister_village)
    f.register(w, village=w.far_village)
    found = api(w.officer).get(URL).json()["results"]
    assert [row["case_no"] for row in found] == [other.case_no, own.case_no]
    assert found[1]["side_a"] == "马文林" and found[1]["desk"] == "石门村委会"
    assert [row["case_no"] for row in api(w.assistant).get(URL).json()["results"]] == [own.case_no]
    assert api(w.sysadmin).get(URL).json()["results"] == []


def test_the_list_masks_as_the_page_does(w: SimpleNamespace, api: Client) -> None:
    f.register(w, type_l1="01", type_l2="0101")
    assert api(w.assistant).get(URL).json()["results"][0]["side_a"] == "马文林"
    assert api(w.officer).get(URL).json()["results"][0]["side_a"] == "马*"
    assert api(w.supervisor).get(URL).json()["results"][0]["side_a"] == "马*"


def test_pages_run_by_cursor_and_have_a_limit(w: SimpleNamespace, api: Client) -> None:
    numbers = [f.register(w).case_no for _ in range(5)]
    client, seen, url = api(w.assistant), [], f"{URL}?page_size=2"
    while url:
        page = client.get(url).json()
        assert len(page["results"]) <= 2
        seen += [row["case_no"] for row in page["results"]]
        url = page["next"]
    assert seen == numbers[::-1]
    for query in ("page_size=0", "page_size=abc", "page_size=-1", "cursor=abc", "cursor=cD1hYmM="):
        answer = client.get(f"{URL}?{query}")
        assert answer.status_code == 400, query
        assert list(answer.json()["errors"]) == [query.split("=")[0]]
    assert client.get(f"{URL}?page_size=100000").status_code == 200


@pytest.mark.parametrize(
    "query", ["status=waiting", "status=waiting&status=mediating", "q=马文林", "desk=mine", "due=overdue", "tier=1"]
)
def test_conditions_are_those_of_the_page(w: SimpleNamespace, api: Client, query: str) -> None:
    case = f.register(w)
    assert [row["case_no"] for row in api(w.assistant).get(f"{URL}?{query}").json()["results"]] == [case.case_no]


@pytest.mark.parametrize("q", ["0" * 100, "İ" * 100, "a " * 50, "620623-", "-", "·", "%", "_", "'", "2026"])
def test_whatever_is_searched_is_answered(w: SimpleNamespace, api: Client, q: str) -> None:
    f.register(w)
    assert api(w.officer).get(URL, {"q": q}).status_code == 200
    assert api(w.officer).get(URL, {"q": q * 101}).status_code == 400


@pytest.mark.parametrize(
    "query", ["stauts=waiting", "status=wating", "tier=9", "village=1", "found_from=3.5", "tier=1&tier=2"]
)
def test_a_misspelt_condition_is_refused_not_ignored(w: SimpleNamespace, api: Client, query: str) -> None:
    answer = api(w.assistant).get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in next(iter(answer.json()["errors"]))


def test_the_file_shows_masked_parties_and_what_may_be_done(w: SimpleNamespace, api: Client) -> None:
    case = f.register(w)
    shown = api(w.assistant).get(at(case)).json()
    assert shown["title"] == "马文林与王世昌草场界线纠纷"
    assert [party["phone"] for party in shown["parties"]] == ["138****6021", "139****4417"]
    assert shown["allowed_moves"]["take_up"] is None
    assert "没有中止" in shown["allowed_moves"]["resume"]
    assert not {"13812346021", "620699197401010018"} & set(str(shown))


def test_a_supervisor_reads_no_name_anywhere(w: SimpleNamespace, api: Client) -> None:
    case = f.settled(w, narrative="马文林说王世昌移了界桩。")
    client = api(w.supervisor)
    for path in (at(case), at(case, "events"), at(case, "notes"), URL, f"/api/v1/followups/{case.case_no}/"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "马文林" not in answer.content.decode() and "王世昌" not in answer.json().get("narrative", "")


def test_out_of_scope_answers_as_if_it_did_not_exist(w: SimpleNamespace, api: Client) -> None:
    foreign, client = f.register(w, village=w.far_village), api(w.assistant)
    calls: list[tuple[str, str, Any]] = [
        ("get", "", None),
        ("patch", "", {"version": 1}),
        ("get", "events/", None),
        ("get", "notes/", None),
        ("post", "notes/", {"text": "x"}),
        ("post", "grade/", {"level": "red", "reason": "x"}),
        ("post", "void-requests/", {"reason": "x"}),
        ("get", "attachments/", None),
        ("get", f"attachments/{uuid.uuid4()}/", None),
        ("post", f"parties/{foreign.parties.first().pk}/reveal/", {"field": "phone", "reason": "x"}),
        ("post", f"parties/{foreign.parties.first().pk}/consent/", {"consent": "agreed"}),
        *[("post", f"moves/{name}/", {}) for name in MOVES],
    ]
    for method, rest, body in calls:
        answers = [
            getattr(client, method)(f"{URL}{no}/{rest}", body, format="json")
            for no in (foreign.case_no, "620623-102-2026-9999")
        ]
        assert [answer.status_code for answer in answers] == [404, 404], rest
        bodies = [{**answer.json(), "request_id": "E-"} for answer in answers]
        assert bodies[0] == bodies[1]
    unrouted = client.get("/api/v1/nothing/here/")
    assert unrouted.status_code == 404
    assert {**unrouted.json(), "request_id": "E-"} == bodies[0]


def test_reading_is_logged_once_in_ten_minutes(w: SimpleNamespace, api: Client) -> None:
    case, client = f.register(w), api(w.officer)
    for _ in range(2):
        client.get(at(case))
        client.get(at(case, "events"))
    assert AccessLog.objects.filter(action="read", subject=case.case_no, actor_id=w.officer.pk).count() == 1


def test_refusals_are_logged_whether_or_not_the_case_exists(w: SimpleNamespace, api: Client) -> None:
    foreign, own = f.register(w, village=w.far_village), f.register(w)
    refused = AccessLog.objects.filter(action="refused").order_by("pk")
    for no in (foreign.case_no, "620623-102-2026-9999"):
        api(w.assistant).get(f"{URL}{no}/")
        row = refused.last()
        assert (row.subject, row.county, row.detail["status"]) == (f"{URL}{no}/", "620623", 404)
    api(w.supervisor).post(at(own, "notes"), {"text": "x"}, format="json")
    assert (refused.last().actor_id, refused.last().detail["status"]) == (w.supervisor.pk, 403)
    count = refused.count()
    api(w.assistant).get("/api/v1/nothing/")
    api(w.officer).post(at(own, "moves", "take_up"), {"handler": "officer"}, format="json")
    assert refused.count() == count


@pytest.mark.parametrize("path", ["", "?status=waiting"])
def test_a_longer_list_costs_no_more_queries(w: SimpleNamespace, api: Client, path: str) -> None:
    client = api(w.officer)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(URL + path).status_code == 200
        return len(queries)

    f.register(w)
    count()
    one = count()
    f.register(w)
    f.register(w)
    assert count() == one


def test_a_file_with_more_on_it_costs_no_more_queries(w: SimpleNamespace, api: Client) -> None:
    client, case = api(w.assistant), f.mediating(w)

    def count(*rest: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(at(case, *rest)).status_code == 200
        return len(queries)

    count(), count("events")
    before = count(), count("events"), count("notes")
    for _ in range(3):
        f.attempt(case, w.assistant)
    case.parties.create(side="C", name="李有才")
    assert (count(), count("events"), count("notes")) == before


# --- registering ------------------------------------------------------------------------------------------------------


def test_registering_gives_a_number_and_the_file(w: SimpleNamespace, api: Client) -> None:
    body = registration(danger={"level": "yellow", "reason": "争吵激烈"}, amount="12000.50", people_count=4)
    answer = api(w.assistant).post(URL, body, format="json")
    assert answer.status_code == 201
    shown = answer.json()
    assert answer.headers["Location"].endswith(f"{URL}{shown['case_no']}/")
    assert (shown["status"], shown["tier"], shown["danger"], shown["amount"]) == ("waiting", 1, "yellow", "12000.50")
    case = Dispute.objects.get(case_no=shown["case_no"])
    assert case.registered_by == w.assistant
    assert case.parties.first().secret.open("phone") == "13812346021"


def test_who_never_registers_is_refused_with_403(w: SimpleNamespace, api: Client) -> None:
    for user in (w.supervisor, w.department, w.sysadmin, w.auditor, w.nobody):
        answer = api(user).post(URL, registration(), format="json")
        assert answer.status_code == 403 and answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"village": "620623102201"}, "village"),  # exists, but in another township
        ({"village": "620623999999"}, "village"),
        ({"type_l1": "77"}, "type_l1"),
        ({"type_l2": "0101"}, "type_l2"),
        ({"narrative": "  "}, "narrative"),
        ({"narrative": "字" * 20001}, "narrative"),
        ({"narrative": 12}, "narrative"),
        ({"narrative": "a\u202eb"}, "narrative"),
        ({"found_on": "2999-01-01"}, "found_on"),
        ({"found_on": "今天"}, "found_on"),
        ({"found_on": "2026-02-30"}, "found_on"),
        ({"occurred_on": "0001-01-01"}, "occurred_on"),
        ({"amount": 3.5}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"people_count": "3"}, "people_count"),
        ({"people_count": True}, "people_count"),
        ({"crime_suspected": "yes"}, "crime_suspected"),
        ({"tier": "1"}, "tier"),
        ({"parties": []}, "parties"),
        ({"parties": [{"side": "B", "name": "王世昌"}]}, "parties"),
        ({"parties": [{"side": "A", "name": "马文林", "phone": "12345678901"}]}, "parties.0.phone"),
        ({"parties": [{"side": "A", "name": "马文林", "id_number": "620699197401010019"}]}, "parties.0.id_number"),
        ({"parties": [{"side": "A", "name": "马文林", "religion": "x"}]}, "parties.0.religion"),
        ({"danger": {"level": "red"}}, "danger.reason"),
    ],
)
def test_wrong_input_names_its_field(w: SimpleNamespace, api: Client, change: dict[str, Any], field: str) -> None:
    answer = api(w.assistant).post(URL, registration(**change), format="json")
    assert answer.status_code == 400, answer.content.decode()
    assert list(answer.json()["errors"]) == [field]
    assert not Dispute.objects.exists()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"narrative": "a\\u0000b"}', "application/json", 400),
        (b'{"narrative": "\\ud800"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b"<a/>", "text/xml", 415),
    ],
)
def test_unreadable_bodies_are_refused(w: SimpleNamespace, api: Client, body: bytes, kind: str, status: int) -> None:
    answer = api(w.assistant).post(URL, body, content_type=kind)
    assert answer.status_code == status
    assert set(answer.json()) <= {"detail", "request_id", "errors"}


def test_unsupported_methods_say_which_are(w: SimpleNamespace, api: Client) -> None:
    case, client = f.register(w), api(w.assistant)
    for method, path in (
        ("put", at(case)),
        ("delete", at(case)),
        ("delete", URL),
        ("get", at(case, "moves", "settle")),
    ):
        answer = getattr(client, method)(path)
        assert answer.status_code == 405 and answer.headers["Allow"]


#: What a caller might try to smuggle in (T-06): every column, and the names frameworks love.
FORBIDDEN = sorted(
    ({field.name for field in Dispute._meta.get_fields()} | {field.attname for field in Dispute._meta.fields})
    - set(registration())
    - {"tier", "place", "demands", "people_count", "amount", "complexity", "crime_suspected", "bullying", "occurred_on"}
    - {"danger"}
    | {"unit", "created_by", "is_staff", "is_superuser", "user_permissions", "village__parent", "desk__id", "pk"}
)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_no_other_field_can_be_written(w: SimpleNamespace, api: Client, name: str) -> None:
    client, case = api(w.assistant), f.register(w)
    before = Dispute.objects.values().get(pk=case.pk)
    answer = client.post(URL, registration(**{name: 1}), format="json")
    assert answer.status_code == 400 and list(answer.json()["errors"]) == [name]
    if name != "version":
        answer = client.patch(at(case), {"version": 1, name: 1}, format="json")
        assert answer.status_code == 400 and name in answer.json()["errors"]
    assert Dispute.objects.values().get() == before


# --- keys -------------------------------------------------------------------------------------------------------------


def test_the_same_key_twice_is_one_case(w: SimpleNamespace, api: Client) -> None:
    client, body = api(w.assistant), registration()
    first = client.post(URL, body, format="json", HTTP_IDEMPOTENCY_KEY="village-1")
    again = client.post(URL, body, format="json", HTTP_IDEMPOTENCY_KEY="village-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
    assert Dispute.objects.count() == 1
    other = client.post(URL, registration(place="河边"), format="json", HTTP_IDEMPOTENCY_KEY="village-1")
    assert other.status_code == 422 and Dispute.objects.count() == 1
    # a key belongs to its person
    assert api(w.grid).post(URL, body, format="json", HTTP_IDEMPOTENCY_KEY="village-1").status_code == 201


def test_after_a_refusal_the_key_may_try_again(w: SimpleNamespace, api: Client) -> None:
    client, case = api(w.officer), f.register(w)
    taking = {"handler": "officer"}
    refused = client.post(at(case, "moves", "take_up"), taking, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert refused.status_code == 409
    case.perform("take_up", by=w.assistant, at=f.NOW, handler=w.assistant)
    f.attempt(case, w.assistant)
    case.perform("escalate", by=w.assistant, at=f.NOW, reason="x")
    done = client.post(at(case, "moves", "take_up"), taking, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert done.status_code == 200
    again = client.post(at(case, "moves", "take_up"), taking, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert again.content == done.content and case.events.filter(kind="take_up").count() == 2


@pytest.mark.parametrize("key", ["", "x" * 201, "键", "a b"])
def test_a_key_has_a_shape(w: SimpleNamespace, api: Client, key: str) -> None:
    answer = api(w.assistant).post(URL, registration(), format="json", HTTP_IDEMPOTENCY_KEY=key)
    assert answer.status_code == 400 and list(answer.json()["errors"]) == ["Idempotency-Key"]


# --- changing ---------------------------------------------------------------------------------------------------------


def test_an_edit_changes_what_is_sent_and_nothing_else(w: SimpleNamespace, api: Client) -> None:
    case, client = f.register(w), api(w.assistant)
    party = case.parties.get(side="A")
    answer = client.patch(
        at(case),
        {
            "version": 1,
            "place": "石门沟口",
            "parties": [{"id": party.pk, "alias": "老马"}, {"side": "C", "name": "李有才"}],
        },
        format="json",
    )
    assert answer.status_code == 200, answer.content.decode()
    shown = answer.json()
    assert (shown["version"], shown["place"], shown["narrative"]) == (2, "石门沟口", case.narrative)
    assert [(p["name"], p["alias"]) for p in shown["parties"]] == [("马文林", "老马"), ("王世昌", ""), ("李有才", "")]
    party.refresh_from_db()
    assert party.secret.open("phone") == "13812346021"


def test_who_was_second_learns_who_was_first(w: SimpleNamespace, api: Client) -> None:
    case, client = f.register(w), api(w.assistant)
    case.perform("take_up", by=w.grid, at=f.NOW, handler=w.grid)
    for answer in (
        client.patch(at(case), {"version": 1, "place": "x"}, format="json"),
        client.post(at(case, "moves", "pause"), {"version": 1, "reason": "x"}, format="json"),
    ):
        assert answer.status_code == 409
        assert answer.json()["conflict"]["by"] == "马小兰" and answer.json()["conflict"]["kind"] == "take_up"


def test_a_party_of_another_case_cannot_be_changed(w: SimpleNamespace, api: Client) -> None:
    case, other = f.register(w), f.register(w, village=w.far_village)
    foreign = other.parties.first()
    answer = api(w.assistant).patch(
        at(case), {"version": 1, "parties": [{"id": foreign.pk, "alias": "x"}]}, format="json"
    )
    assert answer.status_code == 400 and list(answer.json()["errors"]) == ["parties.0.id"]


def test_notes_grades_consents_and_voiding(w: SimpleNamespace, api: Client) -> None:
    case, client = f.register(w), api(w.assistant)
    note = client.post(at(case, "notes"), {"text": "去了两户。", "way": "visit", "is_attempt": True}, format="json")
    assert note.status_code == 201 and note.json()["is_attempt"] and note.json()["text"] == "去了两户。"
    assert [n["id"] for n in client.get(at(case, "notes")).json()["results"]] == [note.json()["id"]]
    grade = client.post(at(case, "grade"), {"level": "orange", "reason": "扬言动手"}, format="json")
    assert grade.status_code == 200 and grade.json()["danger"] == "orange"
    party = case.parties.get(side="B")
    answer = client.post(at(case, "parties", str(party.pk), "consent"), {"consent": "agreed"}, format="json")
    assert answer.status_code == 200 and answer.json()["consent"] == "agreed"
    assert [e["kind"] for e in client.get(at(case, "events")).json()["results"]] == [
        "consent",
        "grade",
        "note",
        "register",
    ]
    blank = f.register(w)
    assert client.post(at(blank, "void-requests"), {"reason": "录错了"}, format="json").status_code == 201
    assert client.post(at(blank, "moves", "void"), {"reason": "录错了"}, format="json").status_code == 409
    assert api(w.grid).post(at(blank, "moves", "void"), {"reason": "录错了"}, format="json").status_code == 200


def test_a_value_is_revealed_for_a_reason_and_logged_first(w: SimpleNamespace, api: Client) -> None:
    case = f.register(w)
    url = at(case, "parties", str(case.parties.get(side="A").pk), "reveal")
    assert api(w.assistant).post(url, {"field": "phone"}, format="json").status_code == 400
    answer = api(w.assistant).post(url, {"field": "phone", "reason": "联系当事人"}, format="json")
    assert answer.json() == {"field": "phone", "value": "13812346021"}
    row = AccessLog.objects.get(action="reveal")
    assert (row.subject, row.detail["field"], row.actor_id) == (case.case_no, "phone", w.assistant.pk)
    assert api(w.supervisor).post(url, {"field": "phone", "reason": "x"}, format="json").status_code == 403


def test_attachments_go_in_and_come_out_as_they_were(w: SimpleNamespace, api: Client) -> None:
    case, client = f.register(w), api(w.assistant)
    content = PDF
    sent = client.post(at(case, "attachments"), {"file": SimpleUploadedFile("界桩.pdf", content)}, format="multipart")
    assert sent.status_code == 201, sent.content.decode()
    rows = client.get(at(case, "attachments")).json()["results"]
    assert [row["name"] for row in rows] == ["界桩.pdf"]
    file = client.get(at(case, "attachments", rows[0]["id"]))
    assert file.content == content
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in file.headers["Content-Security-Policy"]
    fake = client.post(at(case, "attachments"), {"file": SimpleUploadedFile("a.pdf", b"MZ")}, format="multipart")
    assert fake.status_code == 409
    assert client.post(at(case, "attachments"), {}, format="multipart").status_code == 400


def test_an_upload_repeated_with_its_key_is_kept_once(w: SimpleNamespace, api: Client) -> None:
    case, client = f.register(w), api(w.assistant)
    for content, status in ((PDF, 201), (PDF, 201), (pdf(b"<<>>"), 422)):
        file = SimpleUploadedFile("a.pdf", content)
        answer = client.post(at(case, "attachments"), {"file": file}, format="multipart", HTTP_IDEMPOTENCY_KEY="f")
        assert answer.status_code == status
    assert case.attachments.count() == 1


def test_conditions_can_be_saved_and_removed(w: SimpleNamespace, api: Client) -> None:
    client, url = api(w.assistant), "/api/v1/saved-filters/"
    body = {"name": "待受理", "query": "status=waiting"}
    made = client.post(url, body, format="json")
    assert made.status_code == 201
    assert client.post(url, body, format="json").status_code == 409
    assert client.post(url, {"name": "x", "query": "next=//evil"}, format="json").status_code == 400
    assert [row["name"] for row in client.get(url).json()["results"]] == ["待受理"]
    assert api(w.officer).delete(f"{url}{made.json()['id']}/").status_code == 404
    assert client.delete(f"{url}{made.json()['id']}/").status_code == 204
    assert client.get(url).json()["results"] == []


def test_similar_cases_are_shown_before_registering(w: SimpleNamespace, api: Client) -> None:
    case = f.register(w)
    body = {"parties": [{"name": "马文林", "phone": "13812346021"}]}
    found = api(w.assistant).post(f"{URL}similar/", body, format="json").json()
    assert [(row["case_no"], row["why"]) for row in found] == [(case.case_no, "同一电话")]
    assert api(w.far_assistant).post(f"{URL}similar/", body, format="json").json() == []


def test_similar_cases_are_found_by_names_in_the_village_and_by_the_kind(w: SimpleNamespace, api: Client) -> None:
    case = f.register(w)

    def why(viewer: Any, **more: str) -> list[str]:
        body = {"parties": [{"name": "马雯林"}, {"name": "王世昌"}], **more}
        answer = api(viewer).post(f"{URL}similar/", body, format="json")
        assert [row["case_no"] for row in answer.json()] == [case.case_no] * len(answer.json())
        return [row["why"] for row in answer.json()]

    both = "同村同名：王世昌；同村名字同音：马文林"
    assert why(w.assistant) == [both], "the assistant has one village"
    assert why(w.officer) == []
    assert why(w.officer, village=w.village.code) == [both]
    assert why(w.officer, village=w.village.code, type_l2="0905") == [f"{both}；以前同样两方、同一类型"]
    assert why(w.officer, village=w.sister_village.code) == []
    body = {"parties": [{"name": "马文林"}], "village": w.far_village.code}
    assert api(w.officer).post(f"{URL}similar/", body, format="json").status_code == 400, "nobody's village of hers"
