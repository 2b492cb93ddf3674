"""The templates that come with the product: one readable text per paper, made into a DOCX with official styles.

A line's beginning is its style: `# ` title, `## ` heading, `> ` right, `| ` without indent, `= ` centred; `+ a | b` is
a row of a ruled table and `: a | b` of one for signatures, the first row giving the widths as numbers (`+ 3 5`); a cell
`<` belongs to the cell on its left. Everything else is body text: A4, 仿宋 16 pt on 28 pt, two characters of indent
(党政机关公文格式 GB/T 9704, published practice).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

FOLDER = Path(__file__).with_name("shipped")
#: The unit's own fonts; they are not free to ship, so the DOCX names them and the PDF is set in free ones.
SONG, FANG, HEI = "方正小标宋简体", "仿宋_GB2312", "黑体"
TEXT_WIDTH = Mm(156)
LEFT, RIGHT, CENTRE = WD_ALIGN_PARAGRAPH.LEFT, WD_ALIGN_PARAGRAPH.RIGHT, WD_ALIGN_PARAGRAPH.CENTER

#: style → (font, size in pt, alignment, first-line indent in characters)
STYLES = {
    "文书标题": (SONG, 22, CENTRE, 0),
    "文书小标题": (HEI, 16, LEFT, 2),
    "文书正文": (FANG, 16, WD_ALIGN_PARAGRAPH.JUSTIFY, 2),
    "文书顶格": (FANG, 16, LEFT, 0),
    "文书居中": (FANG, 16, CENTRE, 0),
    "文书靠右": (FANG, 16, RIGHT, 0),
    "文书签名": (FANG, 16, LEFT, 0),
    "文书表格": (FANG, 14, LEFT, 0),
}
BEGINNINGS = {
    "# ": "文书标题",
    "## ": "文书小标题",
    "> ": "文书靠右",
    "| ": "文书顶格",
    "= ": "文书居中",
}


@cache
def docx_of(kind: str) -> bytes:
    """The shipped template of a paper, the same bytes on every call and every machine."""
    return docx_from((FOLDER / f"{kind}.txt").read_text(encoding="utf-8"))


def docx_from(text: str) -> bytes:
    """A template written as the head of this module says, as DOCX."""
    document = Document()
    _bare(document)
    _page(document)
    _styles(document)
    lines = text.rstrip("\n").split("\n")
    for mark, group in groupby(lines, key=lambda line: line[:2] if line[:2] in ("+ ", ": ") else ""):
        if mark:
            _table(document, [line[2:] for line in group], ruled=mark == "+ ")
        else:
            for line in group:
                _line(document, line)
    out = io.BytesIO()
    document.save(out)
    return _same_bytes(out.getvalue())


#: What python-docx's own template carries besides text and styles.
BALLAST = ("stylesWithEffects", "thumbnail", "customXml", "webSettings", "numbering", "theme")
KEPT_STYLES = ("Normal", "Default Paragraph Font", "Normal Table", "No List", "Table Grid")


def _bare(document: Any) -> None:
    """Without 160 styles and a preview picture that no paper uses: smaller, and several times faster to fill in."""
    for style in list(document.styles.element.style_lst):
        if style.name_val not in KEPT_STYLES:
            style.getparent().remove(style)
    for rels in (document.part.package.rels, document.part.rels):
        for key in [key for key, rel in rels.items() if rel.reltype.rsplit("/", 1)[-1] in BALLAST]:
            del rels[key]


def _page(document: Any) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)


def _styles(document: Any) -> None:
    for name, (font, size, alignment, indent) in STYLES.items():
        style = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Normal"]
        style.font.name, style.font.size = "Times New Roman", Pt(size)
        style.element.rPr.rFonts.set(qn("w:eastAsia"), font)
        layout = style.paragraph_format
        layout.alignment = alignment
        layout.space_before = layout.space_after = Pt(0)
        if name == "文书标题":
            layout.space_after, layout.line_spacing = Pt(14), 1.2
        elif name == "文书表格":
            layout.line_spacing_rule, layout.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(22)
        else:
            layout.line_spacing_rule, layout.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(28)
        if indent:
            layout.first_line_indent = Pt(size * indent)
        layout.keep_with_next = name in ("文书标题", "文书小标题", "文书签名")


def _line(document: Any, line: str) -> None:
    for beginning, style in BEGINNINGS.items():
        if line.startswith(beginning):
            document.add_paragraph(line.removeprefix(beginning), style)
            return
    document.add_paragraph(line, "文书正文")


def _table(document: Any, rows: list[str], *, ruled: bool) -> None:
    widths = [int(width) for width in rows[0].split()]
    table = document.add_table(rows=0, cols=len(widths), style="Table Grid" if ruled else None)
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = int(TEXT_WIDTH * width / sum(widths))
    for text in rows[1:]:
        row = table.add_row()
        cells = list(_spans(re.split(r" \| ", text), len(widths)))
        for first, last, words in cells:
            cell = row.cells[first] if first == last else row.cells[first].merge(row.cells[last])
            cell.width = int(TEXT_WIDTH * sum(widths[first : last + 1]) / sum(widths))
            paragraph = cell.paragraphs[0]
            paragraph.style = document.styles["文书表格" if ruled else "文书签名"]
            paragraph.text = words


def _spans(cells: list[str], width: int) -> Iterator[tuple[int, int, str]]:
    """(first column, last column, words) of a row; `<` widens the cell before it."""
    cells = [cell.strip() for cell in cells] + ["<"] * (width - len(cells))
    first = 0
    for column in range(1, width + 1):
        if column == width or cells[column] != "<":
            yield first, column - 1, cells[first]
            first = column


def _same_bytes(content: bytes) -> bytes:
    """The package without the moment at which it was made."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), before.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()
