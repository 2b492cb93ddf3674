# ruff: noqa: E501 - rows of a table
"""Milliseconds of an import, from upload to release, beside calamine's reading and bare inserts of the same rows.

Run in the environment of a prepared site: `python -m tests.bench.imports ROWS`. Prints one line of JSON.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

import openpyxl  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402
from python_calamine import CalamineWorkbook  # noqa: E402

from disputes.models import Dispute, Event, EventText, Party, PartySecret, Round  # noqa: E402
from followups.models import Handled  # noqa: E402
from ledgers.imports import doors  # noqa: E402
from ledgers.imports.models import ImportBatch  # noqa: E402
from villages.models import Area, User  # noqa: E402

HEAD = "序号 编号 排查日期 来源 乡镇 村(社区) 纠纷类别 甲方 甲方电话 乙方 乙方电话 涉及人数 涉及金额 简要情况 化解措施及进展 化解结果/日期 备注".split()


def milliseconds(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    made = work()
    return (time.perf_counter() - began) * 1000, made


def ledger(rows: int, villages: list[Area]) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet("2025年")
    page.append(HEAD)
    for n in range(rows):
        village = villages[n % len(villages)]
        page.append(
            [n, f"旧{n}", f"2025.{n % 12 + 1}.{n % 28 + 1}", "入户排查", village.parent.short_name, village.short_name, "草场界线",
             f"马{chr(0x4E00 + n % 2000)}林", f"138{n:08d}", f"王{chr(0x4E00 + n % 1777)}昌", f"139{n:08d}", 3, 1200,
             f"第{n}件，两家为草场界线争执，界桩被水冲走", "入户了解", f"已化解，口头协议 2026.{n % 6 + 1}.5", ""]
        )  # fmt: skip
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def ours(content: bytes, by: User) -> ImportBatch:
    at = timezone.now()
    batch = doors.take_file(ContentFile(content, name="旧.xlsx"), by=by, at=at)
    doors.check(batch, at=at, columns={}, in_background=False)
    doors.commit_now(batch, at=at)
    return batch


def floor(content: bytes, rows: dict[type[models.Model], list[models.Model]]) -> None:
    """Read the cells, and insert what the import wrote, table by table."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    for name in book.sheet_names:
        book.get_sheet_by_name(name).to_python()
    with transaction.atomic():
        for model, made in rows.items():
            model.objects.bulk_create(made, batch_size=500)


def main() -> None:
    size = int(sys.argv[1])
    by = User.objects.get(username="supervisor1")
    villages = list(
        Area.objects.filter(level=5, served=True, coverage__isnull=False).select_related("parent").distinct()[:50]
    )
    content = ledger(size, villages)
    took, batch = milliseconds(lambda: ours(content, by))
    cases = Dispute.objects.filter(entered_from=batch.pk)
    assert cases.count() == batch.ready > size * 0.95, batch.counts
    of = {"dispute__in": cases}
    rows: dict[type[models.Model], list[models.Model]] = {
        Dispute: list(cases), Round: list(Round.objects.filter(**of)), Party: list(Party.objects.filter(**of)),
        PartySecret: list(PartySecret.objects.filter(party__dispute__in=cases)), Event: list(Event.objects.filter(**of)),
        EventText: list(EventText.objects.filter(event__dispute__in=cases)),
        Handled: list(Handled.objects.filter(event__dispute__in=cases)),
    }  # fmt: skip
    batch.undo(by=by, at=timezone.now())
    while batch.clear_step(at=timezone.now()):
        pass
    bare, _made = milliseconds(lambda: floor(content, rows))
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    print(json.dumps({"rows": size, "import": [took, bare], "ratio": round(took / bare, 2)}))


if __name__ == "__main__":
    main()
