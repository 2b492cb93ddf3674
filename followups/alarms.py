"""可能激化 on a capture: the police are told at once, and told again until one of them has acknowledged it.

After a while their deputy hears of it, too, and then the lead above (danger.py).

A capture has no Event. What is still to be told is read from the captures themselves and the notices written so far,
so that the round of the pump repeats whatever died right after the commit, and running twice is harmless.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction
from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from audit.locks import locked
from disputes.field.models import Capture
from followups import danger
from followups.models import Notice
from followups.reactions import police_of
from villages.policy import policy_on

log = logging.getLogger("followups.alarms")

#: What all the police of the place are told.
TO_ALL = ("alarm", "alarm_again")
#: What those hear who are told because nobody acknowledged.
TO_SOME = tuple(step[1] for step in danger.STEPS)


def warn(capture_id: int, at: dt.datetime | None = None) -> int:
    """Tell of one alarm what is due now: first all at once, then all again after each interval; how many were told."""
    at = at or timezone.now()
    with transaction.atomic():
        capture = locked(Capture.objects.unacknowledged().filter(pk=capture_id)).first()
        if capture is None:
            return 0
        raised = _raise(capture, at)
        told = capture.notices.filter(kind__in=TO_ALL).aggregate(nth=Max("nth"), last=Max("created_at"))
        if told["last"] and at < told["last"] + interval(at):
            return raised
        nth = 0 if told["nth"] is None else told["nth"] + 1
        people = [pk for pk in police_of(capture.village_id, capture.township_id) if pk != capture.by_id]
        if nth and people:  # of the reminders the last one says it all
            capture.notices.filter(kind="alarm_again").delete()
        kind = "alarm_again" if nth else "alarm"
        Notice.objects.put(Notice(user_id=user, capture=capture, kind=kind, nth=nth, created_at=at) for user in people)
    return raised + len(people)


def _raise(capture: Capture, at: dt.datetime) -> int:
    """Tell the deputy, then the lead above, once each, when that much time has passed; how many were told."""
    told = dict(capture.notices.values_list("kind").annotate(Min("created_at")))
    since, patience, count = told.get("alarm", capture.at), danger.span(at), 0
    for spans, kind, _of_case, whom in danger.STEPS:
        if kind in told or at < since + spans * patience:
            continue
        people = whom(capture.village_id, capture.township_id)
        Notice.objects.put(Notice(user_id=user, capture=capture, kind=kind, created_at=at) for user in people)
        count += len(people)
    return count


def warn_all(at: dt.datetime) -> int:
    """Every alarm that is to be told of now, to all or to somebody higher; how many were told."""
    waiting = (
        Capture.objects.unacknowledged()
        .order_by("pk")
        .annotate(
            first=Min("notices__created_at", filter=Q(notices__kind="alarm")),
            last=Max("notices__created_at", filter=Q(notices__kind__in=TO_ALL)),
            higher=Count("notices__kind", filter=Q(notices__kind__in=TO_SOME), distinct=True),
        )
    )
    rows = list(waiting.values_list("pk", "at", "first", "last", "higher"))
    if not rows:
        return 0
    before, patience = at - interval(at), danger.span(at)
    due = [
        pk
        for pk, since, first, last, higher in rows
        if last is None
        or last <= before
        or sum(at >= (first or since) + step[0] * patience for step in danger.STEPS) > higher
    ]
    count = 0
    for pk in due:
        try:
            count += warn(pk, at)
        except Exception:
            log.exception("Warning of capture %s failed; the next round tries again.", pk)
    return count


def interval(at: dt.datetime) -> dt.timedelta:
    return dt.timedelta(minutes=policy_on(timezone.localdate(at))["alarm_minutes"])
