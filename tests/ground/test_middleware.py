"""What every request passes, tried without any room behind it."""

import json
import re
import time
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ground.urls")]


@pytest.fixture(autouse=True)
def no_profile(settings):
    settings.POLICY_PROFILE = "asvs"


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create_user("wang", "a good long password", name="王某")


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


def age_session(client: Client, **changes: int) -> None:
    session = client.session
    for key, seconds in changes.items():
        session[key] = int(time.time()) - seconds
    session.save()


# --- request id, headers ----------------------------------------------------------------------------------------------


def test_each_request_has_its_own_id_and_never_the_callers(client):
    first = client.get("/healthz/", headers={"X-Request-ID": "forged\nline"})
    second = client.get("/healthz/")
    assert re.fullmatch(r"E-[0-9A-F]{6}", first["X-Request-ID"])
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert f"id={first['X-Request-ID']}" in first.text


@pytest.mark.parametrize("path", ["/", "/login/", "/healthz/", "/api/v1/echo/", "/nowhere/"])
def test_every_answer_carries_the_security_headers(signed_in, path):
    response = signed_in.get(path)
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "geolocation=()" in response["Permissions-Policy"]


def test_a_view_may_be_stricter(signed_in):
    assert signed_in.get("/strict/")["Content-Security-Policy"] == "sandbox"


# --- text that no database stores -------------------------------------------------------------------------------------

URLENCODED = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.mark.parametrize(
    "send",
    [
        lambda c: c.get("/?q=a%00b"),
        lambda c: c.get("/?a%00b=q"),
        lambda c: c.get("/?q=%FF%FE"),
        lambda c: c.get("/", QUERY_STRING="q=\xff"),
        lambda c: c.get("/page/a%00b/"),
        lambda c: c.post("/", "a=b%00", content_type=URLENCODED),
        lambda c: c.post("/", "a=%C3%28", content_type=URLENCODED),
        lambda c: c.post("/", b"a=\xff", content_type=URLENCODED),
        lambda c: c.post("/", {"a": "b\0"}),
        lambda c: c.post("/", {"a\0": "b"}),
        lambda c: c.generic("POST", "/", b"a=b", content_type=f"{URLENCODED}; charset=hex"),
        lambda c: c.generic("POST", "/", b"a=b", content_type=f"{URLENCODED}; charset=utf-16"),
    ],
)
def test_a_page_refuses_it_with_a_sentence(signed_in, send):
    response = send(signed_in)
    assert response.status_code == 422
    assert "不能保存的字符" in response.text


@pytest.mark.parametrize(
    "body",
    [
        rb'{"a": "\u0000"}',
        rb'{"a\u0000": 1}',
        rb'{"a": [{"b": "x\u0000"}]}',
        rb'{"a": "\ud800"}',
        rb'["\udc00\ud800"]',
        rb'"\u0000"',
    ],
)
def test_the_api_refuses_it_in_json(signed_in, body):
    response = signed_in.post("/api/v1/echo/", body, content_type=JSON)
    assert response.status_code == 400
    assert response.json()["request_id"] == response["X-Request-ID"]
    assert "不能保存的字符" in response.json()["detail"]


def test_the_api_refuses_it_in_the_query(signed_in):
    assert signed_in.get("/api/v1/echo/?q=%00").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"a": "卓玛·才让 \\u0000 written out"},
        {"a": "\U0001f600 𠮷"},  # escaped as a pair of surrogates by json.dumps: whole, hence fine
        {"a": [1, None, True, {"b": "é"}]},
    ],
)
def test_good_json_passes(signed_in, body):
    assert signed_in.post("/api/v1/echo/", json.dumps(body), content_type=JSON).status_code == 200


def test_broken_json_is_left_to_the_parser(signed_in):
    deep = b"[" * 100_000 + rb'"\u0000"'
    for body in (rb"{\u0000", deep, b'{"a": "\\u00'):
        assert signed_in.post("/api/v1/echo/", body, content_type=JSON).status_code == 200


def test_good_text_passes(signed_in):
    assert "a=王 +%" in signed_in.post("/", {"a": "王 +%"}).text
    assert "a=王 %" in signed_in.post("/", "a=%E7%8E%8B+%25", content_type=URLENCODED).text
    assert "a=王" in signed_in.post("/", "a=王", content_type=f"{URLENCODED}; charset=UTF-8").text
    assert signed_in.get("/?q=%E7%8E%8B&r=100%").status_code == 200


def test_a_body_above_the_limit_is_told(signed_in, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    page = signed_in.post("/", "a=" + "b" * 200, content_type=URLENCODED)
    api = signed_in.post("/api/v1/echo/", '"' + "b" * 200 + '"', content_type=JSON)
    assert (page.status_code, api.status_code) == (413, 413)
    assert "内容太大" in page.text
    assert "内容太大" in api.json()["detail"]


def test_a_strangers_body_is_not_even_read(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert client.post("/", "a=" + "b" * 200, content_type=URLENCODED).status_code == 302


def test_a_cookie_with_nul_is_no_cookie(client):
    client.cookies.load({"sessionid": "abcdefghijklmnopqrstuvwxyz"})
    response = client.get("/", headers={"Cookie": r'sessionid="abcdefghijkl\000mnop"'})
    assert (response.status_code, response["Location"]) == (302, "/login/?next=%2F")


# --- who is signed in -------------------------------------------------------------------------------------------------


def test_strangers_are_sent_to_the_login_page(client):
    assert client.get("/page/x/?q=1&r=2")["Location"] == "/login/?next=%2Fpage%2Fx%2F%3Fq%3D1%26r%3D2"
    assert client.get("/nowhere/").status_code == 302  # no address is told apart for a stranger


@pytest.mark.parametrize("path", ["/login/", "/healthz/", "/healthz/reminders/", "/api/v1/echo/"])
def test_open_addresses_answer_strangers(client, path):
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/login/evil/", "/loginx/", "/apix/", "/static"])
def test_only_the_named_addresses_are_open(client, path):
    assert client.get(path)["Location"].startswith("/login/?next=")


def test_after_a_refused_post_one_comes_back_to_the_page_one_stood_on(client):
    def target(referer):
        return client.post("/page/x/", headers={"Referer": referer})["Location"]

    assert target("http://testserver/page/form/?a=1") == "/login/?next=%2Fpage%2Fform%2F%3Fa%3D1"
    assert target("http://evil.example/page/") == "/login/?next=%2F"
    assert target("//evil.example") == "/login/?next=%2F"


def test_htmx_moves_the_whole_page(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/page/x/"}
    response = client.get("/page/part/", headers=headers)
    assert (response.status_code, response["HX-Redirect"]) == (204, "/login/?next=%2Fpage%2Fx%2F")


def test_an_idle_session_ends(signed_in, settings):
    settings.IDLE_MINUTES = 30
    signed_in.get("/")
    age_session(signed_in, seen_at=30 * 60 - 5)
    assert signed_in.get("/").status_code == 200
    age_session(signed_in, seen_at=30 * 60)
    assert signed_in.get("/")["Location"] == "/login/?next=%2F&ended=idle"
    assert signed_in.get("/")["Location"] == "/login/?next=%2F"


def test_an_idle_session_is_nobody_for_the_api_too(signed_in, settings):
    signed_in.get("/")
    age_session(signed_in, seen_at=settings.IDLE_MINUTES * 60)
    assert signed_in.get("/api/v1/echo/").json() == {"user": "AnonymousUser"}


def test_a_session_ends_after_twelve_hours_however_busy(signed_in):
    signed_in.get("/")
    age_session(signed_in, began_at=12 * 3600 - 5)
    assert signed_in.get("/").status_code == 200
    age_session(signed_in, began_at=12 * 3600)
    assert signed_in.get("/")["Location"] == "/login/?next=%2F&ended=over"


def test_the_session_is_written_once_a_minute_at_most(signed_in, django_assert_num_queries):
    signed_in.get("/")
    with django_assert_num_queries(2):  # session, user
        signed_in.get("/")
    age_session(signed_in, seen_at=61)
    signed_in.get("/")
    assert time.time() - signed_in.session["seen_at"] < 5


def test_disabling_a_person_ends_their_sessions_at_once(signed_in, user):
    assert signed_in.get("/").status_code == 200
    user.is_active = False
    user.save()
    assert signed_in.get("/")["Location"] == "/login/?next=%2F&ended=over"
    user.is_active = True
    user.save()
    assert signed_in.get("/").status_code == 302  # enabled again, the old session stays dead


def test_a_changed_password_ends_the_other_sessions(signed_in, user):
    signed_in.get("/")
    user.set_password("another good password")
    user.save()
    assert signed_in.get("/").status_code == 302


def test_a_first_password_has_to_be_changed(signed_in, user):
    user.must_change_password = True
    user.save()
    assert signed_in.get("/page/x/")["Location"] == "/me/password/"
    assert signed_in.get("/me/password/").status_code == 200
    assert signed_in.post("/logout/").status_code == 200
    assert signed_in.get("/api/v1/echo/").status_code == 403


@pytest.mark.parametrize(("profile", "status"), [("mlps", 302), ("asvs", 200), ("demo", 200)])
def test_ninety_days_are_a_rule_of_mlps_alone(signed_in, user, settings, profile, status):
    settings.POLICY_PROFILE = profile
    user.password_changed_at = timezone.now() - timedelta(days=89)
    user.save()
    assert signed_in.get("/").status_code == 200
    user.password_changed_at = timezone.now() - timedelta(days=91)
    user.save()
    assert signed_in.get("/").status_code == status


def test_the_demo_waives_the_change_of_a_first_password(signed_in, user, settings):
    settings.POLICY_PROFILE = "demo"
    user.must_change_password = True
    user.save()
    assert signed_in.get("/").status_code == 200
