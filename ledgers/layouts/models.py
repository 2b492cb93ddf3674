"""A county's own layouts, the one door through which they change, and the ledger's saved conditions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit.locks import locked
from audit.models import Action, record
from ledgers.columns import ALL, NEVER, Column, named
from villages.changes import Refused, county_of
from villages.models import Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest

NAME_LENGTH = 20
#: So many layouts a county may have, and so many kept conditions a person.
MOST_LAYOUTS, MOST_SAVED = 20, 30


class Stale(Refused):
    """Somebody else changed the layout meanwhile; what they made of it stands beside what was typed."""


class Picked(NamedTuple):
    """One column of a layout: which, under which name (empty: its own), and under which merged cell (empty: none)."""

    key: str
    label: str = ""
    group: str = ""


def problems(picked: Sequence[Picked]) -> list[tuple[str, str, str]]:
    """What is wrong with these columns in this order: (key, "label" or "group" or "", sentence); else nothing.

    Names are unique, since a file has one row of them; a merged cell stands over neighbours only.
    """
    if not picked:
        return [("", "", _g("一列也没选。给要显示的列写上顺序号"))]
    wrong: list[tuple[str, str, str]] = []
    names: dict[str, str] = {}
    closed: set[str] = set()
    seen: set[str] = set()
    before = ""
    for key, label, group in picked:
        if key not in ALL:
            wrong.append(("", "", _g("台账没有“%(key)s”这一列") % {"key": key[:20]}))
            continue
        if key in seen:
            wrong.append((key, "", _g("“%(name)s”选了两次") % {"name": ALL[key].label}))
        seen.add(key)
        name = label or str(ALL[key].label)
        if name in names:
            what = {"name": name, "other": ALL[names[name]].label}
            wrong.append((key, "label", _g("“%(name)s”和“%(other)s”那一列重名，改一个") % what))
        names.setdefault(name, key)
        if group != before and before:
            closed.add(before)
        if group and group in closed:
            wrong.append((key, "group", _g("“%(name)s”下面的列要挨着，改顺序或者换个名称") % {"name": group}))
        before = group
        for field, text in (("label", label), ("group", group)):
            if len(text) > NAME_LENGTH:
                wrong.append((key, field, _g("最多 %(n)s 字") % {"n": NAME_LENGTH}))
            if NEVER.search(text):
                wrong.append((key, field, _g("台账不登记这一项，换个名称")))
    return wrong


class LedgerProfileQuerySet(models.QuerySet["LedgerProfile"]):
    def of(self, user: User) -> LedgerProfileQuerySet:
        """Those of this person's county."""
        return self.filter(county=county_of(user))

    def make(
        self, *, by: User, at: dt.datetime, name: str, picked: Sequence[Picked], request: HttpRequest | None = None
    ) -> LedgerProfile:
        """A new layout for the county of `by`. Raises Refused with the field that is wrong."""
        _judge(by, picked)
        county = county_of(by)
        if self.filter(county=county).count() >= MOST_LAYOUTS:
            raise Refused(_g("最多 %(n)s 种台账格式，先删掉不用的") % {"n": MOST_LAYOUTS})
        row = LedgerProfile(county=county, name=name, columns=[list(one) for one in picked], by=by, at=at)
        return _written(row, "make", lambda: row.save(force_insert=True), by, at, request)

    def change(
        self,
        pk: int,
        *,
        by: User,
        at: dt.datetime,
        version: int,
        name: str,
        picked: Sequence[Picked],
        request: HttpRequest | None = None,
    ) -> LedgerProfile:
        """The layout with other columns or another name. Raises Stale where it is no longer the version read."""
        _judge(by, picked)
        with transaction.atomic():
            row = locked(self.of(by).filter(pk=pk)).get()
            if row.version != version:
                raise Stale(_g("%(who)s刚改过这种格式。对照现在的样子再保存一次") % {"who": row.by.name})
            row.name, row.columns, row.by, row.at = name, [list(one) for one in picked], by, at
            row.version += 1
            return _written(row, "change", row.save, by, at, request)

    def drop(self, pk: int, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> str:
        """Take the layout away; its name. Files and months made in it keep their cells."""
        _judge(by, [Picked("no")])
        with transaction.atomic():
            row = locked(self.of(by).filter(pk=pk)).get()
            _told(row, "drop", by, at, request)
            row.delete()
            return row.name


def _judge(by: User, picked: Sequence[Picked]) -> None:
    if not by.scope.has(Role.SYSADMIN):
        raise Refused(_g("台账格式由系统管理员改。需要改动的，联系他们办理"))
    for key, field, sentence in problems(picked):
        raise Refused(sentence, f"{field or 'at'}_{key}" if key else None)


def _written(
    row: LedgerProfile,
    how: str,
    save: Callable[[], None],
    by: User,
    at: dt.datetime,
    request: HttpRequest | None,
) -> LedgerProfile:
    try:
        with transaction.atomic():
            save()
            _told(row, how, by, at, request)
    except IntegrityError:
        raise Refused(_g("已有叫这个名字的台账格式，换个名称"), "name") from None
    return row


def _told(row: LedgerProfile, how: str, by: User, at: dt.datetime, request: HttpRequest | None) -> None:
    record(
        action=Action.MANAGE, actor=by, county=row.county, subject=f"ledger-columns:{row.pk}", at=at, request=request,
        detail={"how": how, "name": row.name, "columns": row.columns},
    )  # fmt: skip


class LedgerProfile(models.Model):
    """One layout that a county made for itself: columns picked from the product's table, ordered, renamed, merged."""

    county = models.CharField(max_length=6)  # the six digits of its code
    name = models.CharField(_("名称"), max_length=NAME_LENGTH)
    columns = models.JSONField(_("列"))  # [[key, name or "", merged cell or ""], …] in order
    version = models.PositiveIntegerField(default=1)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = LedgerProfileQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["county", "name"], name="a_layout_has_its_own_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """Its name in addresses: `?profile=own-7`."""
        return f"own-{self.pk}"

    @property
    def picked(self) -> list[Picked]:
        """Its columns; one that the product no longer has is left out."""
        return [Picked(*one) for one in self.columns if one[0] in ALL]

    def layout(self) -> tuple[Column, ...]:
        return tuple(named(*one) for one in self.picked)


class SavedLedger(models.Model):
    """Conditions and layout of the ledger that somebody keeps under a name; the month is chosen anew each time."""

    user = models.ForeignKey(User, models.CASCADE, related_name="saved_ledgers")
    name = models.CharField(_("名称"), max_length=30)
    query = models.CharField(max_length=500)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="a_saved_ledger_has_its_own_name")]

    def __str__(self) -> str:
        return self.name


def kept(user: User) -> list[Any]:
    """What this person keeps, in the order of keeping."""
    return list(SavedLedger.objects.filter(user=user).values("pk", "name", "query"))
