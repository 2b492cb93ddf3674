"""What is counted ahead equals the lists, at every moment: before a refresh, after it, and between two changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.utils import timezone

from ledgers.dashboard import sums, triggers
from ledgers.dashboard.models import MonthSum, Touched
from ledgers.month import Month
from ledgers.periods import Period
from ledgers.rates import FIGURES, GROUPS, Ref, Within, rows_of
from tests import factories as f
from tests.demo.conftest import MONDAY, loaded
from villages.models import Area, SpecialDay, User

PERIODS = ("2026-02", "2025-Q4", "2025", "2025-03..2026-03")


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock(), loaded(disputes=90):
        yield


def pump() -> None:
    while sums.refresh():
        pass


def differences(user: User, texts=PERIODS, today: dt.date = MONDAY, township: Area | None = None) -> list[str]:
    """Numbers that are not the length of their list."""
    wrong, within = [], Within(user.scope.q)
    within = within.narrowed(township=township.code) if township else within
    for text in texts:
        period = Period.parse(text)
        told = sums.Sums(user, last=period.last, township=township, today=today)
        for key, figure in FIGURES.items():
            groups = [(group,) for group in GROUPS.get(key, {})] if figure.group else []
            for some in [(), *groups]:
                n, rows = told.count(Ref(key, some), period), rows_of(key, within, period, today, some).count()
                if n != rows:
                    wrong.append(f"{text} {key} {some}: {n} told, {rows} listed")
    return wrong


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["supervisor1", "officer1", "centre1"])
def test_every_number_is_the_length_of_its_list(demo, name):
    user = User.objects.get(username=name)
    assert differences(user) == []  # nothing is stored yet
    pump()
    assert not sums.touched(sums.Q()) and MonthSum.objects.exists()
    assert differences(user) == []


@pytest.mark.django_db
def test_a_county_is_the_sum_of_its_townships_and_one_of_them_can_be_picked(demo):
    pump()
    user = User.objects.get(username="supervisor1")
    period = Period.parse("2025-03..2026-03")
    told = sums.Sums(user, last=period.last, today=MONDAY)
    parts = told.parts(period)
    for key in ("opened", "left", "reach", "calls"):
        total = told.count(Ref(key), period)
        assert total and total == sum(told.count(Ref(key), period, months) for months in parts.values())
    town = Area.objects.get(pk=next(iter(parts)))
    assert differences(user, PERIODS[3:], township=town) == []
    villages = sums.Sums(user, last=period.last, township=town, today=MONDAY).parts(period)
    assert set(villages) <= set(Area.objects.filter(parent=town).values_list("pk", flat=True))


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
