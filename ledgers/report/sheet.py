"""The monthly report as a workbook: the blocks of the page one below the other, numbers as numbers."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import xlsxwriter

from ledgers.report.blocks import Block


def write(path: Path, title: str, blocks: list[Block]) -> None:
    """No cell ever becomes a formula: every text is written as a string."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(path, {**options, "strings_to_numbers": False, "tmpdir": tempfile.gettempdir()})
    page = book.add_worksheet("月报")
    page.set_landscape()
    page.set_paper(9)
    page.set_column(0, 0, 28)
    page.set_column(1, 8, 15)
    bold = book.add_format({"bold": True})
    head = book.add_format({"bold": True, "border": 1, "text_wrap": True})
    plain, money = book.add_format({"border": 1}), book.add_format({"border": 1, "num_format": "#,##0.00"})
    page.write_string(0, 0, title, book.add_format({"bold": True, "font_size": 16}))
    line = 2
    for block in blocks:
        page.write_string(line, 0, block.title, bold)
        for at, label in enumerate(block.head):
            page.write_string(line + 1, at, label, head)
        line += 2
        for row in block.rows:
            for at, cell in enumerate(row):
                if isinstance(cell.value, str):
                    page.write_string(line, at, cell.value, plain)
                else:
                    page.write_number(line, at, float(cell.value), money if isinstance(cell.value, Decimal) else plain)
            line += 1
        if block.note:
            page.write_string(line, 0, block.note)
            line += 1
        line += 1
    book.close()
