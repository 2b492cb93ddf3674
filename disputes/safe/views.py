"""Pages of the safeguards: one for every act, the other ways to read out, and the slip 对调解员的意见."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from disputes import codes, drafts, effects, masking
from disputes import facts as catalogue
from disputes import safeguards as s
from disputes.filters import Page
from disputes.models import Dispute, FactsMissing, MoveRefused, NotYours, Party
from disputes.page import text_of
from disputes.safe import acts
from disputes.safe.acts import ACTS
from disputes.safe.forms import ActForm, AnswerForm, SlipForm
from disputes.safe.models import Slip, lifts_in_area
from disputes.safe.ways import ways_for
from disputes.views import find, me, refused, says_no
from villages.models import Role


@require_http_methods(["GET", "POST"])
@says_no
def act(request: HttpRequest, case_no: str, name: str) -> HttpResponse:
    """One act of the table: its form, then the door."""
    found, user, now = find(request, case_no), me(request), timezone.now()
    if name not in ACTS:
        raise Http404
    sentence = acts.why_not(found, name, by=user, at=now)
    if sentence:
        return refused(request, sentence, case_no)
    key = f"act:{name}:{case_no}"
    if request.method == "GET":
        kept = drafts.load(user, key)
        chosen = {key: request.GET[key] for key in ("obligation", "task") if key in request.GET}
        form = ActForm(name, found, user, kept[0] if kept else None, initial=chosen)
        if kept:
            drafts.show(form)
        return _act_page(request, found, form, restored=kept[1] if kept else None)
    form = ActForm(name, found, user, request.POST)
    if not form.is_valid():
        return _act_page(request, found, form, status=422)
    try:
        with transaction.atomic():
            drafts.drop(user, key)
            submission = form.cleaned_data["submission"]
            found.act(name, by=user, at=now, submission=submission, request=request, **form.facts)
    except FactsMissing as missing:
        form.tell(missing.errors)
        return _act_page(request, found, form, status=422)
    except NotYours:
        raise
    except MoveRefused as refusal:
        return _act_page(request, found, form, status=409, problem=refusal.sentence)
    _say(request, found, name)
    return HttpResponseRedirect(f"/disputes/{case_no}/#safeguards")


def _say(request: HttpRequest, case: Dispute, name: str) -> None:
    """What was done; and where an answer closes this way, the way on."""
    refusal = {
        "acceptance": lambda: s.not_acceptable(case, None, None, timezone.now()),
        "police": lambda: s.police_applies(case),
    }.get(name, lambda: None)()
    if refusal:
        messages.warning(request, _("已记下。%(why)s") % {"why": refusal})
    else:
        messages.success(request, _("已记下“%(what)s”") % {"what": ACTS[name].label})


def _act_page(
    request: HttpRequest,
    found: Dispute,
    form: ActForm,
    *,
    restored: dt.datetime | None = None,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    name, user = form.move, me(request)
    known = codes.names()
    screen = s.latest(found, "family") if name == "screen" else None
    labels = catalogue.SAFETY_LABELS
    context = {
        "case": found,
        "form": form,
        "row": ACTS[name],
        "name": name,
        "title": found.title_for(user, codes.type_name(known, found.type_l1, found.type_l2)),
        "problem": problem,
        "has_errors": status == 422,
        "restored": restored,
        "draft_key": f"act:{name}:{found.case_no}",
        "parts": [{**part, "layout": form.layout(part["name"])} for part in form.sections()],
        "screened": [labels[question] for question in effects.screened(screen)] if screen else None,
    }
    return render(request, "disputes/safe/act.html", context, status=status)


@require_GET
def ways(request: HttpRequest, case_no: str) -> HttpResponse:
    """The other ways, to be read out or printed before mediation ends without success."""
    found = find(request, case_no)
    known = dict(catalogue.WAYS)
    rows = [{"way": known[code], "text": text} for code, text in ways_for(found)]
    return render(request, "disputes/safe/ways.html", {"case": found, "rows": rows, "today": timezone.localdate()})


@require_GET
def dissuasions(request: HttpRequest, case_no: str) -> HttpResponse:
    """Every dissuasion with its time, to be printed as evidence (PSA 88)."""
    found, user = find(request, case_no), me(request)
    names = [party.name for party in found.parties.all()] if found.names_hidden_from(user) else []
    rows = [
        {
            "on": event.facts["dissuaded_on"],
            "time": event.facts["dissuaded_at"],
            "side": Party.Side(event.facts["side"]).label,
            "said": masking.mask_in(text_of(event), names),
            "by": event.by_name,
            "office": event.office,
            "at": event.at,
        }
        for event in found.events.filter(kind="dissuade").select_related("text", "office")
    ]
    rows.sort(key=lambda row: (row["on"], row["time"]))
    return render(request, "disputes/safe/dissuasions.html", {"case": found, "rows": rows})


@require_GET
def lifted(request: HttpRequest) -> HttpResponse:
    """Every stop that an officer lifted in the viewer's area, with the reason (domain.md 11)."""
    user = me(request)
    if not user.scope.has(Role.SUPERVISOR):
        raise PermissionDenied(_("解除登记的汇总由督导查看。本案的在案件的办理记录里"))
    rows = lifts_in_area(user)
    shown = rows.select_related("dispute", "text", "office").prefetch_related("dispute__parties")
    page = Page(shown, request.GET, counted=rows, column="at")
    stops = dict(acts.STOPS)
    context = {
        "page": page,
        "rows": [
            {
                "event": event,
                "stop": stops[event.facts["flag"]],
                "why": masking.mask_in(text_of(event), [party.name for party in event.dispute.parties.all()]),
            }
            for event in page.rows
        ],
        "next": page.next and f"?{urlencode({'after': page.next})}",
        "previous": page.previous and f"?{urlencode({'before': page.previous})}",
    }
    return render(request, "disputes/safe/lifted.html", context)


@require_http_methods(["GET", "POST"])
@says_no
def slips(request: HttpRequest, case_no: str) -> HttpResponse:
    """The blank slip and its entry; to a supervisor also what was handed in, and the answer to it."""
    found, user, now = find(request, case_no), me(request), timezone.now()
    supervises = user.scope.has(Role.SUPERVISOR)
    refusal = Slip.why_not_hand_in(found, user)
    form, answers, status = SlipForm(), {}, 200
    if request.method == "POST" and "slip" in request.POST:
        row = _slip(request, found)
        answer = AnswerForm(request.POST)
        if answer.is_valid():
            row.close(by=user, at=now, answer=answer.cleaned_data["answer"], request=request)
            messages.success(request, _("处理情况已保存"))
            return HttpResponseRedirect(f"/disputes/{case_no}/slips/")
        answers, status = {row.pk: answer}, 422
    elif request.method == "POST":
        if refusal:
            return refused(request, refusal, case_no)
        form = SlipForm(request.POST)
        if form.is_valid():
            Slip.objects.hand_in(case=found, by=user, at=now, request=request, **form.cleaned_data)
            messages.success(request, _("意见已登记，只有督导能看"))
            return HttpResponseRedirect(f"/disputes/{case_no}/slips/")
        status = 422
    rows = [
        {
            "row": row,
            "text": row.read(by=user, at=now, request=request),
            "form": answers.get(row.pk) or AnswerForm(auto_id=f"id_answer{row.pk}_%s"),
        }
        for row in Slip.objects.readable_by(user).filter(dispute=found).select_related("by", "answered_by")
    ]
    context = {
        "case": found,
        "form": form,
        "rows": rows,
        "supervises": supervises,
        "refusal": refusal,
        "has_errors": status == 422,
        "wrong": next(iter(answers.values()), None),
    }
    return render(request, "disputes/safe/slips.html", context, status=status)


def _slip(request: HttpRequest, found: Dispute) -> Slip:
    """A slip of this case that the viewer may read."""
    try:
        uid: Any = uuid.UUID(request.POST["slip"])
    except ValueError:
        raise Http404 from None
    row = Slip.objects.readable_by(me(request)).filter(dispute=found, uid=uid).first()
    if row is None:
        raise Http404
    return row
