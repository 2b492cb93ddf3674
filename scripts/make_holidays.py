"""For maintainers: rewrite data/holidays.csv from chinesecalendar (`python scripts/make_holidays.py`)."""

import csv
from datetime import date
from pathlib import Path

from chinese_calendar import Holiday
from chinese_calendar.constants import holidays, workdays

# Names as the notices of the State Council write them.
CHINESE = {item.value: item.chinese for item in Holiday}
CHINESE[Holiday.tomb_sweeping_day.value] = "清明节"
CHINESE[Holiday.dragon_boat_festival.value] = "端午节"
CHINESE[Holiday.mid_autumn_festival.value] = "中秋节"
CHINESE[Holiday.anti_fascist_70th_day.value] = "抗战胜利70周年纪念日"


def rows() -> list[tuple[str, str, str]]:
    """Every day on which the calendar departs from Monday–Friday, in order."""
    found: dict[date, tuple[str, str]] = {}
    for day, name in holidays.items():
        found[day] = ("holiday", CHINESE[name])
    for day, name in workdays.items():
        if day.weekday() >= 5:
            found[day] = ("workday", CHINESE[name])
    return [(day.isoformat(), *found[day]) for day in sorted(found)]


if __name__ == "__main__":
    target = Path(__file__).resolve().parent.parent / "data" / "holidays.csv"
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("day", "kind", "name"))
        writer.writerows(rows())
