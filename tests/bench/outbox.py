"""Milliseconds of claiming what is due among many open reminders beside the bare UPDATE, and of telling it in the
system beside bare INSERTs of the same notices.

Run by tests.bench.run in the environment of a prepared site, with the number of disputes; ten open reminders for each
of them, and one due for ten of them. Prints one line of JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402

from disputes.models import Dispute  # noqa: E402
from followups import pump  # noqa: E402
from followups.models import Held, Notice, Reminder  # noqa: E402
from villages.models import User  # noqa: E402

ROUNDS = 9
LEASE = dt.timedelta(seconds=60)
POSTGRES = connection.vendor == "postgresql"
FREE = """SELECT id FROM followups_reminder WHERE state = 'pending' AND due_at <= %s
          AND (leased_until IS NULL OR leased_until < %s) ORDER BY due_at, id LIMIT %s"""


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def run(sql: str, params: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        return cursor.fetchall() if cursor.description else []


def fill(size: int, now: dt.datetime) -> int:
    """Ten open reminders per dispute, due later, and one in a hundred of them due; how many are."""
    series = "generate_series(1, 10)" if POSTGRES else "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s"
    series += " AS s(n)" if POSTGRES else " WHERE n < 10) SELECT n FROM s) AS s"
    person = User.objects.filter(is_active=True).order_by("pk").first()
    assert person is not None
    run("DELETE FROM followups_notice WHERE reminder_id IS NOT NULL")
    run("DELETE FROM followups_reminder")  # those of the demo
    later = connection.ops.adapt_datetimefield_value(now + dt.timedelta(days=30))
    run(
        "INSERT INTO followups_reminder (dispute_id, kind, slot, recipient_id, channel, due_at, state, attempt, error) "
        "SELECT d.id, 'visit_soon', '2027-03-01/' || s.n, %s, 'app', %s, 'pending', 0, '' "
        f"FROM disputes_dispute d, {series}",
        [person.pk, later],
    )
    wanted, people = size // 10, list(User.objects.filter(is_active=True).values_list("pk", flat=True)[:20])
    cases = Dispute.objects.open().filter(due_on__isnull=False).order_by("pk")
    cases = list(cases.values_list("pk", "due_on", "desk")[: -(-wanted // len(people))])
    Reminder.objects.plan(
        [
            Reminder(dispute_id=case, kind="overdue", slot=f"{day}/{desk}", recipient_id=user, due_at=now)
            for case, day, desk in cases
            for user in people
        ][:wanted]
    )
    run("ANALYZE")
    return Reminder.objects.due(now).count()


def ours(now: dt.datetime, due: int) -> float:
    """Milliseconds of every claim of a round of the pump, which sends each batch (not counted) before the next."""
    took, count = 0.0, 0
    while True:
        rows: list[Any] = []
        took += milliseconds(lambda rows=rows: rows.extend(claim(now)))
        count += len(rows)
        pump.send(rows, lambda: now)
        if len(rows) < pump.BATCH:
            assert count == due
            return took


def claim(now: dt.datetime) -> list[Held]:
    return Reminder.objects.claim(now=now, lease=LEASE, limit=pump.BATCH)


def bare(now: dt.datetime, due: int) -> float:
    """Milliseconds of all at once by the one statement that any outbox needs."""
    at, until = (connection.ops.adapt_datetimefield_value(moment) for moment in (now, now + LEASE))
    free = f"= ANY(ARRAY({FREE} FOR UPDATE SKIP LOCKED))" if POSTGRES else f"IN ({FREE})"
    change = "UPDATE followups_reminder SET attempt = attempt + 1, leased_until = %s WHERE id "
    rows: list[Any] = []
    took = milliseconds(lambda: rows.extend(run(f"{change}{free} RETURNING *", [until, at, at, due])))
    assert len(rows) == due
    return took


def give_back(now: dt.datetime) -> None:
    Notice.objects.filter(reminder__due_at__lte=now).delete()
    Reminder.objects.filter(due_at__lte=now).update(state="pending", leased_until=None, sent_at=None)
    run("VACUUM followups_reminder" if POSTGRES else "PRAGMA wal_checkpoint(TRUNCATE)")
    run("VACUUM followups_notice" if POSTGRES else "PRAGMA optimize")


def insert(notices: list[tuple[Any, ...]]) -> None:
    """The rows alone, by the thousand, each thousand in a transaction of its own."""
    places = ", ".join(["(%s, %s, %s, 0, NULL, %s, NULL, %s, NULL, NULL, FALSE)"])
    head = "INSERT INTO followups_notice (user_id, dispute_id, kind, nth, event_id, reminder_id, call_id, created_at, "
    for start in range(0, len(notices), pump.BATCH):
        some = notices[start : start + pump.BATCH]
        with transaction.atomic():
            run(
                f"{head}read_at, capture_id, muted) VALUES {', '.join([places] * len(some))}",
                [value for row in some for value in row],
            )


def main(size: int) -> dict[str, Any]:
    now = pump.database_now()
    due = fill(size, now)
    claims: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS + 1):
        pair = []
        for work in (ours, bare):
            give_back(now)
            pair.append(work(now, due))
        if number:  # the first pair only warms up
            for kept, value in zip(claims, pair, strict=True):
                kept.append(value)
    at = connection.ops.adapt_datetimefield_value(now)
    told: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS + 1):
        give_back(now)
        batches = []
        while rows := claim(now):
            batches.append(rows)
        mine = milliseconds(lambda batches=batches: [pump.send(rows, lambda: now) for rows in batches])
        assert Notice.objects.filter(reminder__due_at__lte=now).count() == due
        give_back(now)
        notices = [(r.recipient_id, r.dispute_id, r.kind, r.pk, at) for rows in batches for r in rows]
        plain = milliseconds(lambda notices=notices: insert(notices))
        if number:
            told[0].append(mine)
            told[1].append(plain)
    return {
        "open": Reminder.objects.filter(state="pending").count(),
        "due": due,
        "sweep": [statistics.median(kept) for kept in claims],
        "notices": [statistics.median(kept) for kept in told],
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
