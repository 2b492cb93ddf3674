"""What is counted ahead equals the lists, at every moment: before a refresh, after it, and between two changes."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection, transaction
from django.utils import timezone

from ledgers.dashboard import sums, triggers
from ledgers.dashboard.models import Touched
from ledgers.month import Month
from ledgers.periods import Period
from ledgers.rates import Ref
from tests import factories as f
from villages.models import SpecialDay


def pump() -> None:
    while sums.refresh():
        pass


@pytest.mark.django_db
def test_a_change_is_in_the_numbers_at_once_and_is_noted_in_its_own_transaction(w, django_capture_on_commit_callbacks):
    pump()
    month = Period.of(Month.of(f.NOW))
    today = timezone.localdate(f.NOW)

    def now(key: str) -> int:
        return sums.Sums(w.supervisor, last=month.last, today=today).count(Ref(key), month)

    case = f.mediating(w)
    assert (now("opened"), now("left"), now("open")) == (1, 0, 1)
    pump()
    with django_capture_on_commit_callbacks(execute=True):
        case.perform("settle", by=w.assistant, at=f.NOW, **f.settlement(w, case))
    assert (now("opened"), now("left"), now("open")) == (1, 1, 0)
    with transaction.atomic():
        pump()
        transaction.set_rollback(True)
    assert sums.touched(sums.Q()) == {(w.county.pk, w.township.pk, w.village.pk)}
    pump()
    assert (now("opened"), now("left"), now("open")) == (1, 1, 0)
    assert not Touched.objects.exists()
    case.visits.update(due_on=f.NOW.date())  # visits are planned behind events, without one
    assert sums.touched(sums.Q())


@pytest.mark.django_db
def test_a_holiday_moves_the_working_days_of_what_was_counted(w):
    f.settled(w, at=f.moment("2026-03-02 09:00"))
    pump()
    assert not sums.touched(sums.Q())
    SpecialDay.objects.create(day=dt.date(2026, 3, 10), kind="holiday", name="试")
    assert sums.touched(sums.Q())
    pump()
    assert not Touched.objects.exists()


@pytest.mark.django_db
def test_sums_that_come_to_nothing_leave_equal_rows():
    total: sums.Counts = {}
    more = {"opened": {"02": 2}, "calls": {"late": {"07": 1}}}
    sums.add(total, more)
    sums.add(total, {"opened": {"02": 1}})
    sums.add(total, more, -1)
    assert total == {"opened": {"02": 1}}


@pytest.mark.django_db
def test_the_triggers_stand_after_every_migration():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger"
            if connection.vendor == "postgresql"
            else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        )
        there = {name for (name,) in cursor.fetchall()}
    assert {name for name, _table, _event in triggers.names()} <= there
