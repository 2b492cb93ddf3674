"""Exports under kill -9 (T-18): every one ends with its whole file or with a sentence; never two files, never a part.

The workers are real processes on the test's own database, killed at random moments of an export and replaced. Their
lease is scaled down; so is the writer's haste, so that the kills fall into its work.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import logging
import random
import time

import pytest
from django.db import transaction
from django.utils import timezone

from disputes.models import Round
from followups.pump import database_now
from ledgers.columns import COLUMNS, cells
from ledgers.exports import making, storage
from ledgers.exports.models import Export
from ledgers.files import csv_cell
from ledgers.jobs import running
from ledgers.jobs.models import Job, LeaseLost
from ledgers.month import Ledger, Month
from tests import factories as f
from tests.faults import processes

WORKERS = 2
#: Rounds of one case: a round has a small number.
EACH = 20_000


def work(number: int, patience: float) -> None:
    """A worker that looks for jobs without a rest; it sleeps a little in every stride of an export."""
    logging.disable(logging.CRITICAL)
    plain = Job.progress

    def slow(self, done=None, total=None):
        time.sleep(random.uniform(0, patience))
        plain(self, done, total)

    Job.progress = slow
    keep = storage.keep

    def slow_keep(*args):
        time.sleep(random.uniform(0, patience))
        kept = keep(*args)
        time.sleep(random.uniform(0, patience))  # the file has its name, and the row does not know it
        return kept

    storage.keep = slow_keep
    while True:
        try:
            running.run_waiting(1)
        except Exception:
            time.sleep(0.05)
        time.sleep(0.02)


def storm(w, settings, tmp_path, *, rows: int, kills: int, exports: int, patience: float, seconds: float) -> dict:
    """Ask for exports, kill workers while they work on them, and hold what is left against the promise."""
    settings.JOB_LEASE_SECONDS, settings.VAR_DIR, settings.JOBS_AT_ONCE = 2, tmp_path, WORKERS
    settings.FIELD_KEYS_FILE = tmp_path / "keys.json"
    settings.JOBS_PER_PERSON = exports
    fill(w, rows)
    asked = [
        Export.ask(
            by=w.officer, at=timezone.now(), month=str(Month.of(f.NOW)), conditions={}, layout="default",
            format=("csv", "xlsx")[number % 2], purpose="report", reason="月报", wait=False,
        )
        for number in range(exports)
    ]  # fmt: skip
    met = 0
    with processes.several(WORKERS, work, patience) as workers:
        for _ in range(kills):
            processes.wait_until(Job.objects.filter(state="running").exists, 20)
            time.sleep(random.uniform(0.02, 0.6))
            victim = random.randrange(WORKERS)
            processes.kill(workers[victim])
            met += Job.objects.filter(state="running").exists()
            workers[victim] = processes.start(work, victim, patience)
        assert processes.wait_until(lambda: not Job.objects.under_way().exists(), seconds), list(
            Job.objects.values_list("state", "done", "total", "attempt", "deaths", "error")
        )
    making.sweep(timezone.now())
    ledger = Ledger(w.officer, Month.of(f.NOW))
    wanted = [
        [csv_cell(column, value) for column, value in zip(COLUMNS, cells(row), strict=True)]
        for row in ledger.rows(ledger.all_ids())
    ]
    assert len(wanted) == rows
    ended = {"ready": 0, "failed": 0}
    for export in Export.objects.filter(pk__in=[one.pk for one in asked]).select_related("job", "owner"):
        ended[export.state] += 1
        if export.state == "failed":
            assert export.job.error and not export.file
            continue
        content = b"".join(storage.read(export.uid, export.file))
        assert (len(content), hashlib.sha256(content).hexdigest()) == (export.size, export.sha256)
        assert export.rows == rows
        if export.format == "csv":
            found = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
            assert found[1:-2] == wanted
            assert found[-1][0].startswith("水印：")
    there = [name for name, *_ in storage.names()]
    assert sorted(there) == sorted(Export.objects.exclude(file="").values_list("file", flat=True))
    assert len(list(storage.folder().iterdir())) == ended["ready"]
    assert all(job.state in ("done", "failed") for job in Job.objects.all())
    return {**ended, "met": met, "deaths": sum(Job.objects.values_list("deaths", flat=True))}


def fill(w, rows: int) -> None:
    """A month of so many rows: relapses of a few cases, which is all that the ledger reads of them."""
    with transaction.atomic():
        firsts = [f.register(w).rounds.get() for _ in range(-(-rows // EACH))]
    made = [Round(**{**_values(first), "id": None, "no": number}) for first in firsts for number in range(2, EACH + 1)]
    Round.objects.bulk_create(made[: rows - len(firsts)], batch_size=500)


def _values(row: Round) -> dict:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.mark.slow
def test_2000_rows_and_5_kills(w, settings, tmp_path):
    told = storm(w, settings, tmp_path, rows=2000, kills=5, exports=3, patience=0.05, seconds=90)
    assert told["ready"] + told["failed"] == 3 and told["met"]


@pytest.mark.full
def test_100_000_rows_and_50_kills(w, settings, tmp_path):
    told = storm(w, settings, tmp_path, rows=100_000, kills=50, exports=10, patience=0.005, seconds=1200)
    print(f"10 exports of 100,000 rows, 50 kills: {told}")
    assert told["ready"] + told["failed"] == 10 and told["met"] >= 10


@pytest.mark.slow
def test_a_worker_that_slept_leaves_nothing(w, settings, tmp_path):
    """A worker whose lease ran out finds no row that is its own, and its file is removed."""
    settings.VAR_DIR = tmp_path
    f.register(w)
    row = Export.ask(
        by=w.officer, at=timezone.now(), month=str(Month.of(f.NOW)), conditions={}, layout="default", format="csv",
        purpose="report", reason="月报", wait=False,
    )  # fmt: skip
    now = database_now()
    slept = Job.objects.claim_one(now=now - dt.timedelta(seconds=1), lease=dt.timedelta(0), at_once=1)
    slept = slept or Job.objects.claim_one(now=now, lease=dt.timedelta(seconds=-1), at_once=1)
    awake = Job.objects.claim_one(now=database_now(), lease=dt.timedelta(seconds=60), at_once=9)
    with pytest.raises(LeaseLost):
        making.step(slept)
    assert list(storage.folder().iterdir()) == []
    running.run(awake, time.monotonic() + 60)
    row.refresh_from_db()
    assert (row.state, [name for name, *_ in storage.names()]) == ("ready", [row.file])
