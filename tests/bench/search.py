"""The row of search: two characters of a name or of the story inside a township, beside one indexed lookup."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

ROW, GOAL = "search by two characters", 5
Call = Callable[[int], "tuple[str, str, bytes | None]"]


def words(cases: Any) -> list[str]:
    """Two characters each of what these cases tell, names and stories by turns."""
    found: list[str] = []
    for case in cases.prefetch_related("parties"):
        found += [party.name[-2:] for party in case.parties.all()[:1]]
        place = len(case.narrative) // 2
        found += [case.narrative[n : n + 2] for n in range(place, place + 9) if case.narrative[n : n + 2].isalpha()][:1]
    return [word for word in found if len(word) == 2]


def calls(facts: dict[str, Any]) -> dict[str, tuple[Call, Call, float]]:
    """The row as tests.bench.run takes it: ours, the floor of a phone's exact lookup, the goal."""

    def ours(i: int) -> tuple[str, str, None]:
        return "GET", f"/search/?{urlencode({'q': facts['words'][i % len(facts['words'])]})}", None

    def floor(i: int) -> tuple[str, str, None]:
        told = facts["entries"][i % len(facts["entries"])]
        return "GET", f"/bench/lookup/?phone={told['parties'][0]['phone']}", None

    return {ROW: (ours, floor, GOAL)}
