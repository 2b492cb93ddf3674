"""docs/states.md, drawn from the table of moves: a diagram, the table, and what may refuse a move."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import translation

from disputes.moves import MOVES, OPEN, Guard, Move, Status, Tier, guards_of

#: Where a move leads when the case and not the table decides.
DEPENDS = {"unmerge": OPEN}
WHO = {
    "desk": "desk",
    "lead": "lead of the desk",
    "desk_or_supervisor": "desk, or a supervisor of the area",
}


def draw() -> str:
    """The whole document; the same text for the same table, whatever language is active."""
    with translation.override("zh-hans"):
        return "\n".join([*_head(), *_diagram(), *_statuses(), *_moves(), *_refusals()]) + "\n"


def _head() -> Iterator[str]:
    yield "# The life of a case"
    yield ""
    yield "Drawn from `MOVES` in `disputes/moves.py` by `manage.py draw_states`; a test compares the two."
    yield "Change the table, then draw anew."


def _diagram() -> Iterator[str]:
    yield from ("", "```mermaid", "stateDiagram-v2", "    [*] --> waiting: register 登记")
    for name, row in MOVES.items():
        for start in row.from_:
            for end in _ends(name, row, start):
                yield f"    {start} --> {end}: {name} {row.label}{_step(row)}"
    yield "```"


def _ends(name: str, row: Move, start: str) -> tuple[str, ...]:
    return DEPENDS.get(name) or (row.to or start,)


def _step(row: Move) -> str:
    return f" (tier {row.step:+d})" if row.step else ""


def _statuses() -> Iterator[str]:
    yield from ("", "## Statuses and tiers", "", "| status | 中文 | the clock |", "|---|---|---|")
    for status in Status:
        yield f"| {status.value} | {status.label} | {'runs' if status in OPEN else '–'} |"
    yield from ("", "| tier | 中文 |", "|---|---|")
    for tier in Tier:
        yield f"| {tier.value} {tier.name.lower()} | {tier.label} |"


def _moves() -> Iterator[str]:
    yield from ("", "## Moves", "")
    yield "| move | 中文 | from | to | tier | at tiers | who | needs | may add | while paused | refused by |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for name, row in MOVES.items():
        cells = [
            name,
            str(row.label),
            ", ".join(row.from_),
            ", ".join(DEPENDS.get(name, ())) or row.to or "the same",
            f"{row.step:+d}" if row.step else "=",
            ", ".join(str(tier) for tier in row.tiers),
            WHO[row.by] + (", or the clock" if row.automatic else ""),
            ", ".join(row.needs) or "–",
            ", ".join(row.also) or "–",
            "yes" if row.while_paused else "no",
            ", ".join(function.__name__ for function in guards_of(name)) or "–",
        ]
        yield f"| {' | '.join(cells)} |"


def _refusals() -> Iterator[str]:
    yield from ("", "## What refuses a move", "")
    guards: dict[str, Guard] = {f.__name__: f for name in MOVES for f in guards_of(name)}
    for name, function in sorted(guards.items()):
        moves = ", ".join(move for move in MOVES if function in guards_of(move))
        words = (function.__doc__ or "").partition("\n")[0]
        yield f"- `{name}` ({moves}){f': {words}' if words else ''}"
