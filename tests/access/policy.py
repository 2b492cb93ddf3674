"""policy_expect.csv: who gets which status for what, written by hand from product.md and read by nothing else."""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import NamedTuple

from tests.access.county import ACTORS, RELATIONS

FILE = Path(__file__).with_name("policy_expect.csv")


class Cell(NamedTuple):
    """One question: may this actor use this method here, on a thing that stands in this relation?"""

    route: str
    method: str
    actor: str
    relation: str


class Policy(NamedTuple):
    """status of every cell, and what is wrong with the file itself."""

    status: dict[Cell, str]
    problems: list[str]


@functools.cache
def policy() -> Policy:
    """The whole file, every set expanded: one status per cell."""
    sets: dict[str, list[str]] = {name: [name] for name in (*ACTORS, *(r for rows in RELATIONS.values() for r in rows))}
    status: dict[Cell, str] = {}
    problems: list[str] = []
    lines = FILE.read_text(encoding="utf-8").splitlines()
    known = set(sets)

    def members(text: str) -> list[str]:
        return [item for word in text.split() for item in sets.get(word, [word])]

    for number, line in enumerate(lines, 1):
        if line.startswith(("#", "pattern,")) or not line.strip():
            continue
        if line.startswith("set "):
            name, _, words = line.removeprefix("set ").partition("=")
            if name.strip() in sets:
                problems.append(f"line {number}: the set {name.strip()} is there already")
            sets[name.strip()] = members(words)
            continue
        row = next(csv.reader([line]))
        if len(row) != 5:
            problems.append(f"line {number}: {len(row)} columns")
            continue
        routes, methods, actors, relations, answer = (cell.strip() for cell in row)
        for actor in members(actors):
            for relation in members(relations):
                problems += [f"line {number}: unknown {name}" for name in (actor, relation) if name not in known]
                for route in members(routes):
                    for method in methods.split():
                        cell = Cell("" if route == "/" else route, method, actor, relation)
                        if status.get(cell, answer) != answer:
                            problems.append(f"line {number}: {cell} was {status[cell]} above, here {answer}")
                        status[cell] = answer
    return Policy(status, problems)
