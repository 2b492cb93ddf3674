import datetime as dt
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from villages.importing import checked_holidays, import_holidays
from villages.models import SpecialDay
from villages.workdays import WorkCalendar, load_calendar

DATA = Path(__file__).resolve().parents[2] / "data" / "holidays.csv"
SHIPPED = checked_holidays(DATA.read_bytes())
CALENDAR = WorkCalendar(
    holidays=frozenset(day for day, (kind, _name) in SHIPPED.items() if kind == "holiday"),
    workdays=frozenset(day for day, (kind, _name) in SHIPPED.items() if kind == "workday"),
    years=frozenset(day.year for day in SHIPPED),
)
days = st.dates(dt.date(2004, 1, 1), dt.date(2026, 12, 1))


def test_spring_festival_2025_with_its_make_up_days():
    friday = dt.date(2025, 1, 24)
    assert CALENDAR.add(friday, 5) == dt.date(2025, 2, 7)
    assert CALENDAR.add(friday, 6) == dt.date(2025, 2, 8)  # a Saturday that is worked
    assert CALENDAR.is_workday(dt.date(2025, 1, 26))  # a Sunday that is worked
    assert not CALENDAR.is_workday(dt.date(2025, 2, 9))


def test_the_make_up_days_of_2026():
    worked = {day for day in CALENDAR.workdays if day.year == 2026}
    assert worked == {dt.date(2026, m, d) for m, d in [(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)]}


def test_the_shipped_years():
    assert CALENDAR.years == frozenset(range(2004, 2027))
    assert CALENDAR.knows(dt.date(2025, 12, 1), dt.date(2026, 1, 5))
    assert not CALENDAR.knows(dt.date(2026, 12, 1), dt.date(2027, 1, 5))


@given(days, st.integers(0, 60))
def test_add_and_between_agree(start, count):
    end = CALENDAR.add(start, count)
    assert CALENDAR.between(start, end) == count
    assert CALENDAR.between(end, start) == -count
    assert count == 0 or CALENDAR.is_workday(end)


@given(days)
def test_next_workday_is_a_workday_and_none_lies_before_it(start):
    found = CALENDAR.next_workday(start)
    assert CALENDAR.is_workday(found)
    assert not any(CALENDAR.is_workday(start + dt.timedelta(n)) for n in range((found - start).days))


def test_days_of_a_pause_do_not_count():
    monday = dt.date(2026, 3, 2)
    assert CALENDAR.add(monday, 2) == dt.date(2026, 3, 4)
    assert CALENDAR.add(monday, 2, skip={dt.date(2026, 3, 3)}) == dt.date(2026, 3, 5)


def test_a_year_without_a_table_is_counted_by_weekdays():
    assert CALENDAR.add(dt.date(2027, 1, 1), 1) == dt.date(2027, 1, 4)


@pytest.mark.django_db
def test_the_stored_calendar_holds_the_years_around_a_day(django_assert_num_queries):
    import_holidays(DATA.read_bytes(), by=None, at=timezone.now())
    with django_assert_num_queries(1):
        calendar = load_calendar(dt.date(2025, 3, 2))
    near = {2024, 2025, 2026}
    assert calendar.holidays == {day for day in CALENDAR.holidays if day.year in near}
    assert calendar.workdays == {day for day in CALENDAR.workdays if day.year in near}
    assert calendar.years == near


@pytest.mark.django_db
def test_a_day_taken_back_is_an_ordinary_day_and_its_year_stays_known():
    content = b"day,kind,name\n2027-01-01,holiday,x\n2027-01-02,holiday,x\n"
    import_holidays(content, by=None, at=timezone.now())
    report = import_holidays(b"day,kind,name\n2027-01-02,holiday,x\n", by=None, at=timezone.now())
    assert (report.added, report.changed, report.ended, report.unchanged) == (0, 0, 1, 1)
    assert SpecialDay.objects.count() == 2
    calendar = load_calendar(dt.date(2027, 3, 1))
    assert calendar.is_workday(dt.date(2027, 1, 1))
    assert calendar.years == {2027}
