"""Sums counted ahead for the dashboard, and the monthly figures of the police that are typed by hand.

A place is a county, a township, or a unit: the cases of one village in one township, since a village that moves leaves
its past where it was. Triggers of the database note each unit whose rows changed in `Touched`, in the transaction that
changed them; `ledgers.dashboard.sums` counts these anew. No number of a page is ever older than the lists behind it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit.locks import locked
from audit.models import Action, record
from ledgers.month import Month
from villages.models import Area, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest

MOST = 99_999


class MonthSumQuerySet(models.QuerySet["MonthSum"]):
    def held(self, places: Iterable[str], months: Iterable[str]) -> dict[tuple[str, str], MonthSum]:
        """The rows of these places in these months (made where missing), held until the transaction ends."""
        places, months = sorted(places), sorted(months)
        missing = [MonthSum(place=place, month=month) for place in places for month in months]
        self.bulk_create(missing, ignore_conflicts=True)  # type: ignore[arg-type]
        wanted = self.filter(place__in=places, month__in=months)
        return {(row.place, row.month): row for row in locked(wanted.order_by("place", "month"))}

    def keep(self, rows: Iterable[MonthSum]) -> None:
        self.bulk_update(list(rows), ["counts"], batch_size=100)  # type: ignore[arg-type]


class MonthSum(models.Model):
    """Everything that is counted of one place in one month: {figure: {group: n}}, and by day where days fall due."""

    place = models.CharField(max_length=40)  # county/1, town/2, unit/1/2/3
    month = models.CharField(max_length=7)  # 2026-10
    counts = models.JSONField(default=dict)

    objects = MonthSumQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["place", "month"], name="a_month_of_a_place_is_summed_once")]

    def __str__(self) -> str:
        return f"{self.place} {self.month}"


class UnitQuerySet(models.QuerySet["Unit"]):
    def held(self, unit: tuple[int, int, int]) -> Unit:
        """The unit's row (made where it is missing), held until the transaction ends."""
        names = dict(zip(("county_id", "township_id", "village_id"), unit, strict=True))
        self.bulk_create([Unit(**names)], ignore_conflicts=True)  # type: ignore[list-item]
        return locked(self.filter(**names)).get()


class Unit(models.Model):
    """A unit that was counted; its row is held while it is counted anew."""

    county_id = models.PositiveBigIntegerField()
    township_id = models.PositiveBigIntegerField()
    village_id = models.PositiveBigIntegerField()

    objects = UnitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["county_id", "township_id", "village_id"], name="a_unit_is_counted_once")
        ]

    def __str__(self) -> str:
        return f"{self.county_id}/{self.township_id}/{self.village_id}"


class TouchedQuerySet(models.QuerySet["Touched"]):
    def note(self, units: Iterable[tuple[int, int, int]]) -> None:
        """Say of these units that they have to be counted anew."""
        rows = [Touched(county_id=c, township_id=t, village_id=v) for c, t, v in units]
        self.bulk_create(rows, batch_size=500)  # type: ignore[arg-type]


class Touched(models.Model):
    """Something changed since it was counted: a unit, the unit of a case, or everything where all is empty.

    Written by the triggers of `ledgers.dashboard.triggers`, in the transaction of the change.
    """

    dispute_id = models.PositiveBigIntegerField(null=True, db_index=True)
    county_id = models.PositiveBigIntegerField(null=True)
    township_id = models.PositiveBigIntegerField(null=True)
    village_id = models.PositiveBigIntegerField(null=True)

    objects = TouchedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["county_id", "township_id", "village_id"], name="touched_units")]

    def __str__(self) -> str:
        return f"{self.dispute_id or ''} {self.county_id}/{self.township_id}/{self.village_id}"


class FigureRefused(Exception):
    """Monthly figures that cannot be kept; `errors` maps a township's code to the sentence."""

    def __init__(self, errors: Mapping[str, str]):
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


class MonthlyFigureQuerySet(models.QuerySet["MonthlyFigure"]):
    def visible_to(self, user: User) -> MonthlyFigureQuerySet:
        """Those of the townships in which `user` reads whole townships or the county."""
        scope = user.scope
        return self.filter(
            models.Q(township__in=sorted(scope.townships)) | models.Q(township__parent__in=sorted(scope.counties))
        )


class MonthlyFigure(models.Model):
    """警情 and 案件 of one township in one month, typed by hand: there is no interface to any police system."""

    township = models.ForeignKey(Area, models.PROTECT, related_name="+", verbose_name=_("乡镇"))
    month = models.CharField(_("月份"), max_length=7)
    calls = models.PositiveIntegerField(_("警情（起）"), null=True, blank=True)
    incidents = models.PositiveIntegerField(_("案件（起）"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = MonthlyFigureQuerySet.as_manager()

    class Meta:
        ordering = ["township__code", "month"]
        constraints = [models.UniqueConstraint(fields=["township", "month"], name="one_figure_per_township_and_month")]

    def __str__(self) -> str:
        return f"{self.township_id} {self.month}"

    @property
    def pair(self) -> tuple[int | None, int | None]:
        return self.calls, self.incidents


def townships_to_fill(user: User) -> list[Area]:
    """The townships whose figures `user` enters: a supervisor's own, in the order of the directory."""
    scope = user.scope
    if not scope.has(Role.SUPERVISOR):
        return []
    mine = models.Q(pk__in=sorted(scope.townships)) | models.Q(parent__in=sorted(scope.counties))
    return list(Area.objects.filter(mine, level=Area.Level.TOWNSHIP, served=True, valid_to=None).order_by("code"))


def enter(
    *,
    by: User,
    at: dt.datetime,
    month: Month,
    rows: Mapping[str, Mapping[str, Any]],
    request: HttpRequest | None = None,
) -> int:
    """Keep the month's figures of some townships (code → calls, incidents, version seen); how many rows changed.

    All or none. Raises FigureRefused with a sentence per township: not theirs, a month to come, or somebody else was
    faster (`version` is what the page showed; 0 where there was nothing).
    """
    mine = {area.code: area for area in townships_to_fill(by)}
    errors = {code: _g("这个乡镇不在你的范围内") for code in rows if code not in mine}
    if month.start > at:
        errors |= {code: _g("%(month)s 还没到，不能填") % {"month": month} for code in rows}
    if errors:
        raise FigureRefused(errors)
    changed = []
    with transaction.atomic():
        codes = [code for code in sorted(rows) if code in mine]
        # the row that everybody waits for must be there first
        fresh = [MonthlyFigure(township=mine[c], month=str(month), by=by, at=at, version=0) for c in codes]
        MonthlyFigure.objects.bulk_create(fresh, ignore_conflicts=True)
        held = MonthlyFigure.objects.filter(township__in=[mine[c].pk for c in codes], month=str(month)).order_by("pk")
        found = {row.township_id: row for row in locked(held)}
        for code in codes:
            row, told = found[mine[code].pk], rows[code]
            values = told["calls"], told["incidents"]
            if values == row.pair:
                continue
            if told["version"] != row.version:
                errors[code] = _g("%(name)s在%(at)s改过这一行，对照后再填") % {
                    "name": row.by.name,
                    "at": timezone.localtime(row.at).strftime("%m-%d %H:%M"),
                }
                continue
            row.calls, row.incidents = values
            row.version, row.by, row.at = row.version + 1, by, at
            row.save(update_fields=["calls", "incidents", "version", "by", "at"])
            changed.append(code)
        if errors:
            raise FigureRefused(errors)
        if changed:
            record(
                action=Action.EDIT,
                actor=by,
                county=mine[changed[0]].county_code,
                subject=f"monthly figures {month}",
                detail={"month": str(month), "townships": changed},
                at=at,
                request=request,
            )
        MonthlyFigure.objects.filter(township__in=[mine[c].pk for c in codes], month=str(month), version=0).delete()
    return len(changed)
