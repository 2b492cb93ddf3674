"""Pages of papers: make one out, take it home, void it, bind the dossier, replace a template."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from disputes import attachments
from disputes.models import Dispute, FactsMissing, MoveRefused
from disputes.papers import dossier as dossiers
from disputes.papers.forms import FilingForm, PaperForm, ScanForm, TemplateForm, VoidForm
from disputes.papers.kinds import INDEX, Kind, kinds
from disputes.papers.models import (
    DOCX,
    PDF,
    TYPES,
    Paper,
    PaperTemplate,
    draw_up,
    initial,
    offered,
    read_case,
)
from disputes.papers.panels import readable
from disputes.papers.template import listed
from disputes.views import find, me, says_no
from villages.models import DESK_ROLES, Role
from villages.pages import for_roles


def _kind(key: str) -> Kind:
    kind = kinds().get(key)
    if kind is None:
        raise Http404
    return kind


def _paper(case: Dispute, uid: Any) -> Paper:
    row = get_object_or_404(case.papers.select_related("event", "template"), uid=uid)
    row.dispute = case  # with its parties loaded
    return row


def sent(content: bytes, form: str, name: str) -> HttpResponse:
    """A file as a download; nothing in it runs in our origin."""
    return HttpResponse(
        content,
        content_type=TYPES[form],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
        },
    )


@require_GET
@says_no
def papers(request: HttpRequest, case_no: str) -> HttpResponse:
    """What was issued, what can be, and what the dossier still lacks."""
    case = find(request, case_no)
    return _papers_page(request, case)


def _papers_page(request: HttpRequest, case: Dispute, *, problem: str = "", status: int = 200) -> HttpResponse:
    user = me(request)
    rows = list(case.papers.select_related("by", "voided_by", "template").prefetch_related("event__attachments"))
    for row in rows:
        row.dispute = case  # with its parties loaded
    may_read = readable(case, user)
    bound = dossiers.contents(case)
    filed = {piece.file.pk: piece.row for piece in bound.pieces if piece.file}
    scans = {scan.pk for row in rows for scan in row.scans}
    files = [
        (row, FilingForm(initial={"row": str(filed.get(row.pk, ""))}, auto_id=f"id_{row.pk}_%s"))
        for row in case.attachments.all()
        if row.pk not in scans
    ]
    is_desk = not user.scope.roles.isdisjoint(DESK_ROLES)
    context = {
        "case": case,
        "problem": problem,
        "rows": [(row, row.void_reason_for(user)) for row in rows],
        "readable": may_read,
        "offers": [(kind, why) for kind, why in offered(case, user) if kind.row != INDEX],
        "dossier": bound,
        "may_bind": is_desk and may_read and bool(bound.pieces),
        "is_desk": is_desk and case.desk_id in user.scope.desks,
        "files": files,
    }
    return render(request, "disputes/papers/papers.html", context, status=status)


@require_http_methods(["GET", "POST"])
@says_no
def make(request: HttpRequest, case_no: str, kind: str) -> HttpResponse:
    """One paper: what is asked for it, how it will read, and what still stands in its way."""
    case, what, user, now = find(request, case_no), _kind(kind), me(request), timezone.now()
    source = read_case(case, what, by=user, at=now, request=request)
    used = PaperTemplate.objects.current(what.key)
    asked = initial(what, source)
    form = PaperForm(request.POST if request.method == "POST" else None, kind=what, initial=asked)
    if request.method == "POST":
        if form.is_valid():
            asked = form.asked()
            if request.POST.get("do") == "issue":
                try:
                    row = Paper.objects.issue(
                        case, what, by=user, at=now, asked=asked, submission=form.cleaned_data["submission"],
                        request=request,
                    )  # fmt: skip
                except FactsMissing:
                    pass  # shown below, with everything typed
                else:
                    name = f"{row.title} {row.number}".strip()
                    messages.success(request, _("已出具%(name)s，存好不再改动") % {"name": name})
                    return HttpResponseRedirect(f"/disputes/{case_no}/papers/")
        else:
            asked = {name: request.POST.get(name, "") for name in asked}
    draft = draw_up(what, source, asked, used=used)
    if request.method == "POST" and form.is_valid() and request.POST.get("do") == "pdf":
        return sent(draft.pdf(draft=True), PDF, f"{case.case_no}-{what.key}-draft.pdf")
    is_issue = request.method == "POST" and request.POST.get("do") == "issue"
    context = {
        "case": case,
        "kind": what,
        "form": form,
        "draft": draft,
        "template": used,
        "refused": is_issue and draft.problems,
    }
    return render(request, "disputes/papers/make.html", context, status=422 if form.errors or is_issue else 200)


@require_GET
@says_no
def pdf(request: HttpRequest, case_no: str, uid: Any) -> HttpResponse:
    return _download(request, case_no, uid, PDF)


@require_GET
@says_no
def docx(request: HttpRequest, case_no: str, uid: Any) -> HttpResponse:
    return _download(request, case_no, uid, DOCX)


def _download(request: HttpRequest, case_no: str, uid: Any, form: str) -> HttpResponse:
    row = _paper(find(request, case_no), uid)
    content = row.read(form, by=me(request), at=timezone.now(), request=request)
    return sent(content, form, row.file_name(form))


@require_http_methods(["GET", "POST"])
@says_no
def void(request: HttpRequest, case_no: str, uid: Any) -> HttpResponse:
    """A number that must not count; it stays visible with its reason."""
    case = find(request, case_no)
    row = _paper(case, uid)
    sentence = row.why_not_void(me(request))
    if sentence:
        raise MoveRefused(sentence)
    form = VoidForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        row.void(by=me(request), at=timezone.now(), reason=form.cleaned_data["reason"], request=request)
        messages.success(request, _("已作废，编号留着可见"))
        return HttpResponseRedirect(f"/disputes/{case_no}/papers/")
    context = {
        "case": case,
        "form": form,
        "heading": _("作废%(name)s") % {"name": f"{row.title} {row.number}".strip()},
        "hint": _("编号留着可见，标明作废和理由，不再用。文件不删"),
        "button": _("作废"),
    }
    return render(request, "disputes/small_form.html", context, status=422 if form.errors else 200)


@require_POST
@says_no
def scan(request: HttpRequest, case_no: str, uid: Any) -> HttpResponse:
    """The signed original of a paper, as an attachment beside it."""
    case, user = find(request, case_no), me(request)
    row = _paper(case, uid)
    sentence = attachments.may_attach(case, user)
    if sentence:
        raise MoveRefused(sentence)
    form = ScanForm(request.POST, request.FILES)
    if not form.is_valid():
        return _papers_page(request, case, problem=str(form.errors["scan"][0]), status=422)
    try:
        attachments.attach(case, user, timezone.now(), form.cleaned_data["scan"], event=row.event, request=request)
    except attachments.FileRefused as refusal:
        return _papers_page(request, case, problem=refusal.sentence, status=422)
    messages.success(request, _("已传上签名原件"))
    return HttpResponseRedirect(f"/disputes/{case_no}/papers/")


@require_GET
@says_no
def dossier(request: HttpRequest, case_no: str) -> HttpResponse:
    """The whole dossier as one PDF."""
    case = find(request, case_no)
    content, _bound = dossiers.bind(case, by=me(request), at=timezone.now(), request=request)
    return sent(content, PDF, f"{case.case_no}-dossier.pdf")


@require_POST
@says_no
def place(request: HttpRequest, case_no: str, uid: Any) -> HttpResponse:
    """Where a file stands in the dossier."""
    case, user = find(request, case_no), me(request)
    row = get_object_or_404(case.attachments.select_related("dispute"), uid=uid)
    sentence = dossiers.Filing.why_not(case, user)
    if sentence:
        raise MoveRefused(sentence)
    form = FilingForm(request.POST)
    if not form.is_valid():
        return _papers_page(request, case, problem=str(form.errors["row"][0]), status=422)
    chosen = form.cleaned_data["row"]
    dossiers.Filing.place(row, int(chosen) if chosen else None, by=user, at=timezone.now(), request=request)
    return HttpResponseRedirect(f"/disputes/{case_no}/papers/#dossier")


# --- templates -------------------------------------------------------------------------------------------------------
@require_GET
@for_roles(Role.SYSADMIN)
def templates(request: HttpRequest) -> HttpResponse:
    """Every kind of paper with the version in force."""
    newest: dict[str, PaperTemplate] = {}
    for row in PaperTemplate.objects.order_by("version").select_related("by").defer("content"):
        newest[row.kind] = row
    rows = [(kind, newest.get(kind.key)) for kind in kinds().values()]
    return render(request, "manage/papers.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@for_roles(Role.SYSADMIN)
@says_no
def template(request: HttpRequest, kind: str) -> HttpResponse:
    """The versions of one template, its fields, and the upload of a new one."""
    what = _kind(kind)
    form = TemplateForm(request.POST, request.FILES) if request.method == "POST" else TemplateForm()
    if request.method == "POST" and form.is_valid():
        try:
            row = PaperTemplate.objects.replace(
                what.key, by=me(request), at=timezone.now(), file=form.cleaned_data["file"],
                note=form.cleaned_data["note"], request=request,
            )  # fmt: skip
        except MoveRefused as refusal:
            form.add_error("file", refusal.sentence)
        else:
            messages.success(request, _("第 %(n)d 版已启用，旧版留着可下载") % {"n": row.version})
            return HttpResponseRedirect(f"/manage/papers/{what.key}/")
    versions = list(PaperTemplate.objects.filter(kind=what.key).select_related("by").defer("content"))
    newest = PaperTemplate.objects.current(what.key)
    if newest.pk is None:  # nobody has used it yet
        versions.insert(0, newest)
    context = {"kind": what, "form": form, "versions": versions, "fields": listed(what.fields)}
    return render(request, "manage/paper.html", context, status=422 if form.errors else 200)


@require_GET
@for_roles(Role.SYSADMIN)
def template_file(request: HttpRequest, kind: str, version: int) -> HttpResponse:
    """One version, as it was used."""
    row = PaperTemplate.objects.filter(kind=_kind(kind).key, version=version).first()
    newest = PaperTemplate.objects.current(kind)
    if row is None and newest.version != version:
        raise Http404
    row = row or newest
    return sent(bytes(row.content), DOCX, f"{row.kind}-{row.version}.docx")
