"""The section 文书 of the case page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from disputes.models import Dispute, MoveRefused
from disputes.moves import Status
from disputes.panels import few
from disputes.papers.models import may_read
from villages.models import DESK_ROLES, User


def papers_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """Every issued paper; whoever may not read them sees which there are."""
    rows = few(case.papers.select_related("by").defer("template"))
    is_desk = not user.scope.roles.isdisjoint(DESK_ROLES)
    if not rows and (not is_desk or case.status in (Status.VOIDED, Status.MERGED)):
        return None
    return "disputes/papers/panel.html", {
        "rows": rows,
        "count": len(rows),
        "case_no": case.case_no,
        "readable": bool(rows) and readable(case, user),
        "is_desk": is_desk,
    }


def readable(case: Dispute, user: User) -> bool:
    """Whether the links to the files are worth showing."""
    try:
        return may_read(case, user) is None
    except MoveRefused:
        return False
