"""Cases brought to where a safeguard stands, through the real doors."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from disputes.models import Dispute
from tests import factories as f
from tests.factories import NOW

WIZARD: dict[str, Any] = {
    "deed": "beating",
    "lesser": True,
    "ground": "close",
    "exclusions_clear": True,
    "suspect": "B",
    "established": "双方因放水推搡，乙方打了甲方一拳，无人受伤。",
}
TERMS = {
    "happened_when": "2026年3月1日 8时",
    "happened_where": "石门村渠口",
    "people_there": "双方和水管员",
    "cause": "轮水先后",
    "course": "争执中推搡",
    "circumstances": "徒手，情节较轻",
    "consequence": "甲方脸部红肿",
    "perform_way": "当面现金交付",
}
NO = dict.fromkeys(("beating", "restraint", "insult", "threat", "fear"), False)


def at_room_mediating(w: SimpleNamespace, at: dt.datetime = NOW, **facts: Any) -> Dispute:
    """Taken up by the officer of the police room."""
    case = f.at_room(w, at=at, **facts)
    case.perform("take_up", by=w.officer, at=at, handler=w.officer)
    return case


def stopped(w: SimpleNamespace, at: dt.datetime = NOW, **flags: bool) -> Dispute:
    """Registered at the police room with a suspicion of crime or bullying, in the officer's hands."""
    case = f.register(w, by=w.officer, at=at, tier=2, **flags)
    case.perform("take_up", by=w.officer, at=at, handler=w.officer)
    return case


def session(day: dt.date, **facts: Any) -> dict[str, Any]:
    """Facts of a session by two officers."""
    return {"held_on": day, "place_kind": "standard", "place": "派出所调解室", "officers": "2", **facts}


def on_police_track(w: SimpleNamespace, case: Dispute, at: dt.datetime = NOW, **wizard: Any) -> Dispute:
    """The wizard answered, one session held, the agreement's contents written."""
    case.act("police", by=w.officer, at=at, **WIZARD | wizard)
    case.act("police_session", by=w.officer, at=at, **session(timezone.localdate(at)))
    case.act("police_terms", by=w.officer, at=at, **TERMS)
    return case


def settled_by_police(w: SimpleNamespace, at: dt.datetime = NOW, **facts: Any) -> Dispute:
    case = on_police_track(w, at_room_mediating(w, at), at)
    given = f.settlement(w, case, at, organisation=w.room, chair=w.officer, track="police")
    case.perform("settle", by=w.officer, at=at, **given | facts)
    return case


def settled_at_room(w: SimpleNamespace, at: dt.datetime = NOW, **facts: Any) -> Dispute:
    """People's mediation by the village's mediator, on the police room's desk."""
    case = at_room_mediating(w, at)
    given = f.settlement(w, case, at, organisation=w.committee, chair=w.village_mediator)
    case.perform("settle", by=w.officer, at=at, **given | facts)
    return case


def family(w: SimpleNamespace, at: dt.datetime = NOW, **facts: Any) -> Dispute:
    """A marriage case in the officer's hands."""
    return at_room_mediating(w, at, type_l1="01", type_l2="0101", **facts)


def letter_facts(case: Dispute, day: dt.date) -> dict[str, Any]:
    a, b = case.principal_parties()
    return {"number": "天公告字〔2026〕第003号", "issued_on": day, "warned": str(b.pk), "victim": str(a.pk)}
