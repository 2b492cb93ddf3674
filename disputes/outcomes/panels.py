"""The section 统计标志 of the case page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from disputes.models import Dispute, NotYours
from disputes.outcomes.models import why_not_flag
from disputes.panels import few
from villages.models import User


def outcomes_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """The flags of the case, and the way to a new one; nothing where there is neither."""
    rows = few(case.outcomes.select_related("by", "off_by").order_by("-on", "-pk"))
    try:
        may = why_not_flag(case, user) is None
    except NotYours:
        may = False
    if not rows and not may:
        return None
    return "disputes/outcomes/panel.html", {
        "rows": rows,
        "may": may,
        "count": sum(row.off_at is None for row in rows) or None,
        "case_no": case.case_no,
    }
