"""Divisions, code tables and holidays from CSV files: checked row by row, then written all together or not at all.

Each importer can be run again with the same file and changes nothing. What is no longer in the file is end-dated,
because last year's ledger still names it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audit.models import Action, record
from villages.models import Area, Code, SpecialDay, TypeMap, User
from villages.pinyin import place_keys

MAX_BYTES = 60 * 1024 * 1024  # the whole nation's divisions are 35 MB

DIVISIONS = ("code", "name", "level", "parent_code")
CODES = ("table", "code", "name_zh", "name_en", "active", "standing")
TYPE_MAP = ("zz_l2", "name_zh", "zz_upstream", "moj", "moj_name")
HOLIDAYS = ("day", "kind", "name")

#: How many leading digits of a 12-digit code belong to a level; the rest are zeros.
DIGITS_OF_LEVEL = {Area.Level.CITY: 4, Area.Level.COUNTY: 6, Area.Level.TOWNSHIP: 9, Area.Level.VILLAGE: 12}
#: A committee's name is the name of its village or community with this behind it.
COMMITTEE = re.compile(r"(?:(?P<village>.+?)村?村(?:民委员会|委会)|(?P<community>.+社区)(?:居民委员会|居委会))")
TOWNSHIP_ENDINGS = ("镇", "乡", "街道", "街道办事处", "苏木")
VIRTUAL = "虚拟社区"


class BadFile(Exception):
    """A file that was refused as a whole: `problems` holds one sentence per bad line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass
class Report:
    """What an import did, row by row counted, and the sentences worth reading."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    ended: int = 0
    unchanged: int = 0
    levels: Counter[int] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    days: list[tuple[dt.date, str, str]] = field(default_factory=list)  # holidays: what would become of which day

    def lines(self) -> list[str]:
        """The report as the command prints it."""
        out = []
        if self.levels:
            words = {
                Area.Level.CITY: _("市级 %(n)d"),
                Area.Level.COUNTY: _("县级 %(n)d"),
                Area.Level.TOWNSHIP: _("乡级 %(n)d"),
                Area.Level.VILLAGE: _("村级 %(n)d"),
            }
            out.append(
                _("共 %(n)d 行：") % {"n": self.rows}
                + "，".join(words[Area.Level(level)] % {"n": self.levels[level]} for level in sorted(self.levels))
            )
        else:
            out.append(_("共 %(n)d 行") % {"n": self.rows})
        out.append(
            _("新增 %(added)d，修改 %(changed)d，停用 %(ended)d，未变 %(unchanged)d")
            % {"added": self.added, "changed": self.changed, "ended": self.ended, "unchanged": self.unchanged}
        )
        return out + self.notes

    @property
    def writes(self) -> bool:
        return bool(self.added or self.changed or self.ended)

    def counts(self) -> dict[str, int]:
        return {"rows": self.rows, "added": self.added, "changed": self.changed, "ended": self.ended}


class Problems:
    """Collects one sentence per bad line and refuses the file at the end."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def add(self, line: int, reason: str) -> None:
        self.found.append((line, reason))

    def raise_if_any(self) -> None:
        if self.found:
            raise BadFile(
                [
                    _("第 %(line)d 行：%(reason)s") % {"line": line, "reason": reason}
                    for line, reason in sorted(self.found)
                ]
            )


# --- reading ---------------------------------------------------------------------------------------------------------
def decoded(content: bytes) -> str:
    """The text of a CSV file in UTF-8 (with or without BOM) or GB18030, as WPS and Excel save it."""
    if len(content) > MAX_BYTES:
        raise BadFile([_("文件超过 60 MB，分成几个文件再导入")])
    if content[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise BadFile([_("这是 Excel 文件，先另存为 CSV（逗号分隔）再导入")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError:
            raise BadFile([_("文件既不是 UTF-8 也不是 GB18030 编码，另存为 CSV UTF-8 再导入")]) from None
    if "\0" in text:
        raise BadFile([_("文件里有空字符，可能不是 CSV 文件。用 WPS 或 Excel 另存为 CSV 再导入")])
    return text


def read_rows(
    content: bytes, problems: Problems, *wanted: tuple[str, ...]
) -> tuple[tuple[str, ...], list[tuple[int, dict[str, str]]]]:
    """The header, which must be one of those wanted, and (line number, row) of every readable row."""
    # Chinese commas and tabs are not guessed at: a wrong guess would shift every column.
    reader = csv.reader(io.StringIO(decoded(content), newline=""), strict=True)
    header: tuple[str, ...] = ()
    rows: list[tuple[int, dict[str, str]]] = []
    line = 1
    try:
        for values in reader:
            first, line = line, reader.line_num + 1
            cells = [value.strip() for value in values]
            if not any(cells):
                continue
            if not header:
                header = _expected(tuple(cell.lower() for cell in cells), wanted)
            elif len(cells) != len(header):
                problems.add(first, _("应有 %(want)d 列，实有 %(have)d 列") % {"want": len(header), "have": len(cells)})
            elif any(unicodedata.category(character) == "Cc" for cell in cells for character in cell):
                problems.add(first, _("单元格里有换行或控制字符"))
            else:
                rows.append((first, dict(zip(header, cells, strict=True))))
    except csv.Error:
        problems.add(line, _("引号不成对，或一格内容过长，从这里起读不下去"))
    if not header:
        raise BadFile([_("文件是空的")])
    if not rows and not problems.found:
        raise BadFile([_("文件里只有列名，没有数据")])
    return header, rows


def _expected(header: tuple[str, ...], wanted: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    if header in wanted:
        return header
    raise BadFile(
        [
            _("第 1 行：列名应为 %(want)s，实为 %(have)s")
            % {"want": _(" 或 ").join(",".join(columns) for columns in wanted), "have": ",".join(header)[:200]}
        ]
    )


def _short_text(problems: Problems, line: int, row: dict[str, str], column: str, limit: int) -> None:
    if len(row[column]) > limit:
        problems.add(
            line,
            _("%(column)s 有 %(have)d 个字，最多 %(limit)d 个")
            % {"column": column, "have": len(row[column]), "limit": limit},
        )


# --- divisions -------------------------------------------------------------------------------------------------------
def short_name(name: str) -> str:
    """The name as people say it: 大湾村委会 is 大湾村, 兴盛社区居民委员会 is 兴盛社区; any other name stays whole."""
    if found := COMMITTEE.fullmatch(name):
        return found["community"] or f"{found['village']}村"
    return name


def _checked_divisions(content: bytes) -> list[tuple[int, dict[str, str]]]:
    problems = Problems()
    _header, rows = read_rows(content, problems, DIVISIONS)
    lines: dict[str, int] = {}
    levels: dict[str, int] = {}
    for line, row in rows:
        code, level = row["code"], row["level"]
        if not re.fullmatch(r"[0-9]{12}", code):
            reason = _("代码“%(code)s”不是 12 位数字")
            if re.fullmatch(r"[0-9.]+[eE]\+?[0-9]+", code):
                reason = _("代码“%(code)s”被表格软件改成了科学计数，把这一列设为文本后重新填写")
            problems.add(line, reason % {"code": code[:40]})
        elif code in lines:
            problems.add(line, _("代码 %(code)s 与第 %(line)d 行重复") % {"code": code, "line": lines[code]})
        elif level not in {"2", "3", "4", "5"}:
            problems.add(line, _("级别“%(level)s”不是 2、3、4、5 之一") % {"level": level[:20]})
        elif code[DIGITS_OF_LEVEL[Area.Level(int(level))] :].strip("0"):
            problems.add(line, _("代码 %(code)s 不是 %(level)s 级的代码") % {"code": code, "level": level})
        else:
            levels[code] = int(level)
        lines.setdefault(code, line)
        if not row["name"]:
            problems.add(line, _("没有名称"))
        _short_text(problems, line, row, "name", 80)
    for index, (line, row) in enumerate(rows):
        parent = row["parent_code"]
        if not re.fullmatch(r"[0-9]{12}", parent):
            problems.add(line, _("上级代码“%(code)s”不是 12 位数字") % {"code": parent[:40]})
        elif index and parent not in lines:
            problems.add(line, _("上级 %(code)s 不在文件里") % {"code": parent})
        elif index and row["code"] in levels and levels.get(parent, 0) >= levels[row["code"]]:
            problems.add(line, _("上级 %(code)s 的级别不高于本级") % {"code": parent})
    problems.raise_if_any()
    return rows


def _pseudo(rows: list[tuple[int, dict[str, str]]]) -> set[str]:
    """Codes that nobody serves: virtual communities, and units that are no township and hold nothing else."""
    virtual = {row["code"] for _line, row in rows if row["level"] == "5" and row["name"].endswith(VIRTUAL)}
    real_below = {row["parent_code"] for _line, row in rows if row["level"] == "5" and row["code"] not in virtual}
    units = {
        row["code"]
        for _line, row in rows
        if row["level"] == "4" and not row["name"].endswith(TOWNSHIP_ENDINGS) and row["code"] not in real_below
    }
    return virtual | units


def import_divisions(content: bytes, *, by: User | None, at: dt.datetime, day: dt.date) -> Report:
    """Bring the divisions below the file's first row to what the file says."""
    rows = _checked_divisions(content)
    pseudo = _pseudo(rows)
    # Pinyin takes most of the time, so it is looked up before the writer lock.
    keys = {row["name"]: place_keys(short_name(row["name"])) for _line, row in rows}
    report = Report(rows=len(rows), levels=Counter(int(row["level"]) for _line, row in rows))
    with transaction.atomic():
        stored = {area.code: area for area in Area.objects.filter(level__lt=Area.Level.GROUP)}
        for level in sorted(report.levels):
            # Level by level, because a child needs its parent's id.
            new, changed = [], []
            for _line, row in rows:
                if int(row["level"]) != level:
                    continue
                area = stored.get(row["code"])
                if area is None:
                    area = Area(code=row["code"], served=row["code"] not in pseudo)
                    new.append(area)
                before = _state(area)
                _fill(area, row, stored.get(row["parent_code"]), keys[row["name"]], report)
                if area.pk is None:
                    report.added += 1
                elif before != _state(area):
                    changed.append(area)
                    report.changed += 1
                else:
                    report.unchanged += 1
                stored[area.code] = area
            Area.objects.store(new=new, changed=changed, fields=list(STATE))
        _end_missing(stored, {row["code"] for _line, row in rows}, rows[0][1]["code"], day, report)
        if report.writes:
            root = rows[0][1]["code"]
            record(
                action=Action.IMPORT,
                actor=by,
                county=root[:6],
                subject=f"divisions:{root}",
                detail=report.counts(),
                at=at,
            )
    return report


STATE = ("name", "short_name", "level", "parent", "parent_code", "pinyin", "initials", "valid_to")


def _state(area: Area) -> tuple[Any, ...]:
    return tuple(getattr(area, "parent_id" if name == "parent" else name) for name in STATE)


def _fill(area: Area, row: dict[str, str], parent: Area | None, keys: tuple[str, str], report: Report) -> None:
    if area.pk and area.parent_id and parent and area.parent_id != parent.pk:
        report.notes.append(
            _("%(code)s %(name)s 改属 %(parent)s") % {"code": area.code, "name": row["name"], "parent": parent.name}
        )
    if area.pk and area.valid_to:
        report.notes.append(_("%(code)s %(name)s 恢复启用") % {"code": area.code, "name": row["name"]})
    if area.name != row["name"]:
        # A short name corrected by hand stays until the file brings another name.
        area.name, area.short_name = row["name"], short_name(row["name"])
        area.pinyin, area.initials = keys
    area.level = int(row["level"])
    area.parent = parent if parent is not None else area.parent
    area.parent_code = row["parent_code"]
    area.valid_to = None


def _end_missing(stored: dict[str, Area], present: set[str], root: str, day: dt.date, report: Report) -> None:
    """End-date what stands below the file's first row and is no longer in the file."""
    by_id = {area.pk: area for area in stored.values()}

    def below_root(area: Area) -> bool:
        above = by_id.get(area.parent_id or 0)
        while above is not None:
            if above.code == root:
                return True
            above = by_id.get(above.parent_id or 0)
        return False

    gone = [area for code, area in stored.items() if code not in present and not area.valid_to and below_root(area)]
    for area in gone:
        area.valid_to = day
        report.notes.append(_("%(code)s %(name)s 不在文件里，已停用") % {"code": area.code, "name": area.name})
    report.ended = len(gone)
    Area.objects.store(new=[], changed=gone, fields=["valid_to"])


# --- code tables -----------------------------------------------------------------------------------------------------
def import_codes(content: bytes, *, by: User | None, at: dt.datetime, day: dt.date) -> Report:
    """Bring the code tables that stand in the file, or the type mapping, to what the file says."""
    problems = Problems()
    header, rows = read_rows(content, problems, CODES, TYPE_MAP)
    if header == TYPE_MAP:
        return _import_type_map(rows, problems, by=by, at=at, day=day)
    lines: dict[tuple[str, str], int] = {}
    for line, row in rows:
        key = (row["table"], row["code"])
        if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", row["table"]):
            problems.add(line, _("字典名“%(table)s”只能用小写字母、数字和下划线") % {"table": row["table"][:60]})
        elif not re.fullmatch(r"[0-9A-Za-z]{1,8}", row["code"]):
            problems.add(line, _("代码“%(code)s”应为 1 到 8 位数字或字母") % {"code": row["code"][:40]})
        elif key in lines:
            problems.add(line, _("代码 %(code)s 与第 %(line)d 行重复") % {"code": row["code"], "line": lines[key]})
        lines.setdefault(key, line)
        if not row["name_zh"]:
            problems.add(line, _("没有名称"))
        if row["active"] not in {"0", "1"}:
            problems.add(line, _("active 写 1（可选用）或 0，现在是“%(value)s”") % {"value": row["active"][:20]})
        for column, limit in (("name_zh", 80), ("name_en", 80), ("standing", 120)):
            _short_text(problems, line, row, column, limit)
    problems.raise_if_any()
    tables = {table for table, _code in lines}
    with transaction.atomic():
        stored = {(code.table, code.code): code for code in Code.objects.filter(table__in=tables)}
        wanted = {
            (row["table"], row["code"]): {
                "name": row["name_zh"],
                "name_en": row["name_en"],
                "active": row["active"] == "1",
                "standing": row["standing"],
                "valid_to": None,
            }
            for _line, row in rows
        }
        # A code that the county added by hand is not of the file, so the file cannot end it.
        ours = {key for key, code in stored.items() if code.standing == Code.LOCAL}
        report = _bring(
            Code.objects.store,
            stored,
            wanted,
            lambda key: Code(table=key[0], code=key[1]),
            ended=lambda key: key not in ours,
            day=day,
        )
        if report.writes:
            record(
                action=Action.IMPORT, actor=by, subject="codes",
                detail={**report.counts(), "tables": sorted(tables)}, at=at,
            )  # fmt: skip
    return report


def _import_type_map(
    rows: list[tuple[int, dict[str, str]]], problems: Problems, *, by: User | None, at: dt.datetime, day: dt.date
) -> Report:
    lines: dict[str, int] = {}
    for line, row in rows:
        for column, length in (("zz_l2", 4), ("zz_upstream", 4), ("moj", 2)):
            if not re.fullmatch(rf"[0-9]{{{length}}}", row[column]):
                problems.add(
                    line,
                    _("%(column)s“%(code)s”不是 %(length)d 位数字")
                    % {"column": column, "code": row[column][:40], "length": length},
                )
        if row["zz_l2"] in lines:
            problems.add(
                line, _("代码 %(code)s 与第 %(line)d 行重复") % {"code": row["zz_l2"], "line": lines[row["zz_l2"]]}
            )
        lines.setdefault(row["zz_l2"], line)
        for column in ("name_zh", "moj_name"):
            if not row[column]:
                problems.add(line, _("没有名称"))
            _short_text(problems, line, row, column, 80)
    problems.raise_if_any()
    with transaction.atomic():
        stored = {entry.zz_l2: entry for entry in TypeMap.objects.all()}
        wanted = {
            row["zz_l2"]: {
                "name": row["name_zh"],
                "zz_upstream": row["zz_upstream"],
                "moj": row["moj"],
                "moj_name": row["moj_name"],
                "valid_to": None,
            }
            for _line, row in rows
        }
        report = _bring(TypeMap.objects.store, stored, wanted, lambda key: TypeMap(zz_l2=key), day=day)
        if report.writes:
            record(
                action=Action.IMPORT, actor=by, subject="codes",
                detail={**report.counts(), "tables": ["type_map"]}, at=at,
            )  # fmt: skip
    return report


def _bring(
    store: Any, stored: dict[Any, Any], wanted: dict[Any, dict[str, Any]], make: Any, *, day: dt.date,
    ended: Any = lambda key: True,
) -> Report:  # fmt: skip
    """Bring stored rows to the wanted values; what is not wanted any more is end-dated where `ended` says so."""
    report = Report(rows=len(wanted))
    new, changed = [], []
    fields = list(next(iter(wanted.values())))
    for key, values in wanted.items():
        row = stored.get(key)
        if row is not None and all(getattr(row, name) == value for name, value in values.items()):
            report.unchanged += 1
            continue
        if row is None:
            row = make(key)
            new.append(row)
        else:
            changed.append(row)
        for name, value in values.items():
            setattr(row, name, value)
    report.added, report.changed = len(new), len(changed)
    gone = [row for key, row in stored.items() if key not in wanted and not row.valid_to and ended(key)]
    for row in gone:
        row.valid_to = day
        report.notes.append(_("%(name)s 不在文件里，已停用") % {"name": row.name})
    report.ended = len(gone)
    store(new=new, changed=changed + gone, fields=fields)
    return report


# --- holidays --------------------------------------------------------------------------------------------------------
def checked_holidays(content: bytes) -> dict[dt.date, tuple[str, str]]:
    """The special days of a file, each (kind, name)."""
    problems = Problems()
    _header, rows = read_rows(content, problems, HOLIDAYS)
    days: dict[dt.date, tuple[str, str]] = {}
    lines: dict[dt.date, int] = {}
    kinds = {SpecialDay.Kind.HOLIDAY.value, SpecialDay.Kind.WORKDAY.value}
    for line, row in rows:
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", row["day"]):
                raise ValueError
            day = dt.date.fromisoformat(row["day"])
        except ValueError:
            problems.add(line, _("认不出日期“%(day)s”，写成 2027-01-01") % {"day": row["day"][:40]})
            continue
        if not 1990 <= day.year <= 2100:
            problems.add(line, _("年份 %(year)d 不在 1990 至 2100 之间") % {"year": day.year})
        elif day in lines:
            problems.add(line, _("%(day)s 与第 %(line)d 行重复") % {"day": day, "line": lines[day]})
        elif row["kind"] not in kinds:
            problems.add(
                line, _("kind 写 holiday（放假）或 workday（调休上班），现在是“%(kind)s”") % {"kind": row["kind"][:20]}
            )
        elif row["kind"] == SpecialDay.Kind.WORKDAY and day.weekday() < 5:
            problems.add(line, _("%(day)s 本来就是周一至周五，不用写成调休上班") % {"day": day})
        _short_text(problems, line, row, "name", 40)
        lines.setdefault(day, line)
        days[day] = (row["kind"], row["name"])
    problems.raise_if_any()
    return days


def compare_holidays(days: dict[dt.date, tuple[str, str]]) -> Report:
    """What importing these days would change; years outside the file are left alone."""
    report = Report(rows=len(days))
    stored = {row.day: row for row in SpecialDay.objects.all()}
    for day, (kind, name) in sorted(days.items()):
        row = stored.get(day)
        if row is None:
            report.added += 1
        elif (row.kind, row.name) != (kind, name):
            report.changed += 1
        else:
            report.unchanged += 1
            continue
        report.days.append((day, kind, name))
    for day in _taken_back(stored.values(), days):
        report.ended += 1
        report.days.append((day, SpecialDay.Kind.NORMAL, stored[day].name))
    report.days.sort()
    return report


def _taken_back(stored: Iterable[SpecialDay], days: dict[dt.date, tuple[str, str]]) -> Iterator[dt.date]:
    years = {day.year for day in days}
    for row in stored:
        if row.day.year in years and row.day not in days and row.kind != SpecialDay.Kind.NORMAL:
            yield row.day


def import_holidays(content: bytes, *, by: User | None, at: dt.datetime) -> Report:
    """Bring the calendar of the file's years to what the file says; a day taken back becomes an ordinary one."""
    days = checked_holidays(content)
    with transaction.atomic():
        report = compare_holidays(days)
        stored = {row.day: row for row in SpecialDay.objects.all()}
        new, changed = [], []
        for day, kind, name in report.days:
            row = stored.get(day)
            if row is None:
                new.append(SpecialDay(day=day, kind=kind, name=name))
            else:
                row.kind, row.name = kind, name
                changed.append(row)
        SpecialDay.objects.store(new=new, changed=changed, fields=["kind", "name"])
        if report.writes:
            years = sorted({day.year for day in days})
            record(
                action=Action.IMPORT,
                actor=by,
                subject=f"holidays:{years[0]}-{years[-1]}",
                detail=report.counts(),
                at=at,
            )
    return report
