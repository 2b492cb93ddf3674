"""Rows copied from WPS or Excel: tab-separated cells → rows of captures, each judged by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import codes, parsing
from disputes.field.forms import side
from disputes.field.models import MOST_ROWS, Capture

#: Columns in the order of the form: field, label, and the heads by which it is known in people's own tables.
COLUMNS: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("side_a", _("甲方"), ("甲方", "当事人甲", "当事人", "申请人", "姓名")),
    ("side_b", _("乙方"), ("乙方", "当事人乙", "对方", "被申请人")),
    ("kind", _("什么事"), ("什么事", "纠纷类型", "类型", "类别")),
    ("words", _("一句话情况"), ("一句话情况", "情况", "简要情况", "基本情况", "纠纷情况", "事由")),
    ("found", _("现场结果"), ("现场结果", "处理结果", "结果")),
    ("may_escalate", _("可能激化"), ("可能激化", "是否可能激化")),
    ("place", _("地点"), ("地点", "发生地点", "位置")),
)
NAMES = tuple(name for name, _label, _heads in COLUMNS)
HEADS = {head: name for name, _label, heads in COLUMNS for head in heads}
FOUND = {
    "当场化解": "calm", "已化解": "calm", "当场说开": "calm",
    "需要跟进": "follow", "跟进": "follow",
    "需要上报": "up", "上报": "up",
}  # fmt: skip
YES, NO = ("是", "有", "可能", "√", "1", "y", "yes"), ("", "否", "无", "没有", "0", "n", "no", "×")

#: One cell: quoted as Excel copies what holds a line break, a tab or a quote, else up to the next tab or line break.
_CELL = re.compile(r'"((?:[^"]|"")*)"(?=[\t\n]|\Z)|([^\t\n]*)')


@dataclass
class Row:
    """One row: its cells as they were typed, what they mean, and what is wrong with which."""

    number: int
    cells: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    skip: bool = False

    @property
    def boxes(self) -> list[dict[str, Any]]:
        """What the preview draws."""
        return [
            {"name": name, "label": label, "value": self.cells[name], "error": self.errors.get(name, "")}
            for name, label, _heads in COLUMNS
        ]


@dataclass
class Table:
    """Everything that was pasted; `unused` are heads that no field takes."""

    rows: list[Row]
    unused: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def wrong(self) -> list[Row]:
        return [row for row in self.rows if row.errors and not row.skip]


def cells_of(text: str) -> list[list[str]]:
    """Rows of stripped cells, rows without any content left out; text that is quoted keeps its line breaks."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    rows: list[list[str]] = [[]]
    place = 0
    while place <= len(text):
        match = _CELL.match(text, place)
        assert match is not None  # the second branch takes the empty cell, too
        quoted, plain = match.groups()
        rows[-1].append((plain if quoted is None else quoted.replace('""', '"')).strip())
        place = match.end()
        if place < len(text) and text[place] == "\n":
            rows.append([])
        place += 1
    return [row for row in rows if any(row)]


def read(text: str) -> Table:
    """What was pasted, laid out in our columns by its heads, or in the order of the form where it has none.

    Raises ValidationError when there is nothing, or more than fits.
    """
    rows = cells_of(text)
    unused: list[str] = []
    heads = [HEADS.get(re.sub(r"[\s*：:]", "", cell)) for cell in rows[0]] if rows else []
    known = [name for name in heads if name]
    if len(set(known)) > 1 or (known and len(heads) == 1):
        unused = [cell for cell, name in zip(rows[0], heads, strict=True) if cell and not name]
        order, rows = heads, rows[1:]
    elif rows and max(map(len, rows)) == 1:
        order = ["words"]
    else:
        order = list(NAMES)
    if not rows:
        raise ValidationError(_g("没有读到内容。在表格里选中几行，复制后粘贴到这里"))
    if len(rows) > MOST_ROWS:
        raise ValidationError(
            _g("一次最多 %(most)d 行，现在是 %(n)d 行。分几次粘贴") % {"most": MOST_ROWS, "n": len(rows)}
        )
    laid = []
    for row in rows:
        cells = dict.fromkeys(NAMES, "")
        for name, cell in zip(order, row, strict=False):
            if name:  # the first of two columns that mean the same
                cells[name] = cells[name] or cell
        laid.append(cells)
    return Table(_judged(laid, set()), unused)


def again(data: Mapping[str, Any]) -> Table:
    """The preview as it came back, with cells corrected and rows skipped."""
    count = min(int(data["rows"]), MOST_ROWS) if str(data["rows"]).isdecimal() and len(data["rows"]) < 4 else 0
    laid = [{name: data.get(f"c{n}-{name}", "") for name in NAMES} for n in range(1, count + 1)]
    return Table(_judged(laid, {n for n in range(1, count + 1) if data.get(f"skip{n}")}))


def _judged(laid: list[dict[str, str]], skipped: set[int]) -> list[Row]:
    kinds = _Kinds()
    readers: dict[str, Callable[[str], Any]] = {
        "side_a": side,
        "side_b": side,
        "kind": kinds.read,
        "words": _words,
        "found": _found,
        "may_escalate": _may_escalate,
        "place": lambda raw: parsing.text(raw, limit=200),
    }
    rows = []
    for number, cells in enumerate(laid, 1):
        row = Row(number, cells, skip=number in skipped)
        for name, reader in readers.items():
            try:
                row.facts[name] = reader(cells[name])
            except ValidationError as error:
                row.errors[name] = " ".join(error.messages)
        rows.append(row)
    return rows


class _Kinds:
    """Types by their code, their name, or the one name that contains what was written."""

    def __init__(self) -> None:
        known = codes.Codes()
        self.offered = dict(known.offered[codes.TYPE_L1] + known.offered[codes.TYPE_L2])

    def read(self, raw: str) -> str:
        value = parsing.text(raw, limit=50)
        if not value or value in self.offered:
            return value
        exact = [code for code, name in self.offered.items() if value in (name, name.removesuffix("纠纷"))]
        near = exact or [code for code, name in self.offered.items() if value.removesuffix("纠纷") in name]
        if exact or len(near) == 1:
            return near[0]
        raise ValidationError(_g("没有“%(kind)s”这一类。写大类的名称，拿不准就空着，分流时再选") % {"kind": value})


def _words(raw: str) -> str:
    value = parsing.text(raw, limit=2000, lines=True)
    if not value:
        raise ValidationError(_g("用一句话写下听到的事"))
    return value


def _found(raw: str) -> str:
    value = parsing.text(raw, limit=50)
    known = FOUND | {str(label): code for code, label in Capture.Found.choices}
    if value and value not in known:
        raise ValidationError(_g("现场结果写 当场化解、需要跟进 或 需要上报，也可以空着"))
    return known[value] if value else ""


def _may_escalate(raw: str) -> bool:
    value = parsing.text(raw, limit=50).lower()
    if value in YES:
        return True
    if value in NO:
        return False
    raise ValidationError(_g("可能激化写 是 或 否，空着就是否"))
