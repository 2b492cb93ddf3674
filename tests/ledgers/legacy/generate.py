# ruff: noqa: E501 - rows of tables
"""Five old ledgers as offices keep them, and what stands in each row by the hand that wrote it.

`python -m tests.ledgers.legacy.generate` writes the files and `expected.csv` anew: the same seed, the same rows. Each
row is first decided (village, day, people, what became of it) and only then spelled, with the habits of domain.md 10 as
named traps; nothing of the product is asked, so the expected file is a ruling of its own and stood before the importer.

The five layouts are those of domain.md 8.1: the county's 突出矛盾纠纷台账, the village's ledger, the street's 调解登记, the
police room's ledger (an .xls) and the 22-column sheet; the county's 报表 holds counts only and no disputes.
"""

from __future__ import annotations

import csv
import datetime as dt
import random
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter

HERE = Path(__file__).parent
SEED = 20261130
YEAR = 2025
#: Code, township and short name of the villages that the ledgers speak of; 大湾村 stands twice.
VILLAGES = {
    "620623103201": ("松山镇", "石门村"),
    "620623103202": ("松山镇", "河湾村"),
    "620623103203": ("松山镇", "大湾村"),
    "620623102201": ("天堂镇", "大湾村"),
}
SONGSHAN = [code for code, (town, _name) in VILLAGES.items() if town == "松山镇"]
#: What ledgers call a kind of dispute → the code it is. 民族宗教 is not offered any more and becomes 其他.
TYPES = {
    "草场界线": "0905", "草场纠纷": "0905", "放牧越界": "0906", "牲畜损害": "0907", "灌溉轮水": "0908",
    "邻里纠纷": "02", "邻里关系": "02", "婚姻家庭": "01", "土地承包": "0901", "宅基地": "0902", "民间借贷": "0804",
    "交通事故": "0503", "劳资纠纷": "07", "损害赔偿": "05", "民族宗教": "99", "其它": "99",
}  # fmt: skip
REASONS = {
    "0905": "草场界线不清", "0906": "羊群越界吃草", "0907": "牛踩坏青稞", "0908": "灌溉轮水先后", "02": "邻里院墙排水",
    "01": "婚姻家庭琐事", "0901": "土地承包面积", "0902": "宅基地边界", "0804": "民间借贷未还", "0503": "交通事故赔偿",
    "07": "拖欠务工劳资", "05": "打架损害赔偿", "99": "琐事",
}  # fmt: skip
SURNAMES = "马王李张刘杨赵陈韩苏罗白周孙何高"
GIVEN = [
    "文林",
    "世昌",
    "国栋",
    "玉山",
    "有福",
    "小兰",
    "建军",
    "秀英",
    "生祥",
    "得胜",
    "金花",
    "海龙",
    "永红",
    "彩霞",
    "志刚",
    "桂芳",
]
TIBETAN = ["扎西顿珠", "才让卓玛", "更登加措", "拉毛草", "多杰才旦", "央金卓玛", "贡布扎西"]
#: Who works at which desk by these names; others have left and are nobody's account.
STAFF = {"village": "才让卓玛", "room": "刘建军", "centre": "杨敏"}
COLUMNS = (
    "file sheet row verdict reason trap found_on village type side_a phone_a side_b phone_b people amount danger status "
    "result left_on closed_on"
).split()


@dataclass
class Truth:
    """What one row tells, before anybody spelled it."""

    village: str
    found: dt.date
    type_word: str
    a: str
    b: str
    phone_a: str = ""
    phone_b: str = ""
    people: int | None = None
    amount: str = ""
    danger: str = ""
    status: str = "waiting"
    result: str = ""
    left: dt.date | None = None
    closed: dt.date | None = None
    reason: str = ""
    trap: str = ""
    narrative: str = ""
    handler: str = ""

    @property
    def place(self) -> str:
        return "".join(VILLAGES[self.village])


@dataclass
class Sheet:
    """Cells, merges and what each row of it comes to."""

    file: str
    name: str
    rows: list[list[Any]] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    hidden_columns: list[int] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)
    expected: list[dict[str, Any]] = field(default_factory=list)

    def skip(self, cells: list[Any], trap: str) -> None:
        self.rows.append(cells)
        self._expect("skipped", "", trap)

    def put(self, cells: list[Any], truth: Truth) -> None:
        self.rows.append(cells)
        if truth.reason:
            self._expect("refused", truth.reason, truth.trap)
            return
        known = {
            "found_on": truth.found.isoformat(), "village": truth.village, "type": TYPES[truth.type_word],
            "side_a": truth.a, "phone_a": truth.phone_a, "side_b": truth.b, "phone_b": truth.phone_b,
            "people": "" if truth.people is None else truth.people, "amount": truth.amount, "danger": truth.danger,
            "status": truth.status, "result": truth.result,
            "left_on": truth.left.isoformat() if truth.left else "",
            "closed_on": truth.closed.isoformat() if truth.closed else "",
        }  # fmt: skip
        self._expect("imported", "", truth.trap, **known)

    def _expect(self, verdict: str, reason: str, trap: str, **known: Any) -> None:
        told = {"file": self.file, "sheet": self.name, "row": len(self.rows), "verdict": verdict, "reason": reason}
        self.expected.append(told | {"trap": trap} | known)


class Hand:
    """Decides rows and spells days, phones and amounts as people do; every choice comes from one seed."""

    def __init__(self, name: str) -> None:
        self.random = random.Random(f"{SEED}/{name}")
        self.serial = 0

    def name(self) -> str:
        if self.random.random() < 0.2:
            return self.random.choice(TIBETAN)
        return self.random.choice(SURNAMES) + self.random.choice(GIVEN)

    def phone(self) -> str:
        return f"1{self.random.choice('3578')}{self.random.randrange(10**9):09d}"

    def truth(self, villages: list[str], *, typed: bool = True) -> Truth:
        self.serial += 1
        a = self.name()
        b = self.name()
        while b == a:
            b = self.name()
        # without a column of types the story alone tells it
        words = [word for word in TYPES if typed or word not in ("草场纠纷", "邻里关系", "民族宗教", "其它")]
        day = dt.date(YEAR, 1, 1) + dt.timedelta(days=self.random.randrange(300))
        truth = Truth(self.random.choice(villages), day, self.random.choice(words), a, b)
        truth.handler = self.random.choice(["马占海", "王德才", "李明"])
        what = REASONS[TYPES[truth.type_word]]
        truth.narrative = f"{a}与{b}因{what}发生纠纷，{self.serial}号来访记下"
        later = day + dt.timedelta(days=self.random.randrange(1, 25))
        fate = self.random.random()
        if fate < 0.35:
            truth.status, truth.result, truth.left = "settled", self.random.choice(["written", "oral", "self"]), later
        elif fate < 0.6:
            truth.status, truth.result, truth.left = "closed", self.random.choice(["written", "oral"]), later
            truth.closed = later + dt.timedelta(days=self.random.randrange(1, 20))
        elif fate < 0.68:
            truth.status, truth.result, truth.left = "withdrawn", "ended", later
        elif fate < 0.75:
            truth.status, truth.result, truth.left = "referred", "way_court", later
        elif fate < 0.8:
            truth.status, truth.result, truth.left = "withdrawn", "withdrawn", later
        return truth

    def day(self, day: dt.date) -> tuple[Any, str]:
        """A day as one of the spellings, and which one."""
        kind = self.random.choice(
            ["date", "dots", "han", "digits", "number", "serial", "short", "wide", "dashes", "zeros"]
        )
        return self.spelled(day, kind), f"date_{kind}"

    @staticmethod
    def spelled(day: dt.date, kind: str) -> Any:
        wide = str.maketrans("0123456789", "０１２３４５６７８９")
        return {
            "date": day,
            "dots": f"{day.year}.{day.month}.{day.day}",
            "han": f"{day.year}年{day.month}月{day.day}日",
            "digits": f"{day:%Y%m%d}",
            "number": int(f"{day:%Y%m%d}"),
            "serial": (day - dt.date(1899, 12, 30)).days,
            "short": f"{day.month}.{day.day}",
            "wide": f"{day.year}.{day.month}.{day.day}".translate(wide),
            "dashes": f" {day.isoformat()} ",
            "zeros": f"{day:%Y/%m/%d}",
        }[kind]

    def ended(self, truth: Truth, *, dated: bool = True) -> str:
        """化解结果/日期 in one cell."""
        words = {
            ("settled", "written"): "已化解，达成书面协议", ("settled", "oral"): "已化解（口头协议）",
            ("settled", "self"): "双方自行和解", ("closed", "written"): "调解成功，签订书面协议",
            ("closed", "oral"): "已化解，口头协议", ("withdrawn", "ended"): "调解不成，已告知其他途径",
            ("referred", "way_court"): "引导诉讼", ("withdrawn", "withdrawn"): "当事人撤回",
        }  # fmt: skip
        if truth.left is None:
            return self.random.choice(["", "未化解", "待化解"]) if truth.status == "waiting" else "正在调解"
        text = words[truth.status, truth.result]
        if not dated:
            return text
        kind = self.random.choice(["dots", "han", "iso"])
        day = truth.left.isoformat() if kind == "iso" else self.spelled(truth.left, kind)
        return f"{text} {day}"


# --- the 22 columns --------------------------------------------------------------------------------------------------
def default() -> list[Sheet]:
    hand = Hand("default")
    sheet = Sheet("default.xlsx", "2025年台账")
    head = (
        "序号 编号 排查日期 来源 乡镇 村(社区) 纠纷类别 甲方 甲方身份证号 甲方电话 乙方 乙方电话 涉及人数 涉及金额 简要情况 "
        "风险等级 责任单位 责任人 化解时限 化解措施及进展 化解结果/日期 回访情况/满意度 政治面貌 备注"
    ).split()
    sheet.skip(["天祝藏族自治县矛盾纠纷排查化解工作台账"], "title")
    sheet.skip([f"（{YEAR}年度）  填报单位：县综治中心"], "title")
    sheet.skip(head, "head")
    sheet.merges += ["A1:X1", "A2:X2"]
    danger = {"红": "red", "橙色": "orange", "黄 关注": "yellow", "蓝": "blue", "": "", "一般": ""}
    number = 0
    previous: list[Any] = []
    for n in range(240):
        number += 1
        truth = hand.truth(list(VILLAGES))
        day, truth.trap = hand.day(truth.found)
        town, village = VILLAGES[truth.village]
        grade = hand.random.choice(list(danger))
        truth.danger = danger[grade]
        truth.phone_a, truth.phone_b = hand.phone(), hand.random.choice(["", hand.phone()])
        phone_a: Any = truth.phone_a
        truth.people = hand.random.randrange(2, 9)
        people: Any = hand.random.choice([truth.people, f"{truth.people}人", f" {truth.people} ", str(truth.people)])
        spelled, truth.amount = hand.random.choice(
            [
                ("", ""),
                (1200, "1200.00"),
                ("1.2万", "12000.00"),
                ("￥3,500元", "3500.00"),
                ("壹万贰仟元整", "12000.00"),
                ("８００", "800.00"),
            ]
        )
        outcome = hand.ended(truth)
        story = truth.narrative + "。"
        number_id: Any = ""
        kind = n % 20
        if kind == 3:
            phone_a, truth.trap = float(truth.phone_a), "phone_as_number"
        elif kind == 5:
            phone_a, truth.trap = (
                f"+86 {truth.phone_a[:3]}-{truth.phone_a[3:7]}-{truth.phone_a[7:]}",
                "phone_with_dashes",
            )
        elif kind == 6:
            phone_a = truth.phone_a.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
            truth.trap = "phone_full_width"
        elif kind == 7 and n < 120:
            phone_a, truth.trap, truth.reason = f"{float(truth.phone_a):.5E}", "phone_in_exponent", "phone"
        elif kind == 8 and n < 120:
            number_id, truth.trap, truth.reason = "620699197401010000", "id_cut_as_text", "id_cut"
        elif kind == 9 and n < 120:
            number_id, truth.trap, truth.reason = 620699197401010013, "id_as_number", "id_cut"
        elif kind == 10:
            number_id, truth.trap = "62069919740101００18", "id_full_width"
        elif kind == 11:
            day, truth.trap, truth.reason = 3.1, "number_3_1_is_march_1_or_10", "ambiguous_date"
        elif kind == 12 and n < 120:
            day, truth.trap, truth.reason = "正月初八", "lunar_date", "date"
        elif kind == 13 and n < 120:
            town, village, truth.trap, truth.reason = "", "大湾村", "village_name_twice", "village"
        elif kind == 14 and n < 120:
            village, truth.trap, truth.reason = "无此村", "village_unknown", "village"
        elif kind == 15 and n < 120:
            story, truth.trap, truth.reason = "  ", "narrative_missing", "narrative"
        elif kind == 16 and truth.left:
            outcome, truth.trap, truth.reason = hand.ended(truth, dated=False), "settled_without_a_day", "left_date"
        elif kind == 17 and n < 120:
            day, truth.trap, truth.reason = "2099年1月1日", "future", "future"
        closed = f"已销号 {truth.closed.isoformat()}" if truth.closed else ""
        office, handler = f"{VILLAGES[truth.village][1]}委会", truth.handler
        if truth.left is None and truth.village == "620623103201" and not truth.reason:
            handler, truth.status = STAFF["village"], "mediating"
            outcome = "化解中"
        due = hand.spelled(truth.found + dt.timedelta(days=20), hand.random.choice(["date", "dots", "han"]))
        cells = [
            number, f"松{number:03d}", day, hand.random.choice(["入户排查", "群众反映", "当事人申请", "上级交办", "网格上报"]), town, village,
            truth.type_word, truth.a, number_id, phone_a, truth.b, truth.phone_b, people, spelled, story, grade, office, handler,
            due, "入户了解，讲清政策", outcome, hand.random.choice(["", "双方满意", "已电话回访"]),
            hand.random.choice(["群众", "党员", ""]), closed,
        ]  # fmt: skip
        sheet.put(cells, truth)
        if kind == 18 and not truth.reason:
            again = list(cells)
            again[0] = number + 1
            sheet.put(again, Truth(**{**truth.__dict__, "reason": "repeat", "trap": "the_same_row_again"}))
        previous = cells
        if n % 40 == 19:
            sheet.skip([None] * len(head), "blank_row")
        if n % 60 == 59:
            sheet.skip(["合计", "", f"{n + 1}件", *[""] * 9, 300], "total_row")
            sheet.skip([None, "  ", *[None] * 10], "row_of_blanks")
            sheet.skip(head, "head_again")
            number = 0
    assert previous
    sheet.skip(["填表人：马占海", "", "", "审核人：王德才"], "footer")
    return [sheet]


# --- the village's ledger --------------------------------------------------------------------------------------------
def village() -> list[Sheet]:
    hand = Hand("village")
    sheets = []
    for code in SONGSHAN:
        town, name = VILLAGES[code]
        sheet = Sheet("village.xlsx", name)
        upper = "编号 排查日期 纠纷类型 来源 甲方 甲方 乙方 乙方 涉及人数 村组 网格 地点 纠纷简况 风险 责任人 民族 化解方式 化解结果 化解日期 销号日期 状态 调解卷宗号 备注".split()
        lower = ["" for _ in upper]
        lower[4:8] = ["姓名", "电话", "姓名", "电话"]
        sheet.skip([f"{town}{name}矛盾纠纷排查化解台账"], "title")
        sheet.skip([f"{YEAR}年"], "title")
        first = list(upper)
        first[5] = first[7] = ""
        sheet.skip(first, "two_row_head")
        sheet.skip(lower, "two_row_head")
        sheet.merges += ["A1:W1", "A2:W2", "E3:F3", "G3:H3"]
        sheet.merges += [
            f"{get_column_letter(n + 1)}3:{get_column_letter(n + 1)}4" for n in range(23) if n not in (4, 5, 6, 7)
        ]
        sheet.hidden_columns.append(15)
        held: dt.date | None = None
        for n in range(76):
            truth = hand.truth([code])
            if held:  # one cell, merged over the rows of that day's visit
                shift = held - truth.found
                truth.found = held
                truth.left = truth.left + shift if truth.left else None
                truth.closed = truth.closed + shift if truth.closed else None
            day, truth.trap = hand.day(truth.found)
            if held:
                day, truth.trap, held = None, "date_merged_downward", None
            elif n % 9 == 4 and n % 25 != 24 and n % 40 != 30:
                line = len(sheet.rows) + 1
                day, held, truth.trap = hand.spelled(truth.found, "han"), truth.found, "date_merged_downward"
                sheet.merges.append(f"B{line}:B{line + 1}")
            truth.phone_a = hand.random.choice(["", hand.phone()])
            truth.phone_b = hand.random.choice(["", hand.phone(), "0935-3121234"])
            phone_b = truth.phone_b.replace("0935-", "0935") if n % 2 else truth.phone_b
            truth.people = hand.random.choice([None, 2, 3, 5])
            a = truth.a
            if n % 13 == 6:
                truth.a, a, truth.trap = (
                    "扎西·顿珠",
                    hand.random.choice(["扎西•顿珠", "扎西・顿珠", "扎西．顿珠"]),
                    "dot_in_name",
                )
            if n % 13 == 8:
                a, truth.trap = f" {truth.a} ", "blanks_around_name"
            words = {
                "written": "书面协议", "oral": "口头协议", "self": "自行和解", "ended": "调解不成", "way_court": "转诉讼",
                "withdrawn": "撤回",
            }  # fmt: skip
            state = {
                "settled": "已化解",
                "closed": "已销号",
                "withdrawn": "已终止",
                "referred": "已引导",
                "waiting": "待化解",
            }
            result, status = words.get(truth.result, ""), state[truth.status]
            left: Any = hand.spelled(truth.left, hand.random.choice(["date", "dots", "short"])) if truth.left else ""
            closed: Any = hand.spelled(truth.closed, "dots") if truth.closed else ""
            handler = truth.handler
            if truth.left is None and n % 2 and code == "620623103201":
                status, truth.status, handler, truth.trap = "化解中", "mediating", STAFF["village"], "status_word"
            if n % 19 == 11 and truth.left and not held:
                left = hand.spelled(truth.found - dt.timedelta(days=3), "dots")
                truth.reason, truth.trap = "order", "settled_before_it_was_found"
            if n % 29 == 17 and not held:
                a, truth.reason, truth.trap = "", "side_a", "side_a_missing"
            if n % 29 == 21 and not held:
                phone_b, truth.reason, truth.trap = "138123", "phone", "phone_too_short"
                phone_b = "1381234567"
            if n % 31 == 24 and not held:
                day, truth.reason, truth.trap = "2025.13.5", "date", "no_such_month"
            risk = hand.random.choice(["一般", "较大", ""])
            cells = [
                n % 25 + 1, day, truth.type_word, hand.random.choice(["群众反映", "入户排查", "网格上报", "村组干部发现", "上级交办", "其他"]),
                a, truth.phone_a, truth.b, phone_b, truth.people, hand.random.choice(["一社", "二组", ""]), "", f"{name}二社",
                truth.narrative, risk, handler, hand.random.choice(["汉", "藏", "土"]), "协商和解", result, left, closed, status, "", "",
            ]  # fmt: skip
            sheet.put(cells, truth)
            if n % 25 == 24:
                sheet.skip(["小计", "", "25件"], "subtotal_row")
            if n % 40 == 30:
                sheet.hidden_rows.append(len(sheet.rows))
                sheet.skip([None], "blank_row")
        sheet.skip(["总计", f"共{76}件"], "total_row")
        sheets.append(sheet)
    return sheets


# --- the street's registration ---------------------------------------------------------------------------------------
def street() -> list[Sheet]:
    hand = Hand("street")
    sheet = Sheet("street.csv", "street")
    head = "序号 纠纷类别 受理时间 调解人员 有无调解协议 当事人概况 纠纷概况 调处结果 跟踪反馈情况".split()
    sheet.skip([f"松山镇人民调解委员会调解登记台账（{YEAR}年）", *[""] * 8], "title")
    sheet.skip(head, "head")
    for at, code in enumerate(SONGSHAN):
        name = VILLAGES[code][1]
        sheet.skip([f"{'一二三'[at]}、{name}", *[""] * 8], "section_row")
        for n in range(72):
            truth = hand.truth([code])
            kind = hand.random.choice(["dots", "han", "digits", "short", "wide", "zeros"])
            day, truth.trap = hand.spelled(truth.found, kind), f"date_{kind}"
            truth.phone_a = hand.phone() if n % 3 else ""
            told = [
                f"{truth.a}（{name}一社{'，' + truth.phone_a if truth.phone_a else ''}）",
                f"{truth.b}（{name}二社）",
            ]
            if n % 5 == 0:
                told, truth.phone_a, truth.trap = [truth.a, truth.b], "", "village_from_the_section_above"
            if n % 5 == 1:
                told = [
                    f"申请人：{truth.a}，{truth.phone_a}" if truth.phone_a else f"申请人：{truth.a}",
                    f"被申请人：{truth.b}",
                ]
                truth.trap = "parties_named_by_role"
            parties = "；".join(told) if n % 5 == 1 else "与".join(told)
            agreed = {"written": "有", "oral": "无", "self": "无"}.get(truth.result, "")
            words = {
                "written": "调解成功", "oral": "调解成功", "self": "双方自行和解", "ended": "调解未成功", "way_court": "引导诉讼",
                "withdrawn": "申请人撤回申请", "": "正在调解",
            }  # fmt: skip
            result = words[truth.result]
            if truth.left:
                result += (
                    f"，{truth.left.month}月{truth.left.day}日" if n % 2 else f"（{hand.spelled(truth.left, 'dots')}）"
                )
            after = f"已销号，{hand.spelled(truth.closed, 'han')}" if truth.closed else ""
            if n % 17 == 9:
                day, truth.reason, truth.trap = "", "date", "date_missing"
            if n % 17 == 13:
                parties, truth.reason, truth.trap = "", "side_a", "parties_missing"
            if n % 23 == 11 and not truth.reason:
                truth.narrative = f'=HYPERLINK("http://x","点") {truth.narrative}'
                truth.trap = "formula_in_a_text"
            sheet.put(
                [n % 30 + 1, truth.type_word, day, truth.handler, agreed, parties, truth.narrative, result, after],
                truth,
            )
            if n % 30 == 29:
                sheet.skip(["合计", f"{n + 1}", *[""] * 7], "total_row")
        sheet.skip([""] * 9, "blank_row")
    return [sheet]


# --- the police room's ledger ----------------------------------------------------------------------------------------
def police_room() -> list[Sheet]:
    hand = Hand("police")
    sheets = []
    for month in (3, 4, 5):
        sheet = Sheet("police_room.xls", f"{YEAR}年{month}月")
        head = "派出所 警务室 调处时间 地点 调处人 内容 结果 照片 民警".split()
        sheet.skip(["石门警务室矛盾纠纷调处台账"], "title")
        sheet.skip(head, "head")
        sheet.merges.append("A1:I1")
        for n in range(72):
            truth = hand.truth(["620623103201", "620623103202"], typed=False)
            truth.found = dt.date(YEAR, month, n % 28 + 1)
            kind = hand.random.choice(["day", "monthday", "clock", "date", "short", "han"])
            day: Any = {
                "day": f"{truth.found.day}日", "monthday": f"{month}月{truth.found.day}日",
                "clock": f"{truth.found.isoformat()} 10:30", "date": truth.found,
                "short": f"{month}.{truth.found.day}", "han": f"{YEAR}年{month}月{truth.found.day}日上午9时",
            }[kind]  # fmt: skip
            truth.trap = f"date_{kind}"
            # settled where it was told, and closed by nobody
            truth.left = truth.found if truth.left else None
            truth.closed = None
            truth.status = "settled" if truth.status == "closed" else truth.status
            words = {
                "written": "当场调解成功，签订书面协议", "oral": "当场化解，达成口头协议", "self": "双方自行和解", "ended": "调解未成功",
                "way_court": "引导诉讼", "withdrawn": "当事人撤回", "": "正在调解",
            }  # fmt: skip
            result, officer = words[truth.result], "民警" + truth.handler
            if truth.left is None and n % 2:
                officer, truth.status, truth.trap = STAFF["room"], "mediating", "officer_is_known"
            place = f"{truth.place}{hand.random.choice(['一社', '二社', '村口', ''])}"
            if n % 7 == 3:
                place, truth.trap = VILLAGES[truth.village][1], "place_without_township"
            if n % 24 == 11:
                place, truth.reason, truth.trap = "县城", "village", "place_is_no_village"
            if n % 24 == 17:
                day, truth.reason, truth.trap = f"{month}月32日", "date", "no_such_day"
            sheet.put(
                ["松山派出所", "石门警务室", day, place, truth.handler, truth.narrative, result, "有", officer], truth
            )
            if n % 24 == 20:
                sheet.skip([None] * 9, "blank_row")
        sheet.skip(["本月合计", None, 72], "total_row")
        sheets.append(sheet)
    return sheets


# --- the county's ledger ---------------------------------------------------------------------------------------------
def county() -> list[Sheet]:
    hand = Hand("county")
    sheets = []
    for quarter, name in enumerate(("第一季度", "第二季度")):
        sheet = Sheet("county.xlsx", name)
        head = "序号 单位 矛盾纠纷简要情况 责任单位/责任人 化解时限 化解情况 交办督办情况 销号情况".split()
        sheet.skip(["附件2"], "title")
        sheet.skip(["天祝县突出矛盾纠纷台账"], "title")
        sheet.skip([f"（{YEAR}年{name}）"], "title")
        sheet.skip(["", "", "", "", "", "", "单位：件", ""], "title")
        sheet.skip(head, "head")
        sheet.merges += ["A1:H1", "A2:H2", "A3:H3"]
        for n in range(105):
            truth = hand.truth(list(VILLAGES), typed=False)
            shift = dt.date(YEAR, quarter * 3 + 1, 1) + dt.timedelta(days=n % 88) - truth.found
            truth.found += shift
            truth.left = truth.left + shift if truth.left else None
            truth.closed = truth.closed + shift if truth.closed else None
            town, village_name = VILLAGES[truth.village]
            unit = truth.place
            kind = hand.random.choice(["han", "dots", "monthday"])
            day = f"{truth.found.month}月{truth.found.day}日" if kind == "monthday" else hand.spelled(truth.found, kind)
            truth.trap = f"date_in_the_story_{kind}"
            story = f"{day}，{truth.narrative}"
            if n % 6 == 2:
                unit, story, truth.trap = town, f"{day}，{village_name}村民{truth.narrative}", "village_in_the_story"
            if n % 6 == 4 and truth.village not in ("620623103203", "620623102201"):
                unit, truth.trap = village_name, "unit_without_township"
            due = hand.spelled(
                truth.found + dt.timedelta(days=30), hand.random.choice(["date", "dots", "short", "serial"])
            )
            handler = truth.handler
            if truth.left is None and n % 2 and truth.village == "620623103201":
                handler, truth.status, truth.trap = STAFF["village"], "mediating", "responsible_person_is_known"
            progress = hand.ended(truth) if truth.left else "正在化解" if truth.status == "mediating" else "尚未化解"
            closed = f"已销号（{hand.spelled(truth.closed, 'dots')}）" if truth.closed else "未销号"
            if n % 21 == 9:
                unit, truth.reason, truth.trap = "县水务局", "village", "unit_is_no_village"
            if n % 21 == 13:
                story, truth.reason, truth.trap = truth.narrative, "date", "no_day_anywhere"
            if n % 21 == 16 and truth.left:
                progress, truth.reason, truth.trap = "已化解", "left_date", "settled_without_a_day"
            sheet.put(
                [n % 15 + 1, unit, story, f"{village_name}委会/{handler}", due, progress, hand.random.choice(["", "县委政法委督办"]), closed],
                truth,
            )  # fmt: skip
            if n % 35 == 34:
                sheet.skip(["合  计", "", f"{n + 1}件"], "total_row_with_blanks_in_the_word")
        sheet.skip([None] * 8, "blank_row")
        sheet.skip(["制表人：马占海", None, None, "负责人：王德才"], "footer")
        sheets.append(sheet)
    return sheets


LEDGERS: dict[str, Callable[[], list[Sheet]]] = {
    "default.xlsx": default, "village.xlsx": village, "street.csv": street, "police_room.xls": police_room,
    "county.xlsx": county,
}  # fmt: skip


# --- writing ---------------------------------------------------------------------------------------------------------
def write_xlsx(path: Path, sheets: list[Sheet]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for sheet in sheets:
        page = book.create_sheet(sheet.name)
        for line, row in enumerate(sheet.rows, 1):
            for at, value in enumerate(row, 1):
                if value in (None, ""):
                    continue
                cell = page.cell(line, at, value)
                if isinstance(value, str):
                    cell.data_type = "s"
                elif isinstance(value, dt.date):
                    cell.number_format = "yyyy/m/d"
                elif isinstance(value, float) and value == 3.1:
                    cell.number_format = "0.00"  # reads 3.10 on the screen
        for merged in sheet.merges:
            page.merge_cells(merged)
        for column in sheet.hidden_columns:
            page.column_dimensions[get_column_letter(column + 1)].hidden = True
        for line in sheet.hidden_rows:
            page.row_dimensions[line].hidden = True
    book.properties.created = book.properties.modified = dt.datetime(2026, 1, 1)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.xlsx"
        book.save(plain)
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
            for name in source.namelist():  # without the moment at which each part was written
                target.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), source.read(name), zipfile.ZIP_DEFLATED)


def write_xls(path: Path, sheets: list[Sheet]) -> None:
    """Old Excel, by xlwt: no requirement of the project, whoever writes the files anew installs it for that."""
    import xlwt

    book = xlwt.Workbook(encoding="utf-8")
    dated = xlwt.easyxf(num_format_str="yyyy/m/d")
    for sheet in sheets:
        page = book.add_sheet(sheet.name)
        for line, row in enumerate(sheet.rows):
            for at, value in enumerate(row):
                if isinstance(value, dt.date):
                    page.write(line, at, value, dated)
                elif value not in (None, ""):
                    page.write(line, at, value)
    book.save(str(path))


def write_csv(path: Path, sheets: list[Sheet]) -> None:
    with open(path, "w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(["" if value is None else value for value in row] for row in sheets[0].rows)


def expected() -> list[dict[str, Any]]:
    return [row for make in LEDGERS.values() for sheet in make() for row in sheet.expected]


def main() -> None:
    for name, make in LEDGERS.items():
        writer = {".xlsx": write_xlsx, ".xls": write_xls, ".csv": write_csv}[Path(name).suffix]
        writer(HERE / name, make())
    with open(HERE / "expected.csv", "w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        out.writeheader()
        out.writerows(expected())


if __name__ == "__main__":
    main()
