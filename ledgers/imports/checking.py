"""What a line of an old ledger says, and every reason why it cannot become a case: sheet, line, column, sentence.

Nothing is written here but the lines' verdicts. A line is skipped (title, head, blank, total), refused with all of its
problems, or ready with the facts of its case; what was not taken over as it stood is a notice.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _g

from audit import keyring
from disputes import parsing
from disputes.matching import suggestions
from disputes.models import Dispute
from disputes.moves import Tier
from ledgers.imports import mapping as maps
from ledgers.imports import words
from ledgers.imports.models import CHUNK, ImportBatch, ImportRow
from ledgers.imports.reading import BadDay, Cell, Sheet, day_of, days_in, is_blank, label, shown
from villages.models import Area, Coverage, Office, Posting, User, in_force

Verdict = ImportRow.Verdict
SHORTEST_STORY = 8  # characters: 合计 may have 35件 where the others have their story


@dataclass
class Judged:
    """One line: its verdict, problems and notices as (column, code, sentence), and the facts of its case."""

    verdict: str
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    notices: list[tuple[str, str, str]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    why: str = ""  # of a skipped line


@dataclass
class Place:
    """Villages, offices and people of the county, loaded once."""

    villages: dict[int, Area]
    scope: frozenset[int]
    desks: dict[tuple[int, int], Office]  # (village, tier) → its desk
    staff: dict[int, list[tuple[str, int]]]  # office → (name, user)

    @classmethod
    def load(cls, user: User, county: Area) -> Place:
        rows = Area.objects.filter(in_force(), level=Area.Level.VILLAGE, parent__parent=county).select_related(
            "parent__parent"
        )
        villages = {area.pk: area for area in rows}
        seen = user.scope
        mine = frozenset(
            pk for pk, area in villages.items()
            if pk in seen.villages or area.parent_id in seen.townships or county.pk in seen.counties
        )  # fmt: skip
        by_area: dict[tuple[int, int], Office] = {}
        kinds = {kind: tier for tier, kind in Office.KIND_OF_TIER.items()}
        covers = Coverage.objects.filter(in_force(), in_force(prefix="office__"), office__kind__in=list(kinds))
        areas = {area.pk for area in villages.values()} | {area.parent_id for area in villages.values()}
        for cover in covers.filter(area__in=areas).select_related("office").order_by("pk"):
            by_area[cover.area_id, kinds[Office.Kind(cover.office.kind)]] = cover.office
        desks = {
            (pk, tier): office
            for pk, area in villages.items()
            for tier in Office.KIND_OF_TIER
            if (office := by_area.get((pk, tier)) or by_area.get((area.parent_id or 0, tier)))
        }
        staff: dict[int, list[tuple[str, int]]] = {}
        posted = Posting.objects.filter(in_force(), office__in={office.pk for office in desks.values()})
        for desk, name, pk in posted.filter(user__is_active=True).values_list("office_id", "user__name", "user_id"):
            staff.setdefault(desk, []).append((name, pk))
        return cls(villages, mine, desks, staff)

    def named_in(self, text: str, among: Iterable[int]) -> list[int]:
        """Villages whose name stands in a text, narrowed by a township's name that stands there, too."""
        text = re.sub(r"\s+", "", text)
        if not text:
            return []
        found = [pk for pk in among if self.villages[pk].short_name in text or self.villages[pk].name in text]
        longest = max((len(self.villages[pk].short_name) for pk in found), default=0)
        found = [pk for pk in found if len(self.villages[pk].short_name) == longest]
        return self.of_township(text, found) or found

    def of_township(self, text: str, among: Iterable[int]) -> list[int]:
        """Those of the villages whose township the text names."""
        among = list(among)
        towns = {self.villages[pk].parent for pk in among}
        named = {town.pk for town in towns if town and (town.short_name in text or town.name in text)}
        return [pk for pk in among if self.villages[pk].parent_id in named]


class Checker:
    """Judges the lines of one batch, in their order."""

    def __init__(self, batch: ImportBatch, today: dt.date) -> None:
        self.batch, self.today = batch, today
        self.place = Place.load(batch.by, batch.county)
        self.types = words.Types.load()
        self.mapping: dict[str, str] = batch.mapping
        self.wanted = set(self.mapping.values())

    # --- lines that are none ------------------------------------------------------------------------------------------
    def skip(self, sheet: Sheet, head: maps.Head, line: int, carry: dict[str, Any]) -> str:
        """Why the line is no row of the ledger; empty for one that is."""
        row = sheet.rows[line]
        if all(is_blank(cell) for cell in row):
            return _g("空行")
        if head.line is None:
            return ""
        if line < head.line:
            return _g("标题")
        if line < head.line + head.height:
            return _g("表头")
        names = [label(cell) for cell in row]
        told = [name for name in names if name]
        cells = [shown(cell).strip() for cell in row if not is_blank(cell)]
        upper = {re.sub(r"#\d+$", "", name) for name in head.labels if name}
        if (
            len(told) > 2
            and len(told) == len(cells)
            and sum(name in upper or maps.knows(name) for name in told) * 4 >= len(told) * 3
        ):
            return _g("表头")
        if any(words.TOTAL.match(re.sub(r"\s+", "", text)) for text in cells[:3]) and not self._story(head, row):
            return _g("合计")
        if words.FOOTER.match(cells[0]) and not self._story(head, row):
            return _g("表尾")
        distinct = set(cells)
        if len(distinct) == 1 and not re.fullmatch(r"[\d.]+", cells[0]):
            place = words.SECTION.sub("", cells[0])
            if self.place.named_in(place, self.place.villages) and len(place) < 30:
                carry["section"] = place
                return _g("分节")
            if words.SECTION.match(cells[0]):
                return _g("分节")
        used = [at for at, cell in enumerate(row) if not is_blank(cell)]
        if all(at < len(head.labels) and head.labels[at] in maps.USELESS for at in used):
            return _g("空行，只有序号")
        return ""

    def _story(self, head: maps.Head, row: list[Cell]) -> bool:
        at = [n for n, name in enumerate(head.labels) if self.mapping.get(name) == "narrative"]
        return any(n < len(row) and len(shown(row[n]).strip()) > SHORTEST_STORY for n in at)

    # --- one line -----------------------------------------------------------------------------------------------------
    def judge(self, sheet: Sheet, head: maps.Head, line: int, carry: dict[str, Any]) -> Judged:
        why = self.skip(sheet, head, line, carry)
        if why:
            return Judged(Verdict.SKIPPED, why=why)
        if head.line is None:
            sentence = _g("这张表没有认出表头，补上表头再传")
            return Judged(Verdict.REFUSED, problems=[("", "no_head", sentence)])
        return Line(self, sheet, head, sheet.rows[line], carry).judged()


class Line:
    """The reading of one line."""

    def __init__(self, checker: Checker, sheet: Sheet, head: maps.Head, row: list[Cell], carry: Mapping[str, Any]):
        self.checker, self.sheet, self.head, self.carry = checker, sheet, head, carry
        self.batch = checker.batch
        self.year = self.batch.year or head.year
        self.month = self.batch.month or head.month
        self.told = Judged(Verdict.READY)
        self.cells: dict[str, list[tuple[str, Cell]]] = {}
        for at, name in enumerate(head.labels):
            key = checker.mapping.get(name)
            if key and at < len(row) and not is_blank(row[at]):
                self.cells.setdefault(key, []).append((re.sub(r"#\d+$", "", name), row[at]))

    # --- cells --------------------------------------------------------------------------------------------------------
    def problem(self, key: str, code: str, sentence: str) -> None:
        self.told.problems.append((self.label(key), code, sentence))

    def notice(self, key: str, code: str, sentence: str) -> None:
        self.told.notices.append((self.label(key), code, sentence))

    def label(self, key: str) -> str:
        for name, target in self.checker.mapping.items():
            if target == key and (key not in self.cells or self.cells[key][0][0] == re.sub(r"#\d+$", "", name)):
                return name
        return str(maps.BY_KEY[key].label) if key in maps.BY_KEY else ""

    def cell(self, key: str) -> Cell:
        return self.cells[key][0][1] if key in self.cells else None

    def text(self, key: str, *, limit: int = 20_000, lines: bool = False) -> str:
        """All that stands in the column or columns, cleaned; a character that cannot be kept is a problem."""
        try:
            return parsing.text(
                "；".join(shown(cell).strip() for _name, cell in self.cells.get(key, [])), limit=limit, lines=lines
            )
        except ValidationError as error:
            self.problem(key, "text", error.messages[0])
            return ""

    def day(self, key: str, *, after: dt.date | None = None) -> dt.date | None:
        try:
            return day_of(self.cell(key), year=self.year, month=self.month, after=after)
        except BadDay as bad:
            self.problem(key, bad.code, str(bad))
            return None

    # --- the whole line -----------------------------------------------------------------------------------------------
    def judged(self) -> Judged:
        told, facts = self.told, self.told.facts
        facts["narrative"] = self.text("narrative", lines=True)
        if not facts["narrative"] and not any(p[1] == "text" for p in told.problems):
            self.problem("narrative", "narrative", _g("没有写简要情况，补上再导"))
        facts["found_on"] = self.found()
        facts["village"] = self.village()
        facts["type"] = self.type(facts["narrative"])
        facts["source"] = self.source()
        facts["parties"] = self.parties(facts["narrative"])
        facts["people"] = self.people()
        facts["amount"] = self.amount()
        facts["place"] = self.text("place")[:200]
        facts["danger"] = self.danger()
        self.fate()
        self.desk()
        self.due()
        facts["note"] = self.note()
        if told.problems:
            told.verdict = Verdict.REFUSED
        return told

    def found(self) -> dt.date | None:
        keys = [key for key in ("found_on", "accepted_on", "handled_on") if key in self.checker.wanted]
        found: dt.date | None = None
        for key in keys:
            if key in self.cells:
                before = len(self.told.problems)
                found = self.day(key)
                if found or len(self.told.problems) > before:
                    break
        else:
            if keys:
                self.problem(keys[0], "date", _g("没有写日期，补上再导"))
            else:
                days = days_in(self.told.facts["narrative"], year=self.year)
                if days:
                    found = days[0]
                    self.notice(
                        "narrative", "date_from_story", _g("日期取自简要情况：%(day)s") % {"day": found.isoformat()}
                    )
                elif self.told.facts["narrative"]:
                    self.problem("narrative", "date", _g("表里没有日期列，简要情况里也没有写日期。在前面补上日期再导"))
        if found and found > self.checker.today:
            self.problem(
                keys[0] if keys else "narrative",
                "future",
                _g("%(day)s 在今天之后，核对年份") % {"day": found.isoformat()},
            )
            return None
        return found

    def village(self) -> int | None:
        place = self.checker.place
        among: list[int] = list(place.villages)
        town = self.text("township")
        if town:
            narrowed = place.of_township(town, among)
            if not narrowed:
                self.problem("township", "village", _g("没有叫“%(name)s”的乡镇，核对名称") % {"name": town[:20]})
                return None
            among = narrowed
        told = self.text("village")
        if told:
            plain = re.sub(r"\s+", "", told)
            found = [pk for pk in among if plain in (place.villages[pk].short_name, place.villages[pk].name)]
            found = place.of_township(plain, found) or found
            found = found or [pk for pk in among if plain == re.sub(r"村$|社区$", "", place.villages[pk].short_name)]
            found = found or place.named_in(plain, among)
            if not found:
                where = {"name": told[:20], "town": town[:20]}
                sentence = (
                    _g("%(town)s没有叫“%(name)s”的村（社区），核对名称")
                    if town
                    else _g("没有叫“%(name)s”的村（社区），核对名称")
                )
                self.problem("village", "village", sentence % where)
                return None
            among = found
        unit = self.text("unit")
        if unit and len(among) != 1:
            narrowed = place.named_in(unit, among) or place.of_township(unit, among)
            if not narrowed:
                self.problem(
                    "unit",
                    "village",
                    _g("“%(name)s”里看不出是哪个村（社区），写成“松山镇石门村”这样") % {"name": unit[:20]},
                )
                return None
            among = narrowed
        # the weaker the hint, the later it is asked; one that names no village of those left is passed over
        responsible = self.text("responsible")
        hints = [self.text("place"), self.text("parties"), self.carry.get("section", ""), "" if unit else responsible]
        hints += [self.sheet.name, *self.head.titles, self.told.facts["narrative"], responsible, self.text("office")]
        if unit:
            hints.insert(0, self.told.facts["narrative"])
        for hint in hints:
            if len(among) == 1:
                break
            among = place.named_in(hint, among) or place.of_township(hint, among) or among
        if len(among) > 1 and self.batch.village_id in among:
            among = [self.batch.village_id]
        key = next((k for k in ("village", "place", "unit", "parties") if k in self.checker.wanted), "narrative")
        if len(among) != 1:
            names = sorted(place.villages[pk].full_name for pk in among)
            if 1 < len(names) <= 4:
                sentence = _g("可能是%(names)s，写明乡镇再导") % {"names": "、".join(names)}
            else:
                sentence = _g("看不出是哪个村（社区），写明乡镇和村再导")
            self.problem(key, "village", sentence)
            return None
        if among[0] not in place.scope:
            self.problem(
                key,
                "outside",
                _g("%(name)s不在你负责的范围，由那里的单位导入") % {"name": place.villages[among[0]].full_name},
            )
            return None
        return among[0]

    def type(self, story: str) -> str:
        told = [shown(cell).strip() for _name, cell in self.cells.get("type", [])]
        for text in reversed(told):  # 大类 before 类型: the finer one counts
            code = self.checker.types.code(text)
            if code:
                if code == words.OTHER and words.plain_type(text) not in ("其他", "其它"):
                    self.notice(
                        "type",
                        "type_other",
                        _g("“%(name)s”已不再单列，记作“其他”，原来的写法留在时间线里") % {"name": text[:20]},
                    )
                return code
        if told:
            self.notice(
                "type",
                "type_other",
                _g("没有“%(name)s”这一类，记作“其他”，原来的写法留在时间线里") % {"name": told[0][:20]},
            )
            return words.OTHER
        found = self.checker.types.told_in(story)
        if found:
            self.notice("narrative", "type_from_story", _g("类别按简要情况里的“%(word)s”认定") % {"word": found[0]})
            return found[1]
        self.notice("narrative", "type_other", _g("没有写类别，记作“其他”"))
        return words.OTHER

    def source(self) -> str:
        text = self.text("source")
        return next((code for pattern, code in words.SOURCES if re.search(pattern, text)), "99") if text else "99"

    def danger(self) -> str:
        text = self.text("danger")
        return next((code for word, code in words.DANGERS if word in text), "")

    # --- people -------------------------------------------------------------------------------------------------------
    def parties(self, story: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        if "side_a" in self.checker.wanted or "side_b" in self.checker.wanted:
            for side in "ab":
                found += self._side(side)
            if not any(row["side"] == "A" for row in found):
                self.problem("side_a", "side_a", _g("没有写甲方，补上姓名；确实不知道写“不详”"))
            return found
        if "parties" in self.checker.wanted:
            text = self.text("parties")
            found = list(both_sides(text))
            if not found:
                self.problem("parties", "side_a", _g("看不出双方是谁，写成“马文林与王世昌”这样"))
        elif match := STORY.search(re.sub(r"\s+", "", story)):
            found = [{"side": side, "name": WHO.sub("", name)} for side, name in zip("AB", match.groups(), strict=True)]
            self.notice(
                "narrative",
                "parties_from_story",
                _g("双方取自简要情况：%(a)s、%(b)s") % {"a": found[0]["name"], "b": found[1]["name"]},
            )
        else:
            self.notice("narrative", "no_parties", _g("看不出双方是谁，只记案情"))
        for row in found:
            row["kind"] = kind_of(row["name"])
            row.setdefault("phone", "")
            row.setdefault("id_number", "")
        return found

    def _side(self, side: str) -> list[dict[str, str]]:
        key = f"side_{side}"
        text = self.text(key, limit=500)
        phone, number = self._phone(f"phone_{side}"), self._number(f"id_{side}")
        rows = []
        for n, raw in enumerate(part for part in re.split(r"[、，,;；/\n]+", text) if part.strip()):
            try:
                name = parsing.name(raw, limit=80)
            except ValidationError as error:
                self.problem(key, "name", error.messages[0])
                continue
            rows.append(
                {
                    "side": side.upper(),
                    "name": name,
                    "kind": kind_of(name),
                    "phone": "" if n else phone,
                    "id_number": "" if n else number,
                }
            )
        if not rows and (phone or number):
            self.notice(key, "nobody", _g("只有电话或证件号，没有姓名，没有记下"))
        return rows

    def _phone(self, key: str) -> str:
        cell = self.cell(key)
        if is_blank(cell):
            return ""
        text = unicodedata.normalize("NFKC", shown(cell)).strip()
        if text in ("无", "不详", "不清楚", "/", "-", "--", "没有"):
            return ""
        if re.fullmatch(r"\d(?:\.\d+)?[eE]\+?\d+", text):
            self.problem(
                key, "phone", _g("电话“%(raw)s”被表格改成了科学计数，后面的数字已经丢了，重新填写") % {"raw": text}
            )
            return ""
        parts = [part for part in re.split(r"[、，,;；/]|\s{2,}", text) if part.strip()] or [text]
        try:
            phones = [parsing.phone(part) for part in parts]
        except ValidationError as error:
            self.problem(key, "phone", error.messages[0])
            return ""
        if len(phones) > 1:
            self.notice(key, "more_phones", _g("写了 %(n)d 个电话，记下第一个") % {"n": len(phones)})
        return phones[0]

    def _number(self, key: str) -> str:
        cell = self.cell(key)
        if is_blank(cell):
            return ""
        if isinstance(cell, int | float):
            self.problem(
                key, "id_cut", _g("身份证号在表格里存成了数字，15 位以后的数字已经丢了。设成文本格式，对照证件重填")
            )
            return ""
        text = shown(cell).strip()
        if text in ("无", "不详", "不愿提供", "/", "-"):
            return ""
        if re.fullmatch(r"\d(?:\.\d+)?[eE]\+?\d+", text):
            self.problem(
                key, "id_cut", _g("身份证号被表格改成了科学计数，后面的数字已经丢了。设成文本格式，对照证件重填")
            )
            return ""
        try:
            return parsing.id_number(text)
        except ValidationError as error:
            cut = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).endswith("000")
            self.problem(key, "id_cut" if cut else "id", error.messages[0])
            return ""

    def people(self) -> int | None:
        text = unicodedata.normalize("NFKC", self.text("people")).replace(" ", "")
        if not text:
            return None
        match = re.fullmatch(r"(?:约|共)?(\d{1,6})(?:\.0+)?(?:人|名|余人|多人)?", text)
        if not match:
            self.problem("people", "people", _g("认不出人数“%(raw)s”，只写数字") % {"raw": text[:20]})
            return None
        return int(match[1])

    def amount(self) -> str:
        cell = self.cell("amount")
        if is_blank(cell):
            return ""
        text = shown(cell).strip()
        if text in ("无", "/", "-", "--", "不详"):
            return ""
        try:
            value = parsing.money(
                str(Decimal(repr(cell)).quantize(Decimal("0.01"))) if isinstance(cell, float) else text
            )
        except (ValidationError, ArithmeticError) as error:
            self.problem(
                "amount", "amount", error.messages[0] if isinstance(error, ValidationError) else _g("认不出金额")
            )
            return ""
        return "" if value is None else str(value)

    # --- what became of it --------------------------------------------------------------------------------------------
    def fate(self) -> None:
        facts = self.told.facts
        status, outcome = self.text("status"), self.text("outcome")
        closed_text = "；".join(filter(None, (self.text("closed"), self.text("remark"))))
        told = f"{status} {outcome}".strip()
        found: dt.date | None = facts["found_on"]
        struck = bool(words.STRUCK_OFF.search(f"{status} {closed_text}")) and not words.NOT_STRUCK.search(
            status or closed_text
        )
        struck = struck or "closed_on" in self.cells
        kind, result = what_became(told)
        if kind == "settled":
            agreed = self.text("agreement")
            result = result or ("written" if words.YES.match(agreed) else "oral" if words.NO.match(agreed) else "")
        if kind in ("open", "") and struck:
            if kind == "open":
                self.problem("outcome", "contradiction", _g("一处写着没有化解，另一处写着已经销号，核对后再导"))
            kind = "settled"
        facts["status"], facts["result"] = kind or "open", result
        facts["mediating"] = bool(re.search(r"化解中|调解中|调处中|正在|办理中|处理中", told))
        facts["left_on"] = facts["closed_on"] = None
        if facts["status"] == "open":
            return
        if "left_on" in self.cells:
            left = self.day("left_on", after=found)
            missing = False
        else:
            days = days_in(told, year=self.year, after=found)
            left = days[-1] if days else None
            if left is None and "handled_on" in self.cells:
                left = found
            missing = left is None
        if missing:
            key = "left_on" if "left_on" in self.checker.wanted else "outcome"
            self.problem(key, "left_date", _g("写着“%(what)s”，没有写是哪一天，补上日期再导") % {"what": told[:20]})
        if left and found and left < found:
            key = "left_on" if "left_on" in self.cells else "outcome"
            self.problem(
                key, "order", _g("%(left)s 化解，早于 %(found)s 发现，核对日期") % {"left": left, "found": found}
            )
        facts["left_on"] = left
        closed: dt.date | None = None
        if kind == "settled" and struck and left:
            if "closed_on" in self.cells:
                closed = self.day("closed_on", after=left)
            else:
                days = days_in(closed_text, year=self.year, after=left)
                closed = days[-1] if days else left
                if not days:
                    self.notice("closed", "closed_without_a_day", _g("写着销号，没有写哪一天，记作化解的那天"))
            if closed and closed < left:
                key = "closed_on" if "closed_on" in self.cells else "closed"
                self.problem(
                    key, "order", _g("%(closed)s 销号，早于 %(left)s 化解，核对日期") % {"closed": closed, "left": left}
                )
            facts["closed_on"] = closed
        for key, day in (("left_on", left), ("closed_on", closed)):
            if day and day > self.checker.today:
                self.problem(
                    key if key in self.cells else "outcome", "future", _g("%(day)s 在今天之后，核对年份") % {"day": day}
                )

    def desk(self) -> None:
        facts, place = self.told.facts, self.checker.place
        village = facts["village"]
        if village is None:
            return
        told = " ".join((self.text("office"), self.text("responsible")))
        desks = {tier: place.desks[village, tier] for tier in (1, 2, 3) if (village, tier) in place.desks}
        named = [tier for tier, office in desks.items() if office.name in told or stem(office.name) in told]
        tier = named[0] if named else self.batch.tier
        if tier not in desks:
            if not desks:
                name = place.villages[village].full_name
                self.problem("village", "desk", _g("没有单位负责%(name)s，先在“村与警务助理”里设好") % {"name": name})
                return
            tier = min(desks, key=lambda one: abs(one - self.batch.tier))
            self.notice("office", "other_desk", _g("这一级没有单位负责，放在%(desk)s") % {"desk": desks[tier].name})
        facts["tier"], facts["desk"] = tier, desks[tier].pk
        person = " ".join((self.text("handler"), self.text("responsible")))
        known = [pk for name, pk in place.staff.get(desks[tier].pk, []) if name and name in person]
        facts["handler"] = known[0] if known else None
        if facts["status"] == "open" and facts["mediating"] and not known:
            self.notice(
                "handler", "no_handler", _g("责任人不在%(desk)s的人员里，先放在待受理") % {"desk": desks[tier].name}
            )

    def due(self) -> None:
        facts = self.told.facts
        facts["due_on"] = facts["accepted_on"] = None
        found = facts["found_on"]
        for key in ("due_on", "accepted_on"):
            if key in self.cells:
                try:
                    facts[key] = day_of(
                        self.cell(key), year=self.year, month=self.month, after=found if key == "due_on" else None
                    )
                except BadDay:  # 长期, 视情: told in the timeline
                    self.notice(
                        key, "kept_as_text", _g("“%(raw)s”不是日期，留在时间线里") % {"raw": shown(self.cell(key))[:20]}
                    )

    def note(self) -> str:
        """What has no field of its own, as a progress note: a line for each column, with its own name."""
        lines = []
        for key in (
            "old_no",
            "progress",
            "handler",
            "responsible",
            "office",
            "source",
            "type",
            "outcome",
            "due_on",
            "closed",
            "danger",
            "remark",
        ):
            for name, cell in self.cells.get(key, []):
                text = shown(cell).strip()
                if text:
                    lines.append(f"{name}：{text}")
        try:
            return parsing.text("\n".join(lines), limit=20_000, lines=True)
        except ValidationError as error:
            self.problem("progress", "text", error.messages[0])
            return ""


STORY = re.compile(
    r"(?:^|[，,。；;：:\d日]|村民|居民|村|社)(?:村民|居民)?([\u4e00-\u9fff·]{2,8}?)(?:与|和|同|跟)(?:村民|同村|本村|邻居)?([\u4e00-\u9fff·]{2,8}?)"
    r"(?:两户|两家|双方|两人|二人|之间)?(?:因|为|就|发生|在)"
)
WHO = re.compile(r"^.*(?:村民|居民|群众|牧民|农民)(?=.{2})")
_ROLE = re.compile(r"^(被申请人|申请人|甲方|乙方|原告|被告|当事人[甲乙一二]?)[:：]?")
_SECOND = ("被申请人", "乙方", "被告", "当事人乙", "当事人二")
_CALL = re.compile(r"(?<!\d)(1[3-9]\d{9}|0\d{2,3}-?\d{7,8})(?!\d)")


def both_sides(text: str) -> Iterator[dict[str, str]]:
    """The parties of one cell: 马文林（石门村一社，138…）与王世昌, or 申请人：… ；被申请人：…"""
    text = unicodedata.normalize("NFKC", text).strip()
    parts = [part.strip() for part in re.split(r"[;\n]+", text) if part.strip()]
    if not any(_ROLE.match(part) for part in parts):
        outside = re.sub(r"\([^()]*\)", lambda hit: "\0" * len(hit[0]), text)
        match = re.search(r"[与和、]|\bvs\b", outside)
        parts = [text[: match.start()], text[match.end() :]] if match else [text]
    for n, part in enumerate(parts[:6]):
        role = _ROLE.match(part)
        rest = part[role.end() :] if role else part
        name = re.split(r"[,，(（。:：\s\d]", rest.strip(), maxsplit=1)[0]
        try:
            name = parsing.name(name, limit=80)
        except ValidationError:
            continue
        if not name:
            continue
        second = role[1] in _SECOND if role else n > 0
        phone = _CALL.search(rest)
        yield {"side": "B" if second else "A", "name": name, "phone": parsing.phone(phone[1]) if phone else ""}


def kind_of(name: str) -> str:
    return "org" if words.ORGANISATION.search(name) else "person"


def stem(office: str) -> str:
    """村委会 as people write it."""
    return (
        re.sub(r"村民委员会$|村委会$|居民委员会$|居委会$", "委会", office)
        if office.endswith(("委会", "委员会"))
        else office
    )


def what_became(text: str) -> tuple[str, str]:
    """(open, settled, withdrawn, referred or empty; the result) of the words of 状态 and 化解结果."""
    if not text:
        return "", ""
    # the strongest word first: 未化解 holds 化解, 调解不成 holds 调解
    if words.OPEN.search(text):
        return "open", ""
    if words.WITHDRAWN.search(text):
        return "withdrawn", "withdrawn"
    if words.ENDED.search(text):
        return "withdrawn", "ended"
    if words.SETTLED.search(text):
        for pattern, result in ((words.WRITTEN, "written"), (words.ORAL, "oral"), (words.SELF, "self")):
            if pattern.search(text):
                return "settled", result
        if not words.REFERRED[-1][0].search(text):
            return "settled", ""
    for pattern, way in words.REFERRED:
        if pattern.search(text):
            return "referred", f"way_{way}"[:12]
    return "", ""


# --- a batch ---------------------------------------------------------------------------------------------------------


def key_of(county: str, facts: Mapping[str, Any]) -> uuid.UUID:
    """What the line says, as a keyed fingerprint: the same line in another file is the same."""
    parts = [county, str(facts["village"]), str(facts["found_on"]), facts["narrative"]]
    parts += sorted(f"{row['side']}{row['name']}" for row in facts["parties"])
    return uuid.UUID(hex=keyring.blind_index("ledger", "\x1f".join(re.sub(r"\s+", "", part) for part in parts))[:32])


def check_step(batch: ImportBatch, *, at: dt.datetime, today: dt.date, chunks: int = 8) -> bool:
    """Judge the next lines, in transactions of at most 250; whether there are more. MoveRefused when it was stopped."""
    sheets = batch.read()
    tops = [maps.find_head(sheet) for sheet in sheets]
    checker = Checker(batch, today)
    lines = [(n, line) for n, sheet in enumerate(sheets) for line in range(len(sheet.rows))]
    while batch.checked < len(lines) and chunks:
        chunks -= 1
        _check_chunk(batch, checker, sheets, tops, lines[batch.checked : batch.checked + CHUNK], at)
    if batch.checked < len(lines):
        return True
    batch.end_check(at=at)
    return False


def _check_chunk(
    batch: ImportBatch,
    checker: Checker,
    sheets: list[Sheet],
    tops: list[maps.Head],
    lines: list[tuple[int, int]],
    at: dt.datetime,
) -> None:
    carry = dict(batch.carry)
    judged: list[tuple[int, int, Judged, uuid.UUID | None]] = []
    for n, line in lines:
        if carry.get("sheet") != n:
            carry = {"sheet": n}
        told = checker.judge(sheets[n], tops[n], line, carry)
        key = key_of(batch.county.code[:6], told.facts) if told.verdict == Verdict.READY else None
        judged.append((n, line, told, key))
    keys = {key for _n, _line, _told, key in judged if key}
    entered = dict(
        Dispute.objects.filter(submission__in=keys, entered_from__isnull=False).values_list("submission", "case_no")
    )
    earlier = {key: (n, line) for key, n, line in batch.lines.filter(key__in=keys).values_list("key", "sheet", "line")}
    rows, counts = [], Counter(batch.counts)
    for n, line, told, key in judged:
        if key in entered:
            told.verdict = Verdict.REFUSED
            told.problems.append(("", "repeat", _g("这一行已经导入过，案号 %(no)s") % {"no": entered[key]}))
        elif key in earlier:
            told.verdict = Verdict.REFUSED
            where = {"sheet": sheets[earlier[key][0]].name, "line": earlier[key][1]}
            told.problems.append(("", "repeat", _g("和“%(sheet)s”第 %(line)s 行一样，只导一次") % where))
        elif key:
            earlier[key] = n, line + 1
        codes = [code for _column, code, _text in (told.problems or told.notices)]
        content = {
            "cells": sheets[n].rows[line] if told.verdict != Verdict.SKIPPED else [],
            "problems": told.problems,
            "notices": told.notices,
            "facts": told.facts if told.verdict == Verdict.READY else {},
            "why": told.why,
        }
        counts[told.verdict] += 1
        rows.append(
            ImportRow(
                batch=batch, sheet=n, line=line + 1, verdict=told.verdict,
                codes=",".join(dict.fromkeys(codes))[:200], noticed=bool(told.notices),
                key=key if told.verdict == Verdict.READY else None,
                sealed=batch.seal(json.dumps(content, ensure_ascii=False, default=str), "row"),
            )
        )  # fmt: skip
    batch.carry = carry
    batch.keep(rows, counts, at=at)


def likely(batch: ImportBatch, facts: Mapping[str, Any]) -> list[str]:
    """Earlier cases that a ready line may be about, with why, as its author may read them."""
    village = Area.objects.filter(pk=facts["village"]).first()
    type_l2 = facts["type"] if len(facts["type"]) == 4 else ""
    found = suggestions(batch.by, village=village, parties=facts["parties"], type_l2=type_l2)
    return [f"{one.case.case_no}：{one.why}" for one in found]


def tier_of(sheets: list[Sheet], tops: list[maps.Head], user: User) -> int:
    """Whose ledger it looks like, proposed: the desk of whoever brings it, else by the names of its columns."""
    tiers = [office.tier for office in user.scope.offices if office.tier]
    if tiers:
        return int(tiers[0])
    names = {name for head in tops for name in head.labels}
    return Tier.ROOM if "警务室" in names else Tier.VILLAGE
