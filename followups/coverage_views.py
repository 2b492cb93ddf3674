"""The pages of oversight: coverage with hints, the visits behind a number, 回头看; and the route list of a day."""

from __future__ import annotations

from typing import cast

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from disputes import masking, parsing
from disputes.codes import names as code_names
from disputes.codes import type_name
from disputes.forms import Form, PickField
from followups import coverage, visits
from villages.models import DESK_ROLES, Area, Role, User, today
from villages.pages import for_roles, numbered
from villages.requests import SignedInRequest


def overseer(request: SignedInRequest) -> User:
    """The signed-in person, who supervises or leads a desk; everybody else gets a 403 that says so."""
    if not coverage.oversees(request.user):
        raise PermissionDenied(_("这一页由督导和单位负责人使用。要回访的在“回访”里"))
    return request.user


class PeriodForm(Form):
    """Over how many months, and of which village."""

    months = forms.TypedChoiceField(
        label=gettext_lazy("化解时间"),
        coerce=int,
        required=False,
        empty_value=None,
    )
    village = PickField(label=gettext_lazy("村（社区）"))

    def __init__(self, query: QueryDict, *, user: User) -> None:
        super().__init__(query)
        self.query = query
        known, months = {1, 3, 6, 12, coverage.MOST_MONTHS}, str(query.get("months", ""))
        if months.isdecimal() and 1 <= int(months) <= coverage.MOST_MONTHS:  # any number may stand in the address
            known.add(int(months))
        choices = [(n, _("近 %(n)d 个月") % {"n": n}) for n in sorted(known)]
        self.fields["months"].choices = choices  # type: ignore[attr-defined]
        self.fields["months"].initial = coverage.MONTHS
        rows = coverage.settled_cases(user, coverage.MOST_MONTHS, today()).order_by().values("village")
        areas = Area.objects.filter(pk__in=rows).select_related("parent").order_by("code")
        villages = [("", _("全部村")), *((row.code, row.full_name) for row in areas)]
        cast(PickField, self.fields["village"]).choices = villages

    @property
    def period(self) -> int:
        return self.cleaned_data.get("months") or coverage.MONTHS if self.is_valid() else coverage.MONTHS

    @property
    def chips(self) -> list[dict[str, str]]:
        """The chosen conditions, each with the link that takes it away."""
        out = []
        for name in self.fields:
            value = self.cleaned_data.get(name) if self.is_valid() else None
            if not value or (name == "months" and value == coverage.MONTHS):
                continue
            query = self.query.copy()
            query.pop(name, None)
            query.pop("page", None)
            shown = dict(self.fields[name].choices).get(value, value)  # type: ignore[attr-defined]
            out.append({"text": f"{self.fields[name].label}：{shown}", "url": f"?{query.urlencode()}"})
        return out


class LookBackForm(PeriodForm):
    gap = PickField(label=gettext_lazy("缺口"), choices=[("", gettext_lazy("不限")), *coverage.GAPS.items()])


@require_GET
def coverage_page(request: SignedInRequest) -> HttpResponse:
    """Who was visited and who was not, village by village; below it what may be looked at once more."""
    user = overseer(request)
    form = PeriodForm(request.GET, user=user)
    rows = coverage.coverage(user, form.period, today())
    village = form.cleaned_data.get("village") if form.is_valid() else ""
    rows = [row for row in rows if not village or row.area.code == village]
    context = {
        "form": form,
        "chips": form.chips,
        "months": form.period,
        "rows": rows,
        "outcomes": coverage.OUTCOMES,
        "total": {
            "settled": sum(row.settled for row in rows),
            "due": sum(row.due for row in rows),
            "cells": [(name, sum(row.counts.get(name, 0) for row in rows)) for name in coverage.OUTCOMES],
        },
        "village": village,
        "hints": coverage.hints(user, form.period, today()),
    }
    return render(request, "followups/coverage.html", context)


@require_GET
def covered(request: SignedInRequest) -> HttpResponse:
    """The visits behind one number of the coverage page, or behind one hint."""
    user = overseer(request)
    form = PeriodForm(request.GET, user=user)
    village = form.cleaned_data.get("village", "") if form.is_valid() else ""
    kind, of = request.GET.get("kind") or "due", request.GET.get("of", "")
    found = coverage.behind(user, kind, months=form.period, today=today(), village=village, of=of)
    if found is None:
        raise Http404
    rows = found.rows.select_related("dispute__village__parent", "party", "office", "by").prefetch_related(
        "dispute__parties"
    )
    page = numbered(request, rows.order_by("due_on", "dispute_id", "pk"))
    names = code_names()
    for row in page.object_list:
        case = row.dispute
        row.title = case.title_for(user, type_name(names, case.type_l1, case.type_l2))
        row.who = visits.shown_name(case, row.party, user)
        hidden = [p.name for p in case.parties.all()] if case.names_hidden_from(user) else []
        row.told = masking.mask_in(row.demands, hidden)
    context = {"page": page, "heading": found.heading, "hint": found.hint, "months": form.period, "today": today()}
    return render(request, "followups/covered.html", context)


@require_GET
def look_back(request: SignedInRequest) -> HttpResponse:
    """回头看: everything settled in the last months, with last contact, next contact and gaps."""
    user = overseer(request)
    form = LookBackForm(request.GET, user=user)
    rows = coverage.look_back(user, form.period, today()).select_related("village__parent", "desk")
    if form.is_valid():
        if form.cleaned_data["village"]:
            rows = rows.filter(village__code=form.cleaned_data["village"])
        if form.cleaned_data["gap"]:
            rows = rows.filter(**{f"gap_{form.cleaned_data['gap']}": True})
    page = numbered(request, rows.order_by("-settled_at", "-pk"))
    names = code_names()
    for case in page.object_list:
        case.title = case.title_for(user, type_name(names, case.type_l1, case.type_l2))
        case.gaps = coverage.gaps_of(case)
    context = {"form": form, "chips": form.chips, "page": page, "months": form.period, "today": today()}
    return render(request, "followups/look_back.html", context)


@require_GET
@for_roles(*sorted(DESK_ROLES), Role.SUPERVISOR)
def route(request: SignedInRequest) -> HttpResponse:
    """The visits of one day by village, to print and take along; families stand on no such list (domain 6.5)."""
    user, problem, day = request.user, "", today()
    try:
        day = parsing.day(request.GET.get("day", ""), today()) or day
    except ValidationError as wrong:
        problem = wrong.messages[0]
    rows, left_out = coverage.route(user, day)
    page = numbered(request, rows, per_page=coverage.ROUTE_ROWS)
    names = code_names()
    for row in page.object_list:
        case = row.dispute
        row.title = case.title_for(user, type_name(names, case.type_l1, case.type_l2))
        row.who = visits.shown_name(case, row.party, user)
        row.phone = "" if case.names_hidden_from(user) else row.party.phone_masked
    context = {"page": page, "day": day, "typed": request.GET.get("day", ""), "problem": problem, "left_out": left_out}
    return render(request, "followups/route.html", {**context, "today": today()})
