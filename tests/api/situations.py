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
from tests import safe

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


# --- acts -------------------------------------------------------------------------------------------------------------
def today() -> str:
    return str(timezone.localdate())


def plain(facts: dict[str, Any]) -> dict[str, Any]:
    """Days as JSON has them, rows by their number."""
    return {name: str(value) if isinstance(value, dt.date) else value for name, value in facts.items()}


def tracked(w: World) -> Dispute:
    """The wizard answered at the police room."""
    case = safe.at_room_mediating(w, an_hour_ago())
    case.act("police", by=w.officer, at=timezone.now(), **safe.WIZARD)
    return case


def failed(w: World) -> Dispute:
    case, day = tracked(w), timezone.localdate()
    told = {"failed_on": day, "civil_told_on": day}
    case.act("police_failed", by=w.officer, at=timezone.now(), failure="not_reached", **told)
    return case


def letter_body(case: Dispute) -> dict[str, Any]:
    facts = plain(safe.letter_facts(case, timezone.localdate()))
    return facts | {name: int(facts[name]) for name in ("warned", "victim")}


def with_letter(w: World) -> Ready:
    case = safe.family(w, an_hour_ago())
    case.act("letter", by=w.officer, at=timezone.now(), **safe.letter_facts(case, timezone.localdate()))
    task = case.tasks.filter(office=w.room).first()
    return Ready(case, "officer", {"task": task.pk, "done_on": today()})


def kept(w: World) -> Dispute:
    case = safe.settled_at_room(w, an_hour_ago())
    row, day = case.agreements.get().obligations.get(), timezone.localdate()
    report = {"obligation": str(row.pk), "performance": "2", "performed_on": day}
    case.act("performance", by=w.officer, at=timezone.now(), **report)
    return case


def applied(w: World) -> Dispute:
    case, day = kept(w), timezone.localdate()
    facts = {"performed_on": day, "applied_on": day, "both": True, "undecided": True}
    case.act("no_penalty", by=w.second_officer, at=timezone.now(), **facts)
    return case


def signed(w: World) -> Dispute:
    case = f.settled(w, at=an_hour_ago())
    case.act("signed", by=w.assistant, at=timezone.now(), signed_on=timezone.localdate())
    return case


def asked(w: World) -> Dispute:
    case, day = signed(w), timezone.localdate()
    case.act("confirm", by=w.assistant, at=timezone.now(), asked=True, jointly=True, requested_on=day)
    return case


def owed(w: World) -> Ready:
    case = f.settled(w, at=an_hour_ago())
    row = case.agreements.get().obligations.get()
    return Ready(case, "assistant", {"obligation": row.pk, "performance": "2", "performed_on": today()})


def noise(case: Dispute) -> Ready:
    b = case.principal_parties()[1]
    told = {"dissuaded_on": today(), "dissuaded_at": "22:30", "said": "音响开到半夜，劝了以后关小"}
    return Ready(case, "assistant", {"dissuaded": b.pk, **told})


ACT_SITUATIONS: dict[str, Callable[[World], Ready]] = {
    "acceptance": lambda w: Ready(new(w), "assistant", {"reserved": False, "elsewhere": False}),
    "screen": lambda w: Ready(safe.family(w, an_hour_ago()), "officer", {"safety": safe.NO}),
    "police": lambda w: Ready(safe.at_room_mediating(w, an_hour_ago()), "officer", plain(safe.WIZARD)),
    "police_session": lambda w: Ready(tracked(w), "officer", plain(safe.session(timezone.localdate()))),
    "police_terms": lambda w: Ready(tracked(w), "officer", dict(safe.TERMS)),
    "police_failed": lambda w: Ready(
        tracked(w), "officer", {"failure": "not_reached", "failed_on": today(), "civil_told_on": today()}
    ),
    "police_dealt": lambda w: Ready(failed(w), "officer", {"dealt_on": today()}),
    "no_penalty": lambda w: Ready(
        kept(w), "officer", {"performed_on": today(), "applied_on": today(), "both": True, "undecided": True}
    ),
    "no_penalty_done": lambda w: Ready(applied(w), "officer", {"approved": True, "decided_on": today()}),
    "letter": lambda w: (lambda case: Ready(case, "officer", letter_body(case)))(safe.family(w, an_hour_ago())),
    "letter_visit": with_letter,
    "signed": lambda w: Ready(f.settled(w, at=an_hour_ago()), "assistant", {"signed_on": today()}),
    "confirm": lambda w: Ready(
        signed(w), "assistant", {"asked": True, "jointly": True, "requested_on": today(), "court": "县人民法院"}
    ),
    "confirm_ruled": lambda w: Ready(asked(w), "assistant", {"ruling": "confirmed", "ruled_on": today()}),
    "performance": owed,
    "dissuade": lambda w: noise(new(w, type_l1="02", type_l2="0203")),
    "lift": lambda w: Ready(
        safe.stopped(w, bullying=True, at=an_hour_ago()), "officer", {"flag": "bullying", "reason": "查明不是欺凌"}
    ),
}
