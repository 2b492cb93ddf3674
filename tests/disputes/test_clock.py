"""Due dates, recomputed from scratch: limits, pauses, extension, holidays and make-up days."""

import datetime as dt

from disputes.clock import Course, Pause, Rules, deadline, time_left
from villages.policy import CATALOGUE
from villages.workdays import WorkCalendar

D = dt.date
SPRING = [D(2025, 1, 28) + dt.timedelta(n) for n in range(8)]  # 28 January – 4 February
CALENDAR = WorkCalendar(
    holidays=frozenset([*SPRING, D(2026, 1, 1)]),
    workdays=frozenset([D(2025, 1, 26), D(2025, 2, 8)]),
    years=frozenset([2025, 2026]),
)
RULES = Rules(policy={key: item.default for key, item in CATALOGUE.items()}, calendar=CALENDAR)


def due(**course):
    return deadline(Course(**{"waiting": False, "tier": 1, "arrived_on": D(2026, 3, 2), **course}), RULES)


def test_five_working_days_over_the_spring_festival():
    assert CALENDAR.add(D(2025, 1, 24), 5) == D(2025, 2, 7)
    assert CALENDAR.add(D(2025, 1, 24), 6) == D(2025, 2, 8)  # a Saturday at work


def test_tier_limits():
    assert [due(tier=tier).on for tier in (1, 2, 3)] == [D(2026, 3, 5), D(2026, 3, 11), D(2026, 3, 23)]


def test_taking_up_counts_inside_the_tiers_limit():
    found = due(waiting=True)
    assert (found.on, found.kind, found.escalate_on) == (D(2026, 3, 3), "take_up", D(2026, 3, 5))


def test_the_earlier_limit_binds_and_is_named():
    found = due(tier=3, accepted_on=D(2026, 2, 5))
    assert (found.on, found.kind, found.escalate_on) == (D(2026, 3, 7), "case", None)


def test_escalation_at_the_end_of_the_second_working_day_after():
    assert due(tier=2).escalate_on == D(2026, 3, 13)
    assert due(tier=3).escalate_on is None  # at the top tier the clock only reminds


def test_a_pause_moves_the_limit_by_its_working_days():
    found = due(pauses=[Pause(D(2026, 3, 3), D(2026, 3, 5))])  # Tuesday and Wednesday do not count
    assert found.on == D(2026, 3, 9)


def test_a_running_pause_stops_the_clock():
    found = due(pauses=[Pause(D(2026, 3, 3))])
    assert (found.on, found.escalate_on) == (None, None)


def test_pauses_move_the_case_limit_by_calendar_days():
    found = due(tier=3, accepted_on=D(2026, 3, 2), pauses=[Pause(D(2026, 3, 3), D(2026, 3, 13))])
    assert found.case_on == D(2026, 4, 11)


def test_an_extension_replaces_every_limit():
    found = due(accepted_on=D(2026, 1, 5), extended_until=D(2026, 6, 1))
    assert (found.on, found.kind, found.escalate_on, found.case_on) == (D(2026, 6, 1), "extended", None, D(2026, 6, 1))


def test_a_given_date_replaces_the_tiers_limit_only():
    assert due(given_until=D(2026, 3, 20)).on == D(2026, 3, 20)
    assert due(given_until=D(2026, 5, 20), accepted_on=D(2026, 3, 2)).on == D(2026, 4, 1)


def test_a_year_without_a_table_is_provisional():
    found = deadline(Course(waiting=False, tier=3, arrived_on=D(2026, 12, 20)), RULES)
    assert found.provisional
    assert not due().provisional


def test_time_left_speaks_the_unit_of_its_rule():
    left = time_left(D(2026, 3, 11), "tier", D(2026, 3, 5), CALENDAR)
    assert (left.days, left.unit) == (4, "workdays")
    left = time_left(D(2026, 4, 1), "case", D(2026, 3, 5), CALENDAR)
    assert (left.days, left.unit) == (27, "days")
    left = time_left(D(2026, 3, 3), "tier", D(2026, 3, 8), CALENDAR)
    assert (left.days, left.unit) == (-5, "days")  # overdue counts calendar days
