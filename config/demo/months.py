"""The months, for whoever looks at the ledger: one signed, the next handed in by most, and something changed since."""

from __future__ import annotations

import datetime as dt

from config.demo.history import History
from disputes.models import Dispute, MoveRefused
from disputes.moves import Status
from disputes.outcomes.models import OutcomeFlag
from ledgers.month import Month
from ledgers.months import doors
from villages.models import DESK_ROLES, Posting, in_force

#: Villages that have handed in; the others are waited for.
HANDED = 24


def hand_in(history: History) -> None:
    """The month before the last is signed by supervisor1; of the last one half the villages have handed in."""
    accounts, at = history.county.accounts, history.end
    for account in accounts.values():
        account.forget_scope()
    last = Month.of(at).shifted(-1)
    _flags(history, last)
    supervisor = accounts["supervisor1"]
    if doors.last_signed(doors.county_to_freeze(supervisor)) is None:
        doors.freeze(month=last.shifted(-1), by=supervisor, at=at, anyway=True)
    later = at + dt.timedelta(seconds=1)
    for case in Dispute.objects.visible_to(supervisor).open().filter(opened_at__lt=last.start).order_by("pk")[:1]:
        staff = Posting.objects.filter(in_force(), office=case.desk, role__in=DESK_ROLES).select_related("user")
        for posting in staff.order_by("pk")[:1]:
            people = (case.people_count or 2) + 3
            case.edit(by=posting.user, at=later, version=case.version, facts={"people_count": people})
    _submissions(history, last)


def _flags(history: History, month: Month) -> None:
    """What mediation prevented in cases that the village of assistant1 has settled."""
    assistant = history.county.accounts["assistant1"]
    cases = Dispute.objects.visible_to(assistant).on_desk_of(assistant).filter(status=Status.SETTLED).order_by("pk")
    day = (month.end - dt.timedelta(days=3)).date()
    for case, (kind, people) in zip(cases[:2], (("crime", 2), ("brawl", 11)), strict=False):
        OutcomeFlag.objects.raise_on(case, by=assistant, at=history.end, kind=kind, on=day, people=people)


def _submissions(history: History, month: Month) -> None:
    supervisor, at = history.county.accounts["supervisor1"], history.end
    assistant = history.county.accounts["assistant1"]
    own = doors.areas_to_hand_in(assistant)  # left to whoever tries it
    areas = list(doors.areas_to_hand_in(supervisor).filter(level=5).exclude(pk__in=own)[:HANDED])
    for number, area in enumerate(areas):
        staff = Posting.objects.filter(in_force(), office__in=doors.offices_of(area), role__in=DESK_ROLES)
        people = [posting.user for posting in staff.select_related("user").order_by("-mark", "pk")]
        if not people:
            continue
        doors.act("submit", area=area, month=month, by=people[-1], at=at)
        leader = next((person for person in people if doors.may_sign(person, doors.offices_of(area))), None)
        if leader and number % 3:
            doors.act("sign", area=area, month=month, by=leader, at=at)
    for area in doors.areas_to_hand_in(history.county.accounts["centre1"])[:40]:
        try:
            doors.act("remind", area=area, month=month, by=supervisor, at=at)
        except MoveRefused:
            continue
        break
