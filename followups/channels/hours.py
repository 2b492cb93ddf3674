"""When a message may go out: from the start of work, every so many minutes, until the quiet hours (ADR 12)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from villages.policy import policy_on
from villages.workdays import ONE_DAY, WorkCalendar, load_calendar

BEGIN, QUIET = dt.time(7, 30), dt.time(20, 0)


@dataclass(frozen=True)
class Hours:
    """The moments of sending: BEGIN of each working day, and every `minutes` after it before QUIET."""

    calendar: WorkCalendar
    minutes: int

    def next_moment(self, at: dt.datetime) -> dt.datetime:
        """The first moment after `at`; never `at` itself, whose messages may be on their way already."""
        local = timezone.localtime(at)
        zone, day = local.tzinfo, local.date()
        begin = dt.datetime.combine(day, BEGIN, zone)
        if self.calendar.is_workday(day):
            if local < begin:
                return begin
            step = dt.timedelta(minutes=self.minutes)
            moment = begin + ((local - begin) // step + 1) * step
            if moment < dt.datetime.combine(day, QUIET, zone):
                return moment
        return dt.datetime.combine(self.calendar.next_workday(day + ONE_DAY), BEGIN, zone)


def hours_on(day: dt.date) -> Hours:
    """Those in force on `day`; two queries."""
    return Hours(load_calendar(day), policy_on(day)["message_minutes"])
