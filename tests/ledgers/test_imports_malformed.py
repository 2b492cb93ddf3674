"""Whatever is brought: every line is accounted for or the file is refused with a sentence, and nothing falls over."""

from __future__ import annotations

import io
import subprocess
import sys
import time
import zipfile

import openpyxl
import pytest
from django.core.files.base import ContentFile

from disputes.attachments import FileRefused
from disputes.models import Dispute, MoveRefused
from ledgers.imports import doors, reader, reading
from ledgers.imports.models import ImportBatch
from tests import factories as f
from tests.ledgers.malformed import ledger

NOW = f.NOW


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.full)])
def test_every_line_of_a_malformed_ledger_is_accounted_for(w, monkeypatch, count):
    refused = written = lines = 0
    apart = reading.answers
    for n in range(count):
        name, content, must_refuse = ledger(n)
        # to start a process costs more than to read a small file: one in ten is read where it really is
        monkeypatch.setattr(reading, "answers", reader.answers if n % 10 else apart)
        try:
            batch = doors.take_file(ContentFile(content, name=name), by=w.supervisor, at=NOW)
        except FileRefused as error:
            assert str(error)
            refused += 1
            continue
        assert not must_refuse, name
        try:
            doors.check(batch, at=NOW, columns={}, in_background=False)
        except MoveRefused as error:  # no column that tells a story
            assert error.sentence
            continue
        batch.refresh_from_db()
        assert batch.state == ImportBatch.State.CHECKED
        assert batch.rows == batch.ready + batch.refused + batch.skipped == batch.lines.count(), name
        for row in batch.lines.filter(verdict="refused"):
            assert row.line >= 1 and row.codes and all(text for _c, _k, text in row.content(batch)["problems"]), name
        lines += batch.rows
        if batch.ready:
            doors.commit_now(batch, at=NOW)
            batch.refresh_from_db()
            assert batch.state == ImportBatch.State.RELEASED and batch.holds
            assert Dispute.objects.filter(entered_from=batch.pk, hidden=False).count() == batch.ready
            written += batch.ready
    print({"files": count, "refused": refused, "lines": lines, "written": written})
    assert refused > count / 10 and written > count and lines > 5 * count


# --- files that want something else -----------------------------------------------------------------------------------
def workbook(rows: int = 3) -> bytes:
    book = openpyxl.Workbook()
    for n in range(rows):
        book.active.append([f"a{n}", "简要情况"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_member(name: str, content: bytes, base: bytes | None = None) -> bytes:
    """The workbook with one part replaced or added."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(base or workbook())) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as to,
    ):
        for member in source.namelist():
            if member != name:
                to.writestr(member, source.read(member))
        to.writestr(name, content)
    return out.getvalue()


def empty_rows() -> bytes:
    """1,048,576 rows with a formatted cell and nothing in it: what a format of a whole column leaves behind."""
    head = (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="0"/></row>' for n in range(1, 2**20 + 1))
    return with_member("xl/worksheets/sheet1.xml", (head + rows + "</sheetData></worksheet>").encode())


def last_row() -> bytes:
    """One cell at the far corner of the sheet."""
    head = (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    row = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return with_member("xl/worksheets/sheet1.xml", (head + row + "</sheetData></worksheet>").encode())


def laughs() -> bytes:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    sheet = f'<?xml version="1.0"?><!DOCTYPE s [{entities}]><worksheet><sheetData>&a9;</sheetData></worksheet>'
    return with_member("xl/worksheets/sheet1.xml", sheet.encode())


def bomb() -> bytes:
    return with_member("xl/worksheets/sheet1.xml", b"<worksheet>" + b" " * (220 * 2**20) + b"</worksheet>")


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
HOSTILE = {
    "password.xlsx": (lambda: OLE + "EncryptedPackage".encode("utf-16-le"), "加了密码"),
    "password.xls": (lambda: OLE + "EncryptedPackage".encode("utf-16-le"), "加了密码"),
    "macros.xls": (lambda: OLE + "_VBA_PROJECT".encode("utf-16-le"), "有宏"),
    "macros.xlsm": (workbook, "有宏"),
    "macros.xlsx": (lambda: with_member("xl/vbaProject.bin", b"x"), "有宏"),
    "cut.xlsx": (lambda: workbook()[:-200], "损坏"),
    "short.xls": (lambda: OLE, "损坏"),
    "web.xlsx": (lambda: b"<html><table><tr><td>1</td></tr></table></html>", "对不上"),
    "web.csv": (lambda: b"<!DOCTYPE html><html></html>", "对不上"),
    "book.csv": (workbook, "对不上"),
    "book.xls": (workbook, "对不上"),
    "program.csv": (lambda: b"MZ\x90\x00" + bytes(100), "对不上"),
    "latin.csv": (lambda: b"\xff\x81\xff,\x80\x80", "认不出来"),
    "empty_rows.xlsx": (empty_rows, "没有内容"),
    "last_row.xlsx": (last_row, "太"),
    "laughs.xlsx": (laughs, "内部结构"),
    "bomb.xlsx": (bomb, "太大"),
    "outside.xlsx": (lambda: with_member("xl/connections.xml", b"<connections/>"), "连到外面"),
    "nothing.xlsx": (lambda: workbook(0), "没有内容"),
    "zero.xlsx": (lambda: b"", "是空的"),
    "wide.csv": (lambda: b"a," * 5000, "太多"),
    "long.csv": (lambda: b"a\n" * 70_000, "太多"),
    "cell.csv": (lambda: b"a" * 40_000, "损坏"),
    "picture.png": (lambda: b"\x89PNG", "不能导入"),
    "../../up.xlsx": (workbook, "上级目录"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gets_a_sentence_in_bounded_time_and_memory(name):
    make, word = HOSTILE[name]
    content = make()
    began = time.monotonic()
    file = ContentFile(content, name=name.rpartition("/")[2])
    if "/" in name:
        file.name = name
    try:
        reading.read(file)
    except FileRefused as refused:
        assert word in str(refused)
    else:
        raise AssertionError(f"{name} was read")
    assert time.monotonic() - began < reading.READER_SECONDS  # and what it may hold is bounded: see below


@pytest.mark.parametrize("deed", ["print('x', file=open('{path}', 'w'), flush=True)", "bytearray(500 * 2**20)"])
def test_the_reader_has_bounds(tmp_path, deed):
    """After its limits stand it can neither write a file nor hold half a gigabyte."""
    code = (
        "import sys, runpy\n"
        "sys.argv = ['reader', 'csv']\n"
        f"runpy.run_path({str(reading.READER)!r}, run_name='reader')['main']()\n"
        f"{deed.format(path=tmp_path / 'x')}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"a,b\n", capture_output=True, check=False)
    assert done.returncode != 0
    assert not (tmp_path / "x").exists() or (tmp_path / "x").stat().st_size == 0


def test_a_workbook_that_holds_only_what_it_should_is_read():
    assert reading.parse("xlsx", workbook())[0] == ""
