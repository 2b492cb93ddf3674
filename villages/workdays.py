"""Chinese working days: Monday–Friday, less holidays, plus make-up working days (调休)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container
from dataclasses import dataclass

ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class WorkCalendar:
    """The special days and the years for which the table is known.

    A year without a table is counted Monday–Friday and the result is marked provisional: never an exception,
    never a silent guess.
    """

    holidays: frozenset[dt.date]
    workdays: frozenset[dt.date]
    years: frozenset[int]

    def is_workday(self, day: dt.date) -> bool:
        if day in self.workdays:
            return True
        return day.weekday() < 5 and day not in self.holidays

    def knows(self, first: dt.date, last: dt.date) -> bool:
        """Whether the table covers every year from `first` to `last`."""
        return all(year in self.years for year in range(min(first, last).year, max(first, last).year + 1))

    def add(self, start: dt.date, days: int, skip: Container[dt.date] = frozenset()) -> dt.date:
        """The day that is `days` working days after `start` (the start day itself does not count).

        Days in `skip` (a paused clock) do not count either. add(d, 0) is d.
        """
        day = start
        while days > 0:
            day += ONE_DAY
            if self.is_workday(day) and day not in skip:
                days -= 1
        return day

    def between(self, start: dt.date, end: dt.date) -> int:
        """Working days after `start` up to and including `end`; negative when `end` is earlier."""
        if end < start:
            return -self.between(end, start)
        return sum(self.is_workday(start + ONE_DAY * n) for n in range(1, (end - start).days + 1))

    def next_workday(self, day: dt.date) -> dt.date:
        """`day` itself when it is a working day, else the next one."""
        while not self.is_workday(day):
            day += ONE_DAY
        return day


def load_calendar(around: dt.date) -> WorkCalendar:
    """The special days of the year before, of and after `around`; one query, about a hundred rows."""
    from villages.models import SpecialDay

    first, last = dt.date(around.year - 1, 1, 1), dt.date(around.year + 1, 12, 31)
    rows = list(SpecialDay.objects.filter(day__range=(first, last)).values_list("day", "kind"))
    return WorkCalendar(
        holidays=frozenset(day for day, kind in rows if kind == SpecialDay.Kind.HOLIDAY),
        workdays=frozenset(day for day, kind in rows if kind == SpecialDay.Kind.WORKDAY),
        years=frozenset(day.year for day, _ in rows),
    )
