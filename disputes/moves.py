"""THE SCREEN: tiers, statuses and the table of moves.

Buttons, API choices, refusals, form fields, docs/states.md and the tests are all read from MOVES. `tier` (whose desk)
and `status` (what is happening) are two fields, never multiplied. Statutes: 人民调解法 (PMA), 治安管理处罚法 (PSA),
公安机关办理行政案件程序规定 (APR), 反家庭暴力法 (DVA); articles stand beside the safeguards in `disputes.safeguards`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from disputes import safeguards as s
from villages.models import DESK_ROLES, Role

if TYPE_CHECKING:
    from disputes.models import Dispute, Event
    from villages.models import User


class Tier(models.IntegerChoices):
    VILLAGE = 1, _("村级调解")
    ROOM = 2, _("警务室联动")
    TOWNSHIP = 3, _("乡镇综治中心")


class Status(models.TextChoices):
    WAITING = "waiting", _("待受理")
    MEDIATING = "mediating", _("调解中")
    SETTLED = "settled", _("已化解，回访中")
    CLOSED = "closed", _("已结案")
    REFERRED = "referred", _("已引导其他途径")
    WITHDRAWN = "withdrawn", _("已撤回/终止")
    MERGED = "merged", _("已并案")
    VOIDED = "voided", _("作废")


W, M, SETTLED, CLOSED = Status.WAITING, Status.MEDIATING, Status.SETTLED, Status.CLOSED
REFERRED, GONE, MERGED, VOIDED = Status.REFERRED, Status.WITHDRAWN, Status.MERGED, Status.VOIDED
OPEN = (W, M)  # the clock runs
SAME = None

#: Who: a person posted at the case's desk; its lead; a supervisor of the area as well as the desk.
DESK, LEAD, DESK_OR_SUPERVISOR = "desk", "lead", "desk_or_supervisor"

Guard = Callable[["Dispute", "User | None", Mapping[str, Any] | None, dt.datetime], "str | None"]


@dataclass(frozen=True)
class Move:
    """One row of the table. `needs` must be given, `also` may be; `unless` are guards that return a refusal."""

    label: str
    from_: tuple[str, ...]
    to: str | None
    by: str
    step: int = 0
    tiers: tuple[int, ...] = (1, 2, 3)
    needs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    unless: tuple[Guard, ...] = ()
    automatic: bool = False
    while_paused: bool = False

    @property
    def facts(self) -> tuple[str, ...]:
        return self.needs + self.also

    @property
    def roles(self) -> frozenset[str]:
        """Roles that ever have this move; for every other role it is a 403, not a 409."""
        return DESK_ROLES | {Role.SUPERVISOR} if self.by == DESK_OR_SUPERVISOR else DESK_ROLES


def move(
    label: Any, from_: Iterable[str], to: str | None, by: str, *, needs: str = "", also: str = "", **options: Any
) -> Move:
    return Move(label, tuple(from_), to, by, needs=tuple(needs.split()), also=tuple(also.split()), **options)


# fmt: off
MOVES: dict[str, Move] = {
    # name                label            from             to         by
    "take_up":   move(_("受理"),           [W],             M,         DESK, needs="handler",
                      unless=(s.not_acceptable,)),
    "settle":    move(_("化解"),           [M, W],          SETTLED,   DESK, while_paused=True,
                      needs="result organisation chair agreed_on consents",
                      also="text obligations on_the_spot track safety disposition exclusions_clear recording",
                      unless=(s.settle_from_waiting, s.refusal, s.crime, s.bullying, s.not_acceptable,
                              s.minor_without_guardian, s.child_without_consent, s.consents, s.papers,
                              s.family_screen, s.exclusions, s.police_track, s.dates)),
    "escalate":  move(_("上报"),           OPEN,            W,         DESK, step=+1, tiers=(1, 2), automatic=True,
                      needs="reason", also="may_escalate", unless=(s.past_case_limit, s.attempt_first)),
    "return":    move(_("退回"),           [W],             W,         DESK, step=-1, tiers=(2, 3),
                      needs="reason to_add", unless=(s.past_case_limit,)),
    "hand_down": move(_("下派"),           OPEN,            W,         DESK, step=-1, tiers=(2, 3),
                      needs="reason due_on", unless=(s.past_case_limit, s.dates)),
    "refer":     move(_("引导其他途径"),   OPEN,            REFERRED,  DESK, while_paused=True,
                      needs="way told_ways told_on", also="reason", unless=(s.where_it_goes, s.dates)),
    "end":       move(_("调解不成"),       [M],             GONE,      DESK, while_paused=True,
                      needs="reason told_ways told_on", unless=(s.handed_over, s.dates)),
    "withdraw":  move(_("撤回"),           OPEN,            GONE,      DESK, while_paused=True,
                      needs="asked_by reason", unless=(s.handed_over,)),
    "reopen":    move(_("反弹重启"),       [SETTLED, CLOSED, GONE, REFERRED], W, DESK_OR_SUPERVISOR,
                      needs="reason report", also="tier", unless=(s.tier_not_below,)),
    "close":     move(_("结案"),           [SETTLED],       CLOSED,    DESK, also="reason",
                      unless=(s.not_the_handler, s.obligations_unanswered)),
    "pause":     move(_("中止"),           OPEN,            SAME,      DESK, needs="reason"),
    "resume":    move(_("恢复"),           OPEN,            SAME,      DESK, while_paused=True, also="reason",
                      unless=(s.only_when_paused,)),
    "extend":    move(_("延期"),           OPEN,            SAME,      DESK, needs="reason until consents",
                      unless=(s.consents, s.dates)),
    "merge":     move(_("并案"),           OPEN,            MERGED,    DESK, needs="target reason",
                      unless=(s.past_case_limit, s.merge_target)),
    "unmerge":   move(_("撤销并案"),       [MERGED],        SAME,      DESK, needs="reason",
                      unless=(s.unmerge_in_time,)),
    "split":     move(_("拆成几件"),       OPEN,            SAME,      DESK, needs="parts reason",
                      unless=(s.past_case_limit, s.two_parts)),
    "void":      move(_("作废"),           [W],             VOIDED,    DESK, needs="reason",
                      unless=(s.only_registered, s.second_person)),
    "assign":    move(_("指派"),           [W, M, SETTLED], SAME,      LEAD, needs="person", also="reason",
                      while_paused=True),
}
# fmt: on

#: What a round in waiting/mediating became when it left: the ledger's 办结, each shown apart.
LEAVES = {"settle": SETTLED, "refer": REFERRED, "end": GONE, "withdraw": GONE, "merge": MERGED}

_guards: dict[str, list[Guard]] = {}
_leaving: list[Callable[[Dispute, Event], object]] = []
_after: list[Callable[[int], object]] = []


def guard(name: str, function: Guard) -> None:
    """Let an upper room refuse a move: registered once, in its AppConfig.ready()."""
    if function not in _guards.setdefault(name, []):
        _guards[name].append(function)


def guards_of(name: str) -> tuple[Guard, ...]:
    """Every guard of a move: those of the table, then those of upper rooms."""
    return MOVES[name].unless + tuple(_guards.get(name, ()))


def registered_guards() -> dict[str, list[str]]:
    """What upper rooms registered, for the test that pins the list."""
    return {name: [f.__name__ for f in functions] for name, functions in sorted(_guards.items()) if functions}


def on_leave(function: Callable[[Dispute, Event], object]) -> None:
    """Let a room settle what is still pending when a case leaves waiting/mediating, in the transaction of the move.

    Called with the locked case and the event that was just appended (`event.at`, `event.by`).
    """
    if function not in _leaving:
        _leaving.append(function)


def run_on_leave(case: Dispute, event: Event) -> None:
    for function in _leaving:
        function(case, event)


def after(function: Callable[[int], object]) -> None:
    """Let an upper room run its reactions to an event (by id) right after the commit; the pump is the guarantee."""
    if function not in _after:
        _after.append(function)


def run_after(event_id: int) -> None:
    for function in _after:
        function(event_id)
