"""Templates with their versions, issued papers, and the doors through which both come about.

A paper is issued once and then never changes: its DOCX and its PDF lie sealed beside the attachments, the row holds
their hashes, the template's version, the author and the time (档案法 37). Its number comes from a counter under lock,
in the transaction of the issue: no gap, no double. A voided number stays visible with its reason.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from pypdf import PdfReader

from audit import keyring
from audit.locks import locked, once
from audit.models import Action, record
from disputes import attachments, masking
from disputes.models import Counter, Dispute, Event, FactsMissing, MoveRefused, NotYours
from disputes.moves import Status
from disputes.papers import shipped, template, typeset, words
from disputes.papers.kinds import Ask, Kind, Source, agreement_of, kinds
from villages.models import DESK_ROLES, Office, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest

DOCX, PDF = "docx", "pdf"
TYPES = {DOCX: attachments.TYPES[DOCX], PDF: attachments.TYPES[PDF]}


class TemplateQuerySet(models.QuerySet["PaperTemplate"]):
    def current(self, kind: str) -> PaperTemplate:
        """The template in force: the newest version, unless that is the product's own and the product has a newer one.

        The product's own is not written yet where nobody has used it; `kept` does that.
        """
        newest = self.filter(kind=kind).order_by("-version").first()
        content = shipped.docx_of(kind)
        digest = hashlib.sha256(content).hexdigest()
        if newest is not None and (newest.by_id is not None or newest.sha256 == digest):
            return newest
        version = newest.version + 1 if newest else 1
        return PaperTemplate(kind=kind, version=version, sha256=digest, content=content)

    def kept(self, kind: str, at: dt.datetime) -> PaperTemplate:
        """The template in force, as a row: what a paper was made from stays readable after the next release."""
        row = self.current(kind)
        if row.pk is not None:
            return row
        row.at = at

        def make() -> PaperTemplate:
            row.save(force_insert=True)
            return row

        return once(self.filter(kind=kind, version=row.version), make)

    def replace(
        self, kind: str, *, by: User, at: dt.datetime, file: Any, note: str = "", request: HttpRequest | None = None
    ) -> PaperTemplate:
        """A new version from an uploaded DOCX. TemplateRefused names the field or the thing that cannot be taken."""
        if not by.scope.has(Role.SYSADMIN):
            raise NotYours(_g("文书模板由系统管理员换。需要改动的，联系他们办理"))
        _name, content_type, content, _previews = attachments.judge(file)
        if content_type != TYPES[DOCX]:
            raise template.TemplateRefused(_g("模板是 docx 文件，用 WPS 或 Word 另存为 docx 再传"))
        template.check(content, kinds()[kind].fields)
        self.kept(kind, at)
        with transaction.atomic():
            newest = locked(self.filter(kind=kind)).order_by("-version").first()
            version = newest.version + 1 if newest else 1
            row = self.create(
                kind=kind, version=version, sha256=hashlib.sha256(content).hexdigest(), content=content, by=by, at=at,
                note=note,
            )  # fmt: skip
            record(
                action=Action.MANAGE, actor=by, subject=f"template:{kind}", at=at, request=request,
                detail={"version": version, "sha256": row.sha256},
            )  # fmt: skip
        return row


class PaperTemplate(models.Model):
    """One version of the template of one paper; `by` is empty where it came with the product."""

    kind = models.CharField(max_length=20)
    version = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    note = models.CharField(_("说明"), max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()

    objects = TemplateQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "-version"]
        constraints = [models.UniqueConstraint(fields=["kind", "version"], name="a_template_version_is_given_once")]

    def __str__(self) -> str:
        return f"{self.kind}/{self.version}"


@dataclass(frozen=True)
class Draft:
    """A paper as it would be issued now, and the sentences that stand in the way."""

    filled: template.Filled
    blocks: list[typeset.Block]
    title: str
    problems: list[str]

    def pdf(self, *, draft: bool) -> bytes:
        return typeset.pdf_of(self.blocks, title=self.title, draft=draft)


def may_read(case: Dispute, by: User) -> str | None:
    """Why `by` may not read the papers of this case in clear. Raises NotYours for roles that never may.

    A paper names everybody with phone and address, so it opens for those who may see these one by one.
    """
    if by.scope.masked or case.names_hidden_from(by):
        raise NotYours(_g("文书写有姓名、电话和住址，你的岗位只能看到出过哪些。需要的联系责任单位"))
    for party in case.parties.all():
        sentence = party.may_reveal("phone", by)
        if sentence:
            return sentence
    return None


def why_not(case: Dispute, kind: Kind, by: User) -> str | None:
    """Why `by` cannot make out this paper now; None when they can. Raises NotYours for roles that never can."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_g("你的岗位不出文书。需要的联系责任单位"))
    if case.desk_id not in by.scope.desks:
        return _g("这个案件现在由%(desk)s办理，文书由他们出") % {"desk": case.desk.name}
    if case.status in (Status.VOIDED, Status.MERGED):
        return _g("案件已%(status)s，不再出文书") % {"status": case.get_status_display()}
    return may_read(case, by) or kind.why_not(case, agreement_of(case))


def offered(case: Dispute, by: User) -> list[tuple[Kind, str | None]]:
    """Every kind with the sentence why not, for the page of a case; nothing for a role that makes out none."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        return []
    try:
        return [(kind, why_not(case, kind, by)) for kind in kinds().values()]
    except NotYours:
        return []


def initial(kind: Kind, source: Source) -> dict[str, str]:
    """What the case already says of the things that a person is asked."""
    with override("zh-hans"):
        return {ask.key: ask.initial(source) for ask in kind.asks}


def read_case(case: Dispute, kind: Kind, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> Source:
    """The case as papers read it, sealed values opened: logged before anything is read.

    Raises MoveRefused or NotYours.
    """
    sentence = why_not(case, kind, by)
    if sentence:
        raise MoveRefused(sentence)
    with transaction.atomic():
        record(
            action=Action.PRINT, actor=by, county=case.case_no[:6], subject=case.case_no, at=at, request=request,
            detail={"paper": kind.key, "draft": True},
        )  # fmt: skip
    with override("zh-hans"):
        return Source(case, by, at)


def draw_up(kind: Kind, source: Source, asked: Mapping[str, str], *, used: PaperTemplate, number: str = "") -> Draft:
    """The paper filled in, with every problem that would stop its issue."""
    with override("zh-hans"):
        values = {**source.common(), **kind.gather(source)}
        values |= {ask.field: _answer(ask, asked) for ask in kind.asks}
        values["编号"] = number or (_number(kind, source, None) if kind.series else "")
        values["协议编号"] = _agreement_number(source.case)
    content = bytes(used.content)
    filled = template.fill(content, {name: values.get(name, "") for name in kind.fields})
    blocks = typeset.blocks_of(filled.document)
    problems = source.terms_missing() if kind.written else []
    labels = {ask.field: str(ask.label) for ask in kind.asks}
    problems += [_g("缺：%(field)s。补上后再出") % {"field": labels.get(gap, gap)} for gap in filled.gaps]
    problems += _undrawable(values, blocks)
    return Draft(filled, blocks, str(kind.title), problems)


def _answer(ask: Ask, asked: Mapping[str, str]) -> str:
    return asked.get(ask.key, "").strip() or (words.PEN if ask.optional else "")


def _agreement_number(case: Dispute) -> str:
    row = case.papers.filter(round=case.round, kind__in=["agreement", "oral"], voided_at=None).order_by("-pk").first()
    return row.number if row else words.PEN


def _undrawable(values: Mapping[str, Any], blocks: list[typeset.Block]) -> list[str]:
    """A sentence for each character that no font can draw, with the field in which it stands."""
    if not typeset.undrawable(typeset.words_of(blocks)):
        return []
    found = []
    for name, value in values.items():
        rows = value if isinstance(value, list) else [{"": value}]
        for row in rows:
            for key, text in row.items():
                character = typeset.undrawable(text)
                if character:
                    where = f"{name}.{key}" if key else name
                    found.append(_cannot_draw(character, where))
    return list(dict.fromkeys(found)) or [_cannot_draw(typeset.undrawable(typeset.words_of(blocks)), _g("模板"))]


def _cannot_draw(character: str, where: str) -> str:
    return _g("“%(character)s”（U+%(code)s）字库里没有，在“%(where)s”里。装上有这个字的字体，或者改用常用字") % {
        "character": character,
        "code": f"{ord(character):04X}",
        "where": where,
    }


def _number(kind: Kind, source: Source, serial: int | None) -> str:
    text = words.number(source.organisation, kind.series, source.today.year, serial)
    return text if kind.with_year else text.replace(f"〔{source.today.year}〕", "")


class PaperQuerySet(models.QuerySet["Paper"]):
    def visible_to(self, user: User) -> PaperQuerySet:
        """Papers of the cases that `user` may read: the scope rule of the case."""
        condition = user.scope.cases("dispute__")
        return self.none() if condition is None else self.filter(condition)

    def issue(
        self,
        case: Dispute,
        kind: Kind,
        *,
        by: User,
        at: dt.datetime,
        asked: Mapping[str, str],
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> Paper:
        """The paper, numbered, sealed and from now on unchanged; the same `submission` twice is one paper.

        Raises NotYours or MoveRefused (also with what is missing); then no number was taken.
        """
        mine = self.filter(submission=submission, by=by) if submission else self.none()
        return once(mine, lambda: self._issue(case, kind, by, at, asked, submission, request))

    def _issue(
        self,
        case: Dispute,
        kind: Kind,
        by: User,
        at: dt.datetime,
        asked: Mapping[str, str],
        submission: uuid.UUID | None,
        request: HttpRequest | None,
    ) -> Paper:
        used = PaperTemplate.objects.kept(kind.key, at)
        row = Paper(dispute=case, kind=kind.key, template=used, by=by, at=at, submission=submission)
        try:
            with transaction.atomic():
                # as it stands now: a settlement or an escalation that runs at the same time waits, or was there first
                case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
                sentence = why_not(case, kind, by)
                if sentence:
                    raise MoveRefused(sentence)
                with override("zh-hans"):
                    source = Source(case, by, at)
                row.round, row.organisation, row.year = case.round, source.organisation, source.today.year
                if kind.series:
                    year = f"-{row.year}" if kind.with_year else ""
                    row.serial = Counter.take(f"{row.organisation.pk}-{kind.key[:9]}{year}")
                    row.number = _number(kind, source, row.serial)
                draft = draw_up(kind, source, asked, used=used, number=row.number)
                if draft.problems:
                    raise FactsMissing({"problems": "；".join(draft.problems)})
                row._keep(draft)
                facts = {"paper": kind.key, "number": row.number, "sha256": row.pdf_sha256}
                row.event = case.append_event("paper", by=by, at=at, facts=facts, request=request)
                row.save(force_insert=True)
        except BaseException:
            for form in TYPES:
                row.path_of(form).unlink(missing_ok=True)
            raise
        return row


class Paper(models.Model):
    """One issued paper: DOCX and PDF lie sealed on disk, their hashes stand here."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    submission = models.UUIDField(null=True, blank=True, editable=False)
    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="papers")
    event = models.OneToOneField(Event, models.PROTECT, related_name="paper")
    round = models.PositiveSmallIntegerField()
    kind = models.CharField(_("文书"), max_length=20)
    organisation = models.ForeignKey(Office, models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField()
    serial = models.PositiveIntegerField(null=True, blank=True)
    number = models.CharField(_("编号"), max_length=60, blank=True)
    template = models.ForeignKey(PaperTemplate, models.PROTECT, related_name="papers")
    layout_sha256 = models.CharField(max_length=64)
    docx_sha256 = models.CharField(max_length=64)
    pdf_sha256 = models.CharField(max_length=64)
    pages = models.PositiveSmallIntegerField(_("页数"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    voided_at = models.DateTimeField(null=True, blank=True)
    voided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    void_reason = models.CharField(_("作废理由"), max_length=200, blank=True)

    objects = PaperQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind", "year", "serial"],
                condition=Q(serial__isnull=False),
                name="a_paper_number_is_given_once",
            ),
            models.UniqueConstraint(
                fields=["by", "submission"], condition=Q(submission__isnull=False), name="one_paper_per_submission"
            ),
        ]

    def __str__(self) -> str:
        return self.number or f"{self.kind} {self.uid}"

    @property
    def title(self) -> str:
        kind = kinds().get(self.kind)
        return str(kind.title) if kind else self.kind

    @property
    def scans(self) -> list[Any]:
        """Scans of the signed original: attachments that hang on this paper's event."""
        return list(self.event.attachments.all())

    def void_reason_for(self, viewer: User) -> str:
        """The reason as this viewer may read it: a hidden name does not stand in it either."""
        case = self.dispute
        if not (self.void_reason and case.names_hidden_from(viewer)):
            return self.void_reason
        return masking.mask_in(self.void_reason, [party.name for party in case.parties.all()])

    def file_name(self, form: str) -> str:
        """A name that says which case and which paper, and nothing about people."""
        return f"{self.dispute.case_no}-{self.kind}-{self.pk}.{form}"

    def path_of(self, form: str) -> Path:
        folder = Path(settings.VAR_DIR) / "files" / "papers" / self.uid.hex[:2]
        return folder / f"{self.uid.hex}.{form}.sealed"

    def _cell(self, form: str) -> dict[str, Any]:
        return {"table": "disputes_paper", "column": form, "uid": self.uid}

    def _keep(self, draft: Draft) -> None:
        """Seal both files; whoever called removes them again when the transaction fails."""
        contents = {DOCX: draft.filled.docx(), PDF: draft.pdf(draft=False)}
        for form, content in contents.items():
            attachments.write_whole(self.path_of(form), keyring.seal_bytes(content, **self._cell(form)))
        self.layout_sha256 = typeset.layout_hash()
        self.docx_sha256 = hashlib.sha256(contents[DOCX]).hexdigest()
        self.pdf_sha256 = hashlib.sha256(contents[PDF]).hexdigest()
        self.pages = len(PdfReader(io.BytesIO(contents[PDF])).pages)

    def read(self, form: str, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> bytes:
        """The same bytes every time, after the AccessLog row was written; SealBroken when the file was altered."""
        sentence = may_read(self.dispute, by)
        if sentence:
            raise MoveRefused(sentence)
        with transaction.atomic():
            record(
                action=Action.PRINT, actor=by, county=self.dispute.case_no[:6], subject=self.dispute.case_no, at=at,
                request=request, detail={"paper": self.pk, "number": self.number, "form": form},
            )  # fmt: skip
        return self.content(form)

    def content(self, form: str) -> bytes:
        """The stored file, its hash compared. For `read` and for the dossier, which log who reads it."""
        content = keyring.unseal_bytes(self.path_of(form).read_bytes(), **self._cell(form))
        kept = self.docx_sha256 if form == DOCX else self.pdf_sha256
        if hashlib.sha256(content).hexdigest() != kept:
            raise keyring.SealBroken("the file is not the paper that was issued")
        return content

    def why_not_void(self, by: User) -> str | None:
        """Why `by` cannot void this paper. Raises NotYours for roles that never can."""
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不作废文书。需要的联系责任单位"))
        if self.dispute.desk_id not in by.scope.desks:
            return _g("这个案件现在由%(desk)s办理，文书由他们作废") % {"desk": self.dispute.desk.name}
        if self.voided_at is not None:
            return _g("这份文书已经作废")
        return None

    def void(self, *, by: User, at: dt.datetime, reason: str, request: HttpRequest | None = None) -> None:
        """The number stays visible as 作废 with its reason, the files stay as they are."""
        if not reason.strip():
            raise FactsMissing({"reason": _g("写明作废的理由")})
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=self.dispute_id)).get()
            row = locked(Paper.objects.filter(pk=self.pk)).get()
            row.dispute = case
            sentence = row.why_not_void(by)
            if sentence:
                raise MoveRefused(sentence)
            row.voided_at, row.voided_by, row.void_reason = at, by, reason.strip()
            row.save(update_fields=["voided_at", "voided_by", "void_reason"])
            facts = {"paper": row.kind, "number": row.number}
            case.append_event("paper_void", by=by, at=at, text=reason.strip(), facts=facts, request=request)
        self.refresh_from_db()
