"""Every column that a ledger can have, once: screen, print, xlsx, CSV and import read this table. Which of them make a
ledger, in which order and under which names, says `ledgers.profiles`.

A cell's value comes from a row of `ledgers.month` (a plain dict) and is already masked for its viewer, so no output can
show more than another. No profile has an ID number.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
    """One column: what it is called, what kind of value it holds, its width in characters, and how a row fills it.

    `needs` names what `ledgers.month` must read beside the case itself, so that a ledger without the column does not
    pay for it. `group` is the label of the merged cell above it. `aliases` are names under which old ledgers know it.
    """

    key: str
    label: str | Promise
    kind: str
    width: int
    value: Callable[[Row], Value]
    needs: str = ""
    aliases: tuple[str, ...] = ()
    group: str | Promise = ""

    @property
    def css(self) -> str:
        """The class of its cells: numbers stand right, days in the middle, stories wrap."""
        if self.key == "case_no":
            return "num"
        return {INT: "num", MONEY: "num", DATE: "c num"}.get(self.kind, "w" if self.width >= 24 else "nw")

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


def satisfaction(side: str) -> Callable[[Row], Value]:
    """What the parties of one side said of the result, in the words of the code; who said nothing yet is left out."""
    return lambda row: "、".join(row["words"].satisfaction[code] for at, code in row["answers"] if at == side)


def parties(row: Row) -> str:
    return "；".join(filter(None, (row["side_a"], row["side_b"])))


def result(row: Row) -> str:
    """How the round ended, as the code says; empty while it is open."""
    words = row["words"]
    return "" if row["left_on"] is None else words.result.get(row["result"]) or words.status[row["left_as"]]


def _in_words(table: str, key: str) -> Callable[[Row], Value]:
    return lambda row: getattr(row["words"], table).get(row[key], "")


#: What is read beside the case, in batches: see `Ledger._fill`.
PHONES, PROGRESS, VISITS, COUNSELLED, INSTRUCTED, HISTORY, AGREED, PHOTOS, ROOMS = (
    "phones progress visits counselled instructed history agreed photos rooms".split()
)

# fmt: off
ALL: dict[str, Column] = {column.key: column for column in (
    Column("no",          _("序号"),            INT,   6,  get("no"), aliases=("编号顺序", "顺序号", "NO", "No.")),
    Column("case_no",     _("编号"),            TEXT,  22, get("case_no"),
           aliases=("案号", "案件编号", "纠纷编号", "登记号", "登记编号", "台账编号")),
    Column("found_on",    _("排查日期"),        DATE,  12, get("found_on"),
           aliases=("排查时间", "登记日期", "登记时间", "发现日期", "发现时间", "日期", "时间")),
    Column("source",      _("来源"),            TEXT,  12, get("source"),
           aliases=("纠纷来源", "案件来源", "信息来源", "来源渠道", "线索来源")),
    Column("township",    _("乡镇"),            TEXT,  12, get("township"),
           aliases=("单位", "乡（镇）", "乡(镇)", "镇", "街道", "乡镇（街道）", "所属乡镇")),
    Column("village",     _("村(社区)"),        TEXT,  14, get("village"),
           aliases=("村", "村（社区）", "社区", "村居", "村（居）", "村委会", "行政村", "村名", "所属村")),
    Column("place",       _("地点"),            TEXT,  20, get("place"),
           aliases=("发生地点", "地址", "纠纷地点", "调处地点")),
    Column("type",        _("纠纷类别"),        TEXT,  16, get("type"),
           aliases=("类别", "类型", "纠纷类型", "矛盾类型", "矛盾纠纷类型", "矛盾纠纷类别")),
    Column("type_l1",     _("纠纷大类"),        TEXT,  14, _in_words("types", "type_l1"), aliases=("大类", "一级类别")),
    Column("type_l2",     _("纠纷小类"),        TEXT,  16, _in_words("types", "type_l2"), aliases=("小类", "二级类别")),
    Column("side_a",      _("甲方"),            TEXT,  12, get("side_a"),
           aliases=("甲方姓名", "当事人甲", "当事人甲方", "申请人", "一方当事人", "当事人")),
    Column("phone_a",     _("甲方电话"),        PHONE, 14, get("phone_a"), PHONES,
           aliases=("甲方联系电话", "甲方手机", "申请人电话", "联系电话", "电话")),
    Column("side_b",      _("乙方"),            TEXT,  12, get("side_b"),
           aliases=("乙方姓名", "当事人乙", "当事人乙方", "被申请人", "对方当事人", "另一方当事人")),
    Column("phone_b",     _("乙方电话"),        PHONE, 14, get("phone_b"), PHONES,
           aliases=("乙方联系电话", "乙方手机", "被申请人电话", "对方电话")),
    Column("parties",     _("当事人概况"),      TEXT,  24, parties, aliases=("双方当事人", "当事人情况")),
    Column("people",      _("涉及人数"),        INT,   9,  get("people"),
           aliases=("人数", "涉及人员", "涉及人数（人）")),
    Column("amount",      _("涉及金额"),        MONEY, 14, get("amount"),
           aliases=("金额", "涉案金额", "涉及金额（元）", "标的额", "金额（元）")),
    Column("narrative",   _("简要情况"),        TEXT,  40, lambda row: cut(row["narrative"]),
           aliases=("纠纷简况", "纠纷概况", "基本情况", "案情", "简要案情",
                    "纠纷简要情况", "矛盾纠纷简要情况", "主要内容", "内容", "事由")),
    Column("danger",      _("风险等级"),        TEXT,  10, danger, aliases=("风险", "等级", "危险等级", "风险程度")),
    Column("office",      _("责任单位"),        TEXT,  18, get("office"),
           aliases=("办理单位", "承办单位", "调处单位", "调解组织")),
    Column("handler",     _("责任人"),          TEXT,  10, get("handler"),
           aliases=("经办人", "承办人", "包案领导", "包案人")),
    Column("responsible", _("责任单位/责任人"), TEXT,  24, responsible, aliases=("责任单位及责任人", "责任单位（人）")),
    Column("station",     _("派出所"),          TEXT,  16, get("station"), ROOMS, aliases=("所属派出所",)),
    Column("room",        _("警务室"),          TEXT,  16, get("room"), ROOMS, aliases=("社区警务室", "所属警务室")),
    Column("accepted_on", _("受理日期"),        DATE,  12, get("accepted_on"), HISTORY,
           aliases=("受理时间", "立案日期")),
    Column("due_on",      _("化解时限"),        DATE,  12, get("due_on"),
           aliases=("办结时限", "期限", "限期", "办理期限")),
    Column("tier",        _("层级"),            TEXT,  14, _in_words("tier", "tier"), HISTORY,
           aliases=("办理层级", "所在层级")),
    Column("status",      _("状态"),            TEXT,  14, _in_words("status", "status"), HISTORY,
           aliases=("办理状态", "当前状态")),
    Column("round",       _("轮次"),            INT,   6,  get("round"), aliases=("第几轮",)),
    Column("mediator",    _("调解人员"),        TEXT,  12, get("mediator"), AGREED,
           aliases=("调解员", "调处人", "主持人", "主持人员", "调解人")),
    Column("method",      _("化解方式"),        TEXT,  12, get("method"), AGREED, aliases=("调解方式", "调处方式")),
    Column("agreement",   _("有无调解协议"),    TEXT,  14, get("agreement"), AGREED,
           aliases=("调解协议", "协议", "是否签订协议")),
    Column("progress",    _("化解措施及进展"),  TEXT,  40, lambda row: cut(row["progress"]), PROGRESS,
           aliases=("化解措施", "工作进展", "进展情况", "调处情况", "工作措施", "化解措施及进展情况")),
    Column("progress_on", _("最近进展日期"),    DATE,  12, get("progress_on"), PROGRESS),
    Column("progress_way", _("最近进展方式"),   TEXT,  12, get("progress_way"), PROGRESS),
    Column("outcome",     _("化解结果/日期"),   TEXT,  24, outcome,
           aliases=("化解情况", "化解结果", "调处结果", "处理结果", "办理结果")),
    Column("result",      _("结果"),            TEXT,  22, result, aliases=("化解结果", "调解结果")),
    Column("left_on",     _("化解日期"),        DATE,  12, get("left_on"),
           aliases=("办结日期", "办结时间", "调处时间", "化解时间", "结案时间")),
    Column("closed_on",   _("销号日期"),        DATE,  12, get("closed_on"), aliases=("结案日期", "销号时间")),
    Column("struck_off",  _("销号情况"),        TEXT,  16, struck_off, aliases=("是否销号",)),
    Column("instructed",  _("交办督办情况"),    TEXT,  30, instructed, INSTRUCTED, aliases=("交办情况", "督办情况")),
    Column("visits",      _("回访情况/满意度"), TEXT,  24, visits, VISITS,
           aliases=("回访情况", "跟踪反馈情况", "回访", "满意度")),
    Column("satisfaction_a", _("甲方满意度"),   TEXT,  12, satisfaction("A"), VISITS, aliases=("甲方是否满意",)),
    Column("satisfaction_b", _("乙方满意度"),   TEXT,  12, satisfaction("B"), VISITS, aliases=("乙方是否满意",)),
    Column("photos",      _("照片"),            INT,   6,  get("photos"), PHOTOS, aliases=("照片张数",)),
    Column("remark",      _("备注"),            TEXT,  16, remark, COUNSELLED, aliases=("说明", "其他", "其它")),
)}
# fmt: on


def named(key: str, label: str | Promise = "", group: str | Promise = "") -> Column:
    """The column `key` as one layout calls it, under the merged cell `group`; its own name remains an alias."""
    column = ALL[key]
    return replace(column, label=label or column.label, group=group)


def layout(*picked: str | tuple[str, str | Promise, str | Promise]) -> tuple[Column, ...]:
    """Columns by key, or by key, label and group."""
    return tuple(named(*(item if isinstance(item, tuple) else (item,))) for item in picked)


PARTIES = _("当事人")
#: The ledger of the product: 22 columns (domain.md 8.1).
COLUMNS = layout(
    "no", "case_no", "found_on", "source", "township", "village", "type",
    *((key, "", PARTIES) for key in ("side_a", "phone_a", "side_b", "phone_b")),
    "people", "amount", "narrative", "danger", "office", "handler",
    *((key, "", _("化解")) for key in ("due_on", "progress", "outcome")),
    "visits", "remark",
)  # fmt: skip
#: 突出矛盾纠纷台账.
COUNTY = layout(
    "no", ("township", _("单位"), ""), ("narrative", _("矛盾纠纷简要情况"), ""), "responsible", "due_on",
    ("outcome", _("化解情况"), ""), "instructed", "struck_off",
)  # fmt: skip


def cells(row: Row, columns: tuple[Column, ...] = COLUMNS) -> list[Value]:
    """The values of one row, in the order of the columns."""
    return [column.value(row) for column in columns]
