"""The 22 columns of the ledger (domain.md 8.1), once: screen, print, xlsx and CSV read this table. Beside it the eight
of the county's 突出矛盾纠纷台账, which is a file only.

A cell's value comes from a row of `ledgers.month` (a plain dict) and is already masked for its viewer, so no output can
show more than another. No profile has an ID number.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter as get
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from disputes.moves import Status

Row = Mapping[str, Any]
Value = str | int | Decimal | dt.date | None

#: A spreadsheet cell holds this many UTF-16 units and no more; a longer one makes the whole file unreadable.
CELL_LIMIT = 32_767
TEXT, INT, MONEY, DATE, PHONE = "text", "int", "money", "date", "phone"


@dataclass(frozen=True)
class Column:
    """One column: what it is called, what kind of value it holds, its width in characters, and how a row fills it."""

    key: str
    label: str | Promise
    kind: str
    width: int
    value: Callable[[Row], Value]

    @property
    def css(self) -> str:
        """The class of its cells: the first two stand still on scrolling, numbers stand right, stories wrap."""
        frozen = {"no": "f1 num", "case_no": "f2 num"}
        return frozen.get(self.key) or {INT: "num", MONEY: "num", DATE: "c num"}.get(
            self.kind, "w" if self.width >= 24 else "nw"
        )

    def text(self, value: Value) -> str:
        """The value as the screen and the printed sheet show it; an empty value is an empty cell."""
        if value is None or value == "":
            return ""
        if self.kind == MONEY and not isinstance(value, str):
            return f"{value:,.2f}".removesuffix(".00")
        if self.kind == INT and not isinstance(value, str):
            return f"{value:,}"
        return value.isoformat() if isinstance(value, dt.date) else str(value)


def cut(text: str) -> str:
    """The text, or as much as a cell holds with a note that there is more."""
    if len(text) <= CELL_LIMIT // 2:  # no character takes more than two units
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * CELL_LIMIT:
        return text
    note = _g("……（太长，这里只有前一部分，全文见案件）")
    return units[: 2 * (CELL_LIMIT - len(note))].decode("utf-16-le", "ignore") + note


def danger(row: Row) -> str:
    """The grade that is valid on the day of the print; an expired one has to be given anew and shows nothing."""
    if not row["danger"] or row["danger_until"] is None or row["danger_until"] < row["today"]:
        return ""
    return row["words"].danger[row["danger"]]


def outcome(row: Row) -> str:
    """How and when the round left, or that it is still open at the month's end."""
    words = row["words"]
    if row["left_on"] is None:
        late = row["due_on"] is not None and row["due_on"] < row["today"]
        return words.late if late else words.open
    name = words.result.get(row["result"]) or words.status[row["left_as"]]
    return f"{name} {row['left_on'].isoformat()}"


def instructed(row: Row) -> str:
    """督办 and 交办 with their dates: 交办 2026-11-02，答复 2026-11-05；督办 2026-11-20，未答复."""
    told = []
    for kind, day, answered in row["instructions"]:
        what = {"kind": kind, "day": day.isoformat(), "answered": answered and answered.isoformat()}
        told.append((_g("%(kind)s %(day)s，答复 %(answered)s") if answered else _g("%(kind)s %(day)s，未答复")) % what)
    return "；".join(told)


def struck_off(row: Row) -> str:
    """销号: the day on which the case was closed."""
    return _g("已销号 %(day)s") % {"day": row["closed_on"].isoformat()} if row["closed_on"] else _g("未销号")


def responsible(row: Row) -> str:
    return "/".join(filter(None, (row["office"], row["handler"])))


def visits(row: Row) -> str:
    """The last word of every party, by side: 甲方 满意；乙方 待回访. No party's answer stands for another's."""
    if not row["visits"]:
        return ""
    sides: dict[str, list[str]] = {}
    for side, word in row["visits"]:
        sides.setdefault(side, []).append(word)
    words = row["words"]
    return "；".join(f"{words.side[side]} {'、'.join(told)}" for side, told in sorted(sides.items()))


def remark(row: Row) -> str:
    """Why the row stands here: carried over, a relapse, merged away, paused; and how often somebody was counselled."""
    notes = []
    if row["carried"]:
        notes.append(_g("上期结转"))
    if row["round"] > 1:
        notes.append(_g("反弹（第 %(n)s 轮）") % {"n": row["round"]})
    if row["is_paused"] and row["left_on"] is None:
        notes.append(_g("中止"))
    if row["left_as"] == Status.MERGED and row["left_on"]:
        notes.append(_g("已并案"))
    if row["counselled"]:
        done = row["counselled"]
        notes.append(ngettext("已疏导 %(n)s 次", "已疏导 %(n)s 次", done) % {"n": done})
    return "，".join(notes)


# fmt: off
COLUMNS: tuple[Column, ...] = (
    Column("no",        _("序号"),            INT,   6,  get("no")),
    Column("case_no",   _("编号"),            TEXT,  22, get("case_no")),
    Column("found_on",  _("排查日期"),        DATE,  12, get("found_on")),
    Column("source",    _("来源"),            TEXT,  12, get("source")),
    Column("township",  _("乡镇"),            TEXT,  12, get("township")),
    Column("village",   _("村(社区)"),        TEXT,  14, get("village")),
    Column("type",      _("纠纷类别"),        TEXT,  16, get("type")),
    Column("side_a",    _("甲方"),            TEXT,  12, get("side_a")),
    Column("phone_a",   _("甲方电话"),        PHONE, 14, get("phone_a")),
    Column("side_b",    _("乙方"),            TEXT,  12, get("side_b")),
    Column("phone_b",   _("乙方电话"),        PHONE, 14, get("phone_b")),
    Column("people",    _("涉及人数"),        INT,   9,  get("people")),
    Column("amount",    _("涉及金额"),        MONEY, 14, get("amount")),
    Column("narrative", _("简要情况"),        TEXT,  40, lambda row: cut(row["narrative"])),
    Column("danger",    _("风险等级"),        TEXT,  10, danger),
    Column("office",    _("责任单位"),        TEXT,  18, get("office")),
    Column("handler",   _("责任人"),          TEXT,  10, get("handler")),
    Column("due_on",    _("化解时限"),        DATE,  12, get("due_on")),
    Column("progress",  _("化解措施及进展"),  TEXT,  40, lambda row: cut(row["progress"])),
    Column("outcome",   _("化解结果/日期"),   TEXT,  24, outcome),
    Column("visits",    _("回访情况/满意度"), TEXT,  24, visits),
    Column("remark",    _("备注"),            TEXT,  16, remark),
)
#: 突出矛盾纠纷台账.
COUNTY: tuple[Column, ...] = (
    Column("no",         _("序号"),             INT,  6,  get("no")),
    Column("township",   _("单位"),             TEXT, 12, get("township")),
    Column("narrative",  _("矛盾纠纷简要情况"), TEXT, 40, lambda row: cut(row["narrative"])),
    Column("office",     _("责任单位/责任人"),  TEXT, 24, responsible),
    Column("due_on",     _("化解时限"),         DATE, 12, get("due_on")),
    Column("outcome",    _("化解情况"),         TEXT, 24, outcome),
    Column("instructed", _("交办督办情况"),     TEXT, 30, instructed),
    Column("struck_off", _("销号情况"),         TEXT, 16, struck_off),
)
# fmt: on


def cells(row: Row, columns: tuple[Column, ...] = COLUMNS) -> list[Value]:
    """The values of one row, in the order of the columns."""
    return [column.value(row) for column in columns]
