"""The numbers of the dashboard, counted ahead per place and month, and never older than their lists.

`derive` counts what the figures of ledgers.rates select, unit by unit. `refresh` stores that for the units that were
touched, in the background. `Sums` reads what is stored and counts anew, without storing, what was touched since: the
sums of a county over a million disputes are a few rows, and a settlement of this second is in them.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.locks import locked
from disputes.models import Dispute
from ledgers.dashboard.models import MonthSum, Touched, Unit
from ledgers.month import Month
from ledgers.periods import Period
from ledgers.rates import FIGURES, Ref, Within
from villages.models import Area, SpecialDay, User
from villages.workdays import WorkCalendar

Key = tuple[int, int, int]  # county, township, village
Counts = dict[str, dict[str, Any]]  # figure → group → n, or day → n
Months = dict[str, Counts]
UNIT = ("county_id", "township_id", "village_id")
DAYS = "days"  # beside the figures: the working days that left rounds took, by tier
COUNTED = {key: figure for key, figure in FIGURES.items() if figure.day and not figure.ever}


def calendar() -> WorkCalendar:
    """Every special day there is; one query."""
    rows = list(SpecialDay.objects.values_list("day", "kind"))
    of_kind = {kind: frozenset(day for day, its in rows if its == kind) for kind in SpecialDay.Kind.values}
    return WorkCalendar(
        holidays=of_kind[SpecialDay.Kind.HOLIDAY],
        workdays=of_kind[SpecialDay.Kind.WORKDAY],
        years=frozenset(day.year for day, _kind in rows),
    )


# --- counting ---------------------------------------------------------------------------------------------------------
def derive(within: Within) -> dict[Key, Months]:
    """Everything that is counted of these cases, by unit and month; one query per figure."""
    found: dict[Key, Months] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    working, took = calendar(), {}
    for key, figure in COUNTED.items():
        path = {"call": "whistle__dispute__", "duty": "agreement__dispute__"}.get(figure.unit, "dispute__")
        fields = [f"{path}{name}" for name in UNIT] + [figure.day] + ([figure.group] if figure.group else [])
        rows = figure.rows(within.rows(figure.unit)).filter(**{f"{figure.day}__isnull": False})
        if key == "left":
            fields.append("opened_at")
        for county, township, village, day, *rest in rows.values_list(*fields):
            day = timezone.localdate(day) if figure.moment else day
            month = found[county, township, village][f"{day:%Y-%m}"]
            group = str(rest[0]) if figure.group else ""
            if figure.due:
                days = month[key].setdefault(group, {})
                days[f"{day:%d}"] = days.get(f"{day:%d}", 0) + 1
            else:
                month[key][group] = month[key].get(group, 0) + 1
            if key == "left":
                span = timezone.localdate(rest[1]), day
                if span not in took:
                    took[span] = working.between(*span)
                month[DAYS][group] = month[DAYS].get(group, 0) + took[span]
    return found


def add(total: Counts, more: Counts, sign: int = 1) -> None:
    """Add counts to `total` in place; what comes to nothing is left out, so that equal sums are equal rows."""
    for key, groups in more.items():
        kept = total.setdefault(key, {})
        for group, n in groups.items():
            if isinstance(n, dict):
                days = kept.setdefault(group, {})
                for day, count in n.items():
                    days[day] = days.get(day, 0) + sign * count
                    if not days[day]:
                        del days[day]
            else:
                kept[group] = kept.get(group, 0) + sign * n
            if not kept[group]:
                del kept[group]
        if not kept:
            del total[key]


def places_of(unit: Key) -> list[str]:
    """The unit's own place, and those that hold it."""
    county, township, village = unit
    return [f"unit/{county}/{township}/{village}", f"town/{township}", f"county/{county}"]


# --- what was touched -------------------------------------------------------------------------------------------------
def touched(which: Q) -> set[Key]:
    """The units that changed since they were counted; three queries."""
    found = set(Touched.objects.filter(which, village_id__isnull=False).values_list(*UNIT).distinct())
    cases = Touched.objects.filter(dispute_id__isnull=False).values("dispute_id")
    found |= set(Dispute.objects.filter(which, pk__in=cases).order_by().values_list(*UNIT).distinct())
    if Touched.objects.filter(dispute_id=None, village_id=None).exists():
        found |= set(Unit.objects.filter(which).values_list(*UNIT))
    return found


def one_unit(unit: Key) -> Q:
    return Q(**dict(zip(UNIT, unit, strict=True)))


def these(units: Iterable[Key]) -> Within:
    """The cases of these units, without unreleased ones; the caller took them from a scope, or counts for nobody."""
    units = sorted(units)

    def condition(path: str) -> Q | None:
        parts = [Q(**{f"{path}{name}": value for name, value in zip(UNIT, unit, strict=True)}) for unit in units]
        return Q(*parts, _connector=Q.OR) & Q(**{f"{path}hidden": False}) if parts else None

    return Within(condition)


def refresh(most: int = 20) -> int:
    """Count up to `most` touched units anew, each in a transaction of its own; how many were."""
    with transaction.atomic():
        everything = locked(Touched.objects.filter(dispute_id=None, village_id=None))
        if seen := [row.pk for row in everything]:
            Touched.objects.note(Unit.objects.values_list(*UNIT))
            Touched.objects.filter(pk__in=seen).delete()
    todo = sorted(touched(Q()))[:most]
    for unit in todo:
        recount(unit)
    if not todo:  # notes of cases that are gone
        Touched.objects.filter(dispute_id__isnull=False).exclude(dispute_id__in=Dispute.objects.values("pk")).delete()
    return len(todo)


def recount(unit: Key) -> None:
    """Store what this unit's cases count now, here and in the township and county above.

    The unit's row is held first: of two at once the later one sees everything that the earlier one saw. Notes are
    taken off before the counting: a change that commits while it runs leaves its own note behind.
    """
    with transaction.atomic():
        Unit.objects.held(unit)
        Touched.objects.filter(one_unit(unit)).delete()
        Touched.objects.filter(dispute_id__in=Dispute.objects.filter(one_unit(unit)).values("pk")).delete()
        new: Months = derive(these([unit])).get(unit, {})
        own, *above = places_of(unit)
        old = {row.month: row.counts for row in MonthSum.objects.filter(place=own)}
        changed = [month for month in sorted({*new, *old}) if new.get(month, {}) != old.get(month, {})]
        held = MonthSum.objects.held((own, *above), changed)
        for month in changed:
            for place in above:
                add(held[place, month].counts, old.get(month, {}), -1)
                add(held[place, month].counts, new.get(month, {}))
            held[own, month].counts = new.get(month, {})
        MonthSum.objects.keep(held.values())


# --- reading ----------------------------------------------------------------------------------------------------------
class Sums:
    """How many of what in any period that ends by `last`: all that `user` may read, or one township of it."""

    def __init__(self, user: User, *, last: Month, township: Area | None = None, today: dt.date | None = None) -> None:
        self.user, self.last, self.township = user, last, township
        self.today = today or timezone.localdate()
        within = Within(user.scope.cases)
        self.within = within.narrowed(township=township.code) if township else within

    @cached_property
    def _is_mixed(self) -> bool:
        """Places of several levels may hold each other, and desks are no places: then the rows are counted."""
        scope = self.user.scope
        levels = (scope.counties, scope.townships, scope.villages)
        return bool(scope.desk_cases) or sum(map(bool, levels)) > 1

    @cached_property
    def _units(self) -> Q:
        scope = self.user.scope
        which = Q(county_id__in=sorted(scope.counties)) | Q(township_id__in=sorted(scope.townships))
        which |= Q(village_id__in=sorted(scope.villages))
        return which & Q(township_id=self.township.pk) if self.township else which

    @cached_property
    def _fresh(self) -> dict[Key, Months]:
        """What was touched since it was stored, counted now: in a mixed scope everything."""
        if self._is_mixed:
            return derive(self.within)
        stale = touched(self._units)
        found = derive(these(stale)) if stale else {}
        return {unit: found.get(unit, {}) for unit in stale}

    @cached_property
    def total(self) -> Months:
        """Every month's counts of the whole scope."""
        scope = self.user.scope
        if self._is_mixed:
            places: list[str] = []
        elif self.township and not scope.villages:
            places = [f"town/{self.township.pk}"]
        elif scope.counties or scope.townships:
            places = [f"county/{pk}" for pk in scope.counties] + [f"town/{pk}" for pk in scope.townships]
        else:
            places = [places_of(unit)[0] for unit in Unit.objects.filter(self._units).values_list(*UNIT)]
        return self._tally(dict.fromkeys(places, 0), lambda unit: 0).get(0, {})

    def parts(self, period: Period) -> dict[int, Months]:
        """The same by the areas inside, in no order: townships of a county, else villages; of this period alone."""
        by_town = bool(self.user.scope.counties) and not self.township
        if by_town:
            towns = Area.objects.filter(parent__in=sorted(self.user.scope.counties), level=Area.Level.TOWNSHIP)
            places = {f"town/{pk}": pk for pk in towns.values_list("pk", flat=True)}
        else:
            units = Unit.objects.filter(self._units).values_list(*UNIT)
            places = {places_of(unit)[0]: unit[2] for unit in units}
        if self._is_mixed:
            places = {}
        return self._tally(places, lambda unit: unit[1] if by_town else unit[2], first=period.first)

    def _tally(
        self, places: dict[str, int], key: Callable[[Key], int], first: Month | None = None
    ) -> dict[int, Months]:
        """Sums by key: the stored rows of `places`, with what was touched taken out as stored and put in as counted.

        One statement reads the stored rows of both, so that a refresh in between changes both or neither.
        """
        own = {} if self._is_mixed else {places_of(unit)[0]: unit for unit in self._fresh}
        rows = MonthSum.objects.filter(place__in=[*places, *own], month__lte=str(self.last))
        if first:
            rows = rows.filter(month__gte=str(first))
        found: dict[int, Months] = defaultdict(lambda: defaultdict(dict))
        for place, month, counts in rows.values_list("place", "month", "counts"):
            if place in places:
                add(found[places[place]][month], counts)
            if place in own:
                add(found[key(own[place])][month], counts, -1)
        for unit, months in self._fresh.items():
            for month, counts in months.items():
                if month <= str(self.last) and (first is None or month >= str(first)):
                    add(found[key(unit)][month], counts)
        return found

    # --- asking -------------------------------------------------------------------------------------------------------
    def count(self, ref: Ref, period: Period, months: Months | None = None) -> int:
        """As many as `rows_of` lists for the same figure, groups and period. `months` counts a part instead."""
        months = self.total if months is None else months
        figure = FIGURES[ref.figure]
        if figure.parts:
            return sum(self.count(Ref(part), period, months) for part in figure.parts)
        if figure.ever:
            return self._sum(figure.ever, months, (), None, period.last)
        if ref.figure in ("carried", "open", "handled"):
            until = period.last if ref.figure == "open" else period.first.shifted(-1)
            stock = self._sum("opened", months, (), None, until) - self._sum("left", months, (), None, until)
            return stock + (self.count(Ref("opened"), period, months) if ref.figure == "handled" else 0)
        return self._sum(ref.figure, months, ref.groups, period.first, period.last)

    def groups(self, key: str, period: Period) -> dict[str, int]:
        """The groups of a figure that there are, with how many."""
        found: dict[str, int] = {}
        for month, counts in self.total.items():
            if str(period.first) <= month <= str(period.last):
                for group in counts.get(key, {}):
                    found[group] = found.get(group, 0) + self._due(key, month, counts[key][group])
        return {group: n for group, n in sorted(found.items()) if n}

    def days(self, tier: str, period: Period) -> int:
        """The working days that the rounds which left at this tier took, together."""
        return self._sum(DAYS, self.total, (tier,), period.first, period.last)

    def _sum(self, key: str, months: Months, groups: tuple[str, ...], first: Month | None, last: Month) -> int:
        total = 0
        for month, counts in months.items():
            if month <= str(last) and (first is None or month >= str(first)):
                kept = counts.get(key, {})
                total += sum(self._due(key, month, n) for group, n in kept.items() if not groups or group in groups)
        return total

    def _due(self, key: str, month: str, n: Any) -> int:
        """Days that are over count, of those on which something fell due."""
        if not isinstance(n, dict):
            return n
        return sum(count for day, count in n.items() if f"{month}-{day}" < self.today.isoformat())
