"""The time that figures are asked for: whole calendar months in Asia/Shanghai, one or several."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _g

from ledgers.month import BadMonth, Month

LONGEST = 60  # months: five years on one page


@dataclass(frozen=True)
class Period:
    """From the first day of `first` to the last day of `last`; a month, a quarter, a year or any run of months."""

    first: Month
    last: Month

    @classmethod
    def parse(cls, text: str) -> Period:
        """2026-11, 2026-Q4, 2026, or 2026-03..2026-10; anything else raises BadMonth with a sentence."""
        text = text.strip()
        if found := re.fullmatch(r"(20[0-9]{2})(?:-Q([1-4]))?", text):
            year, quarter = int(found[1]), found[2] and int(found[2])
            begin, end = (3 * quarter - 2, 3 * quarter) if quarter else (1, 12)
            return cls(Month(year, begin), Month(year, end))
        first, _dots, last = text.partition("..")
        if not re.fullmatch(r"20[0-9]{2}-[0-9]{2}(\.\.20[0-9]{2}-[0-9]{2})?", text):
            raise BadMonth(
                _g("认不出时间“%(text)s”，写成 2026-11、2026-Q4、2026 或者 2026-03..2026-10 这样") % {"text": text[:20]}
            )
        return cls.between(Month.parse(first), Month.parse(last or first))

    @classmethod
    def between(cls, first: Month, last: Month) -> Period:
        """The run of months, both included; raises BadMonth when it runs backwards or is too long."""
        if last < first:
            raise BadMonth(_g("结束的月份（%(last)s）要不早于开始的月份（%(first)s）") % {"last": last, "first": first})
        period = cls(first, last)
        if len(period) > LONGEST:
            raise BadMonth(_g("一次最多看 %(n)s 个月，把时间改短一些") % {"n": LONGEST})
        return period

    @classmethod
    def of(cls, month: Month) -> Period:
        return cls(month, month)

    def __len__(self) -> int:
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    def __iter__(self) -> Iterator[Month]:
        """Its months, the earliest first."""
        return (self.first.shifted(n) for n in range(len(self)))

    def __contains__(self, month: object) -> bool:
        return isinstance(month, Month) and self.first <= month <= self.last

    def __str__(self) -> str:
        """As it stands in an address; `parse` reads it."""
        first, last = self.first, self.last
        if first == last:
            return str(first)
        if first.year == last.year and len(self) == 12:
            return str(first.year)
        if first.year == last.year and len(self) == 3 and first.month % 3 == 1:
            return f"{first.year}-Q{last.month // 3}"
        return f"{first}..{last}"

    @property
    def label(self) -> str:
        """As a person reads it: 2026 年第 4 季度."""
        first, last = self.first, self.last
        what = {"year": first.year, "month": first.month, "y": last.year, "m": last.month, "q": last.month // 3}
        if first == last:
            return _g("%(year)s 年 %(month)s 月") % what
        if "Q" in str(self):
            return _g("%(year)s 年第 %(q)s 季度") % what
        if ".." not in str(self):
            return _g("%(year)s 年") % what
        return _g("%(year)s 年 %(month)s 月 ～ %(y)s 年 %(m)s 月") % what

    def shifted(self, times: int) -> Period:
        """The period of the same length, so many lengths later."""
        by = times * len(self)
        return Period(self.first.shifted(by), self.last.shifted(by))

    @property
    def start(self) -> dt.datetime:
        return self.first.start

    @property
    def end(self) -> dt.datetime:
        """The first moment after it."""
        return self.last.end

    @property
    def first_day(self) -> dt.date:
        return dt.date(self.first.year, self.first.month, 1)

    @property
    def day_after(self) -> dt.date:
        following = self.last.shifted(1)
        return dt.date(following.year, following.month, 1)
