"""/dashboard/: the figures, the list behind each number, and the monthly figures that are typed by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from audit.models import Action, record, record_read_once
from ledgers.dashboard.board import Board, may_see, townships_of
from ledgers.dashboard.forms import AskForm, FigureForm, ListForm, MonthField
from ledgers.dashboard.listing import listed, shown
from ledgers.dashboard.models import FigureRefused, MonthlyFigure, enter, townships_to_fill
from ledgers.export import county_of
from ledgers.month import FIRST_YEAR, Month
from ledgers.periods import Period
from ledgers.rates import FIGURES, UNITS, Within, rows_of
from ledgers.views import area_name
from villages.models import User
from villages.pages import numbered
from villages.requests import SignedInRequest


def viewer(request: SignedInRequest) -> User:
    """The signed-in person, whose business the figures are; everybody else gets a 403 that says whose they are."""
    if not may_see(request.user):
        raise PermissionDenied(_("统计看板由督导、综治中心和单位负责人使用。本月的案件在“工作台账”里"))
    return request.user


@require_safe
def dashboard(request: SignedInRequest) -> HttpResponse:
    """Every rate and chart of a period; with print=1 as a sheet that says who printed it, and when."""
    user = viewer(request)
    form = AskForm(request.GET, townships=townships_of(user))
    if not form.is_valid():
        return render(request, "ledgers/dashboard.html", {"form": form, "has_errors": True}, status=422)
    period, town = form.cleaned_data["period"], form.area
    form.show(period)
    board = Board(user, period, township=town)
    month = Month.of(timezone.now())
    quarter = month.shifted(-((month.month - 1) % 3))
    year = Month(month.year, 1)
    near = [
        (_("本月"), Period.of(month)),
        (_("本季度"), Period(quarter, quarter.shifted(2))),
        (_("本年"), Period(year, year.shifted(11))),
    ]

    def address(other: Period, **more: str) -> str:
        return "?" + urlencode({"period": str(other), **({"township": town.code} if town else {}), **more})

    paper = request.GET.get("print") == "1"
    context: dict[str, Any] = {
        "form": form,
        "board": board,
        "period": period,
        "town": town,
        "area": town.short_name if town else area_name(user),
        "near": [(label, address(other), other == period) for label, other in near],
        "earlier": address(period.shifted(-1)) if period.first.year > FIRST_YEAR else "",
        "later": address(period.shifted(1)),
        "print_query": address(period, print="1"),
        "fills": bool(townships_to_fill(user)),
        "at": timezone.now(),
        "paper": paper,
    }
    if paper:
        row = record(
            action=Action.PRINT,
            actor=user,
            county=county_of(user),
            subject=f"dashboard {period}",
            detail={"period": str(period), "township": town.code if town else ""},
            request=request,
        )
        context["print_no"] = f"{row.county}/{row.seq}"
    return render(request, "ledgers/dashboard.html", context)


@require_safe
def figure_list(request: SignedInRequest, figure: str) -> HttpResponse:
    """The rows behind one number of the dashboard, as this viewer may read them; their count is that number."""
    user = viewer(request)
    if figure not in FIGURES:
        raise Http404
    form = ListForm(request.GET, user=user, figure=figure)
    what = FIGURES[figure]
    if not form.is_valid():
        context = {"form": form, "figure": what, "has_errors": True}
        return render(request, "ledgers/dashboard_list.html", context, status=422)
    told = form.cleaned_data
    within = Within(user.scope.cases).narrowed(**form.areas)
    rows = rows_of(figure, within, told["period"], timezone.localdate(), told["group"])
    page = numbered(request, listed(figure, rows))
    record_read_once(
        actor=user,
        subject=f"dashboard list {figure} {told['period']}",
        county=county_of(user),
        detail={"rows": page.paginator.count, **form.areas},
        request=request,
    )
    names = [dict(form.fields[name].choices)[code] for name, code in form.areas.items()]  # type: ignore[attr-defined]
    back = {"period": str(told["period"])}
    if form.areas.get("township") in {area.code for area in townships_of(user)}:
        back["township"] = form.areas["township"]
    context = {
        "figure": what,
        "form": form,
        "groups": [form.groups[group] for group in told["group"]],
        "period": told["period"],
        "where": "、".join(names) or area_name(user),
        "page": page,
        "rows": shown(figure, page.object_list, user),
        "unit": UNITS[what.unit],
        "back": f"{reverse('dashboard')}?{urlencode(back)}",
    }
    return render(request, "ledgers/dashboard_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def figures(request: SignedInRequest) -> HttpResponse:
    """The grid of 警情 and 案件: one month, a line per township of a supervisor's area."""
    user = request.user
    areas = townships_to_fill(user)
    if not areas:
        raise PermissionDenied(_("警情和案件由督导每月填写。看数字在“统计看板”里"))
    month, problem = Month.of(timezone.now()), ""
    try:
        month = MonthField(required=False).clean(request.GET.get("month", "")) or month
    except ValidationError as wrong:
        problem = wrong.messages[0]
    kept = MonthlyFigure.objects.filter(township__in=areas, month__in=[str(month), str(month.shifted(-1))])
    found = {(row.township_id, row.month): row for row in kept.select_related("by")}
    rows = [
        FigureForm(
            area,
            found.get((area.pk, str(month))),
            found.get((area.pk, str(month.shifted(-1)))),
            request.POST if request.method == "POST" else None,
        )
        for area in areas
    ]
    status = 422 if problem else 200
    if request.method == "POST" and not problem:
        judged = [row.is_valid() for row in rows]  # all of them, so that they say at once what is wrong
        if all(judged):
            told = {row.area.code: row.facts for row in rows}
            try:
                changed = enter(by=user, at=timezone.now(), month=month, rows=told, request=request)
            except FigureRefused as refused:
                for row in rows:
                    if sentence := refused.errors.get(row.area.code):
                        row.add_error(None, sentence)
            else:
                said = (
                    _("%(month)s 已保存，改了 %(n)s 行") % {"month": month, "n": changed} if changed else _("没有改动")
                )
                messages.success(request, said)
                return HttpResponseRedirect(f"{reverse('dashboard-figures')}?month={month}")
        status = 422
    context = {
        "rows": rows,
        "month": month,
        "before": month.shifted(-1),
        "problem": problem,
        "has_errors": status == 422,
        "errors": [(row, error) for row in rows if row.is_bound for errors in row.errors.values() for error in errors],
        "months": [month.shifted(-1), month.shifted(1)],
    }
    return render(request, "ledgers/dashboard_figures.html", context, status=status)
