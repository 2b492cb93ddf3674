"""The row of an export, and the doors through which it is asked for, allowed, made, fetched and forgotten.

A ledger leaves masked as its owner sees it on the screen. Unmasked is a kind of its own (product.md, Masking): the
cases of one desk at which its owner works, with a purpose; and above MANY_PEOPLE parties a lead or deputy of that
desk, who is somebody else, allows it first. The file is sealed, lies under var/ for a day, and every fetch is logged
before it begins.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit.locks import locked
from audit.models import Action, record
from disputes.models import FactsMissing, MoveRefused, NotYours, Party, Round
from followups.models import Notice
from ledgers.export import county_of, watermark
from ledgers.exports import storage
from ledgers.filters import LedgerFilter
from ledgers.jobs import running
from ledgers.jobs.models import Job, TooMany
from ledgers.month import LEDGER_ROLES, BadMonth, Ledger, Month
from ledgers.months.frozen import ledger_for
from ledgers.profiles import BadProfile, Profile, profile
from villages.models import Office, Posting, User, in_force

if TYPE_CHECKING:
    from django.http import HttpRequest

#: Up to so many rows are made while the person waits.
AT_ONCE = 500
#: More rows than this are no paper that anybody reads.
PDF_ROWS = 5_000
#: Unmasked above so many parties needs a second person.
MANY_PEOPLE = 500
KIND = "export"
FILTERS = ("township", "village", "type", "status", "office")


class Unknown(Exception):
    """Conditions that name nothing in this person's scope; `str()` is the sentence."""


def ledger_of(
    user: User,
    month: str,
    conditions: Mapping[str, str],
    *,
    layout: str = "default",
    desk: Office | None = None,
) -> tuple[Ledger, Profile, LedgerFilter]:
    """The ledger that was asked for, as `user` may read it now; unmasked when a `desk` is given.

    Raises Unknown for a month, layout or condition that is none.
    """
    try:
        asked = Month.parse(month)
        columns = profile(user, layout)
    except (BadMonth, BadProfile) as bad:
        raise Unknown(str(bad)) from None
    chosen = LedgerFilter({**conditions}, user=user, month=asked)
    if not chosen.form.is_valid():
        wrong = "、".join(str(chosen.form.fields[name].label) for name in chosen.form.errors)
        raise Unknown(_g("%(what)s不在可选的范围里，重新选一项") % {"what": wrong})

    def narrow(rounds: models.QuerySet[Round]) -> models.QuerySet[Round]:
        return chosen.filter_queryset(rounds).filter(dispute__desk=desk)

    if desk is None:  # a signed month leaves as it was signed; the unmasked kind reads the living cases
        return ledger_for(user, asked, chosen, columns=columns.columns), columns, chosen
    ledger = Ledger(user, asked, narrow=narrow, columns=columns.columns, unmasked=True)
    return ledger, columns, chosen


def desks_of(user: User) -> list[Office]:
    """The desks whose cases this person handles."""
    return list(Office.objects.filter(pk__in=sorted(user.scope.desks)).order_by("code"))


def approvers_of(desk: Office, asker: User) -> models.QuerySet[User]:
    """Leads and deputies of that desk, but never who asks."""
    posts = Posting.objects.filter(in_force(), office=desk).exclude(mark="")
    return User.objects.filter(is_active=True, pk__in=posts.values("user")).exclude(pk=asker.pk)


def rights_of(user: User) -> str:
    """A fingerprint of what this person may read: a file that was made under another one is not handed out."""
    scope = user.scope
    parts = [sorted(scope.roles), sorted(scope.villages), sorted(scope.townships), sorted(scope.counties)]
    parts += [sorted(scope.desk_cases), sorted(scope.desks), [scope.masked]]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


class ExportQuerySet(models.QuerySet["Export"]):
    def visible_to(self, user: User) -> ExportQuerySet:
        """One's own, and what waits for one's word or got it."""
        led = Posting.objects.filter(in_force(), user=user).exclude(mark="").values("office")
        asked = Q(state=Export.State.ASKED, desk__in=led) & ~Q(owner=user)
        return self.filter(Q(owner=user) | asked | Q(decided_by=user))

    def of(self, user: User) -> ExportQuerySet:
        return self.filter(owner=user)

    def waiting_for(self, user: User) -> ExportQuerySet:
        """What this person may allow or refuse."""
        return self.visible_to(user).filter(state=Export.State.ASKED).exclude(owner=user)

    def expire(self, now: dt.datetime) -> int:
        """Mark the files whose day is over as gone; how many."""
        late = self.filter(state=Export.State.READY, expires_at__lte=now)
        return late.update(state=Export.State.EXPIRED) if late.exists() else 0


class Export(models.Model):
    """One ledger that leaves the system."""

    class Format(models.TextChoices):
        XLSX = "xlsx", "Excel (xlsx)"
        CSV = "csv", "CSV"
        PDF = "pdf", "PDF"

    class Purpose(models.TextChoices):
        REPORT = "report", _("上报上级")
        MEETING = "meeting", _("会商研判")
        CASEWORK = "casework", _("办案核对")
        INSPECTION = "inspection", _("检查考核")
        ARCHIVE = "archive", _("归档")
        OTHER = "other", _("其他")

    class State(models.TextChoices):
        ASKED = "asked", _("等审批")
        REFUSED = "refused", _("没有批准")
        MAKING = "making", _("正在做")
        READY = "ready", _("可以下载")
        FAILED = "failed", _("没有做成")
        CANCELLED = "cancelled", _("已取消")
        EXPIRED = "expired", _("已过期")

    uid = models.UUIDField(unique=True, default=uuid.uuid4)
    owner = models.ForeignKey(User, models.PROTECT, related_name="exports")
    job = models.OneToOneField(Job, models.PROTECT, null=True, related_name="export")
    state = models.CharField(_("状态"), max_length=10, choices=State.choices)
    format = models.CharField(_("格式"), max_length=4, choices=Format.choices)
    month = models.CharField(_("月份"), max_length=7)
    layout = models.CharField(_("台账格式"), max_length=40)
    layout_name = models.CharField(max_length=80)
    conditions = models.JSONField(default=dict)  # codes only, as the ledger's address has them
    purpose = models.CharField(_("用途"), max_length=10, choices=Purpose.choices)
    reason = models.CharField(_("理由"), max_length=200)
    desk = models.ForeignKey(Office, models.PROTECT, null=True, related_name="+")  # of an unmasked one
    people = models.PositiveIntegerField(default=0)  # parties in an unmasked one
    rows = models.PositiveIntegerField(_("行数"), default=0)
    asked_at = models.DateTimeField(_("申请时间"))
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=200, blank=True)  # the words of who decided
    rights = models.CharField(max_length=32, blank=True)  # of the owner while it was made: see rights_of
    file = models.CharField(max_length=60, blank=True)  # its name in the folder; empty while there is none
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(_("过期时间"), null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["owner", "-id"], name="exports_newest_first"),
            models.Index(fields=["expires_at"], condition=Q(state="ready"), name="exports_to_expire"),
            models.Index(fields=["desk"], condition=Q(state="asked"), name="exports_to_decide"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="ready") | (~Q(file="") & ~Q(sha256="") & Q(expires_at__isnull=False)),
                name="an_export_is_ready_with_its_whole_file",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=models.F("owner")),
                name="nobody_allows_their_own_export",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return f"/exports/{self.uid}/"

    @property
    def number(self) -> str:
        """What stands on every page and in the last row of the file."""
        return self.uid.hex[:12].upper()

    @property
    def unmasked(self) -> bool:
        return self.desk_id is not None

    @property
    def file_name(self) -> str:
        """Layout, county and month, never a person: 工作台账-620623-2026-10.xlsx."""
        return f"{self.layout_name}-{county_of(self.owner)}-{self.month}.{self.format}"

    @property
    def mark(self) -> str:
        """The watermark: unit, person, time and number of the export."""
        unit = self.desk.name if self.desk else (self.owner.scope.offices[0].name if self.owner.scope.offices else "")
        return watermark(unit, self.owner.name, self.asked_at, self.number, unmasked=self.unmasked)

    # --- asking -----------------------------------------------------------------------------------------------------

    @classmethod
    def ask(
        cls,
        *,
        by: User,
        at: dt.datetime,
        month: str,
        conditions: Mapping[str, str],
        layout: str,
        format: str,
        purpose: str,
        reason: str,
        unmasked: bool = False,
        desk: str = "",
        request: HttpRequest | None = None,
        wait: bool = True,
    ) -> Export:
        """A new export: made at once when it is small, else by a worker, or when a second person has allowed it.

        `desk` is the code of the office whose cases leave unmasked; needed only by who works at several. Without `wait`
        a worker makes the small ones, too: a caller within a transaction must not hold it for so long.
        Raises FactsMissing, Unknown, NotYours, or MoveRefused with the sentence.
        """
        if not by.scope.has(*LEDGER_ROLES):
            raise NotYours(_g("你的岗位不看工作台账。需要的联系责任单位或督导"))
        if not reason.strip():
            raise FactsMissing({"reason": _g("写明为什么导出")})
        office = cls._desk(by, desk) if unmasked else None
        ledger, columns, chosen = ledger_of(by, month, conditions, layout=layout, desk=office)
        if not ledger.count:
            raise MoveRefused(_g("没有符合条件的案件，没有什么可导出的"))
        if format == cls.Format.PDF and ledger.count > PDF_ROWS:
            raise MoveRefused(
                _g("有 %(n)d 行，PDF 最多 %(most)d 行。先加条件，或者导出 Excel")
                % {"n": ledger.count, "most": PDF_ROWS}
            )
        people = Party.objects.filter(dispute__in=ledger.rounds.values("dispute")).count() if office else 0
        second = office if office is not None and people > MANY_PEOPLE else None
        if second and not approvers_of(second, by).exists():
            raise MoveRefused(
                _g("涉及 %(n)d 人，超过 %(most)d 人的要由本单位另一名负责人批准，现在没有这样的人。先加条件")
                % {"n": people, "most": MANY_PEOPLE}
            )
        told = {
            "owner": by, "asked_at": at, "month": month, "conditions": chosen.chosen(), "layout": columns.key,
            "layout_name": str(columns.label)[:80], "format": format, "purpose": purpose,
            "reason": reason.strip()[:200], "desk": office, "people": people, "rows": ledger.count,
        }  # fmt: skip
        with transaction.atomic():
            if second:
                row = cls.objects.create(**told, state=cls.State.ASKED)
                Notice.objects.put(
                    Notice(user=person, about=row.uid, kind="export_ask", created_at=at)
                    for person in approvers_of(second, by)
                )
            else:
                row = cls.objects.create(**told, state=cls.State.MAKING, job=_job(by, at, ledger.count))
            row._log("ask", by=by, at=at, request=request, rows=ledger.count, people=people)
        if wait:
            row._make_at_once()
        return row

    @staticmethod
    def _desk(by: User, code: str) -> Office:
        """Whose cases leave unmasked."""
        desks = desks_of(by)
        if not desks:
            raise NotYours(_g("不打码的台账只有办案单位能导出，导出的是自己经办单位的案件"))
        if len(desks) == 1 and not code:
            return desks[0]
        found = next((office for office in desks if office.code == code), None)
        if found is None:
            raise FactsMissing({"desk": _g("选一个你所在的办案单位")})
        return found

    def _make_at_once(self) -> None:
        """Small ones in the request itself; whatever goes wrong, the row is there and a worker goes on with it."""
        if self.job is not None and self.rows <= AT_ONCE:
            running.run_now(self.job)
            self.refresh_from_db()

    def decide(
        self, *, by: User, at: dt.datetime, allowed: bool, reason: str = "", request: HttpRequest | None = None
    ) -> None:
        """A second person's word. MoveRefused when it is decided already or theirs to ask, not to decide."""
        if not allowed and not reason.strip():
            raise FactsMissing({"reason": _g("不批准的写明理由")})
        with transaction.atomic():
            row = locked(Export.objects.filter(pk=self.pk)).get()
            if row.state != self.State.ASKED:
                raise MoveRefused(_g("已经%(state)s，不用再批") % {"state": row.get_state_display()})
            if row.desk is None or not approvers_of(row.desk, row.owner).filter(pk=by.pk).exists():
                raise MoveRefused(_g("自己申请的由本单位另一名负责人批准"))
            told: dict[str, Any] = {"decided_by": by, "decided_at": at, "decision": reason.strip()[:200]}
            if allowed:
                told |= {"state": self.State.MAKING, "job": _job(row.owner, at, row.rows)}
            else:
                told["state"] = self.State.REFUSED
                Notice.objects.put([Notice(user=row.owner, about=row.uid, kind="export_refused", created_at=at)])
            Export.objects.filter(pk=row.pk).update(**told)
            row._log("allow" if allowed else "refuse", by=by, at=at, request=request)
        self.refresh_from_db()

    def cancel(self, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> None:
        """Its owner does not want it any more. MoveRefused when there is nothing left to stop."""
        with transaction.atomic():
            row = locked(Export.objects.filter(pk=self.pk)).get()
            if row.state not in (self.State.ASKED, self.State.MAKING):
                raise MoveRefused(_g("已经%(state)s，不能再取消") % {"state": row.get_state_display()})
            if row.job is None:
                Export.objects.filter(pk=row.pk).update(state=self.State.CANCELLED)
            row._log("cancel", by=by, at=at, request=request)
        if row.job is not None:
            running.cancel(row.job)
        self.refresh_from_db()

    # --- made by a worker -------------------------------------------------------------------------------------------

    def finish(self, job: Job, *, file: str, size: int, sha256: str, rows: int, rights: str) -> None:
        """The whole file lies in its place: from this transaction on it can be fetched. LeaseLost when not ours."""
        with transaction.atomic():
            job.hold()
            owner = User.objects.get(pk=self.owner_id)
            if not owner.is_active or rights_of(owner) != rights:
                raise MoveRefused(_g("你的岗位在导出时有变动，这份文件没有做。重新申请"))
            now = timezone.now()
            life = dt.timedelta(seconds=settings.EXPORT_LIFE_SECONDS)
            Export.objects.filter(pk=self.pk).update(
                state=self.State.READY, file=file, size=size, sha256=sha256, rows=rows, rights=rights,
                ready_at=now, expires_at=now + life,
            )  # fmt: skip
            Notice.objects.put([Notice(user=owner, about=self.uid, kind="export_done", created_at=now)])
            job.end(Job.State.DONE)

    @staticmethod
    def stopped(job: Job) -> None:
        """Its job ended without a file."""
        state = Export.State.CANCELLED if job.state == Job.State.CANCELLED else Export.State.FAILED
        row = Export.objects.get(job=job)
        Export.objects.filter(pk=row.pk).update(state=state)
        if state == Export.State.FAILED:
            Notice.objects.put(
                [Notice(user_id=row.owner_id, about=row.uid, kind="export_failed", created_at=timezone.now())]
            )

    # --- fetching ---------------------------------------------------------------------------------------------------

    def why_not_fetch(self, by: User, at: dt.datetime) -> str | None:
        """Why `by` cannot have the file now, as a sentence; None when they can."""
        if self.owner_id != by.pk:
            return _g("只有申请人能下载")
        if self.state == self.State.EXPIRED or (self.expires_at and self.expires_at <= at):
            return _g("这份文件已经过期，24 小时后自动删除。需要的重新导出")
        if self.state != self.State.READY:
            return _g("现在是“%(state)s”，还没有文件可下载") % {"state": self.get_state_display()}
        if not by.scope.has(*LEDGER_ROLES) or rights_of(by) != self.rights:
            return _g("你的岗位在导出以后有变动，这份文件不能再下载。需要的重新导出")
        return None

    def fetch(self, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> Iterator[bytes]:
        """The file in pieces; the access log knows it before the first of them. MoveRefused with the sentence."""
        sentence = self.why_not_fetch(by, at)
        if sentence:
            raise MoveRefused(sentence)
        pieces = storage.read(self.uid, self.file)  # a file that is gone is told before anything is logged
        record(
            action=Action.DOWNLOAD,
            actor=by,
            county=county_of(by),
            subject=f"export {self.number}",
            detail={"month": self.month, "rows": self.rows, "sha256": self.sha256, "unmasked": self.unmasked},
            at=at,
            request=request,
        )
        return pieces

    def _log(self, what: str, *, by: User, at: dt.datetime, request: HttpRequest | None, **more: Any) -> None:
        detail = {
            "what": what, "month": self.month, "format": self.format, "layout": self.layout, "purpose": self.purpose,
            "unmasked": self.unmasked, **self.conditions, **more,
        }  # fmt: skip
        record(
            action=Action.EXPORT,
            actor=by,
            county=county_of(by),
            subject=f"export {self.number}",
            detail=detail,
            at=at,
            request=request,
        )


def _job(owner: User, at: dt.datetime, rows: int) -> Job:
    try:
        return Job.ask(KIND, owner=owner, at=at, total=rows)
    except TooMany as many:
        raise MoveRefused(str(many)) from None
