"""The pages on which work changes hands: the visits of one case, and everything of somebody who left."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from disputes.codes import names as code_names
from disputes.codes import type_name
from disputes.models import FactsMissing, MoveRefused
from disputes.views import find, says_no
from followups.handing import doors
from followups.handing.forms import HandOverForm, HandVisitsForm
from followups.handing.models import Deferral, HandedItem, HandOver
from villages.models import Office, User
from villages.pages import numbered
from villages.requests import SignedInRequest

Kind = HandedItem.Kind
SHOWN = 200  # rows of each kind before the hand-over; the receipt pages through all


@require_http_methods(["GET", "POST"])
@says_no
def visits(request: SignedInRequest, case_no: str) -> HttpResponse:
    """Give the visits of one case to a colleague of the office that makes them."""
    case, user = find(request, case_no), request.user
    sentence = doors.why_not_hand_visits(case, user)
    if sentence:
        raise MoveRefused(sentence)
    form = HandVisitsForm(request.POST if request.method == "POST" else None, people=doors.colleagues(case, user))
    status = 422 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        to = form.people[form.cleaned_data["to"]]
        reason = form.cleaned_data["reason"]
        doors.hand_visits(case=case, to=to, by=user, at=timezone.now(), reason=reason, request=request)
        messages.success(request, _("回访已转给 %(name)s") % {"name": to.name})
        return redirect("/todo/")
    planned = doors.visits_to_make(case, user).select_related("assignee").order_by("due_on", "pk")
    context = {
        "case": case,
        "form": form,
        "heading": _("转交回访"),
        "hint": _("这件案件还没做的 %(n)d 次回访都转给他，最早的 %(day)s 前")
        % {"n": len(planned), "day": planned[0].due_on},
        "button": _("转交"),
        "has_errors": status == 422,
    }
    return render(request, "disputes/small_form.html", context, status=status)


def _office(request: SignedInRequest) -> tuple[Office, list[Office]]:
    offices = list(doors.offices_to_hand_over(request.user))
    if not offices:
        raise PermissionDenied(_("整批交接由本单位负责人办理。需要的联系他们"))
    raw = request.POST.get("office") or request.GET.get("office") or ""
    return next((office for office in offices if str(office.pk) == raw), offices[0]), offices


@require_http_methods(["GET", "POST"])
def hand_over(request: SignedInRequest) -> HttpResponse:
    """Choose who left, see all that waits for them, and give it to others in one step."""
    user = request.user
    office, offices = _office(request)
    people = list(doors.leavers(office, timezone.localdate()))
    raw = request.POST.get("from") or request.GET.get("from") or ""
    leaver = next((person for person in people if person.username == raw), None)
    context: dict[str, Any] = {"office": office, "offices": offices, "people": people, "leaver": leaver}
    if leaver is None:
        context |= {"done": HandOver.objects.filter(office=office).select_related("leaver", "by")[:10]}
        status = 422 if request.method == "POST" else 200
        return render(request, "followups/hand_over.html", context, status=status)
    others = [person for person in doors.staff(office) if person != leaver]
    form = HandOverForm(request.POST if request.method == "POST" else None, people=others)
    status, refused = 200, ""
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                row = doors.begin_hand_over(
                    office=office, leaver=leaver, to=form.receivers(), reason=form.cleaned_data["reason"],
                    uid=form.cleaned_data["submission"] or uuid.uuid4(), by=user, at=timezone.now(), request=request,
                )  # fmt: skip
                doors.go_on(row, by=user, at=timezone.now(), request=request)
                return redirect("hand-over-receipt", uid=row.uid)
            except FactsMissing as missing:
                for name, words in missing.errors.items():
                    form.add_error(name, words)
            except MoveRefused as refusal:
                status, refused = 409, refusal.sentence
    context |= {"form": form, "has_errors": status == 422, "refused": refused, **_open_work(office, leaver, user)}
    return render(request, "followups/hand_over.html", context, status=status)


def _open_work(office: Office, leaver: User, viewer: User) -> dict[str, Any]:
    """What waits for the leaver, with the titles that the viewer may read, and what they put off and why."""
    names, today = code_names(), timezone.localdate()
    put_off = {row.key: row for row in Deferral.objects.in_force(today).filter(user=leaver)}
    groups = []
    for kind, rows in doors.open_work(office, leaver).items():
        related = ["dispute__village__parent"] if kind == Kind.SESSION else ["village__parent"]
        shown = []
        for row in rows.select_related(*related)[:SHOWN]:
            case = row.dispute if kind == Kind.SESSION else row
            keys = (f"visit:{case.pk}",) if kind == Kind.VISIT else (f"limit:{case.pk}:{case.round}",)
            shown.append(
                {
                    "case": case,
                    "title": case.title_for(viewer, type_name(names, case.type_l1, case.type_l2)),
                    "day": timezone.localdate(row.starts_at) if kind == Kind.SESSION else case.due_on,
                    "put_off": next((put_off[key] for key in keys if key in put_off), None),
                }
            )
        count = rows.count()
        groups.append({"label": Kind(kind).label, "rows": shown, "count": count, "more": count - len(shown)})
    cases = doors.open_work(office, leaver)[Kind.CASE]
    along = doors.along_with(office, cases)
    return {"groups": groups, "total": sum(group["count"] for group in groups), "along": along, "today": today}


@require_http_methods(["GET", "POST"])
def receipt(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """What moved and what could not, and why; to print and to sign. A POST goes on with what is left."""
    offices = doors.offices_to_hand_over(request.user)
    found = HandOver.objects.filter(office__in=offices).select_related("office", "leaver", "by")
    row = get_object_or_404(found, uid=uid)
    if request.method == "POST":
        doors.go_on(row, by=request.user, at=timezone.now(), request=request)
        return redirect("hand-over-receipt", uid=row.uid)
    names, counts = code_names(), doors.counts_of([row.pk])[row.pk]
    items = row.items.select_related("dispute__village__parent", "to").order_by("kind", "state", "pk")
    page = numbered(request, items, 200)
    for item in page.object_list:
        case = item.dispute
        item.title = case.title_for(request.user, type_name(names, case.type_l1, case.type_l2))
    context = {"row": row, "page": page, "counts": counts, "today": timezone.localdate(), "now": timezone.localtime()}
    return render(request, "followups/hand_over_receipt.html", context)
