# ruff: noqa: E501 - rows of tables
"""Ledgers as nobody should keep them, made from one seed: T-31 of reliability.md.

`ledger(n)` is the n-th: its file name, its bytes, and how many lines its sheets have, or None where it must be refused.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
import zipfile
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter

SEED = 20261131
LABELS = (
    "序号 编号 排查日期 来源 乡镇 村(社区) 纠纷类别 甲方 甲方电话 甲方身份证号 乙方 乙方电话 涉及人数 涉及金额 简要情况 风险等级 责任单位 责任人 化解时限 "
    "化解措施及进展 化解结果/日期 回访情况/满意度 备注 民族 状态 化解日期 销号日期 当事人概况 单位 内容 结果 随便一列"
).split()
VALUES: tuple[Any, ...] = (
    None, "", " ", "　", "石门村", "松山镇石门村", "河湾村二社", "天堂镇", "无此村", "马文林", "马文林与王世昌因草场发生纠纷", "扎西•顿珠", "2025.3.5", "3.5", 3.5, 3.1,
    "2025年13月45日", 45721, 45721.5, -1, 0, 10**17, 1e308, 20250305, "20250305", dt.date(2025, 3, 5), dt.datetime(2025, 3, 5, 10, 30), dt.date(1901, 1, 1), dt.time(9, 30),
    "13812346021", 13812346021, "1.38123E+10", "１３８１２３４６０２１", "138-1234-6021、13912344417", "620699197401010018", 620699197401010018, "62069919740101001x", "1.2万", "￥12,000", "-5", "3人", "壹万",
    "已化解 2025.3.9", "未化解", "已化解", "调解不成 2025年4月1日", "已销号（2025.5.1）", "正在调解", "引导诉讼2025-04-01", "合计", "小计", "填表人：某某", "一、石门村",
    "=1+1", "+cmd|'/c calc'!A0", "@SUM(A1)", "<script>alert(1)</script>", "\u202e反写", "a\tb", "多行\n文字", "𠮷田", "x" * 500, "#REF!", True, False, "民族宗教", "草场纠纷", "红", "橙色", "上级交办",
)  # fmt: skip

#: What stands in a line that is as it should be.
GOOD: dict[str, Any] = {
    "排查日期": "2025.3.5", "乡镇": "松山镇", "村(社区)": "石门村", "甲方": "马文林", "乙方": "王世昌", "甲方电话": "13812346021", "乙方电话": "", "甲方身份证号": "",
    "涉及人数": 3, "涉及金额": "1.2万", "状态": "待化解", "化解日期": "", "销号日期": "", "化解结果/日期": "", "结果": "", "单位": "松山镇石门村", "当事人概况": "马文林与王世昌",
    "简要情况": "", "内容": "2025年3月5日，石门村马文林与王世昌因草场发生纠纷", "纠纷类别": "草场", "备注": "",
}  # fmt: skip


def _sheet(chance: random.Random) -> list[list[Any]]:
    labels = chance.sample(LABELS, chance.randrange(3, 20))
    if chance.random() < 0.8 and "简要情况" not in labels:
        labels[0] = "简要情况"
    if chance.random() < 0.2:
        labels.append(labels[0])  # the same name twice
    rows: list[list[Any]] = [
        [chance.choice(("台账", "2025年3月台账", "松山镇石门村台账"))] for _ in range(chance.randrange(0, 4))
    ]
    shift = [None] * chance.randrange(0, 3)  # the head begins further right
    if chance.random() < 0.9:
        rows.append([*shift, *labels])
    if chance.random() < 0.2:
        rows.append([*shift, *(chance.choice((None, "姓名", "电话")) for _ in labels)])
    for _ in range(chance.randrange(0, 25)):
        kind = chance.random()
        if kind < 0.1:
            rows.append([])
        elif kind < 0.15:
            rows.append([*shift, *labels])
        else:
            row = [*shift, *(chance.choice(VALUES) for _ in labels)]
            if chance.random() < 0.6:  # mostly as it should be, so that something is written, too
                row = [*shift, *(GOOD.get(label, chance.choice(VALUES[:6])) for label in labels)]
                if "简要情况" in labels:
                    row[len(shift) + labels.index("简要情况")] = (
                        f"2025年3月{chance.randrange(1, 29)}日，马文林与王世昌因草场发生纠纷{chance.random()}"
                    )
            rows.append(row + [chance.choice(VALUES)] * chance.randrange(0, 2))
    return rows


def _xlsx(chance: random.Random, sheets: list[list[list[Any]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for n, rows in enumerate(sheets):
        page = book.create_sheet(chance.choice(("石门村", "2025年3月", "Sheet")) + str(n))
        for line, row in enumerate(rows, 1):
            for at, value in enumerate(row, 1):
                if value is not None and value != "":
                    cell = page.cell(line, at)
                    cell.value = value
                    if isinstance(value, str):
                        cell.data_type = "s"
        for _ in range(chance.randrange(0, 4)):
            top, left = chance.randrange(1, 12), chance.randrange(1, 10)
            low, right = get_column_letter(left), get_column_letter(left + chance.randrange(0, 3))
            try:
                page.merge_cells(f"{low}{top}:{right}{top + chance.randrange(0, 3)}")
            except ValueError:
                continue
        if chance.random() < 0.3:
            page.row_dimensions[chance.randrange(1, 10)].hidden = True
            page.column_dimensions[get_column_letter(chance.randrange(1, 8))].hidden = True
        if chance.random() < 0.1:
            page.sheet_state = "hidden" if n else "visible"
    if chance.random() < 0.1:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _csv(chance: random.Random, rows: list[list[Any]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=chance.choice(",\t;")).writerows(
        [["" if value is None else str(value).replace("𠮷", "吉") for value in row] for row in rows]
    )
    return out.getvalue().encode(chance.choice(("utf-8", "utf-8-sig", "gb18030", "utf-16")))


def ledger(n: int) -> tuple[str, bytes, bool]:
    """(file name, bytes, whether it must be refused as a file)."""
    chance = random.Random(f"{SEED}/{n}")
    kind = chance.random()
    if kind < 0.3:
        return f"{n}.csv", _csv(chance, _sheet(chance)), False
    content = _xlsx(chance, [_sheet(chance) for _ in range(chance.randrange(1, 4))])
    if kind < 0.36:
        return f"{n}.xlsx", content[: chance.randrange(1, len(content) - 30)], True  # cut off
    if kind < 0.40:
        return f"{n}.xls", content, True  # misnamed
    if kind < 0.42:
        return f"{n}.xlsx", chance.randbytes(500), True
    if kind < 0.44:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("readme.txt", "no workbook")
        return f"{n}.xlsx", out.getvalue(), True
    return f"{n}.xlsx", content, False
