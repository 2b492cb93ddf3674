"""/imports/: bring an old ledger, say what its columns are, look at the dry run, put it in, take it back."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.models import Action, record
from disputes.attachments import FileRefused
from disputes.models import Dispute, MoveRefused
from disputes.views import says_no
from ledgers.files import CONTENT_TYPES
from ledgers.imports import checking, doors, mapping
from ledgers.imports.forms import ColumnsForm, UploadForm
from ledgers.imports.mending import write_mend
from ledgers.imports.models import ImportBatch, ImportRow, may_import
from ledgers.imports.reading import shown
from villages.pages import numbered
from villages.requests import SignedInRequest

PER_PAGE = 20
VIEWS = ("refused", "noticed", "ready", "skipped")
#: Columns of a line's preview: what most tells one line from another.
PREVIEW = ("found_on", "narrative", "side_a", "parties", "outcome")


def _require(request: SignedInRequest) -> None:
    if not may_import(request.user):
        raise PermissionDenied(_("只有单位负责人和督导可以导入旧台账。需要导入的联系他们"))


def _find(request: SignedInRequest, uid: uuid.UUID) -> ImportBatch:
    _require(request)
    rows = ImportBatch.objects.visible_to(request.user).select_related(
        "by", "county", "office", "job", "village__parent"
    )
    return get_object_or_404(rows, uid=uid)


@require_http_methods(["GET", "HEAD", "POST"])
@says_no
def imports(request: SignedInRequest) -> HttpResponse:
    """One's imports, and a new one."""
    _require(request)
    form, status = UploadForm(), 200
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                taken = doors.take_file(form.cleaned_data["file"], by=request.user, at=timezone.now(), request=request)
            except FileRefused as refused:
                form.add_error("file", refused.sentence)
            else:
                return redirect(taken)
        status = 422
    page = numbered(request, ImportBatch.objects.visible_to(request.user))
    context = {"form": form, "page": page, "has_errors": status == 422}
    return render(request, "ledgers/imports.html", context, status=status)


@require_safe
@says_no
def batch(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """How far an import is, and what each line came to."""
    found = _find(request, uid)
    if found.state == ImportBatch.State.READ:
        return _columns_page(request, found, ColumnsForm(batch=found))
    return render(request, "ledgers/import.html", _context(request, found))


@require_http_methods(["GET", "HEAD", "POST"])
@says_no
def columns(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """What the columns are; sent, every line is checked."""
    found = _find(request, uid)
    form = ColumnsForm(request.POST if request.method == "POST" else None, batch=found)
    if request.method == "POST":
        if not form.is_valid():
            return _columns_page(request, found, form, status=422)
        doors.check(found, at=timezone.now(), columns=form.columns(), **form.told())
        return redirect(found)
    if found.state not in (ImportBatch.State.READ, ImportBatch.State.CHECKED):
        raise MoveRefused(_("这次导入现在是“%(state)s”，不能再改列") % {"state": found.get_state_display()})
    return _columns_page(request, found, form)


def _columns_page(request: SignedInRequest, found: ImportBatch, form: ColumnsForm, status: int = 200) -> HttpResponse:
    samples = samples_of(found)
    fields = [(form[f"c{n}"], samples.get(label, "")) for n, label in enumerate(found.mapping)]
    context = {"batch": found, "form": form, "fields": fields, "has_errors": status == 422}
    return render(request, "ledgers/import_columns.html", context, status=status)


def samples_of(found: ImportBatch) -> dict[str, str]:
    """The first values of each column, so that somebody sees what it holds."""
    told: dict[str, list[str]] = {}
    for sheet in found.read():
        head = mapping.find_head(sheet)
        if head.line is None:
            continue
        for row in sheet.rows[head.line + head.height :][:12]:
            for at, label in enumerate(head.labels):
                text = shown(row[at]).strip() if at < len(row) else ""
                values = told.setdefault(label, [])
                if text and len(values) < 2 and text not in values:
                    values.append(text[:24])
    return {label: "，".join(values) for label, values in told.items()}


def _context(request: SignedInRequest, found: ImportBatch) -> dict[str, Any]:
    asked = request.GET.get("show", "")
    states = ImportBatch.State
    show = asked if asked in VIEWS else "refused" if found.refused else "ready"
    lines = found.lines.order_by("pk")
    chosen = {"noticed": lines.filter(verdict=ImportRow.Verdict.READY, noticed=True)}.get(
        show, lines.filter(verdict=show)
    )
    page = numbered(request, chosen if found.state != states.CHECKING else lines.none(), PER_PAGE)
    numbers = {}
    if found.state == states.RELEASED:
        keys = [row.key for row in page.object_list if row.key]
        cases = Dispute.objects.visible_to(request.user).filter(submission__in=keys, entered_from=found.pk)
        numbers = dict(cases.values_list("submission", "case_no"))
    rows = [
        _row(found, row, numbers, likely=show == "ready" and found.state == states.CHECKED) for row in page.object_list
    ]
    tabs = [
        ("refused", _("退回"), found.refused),
        ("noticed", _("有改动，核对一下"), None),
        ("ready", _("已入库") if found.state == states.RELEASED else _("可以入库"), found.ready),
        ("skipped", _("空行、表头、合计"), found.skipped),
    ]
    return {
        "batch": found,
        "job": found.job if found.is_under_way and found.job and found.job.is_under_way else None,
        "page": page,
        "rows": rows,
        "show": show,
        "tabs": tabs,
        "undo_refused": found.why_no_undo() if found.state == states.RELEASED else "",
        "numbers": [f"{key}{first:04d} ～ L{last:04d}" for key, (first, last) in sorted(found.numbers.items())],
    }


def _row(found: ImportBatch, row: ImportRow, numbers: dict[Any, str], *, likely: bool) -> dict[str, Any]:
    content = row.content(found)
    cells = [shown(cell).strip() for cell in content.get("cells", [])]
    facts = content.get("facts") or {}
    told = [*(text for text in (facts.get("found_on"), _names(facts), facts.get("narrative")) if text)]
    return {
        "sheet": found.sheets[row.sheet]["name"],
        "line": row.line,
        "told": " · ".join(told) if told else " · ".join(cell for cell in cells if cell)[:120],
        "problems": content.get("problems", []),
        "notices": content.get("notices", []),
        "why": content.get("why", ""),
        "case_no": numbers.get(row.key, ""),
        "likely": checking.likely(found, facts) if likely and facts else [],
    }


def _names(facts: dict[str, Any]) -> str:
    return " — ".join(row["name"] for row in facts.get("parties", [])[:2])


@require_POST
@says_no
def commit(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """Put in what is ready."""
    found = _find(request, uid)
    doors.commit(found, by=request.user, at=timezone.now(), request=request)
    return redirect(found)


@require_POST
@says_no
def undo(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """Take the whole import back."""
    found = _find(request, uid)
    found.undo(by=request.user, at=timezone.now(), request=request)
    messages.success(request, _("已撤销，这批案件已从台账里撤下"))
    return redirect(found)


@require_safe
@says_no
def mend(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """The refused lines as a file to mend and bring again; logged before its first byte."""
    found = _find(request, uid)
    if not found.lines.filter(verdict=ImportRow.Verdict.REFUSED).exclude(sealed="").exists():
        raise MoveRefused(_("没有退回的行可以下载"))
    with tempfile.NamedTemporaryFile() as written:
        count = write_mend(found, Path(written.name))
        record(
            action=Action.EXPORT, actor=request.user, county=found.county.code[:6], subject=f"import {found.uid}",
            detail={"kind": "import_mend", "count": count}, request=request,
        )  # fmt: skip
        file = open(written.name, "rb")  # noqa: SIM115 - outlives its name and goes with the response
    name = _("退回的行-%(n)s行.xlsx") % {"n": count}
    return FileResponse(  # type: ignore[return-value]
        file, as_attachment=True, filename=name, content_type=CONTENT_TYPES["xlsx"]
    )
