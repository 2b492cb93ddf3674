"""Every rate of domain.md 8.4 counted again, from the rows of the tables alone.

Written from the document, with plain loops and nothing of the product: no model, no queryset, no rule. Where this and
the product agree, two people read the same definition; tests/oracle/test_recount.py holds them side by side, and that
this module imports nothing of the ledgers.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

CHINA = ZoneInfo("Asia/Shanghai")
TABLES = """disputes_dispute disputes_round disputes_event disputes_agreement disputes_obligation disputes_party
disputes_whistle disputes_call followups_returnvisit""".split()
OPEN = {"waiting", "mediating"}
LEFT = {"settled", "referred", "withdrawn", "merged"}
Row = dict[str, Any]


def read(table: str) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def day(value: Any) -> dt.date | None:
    """The civil day in China of a moment or a date, as either database gives it."""
    if value is None:
        return None
    if isinstance(value, str):
        if len(value) == 10:
            return dt.date.fromisoformat(value)
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return aware.astimezone(CHINA).date()
    return value


def moment(value: Any) -> dt.datetime:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)


class Recount:
    """Numerator and denominator of each rate for the cases of one area, from `first` to `last` as known on `today`."""

    def __init__(self, *, level: str, area: set[int], first: dt.date, last: dt.date, today: dt.date) -> None:
        self.first, self.last, self.today = first, last, today
        tables = {table.split("_", 1)[1]: read(table) for table in TABLES}
        self.cases = {row["id"]: row for row in tables["dispute"] if row[f"{level}_id"] in area}
        mine = self.cases.keys()
        self.rounds = [r for r in tables["round"] if r["dispute_id"] in mine and r["left_as"] != "voided"]
        self.events: dict[tuple[int, int], list[Row]] = defaultdict(list)
        for row in tables["event"]:
            self.events[row["dispute_id"], row["round"]].append(row)
        self.agreements = {(row["dispute_id"], row["round"]): row for row in tables["agreement"]}
        theirs = {row["id"] for row in tables["agreement"] if row["dispute_id"] in mine}
        self.obligations = [row for row in tables["obligation"] if row["agreement_id"] in theirs]
        self.side = {row["id"]: row["side"] for row in tables["party"]}
        self.visits = [row for row in tables["returnvisit"] if row["dispute_id"] in mine]
        whistles = {row["id"] for row in tables["whistle"] if row["dispute_id"] in mine}
        self.calls = [row for row in tables["call"] if row["whistle_id"] in whistles]

    def inside(self, value: Any) -> bool:
        found = day(value)
        return found is not None and self.first <= found <= self.last

    def fell_due(self, value: Any) -> bool:
        """In the period, and over: the day itself is still a day on which it can be kept."""
        found = day(value)
        return found is not None and self.inside(found) and found < self.today

    def happened(self, row: Row) -> list[Row]:
        return self.events[row["dispute_id"], row["no"]]

    def result(self, row: Row) -> str:
        found = self.agreements.get((row["dispute_id"], row["no"]))
        return found["result"] if found else ""

    def was_accepted(self, row: Row) -> bool:
        return row["left_as"] == "settled" or any(e["kind"] == "take_up" for e in self.happened(row))

    def was_ended(self, row: Row) -> bool:
        return row["left_as"] == "withdrawn" and any(e["kind"] == "end" for e in self.happened(row))

    # --- the rates ----------------------------------------------------------------------------------------------------
    def rates(self, resolution: int = 1) -> dict[str, tuple[int, int]]:
        return {
            "handling": self.handling(),
            "success": self.success(),
            "resolution": self.resolution() if resolution == 1 else self.throughput(),
            "on_time": self.on_time(),
            "follow_up": self.follow_up(),
            "satisfied_a": self.satisfied("A"),
            "satisfied_b": self.satisfied("B"),
            "performance": self.performance(),
            "relapse": self.relapse(),
            "escalation": self.escalation(),
            "whistle": self.whistle(),
        }

    def handling(self) -> tuple[int, int]:
        """已开展调解件数 / 受理件数."""
        top = bottom = 0
        for row in self.rounds:
            if self.inside(row["opened_at"]) and self.was_accepted(row):
                bottom += 1
                tried = any(e["is_attempt"] or e["kind"] == "end" for e in self.happened(row))
                top += tried or self.result(row) in ("written", "oral")
        return top, bottom

    def success(self) -> tuple[int, int]:
        """达成协议(书面+口头) / 调解终结 (成功+不成)."""
        top = bottom = 0
        for row in self.rounds:
            if self.inside(row["left_at"]):
                won = row["left_as"] == "settled" and self.result(row) in ("written", "oral")
                top, bottom = top + won, bottom + (won or self.was_ended(row))
        return top, bottom

    def resolution(self) -> tuple[int, int]:
        """本期及以前登记、期末已化解 / 登记."""
        top = bottom = 0
        for row in self.rounds:
            if day(row["opened_at"]) <= self.last:
                bottom += 1
                top += row["left_as"] == "settled" and day(row["left_at"]) <= self.last
        return top, bottom

    def throughput(self) -> tuple[int, int]:
        """The option: 本期办结 / (结转+新收)."""
        top = bottom = 0
        for row in self.rounds:
            left = day(row["left_at"]) if row["left_as"] in LEFT else None
            top += left is not None and self.first <= left <= self.last
            bottom += day(row["opened_at"]) <= self.last and (left is None or left >= self.first)
        return top, bottom

    def on_time(self) -> tuple[int, int]:
        """期限内办结 / 应办结."""
        top = bottom = 0
        for row in self.rounds:
            case = self.cases[row["dispute_id"]]
            if row["left_as"] in LEFT and self.inside(row["left_at"]):
                bottom += 1
                top += bool(row["on_time"])
            elif case["status"] in OPEN and case["round"] == row["no"] and self.fell_due(case["due_on"]):
                bottom += 1
        return top, bottom

    def follow_up(self) -> tuple[int, int]:
        """已回访双方 / 应回访; a party waived in writing takes nothing from the others, nor gives them anything."""
        asked: dict[tuple[int, int], list[Row]] = defaultdict(list)
        heard: dict[tuple[int, int], set[int]] = defaultdict(set)
        free: dict[tuple[int, int], set[int]] = defaultdict(set)
        for visit in self.visits:
            key = visit["dispute_id"], visit["round"]
            if visit["state"] == "done":
                heard[key].add(visit["party_id"])
            if visit["state"] == "waived":
                free[key].add(visit["party_id"])
            stands = visit["state"] != "cancelled" or visit["answered_by_id"] is not None
            if visit["slot"] == "first" and stands and self.side[visit["party_id"]] in "AB":
                asked[key].append(visit)
        top = bottom = 0
        for row in self.rounds:
            key = row["dispute_id"], row["no"]
            if asked[key] and self.fell_due(max(day(visit["due_on"]) for visit in asked[key])):
                missing = {visit["party_id"] for visit in asked[key]} - heard[key]
                top += not missing
                bottom += not missing or bool(missing - free[key])
        return top, bottom

    def satisfied(self, side: str) -> tuple[int, int]:
        """(满意+基本满意) / 有效回答."""
        said = [
            visit["satisfaction"]
            for visit in self.visits
            if visit["state"] == "done" and self.inside(visit["visited_on"]) and self.side[visit["party_id"]] == side
        ]
        good = said.count("yes") + said.count("mostly")
        return good, good + said.count("no")

    def performance(self) -> tuple[int, int]:
        """已履行 / 到期应履行."""
        due = [row for row in self.obligations if self.fell_due(row["due_on"])]
        return sum(row["performance"] in ("1", "2") for row in due), len(due)

    def relapse(self) -> tuple[int, int]:
        """化解后 90 天内同一纠纷重新登记 / 同期化解."""
        opened: dict[int, list[Row]] = defaultdict(list)
        for row in self.rounds:
            opened[row["dispute_id"]].append(row)
        top = bottom = 0
        for row in self.rounds:
            if row["left_as"] == "settled" and self.inside(row["left_at"]):
                bottom += 1
                until = moment(row["left_at"]) + dt.timedelta(days=90)
                again = (other for other in opened[row["dispute_id"]] if other["no"] > row["no"])
                top += any(moment(other["opened_at"]) <= until for other in again)
        return top, bottom

    def escalation(self) -> tuple[int, int]:
        """上报镇级 / 受理."""
        top = bottom = 0
        for row in self.rounds:
            if self.inside(row["opened_at"]) and self.was_accepted(row):
                bottom += 1
                top += any(e["kind"] == "escalate" and e["tier_to"] == 3 for e in self.happened(row))
        return top, bottom

    def whistle(self) -> tuple[int, int]:
        """时限内响应 / 吹哨次数."""
        top = bottom = 0
        for call in self.calls:
            if not self.fell_due(call["answer_due_on"]):
                continue
            until = day(call["answer_due_on"])
            if call["answered_at"] is not None:
                bottom += 1
                top += day(call["answered_at"]) <= until
            elif call["ended_at"] is None or day(call["ended_at"]) > until:
                bottom += 1
        return top, bottom
