"""What an operator sees of the outbox, and the one thing an operator can do with it: send once more."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Min, Q, QuerySet
from django.utils import timezone

from audit.models import Action, record
from followups.channels import reach
from followups.channels.models import Delivery
from followups.models import Reminder
from villages.changes import county_of
from villages.models import User

#: States in which an operator can have a row sent once more.
TO_LOOK_AT: dict[Any, list[str]] = {Reminder: ["failed"], Delivery: ["failed", "uncertain"]}
#: What a row of `failed()` tells; `tried` counts, `error` is a reason of ours, never what a server answered.
COLUMNS = ("channel", "pk", "who", "state", "error", "tried", "due_at")


def state(now: dt.datetime) -> dict[str, dict[str, Any]]:
    """Per channel: label, whether it is set up, what waits, is due, since when, needs a look, and was sent today."""
    channels = {str(key): label for key, label in [*Reminder.Channel.choices, *Delivery.Channel.choices]}
    on = {str(Reminder.Channel.APP), *reach.configured()}
    nothing: dict[str, Any] = {"waiting": 0, "due": 0, "oldest": None, "failed": 0, "uncertain": 0, "sent_today": 0}
    found: dict[str, dict[str, Any]] = {
        key: {"label": str(label), "on": key in on, **nothing} for key, label in channels.items()
    }
    morning = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    for model, bad in TO_LOOK_AT.items():
        # two questions, each of which has its own small index
        waiting = model.objects.filter(state="pending").order_by().values("channel")
        due = Q(due_at__lte=now)
        counts = waiting.annotate(
            waiting=Count("pk"), due=Count("pk", filter=due), oldest=Min("due_at", filter=due)
        )  # fmt: skip
        for row in counts:
            found[row["channel"]] |= {key: row[key] for key in ("waiting", "due", "oldest")}
        ended = model.objects.filter(state__in=bad).order_by().values("channel", "state")
        for row in ended.annotate(count=Count("pk")):
            found[row["channel"]][row["state"]] = row["count"]
        sent = model.objects.filter(state="sent", sent_at__gte=morning).order_by().values("channel")
        for row in sent.annotate(count=Count("pk")):
            found[row["channel"]]["sent_today"] = row["count"]
    return found


def failed() -> QuerySet:
    """What failed, or may have arrived twice or not at all, newest first: dicts of COLUMNS, to be cut into pages."""
    tried = {Reminder: F("attempt"), Delivery: F("tries")}
    one, other = (
        model.objects.filter(state__in=bad)
        .order_by()
        .annotate(who=F("recipient__name"), tried=tried[model])
        .values(*COLUMNS)
        for model, bad in TO_LOOK_AT.items()
    )
    return one.union(other, all=True).order_by("-due_at", "-pk")


def send_again(kind: str, pk: int, *, by: User, at: dt.datetime, request: Any = None) -> bool:
    """Send row `pk` of the channel `kind` once more with the next round; False when it is not waiting for that."""
    with transaction.atomic():
        rows: QuerySet[Any] = Reminder.objects if kind == Reminder.Channel.APP else Delivery.objects  # type: ignore[assignment]
        row = rows.filter(pk=pk, channel=kind, state__in=["failed", "uncertain"]).first()
        if row is None or not row.again(at=at):
            return False
        record(
            action=Action.MANAGE, actor=by, county=county_of(by), subject=f"outbox:{kind}:{pk}",
            detail={"did": "send_again", "channel": kind}, at=at, request=request,
        )  # fmt: skip
    return True
