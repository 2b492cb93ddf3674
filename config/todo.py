"""The pages of one's own to-dos beside the list: put off, take back, and the sheet for the day."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.models import NO_COUNTY, Action, record
from config import work
from config.views import signed_in
from disputes.forms import Form, day_field, text_field
from disputes.models import FactsMissing, MoveRefused
from followups.handing import doors
from villages.models import User


class DeferForm(Form):
    """To which day, and why."""

    until = day_field(gettext_lazy("推迟到"), help_text=gettext_lazy("可写 明天、周五、+2"))
    reason = text_field(
        gettext_lazy("推迟的理由"), limit=100, help_text=gettext_lazy("2 到 100 个字，本单位负责人看得到")
    )


def worker(request: HttpRequest) -> User:
    """The person, where their postings give them something to do; a 403 that says so for the others."""
    user = signed_in(request)
    if not work.has_todos(user):
        raise PermissionDenied(_("你的岗位没有待办。有事会在通知里"))
    return user


def _own(request: HttpRequest, key: str) -> tuple[User, work.Todo]:
    user = worker(request)
    row = work.Work(user, timezone.localdate()).find(key)
    if row is None:
        raise Http404
    return user, row


@require_http_methods(["GET", "POST"])
def defer(request: HttpRequest, key: str) -> HttpResponse:
    """Put one to-do off to a later day, with a reason."""
    user, row = _own(request, key)
    today = timezone.localdate()
    initial = {"until": row.until, "reason": row.why_later} if row.until else None
    form = DeferForm(request.POST if request.method == "POST" else None, initial=initial)
    status, refused = 200, _urgent(row)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                kept = doors.put_off(
                    by=user, at=timezone.now(), key=row.key, due_on=row.deferred_for, urgent=row.urgent,
                    case_no=row.case_no, request=request, **form.cleaned_data,
                )  # fmt: skip
            except FactsMissing as missing:
                for name, words in missing.errors.items():
                    form.add_error(name, words)
            except MoveRefused as refusal:
                status, refused = 409, refusal.sentence
            else:
                words = _("已推迟到 %(day)s，到那天自己回来") % {"day": kept.until}
                messages.success(request, words, extra_tags=f"undo=/todo/undo/{row.key}/")
                return redirect("/todo/")
    elif refused:
        status = 409
    last = doors.latest_day(today)
    context = {"row": row, "form": form, "today": today, "last": last, "refused": refused, "has_errors": status == 422}
    return render(request, "todo_defer.html", context, status=status)


def _urgent(row: work.Todo) -> str:
    return doors.cannot_wait() if row.urgent else ""


@require_POST
def undo(request: HttpRequest, key: str) -> HttpResponse:
    """A to-do that was put off stands in the list again."""
    user, row = _own(request, key)
    if doors.take_back(by=user, at=timezone.now(), key=row.key, case_no=row.case_no, request=request):
        messages.success(request, _("已撤销推迟"))
    return redirect("/todo/")


@require_GET
def day_sheet(request: HttpRequest) -> HttpResponse:
    """What is late and what is due today, by village, to take along on paper; printing is logged."""
    user, today = worker(request), timezone.localdate()
    found = sheet_of(user, today)
    county = next((office.area.county_code for office in user.scope.offices if office.area.county_code), NO_COUNTY)
    with transaction.atomic():
        detail = {"sheet": "todo", "rows": found["count"], "left_out": found["left_out"]}
        record(action=Action.PRINT, actor=user, county=county, subject="todo", detail=detail, request=request)
    context = {**found, "today": today, "at": timezone.localtime(), "offices": user.scope.offices[:2]}
    return render(request, "todo_print.html", context)


def sheet_of(user: User, today: dt.date) -> dict[str, Any]:
    """The rows of the day's sheet by village; family cases are counted and not named (domain.md 6.5)."""
    days = work.Work(user, today)
    due = days.fill([row for row in days.now if row.when in ("overdue", "today")])
    shown = [row for row in due if not row.family]
    villages: dict[str, list[work.Todo]] = {}
    for row in sorted(shown, key=lambda row: row.village == ""):  # what has no village stands last
        villages.setdefault(row.village, []).append(row)
    groups = sorted(villages.items(), key=lambda group: (group[0] == "", group[0]))
    return {
        "groups": [{"village": village or _("不分村"), "rows": rows} for village, rows in groups],
        "count": len(shown),
        "left_out": len(due) - len(shown),
    }
