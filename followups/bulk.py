"""What follows from many cases at once, for load_demo and for old ledgers; see disputes/bulk.py."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import connection
from django.utils import timezone

from disputes.bulk import BATCH, Draft
from disputes.models import Event
from followups.models import Handled, ReturnVisit, VisitPlan
from followups.planning import Grade, plan_rules, wanted
from followups.reactions import reacting_kinds
from villages.models import Office


def planned(draft: Draft, room: Office) -> list[list[ReturnVisit]]:
    """The visits that the policy asks after this settlement: per day one for each principal party."""
    case = draft.case
    assert case.settled_at
    asked = wanted(
        settled_on=timezone.localdate(case.settled_at),
        parties=range(len(draft.principals)),
        performance_days=[row.due_on for row in draft.obligations],
        grades=[Grade(timezone.localdate(row.at), row.level, row.expires_on) for row in draft.grades],
        policy=draft.rules.policy,
        calendar=draft.rules.calendar,
    )
    office = room.pk if case.tier > 1 else case.desk_id
    days: dict[dt.date, list[ReturnVisit]] = {}
    for row in asked:
        visit = ReturnVisit(dispute=case, round=case.round, party=draft.principals[row.party], office_id=office)
        visit.reason, visit.slot, visit.due_on = row.reason, row.slot, row.due_on
        days.setdefault(row.due_on, []).append(visit)
    return list(days.values())


def write_visits(visits: Iterable[ReturnVisit]) -> None:
    """The visits, and by which rules their cases were planned."""
    visits = list(visits)
    ReturnVisit.objects.bulk_create(visits, batch_size=BATCH)
    key = plan_rules().key
    cases = dict.fromkeys(visit.dispute_id for visit in visits)
    VisitPlan.objects.bulk_create((VisitPlan(dispute_id=pk, key=key) for pk in cases), batch_size=BATCH)


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


def write_handled_of(events: list[int]) -> None:
    """The same for these events alone: cases of an old ledger are written while others work."""
    Handled.objects.bulk_create([Handled(event_id=pk) for pk in events], batch_size=BATCH)
