"""The section 联调会 of the case page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from disputes.models import Dispute, NotYours
from disputes.panels import few
from disputes.sessions import page
from disputes.sessions.models import why_not_convene
from villages.models import User


def sessions_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """The sessions of the case, the latest first, and the way to a new one; nothing where there is neither."""
    found = few(case.sessions.select_related("venue__office", "office", "chair").order_by("-starts_at", "-pk"))
    try:
        why_not = why_not_convene(case, user)
    except NotYours:
        why_not = ""
    if not found and why_not is not None:
        return None
    for row in found:
        row.dispute = case
    shown = page.panel_rows(found, timezone.now())
    return "disputes/sessions/panel.html", {
        "rows": shown,
        "count": len(shown),
        "new": f"/disputes/{case.case_no}/sessions/new/" if why_not is None else "",
        "why_not": why_not if case.is_open else "",
    }
