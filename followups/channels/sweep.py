"""The two sweeps of the channels: every notice gets its message, and every message is sent, or ends with a reason.

The network is spoken to between two transactions, never inside one: `begin` is committed before the first byte leaves,
`finish` or `put_back` after the answer.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone, translation

from followups.channels import mail, reach, webhook, words
from followups.channels.answers import Answer, Outcome, Reason, failure
from followups.channels.hours import hours_on
from followups.channels.models import Delivery, Told
from followups.groups import KINDS, Group
from followups.models import Notice

log = logging.getLogger("followups.channels")

#: Kinds told at once, whatever the hour and the day.
AT_ONCE = KINDS[Group.DANGER]
#: Older notices are not told any more: who gives an address today is not told of last year.
REACH_BACK = dt.timedelta(days=7)
BATCH = 20
PLANNED = 500
TRIES = 5  # of what was surely not taken
SURE_TRIES = 20  # of what may have been taken, where the receiver drops doubles

Moment = Callable[[], dt.datetime]


# --- which messages there must be ------------------------------------------------------------------------------------
def plan(moment: Moment) -> int:
    """A message on each channel for every unread notice of a person reached by it; how many notices found one."""
    return sum(_plan(channel, moment) for channel in reach.configured())


def _plan(channel: str, moment: Moment) -> int:
    at = moment()
    told = Told.objects.filter(notice=OuterRef("pk"), channel=channel)
    lacking = Notice.objects.unread().filter(reach.reached(channel, "user__"), created_at__gt=at - REACH_BACK)
    lacking = lacking.filter(~Exists(told)).order_by("pk")
    planned, last = 0, 0
    while rows := list(lacking.filter(pk__gt=last)[:PLANNED]):
        last = rows[-1].pk
        later = hours_on(timezone.localdate(at)).next_moment(at)
        wanted = [
            (row, f"notice/{row.pk}", at) if row.kind in AT_ONCE else (row, later.isoformat(), later) for row in rows
        ]
        planned += Delivery.objects.put(channel, wanted, at)
    return planned


# --- sending ----------------------------------------------------------------------------------------------------------
def deliver_due(moment: Moment) -> int:
    """Send what is due on each channel, for half a lease at most, so that one slow server holds up nothing else."""
    return sum(_deliver(channel, moment) for channel in reach.configured())


def _deliver(channel: str, moment: Moment) -> int:
    lease = dt.timedelta(seconds=settings.PUMP_LEASE_SECONDS)
    until = time.monotonic() + settings.PUMP_LEASE_SECONDS / 2
    sent, goes_on = 0, True
    mine = Delivery.objects.filter(channel=channel)
    while goes_on and (rows := mine.claim(now=moment(), lease=lease, limit=BATCH)):
        for row in rows:
            goes_on = goes_on and time.monotonic() < until
            if not goes_on:
                row.release(at=moment())
                continue
            try:
                answer = send_one(row, moment, lease)
            except Exception:  # the database's; whoever takes the row over after the lease tries again
                log.exception("Message %s was not dealt with at attempt %s.", row.pk, row.attempt)
                continue
            if answer is not None:
                sent += answer.outcome is Outcome.SENT
                goes_on = answer.outcome is not Outcome.UNREACHABLE
    return sent


def send_one(row: Delivery, moment: Moment, lease: dt.timedelta) -> Answer | None:
    """Send a claimed row and write down what came of it; None when there was nothing to send any more."""
    person = row.recipient
    told = Notice.objects.visible_to(person).unread().filter(told__delivery=row)
    notices = list(told.select_related(*words.SHOWN).order_by("pk"))
    if not notices or not reach.is_reached(row.channel, person):
        left = row.may_have_left  # what may have arrived is no more cancelled than sent
        state = Delivery.State.UNCERTAIN if left else Delivery.State.CANCELLED
        row.finish(at=moment(), state=state, error=str(Reason.NOT_AGAIN) if left else "")
        return None
    if row.tries >= SURE_TRIES:  # whoever sends it dies, or fails in a way nobody has thought of
        row.finish(at=moment(), state=Delivery.State.UNCERTAIN, error=str(Reason.TRIED_OUT))
        return None
    if not row.begin(at=moment(), lease=lease, dedupes=reach.dedupes(row.channel)):
        return None
    try:
        send = prepared(row, notices)
    except Exception as error:
        log.exception("The words of message %s failed.", row.pk)
        answer = Answer(Outcome.NOT_NOW, failure(Reason.NO_WORDS, error))
    else:
        answer = send()
    conclude(row, answer, moment())
    return answer


def prepared(row: Delivery, notices: list[Notice]) -> Callable[[], Answer]:
    """The call of the network, with everything it needs in hand."""
    key = str(row.key)
    if row.channel == Delivery.Channel.EMAIL:
        return partial(mail.send, key, row.recipient.email, *words.mail(notices))
    return partial(webhook.post, key, payload_of(row, notices))


def payload_of(row: Delivery, notices: list[Notice]) -> dict[str, object]:
    """What the gateway gets: whom, how many, and words that any screen may show."""
    with translation.override(settings.LANGUAGE_CODE):
        return {
            "key": str(row.key),
            "to": {"username": row.recipient.username, "phone": row.recipient.phone},
            "urgent": any(notice.kind in AT_ONCE for notice in notices),
            "count": len(notices),
            "title": words.subject(notices),
            "lines": words.lines(notices),
            "url": words.place(),
        }


def conclude(row: Delivery, answer: Answer, at: dt.datetime) -> None:
    """sent, failed with a reason, uncertain, or later again; never silent."""
    state, dedupes = Delivery.State, reach.dedupes(row.channel)
    if answer.outcome is Outcome.SENT:
        row.finish(at=at, state=state.UNCERTAIN if row.doubtful else state.SENT)
        return
    if answer.outcome is Outcome.UNKNOWN:
        # Without a receiver that drops doubles it is sent once more, and marked; then one has to ask.
        over = row.tries >= SURE_TRIES if dedupes else row.doubtful
        ended = state.UNCERTAIN
    else:
        over = answer.outcome is Outcome.REFUSED or row.tries >= TRIES
        ended = state.FAILED
    if over:
        log.warning("Message %s is %s: %s", row.pk, ended, answer.reason)
        row.finish(at=at, state=ended, error=answer.reason)
        return
    wait = dt.timedelta(seconds=settings.PUMP_LEASE_SECONDS * 4 ** min(row.tries - 1, 4))
    maybe = answer.outcome in (Outcome.UNKNOWN, Outcome.UNCLEAR) and not dedupes
    row.put_back(until=at + wait, error=answer.reason, doubtful=maybe)
