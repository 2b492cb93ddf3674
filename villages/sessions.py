"""The signed-in places of one person, listed and ended.

Sessions carry no user column, so the live ones are read through: some hundred rows in a county.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from rest_framework.authtoken.models import Token

from villages.models import User


class Place(NamedTuple):
    """One signed-in browser."""

    key: str
    began: dt.datetime | None
    seen: dt.datetime | None
    address: str
    agent: str


def sessions_of(user: User) -> Iterator[Place]:
    """Every live session of this person."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        data = session.get_decoded()
        if data.get(SESSION_KEY) == str(user.pk):
            yield Place(
                session.session_key,
                _moment(data.get("began_at")),
                _moment(data.get("seen_at")),
                data.get("address", ""),
                data.get("agent", ""),
            )


def end_sessions(user: User, *, keep: str | None = None) -> int:
    """End this person's sessions, except the one to keep; returns how many."""
    keys = [place.key for place in sessions_of(user) if place.key != keep]
    Session.objects.filter(session_key__in=keys).delete()
    return len(keys)


def end_everything(user: User) -> None:
    """End all sessions and take the access token away: a disabled account acts nowhere from now on."""
    end_sessions(user)
    Token.objects.filter(user=user).delete()


def _moment(seconds: object) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if isinstance(seconds, int) else None
