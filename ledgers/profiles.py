"""The layouts of a ledger: which columns it has, in which order, under which names and merged heads.

Five are shipped (domain.md 8.1), one holds every fact apart so that it can be read back, and a county may make its own.
Left out of the published layouts: what is forbidden (household address and ID number, product.md Masking) and what the
product does not know: 村组 and 网格 (地点 says where), 调解卷宗号 (a dossier has the number of its case), and 照片
itself (the sheet tells how many there are). 责任人 and 民警 are the person who has the case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.utils.functional import Promise
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from ledgers.columns import COLUMNS, COUNTY, PARTIES, Column, layout
from villages.models import User

#: A second frozen column is not wider than this, so that the rest of a small screen can still scroll.
FROZEN_WIDTH = 24


class BadProfile(ValueError):
    """There is no such layout for this person; `str()` is the sentence for them."""


@dataclass(frozen=True)
class HeadCell:
    """One cell of the head: a column's name, or the merged cell above several."""

    label: str
    colspan: int = 1
    rowspan: int = 1


@dataclass(frozen=True)
class Profile:
    """One layout of the ledger."""

    key: str
    label: str | Promise
    columns: tuple[Column, ...]

    def head(self) -> list[list[HeadCell]]:
        """One row of names; two where columns stand under a merged cell, the others then reach over both."""
        return head_of(self.columns)

    @property
    def frozen(self) -> int:
        """How many columns stand still on scrolling sideways: the first, and what names the row after a 序号."""
        first = self.columns[:2]
        return 2 if len(first) == 2 and first[0].key == "no" and first[1].width <= FROZEN_WIDTH else 1


def head_of(columns: Sequence[Column]) -> list[list[HeadCell]]:
    """The head of these columns, as `Profile.head` says."""
    if not any(column.group for column in columns):
        return [[HeadCell(str(column.label)) for column in columns]]
    upper: list[HeadCell] = []
    lower: list[HeadCell] = []
    for group, run in groupby(columns, key=lambda column: str(column.group)):
        below = [str(column.label) for column in run]
        if group:
            upper.append(HeadCell(group, colspan=len(below)))
            lower += map(HeadCell, below)
        else:
            upper += [HeadCell(label, rowspan=2) for label in below]
    return [upper, lower]


_LATEST = _("最近进展")
VILLAGE = layout(
    "case_no", "found_on", ("type", _("纠纷类型"), ""), "source",
    ("side_a", _("甲方姓名"), PARTIES), ("phone_a", "", PARTIES),
    ("side_b", _("乙方姓名"), PARTIES), ("phone_b", "", PARTIES),
    "people", "village", "place", ("narrative", _("纠纷简况"), ""), ("danger", _("风险"), ""), "handler",
    "method", ("result", _("化解结果"), ""), "left_on", "closed_on", "status", "remark",
    ("progress_on", _("日期"), _LATEST), ("progress_way", _("方式"), _LATEST), ("progress", _("内容"), _LATEST),
)  # fmt: skip
STREET = layout(
    "no", "type", ("accepted_on", _("受理时间"), ""), "mediator", "agreement", "parties",
    ("narrative", _("纠纷概况"), ""), ("outcome", _("调处结果"), ""), ("visits", _("跟踪反馈情况"), ""),
)  # fmt: skip
POLICE_ROOM = layout(
    "station", "room", ("left_on", _("调处时间"), ""), "place", ("mediator", _("调处人"), ""),
    ("narrative", _("内容"), ""), ("result", _("结果"), ""), "photos", ("handler", _("民警"), ""),
)  # fmt: skip
#: One column per fact and nothing put together from two: what leaves in this layout can be read in again whole.
FACTS = layout(
    *"case_no found_on source township village type_l1 type_l2 side_a phone_a side_b phone_b people amount narrative "
    "danger office handler accepted_on due_on tier status round result left_on closed_on progress satisfaction_a "
    "satisfaction_b remark".split()
)

DEFAULT = Profile("default", _("工作台账（22 列）"), COLUMNS)
SHIPPED: dict[str, Profile] = {
    profile.key: profile
    for profile in (
        DEFAULT,
        Profile("county", _("突出矛盾纠纷台账"), COUNTY),
        Profile("village", _("村级台账"), VILLAGE),
        Profile("street", _("调解登记"), STREET),
        Profile("police_room", _("警务室台账"), POLICE_ROOM),
        Profile("facts", _("逐项台账（可导回）"), FACTS),
    )
}


def profiles_for(user: User) -> list[Profile]:
    """The layouts that this person may choose from."""
    return list(SHIPPED.values())


def profile(user: User, key: str) -> Profile:
    """The layout of this name; raises BadProfile when this person has none of it."""
    found = next((one for one in profiles_for(user) if one.key == key), None)
    if found is None:
        raise BadProfile(_g("没有这种台账格式，重新选一种"))
    return found
