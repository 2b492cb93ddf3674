# ruff: noqa: E501 - a table of names
"""Which column of an old ledger is what: found by its name, corrected by hand, remembered for the unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ledgers.columns import COLUMNS
from ledgers.imports.reading import FORBIDDEN, TOP, Cell, Sheet, is_blank, label, year_and_month

IGNORE = ""
LONGEST_NAME = 50  # of a column, as it is kept; who writes a story into a head has no head


@dataclass(frozen=True)
class Target:
    """What a column can hold: its name here, the names under which old ledgers know it, and whether several may."""

    key: str
    label: str | Promise
    aliases: tuple[str, ...]
    many: bool = False


# fmt: off
TARGETS: tuple[Target, ...] = (
    Target("old_no", _("原编号"), ("编号", "原编号", "案号", "案件编号", "调解卷宗号", "卷宗号", "卷号", "登记号"), many=True),
    Target("found_on", _("排查日期"), ("排查日期", "排查时间", "日期", "时间", "发生日期", "发生时间", "登记日期", "登记时间", "接报时间", "摸排时间")),
    Target("handled_on", _("调处日期"), ("调处时间", "调处日期", "调解时间", "调解日期")),
    Target("accepted_on", _("受理日期"), ("受理时间", "受理日期")),
    Target("source", _("来源"), ("来源", "案件来源", "纠纷来源", "线索来源", "受理来源")),
    Target("unit", _("单位（含乡镇、村名）"), ("单位", "填报单位", "所属单位", "辖区", "区域")),
    Target("township", _("乡镇"), ("乡镇", "镇", "乡", "街道", "乡(镇)", "乡镇街道", "乡镇(街道)", "所属乡镇")),
    Target("village", _("村（社区）"), ("村(社区)", "村", "社区", "村社区", "村居", "村名", "行政村", "所属村", "村(居)", "所在村")),
    Target("place", _("地点"), ("地点", "发生地点", "地址", "村组", "纠纷地点", "调处地点"), many=True),
    Target("type", _("纠纷类别"), ("纠纷类别", "纠纷类型", "矛盾纠纷类型", "矛盾纠纷类别", "类别", "类型", "案由", "大类", "纠纷大类"), many=True),
    Target("side_a", _("甲方"), ("甲方", "甲方姓名", "申请人", "申请人姓名", "当事人甲", "当事人(甲)", "当事人一", "原告")),
    Target("phone_a", _("甲方电话"), ("甲方电话", "甲方联系电话", "甲方联系方式", "申请人电话", "电话", "联系电话", "联系方式", "甲方手机")),
    Target("id_a", _("甲方身份证号"), ("甲方身份证号", "甲方身份证", "甲方身份证号码", "身份证号", "身份证号码", "身份证", "证件号码", "申请人身份证号")),
    Target("side_b", _("乙方"), ("乙方", "乙方姓名", "被申请人", "被申请人姓名", "当事人乙", "当事人(乙)", "当事人二", "对方")),
    Target("phone_b", _("乙方电话"), ("乙方电话", "乙方联系电话", "乙方联系方式", "被申请人电话", "乙方手机")),
    Target("id_b", _("乙方身份证号"), ("乙方身份证号", "乙方身份证", "乙方身份证号码", "被申请人身份证号")),
    Target("parties", _("双方当事人（一格里写两方）"), ("当事人概况", "当事人", "双方当事人", "当事人情况", "纠纷双方", "当事人姓名")),
    Target("people", _("涉及人数"), ("涉及人数", "人数", "涉事人数", "涉及人员数")),
    Target("amount", _("涉及金额"), ("涉及金额", "金额", "涉案金额", "标的", "标的额", "涉及金额(元)", "金额(元)", "协议金额")),
    Target("narrative", _("简要情况"), ("简要情况", "矛盾纠纷简要情况", "纠纷简况", "纠纷概况", "内容", "主要内容", "纠纷内容", "基本情况", "案情", "案情简介", "简况", "事由", "纠纷事由", "矛盾纠纷情况")),
    Target("danger", _("风险等级"), ("风险等级", "风险", "风险级别", "预警等级", "等级")),
    Target("office", _("责任单位"), ("责任单位", "办理单位", "承办单位", "调处单位", "警务室", "化解单位")),
    Target("handler", _("责任人"), ("责任人", "经办人", "承办人", "民警", "负责人", "包案领导", "责任民警")),
    Target("responsible", _("责任单位/责任人"), ("责任单位/责任人", "责任单位责任人", "责任单位及责任人", "责任单位、责任人")),
    Target("due_on", _("化解时限"), ("化解时限", "办理时限", "办结时限", "期限", "时限")),
    Target("progress", _("化解措施及进展（记进时间线）"), ("化解措施及进展", "化解措施", "进展", "进展情况", "工作措施", "交办督办情况", "化解方式", "调解人员", "调处人", "调解员", "回访情况/满意度", "回访情况", "满意度", "督办情况"), many=True),
    Target("agreement", _("有无调解协议"), ("有无调解协议", "有无协议", "是否签订协议", "调解协议")),
    Target("status", _("状态"), ("状态", "当前状态", "办理状态")),
    Target("outcome", _("化解结果/日期"), ("化解结果/日期", "化解结果", "结果", "调处结果", "调解结果", "化解情况", "处理结果", "办理结果", "办理情况", "处理情况"), many=True),
    Target("left_on", _("化解日期"), ("化解日期", "化解时间", "办结日期", "办结时间", "调成日期", "终结日期")),
    Target("closed", _("销号情况"), ("销号情况", "销号", "是否销号", "跟踪反馈情况", "跟踪反馈"), many=True),
    Target("closed_on", _("销号日期"), ("销号日期", "销号时间", "结案日期", "结案时间")),
    Target("remark", _("备注"), ("备注", "说明", "其他"), many=True),
)
# fmt: on
BY_KEY = {target.key: target for target in TARGETS}
#: Names of columns that nobody needs from an old ledger, the importer's own additions to the file to mend among them.
USELESS = frozenset(("序号", "照片", "派出所", "网格", "工作表", "原行号", "问题", "图片", "附件", "年度", "月份"))


def _key(name: str) -> str:
    return re.sub(r"[（）()、/／\-—_·.。]", "", name)


NAMES: dict[str, str] = {}
for _target in TARGETS:
    for _name in (_target.key, *_target.aliases):
        NAMES.setdefault(_key(_name), _target.key)
for _column in COLUMNS:  # what our own ledgers call it
    for _name in (str(_column.label), *_column.aliases) if _column.key in BY_KEY else ():
        NAMES.setdefault(_key(label(_name)), _column.key)


@dataclass
class Head:
    """Where a sheet's head stands and what its columns are called; `line` is its first line from 0, None without one."""

    line: int | None = None
    height: int = 1
    labels: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    year: int | None = None
    month: int | None = None


def knows(name: str) -> bool:
    return bool(name) and (_key(name) in NAMES or name in USELESS or bool(FORBIDDEN.fullmatch(name)))


def labels_of(row: Sequence[Cell]) -> list[str]:
    """The names in a line; a line of one text merged over all columns is a title and has none."""
    names = [label(cell) for cell in row]
    return names if len({name for name in names if name}) > 1 else []


def find_head(sheet: Sheet) -> Head:
    """The head of a sheet: the line with the most names that are known, and the line below where it tells more."""
    best, score = None, 2
    for line, row in enumerate(sheet.rows[:TOP]):
        known = sum(knows(name) for name in labels_of(row))
        if known > score:
            best, score = line, known
    head = Head(best)
    if best is None:
        head.titles = [text for row in sheet.rows[:3] for text in _texts(row)[:1]]
    else:
        head.titles = [text for row in sheet.rows[:best] for text in _texts(row)[:2]]
        upper = [label(cell) for cell in sheet.rows[best]]
        head.labels = upper
        below = [label(cell) for cell in sheet.rows[best + 1]] if best + 1 < len(sheet.rows) else []
        both = _joined(upper, below)
        # a second line of a head: it names parts of what stands above it, and nothing else
        named = [n for n, name in enumerate(below) if name and (n >= len(upper) or name != upper[n])]
        if named and all(knows(both[n]) or below[n] in PARTS for n in named) and sum(map(knows, both)) >= score:
            head.labels, head.height = both, 2
        elif below and not named and any(below):
            head.height = 2  # every cell merged over two lines
    head.labels = _unique(head.labels)
    head.year, head.month = year_and_month(sheet.name, *head.titles)
    return head


#: What stands below 甲方 and 乙方.
PARTS = frozenset(("姓名", "电话", "联系电话", "身份证号", "联系方式", "住址", "性别", "年龄"))


def _texts(row: Sequence[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.strip() for cell in row if isinstance(cell, str) and not is_blank(cell)))


def _joined(upper: list[str], lower: list[str]) -> list[str]:
    """One name per column from two lines: 甲方 over 姓名 and 电话, with or without merged cells."""
    found, above = [], ""
    for n in range(max(len(upper), len(lower))):
        high = upper[n] if n < len(upper) else ""
        low = lower[n] if n < len(lower) else ""
        above = high or (above if low else "")
        found.append(high if not low or low == high else f"{above}{low}")
    return found


def _unique(names: list[str]) -> list[str]:
    """Names that stand once: the second 电话 after 乙方 is the other side's, any other repetition gets a number."""
    seen: dict[str, int] = {}
    found = []
    for n, long in enumerate(names):
        name = long[:LONGEST_NAME]
        seen[name] = seen.get(name, 0) + 1
        if name and seen[name] == 2 and name in ("电话", "联系电话", "身份证号", "联系方式") and "乙方" in names[:n]:
            name = f"乙方{name}"
        elif name and seen[name] > 1:
            name = f"{name}#{seen[name]}"
        found.append(name)
    return found


def propose(labels: Iterable[str], remembered: Mapping[str, str]) -> dict[str, str]:
    """Label → key of a target, or IGNORE; what the unit chose before comes first, and no target twice unless it may."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    names = [name for name in dict.fromkeys(labels) if name]
    for name in sorted(names, key=lambda one: one not in remembered):
        key = remembered.get(name, IGNORE if name in USELESS else NAMES.get(_key(name), IGNORE))
        if FORBIDDEN.fullmatch(name) or key not in BY_KEY or (key in taken and not BY_KEY[key].many):
            key = IGNORE
        found[name] = key
        taken.add(key)
    return {name: found[name] for name in names}


def problem_of(mapping: Mapping[str, str]) -> str:
    """Why nothing can be read with this mapping, as a sentence; empty when something can."""
    from django.utils.translation import gettext

    keys = [key for key in mapping.values() if key]
    for key in dict.fromkeys(keys):
        if keys.count(key) > 1 and not BY_KEY[key].many:
            return gettext("有两列都对到“%(what)s”，留下一列") % {"what": BY_KEY[key].label}
    if "narrative" not in keys:
        return gettext("还没有指明哪一列是“简要情况”")
    return ""
