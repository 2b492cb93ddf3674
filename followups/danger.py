"""Danger that nobody takes note of goes up: to the deputy of the police, then to the lead of the office above.

For captures and for cases alike. What is still to be told is read from the rows themselves and the notices written so
far, each step is told once, and acknowledging ends it. A case's danger (可能激化 on its way up, or a red grade) waits
in `Danger` from the reaction to its event until one of the police or of the centre takes note of it, or the case ends.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _g

from audit.locks import locked
from disputes.models import Dispute, Event, MoveRefused, NotYours
from disputes.moves import OPEN
from followups.models import Danger, Notice
from followups.reactions import people_at, police_offices
from villages.models import DESK_ROLES, Coverage, Office, Posting, Role, User, in_force
from villages.policy import policy_on

if TYPE_CHECKING:
    from django.http import HttpRequest

log = logging.getLogger("followups.danger")

#: Who takes note of a case's danger.
NOTICERS = frozenset({Role.OFFICER, Role.CENTRE})
#: The kinds of notice by which the danger of a case is told, first to last.
OF_CASES = ("may_escalate", "danger_deputy", "danger_above")


def deputies(village: int, township: int) -> list[int]:
    """The deputies of the police rooms and stations that serve the village; the leads where there is no deputy."""
    offices = police_offices(village, township)
    return _marked(Posting.Mark.DEPUTY, offices, DESK_ROLES) or _marked(Posting.Mark.LEAD, offices, DESK_ROLES)


def leads_above(village: int, township: int) -> list[int]:
    """The lead of the township's centre; where it has none, whoever supervises the township."""
    serving = Coverage.objects.filter(in_force(), in_force(prefix="office__"), area=township)
    centres = serving.filter(office__kind=Office.Kind.CENTRE).values_list("office_id", flat=True)
    everywhere = serving.values_list("office_id", flat=True)
    return _marked(Posting.Mark.LEAD, list(centres), DESK_ROLES) or people_at(*everywhere, roles=[Role.SUPERVISOR])


def _marked(mark: str, offices: list[int], roles: frozenset[str]) -> list[int]:
    rows = Posting.objects.filter(in_force(), mark=mark, office__in=offices, role__in=roles, user__is_active=True)
    return list(dict.fromkeys(rows.order_by("pk").values_list("user_id", flat=True)))


#: What happens after so many spans without acknowledgement: the notice about a capture, about a case, and to whom.
STEPS: tuple[tuple[int, str, str, Callable[[int, int], list[int]]], ...] = (
    (1, "alarm_deputy", "danger_deputy", deputies),
    (2, "alarm_above", "danger_above", leads_above),
)


def span(at: dt.datetime) -> dt.timedelta:
    """How long danger may stay unacknowledged before the next person is told of it."""
    policy = policy_on(timezone.localdate(at))
    return dt.timedelta(minutes=policy["alarm_minutes"] * policy["alarm_rounds"])


def raise_all(at: dt.datetime) -> int:
    """Tell of every case's danger whoever is to be told by now; how many were told."""
    waiting = list(Danger.objects.filter(seen_at=None, dispute__status__in=OPEN).order_by("pk").values_list("pk", "at"))
    if not waiting:
        return 0
    patience, count = span(at), 0
    for pk, since in waiting:
        if at < since + patience:
            continue
        try:
            count += _raise(pk, at, patience)
        except Exception:
            log.exception("Raising the danger of event %s failed; the next round tries again.", pk)
    return count


def _raise(pk: int, at: dt.datetime, patience: dt.timedelta) -> int:
    count = 0
    with transaction.atomic():
        danger = locked(Danger.objects.filter(pk=pk, seen_at=None)).first()
        if danger is None:
            return 0
        case = danger.dispute
        told = set(Notice.objects.filter(event=pk).values_list("kind", flat=True))
        for spans, _of_capture, kind, whom in STEPS:
            if kind in told or at < danger.at + spans * patience:
                continue
            people = whom(case.village_id, case.township_id)
            Notice.objects.put(
                Notice(user_id=user, dispute=case, kind=kind, event_id=pk, created_at=at) for user in people
            )
            count += len(people)
    return count


def waiting_of(case: Dispute) -> list[Danger]:
    """What nobody has taken note of in this case, oldest first; nothing once the case has left waiting/mediating."""
    return list(case.dangers.filter(seen_at=None).order_by("pk")) if case.is_open else []


def why_not_acknowledge(case: Dispute, by: User) -> str | None:
    """Why `by` cannot take note of the danger of this case; None when they can. Raises NotYours for other roles."""
    if not by.scope.has(*NOTICERS):
        raise NotYours(_g("可能激化由民警和综治中心确认"))
    if waiting_of(case):
        return None
    last = case.dangers.exclude(seen_at=None).select_related("seen_by").order_by("-seen_at").first()
    if last is None or last.seen_by is None or last.seen_at is None:
        return _g("这件没有等着确认的危险提醒。有新情况记进展，或者评定风险等级")
    when = timezone.localtime(last.seen_at).strftime("%m-%d %H:%M")
    return _g("%(who)s 在 %(when)s 已经确认过。有新情况记进展，或者评定风险等级") % {
        "who": last.seen_by.name,
        "when": when,
    }


def acknowledge(case: Dispute, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> Event:
    """`by` takes note of every danger of the case that waits; the first one counts, and nobody is told any more."""
    with transaction.atomic():
        case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
        sentence = why_not_acknowledge(case, by)
        if sentence:
            raise MoveRefused(sentence)
        seen = [danger.pk for danger in waiting_of(case)]
        Danger.objects.filter(pk__in=seen).mark_seen(by=by, at=at)
        return case.append_event("danger_seen", by=by, at=at, facts={"dangers": seen}, request=request)
