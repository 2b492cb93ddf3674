"""How often and when the pump is called does not matter (T-16): each case, kind, slot and person is told once."""

from __future__ import annotations

import datetime as dt
import io
import logging
import time
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from followups import pump
from followups.models import Notice, Reminder
from tests import factories as f
from tests.faults import processes
from villages.models import Posting, Role, User

Row = tuple[Any, ...]


def cases_due(w: Any, cases: int, people: int, day: dt.date) -> int:
    """Cases at the top tier (the clock cannot pass them up) that are due on `day`; how many reminders that makes."""
    crowd = [User(username=f"crowd{n}", name=f"值班{n}", password="!") for n in range(people - 3)]
    User.objects.bulk_create(crowd)
    Posting.objects.bulk_create(
        Posting(user=user, office=w.centre_office, role=Role.CENTRE, valid_from=f.LONG_AGO) for user in crowd
    )
    for _n in range(cases):
        case = f.register(w, by=w.centre, tier=3, at=f.NOW)
        type(case).objects.filter(pk=case.pk).update(due_on=day, escalate_on=None)
    return cases * people


def told() -> list[Row]:
    """What was told to whom, one row per notice: a row that stands twice was told twice."""
    rows = Notice.objects.filter(kind="due", reminder__state="sent")
    return sorted(rows.values_list("dispute", "kind", "reminder__slot", "user"))


def lateness(due: dt.datetime) -> list[float]:
    return sorted(
        (at - due).total_seconds() for at in Reminder.objects.filter(kind="due").values_list("sent_at", flat=True)
    )


def beat(number: int, moments: list[dt.datetime]) -> None:
    """One scheduler: a round at each of these moments; every second one is the command instead of the task."""
    logging.disable(logging.CRITICAL)
    for now in moments:
        if number % 2:
            plain = pump.database_now
            pump.database_now = lambda now=now: now  # type: ignore[misc, assignment]
            call_command("pump", "--once", stdout=io.StringIO())
            pump.database_now = plain
        else:
            pump.pump_once(now=now)


def exactly_once(w: Any, *, cases: int, people: int, beats: tuple[int, ...]) -> str:
    day = dt.date(2026, 3, 16)
    midnight = f.moment("2026-03-16 00:00")
    expected = cases_due(w, cases, people, day)
    figures = []
    for count in beats:
        Notice.objects.all().delete(), Reminder.objects.all().delete()
        # off from five minutes before the due minute until five minutes after it
        rounds = [midnight + dt.timedelta(minutes=m) for m in (-5.5, 5, 5.5, 6)]
        failed = [answer for answer in processes.together(count, beat, rounds) if answer] if count else []
        assert failed == []
        if not count:
            assert told() == []
            call_command("pump", "--once")  # by the real clock it is overdue by now
            rows = Notice.objects.filter(kind="overdue").values_list("dispute", "reminder__slot", "user")
            assert (len(rows), len(set(rows))) == (expected, expected)
            continue
        rows = told()
        assert (len(rows), len(set(rows))) == (expected, expected), count
        late = lateness(midnight)
        assert late[0] >= 300 and late[-1] <= 360  # in the rounds after the gap, not before the day
        figures.append(f"{count} beats: {expected} told once, lateness {late[0]:.0f} to {late[-1]:.0f} s")
    return "; ".join(figures)


@pytest.mark.slow
def test_0_1_2_and_5_beats_with_a_gap_over_the_due_minute_tell_each_once(w):
    exactly_once(w, cases=4, people=6, beats=(0, 1, 2, 5))


@pytest.mark.full
def test_0_1_2_and_5_beats_tell_2000_reminders_once(w):
    print(exactly_once(w, cases=40, people=50, beats=(0, 1, 2, 5)))


def off_by(number: int, minutes: tuple[int, ...], until: dt.datetime) -> None:
    """A worker whose own clock is wrong by so many minutes, going round without a rest."""
    logging.disable(logging.CRITICAL)
    plain = timezone.now
    timezone.now = lambda: plain() + dt.timedelta(minutes=minutes[number])
    while plain() < until:
        pump.pump_once()
        time.sleep(0.1)


def clocks_off(w: Any, *, cases: int, people: int, seconds: float) -> str:
    """Rows that fall due in a moment, and workers ten minutes fast, right and ten minutes slow."""
    now = pump.database_now()
    today = timezone.localdate(now)
    expected = cases_due(w, cases, people, today)
    due_at = now + dt.timedelta(seconds=seconds)
    pump.plan_reminders(lambda: due_at)
    Reminder.objects.exclude(kind="due").delete()
    assert Reminder.objects.filter(state="pending").count() == expected
    answers = processes.together(3, off_by, (10, 0, -10), due_at + dt.timedelta(seconds=seconds))
    assert answers == [None] * 3
    rows = told()
    assert (len(rows), len(set(rows))) == (expected, expected)
    late = lateness(due_at)
    assert late[0] >= 0 and late[-1] < 60  # by the worker's own clock it would be ten minutes early or late
    return f"{expected} told once by clocks 10 minutes fast and slow, lateness {late[0]:.1f} to {late[-1]:.1f} s"


only_with_a_clock_of_its_own = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite lives in the worker's process and has no clock of its own"
)


@only_with_a_clock_of_its_own
@pytest.mark.slow
def test_the_databases_clock_decides_and_not_the_workers(w):
    clocks_off(w, cases=4, people=6, seconds=2)


@only_with_a_clock_of_its_own
@pytest.mark.full
def test_the_databases_clock_decides_for_2000_reminders(w):
    print(clocks_off(w, cases=40, people=50, seconds=20))
