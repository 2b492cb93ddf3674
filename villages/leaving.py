"""What still waits for somebody whose posting ends; upper rooms count it, this room never imports them.

A function takes an office and a person and returns how many things at this office wait for them: a number and nothing
else, because whoever ends a posting may be an administrator, who sees no case.
"""

from __future__ import annotations

from collections.abc import Callable

from villages.models import Office, User

Function = Callable[[Office, User], int]

_counting: list[Function] = []


def counted_by(function: Function) -> None:
    """Let an upper room count its part; once, in its AppConfig.ready()."""
    if function not in _counting:
        _counting.append(function)


def open_work(office: Office, person: User) -> int:
    """How many things at this office wait for this person."""
    return sum(function(office, person) for function in _counting)
