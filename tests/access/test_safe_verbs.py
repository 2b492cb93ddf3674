"""Looking changes nothing: GET, HEAD and OPTIONS over every address leave every table as it was (T-03)."""

from __future__ import annotations

import hashlib

import pytest
from django.db import connection

from tests.access.asking import Asker, questions, relations_of
from tests.access.county import County

#: Tables that a look may write: who looked, who is signed in, how often the API was asked.
WRITTEN_BY_LOOKING = {
    "audit_accesslog",
    "audit_chainhead",
    "django_session",
    "axes_accessattempt",
    "axes_accesslog",
    "axes_accessfailurelog",
    "config_cache",
}
#: Between them they may open every address.
LOOKERS = ("officer_lead", "supervisor", "sysadmin", "auditor")


def checksums() -> dict[str, str]:
    with connection.cursor() as cursor:
        found = {}
        for table in sorted(set(connection.introspection.table_names(cursor)) - WRITTEN_BY_LOOKING):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            # what PostgreSQL gives for bytes shows where it lies in memory
            plain = ([bytes(v) if isinstance(v, memoryview) else v for v in row] for row in cursor.fetchall())
            rows = sorted(repr(row) for row in plain)
            found[table] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
        return found


@pytest.mark.parametrize("actor", LOOKERS)
def test_looking_changes_no_row(county: County, actor: str) -> None:
    asker = Asker(county, ["disabled", actor])
    before = checksums()
    opened = 0
    for address in questions():
        relation = relations_of(address)[0]
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = asker.ask(address, method, actor, relation, keep=True)
            opened += answer.status == 200
    after = checksums()
    assert {table for table in before if before[table] != after[table]} == set()
    assert opened > 20


def test_the_checksums_see_a_changed_row(county: County) -> None:
    before = checksums()
    county.cases["own_village"].place = "别处"
    county.cases["own_village"].save(update_fields=["place"])
    assert checksums() != before
