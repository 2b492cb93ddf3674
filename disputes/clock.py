"""Due dates: start, limit, calendar, pauses → due. Pure functions; nothing here reads the database or the time.

Defaults of product.md (Clocks): take up within 1 working day, inside the tier's limit of 3 / 7 / 15 working days;
the whole case 30 calendar days from its first 受理 (全国人民调解工作规范 SF/T 0083-2020; 人民调解工作若干规定 33,
check). The earlier of the tier's and the case's limit binds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from villages.workdays import ONE_DAY, WorkCalendar

TAKE_UP, TIER, CASE, EXTENDED = "take_up", "tier", "case", "extended"
TOP_TIER = 3
CONFIRM_DAYS = 30  # calendar days from the agreement's effect: PMA 33
SECOND_SESSION_DAYS = 7  # working days after the first session of 治安调解: APR 183


@dataclass(frozen=True)
class Rules:
    """The numbers in force and the working calendar: all that a due date needs besides the case itself."""

    policy: Mapping[str, int]
    calendar: WorkCalendar


@dataclass(frozen=True)
class Pause:
    """A pause of the clock: `start` is the first day not counted, `end` the first day that counts again."""

    start: dt.date
    end: dt.date | None = None


@dataclass(frozen=True)
class Deadline:
    """When the case is due and by which limit.

    `on` is None while paused. `escalate_on` is the working day at whose end the clock passes the case up; None at the
    top tier, while paused, once extended, and where the case's own limit binds (then only 化解, 延期, 引导 and 调解不成
    remain, and another desk could do nothing else). `provisional` says that a year without a holiday table was counted.
    """

    on: dt.date | None
    kind: str
    escalate_on: dt.date | None = None
    case_on: dt.date | None = None
    provisional: bool = False


@dataclass(frozen=True)
class Course:
    """What a due date depends on: where the case stands and since when."""

    waiting: bool
    tier: int
    arrived_on: dt.date
    accepted_on: dt.date | None = None
    given_until: dt.date | None = None  # a date given with 下派, instead of the tier's limit
    extended_until: dt.date | None = None  # 延期 with every party's consent, instead of every limit
    pauses: Sequence[Pause] = field(default_factory=tuple)


def paused_days(pauses: Sequence[Pause]) -> frozenset[dt.date]:
    """Every day that no clock counts."""
    return frozenset(
        pause.start + ONE_DAY * n for pause in pauses if pause.end for n in range((pause.end - pause.start).days)
    )


def deadline(course: Course, rules: Rules) -> Deadline:
    """The binding due date of a case that is waiting or mediating."""
    if any(pause.end is None for pause in course.pauses):
        return Deadline(on=None, kind=TIER)
    calendar, policy = rules.calendar, rules.policy
    skip = paused_days(course.pauses)

    case_on = None
    if course.accepted_on:
        case_on = course.accepted_on + ONE_DAY * policy["case_days"]
        # every paused day after 受理 moves the limit by one; a pause inside the moved stretch moves it again
        for day in sorted(day for day in skip if day > course.accepted_on):
            if day <= case_on:
                case_on += ONE_DAY
    if course.extended_until:
        known = calendar.knows(course.arrived_on, course.extended_until)
        return Deadline(course.extended_until, EXTENDED, None, course.extended_until, not known)

    on = course.given_until or calendar.add(course.arrived_on, policy[f"tier_days_{course.tier}"], skip)
    kind = TIER
    if course.waiting:
        take_up_on = calendar.add(course.arrived_on, policy["take_up_days"], skip)
        if take_up_on < on:
            on, kind = take_up_on, TAKE_UP
    if case_on and case_on < on:
        on, kind = case_on, CASE
    escalate_on = None
    if course.tier < TOP_TIER and kind != CASE:
        escalate_on = calendar.add(on, policy["escalate_after_days"])
    return Deadline(on, kind, escalate_on, case_on, not calendar.knows(course.arrived_on, escalate_on or on))


@dataclass(frozen=True)
class Left:
    """Time left in the unit of its rule; overdue always counts calendar days. `days` is negative when overdue."""

    days: int
    unit: str  # "workdays" or "days"


def time_left(due_on: dt.date, kind: str, today: dt.date, calendar: WorkCalendar) -> Left:
    """How long until `due_on`: working days for the tier's limits, calendar days for the case's and once overdue."""
    if due_on < today or kind in {CASE, EXTENDED}:
        return Left((due_on - today).days, "days")
    return Left(calendar.between(today, due_on), "workdays")


def confirmation_until(effective_on: dt.date) -> dt.date:
    """The last day on which both parties may ask the court to confirm their agreement (PMA 33)."""
    return effective_on + ONE_DAY * CONFIRM_DAYS


def second_session_until(first: dt.date, calendar: WorkCalendar) -> dt.date:
    """The last day for the second session of 治安调解 (APR 183)."""
    return calendar.add(first, SECOND_SESSION_DAYS)


def session_problem(held: Sequence[dt.date], day: dt.date, calendar: WorkCalendar, most: int) -> str:
    """Why no 治安调解 may be held on `day` after the days `held`: "many", "early" or "late"; empty when it may."""
    if not held:
        return ""
    if len(held) >= most:
        return "many"
    if day < max(held):
        return "early"
    return "late" if day > second_session_until(min(held), calendar) else ""
