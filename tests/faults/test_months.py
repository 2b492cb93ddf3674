"""Two people freezing one month in real processes: one does, the other is told who was first."""

from __future__ import annotations

from disputes.models import MoveRefused
from ledgers.month import Month
from ledgers.months import doors
from ledgers.months.models import FrozenRow, MonthlyLedger
from tests import factories as f
from tests.faults import processes
from villages.models import Role

FIRST, AT = Month(2026, 3), f.moment("2027-06-01 09:00")
MONTHS = 6


def freeze_all(number: int, barrier, w) -> list[str]:
    """Each month in turn: both processes wait for one another, and sign it."""
    answers, by = [], (w.supervisor, w.second_supervisor)[number]
    for turn in range(MONTHS):
        by.forget_scope()
        barrier.wait(60)
        try:
            doors.freeze(month=FIRST.shifted(turn), by=by, at=AT, anyway=True)
            answers.append("won")
        except MoveRefused as refused:
            answers.append(refused.sentence)
        barrier.wait(60)
    return answers


def test_of_two_who_freeze_one_month_one_does(w):
    w.second_supervisor = f.user("second_supervisor", "何督导", (w.bureau, Role.SUPERVISOR))
    for _ in range(5):
        f.mediating(w)
    barrier = processes.CONTEXT.Barrier(2)
    first, second = processes.together(2, freeze_all, barrier, w)
    assert isinstance(first, list) and isinstance(second, list), (first, second)
    for a, b in zip(first, second, strict=True):
        assert (a == "won") != (b == "won"), (a, b)
        assert "定稿，不能再动" in (a, b)[a == "won"]
    assert MonthlyLedger.objects.count() == MONTHS
    assert FrozenRow.objects.count() == 5 * MONTHS
