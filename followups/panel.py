"""The section 回访 of the case page, and the note that a visit found a relapse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from disputes.models import Dispute, NotYours
from followups import relapse, visits
from villages.models import User


def relapse_of(case: Dispute, viewer: User) -> dict[str, Any] | None:
    """The sign of a relapse that is still to be looked into, while the case counts as settled."""
    check = relapse.check_of(case) if case.status in visits.VISITED else None
    if check is None:
        return None
    day = dt.date.fromisoformat(check.event.facts["visited_on"])
    return {
        "case_no": case.case_no,
        "day": day,
        "due_on": check.due_on,
        "may": may(relapse.why_not_decide, case, viewer),
    }


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
