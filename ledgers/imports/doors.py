"""What a person does with an import, for the pages, the API and the command alike."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.core.files.base import File
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _g

from disputes.models import MoveRefused, NotYours
from ledgers.imports import checking, mapping, reading, writing
from ledgers.imports.models import ColumnMemory, ImportBatch, may_import
from ledgers.jobs.models import Job, JobFailed, TooMany
from villages.models import User

if TYPE_CHECKING:
    from django.http import HttpRequest

CHECK, WRITE = "import_check", "import_write"


def take_file(file: File, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> ImportBatch:
    """Read a file and propose what its columns are. NotYours, or FileRefused with a sentence."""
    if not may_import(by):
        raise NotYours(_g("只有单位负责人和督导可以导入旧台账"))
    name, sheets = reading.read(file)
    heads = [mapping.find_head(sheet) for sheet in sheets]
    labels = [label for head in heads for label in head.labels]
    told = [
        {
            "name": sheet.name,
            "rows": len(sheet.rows),
            "head": head.line,
            "labels": head.labels,
            "titles": [title[:60] for title in head.titles[:3]],
            "notices": notices(sheet, head),
        }
        for sheet, head in zip(sheets, heads, strict=True)
    ]
    return ImportBatch.take(
        by=by, at=at, name=name, content=sheets, request=request,
        mapping=mapping.propose(labels, ColumnMemory.of(by.scope.offices[0])),
        tier=checking.tier_of(sheets, heads, by),
        sheets=told,
    )  # fmt: skip


def notices(sheet: reading.Sheet, head: mapping.Head) -> list[str]:
    """What somebody should know about a sheet before anything of it is used."""
    found = []
    if head.line is None and any(not reading.is_blank(cell) for row in sheet.rows for cell in row):
        found.append(_g("没有认出表头，这张表的行都会退回"))
    if sheet.dropped:
        found.append(_g("不收这些列，内容已丢弃，没有保存：%(names)s") % {"names": "、".join(sheet.dropped)})
    if sheet.hidden:
        found.append(_g("这张表在文件里是隐藏的，照样读了"))
    if sheet.hidden_rows:
        found.append(_g("有 %(n)d 行是隐藏的，照样读了") % {"n": sheet.hidden_rows})
    if sheet.hidden_columns:
        found.append(_g("有 %(n)d 列是隐藏的，照样读了") % {"n": len(sheet.hidden_columns)})
    return found


def check(
    batch: ImportBatch, *, at: dt.datetime, columns: dict[str, str], in_background: bool = True, **told: object
) -> None:
    """Check every line with these columns. MoveRefused with a sentence when they cannot be read so."""
    known = {label: target for label, target in columns.items() if label in batch.mapping}
    chosen = {name: "" if reading.FORBIDDEN.fullmatch(name) else key for name, key in (batch.mapping | known).items()}
    sentence = mapping.problem_of(chosen)
    if sentence:
        raise MoveRefused(sentence)
    with transaction.atomic():
        batch.begin_check(at=at, mapping=chosen, **told)
        if in_background:
            _ask(batch, CHECK, at, batch.rows)
    while not in_background and checking.check_step(batch, at=at, today=timezone.localdate(at)):
        pass


def commit(batch: ImportBatch, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> None:
    """Write what is ready, in the background. MoveRefused when nothing is, or it is under way already."""
    with transaction.atomic():
        batch.begin_write(by=by, at=at, request=request)
        _ask(batch, WRITE, at, batch.ready)


def commit_now(batch: ImportBatch, *, at: dt.datetime) -> None:
    """The same for the command: written and released when it returns."""
    batch.begin_write(by=batch.by, at=at)
    while writing.write_step(batch, at=at):
        pass


def _ask(batch: ImportBatch, kind: str, at: dt.datetime, total: int) -> None:
    try:
        batch.job = Job.ask(kind, owner=batch.by, at=at, total=total)
    except TooMany as many:
        raise MoveRefused(str(many)) from None
    batch.save(update_fields=["job"])


# --- what a worker does ----------------------------------------------------------------------------------------------
def step_check(job: Job) -> bool:
    """Judge the next thousand lines."""
    batch, at = _batch(job), timezone.now()
    try:
        more = checking.check_step(batch, at=at, today=timezone.localdate(at), chunks=4)
    except MoveRefused as refused:
        raise JobFailed(refused.sentence) from None
    job.progress(done=batch.checked, total=batch.rows)
    return more


def step_write(job: Job) -> bool:
    """Write the next lines, hidden; after the last, everything is released at once."""
    batch = _batch(job)
    try:
        more = writing.write_step(batch, at=timezone.now(), hold=job.hold)
    except MoveRefused as refused:
        raise JobFailed(refused.sentence) from None
    job.progress(done=batch.cases.count() if more else batch.ready, total=batch.ready)
    return more


def stopped(job: Job) -> None:
    """A job that was cancelled or failed: what was written goes; what was being checked can be checked anew."""
    batch = ImportBatch.objects.filter(job=job).first()
    if batch is None:
        return
    if batch.state == ImportBatch.State.CHECKING:
        batch.back_to_columns(at=timezone.now())
    else:
        batch.give_up(at=timezone.now(), error=job.error or _g("已取消，写了一半的已经撤掉"))


def _batch(job: Job) -> ImportBatch:
    batch = ImportBatch.objects.select_related("by", "county", "office").filter(job=job).first()
    if batch is None:
        raise JobFailed(_g("这次导入已经不在了"))
    return batch
