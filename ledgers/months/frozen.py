"""A signed month, shown: the same interface as the living ledger, and the rows as they were signed.

Names and phones are joined as they were at that moment; those of a party whose data were lawfully destroyed come out
as 已依法删除. Who may read a name is asked today.
"""

from __future__ import annotations

import datetime as dt
import re
from array import array
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.core.exceptions import FieldError
from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from disputes.masking import mask_name
from disputes.models import Dispute, PartyPast
from disputes.moves import Status
from ledgers.columns import COLUMNS, Column
from ledgers.filters import LedgerFilter
from ledgers.month import CHUNK, Ledger, Month
from ledgers.months.facts import fingerprint
from ledgers.months.models import Correction, FrozenRow, MonthlyLedger
from villages.models import Area, User

#: Cells that are persons; they are joined and never kept.
PERSONS = ("side_a", "phone_a", "side_b", "phone_b")
#: Cells that are free text, in which names stand.
TEXTS = ("narrative", "progress", "place")
NAMES = ("name", "alias", "guardian_name", "agent_name", "contact_name")
#: What a row has that is of its viewer and not of the month.
OF_THE_VIEWER = ("no", "words", "today")
MARK = re.compile("\ue000([0-9]+)\\.([0-9])\ue001")


def county_of(user: User) -> Area | None:
    """The one county this person works in; None where there is none, or where there are several."""
    codes = {office.area.county_code for office in user.scope.offices}
    return Area.objects.filter(code=f"{codes.pop()}000000").first() if len(codes) == 1 else None


def frozen(user: User, month: Month) -> MonthlyLedger | None:
    """The month as this person's county has signed it."""
    codes = {office.area.county_code for office in user.scope.offices}
    if len(codes) != 1:
        return None
    return MonthlyLedger.objects.filter(county__code=f"{codes.pop()}000000", month=str(month)).first()


def ledger_for(
    user: User, month: Month, found: LedgerFilter | None = None, *, columns: tuple[Column, ...] = COLUMNS
) -> Ledger:
    """The ledger of a month as it has to be shown: the signed one where there is one, the living one else."""
    signed = frozen(user, month)
    if signed:
        return FrozenLedger(user, month, signed, found, columns=columns)
    return Ledger(user, month, columns=columns, **({"narrow": found.filter_queryset} if found else {}))


class Row(dict[str, Any]):
    """A row whose month knew nothing of a column that came later: its cell is empty."""

    def __missing__(self, key: str) -> None:
        return None


class FrozenLedger(Ledger):
    """One signed month as one viewer may read it."""

    def __init__(
        self,
        user: User,
        month: Month,
        signed: MonthlyLedger,
        found: LedgerFilter | None = None,
        *,
        columns: tuple[Column, ...] = COLUMNS,
    ) -> None:
        super().__init__(user, month, columns=columns, today=timezone.localdate(signed.at))
        self.signed = signed
        condition = user.scope.q()
        mine = FrozenRow.objects.filter(ledger=signed)
        self.frozen_rows = mine.none() if condition is None else mine.filter(condition)
        if found is not None:
            self.frozen_rows = narrowed(self.frozen_rows, found, self.all_rounds)
        self.chosen = found.chosen() if found else {}

    @cached_property
    def sums(self) -> dict[str, Any]:
        month = self.month
        gone = month.left & Q(left_as=Status.WITHDRAWN)
        return self.frozen_rows.aggregate(
            carried=Count("pk", filter=month.carried),
            first=Count("pk", filter=month.opened & Q(no=1)),
            relapsed=Count("pk", filter=month.opened & Q(no__gt=1)),
            settled=Count("pk", filter=month.left & Q(left_as=Status.SETTLED)),
            gone=Count("pk", filter=gone),
            ended=Count("pk", filter=gone & Q(result="ended")),
            referred=Count("pk", filter=month.left & Q(left_as=Status.REFERRED)),
            merged=Count("pk", filter=month.left & Q(left_as=Status.MERGED)),
            still_open=Count("pk", filter=month.still_open),
            count=Count("pk"),
            people=Sum("people"),
            amount=Sum("amount"),
        )

    def offenders(self) -> list[str]:
        return []

    def voided(self) -> list[str]:
        scope = self.user.scope
        sees = (scope.counties, scope.townships, scope.villages, scope.desk_cases)
        return [
            no
            for no, *places in self.signed.voided
            if any(place in mine for place, mine in zip(places, sees, strict=True))
        ]

    @cached_property
    def corrections(self) -> list[Correction]:  # type: ignore[override]
        """The lines below the table: what was entered late or changed in months signed before."""
        condition = self.user.scope.q()
        mine = Correction.objects.filter(ledger=self.signed).order_by("position")
        return [] if condition is None else list(mine.filter(condition))

    def ids(self) -> QuerySet[Any, int]:
        return self.frozen_rows.order_by("position").values_list("pk", flat=True)

    def rows(self, ids: Iterable[int], *, first: int = 1) -> Iterator[dict[str, Any]]:
        ids = list(ids) if not isinstance(ids, array) else ids
        for start in range(0, len(ids), CHUNK):
            chunk = list(ids[start : start + CHUNK])
            found = {row.pk: row for row in FrozenRow.objects.filter(pk__in=chunk)}
            kept = [found[pk] for pk in chunk if pk in found]
            yield from self._joined(kept, first + start)

    def _joined(self, rows: list[FrozenRow], first: int) -> Iterator[dict[str, Any]]:
        scope = self.user.scope
        told = PartyPast.told_at([pk for row in rows for pk, _side in row.parties], self.signed.at)
        readable = {
            pk: (desk, protected)
            for pk, desk, protected in Dispute.objects.visible_to(self.user)
            .filter(pk__in=[row.dispute_pk for row in rows])
            .values_list("pk", "desk_id", "protected")
        }
        for no, row in enumerate(rows, first):
            desk, protected = readable.get(row.dispute_pk, (None, True))
            veiled = scope.masked or ((protected or row.protected) and desk not in scope.desks)
            content = {key: decoded(value) for key, value in row.content.items()}
            yield Row(
                content | joined(content, row.parties, told, veiled=veiled),
                no=no,
                words=self.words,
                today=self.today,
            )


def narrowed(rows: QuerySet[FrozenRow], found: LedgerFilter, rounds: QuerySet[Any]) -> QuerySet[FrozenRow]:
    """The conditions above the ledger, asked of the signed rows; one that they do not know is asked of the rounds."""
    for name, value in found.chosen().items():
        one = found.filters[name]
        try:
            if one.method:
                rows = getattr(found, one.method)(rows, name, value)
            else:
                field = str(one.field_name).removeprefix("dispute__")
                rows = rows.filter(**{f"{field}__{one.lookup_expr}": value})
        except FieldError:
            rows = rows.filter(round_pk__in=one.filter(rounds, value).values("pk"))
    return rows


# --- what is kept of a row --------------------------------------------------------------------------------------------
def kept(row: dict[str, Any], parties: Iterable[int], told: dict[int, dict[str, str] | None]) -> dict[str, Any]:
    """The living ledger's row without persons: names in its texts give way to marks that say whose they are."""
    content = {k: v for k, v in row.items() if k not in PERSONS and k not in OF_THE_VIEWER}
    marks = {
        name: f"\ue000{pk}.{at}\ue001"
        for pk in reversed(list(parties))
        for at, field in reversed(list(enumerate(NAMES)))
        if (name := (told.get(pk) or {}).get(field, ""))
    }
    for key in TEXTS:
        text = MARK.sub("", str(content.get(key) or ""))
        for name in sorted(marks, key=len, reverse=True):
            text = text.replace(name, marks[name])
        content[key] = text
    return {key: encoded(value) for key, value in content.items()}


def joined(
    content: dict[str, Any],
    parties: list[tuple[int, str]],
    told: dict[int, dict[str, str] | None],
    *,
    veiled: bool,
) -> dict[str, Any]:
    """The cells that name people: sides, phones, and the texts with their names put back, masked where `veiled`."""
    destroyed = _("已依法删除")
    show = mask_name if veiled else str
    sides: dict[str, list[str]] = {"A": [], "B": []}
    phones: dict[str, list[str]] = {"A": [], "B": []}
    for pk, side in parties:
        if pk not in told:
            sides.setdefault(side, []).append(destroyed)
        elif person := told[pk]:
            sides.setdefault(person["side"], []).append(show(person["name"]))
            if person["phone_masked"]:
                phones.setdefault(person["side"], []).append(person["phone_masked"])

    def name(found: re.Match[str]) -> str:
        if int(found[1]) not in told:
            return destroyed
        person = told[int(found[1])]
        return show(person[NAMES[int(found[2])]]) if person else ""

    return {
        "side_a": "、".join(sides["A"])[:200],
        "phone_a": "、".join(phones["A"]),
        "side_b": "、".join(sides["B"])[:200],
        "phone_b": "、".join(phones["B"]),
        **{key: MARK.sub(name, content[key] or "") for key in TEXTS if key in content},
    }


def encoded(value: Any) -> Any:
    """A cell as JSON that can be told apart again."""
    if isinstance(value, dt.date):
        return {"date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": f"{value:f}"}
    if isinstance(value, list | tuple):
        return [encoded(one) for one in value]
    if isinstance(value, dict):
        return {"dict": {str(key): encoded(one) for key, one in value.items()}}
    return value


def decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [decoded(one) for one in value]
    if isinstance(value, dict):
        if "date" in value:
            return dt.date.fromisoformat(value["date"])
        if "decimal" in value:
            return Decimal(value["decimal"])
        return {key: decoded(one) for key, one in value["dict"].items()}
    return value


# --- is it still what was signed? -------------------------------------------------------------------------------------
class Checked:
    """Whether the month is what was signed: by its hash, and which rows tell other persons than they did."""

    def __init__(self, signed: MonthlyLedger) -> None:
        self.altered: list[str] = []
        self.destroyed: list[str] = []
        rows: list[tuple[str, str]] = []
        found = FrozenRow.objects.filter(ledger=signed).order_by("position")
        for chunk in chunks(found.iterator(chunk_size=CHUNK)):
            told = PartyPast.told_at([pk for row in chunk for pk, _side in row.parties], signed.at)
            for row in chunk:
                rows.append((row.compute_hash(), row.persons))
                if rows[-1][0] != row.hash:
                    self.altered.append(row.case_no)
                elif any(pk not in told for pk, _side in row.parties):
                    self.destroyed.append(row.case_no)
                elif fingerprint([told[pk] for pk, _side in row.parties]) != row.persons:
                    self.altered.append(row.case_no)
        lines = [line.compute_hash() for line in Correction.objects.filter(ledger=signed).order_by("position")]
        flags = [flag.compute_hash() for flag in signed.flags.order_by("pk")]
        self.holds = not self.altered and signed.head(rows, lines, flags) == signed.hash


def chunks(rows: Iterable[FrozenRow]) -> Iterator[list[FrozenRow]]:
    batch: list[FrozenRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) == CHUNK:
            yield batch
            batch = []
    if batch:
        yield batch
