"""The month's ledger as a file for the command line: the same rows, scope and masking as the page, logged first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _g

from audit.models import NO_COUNTY, Action, record
from ledgers.columns import Value, cells
from ledgers.files import WRITERS
from ledgers.month import Ledger
from villages.models import User

if TYPE_CHECKING:
    import datetime as dt

    from django.http import HttpRequest


def export(ledger: Ledger, kind: str, path: Path, *, filters: Mapping[str, str], title: str = "台账") -> int:
    """Write the ledger to `path` as xlsx, CSV or PDF; how many rows. The access log knows it before that."""
    ids = ledger.all_ids()
    number = record_output(ledger, Action.EXPORT, len(ids), {"format": kind, **filters}, None)
    offices = ledger.user.scope.offices
    mark = watermark(offices[0].name if offices else "", ledger.user.name, timezone.now(), number)
    rows: Iterator[list[Value]] = (cells(row, ledger.columns) for row in ledger.rows(ids))
    content = itertools.chain(rows, [ledger.totals()], [last_row(mark, len(ledger.columns))])
    WRITERS[kind](path, ledger.columns, content, sheet=title, mark=mark)
    return len(ids)


def watermark(unit: str, person: str, at: dt.datetime, number: str, *, unmasked: bool = False) -> str:
    """Who took it out, when, and under which number; one line that no spreadsheet takes for a formula."""
    words = _g("水印：%(unit)s %(person)s %(at)s 导出，编号 %(number)s") % {
        "unit": unit,
        "person": person,
        "at": timezone.localtime(at).strftime("%Y-%m-%d %H:%M"),
        "number": number,
    }
    return words + (_g("，未打码，用完即毁") if unmasked else "")


def last_row(mark: str, width: int) -> list[Value]:
    """The row that ends every file."""
    return [mark, *[None] * (width - 1)]


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
