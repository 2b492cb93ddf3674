"""An old ledger that waits to be taken in: checked, with rows that are ready and rows to mend."""

from __future__ import annotations

import csv
import io

from django.core.files.base import ContentFile

from config.demo import people
from config.demo.county import TOWN_1
from config.demo.history import History
from ledgers.imports import doors
from villages.models import Area

HEAD = "序号 排查日期 村(社区) 纠纷类别 甲方 甲方电话 乙方 简要情况 责任人 化解结果/日期 民族".split()
KINDS = (
    ("草场界线", "夏季草场界桩被冲走"),
    ("邻里纠纷", "院墙排水流到对方院里"),
    ("宅基地", "宅基地四至说法不一"),
    ("民间借贷", "借款没有按期还"),
)


def bring_an_old_ledger(history: History) -> None:
    """Last year's sheet of supervisor1's county: what is wrong with a row is what such sheets have wrong."""
    rng, by, at = history.rng("old-ledger"), history.county.accounts["supervisor1"], history.end
    by.forget_scope()
    villages = list(Area.objects.filter(parent__code__startswith=TOWN_1, level=Area.Level.VILLAGE, served=True)[:6])
    year = history.today.year - 1
    rows = [[f"松山镇矛盾纠纷排查化解台账（{year}年）"], HEAD]
    for n in range(1, 25):
        kind, what = rng.choice(KINDS)
        month, day = rng.randrange(1, 10), rng.randrange(1, 28)
        found = rng.choice((f"{year}.{month}.{day}", f"{month}月{day}日", f"{year}年{month}月{day}日"))
        a, b = people.name(rng, male=True), people.name(rng, male=True)
        ended = f"达成书面协议 {year}.{month + 1}.{day}" if n % 3 else ""
        phone = "1.38123E+10" if n % 11 == 5 else f"138{rng.randrange(10**8):08d}"
        if n % 8 == 3:
            found, ended = "正月初八", ""
        rows.append(
            [
                str(n),
                found,
                rng.choice(villages).short_name,
                kind,
                a,
                phone,
                b,
                f"{a}与{b}因{what}争执",
                "",
                ended,
                "汉",
            ]
        )
        if n % 10 == 0:
            rows.append(["小计", "", f"{n}件"])
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    name = f"松山镇{year}年台账.csv"
    batch = doors.take_file(ContentFile(out.getvalue().encode("gb18030"), name=name), by=by, at=at)
    doors.check(batch, at=at, columns={}, in_background=False)
