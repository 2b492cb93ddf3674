"""What the tests of all rooms share; a room's own fixtures stand in its folder."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.utils import translation
from hypothesis import settings as hypothesis_settings

# A slow moment of a shared machine is no failing test, and a red run has to be red again.
hypothesis_settings.register_profile("house", deadline=None, derandomize=True)
hypothesis_settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def flush_past_the_append_only_triggers() -> Iterator[None]:
    """Lets the clean-up after a transactional test empty append-only tables, whose triggers refuse it as they should.

    Only Django's flush gets through; a test's own UPDATE, DELETE or TRUNCATE still meets the triggers.
    """
    plain = BaseDatabaseOperations.execute_sql_flush

    def flush(operations: BaseDatabaseOperations, sql_list: list[str]) -> None:
        with operations.connection.cursor() as cursor:
            if operations.connection.vendor == "sqlite":
                cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
                triggers = cursor.fetchall()
                off, on = [f'DROP TRIGGER "{name}"' for name, _ in triggers], [sql for _, sql in triggers]
            else:
                cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
                tables = [name for (name,) in cursor.fetchall()]
                off = [f"ALTER TABLE {name} DISABLE TRIGGER USER" for name in tables]
                on = [f"ALTER TABLE {name} ENABLE TRIGGER USER" for name in tables]
        # an index beside its table, which the triggers keep: emptied without them it is made anew
        made_anew = ["INSERT INTO disputes_search (disputes_search) VALUES ('rebuild')"]
        plain(operations, [*off, *sql_list, *on, *(made_anew if operations.connection.vendor == "sqlite" else [])])

    BaseDatabaseOperations.execute_sql_flush = flush
    yield
    BaseDatabaseOperations.execute_sql_flush = plain


@pytest.fixture(autouse=True)
def in_chinese() -> None:
    """Whatever language a request of an earlier test left behind."""
    translation.activate(settings.LANGUAGE_CODE)


def write_results(path: Path, reporter: pytest.TerminalReporter) -> None:
    """The long tier's rows, added to those of the other database: what ran, how it ended, and what it printed."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    for outcome in ("passed", "failed", "error"):
        for report in reporter.stats.get(outcome, []):
            if report.when == "call" or outcome == "error":
                row = {"test": report.nodeid, "backend": connection.vendor, "outcome": outcome}
                rows.append({**row, "seconds": round(report.duration, 1), "printed": report.capstdout.strip()})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line on how much the access tests asked: the suite's answer to “who may see what”."""
    found = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "access matrix" and getattr(report, "when", "") == "call"
    ]
    if path := os.environ.get("FULL_RESULTS"):
        write_results(Path(path), terminalreporter)
    if found:
        first = found[0]
        terminalreporter.write_line(
            f"access: patterns {first['patterns']} (URLconf {first['urlconf']}) × roles {len(found)} × relations "
            f"{first['relations']} = {sum(row['requests'] for row in found)} requests, "
            f"{sum(row['mismatches'] for row in found)} mismatches"
        )
