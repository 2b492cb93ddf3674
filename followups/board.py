"""The list of one's notices: by tab and group, one entry per case, marking read and taking that back, muting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    ExpressionWrapper,
    F,
    Max,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat

from disputes.models import Dispute
from followups import notices
from followups.danger import OF_CASES
from followups.groups import KINDS, MUTABLE, Group, listed_kinds
from followups.models import Danger, Mute, Notice, NoticeQuerySet
from villages.models import User

#: How long after marking many as read the page offers to take it back.
UNDO = dt.timedelta(minutes=10)


def narrowed(rows: NoticeQuerySet, *, unread: bool = False, group: str = "") -> NoticeQuerySet:
    """Those that are unread, of one group, or both."""
    if unread:
        rows = rows.unread()
    if group == Group.OTHER:
        rows = rows.exclude(kind__in=listed_kinds())
    elif group:
        rows = rows.filter(kind__in=KINDS[Group(group)])
    return rows


def with_thing(rows: NoticeQuerySet, user: User) -> Any:
    """Each with `thing`: what it is about, for gathering those of one case.

    Whoever may not read the case (an office that was asked, a guest of a session) must not learn from the grouping
    which of their notices belong to the same one: each of those stands for itself.
    """
    named = [When(capture__isnull=False, then=_key("c", "capture_id"))]
    if (readable := user.scope.cases("dispute__")) is not None:
        named.append(When(readable, then=_key("d", "dispute_id")))
    return rows.annotate(thing=Case(*named, default=_key("n", "pk"), output_field=TextField()))


def _key(letter: str, field: str) -> Concat:
    return Concat(Value(letter), Cast(field, CharField()), output_field=TextField())


def like(user: User, pk: int) -> Any:
    """The notices about the same thing as this one; none when it is not this person's."""
    rows = with_thing(Notice.objects.visible_to(user), user)
    thing = rows.filter(pk=pk).values_list("thing", flat=True).first()
    return rows.filter(thing=thing) if thing else rows.none()


@dataclass
class Gathered:
    """One entry of the list by case: its newest notice, how many there are and how many are unread."""

    notice: Notice
    count: int
    unread: int
    muted: bool


def by_thing(rows: NoticeQuerySet, user: User) -> QuerySet:
    """One row per case or capture: those with unread notices first, then the newest."""
    found = with_thing(rows, user).order_by().values("thing")
    found = found.annotate(newest=Max("pk"), count=Count("pk"), unread=Count("pk", filter=Q(read_at=None)))
    waits = ExpressionWrapper(Q(unread__gt=0), output_field=BooleanField())
    return found.annotate(waits=waits).order_by(F("waits").desc(), "-newest")


def gathered(entries: Iterable[dict], user: User) -> list[Gathered]:
    """These entries of `by_thing` with the words of their newest notice; a fixed number of queries."""
    entries = list(entries)
    rows = Notice.objects.filter(pk__in=[entry["newest"] for entry in entries]).select_related(*notices.SHOWN)
    newest = {notice.pk: notice for notice in notices.with_words(rows, user)}
    muted = muted_cases(user)
    return [
        Gathered(row, entry["count"], entry["unread"], row.dispute_id in muted)
        for entry in entries
        if (row := newest.get(entry["newest"]))
    ]


def to_acknowledge(rows: Iterable[Notice]) -> set[int]:
    """Which of these notices tell of a case's danger that nobody has taken note of yet."""
    told = {notice.event_id: notice.pk for notice in rows if notice.kind in OF_CASES}
    if not told:
        return set()
    waiting = Danger.objects.filter(pk__in=told, seen_at=None, dispute__status__in=("waiting", "mediating"))
    return {told[pk] for pk in waiting.values_list("pk", flat=True)}


# --- read and unread -------------------------------------------------------------------------------------------------
def restore(user: User, at: dt.datetime) -> int:
    """Take back what was marked read at this very moment; how many are unread again. Muted ones were never unread."""
    return Notice.objects.visible_to(user).mark_unread(at)


# --- muting ----------------------------------------------------------------------------------------------------------
def muted_cases(user: User) -> set[int]:
    return set(user.mutes.exclude(dispute=None).values_list("dispute_id", flat=True))


def muted_groups(user: User) -> list[str]:
    return sorted(user.mutes.exclude(group="").values_list("group", flat=True))


def mute_case(case: Dispute, *, by: User, at: dt.datetime, on: bool) -> None:
    """`by` hears no more (or again) of this case than danger and what is put into their own hands."""
    if on:
        Mute.objects.put([Mute(user=by, dispute=case, at=at)])
    else:
        by.mutes.filter(dispute=case).delete()


def mute_groups(groups: Iterable[str], *, by: User, at: dt.datetime) -> None:
    """`by` hears nothing of exactly these groups; danger is none that could be named."""
    wanted = set(groups) & {str(group) for group in MUTABLE}
    with transaction.atomic():
        by.mutes.exclude(group="").exclude(group__in=wanted).delete()
        Mute.objects.put([Mute(user=by, group=group, at=at) for group in sorted(wanted)])
