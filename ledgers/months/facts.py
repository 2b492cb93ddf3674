"""What one round counted as in a month: the facts that a signed month is measured by, read from the tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import keyring
from disputes.models import Agreement, Event, Obligation, Party, PartyPast, Round
from disputes.moves import Status
from ledgers.month import Month, Words

FIELDS = (
    "pk no opened_at left_at left_as county_id township_id village_id township__short_name village__short_name "
    "dispute_id dispute__case_no dispute__desk_id "
    "dispute__type_l1 dispute__type_l2 dispute__source dispute__found_on dispute__people_count dispute__amount "
    "dispute__narrative dispute__protected"
).split()

#: What a correction names, in its order.
LABELS = {
    "found_on": gettext_lazy("排查日期"),
    "source": gettext_lazy("来源"),
    "township": gettext_lazy("乡镇"),
    "village": gettext_lazy("村（社区）"),
    "type": gettext_lazy("纠纷类别"),
    "people": gettext_lazy("涉及人数"),
    "amount": gettext_lazy("涉及金额"),
    "opened": gettext_lazy("登记日期"),
    "outcome": gettext_lazy("化解结果/日期"),
    "narrative": gettext_lazy("简要情况"),
    "persons": gettext_lazy("当事人"),
}
#: Changes that are told of without their words, which name people.
UNTOLD = ("narrative", "persons")
GONE = {"gone": True}


def facts_of(rounds: Iterable[int], month: Month) -> dict[int, dict[str, Any]]:
    """Row and facts of each of these rounds as they stand now, seen from the end of `month`; six queries."""
    found = list(Round.objects.filter(pk__in=list(rounds)).values(*FIELDS))
    cases = [row["dispute_id"] for row in found]
    results: dict[tuple[int, int], tuple[str, int | None]] = {}
    made = Agreement.objects.filter(dispute__in=cases).values_list("dispute", "round", "result", "organisation")
    for case, no, found_result, by in made:
        results[case, no] = (found_result, by)
    ended = set(Event.objects.filter(dispute__in=cases, kind="end").values_list("dispute", "round"))
    promises = _promises(cases)
    people = parties_of(cases)
    told = PartyPast.told_at([pk for pks in people.values() for pk in pks], timezone.now())
    out = {}
    for row in found:
        key = (row["dispute_id"], row["no"])
        left = row["left_at"] if row["left_at"] and row["left_at"] < month.end else None
        as_ = row["left_as"] if left else ""
        result: str = ""
        organisation: int | None = None
        if as_ == Status.SETTLED:
            result, organisation = results.get(key, ("", None))
        elif as_ == Status.WITHDRAWN:
            result = "ended" if key in ended else "withdrawn"
        agreed, promised, kept = promises.get(key, (None, 0, 0)) if as_ == Status.SETTLED else (None, 0, 0)
        pks = people.get(row["dispute_id"], [])
        out[row["pk"]] = {
            **row,
            "left_at": left,
            "left_as": as_,
            "result": result,
            "organisation": organisation or row["dispute__desk_id"],
            "agreed": agreed,
            "promised": promised,
            "kept": kept,
            "parties": pks,
            "voided": row["left_as"] == Status.VOIDED,
            "facts": {
                "found_on": row["dispute__found_on"].isoformat(),
                "source": row["dispute__source"],
                "township": row["township__short_name"],
                "village": row["village__short_name"],
                "type": row["dispute__type_l2"] or row["dispute__type_l1"],
                "people": row["dispute__people_count"],
                "amount": None if row["dispute__amount"] is None else f"{row['dispute__amount']:.2f}",
                "opened": timezone.localdate(row["opened_at"]).isoformat(),
                "left": timezone.localdate(left).isoformat() if left else "",
                "outcome": [as_, result],
                "narrative": keyring.blind_index("narrative", row["dispute__narrative"]),
                "persons": fingerprint([told.get(pk) for pk in pks]),
                "parties": pks,
            },
        }
    return out


def parties_of(cases: Iterable[int]) -> dict[int, list[int]]:
    """The parties of each case in the order in which a ledger names them."""
    people: dict[int, list[int]] = {}
    for case, pk in sorted(Party.objects.filter(dispute__in=list(cases)).order_by().values_list("dispute", "pk")):
        people.setdefault(case, []).append(pk)
    return people


def fingerprint(told: list[dict[str, str] | None]) -> str:
    """Keyed over what a ledger tells of the parties: it shows that something changed, and nothing else."""
    return keyring.blind_index("ledger persons", json.dumps(told, sort_keys=True, ensure_ascii=False))


def _promises(cases: list[int]) -> dict[tuple[int, int], tuple[Decimal | None, int, int]]:
    """Yuan promised, how many promises, and how many of them are kept, by case and round of the agreement."""
    kept = Q(performance__in=[Obligation.Performance.ON_THE_SPOT, Obligation.Performance.DONE])
    rows = Obligation.objects.filter(agreement__dispute__in=cases).order_by()
    sums = rows.values_list("agreement__dispute", "agreement__round").annotate(
        yuan=Sum("amount"), n=Count("pk"), kept=Count("pk", filter=kept)
    )
    return {(case, no): (yuan, n, kept) for case, no, yuan, n, kept in sums}


def changed(old: Mapping[str, Any], new: Mapping[str, Any], words: Words) -> list[list[str]]:
    """What, old and new of everything that differs, in words for the line below the table."""
    if new == old:
        return []
    if new.get("gone") or old.get("gone"):
        return [[_("编号"), _in_count(old), _in_count(new)]]
    lines = []
    for key, label in LABELS.items():
        if old.get(key) == new.get(key) and (key != "outcome" or old.get("left") == new.get("left")):
            continue
        if key == "persons" and not set(old["parties"]) <= set(new["parties"]):
            continue  # lawfully destroyed: that is no correction
        shown = ["", _("已修改")] if key in UNTOLD else [_shown(key, facts, words) for facts in (old, new)]
        lines.append([str(label), *shown])
    return lines


def _in_count(facts: Mapping[str, Any]) -> str:
    return _("作废") if facts.get("gone") else _("计数")


def _shown(key: str, facts: Mapping[str, Any], words: Words) -> str:
    value = facts.get(key)
    if key == "source":
        return words.sources.get(str(value), str(value))
    if key == "type":
        return words.types.get(str(value), str(value))
    if key == "outcome":
        return outcome_words(facts, words)
    return "" if value is None else str(value)


def outcome_words(facts: Mapping[str, Any], words: Words) -> str:
    """调解成功（口头协议） 2026-10-05, or 在办."""
    status, result = facts["outcome"]
    if not facts["left"]:
        return words.open
    return f"{words.result.get(result) or words.status[status]} {facts['left']}"
