"""What this room shows on the case page: that somebody is counselled, how often, and the advice. Never a note."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from disputes.models import Dispute, NotYours
from disputes.panels import few
from followups.counselling.models import CounsellingReferral, why_not_ask
from followups.counselling.page import Reader, advice_of
from villages.models import User


def counselling_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """Every referral of this case, the newest first, and the way to a new one; nothing where neither is."""
    rows = few(CounsellingReferral.objects.filter(dispute=case).for_list(user))
    try:
        may_ask = why_not_ask(case, user) is None
    except NotYours:
        may_ask = False
    if not rows and not may_ask:
        return None
    reader, shown = Reader(user), []
    for row in rows:
        row.dispute = case  # with its parties, which the page has loaded
        one = reader.read(row, in_case=True)
        shown.append(one | {"advices": advice_of(row, user) if one["told"] else []})
    context = {"rows": shown, "count": len(shown), "case_no": case.case_no, "may_ask": may_ask}
    return "followups/counselling/section.html", context


def draft_url(user: User, case_no: str) -> str | None:
    """Where the draft `counselling:<case number>` of a referral is written on; sessions and notes have no drafts."""
    visible = Dispute.objects.visible_to(user).filter(case_no=case_no).exists()
    return f"/counselling/new/?case={case_no}" if visible else None
