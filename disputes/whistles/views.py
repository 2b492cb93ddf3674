"""Pages of whistles: what was asked of us, what we asked of others, and one whistle with its answers."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.models import record_read_once
from disputes import attachments, codes, drafts
from disputes.forms import Form
from disputes.models import Dispute, FactsMissing, MoveRefused, NotYours, Party
from disputes.views import find, me, refused, says_no
from disputes.whistles.forms import ANSWER_FORMS, CloseForm, OffForm, WhistleForm
from disputes.whistles.models import Call, Whistle, WhistleQuerySet, why_not_blow
from disputes.whistles.page import Reader
from disputes.whistles.panels import whistles_section
from villages.models import User

PAGE = 50


def load(user: User, uid: uuid.UUID, rows: WhistleQuerySet | None = None) -> Whistle:
    """The whistle that this person may read; any other is a 404 like one that does not exist."""
    found = (rows or Whistle.objects.for_page()).visible_to(user).filter(uid=uid).first()
    if found is None:
        raise Http404
    return found


def blown_by(user: User) -> WhistleQuerySet:
    """The live whistles of this person's desks whose case is still in scope; for a supervisor those of the area."""
    condition = user.scope.cases("dispute__")
    rows = Whistle.objects.none() if condition is None else Whistle.objects.live().filter(condition)
    return rows.filter(desk__in=sorted(user.scope.desks)) if user.scope.desks else rows


@require_GET
def whistles(request: HttpRequest) -> HttpResponse:
    """What waits for an answer of ours first, with its clock; and what we blew and is not over."""
    user, now = me(request), timezone.now()
    if not user.scope.responds and user.scope.q() is None:
        raise PermissionDenied(_("你的岗位没有吹哨支援。回首页看你能办的事"))
    heard, blown = Call.objects.heard_by(user), blown_by(user)
    waiting = heard.pending().count()
    works = user.scope.q() is not None
    view = request.GET.get("view", "")
    if view not in ("in", "out") or not works:
        view = "in" if waiting or not works else "out"
    rows: Any = (
        heard.for_list().order_by(F("due_on").asc(nulls_last=True), "-pk")
        if view == "in"
        else blown.for_page().order_by("answer_by", "pk")
    )
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    reader = Reader(user, now)
    context = {
        "page": page,
        "view": view,
        "works": works,
        "waiting": waiting,
        "blown": blown.count() if works else 0,
        "today": reader.today,
        "rows": _blown(list(page.object_list), reader) if view == "out" else _heard(list(page.object_list), reader),
    }
    return render(request, "disputes/whistles/list.html", context)


def _heard(calls: list[Call], reader: Reader) -> list[dict[str, Any]]:
    return [
        {
            "call": call,
            "whistle": call.whistle,
            "left": reader.calendar.between(reader.today, call.due_on) if call.due_on else None,
        }
        for call in calls
    ]


def _blown(rows: list[Whistle], reader: Reader) -> list[dict[str, Any]]:
    """Each with the title of its case as this person may read it."""
    known = codes.names()
    found = []
    for row, shown in zip(rows, reader.read_all(rows), strict=True):
        case = row.dispute
        title = case.title_for(reader.user, codes.type_name(known, case.type_l1, case.type_l2))
        found.append(shown | {"title": title})
    return found


# --- one whistle -----------------------------------------------------------------------------------------------------
@require_GET
def whistle(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """What was asked and answered, as this person may read it; the reading is logged."""
    found, user = load(me(request), uid), me(request)
    with transaction.atomic():
        now, subject = timezone.now(), found.subject
        record_read_once(actor=user, subject=subject, county=subject[:6], at=now, request=request)
    return _page(request, found)


def _page(
    request: HttpRequest,
    found: Whistle,
    *,
    form: Form | None = None,
    name: str = "",
    office: str = "",
    phones: list[tuple[Party, str]] | None = None,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    """The page with the form `name` (an answer, off or close) of `office` as it was sent; the others are empty."""
    user, now = me(request), timezone.now()
    in_case = Dispute.objects.visible_to(user).filter(pk=found.dispute_id).exists()
    reader = Reader(user, now)
    shown = reader.read(found, in_case=in_case)
    for row in shown["calls"]:
        code = row["office"].code

        def given(kind: str, fresh: type[Form], code: str = code, row: Any = row) -> Form:
            if form is not None and (name, office) == (kind, code):
                return form
            return fresh(auto_id=f"id_{kind}_{row['id']}_%s")

        row["forms"] = [(kind, given(kind, ANSWER_FORMS[kind])) for kind in row["answers"]]
        row["off"] = given("off", OffForm) if row["may_call_off"] else None
    context = {
        "whistle": shown,
        "form": form,
        "sent": name,
        "close": form if name == "close" else CloseForm(auto_id="id_close_%s"),
        "phones": [{"side": p.get_side_display(), "name": p.name, "phone": phone} for p, phone in phones or ()],
        "has_errors": status == 422,
        "problem": problem,
        "unseen": any(row["own"] and row["first_seen_at"] is None for row in shown["calls"]),
        "today": reader.today,
    }
    return render(request, "disputes/whistles/whistle.html", context, status=status)


@require_POST
@says_no
def seen(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """The page of an asked office was opened and its script says so; looking alone (GET) writes nothing."""
    found, user = load(me(request), uid), me(request)
    now = timezone.now()
    found.call_to(user, now)
    found.seen(by=user, at=now, request=request)
    return HttpResponse(status=204)


@require_POST
@says_no
def answer(request: HttpRequest, uid: uuid.UUID, name: str) -> HttpResponse:
    """One office accepts, declines, or reports what was done."""
    found, user = load(me(request), uid), me(request)
    call = found.call_to(user, timezone.now(), request.POST.get("office", ""))
    form = ANSWER_FORMS[name](request.POST, request.FILES, auto_id=f"id_{name}_{call.pk}_%s")
    again: dict[str, Any] = {"form": form, "name": name, "office": call.office.code}
    if not form.is_valid():
        return _page(request, found, status=422, **again)
    try:
        found.answer(
            name, by=user, at=timezone.now(), office=call.office.code, request=request, **form.cleaned_data
        )  # fmt: skip
    except FactsMissing as missing:
        _tell(form, missing)
        return _page(request, found, status=422, **again)
    except attachments.FileRefused as refusal:
        form.add_error("file", refusal.sentence)
        return _page(request, found, status=422, **again)
    except NotYours:
        raise
    except MoveRefused as refusal:
        kept = "\n".join(str(value) for field, value in request.POST.items() if field in form.fields and value)
        return refused(request, refusal.sentence, "", kept)
    messages.success(request, _("已答复%(desk)s") % {"desk": found.desk.name})
    return HttpResponseRedirect(f"/whistles/{uid}/")


def _tell(form: Form, missing: FactsMissing) -> None:
    for fact, sentence in missing.errors.items():
        form.add_error(fact if fact in form.fields else None, sentence)


@require_POST
@says_no
def reveal(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """The page with the shared phones in clear, once; the AccessLog row was written before."""
    found = load(me(request), uid)
    return _page(request, found, phones=found.reveal_phones(by=me(request), at=timezone.now(), request=request))


@require_GET
def download(request: HttpRequest, uid: uuid.UUID, file: uuid.UUID) -> HttpResponse:
    """A file that was shared with this person's office, or that it sent in itself."""
    found, user = load(me(request), uid), me(request)
    row = found.file_for(user, file, timezone.now())
    if row is None:
        raise Http404
    content = attachments.read(row, by=user, at=timezone.now(), request=request)
    return HttpResponse(
        content,
        content_type=row.content_type,
        headers={
            # the usual name says which case it is, which is not theirs to know
            "Content-Disposition": f'attachment; filename="{row.uid}{PurePosixPath(row.name).suffix.lower()}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


# --- the desk that asks ----------------------------------------------------------------------------------------------
@require_POST
@says_no
def call_off(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """One office is not needed any more."""
    found, user = load(me(request), uid), me(request)
    _unless(found.why_not_lead(user))
    office = request.POST.get("office", "")
    call = next((call for call in found.calls.all() if call.office.code == office), None)
    form = OffForm(request.POST, auto_id=f"id_off_{call.pk if call else 0}_%s")
    if form.is_valid():
        try:
            found.call_off(by=user, at=timezone.now(), request=request, **form.cleaned_data)
        except FactsMissing as missing:
            _tell(form, missing)
        else:
            messages.success(request, _("已撤回，对方会收到通知"))
            return HttpResponseRedirect(f"/whistles/{uid}/")
    return _page(request, found, form=form, name="off", office=office, status=422)


@require_POST
@says_no
def close(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """The chair ends the whistle, saying why where an office has not answered."""
    found, user = load(me(request), uid), me(request)
    _unless(found.why_not_lead(user))
    form = CloseForm(request.POST, auto_id="id_close_%s")
    if form.is_valid():
        try:
            found.close(by=user, at=timezone.now(), reason=form.cleaned_data["reason"], request=request)
        except FactsMissing as missing:
            _tell(form, missing)
        else:
            messages.success(request, _("吹哨已结束"))
            return HttpResponseRedirect(f"/whistles/{uid}/")
    return _page(request, found, form=form, name="close", status=422)


def _unless(sentence: str | None) -> None:
    """Refuse before the form is judged: who may not act is told so, whatever they typed."""
    if sentence:
        raise MoveRefused(sentence)


# --- of a case -------------------------------------------------------------------------------------------------------
@require_GET
def of_case(request: HttpRequest, case_no: str) -> HttpResponse:
    """The section of the case page by itself, which asks for it again while something waits."""
    found, user = find(request, case_no), me(request)
    with transaction.atomic():
        record_read_once(actor=user, subject=case_no, county=case_no[:6], at=timezone.now(), request=request)
    section = whistles_section(found, user)
    template, panel = section or ("disputes/whistles/panel.html", {"case_no": case_no})
    return render(request, template, {"panel": panel})


@require_http_methods(["GET", "POST"])
@says_no
def blow(request: HttpRequest, case_no: str) -> HttpResponse:
    """Ask several offices in one step."""
    found, user = find(request, case_no), me(request)
    sentence = why_not_blow(found, user)
    if sentence:
        return refused(request, sentence, case_no)
    key = f"whistle:{case_no}"
    if request.method == "GET":
        kept = drafts.load(user, key)
        form = WhistleForm(kept[0] if kept else None, case=found)
        if kept:
            drafts.show(form)
        return _blow_page(request, found, form, restored=kept[1] if kept else None)
    form = WhistleForm(request.POST, case=found)
    if not form.is_valid():
        return _blow_page(request, found, form, status=422)
    try:
        with transaction.atomic():
            drafts.drop(user, key)
            made = Whistle.objects.blow(case=found, by=user, at=timezone.now(), request=request, **form.facts())
    except FactsMissing as missing:
        _tell(form, missing)
        return _blow_page(request, found, form, status=422)
    names = "、".join(call.office.name for call in made.calls.select_related("office"))
    messages.success(request, _("已吹哨给%(names)s，案件仍由你们办理") % {"names": names})
    return HttpResponseRedirect(f"/disputes/{case_no}/#whistles")


def _blow_page(
    request: HttpRequest, found: Dispute, form: WhistleForm, *, restored: Any = None, status: int = 200
) -> HttpResponse:
    known = codes.names()
    context = {
        "case": found,
        "form": form,
        "title": found.title_for(me(request), codes.type_name(known, found.type_l1, found.type_l2)),
        "restored": restored,
        "draft_key": f"whistle:{found.case_no}",
        "has_errors": status == 422,
        "ticks": [form[name] for name in Whistle.SHARES],
    }
    return render(request, "disputes/whistles/new.html", context, status=status)
