"""A counselling note is found nowhere but on the counsellor's and the named supervisor's page (T-05, T-27).

A canary is written as a note through the form and through the API; then the product is used, refused and broken, and
everything that it left behind is searched: the database as it lies on disk, WAL included, Redis, every file under
VAR_DIR (Celery's, too), the log, mails, and every answer that anybody got.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token

from audit.models import StoredAnswer
from config.logs import OneLineFormatter
from followups import pump
from followups.counselling.models import CounsellingNote, CounsellingReferral
from tests import factories
from tests.access.inventory import addresses
from tests.access.secrets import text_of
from villages.models import Draft, User

#: Words that stand nowhere else, in a plain and in a Han spelling: each is searched for by itself.
CANARIES = ("zqcanary7f3a", "鹤鸣九皋丝雀")
NOTE = "她说：{}，夜里睡不着，{}。".format(*CANARIES)
#: What nobody opens by looking.
NO_PAGES = ("logout/", "api/v1/schema/", "healthz/")


def spellings() -> Iterator[tuple[str, bytes]]:
    """Each canary as it may lie on a disk: as text, in UTF-16, escaped for JSON or an address, and in base64."""
    for word in CANARIES:
        plain = word.encode()
        yield f"{word} in UTF-8", plain
        yield f"{word} in UTF-16", word.encode("utf-16-le")
        yield f"{word} in UTF-16 (big end first)", word.encode("utf-16-be")
        yield f"{word} in hex", plain.hex().encode()
        if not word.isascii():
            yield f"{word} in an address", quote(word).encode()
            yield f"{word} in JSON", json.dumps(word)[1:-1].encode()
        for before in range(3):  # the same bytes look different at each of three places
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                whole = encode(b"\0" * before + plain)
                yield f"{word} in base64 after {before}", whole[4 if before else 0 : len(whole) // 4 * 4 - 4]


SPELLINGS = tuple(spellings())


def found_in(content: bytes) -> list[str]:
    return [name for name, spelling in SPELLINGS if spelling in content]


def signed_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    session, now = client.session, int(timezone.now().timestamp())
    session.update({"began_at": now, "seen_at": now})
    session.save()
    return client


def whole(response) -> bytes:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return text_of(content) + repr(sorted(response.headers.items())).encode() + repr(response.cookies).encode()


def database() -> Iterator[tuple[str, bytes]]:
    """The database as it lies on disk and as a backup carries it away."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        for end in ("", "-wal", "-shm"):
            file = Path(f"{name}{end}")
            if file.exists():
                yield file.name, file.read_bytes()
        yield "dump", "\n".join(connection.connection.iterdump()).encode()
        return
    at = connection.settings_dict
    env = {**os.environ, "PGPASSWORD": at["PASSWORD"] or ""}
    where = ["-h", at["HOST"], "-p", str(at["PORT"] or 5432), "-U", at["USER"]]
    dumped = subprocess.run(["pg_dump", *where, name], env=env, check=True, capture_output=True)
    yield "pg_dump", dumped.stdout


def redis() -> Iterator[tuple[str, bytes]]:
    if url := os.environ.get("REDIS_URL"):
        from redis import Redis

        server = Redis.from_url(url)
        for key in server.scan_iter():
            yield f"redis {key!r}", key + (server.dump(key) or b"")


def test_the_search_finds_every_spelling() -> None:
    """Where one of them stands, it is seen: else nothing below would mean anything."""
    for word in CANARIES:
        for before in range(3):
            shown = base64.b64encode(b"." * before + f"{word} und so weiter".encode())
            assert found_in(b"..." + shown), (word, before)
        assert found_in(word.encode("utf-16-le")) and found_in(f"?q={quote(word)}".encode())
        assert found_in(json.dumps({"note": word}).encode())


@pytest.mark.django_db(transaction=True)
def test_a_note_is_found_on_two_pages_and_nowhere_else(tmp_path, monkeypatch, settings) -> None:
    settings.ADMINS = [("Operator", "operator@example.org")]
    log = logging.FileHandler(tmp_path / "product.log", encoding="utf-8")
    log.setFormatter(OneLineFormatter())
    log.setLevel(logging.DEBUG)
    monkeypatch.setattr(logging.getLogger(), "handlers", [*logging.getLogger().handlers, log])
    w = factories.world()
    case = factories.mediating(w, at=timezone.now())
    row = factories.counselling(w, case)
    row.act("accept", by=w.counsellor, at=timezone.now(), version=1)
    url, theirs, answers = f"/counselling/{row.uid}/", signed_in(w.counsellor), []

    # by the form and by the API, each sent twice
    met = {"act": "session", "version": 2, "day": "今天", "starts": "0:00", "way": "phone", "before": 1, "after": 2}
    CounsellingReferral.objects.update(at=timezone.now() - dt.timedelta(days=1))
    met |= {"no_more": "on", "note": NOTE, "submission": str(uuid.uuid4())}
    answers += [whole(theirs.post(url, met)) for _twice in range(2)]
    head = {
        "HTTP_AUTHORIZATION": f"Token {Token.objects.create(user=w.counsellor).key}",
        "HTTP_IDEMPOTENCY_KEY": "canary",
        "content_type": "application/json",
    }
    more = {"version": 3, "session": row.sessions.get().pk, "note": f"补充：{NOTE}"}
    for _twice in range(2):
        answer = Client(raise_request_exception=False).post(f"/api/v1{url}note/", more, **head)
        assert answer.status_code == 200
        answers.append(whole(answer))
    assert CounsellingNote.objects.count() == 2 and StoredAnswer.objects.count() == 1

    # sent where it is refused, torn, or meets an error: nobody but its author may get it back
    del head["HTTP_IDEMPOTENCY_KEY"]
    answers += [
        whole(Client(raise_request_exception=False).post(f"/api/v1{url}{path}", body, **head))
        for path, body in (
            ("note/", more),  # 409
            ("note/", {"note": NOTE}),
            ("note/", {"version": NOTE, "session": NOTE, "note": [NOTE]}),
            ("session/", {"version": 4, "note": NOTE}),
            ("session/", '{"note": "' + NOTE),
        )
    ]
    again = met | {"version": 4, "submission": str(uuid.uuid4())}
    for user in (w.assistant, w.supervisor, w.department, w.sysadmin):
        answers.append(whole(signed_in(user).post(url, again)))
    answers.append(whole(Client(raise_request_exception=False).post(url, again)))
    answers.append(whole(theirs.post(f"/drafts/counselling:{row.uid}/", {"note": NOTE})))
    answers.append(whole(theirs.post(f"/drafts/counsel-session:{row.uid}/", {"note": NOTE})))
    with monkeypatch.context() as broken:
        broken.setattr(CounsellingReferral, "act", lambda self, *args, **facts: 1 / 0)
        answers.append(whole(theirs.post(url, again)))
        answers.append(
            whole(Client(raise_request_exception=False).post(f"/api/v1{url}note/", more | {"version": 4}, **head))
        )
    assert len(mail.outbox) == 2 and Draft.objects.count() == 0

    # the product goes on, and everybody looks at everything
    pump.pump_once(timezone.now())
    lists = [a.route for a in addresses() if "GET" in a.methods and "<" not in a.route and a.route not in NO_PAGES]
    words = quote(CANARIES[1])
    searched = [f"disputes/?q={words}", f"api/v1/disputes/?q={words}"]
    one = [f"disputes/{case.case_no}/", f"followups/{case.case_no}/", f"disputes/{case.case_no}/papers/"]
    api = [f"api/v1/counselling/{row.uid}/", f"api/v1/disputes/{case.case_no}/"]
    for user in (w.assistant, w.officer, w.supervisor, w.town_supervisor, w.counsellor, w.department, w.auditor):
        client = signed_in(user)
        many = lists if user in (w.assistant, w.supervisor, w.counsellor, w.auditor) else ["", "notices/"]
        own = [] if user == w.counsellor else [url.strip("/") + "/"]
        answers += [whole(client.get(f"/{path}")) for path in (*many, *searched, *one, *api, *own) if "?q=" not in path]
        # an address that was asked for names what was looked for; what is found must not
        answers += [whole(client.get(f"/{p}")).replace(CANARIES[1].encode(), b"").replace(words.encode(), b"")
                    for p in searched if "?q=" in p]  # fmt: skip

        asked = {"layout": "facts", "format": "csv", "purpose": "report", "reason": "月报"}
        taken = client.post("/exports/new/", asked)
        if taken.status_code == 302:
            answers.append(whole(client.get(taken["Location"] + "file/")))

    # on two pages, to these two
    assert NOTE in theirs.get(url).content.decode()
    supervisor = signed_in(w.supervisor)
    assert NOTE in supervisor.post(f"{url}notes/", {"reason": "核对"}).content.decode()
    for user in (w.town_supervisor, w.assistant, w.department):
        answers.append(whole(signed_in(user).post(f"{url}notes/", {"reason": "核对"})))

    log.close()
    places = [("an answer", content) for content in answers]
    places += [("the log", (tmp_path / "product.log").read_bytes())]
    places += [("a mail", f"{sent.message()}{sent.body}{sent.alternatives}".encode()) for sent in mail.outbox]
    places += [*database(), *redis()]
    places += [(str(f), f.read_bytes()) for f in Path(settings.VAR_DIR).rglob("*") if f.is_file()]
    told = {f"{where}: {what}" for where, content in places for what in found_in(content)}
    assert not told, "\n".join(sorted(told))
