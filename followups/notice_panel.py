"""The section 提醒 of the case page: danger that waits for somebody to take note of it, and muting the case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from disputes.models import Dispute
from followups import danger
from villages.models import User


def reminders_section(case: Dispute, viewer: User) -> tuple[str, Mapping[str, Any]] | None:
    """What waits for a person here, whether the viewer is such a person, and whether they muted the case."""
    waiting = danger.waiting_of(case)
    return "followups/reminders_panel.html", {
        "case_no": case.case_no,
        "waiting": waiting,
        "may": bool(waiting) and viewer.scope.has(*danger.NOTICERS),
        "muted": viewer.mutes.filter(dispute=case).exists(),
    }
