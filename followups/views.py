"""The queue of visits, the visit form, and whether reminders flow."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.models import record_read_once
from disputes import drafts
from disputes.codes import names as code_names
from disputes.codes import type_name
from disputes.models import Dispute, FactsMissing, MoveRefused, NotYours
from followups import panel, pump, relapse, visits
from followups.coverage import oversees
from followups.filters import VisitFilter
from followups.forms import CheckForm, VisitForm, WaiverForm
from followups.models import ReturnVisit
from villages.models import DESK_ROLES, Role, today
from villages.pages import chips, for_roles, numbered
from villages.policy import policy_on
from villages.requests import SignedInRequest


@require_GET
def healthz_reminders(request: HttpRequest) -> JsonResponse:
    """200 while the pump goes round and nothing waits longer than it may, else 503."""
    health = pump.health()
    return JsonResponse(health, status=200 if health["ok"] else 503)


# --- visits ----------------------------------------------------------------------------------------------------------
@require_GET
@for_roles(*sorted(DESK_ROLES), Role.SUPERVISOR)
def queue(request: SignedInRequest) -> HttpResponse:
    """The visits of one's area by due date: one row per party."""
    user = request.user
    rows = (
        ReturnVisit.objects.visible_to(user)
        .select_related("dispute__village__parent", "party", "office", "assignee")
        .order_by("due_on", "dispute_id", "pk")
    )
    found = VisitFilter(request.GET, rows, request=request)
    page = numbered(request, found.qs)
    names = code_names()
    for row in page.object_list:
        case = row.dispute
        row.title = case.title_for(user, type_name(names, case.type_l1, case.type_l2))
        row.who = visits.shown_name(case, row.party, user)
    context = {
        "form": found.form,
        "chips": chips(found, request),
        "page": page,
        "today": today(),
        "works": bool(user.scope.desks),
        "oversees": oversees(user),
    }
    return render(request, "followups/queue.html", context)


def _case(request: SignedInRequest, case_no: str) -> Dispute:
    return get_object_or_404(Dispute.objects.visible_to(request.user).for_page(), case_no=case_no)


@require_http_methods(["GET", "POST"])
def visit(request: SignedInRequest, case_no: str) -> HttpResponse:
    """The visit form: both parties side by side; below it what was heard before."""
    case, user, now = _case(request, case_no), request.user, timezone.now()
    key = f"visit:{case.case_no}"
    retry_days = policy_on(timezone.localdate(now))["visit_retry_days"]
    options: dict[str, Any] = {"case": case, "viewer": user, "today": timezone.localdate(now), "retry_days": retry_days}
    if request.method == "GET":
        with transaction.atomic():
            record_read_once(
                actor=user, subject=case.case_no, county=case.case_no[:6], detail={"page": "visit"}, request=request
            )
        draft = drafts.load(user, key)
        form = VisitForm(draft[0] if draft else None, **options)
        if draft:
            drafts.show(form, *form.columns)
        return _visit_page(request, case, form, drafted_at=draft[1] if draft else None)

    form = VisitForm(request.POST, **options)
    try:
        sentence = visits.why_not_visit(case, user)
    except NotYours as refused:
        raise PermissionDenied(refused.sentence) from None
    if sentence:
        return _visit_page(request, case, form, refused=sentence, status=409)
    if not form.is_valid():
        return _visit_page(request, case, form, status=422)
    try:
        event = visits.record_visit(
            case=case,
            by=user,
            at=now,
            facts=form.facts(form.cleaned_data),
            submission=_submission(request),
            request=request,
        )
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _visit_page(request, case, form, status=422)
    except MoveRefused as refused:
        return _visit_page(request, case, form, refused=refused.sentence, status=409)
    drafts.drop(user, key)
    if event.facts["relapse"]:
        messages.warning(request, _("回访已登记。有反弹苗头，要核实"))
        return redirect("visit", case_no=case.case_no)
    if event.facts.get("conclusion") == ReturnVisit.Conclusion.COUNSEL and _counselling_url(case):
        messages.success(request, _("回访已登记，接着填心理疏导转介"))
        return redirect("visit", case_no=case.case_no)
    missing_parties = visits.parties_without_visit(case)
    if missing_parties:
        # sides, not names: a message waits in a cookie and may be shown to the next person at this computer
        sides = "、".join(visits.side_label(party, case.principal_parties()) for party in missing_parties)
        messages.success(request, _("回访已登记。还要回访%(sides)s") % {"sides": sides})
    else:
        messages.success(request, _("回访已登记，各方都已回访，可以结案"))
    return redirect(f"/disputes/{case.case_no}/")


def _counselling_url(case: Dispute) -> str:
    """Where somebody is referred to counselling; empty where this installation has no such page."""
    try:
        resolve("/counselling/new/")
    except Resolver404:
        return ""
    return f"/counselling/new/?case={case.case_no}"


def _submission(request: SignedInRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.POST.get("submission", ""))
    except ValueError:
        return None


def _visit_page(
    request: SignedInRequest,
    case: Dispute,
    form: VisitForm,
    *,
    status: int = 200,
    refused: str = "",
    drafted_at: Any = None,
    waiver: tuple[int, WaiverForm] | None = None,
) -> HttpResponse:
    user = request.user
    try:
        why_not = visits.why_not_visit(case, user)
    except NotYours as mine_never:
        why_not = mine_never.sentence
    names = code_names()
    agreement = case.agreements.filter(round=case.round).first()
    lacking = visits.parties_without_visit(case) if case.status in visits.VISITED else []
    found = visits.history(case, user)
    context = {
        "case": case,
        "title": case.title_for(user, type_name(names, case.type_l1, case.type_l2)),
        "form": form,
        "may_visit": why_not is None,
        "why_not": why_not,
        "refused": refused,
        "submission": request.POST.get("submission") or uuid.uuid4(),
        "draft_url": f"/drafts/visit:{case.case_no}/",
        "drafted_at": drafted_at,
        "agreement": agreement,
        "today": today(),
        "relapse": panel.relapse_of(case, user),
        "waivable": [
            (
                party,
                visits.shown_name(case, party, user),
                waiver[1] if waiver and waiver[0] == party.pk else WaiverForm(),
            )
            for party in (lacking if panel.may(visits.why_not_waive, case, user) else [])
        ],
        "waiver_errors": waiver[1] if waiver else None,
        **found,
        "counselling_url": _counselling_url(case) if any(row.conclusion == "counsel" for row in found["made"]) else "",
    }
    return render(request, "followups/visit.html", context, status=status)


@require_http_methods(["GET", "POST"])
def check(request: SignedInRequest, case_no: str) -> HttpResponse:
    """The sign of a relapse: what was heard, and whether the dispute has really flared up again."""
    case, user, now = _case(request, case_no), request.user, timezone.now()
    form = CheckForm(request.POST or None, case=case)
    try:
        why_not = relapse.why_not_decide(case, user)
    except NotYours as refused:
        raise PermissionDenied(refused.sentence) from None
    if request.method == "GET":
        return _check_page(request, case, form, why_not=why_not)
    if why_not:
        return _check_page(request, case, form, refused=why_not, why_not=why_not, status=409)
    if not form.is_valid():
        return _check_page(request, case, form, status=422)
    try:
        event = relapse.decide(case=case, by=user, at=now, facts=form.facts(), request=request)
    except FactsMissing as missing:
        for name, sentence in missing.errors.items():
            form.add_error(name if name in form.fields else None, sentence)
        return _check_page(request, case, form, status=422)
    except MoveRefused as refused:
        return _check_page(request, case, form, refused=refused.sentence, status=409)
    confirmed = event.facts["confirmed"]
    messages.success(request, _("已核实：确有反弹，案件重新办理") if confirmed else _("已核实：没有反弹"))
    return redirect(f"/disputes/{case.case_no}/")


def _check_page(
    request: SignedInRequest,
    case: Dispute,
    form: CheckForm,
    *,
    why_not: str | None = None,
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    names = code_names()
    made = visits.history(case, request.user)["made"]
    context = {
        "case": case,
        "title": case.title_for(request.user, type_name(names, case.type_l1, case.type_l2)),
        "form": form,
        "why_not": why_not,
        "refused": refused,
        "today": today(),
        "signs": [row for row in made if "relapse" in (row.mind, row.conclusion)],
    }
    return render(request, "followups/relapse.html", context, status=status)


@require_POST
def waive(request: SignedInRequest, case_no: str, party: int) -> HttpResponse:
    """A supervisor's written waiver of the visit to one party."""
    case, user = _case(request, case_no), request.user
    row = next((p for p in case.principal_parties() if p.pk == party), None)
    if row is None:
        raise Http404
    form = WaiverForm(request.POST)
    options: dict[str, Any] = {"case": case, "viewer": user, "today": today(), "retry_days": 0}
    try:
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        visits.waive_visit(case=case, party=row, by=user, at=timezone.now(), reason=reason, request=request)
    except FactsMissing:
        return _visit_page(request, case, VisitForm(**options), waiver=(party, form), status=422)
    except NotYours as refused:
        raise PermissionDenied(refused.sentence) from None
    except MoveRefused as refused:
        return _visit_page(request, case, VisitForm(**options), refused=refused.sentence, status=409)
    messages.success(request, _("已办理书面免访"))
    return redirect("visit", case_no=case.case_no)
