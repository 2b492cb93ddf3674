"""A layout of the county's own, and conditions that two people keep."""

from __future__ import annotations

from config.demo.history import History
from ledgers.layouts.models import LedgerProfile, Picked, SavedLedger

NAME = "天祝县月台账"
PICKED = (
    Picked("no"), Picked("case_no", "案号"), Picked("found_on"), Picked("village", "村（社）"),
    Picked("side_a", "甲方", "当事人"), Picked("side_b", "乙方", "当事人"), Picked("type", "类型"), Picked("narrative"),
    Picked("tier", "层级", "化解"), Picked("result", "结果", "化解"), Picked("left_on", "办结日期", "化解"),
    Picked("visits", "回访"), Picked("remark"),
)  # fmt: skip


def lay_out(history: History) -> None:
    people = history.county.accounts
    row = LedgerProfile.objects.make(by=people["sysadmin1"], at=history.end, name=NAME, picked=PICKED)
    SavedLedger.objects.create(
        user=people["supervisor1"], name="在办的，县格式", query=f"status=open&profile={row.key}"
    )
    SavedLedger.objects.create(user=people["officer1"], name="调解不成和撤回", query="status=withdrawn")
