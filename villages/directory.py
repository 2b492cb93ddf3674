"""Who serves each village today: the rows of the directory, of a village's page and of the list of gaps."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Replace
from django.utils.translation import gettext as _

from villages.models import Area, Coverage, Office, Posting, Role, User, in_force
from villages.pinyin import DOT, without_dots


@dataclass
class Row:
    """One village with its committee, its police room and the people posted there."""

    village: Area
    offices: dict[int, Office] = field(default_factory=dict)  # by tier; a missing tier is a gap
    people: dict[str, list[Posting]] = field(default_factory=dict)  # by role

    @property
    def committee(self) -> Office | None:
        return self.offices.get(1)

    @property
    def room(self) -> Office | None:
        return self.offices.get(2)

    @property
    def centre(self) -> Office | None:
        return self.offices.get(3)

    @property
    def officers(self) -> list[Posting]:
        return self.people.get(Role.OFFICER, [])

    @property
    def assistants(self) -> list[Posting]:
        return self.people.get(Role.ASSISTANT, [])

    @property
    def grid_workers(self) -> list[Posting]:
        return self.people.get(Role.GRID, [])

    @property
    def mediators(self) -> list[Posting]:
        return self.people.get(Role.MEDIATOR, [])

    @property
    def gaps(self) -> list[str]:
        """What 一村一警 lacks here; nothing where nobody serves (pseudo townships, 虚拟社区)."""
        if not self.village.served:
            return []
        out = []
        if not self.room:
            out.append(_("没有警务室"))
        elif not self.officers:
            out.append(_("缺民警"))
        if not self.assistants:
            out.append(_("缺警务助理"))
        return out


def villages(day: dt.date | None = None) -> QuerySet[Area]:
    """Every village in force, in the order of the divisions."""
    return Area.objects.filter(in_force(day), level=Area.Level.VILLAGE).select_related("parent").order_by("code")


def matching(text: str) -> Q:
    """Villages found by name, full pinyin or initials, in any reading."""
    plain = text.replace(DOT, "").strip()
    letters = plain.lower().replace(" ", "").replace("'", "")
    return (
        Q(short_name__icontains=plain)
        | Q(name__icontains=plain)
        | Q(parent__short_name__icontains=plain)
        | Q(pinyin__contains=letters)
        | Q(initials__contains=letters)
    )


#: Who stands in the directory: kind of office → the roles that it shows of it.
SHOWN = {
    Office.Kind.VILLAGE: (Role.ASSISTANT, Role.GRID, Role.MEDIATOR),
    Office.Kind.ROOM: (Role.OFFICER,),
    Office.Kind.CENTRE: (Role.CENTRE,),
}


def people() -> QuerySet[Posting]:
    """The postings in force that the directory shows, with their people and offices."""
    shown = Q(pk__in=[])
    for kind, roles in SHOWN.items():
        shown |= Q(office__kind=kind, role__in=roles)
    found = Posting.objects.filter(shown, in_force(), in_force(prefix="office__"), user__is_active=True)
    return found.select_related("user", "office__area__parent").order_by("user__name", "office__code", "pk")


def naming(text: str) -> Q:
    """Postings of people with such a name in characters, pinyin or initials, or with such a phone or its last four."""
    plain = without_dots(text)
    condition = Q(user__in=User.objects.alias(plain=Replace("name", Value(DOT))).filter(plain__icontains=plain))
    if plain.isascii() and plain.isalpha():
        condition |= Q(user__pinyin__contains=plain) | Q(user__initials__contains=plain)
    if re.fullmatch(r"[0-9]{4}|[0-9]{7,}", plain):
        condition |= Q(user__phone__endswith=plain)
    return condition


def rows(areas: Sequence[Area], day: dt.date | None = None) -> list[Row]:
    """One row per village; three queries, however many villages there are."""
    served_by: dict[int, list[Coverage]] = {}
    ids = {area.pk for area in areas} | {area.parent_id for area in areas}
    coverage = Coverage.objects.filter(in_force(day), in_force(day, "office__"), area__in=ids)
    for item in coverage.select_related("office", "area").order_by("pk"):
        served_by.setdefault(item.area_id, []).append(item)
    out = []
    for area in areas:
        row = Row(area)
        # The township first, so that the village's own desk overwrites it, as in CoverageQuerySet.desk_for.
        for item in served_by.get(area.parent_id or 0, []) + served_by.get(area.pk, []):
            if item.office.tier:
                row.offices[item.office.tier] = item.office
        out.append(row)
    offices = {office.pk for row in out for office in row.offices.values()}
    held: dict[int, list[Posting]] = {}
    postings = Posting.objects.filter(in_force(day), office__in=offices, user__is_active=True)
    for posting in postings.select_related("user", "office").order_by("-mark", "user__username"):
        held.setdefault(posting.office_id, []).append(posting)
    for row in out:
        for tier, roles in ((1, (Role.ASSISTANT, Role.GRID, Role.MEDIATOR)), (2, (Role.OFFICER,)), (3, (Role.CENTRE,))):
            office = row.offices.get(tier)
            for posting in held.get(office.pk, []) if office else []:
                if posting.role in roles:
                    row.people.setdefault(posting.role, []).append(posting)
    return out
