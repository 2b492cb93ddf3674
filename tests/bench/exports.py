"""Milliseconds of an export through the worker, from the question to the sealed file, beside the bare scoped query and
the fast writer with the same cells; and the megabytes of a process that made it.

Run by tests.bench.run in the environment of a prepared site. Prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

import django

django.setup()

from django.utils import timezone  # noqa: E402
from rustpy_xlsxwriter import write_worksheet  # noqa: E402

from ledgers.columns import COLUMNS, cells  # noqa: E402
from ledgers.exports.models import Export  # noqa: E402
from ledgers.jobs import running  # noqa: E402
from ledgers.month import Ledger, Month, rounds_of  # noqa: E402
from tests.bench.floors import LEDGER_ROW, with_children  # noqa: E402
from tests.bench.prepare import MONTH  # noqa: E402
from villages.models import User  # noqa: E402

ROUNDS = 3


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def ours(user: User) -> None:
    row = Export.ask(
        by=user, at=timezone.now(), month=MONTH, conditions={}, layout="default", format="xlsx", purpose="report",
        reason="bench", wait=False,
    )  # fmt: skip
    running.run_waiting(600)
    row.refresh_from_db()
    assert row.state == Export.State.READY, row.state


def floor(user: User, records: list[dict[str, Any]]) -> None:
    """What anybody would write: the rows of the scope with what the cells are read from, and the writer with the cells
    that stand in our file.
    """
    rounds = rounds_of(user).filter(Month.parse(MONTH).listed).order_by("opened_at", "pk")
    rows = rounds.values(*LEDGER_ROW).iterator(chunk_size=2000)
    for chunk in iter(lambda: list(islice(rows, 500)), []):
        deque(with_children(chunk), maxlen=0)
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        write_worksheet(iter(records), file.name)


def main() -> None:
    user = User.objects.get(username="supervisor1")
    ours(user)  # warm
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # before the floor holds every cell
    if "--memory" in sys.argv:
        print(json.dumps({"peak_mb": peak}))
        return
    ledger, keys = Ledger(user, Month.parse(MONTH)), [column.key for column in COLUMNS]
    records = [dict(zip(keys, cells(row), strict=True)) for row in ledger.rows(ledger.all_ids())]
    pairs = [(milliseconds(lambda: ours(user)), milliseconds(lambda: floor(user, records))) for _ in range(ROUNDS)]
    a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(json.dumps({"rows": len(records), "worker": [a, b], "peak_mb": peak}))


if __name__ == "__main__":
    main()
