"""The floor of the ledger page: the month's sums in one scan, fifty bare rows with their children, one plain table."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, Sum
from django.http import HttpResponse
from django.template.loader import render_to_string

from disputes import models as d
from ledgers.month import Month
from tests.bench.floors import LEDGER_ROW, with_children


def page(request: Any) -> HttpResponse:
    month = Month.parse(request.GET["month"])
    rounds = d.Round.objects.filter(request.user.scope.q("dispute__")).exclude(left_as="voided")
    left = {name: Count("pk", filter=month.left & Q(left_as=name)) for name in ("settled", "withdrawn", "referred")}
    sums = rounds.filter(month.listed | month.opened | month.left).aggregate(
        carried=Count("pk", filter=month.carried), first=Count("pk", filter=month.opened & Q(no=1)),
        again=Count("pk", filter=month.opened & Q(no__gt=1)), still=Count("pk", filter=month.still_open),
        count=Count("pk", filter=month.listed), people=Sum("dispute__people_count", filter=month.listed),
        amount=Sum("dispute__amount", filter=month.listed), **left,
    )  # fmt: skip
    rows = list(rounds.filter(month.listed).order_by("opened_at", "pk").values(*LEDGER_ROW)[:50])
    return HttpResponse(render_to_string("bench/ledger.html", {"sums": sums, "rows": list(with_children(rows))}))
