"""可能激化 on a capture: the police are told at once, and told again until one of them has acknowledged it.

A capture has no Event. What is still to be told is read from the captures themselves and the notices written so far,
so that the round of the pump repeats whatever died right after the commit, and running twice is harmless.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from audit.locks import locked
from disputes.field.models import Capture
from followups.models import Notice
from followups.reactions import police_of
from villages.policy import policy_on

log = logging.getLogger("followups.alarms")


def warn(capture_id: int, at: dt.datetime | None = None) -> int:
    """Tell of one alarm what is due now: first all at once, then all again after each interval; how many were told."""
    at = at or timezone.now()
    with transaction.atomic():
        capture = locked(Capture.objects.unacknowledged().filter(pk=capture_id)).first()
        if capture is None:
            return 0
        told = capture.notices.aggregate(nth=Max("nth"), last=Max("created_at"))
        if told["last"] and at < told["last"] + interval(at):
            return 0
        nth = 0 if told["nth"] is None else told["nth"] + 1
        people = [pk for pk in police_of(capture.village_id, capture.township_id) if pk != capture.by_id]
        if nth and people:  # of the reminders the last one says it all
            capture.notices.filter(nth__gt=0).delete()
        kind = "alarm_again" if nth else "alarm"
        Notice.objects.put(Notice(user_id=user, capture=capture, kind=kind, nth=nth, created_at=at) for user in people)
    return len(people)


def warn_all(at: dt.datetime) -> int:
    """Every alarm whose first notice was lost, or whose last one is older than the interval; how many were told."""
    waiting = Capture.objects.unacknowledged().order_by("pk").annotate(last=Max("notices__created_at"))
    rows = list(waiting.values_list("pk", "last"))
    before = at - interval(at) if rows else at
    due = [pk for pk, last in rows if last is None or last <= before]
    count = 0
    for pk in due:
        try:
            count += warn(pk, at)
        except Exception:
            log.exception("Warning of capture %s failed; the next round tries again.", pk)
    return count


def interval(at: dt.datetime) -> dt.timedelta:
    return dt.timedelta(minutes=policy_on(timezone.localdate(at))["alarm_minutes"])
