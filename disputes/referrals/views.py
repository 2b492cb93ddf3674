"""Pages of referrals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from audit.models import record_read_once
from disputes import drafts, parsing
from disputes.filters import Page
from disputes.models import Dispute, FactsMissing, MoveRefused, NotYours
from disputes.referrals.forms import ActForm, InForm, OutForm
from disputes.referrals.models import ACTS, Referral, ReferralQuerySet, why_not_send
from disputes.referrals.panels import row_of
from disputes.views import find, me, needs_desk, refused, says_no
from villages.models import DESK_ROLES, User

#: Conditions of the list → what may be chosen.
WAITING = (("mine", _("等本单位办理")), ("other", _("等对方答复")))


def chosen(params: Any) -> dict[str, str]:
    """The conditions in the address, without those that say nothing."""
    known: dict[str, Sequence[str]] = {
        "direction": Referral.Direction.values,
        "kind": Referral.Kind.values,
        "state": Referral.State.values,
        "waiting": [value for value, _label in WAITING],
    }
    return {name: params[name] for name, values in known.items() if params.get(name) in values}


def narrow(rows: ReferralQuerySet, user: User, conditions: dict[str, str]) -> ReferralQuerySet:
    """The referrals that meet these conditions."""
    waiting = conditions.get("waiting")
    if waiting:
        rows = rows.waiting_for(user) if waiting == "mine" else rows.sent_by_desks_of(user)
    return rows.filter(**{name: value for name, value in conditions.items() if name != "waiting"})


@require_GET
def referrals(request: HttpRequest) -> HttpResponse:
    """Referrals of the viewer's scope and those to their office, newest first."""
    user = me(request)
    if user.scope.q() is None and not user.scope.responds:
        raise PermissionDenied(_("你的岗位不看移送。回首页看你能办的事"))
    conditions = chosen(request.GET)
    visible = narrow(Referral.objects.visible_to(user), user, conditions)
    page = Page(visible.for_list(), request.GET, counted=visible)
    pairs = list(conditions.items())
    may_open = openable(page.rows, user)
    context = {
        "rows": [row_of(row, user) | {"open": row.dispute_id in may_open} for row in page.rows],
        "page": page,
        "chosen": conditions,
        "choices": [
            ("direction", _("方向"), Referral.Direction.choices),
            ("kind", _("对接类别"), Referral.Kind.choices),
            ("state", _("状态"), Referral.State.choices),
            ("waiting", _("等谁"), WAITING),
        ],
        "next": page.next and f"?{urlencode([*pairs, ('after', page.next)])}",
        "previous": page.previous and f"?{urlencode([*pairs, ('before', page.previous)])}",
        "may_receive": not user.scope.roles.isdisjoint(DESK_ROLES),
    }
    return render(request, "disputes/referrals/list.html", context)


def openable(rows: Sequence[Referral], user: User) -> set[int]:
    """Of the cases behind these referrals those that the viewer may open; one query."""
    wanted = {row.dispute_id for row in rows if row.dispute_id}
    return set(Dispute.objects.visible_to(user).filter(pk__in=wanted).values_list("pk", flat=True))


# --- out -------------------------------------------------------------------------------------------------------------
@require_GET
def new(request: HttpRequest) -> HttpResponse:
    """Which case to refer: with its number the form of that case."""
    user = me(request)
    needs_desk(user, _("你的岗位不办理移送。需要的联系责任单位"))
    number = request.GET.get("case", "")
    if not number:
        return render(request, "disputes/referrals/new.html")
    try:
        case_no = parsing.case_no(number)
    except ValidationError:
        raise Http404 from None
    return HttpResponseRedirect(f"/disputes/{find(request, case_no).case_no}/referrals/")


@require_http_methods(["GET", "POST"])
@says_no
def send(request: HttpRequest, case_no: str) -> HttpResponse:
    """Refer this case: to an office of the directory, or to a body outside."""
    found, user = find(request, case_no), me(request)
    key = f"referral:{case_no}"
    sentence = why_not_send(found, user)
    if request.method == "GET":
        if sentence:
            return refused(request, sentence, case_no)
        kept = drafts.load(user, key)
        form = OutForm(kept[0] if kept else None, case=found)
        if kept:
            drafts.show(form)
        return _out_page(request, found, form, restored=kept[1] if kept else None)
    form = OutForm(request.POST, case=found)
    valid, submission = form.is_valid(), form.cleaned_data.get("submission")
    again = submission and Referral.objects.filter(submission=submission, by=user).first()
    if again:  # the same form a second time; the case may have left the desk with the first
        return HttpResponseRedirect(f"/referrals/{again.uid}/")
    kept_text = str(form["text"].value() or "")
    if sentence:
        return refused(request, sentence, case_no, kept_text)
    if not valid:
        return _out_page(request, found, form, status=422)
    try:
        with transaction.atomic():
            drafts.drop(user, key)
            row = Referral.objects.send(
                found, by=user, at=timezone.now(), facts=form.facts(), submission=submission, request=request
            )
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _out_page(request, found, form, status=422)
    except NotYours:
        raise
    except MoveRefused as refusal:
        fresh = find(request, case_no)
        if fresh.names_hidden_from(user):  # the form would name the parties
            return refused(request, refusal.sentence, case_no, kept_text)
        return _out_page(request, fresh, form, status=409, problem=refusal.sentence)
    messages.success(request, _("已移送%(where)s，结果会显示在案件页") % {"where": row.other_side})
    return HttpResponseRedirect(f"/disputes/{case_no}/#referrals")


def _out_page(
    request: HttpRequest,
    found: Dispute,
    form: OutForm,
    *,
    restored: dt.datetime | None = None,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    context = {
        "case": found,
        "form": form,
        "problem": problem,
        "has_errors": status == 422,
        "restored": restored,
        "draft_key": f"referral:{found.case_no}",
    }
    return render(request, "disputes/referrals/send.html", context, status=status)


# --- in --------------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@says_no
def receive(request: HttpRequest) -> HttpResponse:
    """Record what another body handed to us; what it becomes is decided on its own page."""
    user, key = me(request), "referral-in"
    needs_desk(user, _("你的岗位不登记移送。需要的联系责任单位"))
    if request.method == "GET":
        kept = drafts.load(user, key)
        form = InForm(kept[0] if kept else None, user=user)
        if kept:
            drafts.show(form)
        return _in_page(request, form, restored=kept[1] if kept else None)
    form = InForm(request.POST, user=user)
    if not form.is_valid():
        return _in_page(request, form, status=422)
    submission = form.cleaned_data["submission"]
    try:
        with transaction.atomic():
            drafts.drop(user, key)
            row = Referral.objects.receive(
                by=user, at=timezone.now(), facts=form.facts(), submission=submission, request=request
            )
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _in_page(request, form, status=422)
    messages.success(request, _("已登记收到的移送，接着立案、并入或退回"))
    return HttpResponseRedirect(f"/referrals/{row.uid}/")


def _in_page(
    request: HttpRequest, form: InForm, *, restored: dt.datetime | None = None, status: int = 200
) -> HttpResponse:
    context = {"form": form, "has_errors": status == 422, "restored": restored, "draft_key": "referral-in"}
    return render(request, "disputes/referrals/receive.html", context, status=status)


# --- one referral ----------------------------------------------------------------------------------------------------
def find_referral(request: HttpRequest, uid: Any) -> Referral:
    """The referral that the viewer may read; any other is a 404 like one that does not exist."""
    found = Referral.objects.visible_to(me(request)).for_list().filter(uid=uid).first()
    if found is None:
        raise Http404
    return found


@require_http_methods(["GET", "POST"])
@says_no
def referral(request: HttpRequest, uid: Any) -> HttpResponse:
    """One referral with its answers: take it, return it, report its outcome; one that came in becomes a case."""
    found, user = find_referral(request, uid), me(request)
    if request.method == "GET":
        county = found.village.county_code
        record_read_once(actor=user, subject=str(found.uid), county=county, request=request)
        return _referral_page(request, found)
    act = request.POST.get("act", "")
    if act not in ACTS:
        sentence = found.why_not("return", user)  # a role that never answers is told so first
        raise MoveRefused(sentence or _("页面不完整，刷新后再提交"))
    sentence = found.why_not(act, user)
    form = ActForm(act, found, user, request.POST)
    if sentence:
        return _referral_page(request, found, form, status=409, problem=sentence)
    if not form.is_valid():
        return _referral_page(request, found, form, status=422)
    facts = form.facts()
    if facts.get("target"):
        facts["target"] = Dispute.objects.visible_to(user).filter(case_no=facts["target"]).first()
        if facts["target"] is None:
            form.tell({"target": _("没有这个案件，或者它不在你的范围内。核对案号")})
            return _referral_page(request, found, form, status=422)
    try:
        version = form.cleaned_data["version"]
        found.answer(act, by=user, at=timezone.now(), version=version, request=request, **facts)
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _referral_page(request, find_referral(request, uid), form, status=422)
    except NotYours:
        raise
    except MoveRefused as refusal:
        return _referral_page(request, find_referral(request, uid), form, status=409, problem=refusal.sentence)
    messages.success(request, _("已办理，这次移送现在是“%(state)s”") % {"state": found.get_state_display()})
    return HttpResponseRedirect(f"/referrals/{uid}/")


def _referral_page(
    request: HttpRequest, found: Referral, sent: ActForm | None = None, *, status: int = 200, problem: str = ""
) -> HttpResponse:
    user = me(request)
    forms = [
        {"act": ACTS[name], "name": name, "form": sent if sent and sent.name == name else ActForm(name, found, user)}
        for name in found.acts_for(user)
    ]
    context = {
        "row": row_of(found, user),
        "version": found.version,
        "sides": [found.side_a, found.side_b] if not user.scope.masked else [],
        "open": found.dispute_id in openable([found], user),
        "forms": forms,
        "form": sent,
        "lost": sent if sent and status == 409 and not any(one["form"] is sent for one in forms) else None,
        "problem": problem,
        "has_errors": status == 422,
    }
    return render(request, "disputes/referrals/referral.html", context, status=status)
