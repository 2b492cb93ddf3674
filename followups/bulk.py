"""The visits of many cases at once, for load_demo only; see disputes/bulk.py."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import connection
from django.utils import timezone

from disputes.bulk import BATCH, Draft
from disputes.models import Event
from followups.models import Handled, ReturnVisit
from followups.reactions import reacting_kinds
from villages.models import Office


def planned(draft: Draft, room: Office) -> list[list[ReturnVisit]]:
    """The visits that `plan_visits` would plan for this settlement: per day one for each principal party."""
    case = draft.case
    assert case.settled_at
    first = timezone.localdate(case.settled_at) + dt.timedelta(days=draft.rules.policy["first_visit_days"])
    first = draft.rules.calendar.next_workday(first)
    later = sorted({row.due_on for row in draft.obligations if row.due_on > first})
    reason, office = ReturnVisit.Reason, room.pk if case.tier > 1 else case.desk_id
    return [
        [
            ReturnVisit(dispute=case, round=case.round, party=party, reason=why, due_on=day, office_id=office)
            for party in draft.principals
        ]
        for why, day in [(reason.FIRST, first), *((reason.PERFORMANCE, day) for day in later)]
    ]


def write_visits(visits: Iterable[ReturnVisit]) -> None:
    ReturnVisit.objects.bulk_create(visits, batch_size=BATCH)


def write_handled(first: int, last: int) -> None:
    """Nothing is left to react to in these events: the visits stand, and nobody is told of what is years old."""
    kinds = reacting_kinds()
    places = ", ".join(["%s"] * len(kinds))
    with connection.cursor() as cursor:  # one statement instead of a row each: there are as many as events
        cursor.execute(
            f"INSERT INTO {Handled._meta.db_table} (event_id) "  # noqa: S608 - names of our own tables
            f"SELECT id FROM {Event._meta.db_table} WHERE id BETWEEN %s AND %s AND kind IN ({places})",
            [first, last, *kinds],
        )
