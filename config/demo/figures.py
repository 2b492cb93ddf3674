"""The police's monthly figures of a year, invented, and every sum counted ahead."""

from __future__ import annotations

import random

from config.demo.history import History
from ledgers.dashboard.models import enter, townships_to_fill
from ledgers.dashboard.sums import refresh
from ledgers.month import Month
from villages.models import User

MONTHS = 12


def type_in(history: History, seed: int) -> None:
    """What a county's supervisor typed month by month; the present month is not over and has nothing yet."""
    supervisor = User.objects.get(username="supervisor1")
    dice = random.Random(seed)
    areas = townships_to_fill(supervisor)
    this = Month.of(history.end)
    for back in range(MONTHS, 0, -1):
        rows = {}
        for area in areas:
            calls = dice.randint(6, 14) + back // 2
            rows[area.code] = {"calls": calls, "incidents": dice.randint(0, 2) + back // 6, "version": 0}
        enter(by=supervisor, at=history.end, month=this.shifted(-back), rows=rows)
    while refresh():
        pass
