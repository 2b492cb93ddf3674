"""The dossier: order, page numbers, what is missing, and files from outside."""

from __future__ import annotations

import datetime as dt
import io
import struct
import time
import zlib
from unittest.mock import patch

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pypdf import PdfReader, PdfWriter

from audit.models import AccessLog
from disputes import attachments
from disputes.models import MoveRefused, NotYours
from disputes.papers import dossier as dossiers
from disputes.papers import pictures
from disputes.papers.dossier import Filing
from tests import factories
from tests.disputes.papers.test_papers import issue, text_of, written
from tests.factories import NOW
from tests.samples import JPG

pytestmark = pytest.mark.django_db


@pytest.fixture
def w():
    return factories.world()


def pdf(pages: int, *, turned: int = 0) -> bytes:
    writer = PdfWriter()
    for _n in range(pages):
        page = writer.add_blank_page(595, 842)
        if turned:
            page.rotate(turned)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def png(width: int = 2, height: int = 2, colour: int = 2) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + b"\x10\x80\xf0\xff"[: 3 if colour == 2 else 4] * width for _n in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg(turn: int = 1) -> bytes:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, turn, 0) + b"\0\0\0\0"
    frame = struct.pack(">BHHB", 8, 30, 40, 3) + b"\x01\x11\0\x02\x11\0\x03\x11\0"

    def segment(marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    return b"\xff\xd8" + segment(0xE1, exif) + segment(0xC0, frame) + b"\xff\xda\0\x02\xff\xd9"


def attached(case, w, name: str, content: bytes, row: int | None = None):
    file = attachments.attach(case, w.assistant, NOW, SimpleUploadedFile(name, content))
    if row:
        Filing.place(file, row, by=w.assistant, at=NOW)
    return file


def kept_long_ago(case, w, name: str, content: bytes, row: int):
    """A file of the days before files were looked into: today it would be refused at the door."""
    known = (name, attachments.TYPES[name.rpartition(".")[2]], content, {})
    with patch.object(attachments, "judge", lambda file, only: known):
        return attached(case, w, name, content, row)


def bound(case, w):
    return dossiers.bind(case, by=w.assistant, at=NOW)


def test_everything_in_order_with_its_page_number(w, tmp_path) -> None:
    case = written(w)
    for key in ("agreement", "session", "rights_notice", "acceptance", "cover", "back_cover"):
        issue(case, key, w.assistant)
    attached(case, w, "身份证.jpg", JPG, 3)
    content, found = bound(case, w)
    assert [piece.row for piece in found.pieces] == [0, 1, 2, 3, 7, 8, 13]
    assert (found.missing, found.problems) == ([], [])
    pages = PdfReader(io.BytesIO(content)).pages
    body = sum(len(piece.pages) for piece in found.pieces if piece.row)
    assert len(pages) == 1 + 1 + body
    read = text_of(content, tmp_path)
    assert read.index("调解卷宗") < read.index("卷内目录") < read.index("人民调解受理登记表")
    assert read.index("人民调解记录") < read.index("人民调解协议书") < read.rindex("封底")
    numbered = [page.extract_text().strip().split("\n") for page in pages[2:]]
    assert all(str(number) in lines for number, lines in enumerate(numbered, start=1))
    assert f"权利义务告知书{found.pieces[2].span}" in read
    assert AccessLog.objects.filter(action="print", detail__dossier=7).count() == 1


def test_what_is_missing_is_named(w, tmp_path) -> None:
    case = written(w)
    issue(case, "acceptance", w.assistant)
    content, found = bound(case, w)
    assert found.missing == ["卷宗封面", "权利义务告知书", "身份证明", "调解记录", "调解协议书", "封底"]
    assert "身份证明缺" in text_of(content, tmp_path)


def test_a_voided_paper_is_not_bound_and_a_signed_scan_follows_its_paper(w) -> None:
    case = written(w)
    issue(case, "agreement", w.assistant).void(by=w.assistant, at=NOW, reason="金额写错")
    row = issue(case, "agreement", w.assistant)
    attachments.attach(case, w.assistant, NOW, SimpleUploadedFile("签字.pdf", pdf(2, turned=90)), event=row.event)
    pieces = dossiers.contents(case).pieces
    assert [(piece.paper, piece.title) for piece in pieces] == [
        (row, "调解协议书"),
        (None, "调解协议书（签名原件）"),
    ]
    content, found = bound(case, w)
    assert found.pieces[1].span == "3-4"
    assert len(PdfReader(io.BytesIO(content)).pages) == 1 + 2 + 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"%PDF-1.7 nothing more"),
        ("a.pdf", b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 1 0 R>>endobj\ntrailer<</Root 1 0 R>>"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40),
        ("a.png", png(colour=6)),
        ("a.png", png(100_000, 1)),
        ("a.jpg", b"\xff\xd8\xff\xe0\0\x02"),
        ("a.jpg", b"\xff\xd8\xff"),
        ("a.webp", b"RIFF\0\0\0\0WEBP"),
    ],
)
def test_what_cannot_be_bound_is_named_and_the_rest_is_bound(w, name, content) -> None:
    case = written(w)
    issue(case, "acceptance", w.assistant)
    kept_long_ago(case, w, name, content, 6)
    result, found = bound(case, w)
    assert len(found.problems) == 1 and found.problems[0].startswith("证据材料：")
    assert len(PdfReader(io.BytesIO(result)).pages) == 2


def test_a_locked_pdf_is_named(w) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(1))))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    case = written(w)
    issue(case, "acceptance", w.assistant)
    kept_long_ago(case, w, "锁.pdf", out.getvalue(), 6)
    assert len(bound(case, w)[1].problems) == 1


def test_pictures_become_pages(w) -> None:
    for kind, content in (("image/png", png()), ("image/jpeg", jpeg(1)), ("image/jpeg", jpeg(6))):
        page = PdfReader(io.BytesIO(pictures.page_of(kind, content))).pages[0]
        assert "/P" in page["/Resources"]["/XObject"]
    assert (
        "0.00 -"
        in PdfReader(io.BytesIO(pictures.page_of("image/jpeg", jpeg(6)))).pages[0].get_contents().get_data().decode()
    )


def test_who_may_have_the_dossier(w) -> None:
    case = written(w)
    with pytest.raises(MoveRefused):
        bound(case, w)  # nothing in it yet
    issue(case, "acceptance", w.assistant)
    with pytest.raises(NotYours):
        dossiers.bind(case, by=w.supervisor, at=NOW)
    file = attached(case, w, "身份证.pdf", pdf(1))
    with pytest.raises(MoveRefused):
        Filing.place(file, 3, by=w.officer, at=NOW)
    Filing.place(file, 3, by=w.assistant, at=NOW)
    Filing.place(file, None, by=w.assistant, at=NOW)
    assert not Filing.objects.exists()


def test_a_dossier_of_thirty_pages_in_less_than_a_second(w) -> None:
    case = written(w)
    for key in ("cover", "acceptance", "rights_notice", "session", "agreement", "back_cover"):
        issue(case, key, w.assistant)
    attached(case, w, "证据.pdf", pdf(24), 6)
    bound(case, w)  # compilers and fonts are kept
    best = dt.timedelta.max
    for _n in range(3):
        began = time.perf_counter()
        content, _found = bound(case, w)
        best = min(best, dt.timedelta(seconds=time.perf_counter() - began))
    assert len(PdfReader(io.BytesIO(content)).pages) >= 30
    assert best < dt.timedelta(seconds=1)
