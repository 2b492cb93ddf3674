"""The pages of sessions: the list, planning, the record, its prints, invitations, and the rooms."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.models import Action, record_read_once
from disputes import codes, drafts
from disputes.forms import ReasonForm, shown
from disputes.models import Conflict, Dispute, FactsMissing, MoveRefused, NotYours
from disputes.sessions import page as pages
from disputes.sessions.forms import PlanForm, RecordForm, VenueForm, invitees
from disputes.sessions.models import INVITED_ROLES, Attendee, Session, SessionQuerySet, Venue, why_not_convene
from disputes.views import find, me, refused, says_no
from villages.models import DESK_ROLES, Role, User

PAGE = 50
SHOWS = {
    "upcoming": gettext_lazy("即将召开"),
    "mine": gettext_lazy("请我参加"),
    "open": gettext_lazy("待填结果"),
    "past": gettext_lazy("已有结果"),
}


def _session(request: HttpRequest, case: Dispute, pk: int) -> Session:
    """The session of this case; any other is a 404 like one that does not exist."""
    found = pages.for_page(Session.objects.filter(dispute=case, pk=pk)).first()
    if found is None:
        raise Http404
    found.dispute = case
    return found


def _unless(sentence: str | None) -> None:
    if sentence:
        raise MoveRefused(sentence)


# --- the list --------------------------------------------------------------------------------------------------------
@require_GET
def sessions(request: HttpRequest) -> HttpResponse:
    """Sessions by day: those to come, those one is asked to, those without an outcome, those past."""
    user, now = me(request), timezone.now()
    reads = user.scope.q() is not None
    if not reads and not user.scope.has(*INVITED_ROLES):
        raise PermissionDenied(_("你的岗位不参加联调会。回首页看你能办的事"))
    lists = _lists(user, now, reads)
    show = request.GET.get("show", "")
    show = show if show in lists else next(iter(lists))
    page = Paginator(lists[show].for_list(), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": pages.rows(page.object_list, user, now),
        "show": show,
        "lists": [
            {"key": key, "label": SHOWS[key], "count": rows.count() if key != "past" else None}
            for key, rows in lists.items()
        ],
        "today": timezone.localdate(now),
        "keeps_rooms": user.scope.has(Role.SYSADMIN) or bool(user.scope.leads),
    }
    return render(request, "disputes/sessions/list.html", context)


def _lists(user: User, now: dt.datetime, reads: bool) -> dict[str, SessionQuerySet]:
    """What each tab lists; who reads no cases has invitations only."""
    mine = Session.objects.inviting(user).planned().filter(starts_at__gt=now).order_by("starts_at", "pk")
    if not reads:
        return {"mine": mine}
    visible = Session.objects.visible_to(user)
    return {
        "upcoming": visible.planned().filter(starts_at__gt=now).order_by("starts_at", "pk"),
        "mine": mine,
        "open": visible.without_outcome(now).order_by("starts_at", "pk"),
        "past": visible.exclude(state=Session.State.PLANNED).order_by("-starts_at", "-pk"),
    }


@require_GET
@says_no
def invitation(request: HttpRequest, uid: Any) -> HttpResponse:
    """What somebody who is asked must know: when, where, who chairs, what is asked; nothing of the case."""
    user, now = me(request), timezone.now()
    rows = pages.for_page(Session.objects.filter(uid=uid))
    found = rows.filter(pk__in=Session.objects.inviting(user).values("pk")).first()
    sees_case = Session.objects.visible_to(user).filter(uid=uid).exists()
    found = found or (rows.first() if sees_case else None)
    if found is None:
        raise Http404
    with transaction.atomic():
        record_read_once(
            actor=user, subject=str(found.uid), county=found.dispute.case_no[:6], at=now, request=request,
            detail={"page": "invitation"},
        )  # fmt: skip
    mine = found.attendees.filter(Attendee.asks(user))
    context = {
        "session": found,
        "span": pages.span(found.starts_at, found.ends_at),
        "tag": pages.TAGS[Session.State(found.state)],
        "asks": [row.ask for row in mine if row.ask and not row.withdrawn],
        "withdrawn": bool(mine) and all(row.withdrawn for row in mine) and found.chair_id != user.pk,
        "chairs": found.chair_id == user.pk,
        "url": pages.url_of(found) if sees_case else "",
    }
    return render(request, "disputes/sessions/invitation.html", context)


# --- planning --------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@says_no
def plan(request: HttpRequest, case_no: str) -> HttpResponse:
    """A new session: its time, place, chair, and who is asked."""
    case, user, now = find(request, case_no), me(request), timezone.now()
    _unless(why_not_convene(case, user))
    key = f"session:new:{case_no}"
    if request.method == "GET":
        kept = drafts.load(user, key)
        data = kept[0] if kept else None
        form, rows = PlanForm(data, case=case, user=user), invitees(case, data, prefix="invited")
        if kept:
            drafts.show(form, rows)
        elif (day := request.GET.get("day", "")) and len(day) <= 10:
            form.initial["day"] = day
        return _plan_page(request, case, form, rows, key, restored=kept[1] if kept else None)
    form, rows = PlanForm(request.POST, case=case, user=user), invitees(case, request.POST, prefix="invited")
    if not (form.is_valid() & rows.is_valid()):
        return _plan_page(request, case, form, rows, key, status=422)
    try:
        with transaction.atomic():
            drafts.drop(user, key)
            made = Session.objects.plan(
                case=case, by=user, at=now, facts=form.facts(rows.mappings()),
                submission=form.cleaned_data["submission"], request=request,
            )  # fmt: skip
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _plan_page(request, case, form, rows, key, status=422)
    messages.success(request, _("已约好，被邀请的同事收到通知"))
    return HttpResponseRedirect(f"/disputes/{case_no}/sessions/{made.pk}/")


def _plan_page(
    request: HttpRequest,
    case: Dispute,
    form: PlanForm,
    rows: Any,
    key: str,
    *,
    session: Session | None = None,
    restored: dt.datetime | None = None,
    status: int = 200,
    problem: str = "",
    differing: list[dict[str, str]] | None = None,
) -> HttpResponse:
    context = {
        "case": case,
        "title": _title(case, me(request)),
        "form": form,
        "rows": rows,
        "session": session,
        "draft_key": key,
        "restored": restored,
        "has_errors": status == 422,
        "problem": problem,
        "differing": differing,
        "shares": form["shares_venue"].errors or form["shares_venue"].value(),
    }
    return render(request, "disputes/sessions/plan.html", context, status=status)


def _title(case: Dispute, user: User) -> str:
    return case.title_for(user, codes.type_name(codes.names(), case.type_l1, case.type_l2))


@require_http_methods(["GET", "POST"])
@says_no
def change(request: HttpRequest, case_no: str, pk: int) -> HttpResponse:
    """Another time, place or list; a second person who changes it sees both versions and loses nothing."""
    case, user, now = find(request, case_no), me(request), timezone.now()
    found = _session(request, case, pk)
    key = f"session:change:{pk}"
    if request.method == "GET":
        _unless(found.why_not_change(user))
        kept = drafts.load(user, key)
        data = kept[0] if kept else None
        form = PlanForm(data, case=case, user=user, session=found)
        rows = invitees(case, data, prefix="invited", session=found)
        if kept:
            drafts.show(form, rows)
        return _plan_page(request, case, form, rows, key, session=found, restored=kept[1] if kept else None)
    _unless(found.why_not_change(user))
    form = PlanForm(request.POST, case=case, user=user, session=found)
    rows = invitees(case, request.POST, prefix="invited", session=found)
    if not (form.is_valid() & rows.is_valid()):
        return _plan_page(request, case, form, rows, key, session=found, status=422)
    try:
        with transaction.atomic():
            drafts.drop(user, key)
            found.change(
                by=user, at=now, version=form.cleaned_data["version"] or 0, facts=form.facts(rows.mappings()),
                request=request,
            )  # fmt: skip
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _plan_page(request, case, form, rows, key, session=found, status=422)
    except Conflict as conflict:
        fresh = _session(request, case, pk)
        _unless(fresh.why_not_change(user))
        theirs = PlanForm(case=case, user=user, session=fresh)
        again, differing = _again(PlanForm, request, theirs, case=case, user=user, session=fresh)
        return _plan_page(
            request, case, again, rows, key, session=fresh, status=409, problem=conflict.sentence, differing=differing
        )
    messages.success(request, _("安排已改，被邀请的同事收到通知"))
    return HttpResponseRedirect(f"/disputes/{case_no}/sessions/{pk}/")


def _again(kind: Any, request: HttpRequest, theirs: Any, **options: Any) -> tuple[Any, list[dict[str, str]]]:
    """The form with what was typed and the version of now, and both versions of each field that differs."""
    data = request.POST.copy()
    data["version"] = str(theirs.initial["version"])
    form = kind(data, **options)
    form.is_valid()
    differing = []
    for name, field in theirs.fields.items():
        if name in ("version", "submission"):
            continue
        now, mine = _words(theirs[name]), _words(form[name])
        if now != mine:
            differing.append({"label": str(field.label), "theirs": now, "mine": mine, "id": form[name].auto_id})
    return form, differing


def _words(bound: Any) -> str:
    """A field's value as a person compares it with another: the chosen words, not the codes."""
    value = bound.value()
    choices = getattr(bound.field, "choices", None)
    if choices is None:
        return shown(True if value == "on" else value)
    labels = {str(code): str(label) for code, label in choices}
    picked = [str(v) for v in (value if isinstance(value, list | tuple) else [value]) if v not in (None, "")]
    return "、".join(labels.get(v, v) for v in picked) or "--"


@require_http_methods(["GET", "POST"])
@says_no
def call_off(request: HttpRequest, case_no: str, pk: int) -> HttpResponse:
    """It will not take place, and why."""
    case, user = find(request, case_no), me(request)
    found = _session(request, case, pk)
    _unless(found.why_not_change(user))
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        found.call_off(by=user, at=timezone.now(), reason=form.cleaned_data["reason"], request=request)
        messages.success(request, _("已取消，被邀请的同事收到通知"))
        return HttpResponseRedirect(f"/disputes/{case_no}/sessions/{pk}/")
    status = 422 if form.is_bound else 200
    context = {
        "case": case,
        "form": form,
        "has_errors": status == 422,
        "heading": _("取消联调会"),
        "hint": _("%(when)s，%(where)s。取消后不能恢复，需要的另约一场")
        % {"when": pages.span(found.starts_at, found.ends_at), "where": found.where},
        "button": _("取消联调会"),
    }
    return render(request, "disputes/small_form.html", context, status=status)


# --- the session -----------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@says_no
def session(request: HttpRequest, case_no: str, pk: int) -> HttpResponse:
    """The plan, and the record: written once its day has come, corrected with ?correct=1."""
    case, user, now = find(request, case_no), me(request), timezone.now()
    found = _session(request, case, pk)
    key = f"session:record:{pk}"
    if request.method == "GET":
        with transaction.atomic():
            record_read_once(
                actor=user, subject=case_no, county=case_no[:6], at=now, request=request, detail={"page": "session"}
            )
        writes = _may_record(found, user, now) and (found.is_planned or "correct" in request.GET)
        if not writes:
            return _session_page(request, found, now)
        kept = drafts.load(user, key)
        data = kept[0] if kept else None
        form = RecordForm(data, session=found, user=user)
        walk_ins = invitees(case, data, prefix="walk_ins")
        if kept:
            drafts.show(form, walk_ins)
        return _session_page(request, found, now, form, walk_ins, restored=kept[1] if kept else None)

    form, walk_ins = RecordForm(request.POST, session=found, user=user), invitees(case, request.POST, prefix="walk_ins")
    sentence = found.why_not_record(user, now)
    if sentence:
        return refused(request, sentence, case_no, form.kept())
    if not (form.is_valid() & walk_ins.is_valid()):
        return _session_page(request, found, now, form, walk_ins, status=422)
    try:
        with transaction.atomic():
            drafts.drop(user, key)
            found.record(
                by=user, at=now, version=form.cleaned_data["version"] or 0, facts=form.facts(walk_ins.mappings()),
                request=request,
            )  # fmt: skip
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _session_page(request, found, now, form, walk_ins, status=422)
    except Conflict as conflict:
        fresh = _session(request, find(request, case_no), pk)
        sentence = fresh.why_not_record(user, now)
        if sentence:
            return refused(request, f"{conflict.sentence}。{sentence}", case_no, form.kept())
        theirs = RecordForm(session=fresh, user=user)
        again, differing = _again(RecordForm, request, theirs, session=fresh, user=user)
        return _session_page(
            request, fresh, now, again, walk_ins, status=409, problem=conflict.sentence, differing=differing
        )
    messages.success(request, _("联调会记录已保存：%(outcome)s") % {"outcome": found.get_outcome_display()})
    return HttpResponseRedirect(f"/disputes/{case_no}/sessions/{pk}/")


def _may_record(found: Session, user: User, now: dt.datetime) -> bool:
    return not user.scope.roles.isdisjoint(DESK_ROLES) and found.why_not_record(user, now) is None


def _session_page(
    request: HttpRequest,
    found: Session,
    now: dt.datetime,
    form: RecordForm | None = None,
    walk_ins: Any = None,
    *,
    restored: dt.datetime | None = None,
    status: int = 200,
    problem: str = "",
    differing: list[dict[str, str]] | None = None,
) -> HttpResponse:
    user, case = me(request), found.dispute
    try:
        why_not, may_change = found.why_not_record(user, now), found.why_not_change(user) is None
    except NotYours:
        why_not, may_change = "", False
    works = not user.scope.roles.isdisjoint(DESK_ROLES)
    context = {
        "case": case,
        "session": found,
        "title": _title(case, user),
        "facts": pages.shown(found, user),
        "form": form,
        "walk_ins": walk_ins,
        "restored": restored,
        "draft_key": f"session:record:{found.pk}",
        "has_errors": status == 422,
        "problem": problem,
        "differing": differing,
        "may_change": may_change,
        "may_correct": found.is_recorded and why_not is None and form is None,
        "why_not": why_not if found.is_planned and works else "",
        "may_plan_next": found.is_recorded and works and why_not_convene(case, user) is None,
    }
    return render(request, "disputes/sessions/session.html", context, status=status)


@require_GET
@says_no
def sheet(request: HttpRequest, case_no: str, pk: int) -> HttpResponse:
    """A sheet for the printer: the invitation, or the record; signature lines stay blank."""
    case, user, now = find(request, case_no), me(request), timezone.now()
    found = _session(request, case, pk)
    what = request.GET.get("what", "record" if found.is_recorded else "invitation")
    if what not in ("invitation", "record"):
        raise Http404
    if what == "record" and not found.is_recorded:
        raise MoveRefused(_("联调会还没有结果，先填记录再打印"))
    with transaction.atomic():
        record_read_once(
            actor=user, subject=case_no, action=Action.PRINT, county=case_no[:6], at=now, request=request,
            detail={"page": "session", "what": what, "session": str(found.uid)},
        )  # fmt: skip
    context = {"case": case, "session": found, "facts": pages.shown(found, user), "what": what, "now": now}
    return render(request, "disputes/sessions/print.html", context)


# --- rooms -----------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@says_no
def venues(request: HttpRequest) -> HttpResponse:
    """The rooms that this person keeps, and a new one."""
    user, now = me(request), timezone.now()
    if not user.scope.has(Role.SYSADMIN) and not user.scope.leads:
        raise PermissionDenied(_("会议地点由本单位负责人或系统管理员维护。需要的联系他们"))
    form = VenueForm(request.POST if request.method == "POST" else None, user=user)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            Venue.objects.add(office=form.offices[data["office"]], name=data["name"], by=user, at=now, request=request)
        except NotYours:
            raise
        except MoveRefused as refusal:
            form.add_error("name", refusal.sentence)
        else:
            messages.success(request, _("已添加“%(name)s”") % {"name": data["name"]})
            return HttpResponseRedirect("/sessions/rooms/")
    rows = Venue.objects.managed_by(user).filter(ended_on=None).select_related("office").order_by("office__code", "pk")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    status = 422 if form.is_bound else 200
    context = {"page": page, "form": form, "has_errors": status == 422}
    return render(request, "disputes/sessions/venues.html", context, status=status)


@require_POST
@says_no
def end_venue(request: HttpRequest, pk: int) -> HttpResponse:
    """No longer offered; sessions planned there stay."""
    user = me(request)
    if not user.scope.has(Role.SYSADMIN) and not user.scope.leads:
        raise PermissionDenied(_("会议地点由本单位负责人或系统管理员维护。需要的联系他们"))
    venue = Venue.objects.managed_by(user).filter(pk=pk, ended_on=None).select_related("office__area").first()
    if venue is None:
        raise Http404
    venue.end(by=user, at=timezone.now(), request=request)
    messages.success(request, _("已停用“%(name)s”，已约的联调会不变") % {"name": venue.name})
    return HttpResponseRedirect("/sessions/rooms/")
