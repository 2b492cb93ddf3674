"""Milliseconds of the county's monthly report beside the grouped statements that any such report needs.

Run by tests.bench.run in the environment of a prepared site. Prints one line of JSON.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402
from django.template.loader import render_to_string  # noqa: E402

from ledgers.month import Month  # noqa: E402
from ledgers.report.blocks import Report  # noqa: E402
from villages.models import User  # noqa: E402

ROUNDS, MONTH = 7, Month(2026, 10)
JOINS = """FROM disputes_round r JOIN disputes_dispute d ON d.id = r.dispute_id LEFT JOIN disputes_agreement a
  ON a.dispute_id = d.id AND a.round = r.no
  WHERE d.county_id = %(county)s AND r.left_as <> 'voided' AND r.opened_at < %(end)s
  AND (r.left_at IS NULL OR r.left_at >= %(start)s)"""
SUMS = """COUNT(*) FILTER (WHERE r.opened_at < %(start)s), COUNT(*) FILTER (WHERE r.opened_at >= %(start)s),
  COUNT(*) FILTER (WHERE r.left_at < %(end)s), COUNT(*) FILTER (WHERE r.left_at IS NULL OR r.left_at >= %(end)s),
  COUNT(*) FILTER (WHERE r.left_at < %(end)s AND a.result IN ('written', 'oral')),
  SUM(d.people_count), SUM(d.amount)"""


def milliseconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def ours(user: User) -> str:
    return render_to_string("ledgers/report/report.html", {"month": MONTH, "blocks": Report(user, MONTH).blocks()})


def floor(county: int) -> str:
    """Two groupings of the month, the totals of the two months that it is compared with, the promises, and a table."""
    at, rows = connection.ops.adapt_datetimefield_value, []
    with connection.cursor() as cursor:
        for month, names in (
            (MONTH, "d.type_l1, d.type_l2, d.source"),
            (MONTH, "COALESCE(a.organisation_id, d.desk_id)"),
            (MONTH.shifted(-1), ""),
            (MONTH.shifted(-12), ""),
        ):
            span = {"county": county, "start": at(month.start), "end": at(month.end)}
            grouped = f"SELECT {names}, {SUMS} {JOINS} GROUP BY {names}" if names else f"SELECT {SUMS} {JOINS}"
            cursor.execute(grouped, span)
            rows += cursor.fetchall()
        cursor.execute(f"SELECT SUM(o.amount), COUNT(*) {JOINS.replace(' WHERE', JOIN, 1)}", span)
        rows += cursor.fetchall()
    return render_to_string("bench/report.html", {"rows": rows})


JOIN = " JOIN disputes_obligation o ON o.agreement_id = a.id WHERE"


def main() -> dict[str, Any]:
    user = User.objects.get(username="supervisor1")
    county = min(user.scope.counties)
    ours(user), floor(county)  # what is read once and kept
    took = [(milliseconds(lambda: ours(user)), milliseconds(lambda: floor(county))) for _ in range(ROUNDS)]
    return {"report": [statistics.median(column) for column in zip(*took, strict=True)]}


if __name__ == "__main__":
    print(json.dumps(main()))
