"""Pages of the inbox and of instructions."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from disputes.inbox import queue
from disputes.inbox.forms import AnswerForm, DecideForm, InstructionForm
from disputes.inbox.models import Instruction, why_not_instruct
from disputes.inbox.panels import shown
from disputes.models import Dispute, FactsMissing, MoveRefused, NotYours
from disputes.moves import MOVES
from disputes.views import find, me, refused, says_no
from villages.models import User
from villages.workdays import load_calendar

PAGE = 50
#: Where a move's fact stands on the form.
FIELD_OF = {"handler": "person"}


def _receiver(request: HttpRequest) -> User:
    user = me(request)
    if user.scope.roles.isdisjoint(queue.RECEIVERS):
        raise PermissionDenied(_("收件由警务室和综治中心办理。你单位待受理的在“案件”里"))
    return user


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """What was sent to the desk, oldest wait first, with the chosen entry beside it."""
    return _page(request, _receiver(request), request.GET.get("at", ""))


def _page(
    request: HttpRequest, user: User, at: str, form: DecideForm | None = None, *, status: int = 200, problem: str = ""
) -> HttpResponse:
    now = timezone.now()
    calendar = load_calendar(timezone.localdate(now))
    waiting = queue.waiting_for(user).select_related("village__parent", "desk", "handler")
    page = Paginator(waiting, PAGE).get_page(request.GET.get("page") or request.POST.get("page"))
    cases = list(page.object_list)
    rows = queue.rows(cases, user, calendar, now)
    number = next((i for i, case in enumerate(cases) if case.case_no == at), 0)
    context: dict[str, Any] = {"page": page, "rows": rows, "problem": problem, "has_errors": status == 422}
    if cases:
        case = cases[number]
        context |= {
            "case": case,
            "chosen": rows[number],
            "number": page.start_index() + number,
            "next": cases[number + 1].case_no if number + 1 < len(cases) else "",
            "form": form if form and case.case_no == at else DecideForm(case=case, user=user),
            "attempts": queue.attempts_of(case),
            "instructions": [row for row in shown(case, user) if row["may_answer"]],
            "why_not": [s for name in queue.DOES if (s := case.why_not(name, by=user, at=now))],
        }
    return render(request, "disputes/inbox/inbox.html", context, status=status)


@require_POST
@says_no
def decide(request: HttpRequest, case_no: str) -> HttpResponse:
    """Take up, return or assign one entry, then on to the next; or take it up and call a joint session."""
    user = _receiver(request)
    case, now = find(request, case_no), timezone.now()
    sent, convene = request.POST.copy(), "convene" in request.POST
    if convene:
        sent["do"] = "take_up"
    form = DecideForm(sent, case=case, user=user)
    chosen = sent.get("do", "")
    sentence = case.why_not(chosen, by=user, at=now) if chosen in queue.DOES else None
    if sentence:
        return _refused(request, user, case, form, sentence)
    if not form.is_valid():
        return _page(request, user, case_no, form, status=422)
    try:
        case.perform(
            form.cleaned_data["do"], by=user, at=now, version=form.cleaned_data["version"], request=request,
            **form.facts(),
        )  # fmt: skip
    except FactsMissing as missing:
        for fact, words in missing.errors.items():
            form.add_error(FIELD_OF.get(fact, fact), words)
        return _page(request, user, case_no, form, status=422)
    except NotYours:
        raise
    except MoveRefused as refusal:
        return _refused(request, user, case, form, refusal.sentence)
    messages.success(request, _("已%(move)s：%(no)s") % {"move": MOVES[chosen].label, "no": case_no})
    if convene:
        return HttpResponseRedirect(f"/disputes/{case_no}/sessions/new/")
    return HttpResponseRedirect(f"/inbox/?at={request.POST.get('next', '')}#entry")


def _refused(request: HttpRequest, user: User, case: Dispute, form: DecideForm, sentence: str) -> HttpResponse:
    """The sentence above the entry while it still waits here; else a page of its own with what was typed."""
    if queue.waiting_for(user).filter(pk=case.pk).exists():
        return _page(request, user, case.case_no, form, status=409, problem=sentence)
    kept = "\n".join(filter(None, (request.POST.get("reason", ""), request.POST.get("to_add", ""))))
    return refused(request, sentence, case.case_no, kept)


@require_http_methods(["GET", "POST"])
@says_no
def instruct(request: HttpRequest, case_no: str) -> HttpResponse:
    """督办 or 交办 on this case."""
    case, user = find(request, case_no), me(request)
    sentence = why_not_instruct(case, request.POST.get("kind", Instruction.Kind.HAND_OVER), user)
    if sentence:
        return refused(request, sentence, case_no, request.POST.get("words", ""))
    form = InstructionForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                row = Instruction.objects.give(case, by=user, at=timezone.now(), request=request, **form.cleaned_data)
            except MoveRefused as refusal:
                form.add_error(None, refusal.sentence)
                status = 409
            else:
                messages.success(request, _("已记%(kind)s，责任单位收到通知") % {"kind": row.get_kind_display()})
                return HttpResponseRedirect(f"/disputes/{case_no}/#instructions")
    context = {
        "case": case,
        "form": form,
        "heading": _("督办、交办"),
        "hint": _("责任单位在期限前答复，快到期和逾期都有提醒。台账里看得到"),
        "button": _("保存"),
        "has_errors": status == 422,
    }
    return render(request, "disputes/small_form.html", context, status=status)


@require_http_methods(["GET", "POST"])
@says_no
def answer(request: HttpRequest, case_no: str, pk: int) -> HttpResponse:
    """The desk answers one instruction, from the case page or from the inbox."""
    case, user = find(request, case_no), me(request)
    row = case.instructions.filter(pk=pk).first()
    if row is None:
        raise Http404
    row.dispute = case
    sentence = row.why_not_answer(user)
    if sentence:
        return refused(request, sentence, case_no, request.POST.get("words", ""))
    form = AnswerForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        row.reply(by=user, at=timezone.now(), request=request, **form.cleaned_data)
        messages.success(request, _("已答复%(kind)s") % {"kind": row.get_kind_display()})
        here = "/inbox/?at=%s#entry" if request.POST.get("back") == "inbox" else "/disputes/%s/#instructions"
        return HttpResponseRedirect(here % case_no)
    status = 422 if request.method == "POST" else 200
    context = {
        "case": case,
        "form": form,
        "heading": _("答复%(kind)s") % {"kind": row.get_kind_display()},
        "hint": row.words,
        "button": _("保存答复"),
        "has_errors": status == 422,
    }
    return render(request, "disputes/small_form.html", context, status=status)
