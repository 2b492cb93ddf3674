"""Fill an empty database: the county, its people, a year of cases, and the marker that says so."""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction

from audit.models import Action, record
from config import demo
from config.demo.bulk import fill
from config.demo.county import County, build
from config.demo.exports import take_out
from config.demo.figures import type_in
from config.demo.handing import leave_behind
from config.demo.history import SHANGHAI, History
from config.demo.imports import bring_an_old_ledger
from config.demo.layouts import lay_out
from config.demo.months import hand_in
from config.demo.staged import stories
from config.demo.stories import ordinary
from followups.models import Notice
from villages.models import Policy

#: Above so many cases the year is told with the usual number, and the rest is written in bulk behind it.
BULK_ABOVE, TOLD = 2000, 240
EARLIEST = dt.date(2021, 9, 1)  # the divisions and everybody's postings begin on 2020-06-30


def load(*, disputes: int, seed: int, password: str, today: dt.date) -> County:
    """All of it in one transaction: an interrupted load leaves an empty database, which can be loaded again."""
    began = dt.datetime.combine(today - dt.timedelta(days=400), dt.time(9), SHANGHAI)
    with transaction.atomic():
        _take_your_time()
        county = build(seed=seed, password=password, at=began)
        history = History(county, seed, today)
        history.start(history.clock(today - dt.timedelta(days=370)))
        left = min(disputes, TOLD) if disputes > BULK_ABOVE else disputes
        if disputes > left:
            fill(history, disputes - left)
        for cases, story in stories(history):
            if cases <= left:
                history.start(story)
                left -= cases
        for number in range(left):
            history.start(ordinary(history, number))
        history.run()
        leave_behind(history)
        type_in(history, seed)
        bring_an_old_ledger(history)
        if disputes <= BULK_ABOVE:  # a county of a hundred thousand cases signs its own months
            hand_in(history)
        lay_out(history)
        take_out(history)
        # What came before the last working day has been read: the badges show what is new.
        new = dt.datetime.combine(history.last_workday(today), dt.time(0), SHANGHAI)
        Notice.objects.filter(created_at__lt=new).mark_read(history.end)
        Policy.objects.create(key=demo.MARKER, value=1, valid_from=began.date())
        record(
            action=Action.IMPORT,
            county=county.area.county_code,
            subject="demo",
            detail={"disputes": disputes, "seed": seed, "today": today.isoformat()},
            at=history.end,
        )
    demo.forget()
    return county


def _take_your_time() -> None:
    """Building a chunk in memory may take longer than a web request may leave its transaction idle."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
