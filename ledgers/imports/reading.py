"""An old ledger as sheets of rows: whatever the file was, whoever tried to hide something in it.

What the file holds is looked at in a process of its own (`ledgers.imports.reader`), never here. Columns of a forbidden
kind are emptied before anything is kept, so that their values are in no table, no log and no file of ours.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from disputes.attachments import FileRefused, clean_name, climbs

log = logging.getLogger("ledgers.imports")

Cell = str | int | float | dict[str, str] | None

READER = Path(__file__).with_name("reader.py")
READER_SECONDS = 60  # by the clock on the wall; it may compute for half of them
KINDS = ("xlsx", "xls", "csv")
#: What merged cells may be filled with, in cells: nobody merges a whole sheet but to make it heavy.
MOST_FILLED = 200_000
#: Lines at the top in which a title, a head or the name of a forbidden column may stand.
TOP = 30

REASONS = {
    "type": gettext_lazy("“%(name)s”的内容和扩展名对不上，用原来的程序另存为 xlsx 再传"),
    "broken": gettext_lazy("“%(name)s”不完整或已损坏，打不开。用原来的程序打开后另存一份再传"),
    "heavy": gettext_lazy("“%(name)s”展开后太大，没有收下。只留下有内容的行和列，另存一份再传"),
    "rows": gettext_lazy("“%(name)s”的行、列或工作表太多（最多 60,000 行、200 列），分成几个文件再传"),
    "locked": gettext_lazy("“%(name)s”加了密码，读不出来。去掉密码，另存一份再传"),
    "program": gettext_lazy("“%(name)s”里有宏或嵌入的程序，没有收下。另存为不带宏的 xlsx 再传"),
    "remote": gettext_lazy("“%(name)s”里有连到外面的数据，没有收下。断开链接，另存一份再传"),
    "odd": gettext_lazy("“%(name)s”的内部结构不正常，没有收下。用 WPS 打开后另存一份再传"),
    "encoding": gettext_lazy("“%(name)s”的文字认不出来，另存为 UTF-8 的 CSV 或 xlsx 再传"),
}
#: What the product does not keep about a person (domain.md 1): such a column is dropped, with a notice.
FORBIDDEN = re.compile(
    r"(?:甲方|乙方|双方|当事人|被?申请人|户主|本人|家庭|有无|是否|是否有)*"
    r"(?:民族|族别|宗教|宗教信仰|信仰|政治面貌|政治身份|党员|党派|文化程度|学历|受教育程度"
    r"|信访|上访|信访史|上访史|进京史|进京上访|前科|前科劣迹|劣迹|违法犯罪|违法|犯罪|涉毒|吸毒史|精神病史|重点人员|人员类别)"
    r"(?:成份|成分|情况|记录|史|类别|次数)*(?:\(.*\))?"
)
LONGEST_LABEL = 14


@dataclass
class Sheet:
    """One sheet from its first line on; `dropped` are labels of forbidden columns, emptied."""

    name: str
    rows: list[list[Cell]] = field(default_factory=list)
    hidden: bool = False
    hidden_rows: int = 0
    hidden_columns: list[int] = field(default_factory=list)
    merges: list[list[int]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def label(cell: Cell) -> str:
    """A cell as a name of a column: half-width, without blanks and line breaks."""
    return re.sub(r"[\s:：*＊]+", "", unicodedata.normalize("NFKC", cell)) if isinstance(cell, str) else ""


def shown(cell: Cell) -> str:
    """A cell as somebody reads it in a sentence or in the file to mend; whole numbers without a point."""
    if cell is None:
        return ""
    if isinstance(cell, dict):
        return cell["d"]
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e18 else repr(cell)
    return str(cell)


def is_blank(cell: Cell) -> bool:
    return cell is None or isinstance(cell, str) and not cell.strip("\ufeff\u3000 \t\r\n\u00a0\u200b")


def read(file: File) -> tuple[str, list[Sheet]]:
    """The file's clean name and its sheets, ready to be kept; FileRefused with a sentence."""
    name = clean_name(file.name or "")
    told = name or _("文件")
    if climbs(file.name or ""):
        raise FileRefused(_("“%(name)s”的文件名里带有上级目录（../），没有收下。改个名字再传") % {"name": told})
    extension = PurePosixPath(name).suffix.lower().lstrip(".")
    if extension in ("xlsm", "xlsb", "xltm", "xlam"):
        raise FileRefused(str(REASONS["program"]) % {"name": told})
    if extension not in KINDS:
        raise FileRefused(_("“%(name)s”不能导入。可以导入 xlsx、xls 和 csv") % {"name": told})
    if not file.size:
        raise FileRefused(_("“%(name)s”是空的，重新选一个") % {"name": told})
    if file.size > settings.ATTACHMENT_MAX_BYTES:
        raise FileRefused(
            _("“%(name)s”有 %(size)s MB，最多 %(limit)s MB。分成几个文件再传")
            % {"name": told, "size": -(-file.size // 2**20), "limit": settings.ATTACHMENT_MAX_BYTES // 2**20}
        )
    file.seek(0)
    reason, sheets = parse(extension, file.read(settings.ATTACHMENT_MAX_BYTES + 1))
    if not reason and not any(not is_blank(cell) for sheet in sheets for row in sheet.rows for cell in row):
        raise FileRefused(_("“%(name)s”里没有内容，看看是不是选错了文件") % {"name": told})
    if reason:
        raise FileRefused(str(REASONS[reason]) % {"name": told})
    for sheet in sheets:
        sheet.name = sheet.name or PurePosixPath(name).stem[:100]
    return name, sheets


def parse(extension: str, content: bytes) -> tuple[str, list[Sheet]]:
    """(reason or empty, sheets): what the reader says; where it was stopped or fell, that it was too much."""
    sheets: list[Sheet] = []
    for told in answers(extension, content):
        if isinstance(told, list):
            sheets[-1].rows.append(told)
        elif "refused" in told:
            return told["refused"], []
        else:
            sheets.append(Sheet(name=told.pop("sheet"), **told))
    filled = 0
    for sheet in sheets:
        filled = fill_merges(sheet, filled)
        drop_forbidden(sheet)
    return "", sheets


def answers(extension: str, content: bytes) -> Iterator[Any]:
    """What the reader says of a file, line by line, from a process of its own."""
    command = [sys.executable, "-I", str(READER), extension]
    try:
        done = subprocess.run(
            command, input=content, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/",
            timeout=READER_SECONDS, check=True,
        )  # fmt: skip
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        log.warning("The reader of a %s of %d bytes was stopped: %s", extension, len(content), type(error).__name__)
        yield {"refused": "heavy"}
        return
    yield from map(json.loads, done.stdout.splitlines())


def fill_merges(sheet: Sheet, filled: int) -> int:
    """Give every cell under a merged one its value: a head over two columns, a day over the rows of one visit."""
    height = len(sheet.rows)
    for top, left, bottom, right in sheet.merges:
        if top >= height or left >= len(sheet.rows[top]):
            continue
        value = sheet.rows[top][left]
        if is_blank(value):
            continue
        for line in range(top, min(bottom, height - 1) + 1):
            row = sheet.rows[line]
            for at in range(left, min(right, len(row) - 1) + 1):
                filled += 1
                if filled > MOST_FILLED:
                    return filled
                if is_blank(row[at]):
                    row[at] = value
    sheet.merges = []
    return filled


def drop_forbidden(sheet: Sheet) -> None:
    """Empty the columns that a forbidden name stands over, from that name down."""
    for line, row in enumerate(sheet.rows[:TOP]):
        for at, cell in enumerate(row):
            name = label(cell)
            if name and len(name) <= LONGEST_LABEL and FORBIDDEN.fullmatch(name):
                if name not in sheet.dropped:
                    sheet.dropped.append(name)
                for below in sheet.rows[line + 1 :]:
                    # the second line of its own head keeps its name, and so stays a head
                    if at < len(below) and label(below[at]) != name:
                        below[at] = None


def dump(sheets: list[Sheet]) -> str:
    return json.dumps([asdict(sheet) for sheet in sheets], ensure_ascii=False, separators=(",", ":"))


def load(text: str) -> list[Sheet]:
    return [Sheet(**told) for told in json.loads(text)]


# --- days of old ledgers ---------------------------------------------------------------------------------------------
_TAIL = (
    r"(?:日|号)?(?:T|\s)*(?:(?:凌晨|早上|上午|中午|下午|晚上|晚)?\s*"
    r"\d{0,2}(?:[:时点]\d{0,2}(?:[:分]\d{0,2}秒?)?)?\s*半?(?:左右)?)?"
)
_FULL = re.compile(rf"(\d{{4}}|\d{{2}})\s*[-./年]\s*(\d{{1,2}})\s*[-./月]\s*(\d{{1,2}}){_TAIL}")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_MONTH_DAY = re.compile(rf"(\d{{1,2}})\s*[-./月]\s*(\d{{1,2}}){_TAIL}")
_DAY = re.compile(rf"(\d{{1,2}})(?:日|号){_TAIL}")
_IN_TEXT = re.compile(
    r"(?<!\d)(?:(\d{4})\s*[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,2})|(\d{1,2})月(\d{1,2})(?=[日号]))(?!\d)"
)
LUNAR = re.compile(r"农历|阴历|[正冬腊]月|月初[一二三四五六七八九十]|月(十|廿|卅)")
FIRST_SERIAL, LAST_SERIAL = 36_526, 73_415  # 2000-01-01 to 2100-12-31 as a spreadsheet counts days


class BadDay(ValueError):
    """A day that cannot be read; `code` names why, `str()` is the sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def _made(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(2000 + year if year < 100 else year, month, day)
    except ValueError:
        return None


def day_of(cell: Cell, *, year: int | None, month: int | None, after: dt.date | None = None) -> dt.date | None:
    """The day in a cell of an old ledger, None where it is blank; BadDay with a sentence.

    2026.3.5, 2026年3月5日, 20260305, 26.3.5, a spreadsheet's own day or its number; 3.5 and 3月5日 take the year of the
    sheet or title (or the one that puts them after `after`), 5日 its month, too.
    """
    if is_blank(cell):
        return None
    if isinstance(cell, dict):
        return dt.date.fromisoformat(cell["d"])
    raw = shown(cell)
    value = unicodedata.normalize("NFKC", raw).strip().replace("。", ".").strip(".")
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        number = float(cell)
        if number.is_integer() and FIRST_SERIAL <= number <= LAST_SERIAL:
            return dt.date(1899, 12, 30) + dt.timedelta(days=int(number))
        _whole, _point, rest = value.partition(".")
        if not number.is_integer() and number < 13 and rest in ("1", "2", "3"):
            # the spreadsheet made a number of it, and 3.10 and 3.1 are the same number
            raise BadDay(
                "ambiguous_date",
                _("“%(raw)s”是表格里的数字，可能是 %(m)s 月 %(d)s 日，也可能是 %(m)s 月 %(e)s 日。写成 %(m)s月%(d)s日")
                % {"raw": raw, "m": int(number), "d": rest, "e": f"{rest}0"},
            )
    found: dt.date | None = None
    if match := _COMPACT.fullmatch(value) or _FULL.fullmatch(value):
        found = _made(int(match[1]), int(match[2]), int(match[3]))
    elif (match := _MONTH_DAY.fullmatch(value)) or (match := _DAY.fullmatch(value)):
        parts = [int(part) for part in match.groups()]
        if len(parts) == 1:
            if month is None:
                raise BadDay("date", _("“%(raw)s”没有月份，表名和标题里也没有。写成 2025-03-05 这样") % {"raw": raw})
            parts.insert(0, month)
        return _in_year(parts[0], parts[1], raw, year, after)
    if found is None or not 1980 <= found.year <= 2100:
        if LUNAR.search(value):
            raise BadDay("date", _("“%(raw)s”是农历，农历日期不替你换算，查好公历再填") % {"raw": raw[:40]})
        raise BadDay("date", _("认不出日期“%(raw)s”，写成 2025-03-05 这样") % {"raw": raw[:40]})
    return found


def _in_year(month: int, day: int, raw: str, year: int | None, after: dt.date | None) -> dt.date:
    if after is not None:
        for candidate in (after.year, after.year + 1):
            found = _made(candidate, month, day)
            if found and found >= after:
                return found
    if year is None and after is None:
        raise BadDay("date", _("“%(raw)s”没有年份，表名和标题里也没有。写成 2025-03-05，或在上面填年份") % {"raw": raw})
    found = _made(year or after.year, month, day)  # type: ignore[union-attr]
    if found is None:
        raise BadDay("date", _("认不出日期“%(raw)s”，写成 2025-03-05 这样") % {"raw": raw[:40]})
    return found


def days_in(text: str, *, year: int | None, after: dt.date | None = None) -> list[dt.date]:
    """The days that a text tells, in its order; those without a year as in `day_of`. What is none is passed over."""
    found = []
    for match in _IN_TEXT.finditer(unicodedata.normalize("NFKC", text)):
        if match[1]:
            one = _made(int(match[1]), int(match[2]), int(match[3]))
        else:
            try:
                one = _in_year(int(match[4]), int(match[5]), match[0], year, after)
            except BadDay:
                one = None
        if one and 1980 <= one.year <= 2100:
            found.append(one)
    return found


def year_and_month(*texts: str) -> tuple[int | None, int | None]:
    """The year and the month that names of sheets and titles give, the first of them first."""
    year = month = None
    for text in texts:
        plain = unicodedata.normalize("NFKC", text)
        if year is None and (match := re.search(r"(?<!\d)(20\d{2})\s*(?:年|[-./]|$|[^\d])", plain)):
            year = int(match[1])
        if month is None and (match := re.search(r"(?<!\d)(1[0-2]|0?[1-9])\s*月(?!\s*\d)", plain)):
            month = int(match[1])
    return year, month
