"""The pages of cases. They read a form, knock at the model's door, and say in words what it answered."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    QueryDict,
)
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.models import record_read_once
from disputes import attachments, codes, drafts, links
from disputes import page as pages
from disputes.filters import DisputeFilter, Page, is_waiting_view
from disputes.forms import (
    EMPTY_PARTIES,
    AttachForm,
    ConsentForm,
    FactsForm,
    GradeForm,
    MoveForm,
    NoteForm,
    PartyFormSet,
    ReasonForm,
    RegisterForm,
    RevealForm,
    SavedFilterForm,
    initial_of_party,
    shown,
)
from disputes.matching import suggestions
from disputes.models import Attachment, Conflict, Dispute, FactsMissing, MoveRefused, NotYours, Party, SavedFilter
from disputes.moves import MOVES, Status
from disputes.rows import draw_rows
from disputes.safe.ways import ways_for
from villages.models import DESK_ROLES, User
from villages.workdays import load_calendar

View = Callable[..., HttpResponseBase]
#: The case page has a second form with a field `uploads`: two of one id would leave a label without its field.
ATTACH_ID = "id_attach_%s"


def says_no(view: View) -> View:
    """Turn refusals of the model into pages: 403 where the role never has it, else 409 with the sentence."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotYours as refusal:
            raise PermissionDenied(refusal.sentence) from refusal
        except MoveRefused as refusal:
            return refused(request, refusal.sentence, kwargs.get("case_no", ""))

    return inner


def refused(request: HttpRequest, sentence: str, case_no: str, kept: str = "") -> HttpResponse:
    back = {"back_url": f"/disputes/{case_no}/", "back_label": _("回到案件")} if case_no else {}
    return render(request, "409.html", {"sentence": sentence, "kept": kept, **back}, status=409)


def me(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]


def find(request: HttpRequest, case_no: str) -> Dispute:
    """The case inside the viewer's scope; any other is a 404 like one that does not exist."""
    case = pages.find(me(request), case_no)
    if case is None:
        raise Http404
    return case


def needs_desk(user: User, sentence: str) -> None:
    if user.scope.roles.isdisjoint(DESK_ROLES):
        raise PermissionDenied(sentence)


# --- the list --------------------------------------------------------------------------------------------------------
@require_GET
def case_list(request: HttpRequest) -> HttpResponse:
    """Cases in the viewer's scope by conditions; with desk=mine&status=waiting the desk's queue."""
    user, now = me(request), timezone.now()
    if user.scope.q() is None:
        raise PermissionDenied(_("你的岗位不看案件。回首页看你能办的事"))
    waiting = is_waiting_view(request.GET)
    visible = Dispute.objects.visible_to(user)
    found = DisputeFilter(request.GET, visible, request=request)
    valid = found.form.is_valid()
    rows: list[dict[str, Any]] = []
    listing = None
    if valid:
        chosen = found.qs.only(*pages.LIST_FIELDS).annotate(
            village_name=F("village__short_name"),
            township_name=F("township__short_name"),
            handler_name=F("handler__name"),
        )
        column = "arrived_at" if waiting else ""
        listing = Page(chosen, request.GET, counted=found.qs, column=column, oldest_first=waiting)
        rows = pages.list_rows(listing.rows, user, found.codes.names, load_calendar(timezone.localdate(now)), now)
        if waiting:
            pages.add_waiting(rows, listing.rows, now)
    pairs = found.pairs() if valid else []
    chips = found.chips()
    context = {
        "filter": found,
        "form": found.form,
        "rows": rows,
        "drawn": "" if waiting else draw_rows(rows),
        "page": listing,
        "waiting": waiting,
        "chips": chips,
        "query": urlencode(pairs),
        "next": listing and listing.next and f"?{urlencode([*pairs, ('after', listing.next)])}",
        "previous": listing and listing.previous and f"?{urlencode([*pairs, ('before', listing.previous)])}",
        "saved": list(user.saved_filters.all()),
        "may_register": not user.scope.roles.isdisjoint(DESK_ROLES),
        "me": user.username,
    }
    return render(request, "disputes/list.html", context, status=200 if valid else 422)


@require_POST
def save_filter(request: HttpRequest) -> HttpResponse:
    """Keep the present conditions under a name."""
    form = SavedFilterForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(next(iter(form.errors.values()))[0]))
        return HttpResponseRedirect("/disputes/")
    sent = QueryDict(form.cleaned_data["query"])
    known = [(n, v) for n in DisputeFilter.base_filters for v in sent.getlist(n) if v]
    query = urlencode(known)
    if not known:
        messages.error(request, _("还没有选条件，先查询再保存"))
    elif len(query) > 500:
        messages.error(request, _("条件太多，减少几个再保存"))
    else:
        SavedFilter.objects.update_or_create(
            user=me(request), name=form.cleaned_data["name"], defaults={"query": query}
        )
        messages.success(request, _("已保存为“%(name)s”") % {"name": form.cleaned_data["name"]})
    return HttpResponseRedirect(f"/disputes/?{query}")


@require_POST
def delete_filter(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a saved condition of one's own."""
    found = SavedFilter.objects.filter(user=me(request), pk=pk).first()
    if found is None:
        raise Http404
    found.delete()
    messages.success(request, _("已删除常用查询“%(name)s”") % {"name": found.name})
    return HttpResponseRedirect("/disputes/")


# --- registering -----------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@says_no
def register(request: HttpRequest) -> HttpResponse:
    """The registration form; a likely duplicate is shown before the case is made, and never stops it."""
    user, now = me(request), timezone.now()
    needs_desk(user, _("你的岗位不登记纠纷。需要登记的联系村委会或警务室"))
    if request.method == "GET":
        kept = drafts.load(user, "register")
        if kept:
            form, parties = RegisterForm(kept[0], user=user), PartyFormSet(kept[0], prefix="parties")
            drafts.show(form, parties)
        else:
            form, parties = RegisterForm(user=user), PartyFormSet(initial=EMPTY_PARTIES, prefix="parties")
        return _register_page(request, form, parties, restored=kept[1] if kept else None)

    form, parties = RegisterForm(request.POST, user=user), PartyFormSet(request.POST, prefix="parties")
    if not (form.is_valid() & parties.is_valid()):
        return _register_page(request, form, parties, status=422)
    rows = parties.values()  # type: ignore[attr-defined]
    submission = form.cleaned_data["submission"]
    again = submission and Dispute.objects.filter(submission=submission, registered_by=user).first()
    if not again and not request.POST.get("similar_seen"):
        facts = form.facts()
        similar = suggestions(user, village=facts["village"], parties=rows, type_l2=facts["type_l2"])
        if similar:
            known = codes.names()
            cards = [
                {"case": s.case, "type": codes.type_name(known, s.case.type_l1, s.case.type_l2), "why": s.why}
                for s in similar
            ]
            return _register_page(request, form, parties, similar=cards)
    with transaction.atomic():
        drafts.drop(user, "register")
        case = again or Dispute.objects.register(
            by=user, at=now, facts=form.facts(), parties=rows, submission=submission, request=request
        )
        if not again and form.cleaned_data["take_up"] and case.status == Status.WAITING:
            case.perform("take_up", by=user, at=now, handler=user, request=request)
    messages.success(request, _("已登记，案号 %(no)s") % {"no": case.case_no})
    if not Dispute.objects.visible_to(user).filter(pk=case.pk).exists():
        return HttpResponseRedirect("/disputes/")
    return HttpResponseRedirect(f"/disputes/{case.case_no}/")


def _register_page(
    request: HttpRequest,
    form: RegisterForm,
    parties: Any,
    *,
    restored: dt.datetime | None = None,
    similar: list[dict[str, Any]] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "parties": parties,
        "has_errors": status == 422,
        "restored": restored,
        "draft_key": "register",
        "similar": similar,
    }
    return render(request, "disputes/register.html", context, status=status)


# --- drafts ----------------------------------------------------------------------------------------------------------
@require_POST
def draft(request: HttpRequest, key: str) -> JsonResponse:
    """Keep what was typed so far; JSON {"saved_at": "09:41"}."""
    user, now = me(request), timezone.now()
    url = drafts.url_of(user, key)
    if url is None:
        raise Http404
    fields = [(n, v) for n, v in request.POST.lists() if n != "csrfmiddlewaretoken"]
    body = urlencode(fields, doseq=True)
    if len(body) > drafts.MAX_BYTES:
        return JsonResponse({"detail": _("内容太长，草稿没存上。先提交一部分")}, status=413)
    drafts.save(user, key, url=url, body=body, at=now)
    return JsonResponse({"saved_at": timezone.localtime(now).strftime("%H:%M")})


@require_POST
def discard_draft(request: HttpRequest, key: str) -> HttpResponse:
    """Throw one's own draft away and go back to the form."""
    url = drafts.url_of(me(request), key)
    if url is None:
        raise Http404
    drafts.drop(me(request), key)
    messages.success(request, _("草稿已放弃"))
    return HttpResponseRedirect(url)


# --- the case --------------------------------------------------------------------------------------------------------
@require_GET
def case(request: HttpRequest, case_no: str) -> HttpResponse:
    """One case, as this viewer may read it; the reading is logged. A merged one leads to the case that goes on."""
    found = find(request, case_no)
    now = timezone.now()
    if "keep" not in request.GET and (into := links.goes_on_as(found, me(request))):
        return HttpResponseRedirect(f"/disputes/{into.case_no}/?{urlencode({'merged': found.case_no})}")
    with transaction.atomic():
        record_read_once(actor=me(request), subject=found.case_no, county=found.case_no[:6], at=now, request=request)
    before = request.GET.get("before", "")
    return _case_page(request, found, now, before=int(before) if before.isdecimal() and len(before) < 19 else None)


def _case_page(
    request: HttpRequest,
    found: Dispute,
    now: dt.datetime,
    *,
    note: NoteForm | None = None,
    attach: AttachForm | None = None,
    revealed: Mapping[tuple[int, str], str] | None = None,
    before: int | None = None,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    user = me(request)
    restored = None
    if note is None:
        kept = drafts.load(user, f"note:{found.case_no}")
        note = NoteForm(kept[0]) if kept else NoteForm()
        if kept:
            drafts.show(note)
            restored = kept[1]
    context = pages.CasePage(found, user, now, before=before).context(revealed)
    context |= {
        "note": note,
        "attach": attach or AttachForm(auto_id=ATTACH_ID),
        "restored": restored,
        "draft_key": f"note:{found.case_no}",
        "has_errors": status == 422,
        "problem": problem,
        "before": before,
        "me": user.username,
        "came_from": links.merged_from(found, request.GET.get("merged", ""), user),
        "keep": "keep" in request.GET,
    }
    return render(request, "disputes/case.html", context, status=status)


@require_POST
@says_no
def note(request: HttpRequest, case_no: str) -> HttpResponse:
    """A progress note with its photos, all or nothing."""
    found, user, now = find(request, case_no), me(request), timezone.now()
    form = NoteForm(request.POST, request.FILES)
    if not form.is_valid():
        needs_desk(user, _("你的岗位不记进展。需要的联系责任单位"))
        return _case_page(request, found, now, note=form, status=422)
    data = form.cleaned_data
    try:
        with attachments.receiving(data["uploads"]) as files, transaction.atomic():
            drafts.drop(user, f"note:{case_no}")
            event = found.add_note(
                by=user,
                at=now,
                text=data["text"],
                way=data["way"],
                happened_on=data["happened_on"],
                is_attempt=data["is_attempt"],
                request=request,
            )
            for file in files:
                attachments.attach(found, user, now, file, event=event, request=request)
    except attachments.FileRefused as refusal:
        form.add_error("uploads", ValidationError(refusal.sentences))
        return _case_page(request, found, now, note=form, status=422)
    messages.success(request, _("进展已保存"))
    return HttpResponseRedirect(f"/disputes/{case_no}/#e{event.pk}")


@require_POST
@says_no
def reveal(request: HttpRequest, case_no: str, party: int, field: str) -> HttpResponse:
    """The page with one value in clear, once; the AccessLog row was written before."""
    found, now = find(request, case_no), timezone.now()
    row = next((p for p in found.parties.all() if p.pk == party), None)
    if row is None or field not in Party.SECRETS:
        raise Http404
    form = RevealForm(request.POST)
    if not form.is_valid():
        return _case_page(request, found, now, status=422, problem=str(next(iter(form.errors.values()))[0]))
    value = row.reveal(field, by=me(request), at=now, reason=form.cleaned_data["reason"], request=request)
    return _case_page(request, found, now, revealed={(party, field): value})


@require_POST
@says_no
def attach(request: HttpRequest, case_no: str) -> HttpResponse:
    """Files added to the case, all or nothing."""
    found, user, now = find(request, case_no), me(request), timezone.now()
    form = AttachForm(request.POST, request.FILES, auto_id=ATTACH_ID)
    if not form.is_valid():
        return _case_page(request, found, now, attach=form, status=422)
    if sentence := attachments.may_attach(found, user):
        raise MoveRefused(sentence)
    try:
        with attachments.receiving(form.cleaned_data["uploads"]) as files, transaction.atomic():
            for file in files:
                attachments.attach(found, user, now, file, request=request)
    except attachments.FileRefused as refusal:
        form.add_error("uploads", ValidationError(refusal.sentences))
        return _case_page(request, found, now, attach=form, status=422)
    messages.success(request, _("附件已上传"))
    return HttpResponseRedirect(f"/disputes/{case_no}/#files")


@require_GET
def download(request: HttpRequest, case_no: str, uid: Any, size: int = 0) -> HttpResponse:
    """A file of the case, or a photo of its sources: the original as a download, a preview of it to look at."""
    found = find(request, case_no)
    row = Attachment.objects.of(found).filter(uid=uid).first()
    if row is None or size not in row.sizes:
        raise Http404
    return attachments.serve(row, by=me(request), at=timezone.now(), size=size, case=found, request=request)


# --- moves -----------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@says_no
def move(request: HttpRequest, case_no: str, name: str) -> HttpResponse:
    """One move of the table: its summary and form, then the door."""
    found, user, now = find(request, case_no), me(request), timezone.now()
    if name not in MOVES:
        raise Http404
    key = f"move:{name}:{case_no}"
    if request.method == "GET":
        sentence = found.why_not(name, by=user, at=now)
        if sentence:
            return refused(request, sentence, case_no)
        kept = drafts.load(user, key)
        form = MoveForm(name, found, user, kept[0] if kept else None)
        if kept:
            drafts.show(form, *([form.obligations] if form.obligations else []))
        return _move_page(request, found, form, restored=kept[1] if kept else None)

    if user.scope.roles.isdisjoint(MOVES[name].roles):
        found.why_not(name, by=user, at=now)  # raises NotYours
    form = MoveForm(name, found, user, request.POST)
    sentence = found.why_not(name, by=user, at=now)
    if sentence and found.names_hidden_from(user):
        return refused(request, sentence, case_no, form.kept())  # the form would name the parties
    if not form.is_valid():  # who cannot make the move at all is told that first
        return _move_page(request, found, form, status=409 if sentence else 422, problem=sentence or "")
    try:
        with transaction.atomic():
            drafts.drop(user, key)  # before the door, whose log row is the last write; a refusal brings it back
            found.perform(name, by=user, at=now, version=form.cleaned_data["version"], request=request, **form.facts)
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _move_page(request, found, form, status=422)
    except NotYours:
        raise
    except MoveRefused as refusal:
        fresh = find(request, case_no)
        if fresh.names_hidden_from(user):
            return refused(request, refusal.sentence, case_no, form.kept())
        return _move_page(request, fresh, form, status=409, problem=refusal.sentence)
    messages.success(request, _("已%(move)s，案件现在是“%(status)s”") % {
        "move": MOVES[name].label,
        "status": found.get_status_display(),
    })  # fmt: skip
    return _after(request, found, form.cleaned_data.get("after") or "")


def _move_page(
    request: HttpRequest,
    found: Dispute,
    form: MoveForm,
    *,
    restored: dt.datetime | None = None,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    user, now = me(request), timezone.now()
    known = codes.names()
    row = MOVES[form.move]
    context = {
        "case": found,
        "form": form,
        "move": row,
        "name": form.move,
        "title": found.title_for(user, codes.type_name(known, found.type_l1, found.type_l2)),
        "version": found.version,
        "problem": problem,
        "still": found.why_not(form.move, by=user, at=now) if status == 409 else None,
        "has_errors": status == 422,
        "restored": restored,
        "draft_key": f"move:{form.move}:{found.case_no}",
        "sections": form.sections(),
        "ways": [text for _code, text in ways_for(found)] if form.move in ("end", "refer") else [],
        "due": pages.due_label(found, timezone.localdate(now), found.rules(now).calendar),
    }
    return render(request, "disputes/move.html", context, status=status)


def _after(request: HttpRequest, found: Dispute, choice: str) -> HttpResponse:
    """Stay with the case, go to the next one waiting at the desk, or back to the list; the choice is remembered."""
    user = me(request)
    if choice and choice != user.after_save:
        user.after_save = choice
        user.save(update_fields=["after_save"])
    visible = Dispute.objects.visible_to(user)
    if (choice or user.after_save) == "next":
        waiting = visible.on_desk_of(user).filter(status=Status.WAITING).exclude(pk=found.pk)
        following = waiting.order_by("arrived_at", "pk").first()
        if following:
            return HttpResponseRedirect(f"/disputes/{following.case_no}/")
        return HttpResponseRedirect("/disputes/?desk=mine&status=waiting")
    if (choice or user.after_save) == "list" or not visible.filter(pk=found.pk).exists():
        return HttpResponseRedirect("/disputes/?desk=mine")
    return HttpResponseRedirect(f"/disputes/{found.case_no}/")


@require_http_methods(["GET", "POST"])
@says_no
def ask_void(request: HttpRequest, case_no: str) -> HttpResponse:
    """The first of the two people that voiding takes."""
    found, user = find(request, case_no), me(request)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found.ask_void(by=user, at=timezone.now(), reason=form.cleaned_data["reason"], request=request)
        messages.success(request, _("已提请作废，由本单位另一人办理"))
        return HttpResponseRedirect(f"/disputes/{case_no}/")
    sentence = found.may_edit(user)
    if sentence:
        return refused(request, sentence, case_no)
    return _small_form(
        request,
        found,
        form,
        heading=_("提请作废"),
        hint=_("案号留着可见，标明作废。要由本单位另一人办理，才算作废"),
        button=_("提请作废"),
    )


@require_http_methods(["GET", "POST"])
@says_no
def grade(request: HttpRequest, case_no: str) -> HttpResponse:
    """The danger of the dispute, with reason and expiry."""
    found, user = find(request, case_no), me(request)
    form = GradeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found.grade(by=user, at=timezone.now(), request=request, **form.cleaned_data)
        messages.success(request, _("已评为“%(level)s”") % {"level": found.get_danger_display()})
        return HttpResponseRedirect(f"/disputes/{case_no}/")
    sentence = found.may_edit(user)
    if sentence:
        return refused(request, sentence, case_no)
    hint = _("评的是这件纠纷，不是人。到期自动失效，需要的重新评估")
    return _small_form(request, found, form, heading=_("评定风险等级"), hint=hint, button=_("保存等级"))


@require_http_methods(["GET", "POST"])
@says_no
def consent(request: HttpRequest, case_no: str, party: int) -> HttpResponse:
    """A party's own answer to mediation (PMA 3, 17, 23)."""
    found, user = find(request, case_no), me(request)
    row = next((p for p in found.parties.all() if p.pk == party), None)
    if row is None:
        raise Http404
    sent = request.POST if request.method == "POST" else None
    form = ConsentForm(sent, case=found, user=user, initial={"consent": row.consent})
    if request.method == "POST" and form.is_valid():
        found.set_consent(row, by=user, at=timezone.now(), request=request, **form.cleaned_data)
        messages.success(request, _("调解意愿已记录"))
        return HttpResponseRedirect(f"/disputes/{case_no}/")
    sentence = found.may_edit(user)
    if sentence:
        return refused(request, sentence, case_no)
    heading = _("%(name)s是否同意调解") % {"name": row.name}
    hint = _("单独问过本人再填。有一方明确拒绝的，不能继续调解")
    history = list(row.consents.select_related("asked_by", "by"))
    return _small_form(request, found, form, heading=heading, hint=hint, button=_("保存意愿"), history=history)


def _small_form(
    request: HttpRequest, found: Dispute, form: Any, *, heading: str, hint: str, button: str, **more: Any
) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    context = {
        "case": found,
        "form": form,
        "has_errors": status == 422,
        "heading": heading,
        "hint": hint,
        "button": button,
        **more,
    }
    return render(request, "disputes/small_form.html", context, status=status)


# --- editing ---------------------------------------------------------------------------------------------------------
def _print_of(value: Any) -> str:
    """A short print of what a field held: enough to see whether it was changed, without carrying the value."""
    return hashlib.sha256(shown(value).encode()).hexdigest()[:12]


def _edit_forms(found: Dispute, data: Any = None) -> tuple[FactsForm, Any]:
    facts = FactsForm(data, initial=FactsForm.initial_of(found))
    initial = [initial_of_party(p) for p in found.parties.all()]
    return facts, PartyFormSet(data, initial=initial, prefix="parties")


def _base_of(found: Dispute) -> dict[str, str]:
    """The prints of every value that the edit form shows now, by the name of its input."""
    base = {
        name: _print_of(value) for name, value in FactsForm.initial_of(found).items() if name in FactsForm.base_fields
    }
    for party in found.parties.all():
        values = initial_of_party(party)
        base |= {f"{party.pk}.{name}": _print_of(values[name]) for name in values if name != "pk"}
    return base


@require_http_methods(["GET", "POST"])
@says_no
def edit(request: HttpRequest, case_no: str) -> HttpResponse:
    """Registration facts and parties; a second editor sees both versions and loses nothing."""
    found, user, now = find(request, case_no), me(request), timezone.now()
    key = f"edit:{case_no}"
    sentence = found.may_edit(user)
    if sentence:
        return refused(request, sentence, case_no)
    if request.method == "GET":
        kept = drafts.load(user, key)
        form, parties = _edit_forms(found, kept[0] if kept else None)
        if kept:
            drafts.show(form, parties)
        return _edit_page(request, found, form, parties, restored=kept[1] if kept else None)

    form, parties = _edit_forms(found, request.POST)
    version = request.POST.get("version", "")
    if not version.isdecimal() or len(version) > 9:
        form.add_error(None, _("页面不完整，刷新后再提交"))
    if not (form.is_valid() & parties.is_valid()):
        return _edit_page(request, found, form, parties, status=422)
    own = {str(p.pk) for p in found.parties.all()}
    rows = parties.values()
    if any(str(row["pk"]) not in own for row in rows if "pk" in row):
        raise Http404
    try:
        with transaction.atomic():
            drafts.drop(user, key)
            event = found.edit(by=user, at=now, version=int(version), facts=form.facts(), parties=rows, request=request)
    except Conflict as conflict:
        return _edit_conflict(request, case_no, conflict)
    messages.success(request, _("修改已保存") if event else _("没有改动"))
    return HttpResponseRedirect(f"/disputes/{case_no}/")


def _edit_conflict(request: HttpRequest, case_no: str, conflict: Conflict) -> HttpResponse:
    """Both versions side by side: what only one person changed is merged, what both changed is asked."""
    found = find(request, case_no)
    try:
        base = json.loads(request.POST.get("base", "{}"))
    except ValueError:
        base = {}
    base = base if isinstance(base, dict) else {}
    data = request.POST.copy()
    differing: list[dict[str, str]] = []
    form, parties = _edit_forms(found, request.POST)
    form.is_valid(), parties.is_valid()
    _merge(form, "", FactsForm.initial_of(found), base, data, differing)
    now_of = {str(p.pk): initial_of_party(p) for p in found.parties.all()}
    for row in parties.forms:
        pk = str(row.cleaned_data.get("pk") or "")
        if pk in now_of:
            _merge(row, f"{pk}.", now_of[pk], base, data, differing)
    form, parties = _edit_forms(found, data)
    return _edit_page(request, found, form, parties, status=409, problem=conflict.sentence, differing=differing)


def _merge(
    form: Any, prefix: str, now: Mapping[str, Any], base: Mapping[str, str], data: QueryDict, differing: list
) -> None:
    for name, theirs in now.items():
        if name not in form.fields or name == "pk":
            continue
        mine = form.cleaned_data.get(name, form[name].value())
        was = base.get(f"{prefix}{name}")
        if _print_of(theirs) == was or shown(theirs) == shown(mine):
            continue  # they left it alone, or both wrote the same
        if _print_of(mine) == was:
            if isinstance(theirs, bool):
                data.pop(form.add_prefix(name), None)
                if theirs:
                    data[form.add_prefix(name)] = "on"
            else:
                data[form.add_prefix(name)] = "" if theirs is None else str(theirs)
        else:
            label = f"{now.get('name', '')} {form.fields[name].label}".strip()
            differing.append({"label": label, "theirs": shown(theirs), "mine": shown(mine), "id": form[name].auto_id})


def _edit_page(
    request: HttpRequest,
    found: Dispute,
    form: FactsForm,
    parties: Any,
    *,
    restored: dt.datetime | None = None,
    status: int = 200,
    problem: str = "",
    differing: list[dict[str, str]] | None = None,
) -> HttpResponse:
    stored = {str(p.pk): p for p in found.parties.all()}
    for row in parties.forms:
        row.stored = stored.get(str(row["pk"].value() or ""))
    context = {
        "case": found,
        "form": form,
        "parties": parties,
        "version": found.version,
        "base": json.dumps(_base_of(found)),
        "restored": restored,
        "draft_key": f"edit:{found.case_no}",
        "has_errors": status == 422,
        "problem": problem,
        "differing": differing,
    }
    return render(request, "disputes/edit.html", context, status=status)
