"""What this room shows on the case page: every whistle with its answers, live while something waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from disputes.models import Dispute
from disputes.panels import few
from disputes.whistles.models import why_not_blow
from disputes.whistles.page import Reader
from villages.models import DESK_ROLES, User

LATEST = 10


def whistles_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """The latest whistles of this case; nothing where none was blown and this person cannot blow one."""
    rows = few(case.whistles.for_page().order_by("-pk")[:LATEST])
    may_blow = not user.scope.roles.isdisjoint(DESK_ROLES) and why_not_blow(case, user) is None
    if not rows and not may_blow:
        return None
    now = timezone.now()
    reader = Reader(user, now) if rows else None  # most cases have none: their page reads no calendar for it
    shown = [reader.read(row, in_case=True) for row in rows] if reader else []
    context = {
        "case_no": case.case_no,
        "whistles": shown,
        "waits": any(row["waits"] for row in shown),
        "may_blow": may_blow,
        "today": timezone.localdate(now),
        **({"count": len(shown)} if shown else {}),
    }
    return "disputes/whistles/panel.html", context
