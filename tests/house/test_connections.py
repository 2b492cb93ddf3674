"""Every new connection of both databases is set up as the rest of the code relies on (T-34)."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.db.utils import OperationalError

SQLITE = {
    "journal_mode": "wal",  # readers never wait for the writer
    "synchronous": 2,  # FULL: what was answered is on the disk
    "foreign_keys": 1,
    "recursive_triggers": 1,  # INSERT OR REPLACE meets the append-only trigger too
    "busy_timeout": 20_000,
}
POSTGRESQL = {
    "statement_timeout": "1min",
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "1min",
}


def asked(names: dict[str, Any]) -> dict[str, Any]:
    """What the database itself says of this connection."""
    with connection.cursor() as cursor:
        found = {}
        for name in names:
            cursor.execute(f"PRAGMA {name}" if connection.vendor == "sqlite" else f"SHOW {name}")
            found[name] = cursor.fetchone()[0]
        return found


@pytest.mark.django_db(transaction=True)
def test_every_new_connection_is_set_up() -> None:
    """Asked in the main thread, after a reconnect, and in a thread of its own, as a server's worker would."""
    expected = SQLITE if connection.vendor == "sqlite" else POSTGRESQL
    answers = [asked(expected)]
    connection.close()
    answers.append(asked(expected))

    def worker() -> None:
        try:
            answers.append(asked(expected))
        finally:
            connections.close_all()

    thread = threading.Thread(target=worker)
    thread.start()
    thread.join(30)
    assert answers == [expected] * 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(settings.DATABASES["default"]["ENGINE"].endswith("postgresql"), reason="row locks do this there")
def test_a_transaction_holds_the_writer_lock_from_its_first_line() -> None:
    """IMMEDIATE: with a deferred BEGIN two readers that then write would both go on from what they read."""
    refused: list[str] = []

    def other() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout = 50")
            with transaction.atomic():
                pass
        except OperationalError as error:
            refused.append(str(error))
        finally:
            connections.close_all()

    with transaction.atomic():  # nothing is read or written
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(30)
    assert refused == ["database is locked"]


def test_a_request_is_no_transaction() -> None:
    """Each door opens its own: with IMMEDIATE a page that only reads would wait for every writer."""
    assert [alias for alias, database in settings.DATABASES.items() if database.get("ATOMIC_REQUESTS")] == []
