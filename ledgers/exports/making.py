"""The work of an export: the rows into a nameless file, the file sealed under its name, and then the row says so.

Killed anywhere, it leaves at most a sealed file that no row names, which `sweep` removes; the next worker begins anew.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
from collections.abc import Iterator

from django.utils.translation import gettext as _g

from disputes.models import MoveRefused
from ledgers.columns import Value, cells
from ledgers.export import last_row
from ledgers.exports import storage
from ledgers.exports.models import PDF_ROWS, Export, Unknown, ledger_of, rights_of
from ledgers.files import WRITERS, scratch
from ledgers.jobs.models import Job, JobFailed
from ledgers.month import LEDGER_ROLES

log = logging.getLogger("ledgers.exports")

#: Rows between two looks at the lease.
STRIDE = 100


def step(job: Job) -> bool:
    """Make the whole file; there is never more to do. Progress is held for every STRIDE rows."""
    export = Export.objects.select_related("owner", "desk").get(job=job)
    owner = export.owner
    if not owner.is_active or not owner.scope.has(*LEDGER_ROLES):
        raise JobFailed(_g("申请人的岗位不看工作台账了，没有做"))
    if export.desk_id and export.desk_id not in owner.scope.desks:
        raise JobFailed(_g("申请人不在这个办案单位了，没有做"))
    try:
        ledger, _columns, _chosen = ledger_of(
            owner, export.month, export.conditions, layout=export.layout, desk=export.desk
        )
    except Unknown as unknown:
        raise JobFailed(str(unknown)) from None
    rights, ids = rights_of(owner), ledger.all_ids()
    if export.format == Export.Format.PDF and len(ids) > PDF_ROWS:
        raise JobFailed(_g("现在有 %(n)d 行，PDF 最多 %(most)d 行") % {"n": len(ids), "most": PDF_ROWS})
    job.progress(0, len(ids))
    stopped: list[Exception] = []

    def rows() -> Iterator[list[Value]]:
        for number, row in enumerate(ledger.rows(ids), 1):
            if number % STRIDE == 0:
                try:
                    job.progress(number)
                except Exception as asked:  # the writer in between may put its own error in its place
                    stopped.append(asked)
                    raise
            yield cells(row, ledger.columns)

    mark = export.mark
    with scratch() as path:
        try:
            content = itertools.chain(rows(), [ledger.totals()], [last_row(mark, len(ledger.columns))])
            WRITERS[export.format](path, ledger.columns, content, sheet=export.layout_name, mark=mark)
        except Exception:
            if stopped:
                raise stopped[0] from None
            raise
        job.progress(len(ids))
        with open(path, "rb") as plain:
            name, size, sha256 = storage.keep(export.uid, job.attempt, plain)
    try:
        export.finish(job, file=name, size=size, sha256=sha256, rows=len(ids), rights=rights)
    except MoveRefused as refused:
        storage.remove(name)
        raise JobFailed(refused.sentence) from None
    except BaseException:
        storage.remove(name)
        raise
    return False


def sweep(now: dt.datetime) -> None:
    """Take the files whose day is over out of reach, and remove every file that no row names."""
    Export.objects.expire(now)
    there = list(storage.names())
    if not there:
        return
    rows = Export.objects.filter(uid__in={uid for _name, uid, *_rest in there}).select_related("job")
    known = {row.uid: row for row in rows}
    for name, uid, attempt, whole in there:
        row = known.get(uid)
        named = row is not None and row.state == Export.State.READY and row.file == name and whole
        job = row.job if row is not None else None
        being_made = job is not None and job.state == Job.State.RUNNING and job.attempt == attempt
        if not named and not being_made:
            storage.remove(name)
