"""What this room shows on the case page: where the case was referred, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from disputes.models import Dispute
from disputes.panels import few
from disputes.referrals.models import SHOWN, Referral
from villages.models import User

STATE_TAG = {"sent": "a", "accepted": "b", "returned": "r", "done": "g", "over": "n"}


def row_of(row: Referral, user: User) -> dict[str, Any]:
    """One referral as its viewer may read it, for the list, its own page and the case page."""
    plain = ("uid", "is_in", "doc_no", "sent_on", "taken_on", "outcome_on", "consented_on", "state", "other_side")
    return {
        **{name: getattr(row, name) for name in plain},
        "direction": row.get_direction_display(),
        "kind": row.get_kind_display(),
        "mode": row.get_mode_display(),
        "state_name": row.get_state_display(),
        "tag": STATE_TAG[row.state],
        "text": row.veil(row.text, user),
        "reason": row.veil(row.reason, user),
        "outcome": row.get_outcome_display() if row.outcome else "",
        "outcome_text": row.veil(row.outcome_text, user),
        "office": row.desk.name,
        "case_no": row.dispute.case_no if row.dispute else "",
        "by": row.by.name,
        "who": row.answered_by.name if row.answered_by else "",
    }


def referrals_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """Every referral of this case, the newest first; nothing for a case that was never referred."""
    rows = few(case.referrals.select_related(*(name for name in SHOWN if name != "dispute")))
    if not rows:
        return None
    for row in rows:
        row.dispute = case  # with its parties, which the page has loaded
    return "disputes/referrals/section.html", {"rows": [row_of(row, user) for row in rows], "count": len(rows)}
