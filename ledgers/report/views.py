"""/ledger/report/: the month in numbers, its files, and the rounds behind each number."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from audit.models import Action, record
from disputes.outcomes.models import OutcomeFlag
from ledgers.columns import ALL
from ledgers.export import county_of
from ledgers.month import LEDGER_ROLES, BadMonth, Month
from ledgers.months.frozen import FrozenLedger
from ledgers.report import narrative, sheet
from ledgers.report.blocks import Report
from ledgers.report.tally import MORE_FIGURES, Tally, TypeMaps, figures
from ledgers.views import PAGE, area_name
from villages.models import User

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
#: What the list behind a number tells of each round: nothing that names anybody.
SHOWN = ("no", "case_no", "township", "village", "type", "people", "amount", "office", "outcome", "remark")
GROUPINGS = ("", "type", "moj", "way", "org", "township")


def reader(request: HttpRequest) -> User:
    user: User = request.user  # type: ignore[assignment]
    if not user.scope.has(*LEDGER_ROLES):
        raise PermissionDenied(_("你的岗位不看月报。需要的联系责任单位或督导"))
    return user


def _month(request: HttpRequest) -> Month:
    """Without one the last whole month, which is the one that is reported."""
    text = request.GET.get("month")
    return Month.parse(text.strip()) if text else Month.of(timezone.now()).shifted(-1)


def _refusal(request: HttpRequest, sentence: str) -> HttpResponse:
    month = Month.of(timezone.now()).shifted(-1)
    context = {"sentence": sentence, "month": month, "months": [month.shifted(-1), month.shifted(1)]}
    return render(request, "ledgers/report/report.html", {**context, "has_errors": True}, status=422)


@require_safe
def report(request: HttpRequest) -> HttpResponse:
    """The report of one month."""
    user = reader(request)
    try:
        month = _month(request)
    except BadMonth as bad:
        return _refusal(request, str(bad))
    made = Report(user, month)
    context = {
        "month": month,
        "months": [month.shifted(-1), month.shifted(1)],
        "blocks": made.blocks(),
        "signed": made.signed,
        "area": area_name(user),
        "at": timezone.now(),
    }
    return render(request, "ledgers/report/report.html", context)


@require_safe
def download(request: HttpRequest) -> HttpResponse:
    """The report as a workbook, or as a text to go on writing in; logged before the first byte."""
    user = reader(request)
    kind = request.GET.get("format", "xlsx")
    try:
        month = _month(request)
    except BadMonth as bad:
        return _refusal(request, str(bad))
    if kind not in ("xlsx", "docx"):
        return _refusal(request, _("只有 xlsx 和 docx 两种格式，选其中一种"))
    made, area = Report(user, month), area_name(user)
    if kind == "xlsx":
        with NamedTemporaryFile() as file:
            sheet.write(Path(file.name), _("%(area)s %(month)s 月报") % {"area": area, "month": month}, made.blocks())
            content = Path(file.name).read_bytes()
    else:
        unit = user.scope.offices[0].name if user.scope.offices else ""
        content = narrative.docx(made, area=area, unit=unit, today=timezone.localdate())
    record(
        action=Action.EXPORT,
        actor=user,
        county=county_of(user),
        subject=f"report {month}",
        detail={"month": str(month), "format": kind, "new": made.total.new},
        request=request,
    )
    answer = HttpResponse(io.BytesIO(content), content_type=XLSX if kind == "xlsx" else DOCX)
    name = f"report-{county_of(user)}-{month}.{kind}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_safe
def rows(request: HttpRequest) -> HttpResponse:
    """The rounds, or the flags, that one number of the report counts."""
    user = reader(request)
    figure, by, key = (request.GET.get(name, "") for name in ("figure", "by", "key"))
    figure = figure or "new"
    try:
        month = _month(request)
    except BadMonth as bad:
        return _refusal(request, str(bad))
    tally = Tally(user, month)
    context: dict[str, Any] = {"month": month, "signed": tally.ledger.signed}
    if figure == "flag":
        if key not in OutcomeFlag.Kind.values:
            raise Http404
        found = tally.flags().filter(kind=key).order_by("on", "pk")
        signed = isinstance(tally.ledger, FrozenLedger)
        page = Paginator(found if signed else found.select_related("dispute"), PAGE).get_page(request.GET.get("page"))
        context |= {
            "page": page,
            "heading": OutcomeFlag.Kind(key).label,
            "count": sum(row.cases for row in found) if signed else page.paginator.count,
            "flags": [(row.case_no if signed else row.dispute.case_no, row.on, row.people) for row in page.object_list],
        }
        return render(request, "ledgers/report/rows.html", context)
    if figure not in {*figures(month), *MORE_FIGURES} or by not in GROUPINGS:
        raise Http404
    try:
        found = tally.behind(figure, by, key, TypeMaps())
    except KeyError:
        raise Http404 from None
    order = ("position",) if isinstance(tally.ledger, FrozenLedger) else ("opened_at", "pk")
    page = Paginator(found.order_by(*order).values_list("pk", flat=True), PAGE).get_page(request.GET.get("page"))
    columns = tuple(ALL[name] for name in SHOWN)
    tally.ledger.columns = columns
    shown = tally.ledger.rows(list(page.object_list), first=page.start_index() or 1)
    labels = Labels()
    context |= {
        "page": page,
        "count": page.paginator.count,
        "heading": labels[figure],
        "columns": columns,
        "rows": [[(c, c.text(c.value(row))) for c in columns] for row in shown],
    }
    return render(request, "ledgers/report/rows.html", context)


class Labels(dict[str, str]):
    """What a figure is called above its list."""

    def __init__(self) -> None:
        super().__init__(
            carried=_("上月结转"), new=_("本月新收"), first=_("首次登记"), relapsed=_("反弹"), done=_("本月办结"),
            settled=_("化解"), success=_("调解成功"), written=_("书面协议"), oral=_("口头协议"),
            self_settled=_("自行和解"), ended=_("调解不成"), final=_("调解终结"), withdrawn=_("撤回"),
            referred=_("引导其他途径"), merged=_("并案"), still_open=_("期末在办"),
        )  # fmt: skip
