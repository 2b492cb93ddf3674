"""Pages of counselling: the list, a new referral, and one referral with its sessions and, for two people, its notes.

Nothing that was typed as a note goes into a draft, a message or a log; a form that was refused gives it back to who
typed it and to nobody else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.models import record_read_once
from disputes import drafts, parsing
from disputes.models import FactsMissing, MoveRefused, NotYours
from disputes.views import find, me, needs_desk, refused, says_no
from followups.counselling.forms import ActForm, AskForm, ReasonForm
from followups.counselling.models import (
    ACTS,
    CounsellingNote,
    CounsellingReferral,
    ReferralQuerySet,
    State,
    why_not_ask,
)
from followups.counselling.page import Reader, advice_of, sessions_of
from villages.models import DESK_ROLES, Role, User

PAGE = 50
#: What the list may be narrowed to.
VIEWS = (
    ("asked", gettext_lazy("等疏导员接")),
    ("accepted", gettext_lazy("疏导中")),
    ("risk", gettext_lazy("有风险提示")),
    ("over", gettext_lazy("已结束")),
)


def narrow(rows: ReferralQuerySet, view: str) -> ReferralQuerySet:
    """The referrals of one of VIEWS; all of them without one."""
    if view == "risk":
        return rows.exclude(risk_at=None)
    if view == "over":
        return rows.exclude(state__in=[State.ASKED, State.ACCEPTED])
    return rows.filter(state=view) if view else rows


def has_room(user: User) -> bool:
    """Whether there is anything of this room for this person at all."""
    return user.scope.q() is not None or user.scope.has(Role.COUNSELLOR)


@require_GET
def referrals(request: HttpRequest) -> HttpResponse:
    """The referrals of one's scope, or those to oneself; risk first, then by next date."""
    user = me(request)
    if not has_room(user):
        raise PermissionDenied(_("你的岗位不看心理疏导。回首页看你能办的事"))
    visible = CounsellingReferral.objects.visible_to(user)
    view = request.GET.get("view", "")
    view = view if view in dict(VIEWS) else ""
    rows = narrow(visible, view).for_list(user)
    rows = rows.order_by(F("risk_at").desc(nulls_last=True), F("next_on").asc(nulls_last=True), "-pk")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": Reader(user).read_all(page.object_list),
        "view": view,
        "views": VIEWS,
        "counsels": user.scope.has(Role.COUNSELLOR),
        "may_ask": not user.scope.roles.isdisjoint(DESK_ROLES),
        "today": timezone.localdate(),
    }
    return render(request, "followups/counselling/list.html", context)


# --- a new one -------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@says_no
def new(request: HttpRequest) -> HttpResponse:
    """Refer one party of a case (`?case=<case number>`); without a number the question which case."""
    user, number = me(request), request.GET.get("case", "")
    needs_desk(user, _("你的岗位不转介心理疏导。需要的联系责任单位"))
    if not number:
        return render(request, "followups/counselling/which.html", status=422 if request.method == "POST" else 200)
    try:
        found = find(request, parsing.case_no(number))
    except ValidationError:
        raise Http404 from None
    key, sentence = f"counselling:{found.case_no}", why_not_ask(found, user)
    if request.method == "GET":
        if sentence:
            return refused(request, sentence, found.case_no)
        kept = drafts.load(user, key)
        form = AskForm(kept[0] if kept else None, case=found, initial={"party": request.GET.get("party", "")})
        if kept:
            drafts.show(form)
        return _ask_page(request, found, form, restored=kept[1] if kept else None)
    form = AskForm(request.POST, case=found)
    valid, submission = form.is_valid(), form.cleaned_data.get("submission")
    again = submission and CounsellingReferral.objects.filter(submission=submission, by=user).first()
    if again:
        return HttpResponseRedirect(f"/counselling/{again.uid}/")
    if sentence:
        return refused(request, sentence, found.case_no, str(form["why"].value() or ""))
    if not valid:
        return _ask_page(request, found, form, status=422)
    try:
        with transaction.atomic():
            drafts.drop(user, key)
            row = CounsellingReferral.objects.ask(
                found, by=user, at=timezone.now(), facts=form.facts(), submission=submission, request=request
            )
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _ask_page(request, found, form, status=422)
    messages.success(request, _("已转介心理疏导，疏导员会收到通知"))
    return HttpResponseRedirect(f"/counselling/{row.uid}/")


def _ask_page(
    request: HttpRequest, found: Any, form: AskForm, *, restored: dt.datetime | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "case": found,
        "form": form,
        "restored": restored,
        "has_errors": status == 422,
        "draft_key": f"counselling:{found.case_no}",
    }
    return render(request, "followups/counselling/new.html", context, status=status)


# --- one referral ----------------------------------------------------------------------------------------------------
def find_referral(user: User, uid: Any) -> CounsellingReferral:
    """The referral that this person may read; any other is a 404 like one that does not exist."""
    found = CounsellingReferral.objects.visible_to(user).for_list(user).filter(uid=uid).first()
    if found is None:
        raise Http404
    return found


@sensitive_post_parameters("note")
@sensitive_variables()
@require_http_methods(["GET", "POST"])
@says_no
def referral(request: HttpRequest, uid: Any) -> HttpResponse:
    """One referral: take it, decline it, sessions, risk, advice, the end; whatever this person may do there."""
    user = me(request)
    found = find_referral(user, uid)
    if request.method == "GET":
        with transaction.atomic():
            county = found.dispute.case_no[:6]
            record_read_once(actor=user, subject=str(found.uid), county=county, request=request)
        return _page(request, found)
    name = request.POST.get("act", "")
    if name not in ACTS:
        found.why_not("accept", user)  # a role that never acts is told so first
        raise MoveRefused(_("页面不完整，刷新后再提交"))
    sentence = found.why_not(name, user)
    form = ActForm(name, found, user, request.POST)
    if sentence and form.is_valid() and _again(found, form, user):
        return HttpResponseRedirect(f"/counselling/{uid}/")
    if sentence:
        return _page(request, found, form, status=409, problem=sentence)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    try:
        version = form.cleaned_data["version"]
        found.act(name, by=user, at=timezone.now(), version=version, request=request, **form.facts())
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _page(request, find_referral(user, uid), form, status=422)
    except NotYours:
        raise
    except MoveRefused as refusal:
        return _page(request, find_referral(user, uid), form, status=409, problem=refusal.sentence)
    messages.success(request, _("已办理：%(act)s") % {"act": ACTS[name].label})
    gone = not CounsellingReferral.objects.visible_to(user).filter(uid=uid).exists()
    return HttpResponseRedirect("/counselling/" if gone else f"/counselling/{uid}/")


def _again(found: CounsellingReferral, form: ActForm, user: User) -> bool:
    """Whether this session was written down by the same form before; the counselling may be over by now."""
    submission = form.cleaned_data.get("submission")
    return bool(submission) and found.sessions.filter(by=user, submission=submission).exists()


@require_POST
@says_no
def phone(request: HttpRequest, uid: Any) -> HttpResponse:
    """The page with the phones in clear, once; the log row was written before."""
    found, form = find_referral(me(request), uid), ReasonForm(request.POST)
    sentence = found.may_reveal(me(request))
    if sentence:
        return _page(request, found, status=409, problem=sentence)
    if not form.is_valid():
        return _page(request, found, status=422, problem=str(form.errors["reason"][0]))
    told = found.reveal(by=me(request), at=timezone.now(), reason=form.cleaned_data["reason"], request=request)
    return _page(request, found, phones=told)


@sensitive_variables()
@require_POST
@says_no
def notes(request: HttpRequest, uid: Any) -> HttpResponse:
    """The page with the notes in clear, once, for the supervisor who says why; the log row was written before."""
    found, user, form = find_referral(me(request), uid), me(request), ReasonForm(request.POST)
    sentence = found.why_no_notes(user)
    if sentence:
        return _page(request, found, status=409, problem=sentence)
    if not form.is_valid() and found.is_supervised_by(user):
        return _page(request, found, status=422, problem=str(form.errors["reason"][0]))
    reason = form.cleaned_data.get("reason", "")
    told = found.read_notes(by=user, at=timezone.now(), reason=reason, request=request)
    return _page(request, found, opened=told)


@sensitive_variables()
def _page(
    request: HttpRequest,
    found: CounsellingReferral,
    sent: ActForm | None = None,
    *,
    status: int = 200,
    problem: str = "",
    phones: Mapping[str, str] | None = None,
    opened: Mapping[int, list[CounsellingNote]] | None = None,
) -> HttpResponse:
    user = me(request)
    shown = Reader(user).read_all([found])[0]
    supervises = found.is_supervised_by(user)
    sessions = sessions_of(found, user)
    if opened is None and not supervises and any(one.by_id == user.pk for one in sessions):
        opened = found.read_notes(by=user, at=timezone.now(), request=request)  # one's own
    forms = [
        {
            "act": ACTS[name],
            "name": name,
            "form": sent if sent and sent.name == name else ActForm(name, found, user),
            "first": name in ("accept", "session"),
        }
        for name in found.acts_for(user)
        if name != "note" or any(one.by_id == user.pk for one in sessions)
    ]
    context = {
        "row": shown,
        "forms": forms,
        "form": sent,
        "lost": sent if sent and status == 409 and not any(one["form"] is sent for one in forms) else None,
        "sessions": [{"one": one, "notes": (opened or {}).get(one.pk, [])} for one in sessions],
        "advices": advice_of(found, user) if shown["told"] else [],
        "may_open": supervises and opened is None and bool(shown["done"]),
        "opened": supervises and opened is not None,
        "more": any(not one["first"] for one in forms),
        "phones": phones,
        "problem": problem,
        "has_errors": status == 422,
        "today": timezone.localdate(),
    }
    return render(request, "followups/counselling/referral.html", context, status=status)
