"""The dossier of a case (调解卷宗): cover, index, papers and files in the order of the 2010 notice, one numbered PDF.

It is put together anew each time from pieces that never change. What belongs in it but is missing is named.
"""

from __future__ import annotations

import datetime as dt
import io
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from pypdf import PageObject, PdfReader, PdfWriter, Transformation
from pypdf.errors import PyPdfError

from audit.models import Action, record
from disputes import attachments
from disputes.models import Attachment, Dispute, MoveRefused, NotYours
from disputes.papers import pictures, template, typeset
from disputes.papers.kinds import COVER, ROWS, is_mediated, kinds
from disputes.papers.models import Paper, PaperTemplate, agreement_of, may_read
from villages.models import DESK_ROLES, User

if TYPE_CHECKING:
    from django.http import HttpRequest

STAMP = Path(__file__).with_name("stamp.typ")


class Filing(models.Model):
    """Where a file of the case stands in the dossier: identity papers, evidence, receipts. Others stay out."""

    attachment = models.OneToOneField(Attachment, models.CASCADE, related_name="filing")
    row = models.PositiveSmallIntegerField(_("卷内位置"), choices=[(n, name) for n, (name, _star) in ROWS.items()])
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    @classmethod
    def why_not(cls, case: Dispute, by: User) -> str | None:
        """Why `by` cannot file anything now; None when they can. Raises NotYours for roles that never can."""
        return attachments.may_attach(case, by) or (
            _g("这个案件现在由%(desk)s办理，由他们立卷") % {"desk": case.desk.name}
            if case.desk_id not in by.scope.desks
            else None
        )

    @classmethod
    def place(
        cls, attachment: Attachment, row: int | None, *, by: User, at: dt.datetime, request: HttpRequest | None = None
    ) -> None:
        """Put a file at a row of the index; None takes it out again."""
        case = attachment.dispute
        assert case is not None  # a photo of a capture is bound with the case that came of it, not filed
        sentence = cls.why_not(case, by)
        if sentence:
            raise MoveRefused(sentence)
        with transaction.atomic():
            if row is None:
                cls.objects.filter(attachment=attachment).delete()
            else:
                cls.objects.update_or_create(attachment=attachment, defaults={"row": row, "by": by, "at": at})
            record(
                action=Action.EDIT, actor=by, county=case.case_no[:6], subject=case.case_no, at=at, request=request,
                detail={"attachment": attachment.pk, "filed": row},
            )  # fmt: skip


@dataclass
class Piece:
    """One thing in the dossier; `page` is where it begins, counted from the first page after the index."""

    row: int
    title: str
    paper: Paper | None = None
    file: Attachment | None = None
    pages: list[PageObject] = field(default_factory=list)
    page: int = 0
    problem: str = ""

    @property
    def span(self) -> str:
        last = self.page + len(self.pages) - 1
        return "" if not self.pages else f"{self.page}" if last == self.page else f"{self.page}-{last}"


@dataclass
class Dossier:
    """What would be bound, in order, and what is missing."""

    case: Dispute
    pieces: list[Piece]

    @property
    def missing(self) -> list[str]:
        """The ★ rows of the index without anything, and the cover."""
        there = {piece.row for piece in self.pieces}
        names = [] if COVER in there else [str(kinds()["cover"].title)]
        return names + [name for number, (name, star) in ROWS.items() if star and number not in there]

    @property
    def problems(self) -> list[str]:
        return [f"{piece.title}：{piece.problem}" for piece in self.pieces if piece.problem]


def why_not(case: Dispute, by: User) -> str | None:
    """Why `by` cannot have the dossier; None when they can. Raises NotYours for roles that never can."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_g("你的岗位不看卷宗。需要的联系责任单位"))
    return may_read(case, by) or is_mediated(case, agreement_of(case))


def contents(case: Dispute) -> Dossier:
    """What stands in the dossier now; nothing is opened yet."""
    order = {key: number for number, key in enumerate(kinds())}
    rows = case.papers.filter(voided_at=None).select_related("event").prefetch_related("event__attachments")
    papers = sorted(rows, key=lambda paper: (order.get(paper.kind, 99), paper.pk))
    pieces: list[Piece] = []
    for paper in papers:
        kind = kinds().get(paper.kind)
        place = kind.row if kind else max(ROWS) - 1
        pieces.append(Piece(place, paper.title, paper=paper))
        pieces += [
            Piece(place, _g("%(title)s（签名原件）") % {"title": paper.title}, file=scan) for scan in paper.scans
        ]
    filed = Filing.objects.filter(attachment__dispute=case).select_related("attachment").order_by("row", "pk")
    pieces += [Piece(one.row, ROWS[one.row][0], file=one.attachment) for one in filed]
    return Dossier(case, sorted(pieces, key=lambda piece: piece.row))


def bind(case: Dispute, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> tuple[bytes, Dossier]:
    """The whole dossier as one PDF, and what it holds. Raises MoveRefused or NotYours."""
    sentence = why_not(case, by)
    if sentence:
        raise MoveRefused(sentence)
    dossier = contents(case)
    if not dossier.pieces:
        raise MoveRefused(_g("卷里还没有文书，先出申请书或受理登记表"))
    with transaction.atomic():
        record(
            action=Action.PRINT, actor=by, county=case.case_no[:6], subject=case.case_no, at=at, request=request,
            detail={"dossier": len(dossier.pieces), "missing": len(dossier.missing)},
        )  # fmt: skip
    for piece in dossier.pieces:
        _open(piece)
    number = 1
    for piece in dossier.pieces:
        if piece.row != COVER:
            piece.page, number = number, number + len(piece.pages)
    writer = PdfWriter()
    for piece in dossier.pieces:
        if piece.row == COVER:
            _append(writer, piece.pages)
    _append(writer, PdfReader(io.BytesIO(_index(dossier))).pages)
    body = [page for piece in dossier.pieces if piece.row != COVER for page in piece.pages]
    if body:
        stamps = PdfReader(io.BytesIO(_stamps(len(body)))).pages
        for page, stamp in zip(body, stamps, strict=True):
            added = writer.add_page(page)
            _stamp(added, stamp)
    writer.compress_identical_objects(remove_duplicates=True, remove_unreferenced=True)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue(), dossier


def _append(writer: PdfWriter, pages: Any) -> None:
    for page in pages:
        writer.add_page(page)


def _open(piece: Piece) -> None:
    """The pages of one piece; what cannot be bound says why and stays out."""
    if piece.paper is not None:
        piece.pages = list(PdfReader(io.BytesIO(piece.paper.content("pdf"))).pages)
        return
    assert piece.file is not None
    content = attachments.content_of(piece.file)
    try:
        kind = piece.file.content_type
        pdf = content if kind == "application/pdf" else pictures.page_of(kind, content)
        piece.pages = list(PdfReader(io.BytesIO(pdf)).pages)
        for page in piece.pages:  # forms, links and scripts of a file from outside stay out
            for key in ("/Annots", "/AA"):
                page.pop(key, None)
    except (PyPdfError, MoveRefused, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error,
            zlib.error) as error:  # fmt: skip
        sentence = error.sentence if isinstance(error, MoveRefused) else _g("打不开，没有装进卷里")
        piece.pages, piece.problem = [], sentence


def _index(dossier: Dossier) -> bytes:
    """卷内目录 with the page of each piece, set from the template of the index."""
    rows = [
        {"序号": str(number), "文书名称": piece.title, "页号": piece.span, "备注": piece.problem}
        for number, piece in enumerate((p for p in dossier.pieces if p.row != COVER), start=1)
    ]
    rows += [
        {"序号": "—", "文书名称": name, "页号": "", "备注": "缺"} for name in dossier.missing if name != "卷宗封面"
    ]
    used = PaperTemplate.objects.current("index")
    filled = template.fill(bytes(used.content), {"目录": rows, "案号": dossier.case.case_no})
    return typeset.pdf_of(typeset.blocks_of(filled.document), title="卷内目录", numbered=False)


def _stamps(count: int) -> bytes:
    """Pages that bear nothing but their number, in the upper right corner as dossiers are numbered."""
    return typeset.compiled(STAMP, {"pages": str(count)})


def _stamp(page: PageObject, stamp: PageObject) -> None:
    """Put a number on a page of any size, turned pages too."""
    if page.rotation:
        page.transfer_rotation_to_content()
    box = page.mediabox
    scale = float(box.width) / float(stamp.mediabox.width)
    shift = float(box.top) - float(stamp.mediabox.height) * scale
    page.merge_transformed_page(stamp, Transformation().scale(scale).translate(float(box.left), shift))
