"""The return-visit record (回访记录): what this room adds to the papers of a case."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes.models import Agreement, Dispute
from disputes.papers import words
from disputes.papers.kinds import Kind, Source, Values
from followups.models import ReturnVisit
from followups.visits import performed_words, topic_names


def visits_made(case: Dispute) -> list[ReturnVisit]:
    """The visits of this round that reached the party, oldest first."""
    rows = ReturnVisit.objects.filter(dispute=case, round=case.round, state=ReturnVisit.State.DONE)
    return list(rows.select_related("party", "by").order_by("visited_on", "pk"))


def why_not(case: Dispute, agreement: Agreement | None) -> str | None:
    """A record needs a visit; who mediated does not matter."""
    if not visits_made(case):
        return _g("还没有登记回访，先登记再出回访记录")
    return None


def gather(source: Source) -> Values:
    rows, topics = visits_made(source.case), topic_names()
    return {
        "回访事由": "、".join(dict.fromkeys(str(row.get_reason_display()) for row in rows)),
        "回访": [
            {
                "时间": words.day(row.visited_on),
                "方式": str(row.get_way_display()),
                "对象": row.party.name,
                "情况": told(row, topics),
            }
            for row in rows
        ],
    }


def told(row: ReturnVisit, topics: Mapping[str, str]) -> str:
    """One visit in words: performance, satisfaction, signs of escalation, what was done (the record's 情况)."""
    taught = " ".join(filter(None, [topics.get(row.topic, row.topic), row.education]))
    parts = (
        ("协议履行", "，".join(filter(None, performed_words(row)))),
        ("对处理结果", row.get_satisfaction_display()),
        ("思想动态", row.get_mind_display()),
        ("诉求和原话", row.demands),
        ("法治宣传", taught),
        ("情绪疏导", row.calming or ("已做" if row.calmed else "")),
        ("结论", row.get_conclusion_display()),
    )
    on = f"登记于{words.day(timezone.localdate(row.entered_at))}" if row.entered_at else ""
    who = f"回访人{row.by.name}，{on}" if row.by else on
    return "；".join([*(f"{label}：{value}" for label, value in parts if value), who]) + "。"


RETURN_VISIT = Kind(
    "return_visit",
    _("回访记录"),
    10,
    why_not,
    extra={"回访事由": (), "回访": ("时间", "方式", "对象", "情况")},
    gather=gather,
)
