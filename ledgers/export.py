"""The month's ledger as a file: the same rows, scope and masking as the page, logged before the first byte."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _g

from audit.models import NO_COUNTY, Action, record
from ledgers.columns import COUNTY, Value, cells
from ledgers.files import WRITERS
from ledgers.month import Ledger
from villages.models import User

if TYPE_CHECKING:
    from django.http import HttpRequest


def export(
    ledger: Ledger, kind: str, path: Path, *, filters: Mapping[str, str], request: HttpRequest | None = None
) -> int:
    """Write the ledger to `path` as xlsx or CSV; how many rows. The access log knows it before anything is written."""
    ids = ledger.all_ids()
    record_output(ledger, Action.EXPORT, len(ids), {"format": kind, **filters}, request)
    rows: Iterator[list[Value]] = (cells(row, ledger.columns) for row in ledger.rows(ids))
    WRITERS[kind](path, ledger.columns, itertools.chain(rows, [ledger.totals()]))
    return len(ids)


def record_output(
    ledger: Ledger, action: str, count: int, detail: Mapping[str, Any], request: HttpRequest | None
) -> str:
    """Log that rows leave the system; the number that stands on the paper."""
    row = record(
        action=action,
        actor=ledger.user,
        county=county_of(ledger.user),
        subject=f"ledger {ledger.month}",
        detail={"month": str(ledger.month), "count": count, **detail},
        request=request,
    )
    return f"{row.county}/{row.seq}"


def county_of(user: User) -> str:
    """The county whose log this person's outputs stand in."""
    offices = user.scope.offices
    return offices[0].area.county_code if offices else NO_COUNTY


def file_name(ledger: Ledger, kind: str) -> str:
    """Month and area, never a person: 矛盾纠纷台账-620623-2026-10.xlsx."""
    title = _g("突出矛盾纠纷台账") if ledger.columns is COUNTY else _g("矛盾纠纷台账")
    return f"{title}-{county_of(ledger.user)}-{ledger.month}.{kind}"
