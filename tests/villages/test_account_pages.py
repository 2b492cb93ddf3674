import datetime as dt
import re

from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token

from audit.models import AccessLog
from tests.factories import PASSWORD
from villages import changes

NEW = "quiet-Lantern-rain-77"


def attempt(client, username="officer", password=PASSWORD, **more):
    return client.post("/login/", {"username": username, "password": password, **more})


def log(action):
    return AccessLog.objects.filter(action=action)


def test_signing_in_and_out_is_recorded(w):
    client = Client()
    assert client.get("/login/").status_code == 200
    assert attempt(client, next="/villages/").headers["Location"] == "/villages/"
    row = log("login").get()
    assert (row.actor_id, row.county, row.address) == (w.officer.pk, "620623", "127.0.0.1")
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert log("logout").get().actor_id == w.officer.pk
    assert not Session.objects.exists()
    assert client.get("/me/").headers["Location"].startswith("/login/")


def test_the_session_id_changes_at_login(w):
    client = Client()
    client.get("/login/")
    attempt(client)
    first = client.session.session_key
    client.post("/logout/")
    attempt(client)
    assert client.session.session_key != first


def test_a_foreign_address_in_next_is_not_followed(w):
    assert attempt(Client(), next="https://example.org/").headers["Location"] == "/"


def test_unknown_disabled_and_wrong_get_the_same_answer(w):
    w.far_officer.is_active = False
    w.far_officer.save()
    pages = []
    for username, password in (("officer", "wrong"), ("no-such", "wrong"), ("far_officer", PASSWORD)):
        response = attempt(Client(), username, password)
        assert response.status_code == 422
        text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", response.content.decode())
        pages.append(text.replace(f'value="{username}"', ""))
    assert pages[0] == pages[1] == pages[2]
    assert "账号或密码不对，还可再试 4 次" in pages[0]
    assert log("login_failed").count() == 3
    assert not any("officer" in str(row.detail) + row.subject for row in log("login_failed"))  # never what was typed


def test_five_failures_lock_the_account_from_that_address(w):
    client = Client()
    words = [attempt(client, password=f"wrong{n}").content.decode() for n in range(4)]
    assert "还可再试 1 次" in words[3]
    attempt(client, password="wrong5")
    assert attempt(client).status_code == 429
    assert AccessAttempt.objects.get().failures_since_start >= 5
    assert not log("login").exists()


def test_empty_fields_are_named(w):
    assert "填写账号和密码" in attempt(Client(), "", "").content.decode()


def test_an_initial_password_works_once_and_asks_for_an_own_one(w, settings):
    password = changes.reset_password(user=w.officer, by=w.sysadmin, at=timezone.now())
    client = Client()
    assert attempt(client, password=password).status_code == 302
    assert client.get("/villages/").headers["Location"] == "/me/password/"
    assert attempt(Client(), password=password).status_code == 422  # used up
    page = client.get("/me/password/").content.decode()
    assert 'name="old"' not in page
    assert client.post("/me/password/", {"new": NEW, "again": NEW}).status_code == 302
    assert client.get("/villages/").status_code == 200
    assert attempt(Client(), password=NEW).status_code == 302


def test_an_initial_password_ends_after_24_hours(w):
    password = changes.reset_password(user=w.officer, by=w.sysadmin, at=timezone.now() - dt.timedelta(hours=25))
    response = attempt(Client(), password=password)
    assert response.status_code == 422
    assert "初始密码已经过期" in response.content.decode()


def test_changing_the_password_ends_the_other_sessions(w):
    here, there = Client(), Client()
    attempt(here), attempt(there)
    there.get("/me/")
    assert "现在的密码不对" in here.post("/me/password/", {"old": "x", "new": NEW, "again": NEW}).content.decode()
    assert "两遍写得不一样" in here.post("/me/password/", {"old": PASSWORD, "new": NEW, "again": "y"}).content.decode()
    same = here.post("/me/password/", {"old": PASSWORD, "new": PASSWORD, "again": PASSWORD})
    assert same.status_code == 422
    assert here.post("/me/password/", {"old": PASSWORD, "new": NEW, "again": NEW}).status_code == 302
    assert here.get("/me/").status_code == 200
    assert there.get("/me/").status_code == 302
    assert AccessLog.objects.filter(action="manage", detail__did="change_password").count() == 1


def test_me_shows_settings_places_and_postings(w):
    client, other = Client(headers={"user-agent": "Here/1"}), Client(headers={"user-agent": "There/2"})
    attempt(client), attempt(other)
    client.get("/"), other.get("/")
    text = client.get("/me/").content.decode()
    for words in ("石门警务室", "Here/1", "There/2", "就是这里"):
        assert words in text
    assert client.post("/me/", {"font_size": "xl", "after_save": "next"}).status_code == 302
    w.officer.refresh_from_db()
    assert (w.officer.font_size, w.officer.after_save, w.officer.single_keys) == ("xl", "next", False)
    assert client.post("/me/", {"font_size": "zz", "after_save": "next"}).status_code == 422
    assert client.post("/me/sessions/end/").status_code == 302
    assert client.get("/me/").status_code == 200
    assert other.get("/me/").status_code == 302


def test_a_person_says_where_messages_go(w):
    client = Client()
    attempt(client)
    assert "接收通知的邮箱" in client.get("/me/").content.decode()
    wrong = client.post("/me/messages/", {"email": "officer", "by_email": "on"})
    assert wrong.status_code == 422 and 'value="officer"' in wrong.content.decode()
    sent = {"email": "officer@example.org", "by_email": "on"}
    assert [client.post("/me/messages/", sent).status_code for _ in range(2)] == [302, 302]
    w.officer.refresh_from_db()
    assert (w.officer.email, w.officer.by_email, w.officer.by_webhook) == ("officer@example.org", True, False)
    (row,) = AccessLog.objects.filter(action="manage", detail__did="set_messages")
    assert row.detail["changed"] == ["by_webhook", "email"]


def test_a_token_is_shown_once_and_can_be_taken_away(w):
    client = Client()
    attempt(client)
    text = client.post("/me/token/").content.decode()
    token = Token.objects.get(user=w.officer)
    assert token.key in text
    assert token.key not in client.get("/me/").content.decode()
    headers = {"Authorization": f"Token {token.key}"}
    assert Client(headers=headers).get("/api/v1/me/").status_code == 200
    client.post("/me/token/")
    assert Client(headers=headers).get("/api/v1/me/").status_code == 401
    client.post("/me/token/revoke/")
    assert not Token.objects.exists()


def test_help_says_what_we_do_not_do(w):
    client = Client()
    attempt(client)
    text = client.get("/help/").content.decode()
    for words in ("不做什么", "不给人打分", "我们存了什么", "快捷键", "一事一回访"):
        assert words in text
