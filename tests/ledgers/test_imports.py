"""Old ledgers come in: the five real layouts, row by row as the hand that wrote them ruled."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command

from disputes.models import Dispute, PartySecret
from ledgers.imports import checking, reading, writing
from ledgers.imports.doors import take_file
from ledgers.imports.models import ImportBatch, ImportRow
from tests import factories as f
from villages.models import Code

HERE = Path(__file__).parent / "legacy"
NOW = f.moment("2026-03-02 09:00")
FILES = ("default.xlsx", "village.xlsx", "street.csv", "police_room.xls", "county.xlsx")


@pytest.fixture
def w(db):
    w = f.world()
    Code.objects.all().delete()
    call_command("import_codes", "data/code_tables.csv", verbosity=0)
    w.second_dawan = f.area("620623103203", "大湾村", 5, w.township)
    f.office("620623103203-V", "village", "大湾村委会", w.second_dawan)
    return w


def expected(name: str) -> list[dict[str, str]]:
    with open(HERE / "expected.csv", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["file"] == name]


def upload(user, name: str, content: bytes | None = None) -> ImportBatch:
    content = (HERE / name).read_bytes() if content is None else content
    return take_file(ContentFile(content, name=name), by=user, at=NOW)


def check(batch: ImportBatch, **told) -> ImportBatch:
    batch.begin_check(at=NOW, mapping=batch.mapping, **told)
    while checking.check_step(batch, at=NOW, today=NOW.date()):
        pass
    batch.refresh_from_db()
    return batch


def write(batch: ImportBatch) -> ImportBatch:
    batch.begin_write(by=batch.by, at=NOW)
    while writing.write_step(batch, at=NOW):
        pass
    batch.refresh_from_db()
    return batch


def told_of(case: Dispute) -> dict[str, str]:
    parties = {party.side: party for party in case.parties.all()}

    def phone(side: str) -> str:
        secret = PartySecret.objects.filter(party=parties[side]).first() if side in parties else None
        return secret.open("phone") if secret else ""

    def day(moment: dt.datetime | None) -> str:
        return moment.astimezone(f.SHANGHAI).date().isoformat() if moment else ""

    return {
        "found_on": case.found_on.isoformat(),
        "village": case.village.code,
        "type": case.type_l2 or case.type_l1,
        "side_a": case.side_a,
        "phone_a": phone("A"),
        "side_b": case.side_b,
        "phone_b": phone("B"),
        "people": "" if case.people_count is None else str(case.people_count),
        "amount": "" if case.amount is None else str(case.amount),
        "danger": case.danger,
        "status": case.status,
        "result": case.result,
        "left_on": day(case.left_at),
        "closed_on": day(case.closed_at),
    }


@pytest.mark.parametrize("name", FILES)
def test_an_old_ledger_comes_in_as_it_was_ruled(w, name):
    batch = check(upload(w.supervisor, name), tier=2 if name == "police_room.xls" else 1)
    write(batch)
    wanted = expected(name)
    sheets = list(dict.fromkeys(row["sheet"] for row in wanted))
    found = {}
    for row in ImportRow.objects.filter(batch=batch):
        verdict = "imported" if row.verdict == "ready" else row.verdict
        found[sheets[row.sheet], str(row.line)] = (verdict, row.codes.split(",") if verdict == "refused" else [])
    wrong = [
        (row["sheet"], row["row"], row["trap"], row["verdict"], row["reason"], found.get((row["sheet"], row["row"])))
        for row in wanted
        if found.get((row["sheet"], row["row"]), ("",))[0] != row["verdict"]
        or (row["reason"] and row["reason"] not in found[row["sheet"], row["row"]][1])
    ]
    assert wrong == []
    assert len(found) == len(wanted) == batch.rows and batch.holds
    rows = {row.key: (sheets[row.sheet], str(row.line)) for row in batch.lines.exclude(key=None)}
    cases = {rows[case.submission]: told_of(case) for case in batch.cases.select_related("village")}
    differs = []
    for row in wanted:
        if row["verdict"] == "imported":
            got = cases.pop((row["sheet"], row["row"]), {})
            known = {name: row[name] for name in got}
            if known != got or not got:
                differs.append(
                    (row["row"], row["trap"], {k: (row[k], got.get(k)) for k in known if known[k] != got.get(k)})
                )
    assert differs == [] and cases == {}
    assert Counter(row["verdict"] for row in wanted)["imported"] == batch.ready
