"""/ledger/: the month on the screen as on paper, its print and its export. All three ask `ledgers.month.Ledger`."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from audit.models import Action
from ledgers.export import record_output
from ledgers.filters import LedgerFilter, areas_of
from ledgers.layouts.models import kept
from ledgers.month import LEDGER_ROLES, BadMonth, Month
from ledgers.months.frozen import ledger_for
from ledgers.profiles import DEFAULT, BadProfile, profile, profiles_for
from ledgers.sheet import Sheet
from villages.models import Area, User

PAGE = 50
#: More rows than this are printed from the file.
PRINT_LIMIT = 1000


def needs_ledger(user: User) -> None:
    """Raise the 403 of whoever has no ledger."""
    if not user.scope.has(*LEDGER_ROLES):
        raise PermissionDenied(_("你的岗位不看工作台账。需要的联系责任单位或督导"))


class Asked:
    """What a request asks for: month, layout, conditions and the ledger; or the sentence that says what is wrong."""

    def __init__(self, request: HttpRequest) -> None:
        user: User = request.user  # type: ignore[assignment]
        needs_ledger(user)
        self.sentence = ""
        self.month, self.profile = Month.of(timezone.now()), DEFAULT
        try:
            if "month" in request.GET:
                self.month = Month.parse(request.GET["month"].strip())
            if request.GET.get("profile"):
                self.profile = profile(user, request.GET["profile"])
        except (BadMonth, BadProfile) as bad:
            self.sentence = str(bad)
        self.filter = LedgerFilter(request.GET, user=user, month=self.month)
        self.form = self.filter.form
        if not self.sentence and not self.form.is_valid():
            wrong = "、".join(str(self.form.fields[name].label) for name in self.form.errors)
            self.sentence = _("%(what)s不在可选的范围里，重新选一项") % {"what": wrong}
        self.ledger = None if self.sentence else ledger_for(user, self.month, self.filter, columns=self.profile.columns)

    def chosen(self) -> dict[str, str]:
        """The conditions, and the layout where it is not the usual one."""
        return self.filter.chosen() | ({} if self.profile is DEFAULT else {"profile": self.profile.key})

    def query(self, **changes: Any) -> str:
        """This ledger's address with some parameters changed; None removes one."""
        asked = {"month": str(self.month), **self.chosen()} | changes
        return "?" + urlencode({name: value for name, value in asked.items() if value is not None})


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The month's table with its sums; with print=1 every row, for the printer; with full=1 the table and no more."""
    asked = Asked(request)
    user: User = request.user  # type: ignore[assignment]
    if asked.ledger is None:
        return _refusal(request, asked)
    ledger = asked.ledger
    paper = request.GET.get("print") == "1"
    if paper and ledger.count > PRINT_LIMIT:
        asked.sentence = _("这个月有 %(n)s 件，超过一次能打印的 %(most)s 件。先加条件，或者导出 Excel 再打印") % {
            "n": ledger.count,
            "most": PRINT_LIMIT,
        }
        return _refusal(request, asked)
    paginator = Paginator(ledger.ids(), PRINT_LIMIT if paper else PAGE)
    paginator.count = ledger.count  # the sums counted it already
    shown = paginator.get_page(request.GET.get("page"))
    sheet = Sheet(asked.profile)
    lines, cards = sheet.draw(ledger.rows(shown.object_list, first=shown.start_index() or 1))
    context = {
        "asked": asked,
        "form": asked.form,
        "month": ledger.month,
        "months": [(month, asked.query(month=month)) for month in (ledger.month.shifted(-1), ledger.month.shifted(1))],
        "counts": ledger.counts,
        "offenders": [] if ledger.counts.holds else ledger.offenders(),
        "voided": ledger.voided(),
        "signed": ledger.signed,
        "corrections": ledger.corrections,
        "profiles": profiles_for(user),
        "head": asked.profile.head(),
        "still": sheet.still,
        "lines": lines,
        "cards": [] if paper else cards,
        "totals": sheet.line(sheet.texts(ledger.totals())),
        "page": shown,
        "area": area_name(ledger.user),
        "at": timezone.now(),
        "paper": paper,
        "full": request.GET.get("full") == "1",
        "full_query": asked.query(full=1),
        "back_query": asked.query(),
        "chips": [{"text": text, "url": asked.query(**{name: None})} for name, text in asked.filter.chips()],
        "clear_url": f"?month={ledger.month}",
        "saved": kept(user),
        "kept_query": urlencode(asked.chosen()),
        "export_query": asked.query(format="xlsx"),
        "csv_query": asked.query(format="csv"),
        "print_query": asked.query(print=1),
    }
    if not ledger.count:
        nearest = ledger.nearest_month()
        context["nearest"], context["nearest_url"] = nearest, f"?month={nearest}"
    if paper:
        context["print_no"] = record_output(
            ledger, Action.PRINT, ledger.count, {"format": "print", **asked.chosen()}, request
        )
    return render(request, "ledgers/ledger.html", context)


@require_safe
def download(request: HttpRequest) -> HttpResponse:
    """The way to the same ledger as a file: there it is asked why."""
    user: User = request.user  # type: ignore[assignment]
    if not user.scope.has(*LEDGER_ROLES):
        raise PermissionDenied(_("你的岗位不看工作台账。需要的联系责任单位或督导"))
    query = request.GET.urlencode()
    return redirect("/exports/new/" + (f"?{query}" if query else ""))


def _refusal(request: HttpRequest, asked: Asked) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]
    context = {
        "asked": asked, "form": asked.form, "month": asked.month, "has_errors": True, "profiles": profiles_for(user)
    }  # fmt: skip
    return render(request, "ledgers/ledger.html", context, status=422)


def area_name(user: User) -> str:
    """The area of the title: one name, or the first with how many there are."""
    scope = user.scope
    if scope.counties:
        names = list(Area.objects.filter(pk__in=scope.counties).values_list("short_name", flat=True))
    else:
        areas = list(areas_of(user))
        towns = [area.short_name for area in areas if area.level == Area.Level.TOWNSHIP]
        names = towns or [area.full_name for area in areas]
    if len(names) > 1:
        return _("%(first)s等%(n)s处") % {"first": names[0], "n": len(names)}
    return names[0] if names else ""
