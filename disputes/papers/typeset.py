"""The PDF of a paper: the words of its filled-in DOCX, set by typst. What the DOCX says, the PDF says.

Titles, headings, body text and tables are recognised by style or, in a template that somebody wrote themselves, by
alignment, weight and indent. The compiler is kept, one per thread; its own threads do not survive a fork, so a process
that has set a page must not be forked for setting more. Fonts are the vendored ones and those in
PAPER_FONTS_DIR, never those that happen to be installed.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import typst
from django.conf import settings
from docx.document import Document
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph
from fontTools.ttLib import TTCollection, TTFont

Block = dict[str, Any]

LAYOUT = Path(__file__).with_name("paper.typ")
FONTS = Path(__file__).with_name("fonts")
_ALIGNMENTS = {"center": "center", "right": "right", "end": "right", "both": "both", "distribute": "both"}
_thread = threading.local()


@cache
def layout_hash() -> str:
    """SHA-256 of the typst layout that comes with the product; kept with every paper that was set in it."""
    return hashlib.sha256(LAYOUT.read_bytes()).hexdigest()


def font_folders() -> list[Path]:
    """The unit's own fonts first, then the vendored ones."""
    own = settings.PAPER_FONTS_DIR
    return ([Path(own)] if own else []) + [FONTS]


# --- glyphs ----------------------------------------------------------------------------------------------------------
@cache
def drawable() -> frozenset[int]:
    """Every character that some font of the papers can draw."""
    found: set[int] = set()
    for folder in font_folders():
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in (".otf", ".ttf"):
                found.update(TTFont(file, lazy=True).getBestCmap())
            elif file.suffix.lower() in (".ttc", ".otc"):
                for font in TTCollection(file, lazy=True).fonts:
                    found.update(font.getBestCmap())
    return frozenset(found)


def undrawable(text: str) -> str:
    """The first character of `text` that no font can draw; "" when all can be."""
    known = drawable()
    return next((c for c in text if ord(c) not in known and c not in "\n\r\t\a\u200b"), "")


# --- words -----------------------------------------------------------------------------------------------------------
def blocks_of(document: Document) -> list[Block]:
    """What a filled-in DOCX says, in order: lines and tables."""
    return list(_keep_signatures(list(_blocks(document))))


def words_of(blocks: Iterable[Block]) -> str:
    """The bare words, one line each: what tests and searches compare."""
    return "\n".join(
        "".join(run["text"] for run in line["runs"])
        for block in blocks
        for line in (
            [block]
            if "runs" in block
            else [one for row in block.get("rows", ()) for cell in row for one in cell["lines"]]
        )
    )


def _blocks(document: Document) -> Iterator[Block]:
    for element in document.element.body.iterchildren():
        if element.tag == qn("w:p"):
            paragraph = Paragraph(element, document._body)
            if any(br.get(qn("w:type")) == "page" for br in element.iter(qn("w:br"))):
                yield {"kind": "page"}
            if paragraph.text.strip() or not list(element.iter(qn("w:br"))):
                yield _line(paragraph)
        elif element.tag == qn("w:tbl"):
            yield _table(Table(element, document._body))


def _line(paragraph: Paragraph) -> Block:
    style = paragraph.style.name if paragraph.style is not None else ""
    place = _inherited(paragraph, lambda layout: layout.alignment)
    indent = _inherited(paragraph, lambda layout: layout.first_line_indent)
    alignment = _ALIGNMENTS.get(place.to_xml(place) if place is not None else "", "left")
    runs = _runs(paragraph)
    bold = bool(runs) and all(run["bold"] for run in runs)
    size = max((run.font.size.pt for run in paragraph.runs if run.font.size), default=0)
    kind = "line"
    if style in ("文书标题", "Title") or (alignment == "center" and (bold or size >= 20)):
        kind = "title"
    elif style == "文书小标题" or style.startswith("Heading") or (bold and alignment != "center" and len(runs) == 1):
        kind = "heading"
    return {
        "kind": kind,
        "runs": runs,
        "align": alignment,
        "indent": bool(indent and indent > 0),
        "keep": style == "文书签名",
    }


def _inherited(paragraph: Paragraph, ask: Any) -> Any:
    """A layout value of the paragraph, else of its style or what that is based on."""
    value, style = ask(paragraph.paragraph_format), paragraph.style
    while value is None and style is not None:
        value, style = ask(style.paragraph_format), style.base_style
    return value


def _runs(paragraph: Paragraph) -> list[dict[str, Any]]:
    """Neighbouring runs of one look are one: word processors cut them anywhere."""
    runs: list[dict[str, Any]] = []
    for run in paragraph.runs:
        text = run.text.replace("\t", "　　")
        look = {"bold": bool(run.bold), "underline": bool(run.underline)}
        if runs and text and all(runs[-1][key] == value for key, value in look.items()):
            runs[-1]["text"] += text
        elif text:
            runs.append({"text": text, **look})
    return runs


def _table(table: Table) -> Block:
    widths = [column.get(qn("w:w")) for column in table._tbl.tblGrid.iterchildren()]
    rows: list[list[dict[str, Any]]] = []
    running: dict[int, dict[str, Any]] = {}  # column → the cell that goes on downwards
    for row in table._tbl.tr_lst:
        column = 0
        rows.append([])
        for tc in row.tc_lst:
            span = tc.grid_span
            if tc.vMerge == "continue" and column in running:
                running[column]["rowspan"] += 1
            else:
                lines = [_line(Paragraph(p, table)) for p in tc.p_lst]
                words = sum(len(run["text"]) for line in lines for run in line["runs"])
                cell = {"colspan": span, "rowspan": 1, "lines": lines, "long": words > 120}
                rows[-1].append(cell)
                running.pop(column, None)
                if tc.vMerge == "restart":
                    running[column] = cell
            column += span
    return {"kind": "table", "widths": [int(w or 1) for w in widths], "ruled": _ruled(table), "rows": rows,
            "keep": False}  # fmt: skip


def _ruled(table: Table) -> bool:
    borders = table._tbl.tblPr.find(qn("w:tblBorders"))
    if borders is not None:
        return any(side.get(qn("w:val")) not in ("none", "nil", None) for side in borders)
    return table.style is not None and table.style.name != "Normal Table"


def _keep_signatures(blocks: list[Block]) -> Iterator[Block]:
    """Signatures stay with the paragraph before them: they never stand alone on a page."""
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        signs = following is not None and (
            (following["kind"] == "table" and not following["ruled"]) or following.get("keep", False)
        )
        if block["kind"] != "page" and following is not None and following["kind"] != "page":
            block["keep"] = block.get("keep", False) or signs or (block["kind"] == "table" and not block["ruled"])
        elif "keep" in block:
            block["keep"] = False
        yield block


# --- setting ---------------------------------------------------------------------------------------------------------
def pdf_of(blocks: list[Block], *, title: str, draft: bool = False, numbered: bool = True) -> bytes:
    """The blocks as a PDF of A4 pages; the same blocks give the same bytes."""
    paper = {"blocks": blocks, "title": title, "draft": draft, "numbered": numbered}
    return compiled(LAYOUT, {"paper": json.dumps(paper, ensure_ascii=False)})


def compiled(layout: Path, inputs: dict[str, str]) -> bytes:
    """One of our layouts with its data."""
    compilers = _thread.__dict__.setdefault("compilers", {})
    if layout not in compilers:
        compilers[layout] = typst.Compiler(
            str(layout), root=str(layout.parent), font_paths=_fonts(), ignore_system_fonts=True
        )
    pdf = compilers[layout].compile(format="pdf", sys_inputs=inputs, timestamp=0)
    assert isinstance(pdf, bytes)
    return pdf


@cache
def _fonts() -> typst.Fonts:
    folders: list[Any] = [str(folder) for folder in font_folders()]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)
