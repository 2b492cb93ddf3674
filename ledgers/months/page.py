"""What the page of the months shows, for one viewer; the API shows the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from ledgers.month import Month
from ledgers.months import doors
from ledgers.months.frozen import frozen
from ledgers.months.models import MonthlyLedger, MonthSubmission
from villages.models import Area, Coverage, Office, Posting, User, in_force

State = MonthSubmission.State


@dataclass
class Handed:
    """One village or township and what it has handed in; `may` are the steps that this viewer can take now."""

    area: Area
    row: MonthSubmission | None
    may: tuple[str, ...]
    villages: tuple[int, int] | None = None  # of a township: how many have handed in, and how many there are

    @property
    def state(self) -> str:
        return self.row.state if self.row else State.DUE

    @property
    def state_words(self) -> str:
        return str(State(self.state).label)

    @property
    def tag(self) -> str:
        return {State.SUBMITTED: "b", State.SIGNED: "g", State.RECALLED: "a"}.get(State(self.state), "n")

    @property
    def is_in(self) -> bool:
        return self.row is not None and self.row.is_in


class MonthPage:
    """One month: who has handed in, who has not, and the freeze. A fixed number of queries, however many areas."""

    def __init__(self, user: User, month: Month, at: dt.datetime) -> None:
        self.user, self.month, self.at = user, month, at
        self.areas: QuerySet[Area] = doors.areas_to_hand_in(user)
        self.signed: MonthlyLedger | None = frozen(user, month)
        self.why_not_yet = doors.why_not_yet(month, at)
        areas = list(self.areas)
        rows = MonthSubmission.objects.filter(month=str(month), area__in=areas)
        handed = {row.area_id: row for row in rows.select_related("made_by", "signed_by", "recalled_by")}
        offices = _offices(areas)
        led = set(
            Posting.objects.filter(
                in_force(), office__in=user.scope.desks, mark=Posting.Mark.LEAD, user__is_active=True
            ).values_list("office_id", flat=True)
        )
        self.rows = [
            Handed(area, handed.get(area.pk), self._may(area, handed.get(area.pk), offices.get(area.pk, []), led))
            for area in areas
        ]

    def _may(self, area: Area, row: MonthSubmission | None, offices: list[int], led: set[int]) -> tuple[str, ...]:
        """What `doors.why_not` allows, for a whole page without its queries."""
        if self.signed:
            return ()
        scope = self.user.scope
        works = doors.works_for(self.user, offices)
        above = doors.stands_above(self.user, area)
        is_in, may = row is not None and row.is_in, []
        if works and not is_in and not self.why_not_yet:
            may.append("submit")
        signs = scope.leads & set(offices) or not led & set(offices)
        if works and row is not None and row.state == State.SUBMITTED and signs:
            may.append("sign")
        if is_in and (works or above):
            may.append("recall")
        if above and not is_in and not works and not self.why_not_yet:
            may.append("remind")
        return tuple(may)

    def of_township(self, code: str) -> list[Handed]:
        """One township and its villages, as long as anybody lists; without a code everything where that is one."""
        towns = {row.area.code[:9] for row in self.rows}
        if not code and len(towns) <= 1:
            return self.rows
        if not code:
            return [row for row in self.rows if row.area.level == Area.Level.TOWNSHIP]
        return [row for row in self.rows if row.area.code[:9] == code[:9]]

    def villages_in(self) -> dict[str, tuple[int, int]]:
        """How many villages of each township have handed in, and how many there are."""
        found: dict[str, tuple[int, int]] = {}
        for row in self.rows:
            if row.area.level == Area.Level.VILLAGE:
                n, m = found.get(row.area.code[:9], (0, 0))
                found[row.area.code[:9]] = (n + row.is_in, m + 1)
        return found

    @property
    def handed(self) -> int:
        return sum(row.is_in for row in self.rows)

    @property
    def absent(self) -> list[Handed]:
        return [row for row in self.rows if not row.is_in]

    @property
    def may_remind(self) -> bool:
        return any("remind" in row.may for row in self.rows)

    @property
    def may_freeze(self) -> bool:
        return self.signed is None and bool(self.user.scope.has("supervisor") and self.user.scope.counties)


def _offices(areas: list[Area]) -> dict[int, list[int]]:
    """The offices that hand in, by area; one query."""
    found: dict[int, list[int]] = {}
    level = {area.pk: area.level for area in areas}
    served = Coverage.objects.filter(in_force(), in_force(prefix="office__"), area__in=areas)
    kinds = served.filter(office__kind__in=[Office.Kind.VILLAGE, Office.Kind.CENTRE])
    for area, office, kind in kinds.values_list("area_id", "office_id", "office__kind"):
        if doors.KIND_OF.get(Area.Level(level[area])) == kind:
            found.setdefault(area, []).append(office)
    return found


def show(row: Handed) -> dict[str, Any]:
    """One area as the API shows it."""
    one = row.row
    return {
        "area": row.area.code,
        "name": row.area.full_name,
        "state": row.state,
        "made_by": one.made_by.name if one and one.made_by else "",
        "made_at": one.made_at if one else None,
        "signed_by": one.signed_by.name if one and one.signed_by else "",
        "signed_at": one.signed_at if one else None,
        "reason": one.reason if one else "",
        "reminded_at": one.reminded_at if one else None,
        "counts": one.counts if one else {},
        "may": list(row.may),
    }
