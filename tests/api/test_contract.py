"""What holds for the API as a whole: its document, its limits, its keys under a race, and who may not be trusted."""

from __future__ import annotations

import ast
import base64
import importlib
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import drf_spectacular
import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from jsonschema import validate
from rest_framework.generics import GenericAPIView
from rest_framework.throttling import UserRateThrottle

from audit.rest import Keyset, Numbered, Strict
from disputes.api import BODIES
from disputes.moves import MOVES
from tests.api.conftest import Client

ROOT = Path(__file__).resolve().parents[2]
APIS = sorted([*ROOT.glob("*/api.py"), *ROOT.glob("disputes/*/api.py")])
SELF_DESCRIBING = {"/api/v1/schema/", "/api/v1/docs/"}


def routes(patterns: list[Any], prefix: str = "/") -> dict[str, Any]:
    """Every address under /api/ → its callback; regex routes spelled as the document spells them."""
    found: dict[str, Any] = {}
    for entry in patterns:
        part = str(entry.pattern).lstrip("^").rstrip("$").removesuffix("\\Z")
        if isinstance(entry, URLResolver):
            found |= routes(entry.url_patterns, prefix + part)
        elif isinstance(entry, URLPattern):
            found[re.sub(r"\(\?P<(\w+)>(?:\[[^\]]*\]|[^()])*\)", r"{\1}", prefix + part)] = entry.callback
    return {path: view for path, view in found.items() if path.startswith("/api/")}


ROUTES = routes(get_resolver().url_patterns)


@pytest.fixture
def document(w: SimpleNamespace, api: Client) -> dict[str, Any]:
    return api(w.officer).get("/api/v1/schema/").json()


@pytest.mark.django_db
def test_the_document_is_openapi_3_and_covers_every_route(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    spec = Path(drf_spectacular.__file__).parent / "validation" / "openapi_3_1_schema.json"
    validate(document, json.loads(spec.read_text()))
    assert len(ROUTES) > 40
    documented = {re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]}
    assert documented == {re.sub(r"\{\w+\}", "{}", path) for path in set(ROUTES) - SELF_DESCRIBING}
    methods = {re.sub(r"\{\w+\}", "{}", path): set(found) for path, found in document["paths"].items()}
    for path, view in ROUTES.items():
        if path not in SELF_DESCRIBING:
            assert methods[re.sub(r"\{\w+\}", "{}", path)] == set(view.actions) - {"head"}, path


@pytest.mark.django_db
def test_every_operation_documents_its_refusals_and_says_what_it_is(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation.get("summary") or operation.get("description"), where
            codes = set(operation["responses"])
            assert {"400", "401", "403", "404", "405", "429"} <= codes, where
            assert method == "get" or {"409", "415"} <= codes, where
            assert "422" in codes or "Idempotency-Key" not in {p["name"] for p in operation.get("parameters", [])}


@pytest.mark.django_db
def test_every_move_documents_its_own_body(document: dict[str, Any]) -> None:
    for name, row in MOVES.items():
        operation = document["paths"][f"/api/v1/disputes/{{case_no}}/moves/{name}/"]["post"]
        body = operation["requestBody"]["content"]
        assert list(body) == ["application/json"]
        shape = document["components"]["schemas"][body["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]]
        assert set(shape.get("required", [])) == set(row.needs), name
        assert set(shape["properties"]) == {*row.facts, "version"} and shape["additionalProperties"] is False


@pytest.mark.django_db
def test_creates_and_moves_take_a_key(document: dict[str, Any]) -> None:
    without = {
        path
        for path, methods in document["paths"].items()
        if "post" in methods and not any(p["name"] == "Idempotency-Key" for p in methods["post"].get("parameters", []))
    }
    assert {re.sub(r".*/v1", "", path) for path in without} == {
        "/disputes/similar/",  # reads
        "/disputes/{case_no}/parties/{party_id}/reveal/",  # each look is one row of the log
        "/counselling/{uid}/phone/",
        "/papers/preview/",  # reads
        "/notices/read/",  # the same twice anyway
        "/notices/{id}/read/",
        "/notices/{id}/read-case/",
        "/whistles/{uid}/reveal/",
        "/whistles/{uid}/seen/",
    }


#: Bounded by what they tell: the numbers in force, oneself, the figures of the outbox with 50 failures, one month of an
#: area; and the search, whose cases have pages of their own.
ONE_ANSWER = {f"/api/v1/{noun}/" for noun in ("deadlines", "me", "reminders", "months", "report", "search")}
ONE_ANSWER |= {"/api/v1/dashboard/", "/api/v1/rates/"}


def test_nothing_is_listed_without_a_limit() -> None:
    for path, view in ROUTES.items():
        if path in SELF_DESCRIBING or "get" not in getattr(view, "actions", {}) or view.actions["get"] != "list":
            continue
        assert issubclass(view.cls, GenericAPIView), path
        paging = view.cls.pagination_class
        if paging is None:
            assert path in ONE_ANSWER, path
            continue
        assert issubclass(paging, Keyset | Numbered), path
        assert paging.max_page_size <= 200


def test_no_serializer_takes_whole_models() -> None:
    assert len(APIS) >= 4
    for path in APIS:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Assign):
                continue
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            assert "exclude" not in names, path
            whole = isinstance(node.value, ast.Constant) and node.value.value == "__all__"
            assert not ("fields" in names and whole), path


def test_data_goes_in_through_strict_bodies_alone() -> None:
    for path in APIS:
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            assert node.func.attr not in {"get_serializer", "run_validation"}, ast.unparse(node)
            if node.func.attr in {"checked", "asked"} and isinstance(node.args[0], ast.Name):
                assert issubclass(getattr(module, node.args[0].id), Strict), ast.unparse(node)
    assert all(issubclass(body, Strict) for body in BODIES.values())


@pytest.mark.django_db
def test_cursors_hold_nothing_that_the_database_chokes_on(w: SimpleNamespace, api: Client) -> None:
    paths = [p for p, v in ROUTES.items() if "{" not in p and p not in SELF_DESCRIBING and "get" in v.actions]
    for path in paths:
        # the operator's own, and what supervisors alone keep
        theirs = {"/api/v1/reminders/": w.sysadmin, "/api/v1/dashboard/figures/": w.supervisor}
        client = api(theirs.get(path, w.officer))
        for position in ("x", "9" * 40, "2026-02-30", "'", "\0", "-1", "1e9", "١", ""):
            cursor = base64.b64encode(f"p={position}".encode()).decode()
            assert client.get(path, {"cursor": cursor}).status_code in {200, 400}, (path, position)


@pytest.mark.django_db
def test_too_many_requests_wait(w: SimpleNamespace, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UserRateThrottle, "THROTTLE_RATES", {"user": "3/min"})
    client = api(w.assistant)
    answers = [client.get("/api/v1/me/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) <= 60 and answers[-1].json()["request_id"]
    assert api(w.officer).get("/api/v1/me/").status_code == 200


@pytest.mark.django_db
def test_the_docs_have_nothing_inline_and_nothing_foreign(w: SimpleNamespace, api: Client) -> None:
    page = api(w.officer).get("/api/v1/docs/").content.decode()
    assert "<style" not in page and not re.search(r"<script(?![^>]*src=)", page) and "http" not in page
    script = re.findall(r'<script src="([^"]*docs[^"]*)"', page)[0]
    answer = api(w.officer).get(script.replace("&amp;", "&"))
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("application/javascript")


@pytest.mark.django_db
def test_english_speakers_get_english_sentences(w: SimpleNamespace, api: Client) -> None:
    answer = api(w.assistant).get("/api/v1/disputes/x/", HTTP_ACCEPT_LANGUAGE="en")
    assert answer.status_code == 404 and answer.headers["Content-Language"] == "en"
