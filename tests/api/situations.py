"""For every move: a case that stands ready for it, who makes it, and a body that the API takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from disputes.models import Dispute
from followups.models import Handled
from followups.reactions import react
from tests import factories as f

World = SimpleNamespace


@dataclass(frozen=True)
class Ready:
    """A case, who may make the move on it, and the move's body."""

    case: Dispute
    by: str
    body: dict[str, Any]


def an_hour_ago() -> dt.datetime:
    return timezone.now() - dt.timedelta(hours=1)


def days_ahead(days: int) -> str:
    return str(timezone.localdate() + dt.timedelta(days=days))


def handle(case: Dispute) -> None:
    """Run the reactions that a commit would have run."""
    for pk in case.events.exclude(pk__in=Handled.objects.values("event")).order_by("pk").values_list("pk", flat=True):
        react(pk)


def agreed(case: Dispute) -> dict[str, str]:
    return {str(party.pk): "agreed" for party in case.principal_parties()}


def told() -> dict[str, Any]:
    return {"told_ways": ["court", "admin"], "told_on": str(timezone.localdate())}


def new(w: World, **facts: Any) -> Dispute:
    return f.register(w, at=an_hour_ago(), **facts)


def taken(w: World, **facts: Any) -> Dispute:
    return f.mediating(w, at=an_hour_ago(), **facts)


def settled(w: World) -> Dispute:
    case = f.settled(w, at=an_hour_ago())
    handle(case)
    return case


def visited(w: World) -> Dispute:
    from followups.visits import record_visit

    case = settled(w)
    heard = {"reached": True, "satisfaction": "yes", "mind": "calm"}
    facts = {"visited_on": timezone.localdate(), "way": "home", "performance": "2"}
    facts["parties"] = {party.pk: dict(heard) for party in case.principal_parties()}
    record_visit(case=case, by=w.assistant, at=timezone.now(), facts=facts)
    return case


def take_up(w: World) -> Ready:
    return Ready(new(w), "assistant", {"handler": "assistant"})


def settle(w: World) -> Ready:
    case = taken(w)
    parties = case.principal_parties()
    body = {
        "result": "written",
        "organisation": w.committee.code,
        "chair": "village_mediator",
        "agreed_on": str(timezone.localdate()),
        "consents": agreed(case),
        "text": "双方同意按旧界桩放牧。",
        "obligations": [{"debtor": parties[0].pk, "what": "重新立桩", "amount": "200.00", "due_on": days_ahead(30)}],
    }
    return Ready(case, "assistant", body)


def escalate(w: World) -> Ready:
    return Ready(taken(w), "assistant", {"reason": "事实争议，需要丈量", "may_escalate": True})


def send_back(w: World) -> Ready:
    return Ready(f.at_room(w, at=an_hour_ago()), "officer", {"reason": "缺材料", "to_add": "草场证复印件"})


def hand_down(w: World) -> Ready:
    body = {"reason": "村里能办", "due_on": days_ahead(5)}
    return Ready(f.at_room(w, at=an_hour_ago()), "officer", body)


def refer(w: World) -> Ready:
    return Ready(taken(w), "assistant", {"way": "court", **told()})


def end(w: World) -> Ready:
    return Ready(taken(w), "assistant", {"reason": "双方分歧大", **told()})


def withdraw(w: World) -> Ready:
    return Ready(taken(w), "assistant", {"asked_by": "马文林", "reason": "自己谈好了"})


def reopen(w: World) -> Ready:
    return Ready(settled(w), "assistant", {"reason": "没有履行", "report": "界桩又被移动"})


def close(w: World) -> Ready:
    return Ready(visited(w), "assistant", {})


def pause(w: World) -> Ready:
    return Ready(taken(w), "assistant", {"reason": "当事人外出放牧"})


def resume(w: World) -> Ready:
    case = taken(w)
    case.perform("pause", by=w.assistant, at=an_hour_ago(), reason="当事人外出放牧")
    return Ready(case, "assistant", {})


def extend(w: World) -> Ready:
    case = taken(w)
    return Ready(case, "assistant", {"reason": "等丈量结果", "until": days_ahead(20), "consents": agreed(case)})


def merge(w: World) -> Ready:
    return Ready(taken(w), "assistant", {"target": new(w).case_no, "reason": "同一件事"})


def unmerge(w: World) -> Ready:
    case = taken(w)
    case.perform("merge", by=w.assistant, at=an_hour_ago(), target=new(w), reason="同一件事")
    return Ready(case, "assistant", {"reason": "不是同一件事"})


def split(w: World) -> Ready:
    return Ready(taken(w), "assistant", {"parts": ["草场界线", "打伤羊只"], "reason": "两件事"})


def void(w: World) -> Ready:
    case = new(w)
    case.ask_void(by=w.grid, at=an_hour_ago(), reason="录错了")
    return Ready(case, "assistant", {"reason": "录错了"})


def assign(w: World) -> Ready:
    return Ready(taken(w), "assistant", {"person": "grid"})


SITUATIONS: dict[str, Callable[[World], Ready]] = {
    "take_up": take_up,
    "settle": settle,
    "escalate": escalate,
    "return": send_back,
    "hand_down": hand_down,
    "refer": refer,
    "end": end,
    "withdraw": withdraw,
    "reopen": reopen,
    "close": close,
    "pause": pause,
    "resume": resume,
    "extend": extend,
    "merge": merge,
    "unmerge": unmerge,
    "split": split,
    "void": void,
    "assign": assign,
}
