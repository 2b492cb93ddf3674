"""The pages of the month: who has handed in, the freeze, and whether a signed month is still what was signed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from disputes.forms import Form
from disputes.models import FactsMissing, MoveRefused
from disputes.views import me, says_no
from ledgers.month import BadMonth, Month
from ledgers.months import doors
from ledgers.months.frozen import Checked, frozen
from ledgers.months.page import MonthPage
from villages.models import Area

DID = {
    "submit": gettext_lazy("已报送，等负责人签字"),
    "sign": gettext_lazy("已签字"),
    "recall": gettext_lazy("已撤回，改好后再报送"),
    "remind": gettext_lazy("已催报"),
}


def month_of(text: str | None) -> Month:
    """The month of an address; without one the month that is to be handed in now: the last whole one."""
    if not text:
        return Month.of(timezone.now()).shifted(-1)
    return Month.parse(text.strip())


def _shown(request: HttpRequest, month: Month, *, status: int = 200, **more: Any) -> HttpResponse:
    page = MonthPage(me(request), month, timezone.now())
    town = (request.POST.get("area") or request.GET.get("township") or "")[:12]
    rows = page.of_township(town if request.method == "GET" or len(page.of_township("")) < len(page.rows) else "")
    villages = page.villages_in()
    for row in rows:
        row.villages = villages.get(row.area.code[:9]) if row.area.level == Area.Level.TOWNSHIP else None
    context = {
        "month": month,
        "months": [month.shifted(-1), month.shifted(1)],
        "page": page,
        "rows": rows,
        "whole": len(rows) == len(page.rows),
        "has_errors": status == 422,
        **more,
    }
    return render(request, "ledgers/months/months.html", context, status=status)


def _bad(request: HttpRequest, bad: BadMonth) -> HttpResponse:
    doors.areas_to_hand_in(me(request))  # 403 before 422
    month = Month.of(timezone.now()).shifted(-1)
    return _shown(request, month, status=422, sentence=str(bad))


@require_safe
@says_no
def months(request: HttpRequest) -> HttpResponse:
    """Who has handed this month in, and who has not."""
    try:
        month = month_of(request.GET.get("month"))
    except BadMonth as bad:
        return _bad(request, bad)
    if "of" in request.GET:  # from the notice of a reminder
        month = doors.reminded_of(me(request), request.GET["of"]) or month
    return _shown(request, month)


@require_POST
@says_no
def step(request: HttpRequest) -> HttpResponse:
    """Submit, sign, take back or remind one area; remind without an area: all that are missing."""
    user, now, name = me(request), timezone.now(), request.POST.get("do", "")
    areas = doors.areas_to_hand_in(user)
    try:
        month = month_of(request.POST.get("month"))
    except BadMonth as bad:
        return _bad(request, bad)
    if name not in DID:
        return _shown(request, month, status=422, sentence=_("没有这一步，重新点一次"))
    code = request.POST.get("area", "")[:12]
    town = f"&township={code[:9]}000" if code.isdecimal() else ""
    back = HttpResponseRedirect(f"/ledger/months/?month={month}{town}")
    if name == "remind" and not code:
        told = 0
        for row in MonthPage(user, month, now).absent:
            try:
                doors.act("remind", area=row.area, month=month, by=user, at=now, request=request)
            except MoveRefused:
                continue
            told += 1
        messages.success(request, ngettext("已催报 %(n)s 处", "已催报 %(n)s 处", told) % {"n": told})
        return back
    area = get_object_or_404(areas, code=code)
    try:
        doors.act(name, area=area, month=month, by=user, at=now, reason=request.POST.get("reason", ""), request=request)
    except FactsMissing as missing:
        typed = {"recall_of": area.code, "reason": request.POST.get("reason", "")}
        return _shown(request, month, status=422, sentence="；".join(missing.errors.values()), **typed)
    messages.success(request, f"{area.short_name}：{DID[name]}")
    return back


class FreezeForm(Form):
    """Nothing is ticked beforehand."""

    month = forms.CharField(widget=forms.HiddenInput)
    anyway = forms.BooleanField(label=gettext_lazy("知道还有没报送的，仍要定稿"), required=False)


@require_http_methods(["GET", "POST"])
@says_no
def freeze(request: HttpRequest) -> HttpResponse:
    """Sign the month for the county; the page shows first what will stand below it."""
    user, now = me(request), timezone.now()
    county = doors.county_to_freeze(user)
    posted = request.method == "POST"
    try:
        month = month_of(request.POST.get("month") if posted else request.GET.get("month"))
    except BadMonth as bad:
        return _bad(request, bad)
    form = FreezeForm(request.POST if posted else None, initial={"month": month})
    cases: list[str] = []
    if posted and form.is_valid():
        try:
            doors.freeze(month=month, by=user, at=now, anyway=form.cleaned_data["anyway"], request=request)
        except FactsMissing as missing:
            for field, sentence in missing.errors.items():
                form.add_error(field, sentence)
        except doors.BrokenIdentity as broken:
            cases = broken.cases
            form.add_error(None, broken.sentence)
        else:
            messages.success(request, _("%(month)s 已定稿") % {"month": month})
            return HttpResponseRedirect(f"/ledger/?month={month}")
    else:
        refusal = doors.why_not_freeze(county, month, now)
        if refusal:
            raise MoveRefused(refusal)
    whole = doors.Whole(user, month, county, timezone.localdate(now))
    context = {
        "month": month,
        "county": county,
        "form": form,
        "cases": cases,
        "counts": whole.counts,
        "count": whole.count,
        "missing": doors.missing(county, month),
        "lines": list(doors.corrections(whole, county)),
        "has_errors": posted,
    }
    return render(request, "ledgers/months/freeze.html", context, status=422 if posted else 200)


@require_safe
@says_no
def check(request: HttpRequest) -> HttpResponse:
    """Whether a signed month is still what was signed, row by row."""
    user = me(request)
    doors.areas_to_hand_in(user)
    try:
        month = month_of(request.GET.get("month"))
    except BadMonth as bad:
        return _bad(request, bad)
    signed = frozen(user, month)
    if signed is None or not user.scope.has("supervisor"):
        raise Http404
    context = {"month": month, "signed": signed, "checked": Checked(signed)}
    return render(request, "ledgers/months/check.html", context)
