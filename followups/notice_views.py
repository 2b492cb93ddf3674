"""Pages of one's own notices: the list, by case, read and unread, muting; and taking note of a case's danger."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from disputes.models import Dispute, MoveRefused, NotYours
from disputes.views import refused
from followups import board, danger, notices
from followups.groups import MUTABLE, Group
from followups.models import Notice
from villages.pages import numbered, posted, status_of
from villages.requests import SignedInRequest

#: When this session marked many as read, so that it can be taken back.
MARKED = "notices_marked"


@require_GET
def notices_page(request: SignedInRequest) -> HttpResponse:
    """One's notices, unread first; `by=case` gathers them, `of` shows those about one thing."""
    user, asked = request.user, request.GET
    unread = asked.get("show") == "unread"
    group = asked.get("kind", "") if asked.get("kind", "") in Group else ""
    context: dict[str, Any] = {
        "unread": unread,
        "kind": group,
        "groups": Group.choices,
        "by_case": asked.get("by") == "case",
        "undo": _marked(request),
    }
    rows = board.narrowed(Notice.objects.visible_to(user), unread=unread, group=group)
    if asked.get("of", "").isdecimal() and len(asked["of"]) < 16:
        mine = board.like(user, int(asked["of"]))
        rows = rows.filter(pk__in=mine.values("pk"))
        context["of"] = asked["of"]
    if context["by_case"] and "of" not in context:
        page = numbered(request, board.by_thing(rows, user))
        found = board.gathered(page.object_list, user)
        context |= {"page": page, "entries": found, "seen": _readable(user, [entry.notice for entry in found])}
    else:
        page = numbered(request, notices.in_order(rows))
        shown = notices.with_words(page.object_list, user)
        context |= {"page": page, "rows": shown}
        if user.scope.has(*danger.NOTICERS):
            context["waiting"] = board.to_acknowledge(shown)
        if "of" in context and shown and (number := shown[0].case_no):  # type: ignore[attr-defined]
            context |= {"case_no": number, "muted": shown[0].dispute_id in board.muted_cases(user)}
    return render(request, "followups/notices.html", context)


def _readable(user: Any, rows: list[Notice]) -> set[int]:
    """The cases among those of these notices that the reader may open, and so mute."""
    cases = {notice.dispute_id for notice in rows if notice.dispute_id}
    return set(Dispute.objects.visible_to(user).filter(pk__in=cases).values_list("pk", flat=True)) if cases else set()


def _marked(request: SignedInRequest) -> int:
    """How many the session marked read a moment ago, which can be taken back."""
    at, count = request.session.get(MARKED, ("", 0))
    return count if at and timezone.now() - dt.datetime.fromisoformat(at) < board.UNDO else 0


def _mark(request: SignedInRequest, rows: Any) -> HttpResponse:
    now = timezone.now()
    count = rows.mark_read(now)
    if count:
        request.session[MARKED] = (now.isoformat(), count)
    return redirect("notices")


@require_POST
def read_all(request: SignedInRequest) -> HttpResponse:
    return _mark(request, Notice.objects.visible_to(request.user))


@require_POST
def undo(request: SignedInRequest) -> HttpResponse:
    """What this session marked read last, by one button, is unread again."""
    at, _count = request.session.pop(MARKED, ("", 0))
    if at:
        count = board.restore(request.user, dt.datetime.fromisoformat(at))
        messages.success(request, _("%(n)s 条恢复为未读") % {"n": count})
    return redirect("notices")


def _own(request: SignedInRequest, pk: int) -> Notice:
    """One of the reader's own notices, with its words."""
    found: QuerySet[Notice] = Notice.objects.visible_to(request.user).filter(pk=pk).select_related(*notices.SHOWN)
    row = found.first()
    if row is None:
        raise Http404
    return notices.with_words([row], request.user)[0]


@require_POST
def read_one(request: SignedInRequest, pk: int) -> HttpResponse:
    _own(request, pk)
    notices.mark_read(request.user, pk)
    return redirect("notices")


@require_POST
def open_one(request: SignedInRequest, pk: int) -> HttpResponse:
    """Mark it read and go where it leads."""
    row = _own(request, pk)
    notices.mark_read(request.user, pk)
    return redirect(row.url)  # type: ignore[attr-defined]


@require_POST
def read_case(request: SignedInRequest, pk: int) -> HttpResponse:
    """Mark read whatever tells of the same case as this one."""
    _own(request, pk)
    return _mark(request, board.like(request.user, pk))


# --- muting ----------------------------------------------------------------------------------------------------------
@require_POST
def mute(request: SignedInRequest, case_no: str) -> HttpResponse:
    """Mute one case for oneself, or hear of it again."""
    case = get_object_or_404(Dispute.objects.visible_to(request.user), case_no=case_no)
    on = request.POST.get("on") == "1"
    board.mute_case(case, by=request.user, at=timezone.now(), on=on)
    if on:
        messages.success(request, _("这件案件对你静音了。危险和指派给你的照样通知"))
    else:
        messages.success(request, _("这件案件恢复通知"))
    back = {"case": f"/disputes/{case_no}/#reminders", "me": "/me/notices/"}
    return redirect(back.get(request.POST.get("back", ""), "/notices/?by=case"))


class MuteForm(forms.Form):
    """The groups of which one wants to hear nothing."""

    groups = forms.MultipleChoiceField(
        label=gettext_lazy("哪些通知静音"),
        choices=[(str(group), group.label) for group in MUTABLE],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("静音的照样留在列表里，不显示红点，也不发到外面。危险和指派给你的不能静音"),
    )


@require_http_methods(["GET", "POST"])
def settings_page(request: SignedInRequest) -> HttpResponse:
    """What one has muted: groups to choose, and the cases, each to be heard again."""
    user = request.user
    form = MuteForm(posted(request), initial={"groups": board.muted_groups(user)})
    if request.method == "POST" and form.is_valid():
        board.mute_groups(form.cleaned_data["groups"], by=user, at=timezone.now())
        messages.success(request, _("已保存"))
        return redirect("notice_settings")
    cases = Dispute.objects.visible_to(user).filter(pk__in=board.muted_cases(user)).order_by("case_no")
    context = {"form": form, "page": numbered(request, cases)}
    return render(request, "followups/notice_settings.html", context, status=status_of(form))


# --- danger ----------------------------------------------------------------------------------------------------------
@require_POST
def danger_seen(request: SignedInRequest, case_no: str) -> HttpResponse:
    """Take note of the danger of a case."""
    case = get_object_or_404(Dispute.objects.visible_to(request.user).for_page(), case_no=case_no)
    try:
        danger.acknowledge(case, by=request.user, at=timezone.now(), request=request)
    except NotYours as mine_never:
        raise PermissionDenied(mine_never.sentence) from None
    except MoveRefused as refusal:
        return refused(request, refusal.sentence, case_no)
    messages.success(request, _("已知悉，不再提醒其他人"))
    return redirect(f"/disputes/{case_no}/")
