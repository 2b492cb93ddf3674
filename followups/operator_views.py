"""The operator's page of the outbox: does it flow, what failed, try again. It names no case and no person of one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from followups import outbox, pump
from followups.channels.answers import in_words
from villages.models import Role, User
from villages.pages import for_roles, numbered
from villages.requests import SignedInRequest


def figures(now: dt.datetime) -> dict[str, Any]:
    """What page and API show: the pump's heartbeat, the sums over all channels, and each channel."""
    channels = [{"channel": key, **row} for key, row in outbox.state(now).items()]
    names = ("waiting", "due", "failed", "uncertain", "sent_today")
    sums: dict[str, Any] = {name: sum(row.get(name) or 0 for row in channels) for name in names}
    oldest = min((row["oldest"] for row in channels if row["oldest"]), default=None)
    return {"pump": pump.health(now), **sums, "oldest": oldest, "channels": channels}


def retry_all(*, by: User, at: dt.datetime, request: HttpRequest | None = None) -> int:
    """Try every failure of every channel once more; how many. What may have arrived already is left to a person."""
    rows = [(row["channel"], row["pk"]) for row in outbox.failed() if row["state"] == "failed"]
    return sum(outbox.send_again(channel, pk, by=by, at=at, request=request) for channel, pk in rows)


def told(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Failures with their reason in words."""
    return [row | {"error": in_words(row["error"])} for row in rows]


def gone() -> str:
    """Why one cannot be tried again that no longer failed."""
    return _("这一条已经不是失败，不用重试。刷新后再看")


@for_roles(Role.SYSADMIN)
@require_GET
def reminders(request: SignedInRequest) -> HttpResponse:
    """Heartbeat, figures per channel, and the failures with a button each."""
    page = numbered(request, outbox.failed())
    context = {**figures(timezone.now()), "page": page, "rows": told(page.object_list)}
    return render(request, "manage/reminders.html", context)


@for_roles(Role.SYSADMIN)
@require_POST
def retry(request: SignedInRequest) -> HttpResponse:
    """One failure, named by channel and number, or with `all` every one of them."""
    sent, now = request.POST, timezone.now()
    if "all" in sent:
        count = retry_all(by=request.user, at=now, request=request)
    else:
        pk = sent.get("pk", "")
        # a number that is none names no failure
        number = int(pk) if pk.isdecimal() and len(pk) < 16 else 0
        if not outbox.send_again(sent.get("channel", ""), number, by=request.user, at=now, request=request):
            back = {"back_url": "/manage/reminders/", "back_label": _("回到提醒与通知")}
            return render(request, "409.html", {"sentence": gone(), **back}, status=409)
        count = 1
    messages.success(request, _("%(n)s 条重新排队，下一轮发送") % {"n": count})
    return redirect("manage_reminders")
