"""/exports/: why a ledger is taken out, how far its file is, and the file."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from disputes.models import FactsMissing, MoveRefused
from disputes.views import says_no
from ledgers.exports.forms import AskForm, DecideForm
from ledgers.exports.models import AT_ONCE, FILTERS, Export, Unknown, ledger_of
from ledgers.files import CONTENT_TYPES
from ledgers.month import LEDGER_ROLES, Month
from villages.models import User
from villages.pages import numbered
from villages.requests import SignedInRequest


def needs_ledger(user: User) -> None:
    """Raise the 403 of whoever never has a ledger."""
    if not user.scope.has(*LEDGER_ROLES):
        raise PermissionDenied(_("你的岗位不看工作台账。需要的联系责任单位或督导"))


@require_safe
def exports(request: SignedInRequest) -> HttpResponse:
    """One's own exports, newest first, and above them those that wait for one's word."""
    user = request.user
    needs_ledger(user)
    rows = Export.objects.of(user).select_related("job", "desk")
    waiting = Export.objects.waiting_for(user).select_related("owner", "desk")[:50]
    context = {"page": numbered(request, rows), "waiting": waiting, "now": timezone.now()}
    return render(request, "ledgers/exports.html", context)


@require_http_methods(["GET", "POST"])
@says_no
def new(request: SignedInRequest) -> HttpResponse:
    """The form: conditions come with the address of the ledger, the rest is asked here."""
    user, now = request.user, timezone.now()
    needs_ledger(user)
    month = request.GET.get("month", "").strip() or str(Month.of(now))
    conditions = {name: request.GET[name] for name in FILTERS if request.GET.get(name)}
    first = {"layout": request.GET.get("profile", "default"), "format": request.GET.get("format", "xlsx")}
    form = AskForm(request.POST if request.method == "POST" else None, user=user, initial=first)
    status, refused = 200, ""
    try:
        ledger, _columns, chosen = ledger_of(user, month, conditions)
    except Unknown as unknown:
        context = {"unknown": str(unknown), "has_errors": True}
        return render(request, "ledgers/export_new.html", context, status=422)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            told = form.cleaned_data
            try:
                row = Export.ask(
                    by=user, at=now, month=month, conditions=conditions, layout=told["layout"], format=told["format"],
                    purpose=told["purpose"], reason=told["reason"], unmasked=told.get("unmasked", False),
                    desk=told.get("desk", ""), request=request,
                )  # fmt: skip
                return redirect(row)
            except FactsMissing as missing:
                for name, words in missing.errors.items():
                    form.add_error(name, words)
            except MoveRefused as refusal:
                status, refused = 409, refusal.sentence
    context = {
        "form": form,
        "month": month,
        "count": ledger.count,
        "chips": [text for _name, text in chosen.chips()],
        "at_once": AT_ONCE,
        "back": f"/ledger/?{request.GET.urlencode()}",
        "refused": refused,
        "has_errors": status == 422,
    }
    return render(request, "ledgers/export_new.html", context, status=status)


def _find(request: SignedInRequest, uid: uuid.UUID) -> Export:
    rows = Export.objects.visible_to(request.user)
    return get_object_or_404(rows.select_related("owner", "job", "desk", "decided_by"), uid=uid)


@require_safe
def export(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """One export: how far it is, the file, or what a second person has to decide."""
    return _page(request, _find(request, uid))


def _page(request: SignedInRequest, row: Export, form: DecideForm | None = None, **more: Any) -> HttpResponse:
    status = more.pop("status", 200)
    mine, now = row.owner_id == request.user.pk, timezone.now()
    asked = row.state == Export.State.ASKED
    context = {
        "row": row,
        "job": row.job if mine else None,
        "mine": mine,
        "may_decide": asked and not mine,
        "may_cancel": asked and mine,
        "may_fetch": mine and row.why_not_fetch(request.user, now) is None,
        "why_not": row.why_not_fetch(request.user, now) if mine and row.state == Export.State.READY else None,
        "form": form or DecideForm(),
        "has_errors": status == 422,
        **more,
    }
    return render(request, "ledgers/export.html", context, status=status)


@require_POST
@says_no
def decide(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """A second person allows it or does not."""
    row, form = _find(request, uid), DecideForm(request.POST)
    if form.is_valid():
        allowed = form.cleaned_data["allowed"] == "yes"
        try:
            row.decide(
                by=request.user, at=timezone.now(), allowed=allowed, reason=form.cleaned_data["reason"], request=request
            )
            messages.success(request, _("已批准") if allowed else _("没有批准，已告诉申请人"))
            return redirect(row)
        except FactsMissing as missing:
            for name, words in missing.errors.items():
                form.add_error(name, words)
    return _page(request, row, form, status=422)


@require_POST
@says_no
def cancel(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """Its owner takes it back, or stops it."""
    row = get_object_or_404(Export.objects.of(request.user).select_related("job"), uid=uid)
    row.cancel(by=request.user, at=timezone.now(), request=request)
    messages.success(request, _("已取消") if row.state == Export.State.CANCELLED else _("已要求停下"))
    return redirect(row)


@require_safe
@says_no
def file(request: SignedInRequest, uid: uuid.UUID) -> HttpResponseBase:
    """The file, whole whatever part of it was asked for; the access log has its row before the first byte."""
    row = get_object_or_404(Export.objects.of(request.user).select_related("owner", "desk"), uid=uid)
    return answer(row, row.fetch(by=request.user, at=timezone.now(), request=request))


def answer(row: Export, pieces: Any) -> StreamingHttpResponse:
    """The file as a download that nobody keeps on the way."""
    headers = {
        "Content-Disposition": content_disposition_header(True, row.file_name),
        "Content-Length": str(row.size),
        "Cache-Control": "no-store",
        "Accept-Ranges": "none",
    }
    return StreamingHttpResponse(pieces, content_type=CONTENT_TYPES[row.format], headers=headers)
