"""The inbox of a desk: what was sent to it and waits to be taken up, oldest first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from disputes import codes
from disputes.inbox.models import Instruction
from disputes.models import Dispute, DisputeQuerySet, Event
from disputes.moves import MOVES, Status, Tier
from disputes.page import HANDED, danger_label, due_label, waited
from villages.models import Role, User
from villages.workdays import WorkCalendar

#: Who has an inbox: police rooms and township centres; a village committee has its waiting list.
RECEIVERS = frozenset({Role.OFFICER, Role.CENTRE})
#: What one does with an entry without leaving the page.
DOES = ("take_up", "return", "assign")


def waiting_for(user: User) -> DisputeQuerySet:
    """Escalated, handed down, returned or reopened to a desk of `user`, and not taken up yet.

    A case that was registered at the desk itself was not sent: it arrived when its round opened.
    """
    sent = Q(round__gt=1) | Q(arrived_at__gt=F("opened_at"))
    rows = Dispute.objects.visible_to(user).on_desk_of(user).filter(sent, status=Status.WAITING)
    return rows.order_by("arrived_at", "pk")


def waited_words(since: dt.datetime, now: dt.datetime, calendar: WorkCalendar) -> str:
    """How long it has waited: working days, and within the first one hours or minutes."""
    days = calendar.between(timezone.localdate(since), timezone.localdate(now))
    return ngettext("%(n)d 个工作日", "%(n)d 个工作日", days) % {"n": days} if days > 0 else waited(since, now)


def rise_words(case: Dispute) -> str:
    """When the clock passes it up, if nobody does anything."""
    if case.tier == Tier.TOWNSHIP:
        return _("已在最高一级，到期只提醒")
    if case.escalate_on is None:
        return _("到办理总时限为止，不再自动上报")
    return _("%(day)s 过后仍没办结，自动上报") % {"day": case.escalate_on.isoformat()}


def rows(cases: Sequence[Dispute], user: User, calendar: WorkCalendar, now: dt.datetime) -> list[dict[str, Any]]:
    """Plain values of each entry, with who sent it and why; three queries, however many rows."""
    today, known = timezone.localdate(now), codes.names()
    ids = [case.pk for case in cases]
    sent: dict[int, dict[str, Any]] = {}
    events = Event.objects.filter(dispute__in=ids, kind__in=HANDED).order_by("pk")
    for event in events.values("dispute_id", "kind", "by_name", "office__name", "at", "facts", "text__body"):
        sent[event["dispute_id"]] = dict(event)
    attempts = Event.objects.filter(dispute__in=ids, is_attempt=True, round=F("dispute__round")).order_by()
    tried = dict(attempts.values_list("dispute").annotate(n=Count("pk")))
    pressed = Instruction.objects.filter(dispute__in=ids).pending().order_by()
    asked = dict(pressed.values_list("dispute").annotate(n=Count("pk")))
    found = []
    for case in cases:
        last = sent.get(case.pk)
        kind, due = due_label(case, today, calendar)
        found.append(
            {
                "case_no": case.case_no,
                "title": case.title_for(user, codes.type_name(known, case.type_l1, case.type_l2)),
                "village": case.village.full_name,
                "what": str(MOVES[last["kind"]].label) if last else "",
                "who": (last["by_name"] or _("到期自动")) if last else "",
                "office": (last["office__name"] or "") if last else "",
                "why": (last["text__body"] or "") if last else "",
                "at": case.arrived_at,
                "may_escalate": bool(last and last["facts"].get("may_escalate")),
                "attempts": tried.get(case.pk, 0),
                "instructions": asked.get(case.pk, 0),
                "waited": waited_words(case.arrived_at, now, calendar),
                "due": due,
                "due_kind": kind,
                "rises": rise_words(case),
                "danger": danger_label(case, today) if case.danger else None,
                "handler": case.handler.name if case.handler else "",
            }
        )
    return found


def attempts_of(case: Dispute) -> list[dict[str, Any]]:
    """What the desks below tried in this round, newest first."""
    events = case.events.filter(is_attempt=True, round=case.round).order_by("-pk")[:10]
    return [
        {"at": at, "by": by, "text": text or ""} for at, by, text in events.values_list("at", "by_name", "text__body")
    ]
