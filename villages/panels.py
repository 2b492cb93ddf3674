"""What upper rooms show on the pages of the directory; they register it, this room never imports them.

A function takes the viewer and the villages of one page and returns, per area id, {"text": …, "url": …} and, for the
page of a single village, "items": [{"text": …, "url": …}, …]. It runs once per page, so that a list costs the same
number of queries with 3 rows as with 30.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.functional import Promise

from villages.models import Area, User

Function = Callable[[User, Sequence[Area]], Mapping[int, Mapping[str, Any]]]

registered: dict[str, tuple[str | Promise, Function]] = {}


def add(key: str, name: str | Promise, function: Function) -> None:
    """Show a column headed `name`; the key keeps a second registration of the same column from doubling it."""
    registered[key] = (name, function)


def names() -> list[str | Promise]:
    """The headings, in the order in which they were registered."""
    return [name for name, _function in registered.values()]


def cells(user: User, areas: Sequence[Area]) -> dict[int, list[Mapping[str, Any]]]:
    """Per area id one cell for each registered column; an empty one where the function has nothing."""
    columns = [function(user, areas) for _name, function in registered.values()] if areas else []
    return {area.pk: [column.get(area.pk, {}) for column in columns] for area in areas}
