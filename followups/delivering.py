"""Claimed reminders go into their people's 通知 by the batch: what is still true, in one transaction, exactly once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from disputes.inbox.models import Instruction
from disputes.models import Dispute
from disputes.safe.models import Task
from disputes.sessions.models import Session
from disputes.whistles.models import Call
from followups.models import OF_WHISTLES, Held, Mute, Notice, Reminder, ReturnVisit

KIND, STATE, REMINDERS = Reminder.Kind, Reminder.State, Reminder._meta.db_table
#: Case, day and office or call of what is still open in these cases: a reminder says it with its case and its slot.
Open = Callable[[list[int]], QuerySet]


def _cases(of: list[int]) -> QuerySet:
    return Dispute.objects.open().order_by().filter(pk__in=of).values_list("pk", "due_on", "desk")


def _visits(of: list[int]) -> QuerySet:
    return ReturnVisit.objects.planned().order_by().filter(dispute__in=of).values_list("dispute", "due_on", "office")


def _tasks(of: list[int]) -> QuerySet:
    return Task.objects.open().order_by().filter(dispute__in=of).values_list("dispute", "due_on", "office")


def _answers(of: list[int]) -> QuerySet:
    asked = Instruction.objects.pending().order_by().filter(dispute__in=of)
    return asked.values_list("dispute", "due_on", "dispute__desk")


def _calls(of: list[int]) -> QuerySet:
    asked = Call.objects.pending().order_by().filter(whistle__dispute__in=of)
    return asked.values_list("whistle__dispute", "due_on", "pk")


#: Every kind of reminder; a session is asked for with its people.
STILL: Mapping[str, Open | None] = {
    KIND.SESSION_SOON: None,
    KIND.DUE_SOON: _cases,
    KIND.DUE: _cases,
    KIND.OVERDUE: _cases,
    KIND.VISIT_SOON: _visits,
    KIND.VISIT_DUE: _visits,
    KIND.VISIT_OVERDUE: _visits,
    KIND.TASK_DUE: _tasks,
    KIND.TASK_OVERDUE: _tasks,
    KIND.ANSWER_DUE: _answers,
    KIND.ANSWER_OVERDUE: _answers,
    KIND.WHISTLE_DUE: _calls,
    KIND.WHISTLE_OVERDUE: _calls,
}


def needed(rows: Iterable[Held], today: dt.date) -> list[Held]:
    """Those of `rows` that still hold: a case may have been settled, extended, visited or helped meanwhile."""
    by_source: dict[Open | None, list[Held]] = {}
    for row in rows:
        by_source.setdefault(STILL[row.kind], []).append(row)
    found: list[Held] = []
    for still, some in by_source.items():
        of = sorted({row.dispute_id for row in some})
        if still is None:
            asked = _asked(of, today)
            found += [row for row in some if (row.dispute_id, row.slot, row.recipient_id) in asked]
        else:
            holds = {(case, f"{day}/{whom}") for case, day, whom in still(of)}
            found += [row for row in some if (row.dispute_id, row.slot) in holds]
    return found


def _asked(of: list[int], today: dt.date) -> set[tuple[int, str, int]]:
    """Case, slot and person of the joint sessions that stand as they stood, for whoever is still asked to them."""
    return {
        (session.dispute_id, f"{day}/{session.pk}", person)
        for session in Session.objects.planned().filter(dispute__in=of).prefetch_related("attendees")
        if (day := timezone.localdate(session.starts_at)) >= today
        for person in session.people()
    }


def deliver(rows: Iterable[Held], at: dt.datetime) -> int:
    """Finish claimed rows and write their notices, in one transaction; how many were still held.

    Of a row that another pump took over meanwhile nothing is written.
    """
    of_attempts: dict[int, list[int]] = {}
    reader_of: dict[int, int] = {}
    for row in rows:
        of_attempts.setdefault(row.attempt, []).append(row.pk)
        reader_of[row.pk] = row.recipient_id
    moment = connection.ops.adapt_datetimefield_value(at)
    count = 0
    with transaction.atomic(), connection.cursor() as cursor:
        quiet = Mute.objects.among(set(reader_of.values()))
        for attempt, keys in of_attempts.items():
            cursor.execute(
                f"UPDATE {REMINDERS} SET state = %s, sent_at = %s, leased_until = NULL, error = '' "  # noqa: S608 - our own table
                f"WHERE state = %s AND attempt = %s AND id {_among(keys)} RETURNING id",
                [STATE.SENT, moment, STATE.PENDING, attempt, *_keys(keys)],
            )
            mine = [pk for (pk,) in cursor.fetchall()]
            if mine:
                cursor.execute(*_insert(mine, moment))
                Mute.objects.silence_written([pk for pk in mine if reader_of[pk] in quiet])
            count += len(mine)
    return count


def _insert(keys: list[int], moment: Any) -> tuple[str, list[Any]]:
    """The notices of these reminders in one statement: a thousand rows need not come here to go back."""
    whistles = ", ".join(["%s"] * len(OF_WHISTLES))
    # of a whistle the slot names the call: 2026-03-05/12
    call = f"CASE WHEN kind IN ({whistles}) THEN CAST(substr(slot, 12) AS bigint) END"
    columns: dict[str, tuple[str, list[Any]]] = {
        "user_id": ("recipient_id", []),
        "dispute_id": ("dispute_id", []),
        "kind": ("kind", []),
        "reminder_id": ("id", []),
        "call_id": (call, sorted(OF_WHISTLES)),
        "created_at": ("%s", [moment]),
    }
    for field in Notice._meta.concrete_fields:
        if field.attname not in columns and not field.primary_key and not field.null:
            columns[field.attname] = ("%s", [field.get_default()])
    values = ", ".join(value for value, _params in columns.values())
    params = [param for _value, some in columns.values() for param in some]
    return (
        f"INSERT INTO {Notice._meta.db_table} ({', '.join(columns)}) "  # noqa: S608 - our own tables
        f"SELECT {values} FROM {REMINDERS} WHERE id {_among(keys)}",
        [*params, *_keys(keys)],
    )


def _among(keys: list[int]) -> str:
    """One parameter where the database takes a list as one."""
    return "= ANY(%s)" if connection.vendor == "postgresql" else f"IN ({', '.join(['%s'] * len(keys))})"


def _keys(keys: list[int]) -> list[Any]:
    return [keys] if connection.vendor == "postgresql" else list(keys)
