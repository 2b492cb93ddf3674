"""An import of an old ledger: what was brought, what each of its rows came to, and what its columns are called.

A batch goes read → checking → checked → writing → released, and may end as clearing → undone. Its cases are hidden
until one short transaction releases them all; what was written and is not released is cleared away, in short pieces.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit import keyring
from audit.locks import locked
from audit.models import Action, record
from disputes.models import Dispute, Event, MoveRefused
from disputes.moves import Tier
from ledgers.imports import reading
from ledgers.jobs.models import Job
from villages.models import Area, Office, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest

#: Rows that one transaction writes or deletes: nobody else waits longer than a second for it.
CHUNK = 250
#: A batch that was being written and that nobody works on any more is cleared away after this.
ABANDONED = dt.timedelta(hours=1)
#: How long what was read stays for corrections and for the file to mend, sealed.
KEPT = dt.timedelta(days=30)


def may_import(user: User) -> bool:
    """Leads of desks, for the villages of their desk, and supervisors, for their area."""
    return bool(user.scope.leads) or user.scope.has(Role.SUPERVISOR)


class ImportQuerySet(models.QuerySet["ImportBatch"]):
    def visible_to(self, user: User) -> ImportQuerySet:
        """An import is its author's own: it shows what stood in their file, names and phones."""
        return self.filter(by=user)


class ImportBatch(models.Model):
    """One file, from the upload to its release or its end."""

    class State(models.TextChoices):
        READ = "read", _("待核对列")
        CHECKING = "checking", _("正在检查")
        CHECKED = "checked", _("检查完，待入库")
        WRITING = "writing", _("正在入库")
        RELEASED = "released", _("已入库")
        CLEARING = "clearing", _("正在撤销")
        UNDONE = "undone", _("已撤销")

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    office = models.ForeignKey(Office, models.PROTECT, related_name="+")  # the unit that remembers the columns
    county = models.ForeignKey(Area, models.PROTECT, related_name="+")
    name = models.CharField(_("文件"), max_length=120)
    state = models.CharField(_("状态"), max_length=10, choices=State.choices, default=State.READ)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, blank=True, related_name="+")
    # what the person says about the whole file
    tier = models.PositiveSmallIntegerField(_("这是哪一级的台账"), choices=Tier.choices, default=Tier.VILLAGE)
    year = models.PositiveSmallIntegerField(_("年份"), null=True, blank=True)
    month = models.PositiveSmallIntegerField(_("月份"), null=True, blank=True)
    village = models.ForeignKey(Area, models.PROTECT, null=True, blank=True, related_name="+")
    mapping = models.JSONField(default=dict)  # label of a column → key of a target, "" for none
    sheets = models.JSONField(default=list)  # per sheet: name, rows, line of its head, notices
    # how far it is; a step's rows and its place are written together
    rows = models.PositiveIntegerField(_("行数"), default=0)
    checked = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)  # id of the last row that became a case
    counts = models.JSONField(default=dict)  # verdict → rows
    carry = models.JSONField(default=dict)  # what the last rows said about those after them
    last_event = models.PositiveBigIntegerField(default=0)  # of the cases' own history, as written here
    numbers = models.JSONField(default=dict)  # series → [first serial, last serial]
    created_at = models.DateTimeField(_("上传时间"))
    touched_at = models.DateTimeField()
    released_at = models.DateTimeField(_("入库时间"), null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    purged = models.BooleanField(default=False)  # what was read has been thrown away

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["by", "-id"], name="import_by_author"),
            models.Index(fields=["created_at"], condition=models.Q(purged=False), name="import_to_purge"),
            models.Index(
                fields=["id"], condition=models.Q(state__in=["writing", "clearing"]), name="import_unfinished"
            ),
        ]

    def __str__(self) -> str:
        return str(self.uid)

    def get_absolute_url(self) -> str:
        return f"/imports/{self.uid}/"

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has it, or is about to."""
        return self.state in (self.State.CHECKING, self.State.WRITING, self.State.CLEARING)

    # --- what it came to --------------------------------------------------------------------------------------------
    def count(self, verdict: str) -> int:
        return int(self.counts.get(verdict, 0))

    @property
    def ready(self) -> int:
        """Rows that become cases, or have become them."""
        return self.count(ImportRow.Verdict.READY)

    @property
    def refused(self) -> int:
        return self.count(ImportRow.Verdict.REFUSED)

    @property
    def skipped(self) -> int:
        return self.count(ImportRow.Verdict.SKIPPED)

    @property
    def holds(self) -> bool:
        """行数 = 入库 + 退回 + 空行: nothing was passed over."""
        return self.rows == self.ready + self.refused + self.skipped

    @property
    def cases(self) -> models.QuerySet[Dispute]:
        """Its cases, hidden ones too; what a person is shown of them goes through visible_to."""
        return Dispute.objects.filter(entered_from=self.pk)

    def why_no_undo(self) -> str:
        """Why it cannot be undone now; empty when it can."""
        if self.state != self.State.RELEASED:
            return _g("这次导入现在是“%(state)s”，没有可以撤销的") % {"state": self.get_state_display()}
        worked = Event.objects.filter(dispute__entered_from=self.pk, pk__gt=self.last_event)
        first = worked.order_by("pk").values_list("dispute__case_no", flat=True).first()
        if first:
            return _g("%(case)s 已经有人办过，这次导入不能整批撤销。个别错的案件可以作废") % {"case": first}
        return ""

    # --- the file, sealed --------------------------------------------------------------------------------------------
    @classmethod
    def take(
        cls,
        *,
        by: User,
        at: dt.datetime,
        name: str,
        content: list[reading.Sheet],
        request: HttpRequest | None = None,
        **told: Any,
    ) -> ImportBatch:
        """A new batch with its file's cells, sealed, and the row of the access log."""
        office = by.scope.offices[0]
        area = office.area
        while area.level > Area.Level.COUNTY and area.parent is not None:
            area = area.parent
        with transaction.atomic():
            batch = cls.objects.create(
                by=by, office=office, county=area, name=name, created_at=at, touched_at=at,
                rows=sum(len(sheet.rows) for sheet in content), **told,
            )  # fmt: skip
            ImportFile.objects.create(batch=batch, sealed=batch.seal(reading.dump(content)))
            record(
                action=Action.IMPORT, actor=by, county=area.code[:6], subject=f"import {batch.uid}",
                detail={"kind": "import", "rows": batch.rows}, at=at, request=request,
            )  # fmt: skip
        return batch

    def seal(self, text: str, column: str = "cells") -> str:
        return keyring.seal(text, table="ledgers_import", column=column, uid=self.uid)

    def unseal(self, token: str, column: str = "cells") -> str:
        return keyring.unseal(token, table="ledgers_import", column=column, uid=self.uid)

    def read(self) -> list[reading.Sheet]:
        """The sheets as they were brought; MoveRefused once they were thrown away."""
        file = ImportFile.objects.filter(batch=self).first()
        if file is None:
            raise MoveRefused(_g("上传的内容已经清理，要改就重新上传"))
        return reading.load(self.unseal(file.sealed))

    # --- moves ------------------------------------------------------------------------------------------------------
    def begin_check(self, *, at: dt.datetime, mapping: Mapping[str, str], **told: Any) -> None:
        """Check anew with these columns: what an earlier check found is thrown away, what the unit chose is kept.

        MoveRefused when it is past that.
        """
        with transaction.atomic():
            batch = locked(ImportBatch.objects.filter(pk=self.pk)).get()
            if batch.state not in (self.State.READ, self.State.CHECKING, self.State.CHECKED):
                raise MoveRefused(_g("这次导入现在是“%(state)s”，不能再改列") % {"state": batch.get_state_display()})
            ImportRow.objects.filter(batch=self).delete()
            self.mapping = dict(mapping)
            for name, value in told.items():
                setattr(self, name, value)
            self.state, self.checked, self.counts, self.carry = self.State.CHECKING, 0, {}, {}
            self.touched_at, self.error = at, ""
            self.save(update_fields=["mapping", "state", "checked", "counts", "carry", "touched_at", "error", *told])
            ColumnMemory.remember(self.office, mapping)

    def keep(self, rows: list[ImportRow], counts: Mapping[str, int], *, at: dt.datetime) -> None:
        """The verdicts of the next lines and how far the check is, together. MoveRefused when another one goes on."""
        with transaction.atomic():
            row = locked(ImportBatch.objects.filter(pk=self.pk)).get()
            if row.state != self.State.CHECKING or row.checked != self.checked:
                raise MoveRefused(_g("这次检查已经由别处接着做"))
            ImportRow.objects.bulk_create(rows)
            self.checked += len(rows)
            self.counts, self.touched_at = dict(counts), at
            self.save(update_fields=["checked", "counts", "carry", "touched_at"])

    def end_check(self, *, at: dt.datetime) -> None:
        with transaction.atomic():
            row = locked(ImportBatch.objects.filter(pk=self.pk)).get()
            if row.state == self.State.CHECKING and row.checked == self.checked:
                self.state, self.touched_at = self.State.CHECKED, at
                self.save(update_fields=["state", "touched_at"])

    def back_to_columns(self, *, at: dt.datetime) -> None:
        """The check was stopped; in the caller's transaction."""
        self.state, self.touched_at = self.State.READ, at
        self.save(update_fields=["state", "touched_at"])

    def begin_write(self, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> None:
        """From here on the cases are written, hidden. MoveRefused when there is nothing to write."""
        with transaction.atomic():
            batch = locked(ImportBatch.objects.filter(pk=self.pk)).get()
            if batch.state != self.State.CHECKED:
                raise MoveRefused(
                    _g("这次导入现在是“%(state)s”，检查完才能入库") % {"state": batch.get_state_display()}
                )
            if not batch.ready:
                raise MoveRefused(_g("没有一行可以入库。下载退回的行，改好后重新上传"))
            self.state, self.touched_at = self.State.WRITING, at
            self.save(update_fields=["state", "touched_at"])
            record(
                action=Action.IMPORT, actor=by, county=self.county.code[:6], subject=f"import {self.uid}",
                detail={"kind": "import_write", "rows": batch.ready}, at=at, request=request,
            )  # fmt: skip

    def repeated(self, rows: Iterable[ImportRow]) -> None:
        """Lines that another import has written since the check are refused after all; in the writer's transaction."""
        pks = [row.pk for row in rows]
        if pks:
            verdict = ImportRow.Verdict
            ImportRow.objects.filter(pk__in=pks).update(verdict=verdict.REFUSED, codes="repeat")
            self.counts[verdict.READY] -= len(pks)
            self.counts[verdict.REFUSED] = self.refused + len(pks)

    def release(self, *, at: dt.datetime) -> int:
        """Everything at once becomes visible; how many cases. Nothing else happens in this transaction."""
        with transaction.atomic():
            batch = locked(ImportBatch.objects.filter(pk=self.pk, state=self.State.WRITING)).first()
            if batch is None:
                raise MoveRefused(_g("这次导入已经停下，没有入库"))
            shown = self.cases.filter(hidden=True).update(hidden=False)
            ImportFile.objects.filter(batch=self).delete()
            self.state, self.released_at, self.touched_at = self.State.RELEASED, at, at
            self.save(update_fields=["state", "released_at", "touched_at"])
            record(
                action=Action.IMPORT, actor=self.by, county=self.county.code[:6], subject=f"import {self.uid}",
                detail={"kind": "import_release", "rows": shown}, at=at,
            )  # fmt: skip
        return shown

    def undo(self, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> None:
        """Take all of it out of sight at once; the rows go in short pieces afterwards (`clear_step`)."""
        with transaction.atomic():
            # whoever works on one of its cases holds that case: both cannot happen
            list(locked(self.cases.order_by("pk")).values_list("pk", flat=True))
            batch = locked(ImportBatch.objects.filter(pk=self.pk)).get()
            sentence = batch.why_no_undo()
            if sentence:
                raise MoveRefused(sentence)
            self.cases.update(hidden=True)
            self._clear(at)
            record(
                action=Action.IMPORT, actor=by, county=self.county.code[:6], subject=f"import {self.uid}",
                detail={"kind": "import_undo"}, at=at, request=request,
            )  # fmt: skip

    def give_up(self, *, at: dt.datetime, error: str = "") -> None:
        """What was being written is cleared away; in the caller's transaction. What was released stays."""
        if locked(ImportBatch.objects.filter(pk=self.pk, state=self.State.WRITING)).exists():
            self.error = error[:300]
            self._clear(at)

    def _clear(self, at: dt.datetime) -> None:
        self.state, self.touched_at = self.State.CLEARING, at
        self.save(update_fields=["state", "touched_at", "error"])

    def clear_step(self, *, at: dt.datetime) -> bool:
        """Delete one piece of what is out of sight; whether there is more."""
        with transaction.atomic():
            pks = list(self.cases.filter(hidden=True).order_by("pk").values_list("pk", flat=True)[:CHUNK])
            if pks:
                Dispute.objects.filter(pk__in=pks, hidden=True).delete()
                ImportBatch.objects.filter(pk=self.pk).update(touched_at=at)
                return True
            ImportFile.objects.filter(batch=self).delete()
            ImportRow.objects.filter(batch=self).update(sealed="")
            ImportBatch.objects.filter(pk=self.pk, state=self.State.CLEARING).update(state=self.State.UNDONE)
        return False


class ImportFile(models.Model):
    """The cells of a batch's file, sealed; gone once it is released or undone, or after 30 days."""

    batch = models.OneToOneField(ImportBatch, models.CASCADE, related_name="file")
    sealed = models.TextField()


class ImportRow(models.Model):
    """What one line of the file came to; its cells, facts and problems lie sealed, the reasons beside them as codes."""

    class Verdict(models.TextChoices):
        READY = "ready", _("可以入库")
        REFUSED = "refused", _("退回")
        SKIPPED = "skipped", _("空行、表头、合计")

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="lines", db_index=False)
    sheet = models.PositiveSmallIntegerField()
    line = models.PositiveIntegerField()  # as the spreadsheet counts it, from 1
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    codes = models.CharField(max_length=200, blank=True)  # of its problems or notices, comma-separated
    noticed = models.BooleanField(default=False)  # something of it was not taken over as it stood
    key = models.UUIDField(null=True)  # what the row says, as a keyed fingerprint: `submission` of its case
    sealed = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "sheet", "line"], name="a_line_is_judged_once_in_its_import")
        ]
        indexes = [
            models.Index(fields=["batch", "verdict", "id"], name="import_lines_by_verdict"),
            models.Index(fields=["batch", "key"], name="import_lines_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.sheet}/{self.line} {self.verdict}"

    def content(self, batch: ImportBatch) -> dict[str, Any]:
        """cells, problems, notices and facts; empty once they were thrown away."""
        return json.loads(batch.unseal(self.sealed, "row")) if self.sealed else {}


class ColumnMemory(models.Model):
    """What a unit once said a column is: proposed the next time that its ledger comes."""

    office = models.ForeignKey(Office, models.CASCADE, related_name="+")
    label = models.CharField(max_length=60)
    target = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["office", "label"], name="a_unit_knows_a_column_once")]

    def __str__(self) -> str:
        return f"{self.label} → {self.target}"

    @classmethod
    def of(cls, office: Office) -> dict[str, str]:
        return dict(cls.objects.filter(office=office).values_list("label", "target"))

    @classmethod
    def remember(cls, office: Office, mapping: Mapping[str, str]) -> None:
        rows = [ColumnMemory(office=office, label=label, target=target) for label, target in mapping.items()]
        ColumnMemory.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["office", "label"], update_fields=["target"]
        )


def abandoned(now: dt.datetime) -> Iterable[ImportBatch]:
    """Batches on the way out, and those half written that nobody works on any more."""
    state = ImportBatch.State
    left = models.Q(state=state.WRITING, touched_at__lt=now - ABANDONED) & ~models.Q(job__state__in=Job.UNDER_WAY)
    return ImportBatch.objects.filter(models.Q(state=state.CLEARING) | left).order_by("pk")[:20]


def clear(now: dt.datetime) -> int:
    """A chore of every tick: half-written imports go, and what was read is thrown away after its time."""
    count = 0
    for batch in abandoned(now):
        if batch.state == ImportBatch.State.WRITING:
            with transaction.atomic():
                batch.give_up(at=now, error=_g("入库中断，写了一半的已经撤掉，台账里什么也没有多。再入一次"))
        while batch.clear_step(at=now):
            count += 1
    for batch in ImportBatch.objects.filter(purged=False, created_at__lt=now - KEPT).order_by("pk")[:5]:
        with transaction.atomic():
            ImportFile.objects.filter(batch=batch).delete()
            batch.lines.exclude(sealed="").update(sealed="")
            ImportBatch.objects.filter(pk=batch.pk).update(purged=True)
    return count
