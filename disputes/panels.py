"""Sections that upper rooms add to the case page; they register here, this room never imports them.

A function takes the case and the viewer and returns (template name, context), or None where it has nothing to show.
It runs once per page; the template finds the context as `panel`, and its "count" stands beside the section's tab.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.functional import Promise

from disputes.models import Dispute
from villages.models import User

Row = TypeVar("Row", bound=Model)
Function = Callable[[Dispute, User], tuple[str, Mapping[str, Any]] | None]


@dataclass(frozen=True)
class Section:
    """One registered section of the case page, drawn for one viewer."""

    key: str
    title: str | Promise
    template: str
    context: Mapping[str, Any]

    @property
    def count(self) -> int | None:
        return self.context.get("count")


_registered: dict[str, tuple[int, str | Promise, Function]] = {}


def add(title: str | Promise, function: Function, *, key: str = "", order: int = 50) -> None:
    """Show a section headed `title`; `key` (default: the function's name) is its anchor, lower `order` comes first."""
    _registered[key or function.__name__] = (order, title, function)


def _in_order() -> list[tuple[str, tuple[int, str | Promise, Function]]]:
    return sorted(_registered.items(), key=lambda item: (item[1][0], item[0]))


def sections(case: Dispute, user: User) -> list[Section]:
    """Every section that has something for this viewer, in order."""
    found = []
    for key, (_order, title, function) in _in_order():
        answer = function(case, user)
        if answer is not None:
            found.append(Section(key, title, *answer))
    return found


def few(rows: QuerySet[Row]) -> list[Row]:
    """Rows that most cases have none of. Whether there are any is asked first: that costs a fraction of the whole."""
    return list(rows) if rows.exists() else []


def register_list() -> list[tuple[int, str]]:
    """(order, key) of every registered section, for the test that pins the list."""
    return [(order, key) for key, (order, _title, _function) in _in_order()]
