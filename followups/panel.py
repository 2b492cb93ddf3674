"""The section 回访 of the case page, and the note that a visit found a relapse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from disputes.models import Dispute, NotYours
from followups import visits
from followups.models import ReturnVisit
from villages.models import User


def relapse_of(case: Dispute, viewer: User) -> dict[str, Any] | None:
    """The latest sign of a relapse in the present round, while the case still counts as settled."""
    if case.status not in visits.VISITED:
        return None
    row = (
        ReturnVisit.objects.filter(dispute=case, round=case.round, mind=ReturnVisit.Mind.RELAPSE)
        .order_by("-visited_on", "-pk")
        .first()
    )
    if row is None:
        return None
    try:
        why_not = case.why_not("reopen", by=viewer, at=timezone.now())
    except NotYours:
        return {"case_no": case.case_no, "day": row.visited_on, "may_reopen": False, "why_not": ""}
    return {"case_no": case.case_no, "day": row.visited_on, "may_reopen": why_not is None, "why_not": why_not}


def may(function: Any, case: Dispute, viewer: User) -> bool:
    """Whether a question of `visits` has no objection."""
    try:
        return function(case, viewer) is None
    except NotYours:
        return False


def visits_section(case: Dispute, viewer: User) -> tuple[str, Mapping[str, Any]] | None:
    """Every visit of the present round; nothing before the case was settled."""
    if case.status not in visits.VISITED:
        return None
    found = visits.history(case, viewer)
    return "followups/panel.html", {
        **found,
        "count": len(found["planned"]) + len(found["made"]),
        "case_no": case.case_no,
        "today": timezone.localdate(),
        "relapse": relapse_of(case, viewer),
        "may_visit": may(visits.why_not_visit, case, viewer),
        "may_waive": bool(visits.parties_without_visit(case)) and may(visits.why_not_waive, case, viewer),
    }
