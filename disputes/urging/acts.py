"""The door of 催办. It asks for no answer and sets no day, as 督办 does; it may be done once per working day."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _g

from audit.locks import locked
from disputes.models import Dispute, Event, MoveRefused, NotYours
from disputes.moves import Tier
from villages.models import DESK_ROLES, Coverage, Role, User
from villages.policy import policy_on
from villages.workdays import load_calendar

if TYPE_CHECKING:
    from django.http import HttpRequest

WORDS = 500  # characters of the reason


def why_not_urge(case: Dispute, by: User, at: dt.datetime) -> str | None:
    """Why `by` cannot urge the desk of this case now; None when they can. Raises NotYours for other roles."""
    if not by.scope.has(*DESK_ROLES, Role.SUPERVISOR):
        raise NotYours(_g("催办由上级、督导和本单位负责人办理。需要的联系责任单位"))
    if not case.is_open:
        return _g("案件现在是“%(status)s”，没有要催的。反弹的先重启") % {"status": case.get_status_display()}
    if not stands_above(case, by):
        return _g("催办由上级、督导和%(desk)s负责人办理。你可以记进展") % {"desk": case.desk.name}
    if case.handler_id == by.pk:
        return _g("这件由你经办，不用催自己。有困难的可以上报")
    if case.is_paused:
        return _g("案件在中止期间，不催办。恢复后再催")
    return _why_not_again(case, at)


def stands_above(case: Dispute, by: User) -> bool:
    """A supervisor of the area, the lead of the desk, or somebody at a desk that serves the village higher up."""
    scope = by.scope
    if scope.has(Role.SUPERVISOR) and case.is_in_supervision_of(by):
        return True
    if case.desk_id in scope.leads:
        return True
    higher = [tier for tier in (Tier.ROOM, Tier.TOWNSHIP) if tier > case.tier]
    mine = {office.pk for office in scope.offices if office.tier in higher} & scope.desks.keys()
    return bool(mine) and any(office.pk in mine for office in Coverage.objects.desks_for(case.village, higher).values())


def _why_not_again(case: Dispute, at: dt.datetime) -> str | None:
    """The limits: once per working day, rest days counting to the next one, and so many times in a round."""
    last = case.events.filter(kind="urge", round=case.round).order_by("-pk").first()
    if last is None:
        return None
    most = policy_on(timezone.localdate(at))["urge_times"]
    if case.events.filter(kind="urge", round=case.round).count() >= most:
        return _g("这一轮已经催办 %(n)s 次，不再催。还没有动静的，由督导或综治中心督办") % {"n": most}
    calendar = load_calendar(timezone.localdate(at))
    counted_as = calendar.next_workday(timezone.localdate(last.at))
    if calendar.next_workday(timezone.localdate(at)) > counted_as:
        return None
    return _g("%(who)s 在 %(when)s 催办过，一个工作日催一次。%(next)s 起可以再催，急的打电话或者督办") % {
        "who": last.by_name,
        "when": timezone.localtime(last.at).strftime("%m-%d %H:%M"),
        "next": calendar.add(counted_as, 1).strftime("%m-%d"),
    }


def urge(case: Dispute, *, by: User, at: dt.datetime, words: str, request: HttpRequest | None = None) -> Event:
    """Press the desk of this case; its handler and its lead are told. MoveRefused says what stands against it."""
    with transaction.atomic():
        case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
        sentence = why_not_urge(case, by, at)
        if sentence:
            raise MoveRefused(sentence)
        nth = case.events.filter(kind="urge", round=case.round).count() + 1
        facts = {"handler": case.handler_id, "nth": nth}
        return case.append_event("urge", by=by, at=at, text=words, facts=facts, request=request)
