"""The section 督办交办 of the case page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from disputes import masking
from disputes.inbox.models import Instruction, why_not_instruct
from disputes.models import Dispute, NotYours
from disputes.panels import few
from disputes.urging.acts import stands_above, why_not_urge
from villages.models import User


def may_instruct(case: Dispute, viewer: User) -> bool:
    """Whether `viewer` may give an instruction of either kind now."""
    try:
        return any(why_not_instruct(case, kind, viewer) is None for kind in Instruction.Kind.values)
    except NotYours:
        return False


def shown(case: Dispute, viewer: User) -> list[dict[str, Any]]:
    """Every instruction of the case as `viewer` may read it, newest first; one query."""
    hidden = case.names_hidden_from(viewer)
    names = [n for p in case.parties.all() for n in (p.name, p.alias, p.guardian_name, p.agent_name)] if hidden else []
    today = timezone.localdate()
    pending = Instruction.State.PENDING
    return [
        {
            "pk": row.pk,
            "kind": row.get_kind_display(),
            "state": row.get_state_display(),
            "tag": {pending: "a", Instruction.State.ANSWERED: "g"}.get(Instruction.State(row.state), "n"),
            "given_on": row.given_on,
            "source": row.source,
            "by": row.by.name,
            "words": masking.mask_in(row.words, names),
            "due_on": row.due_on,
            "overdue": row.state == pending and row.due_on < today,
            "answer": masking.mask_in(row.answer, names),
            "answered_by": row.answered_by.name if row.answered_by else "",
            "answered_at": row.answered_at,
            "may_answer": row.state == pending and case.is_open and case.desk_id in viewer.scope.desks,
        }
        for row in few(case.instructions.select_related("by", "answered_by").order_by("-pk"))
    ]


def instructions_section(case: Dispute, viewer: User) -> tuple[str, Mapping[str, Any]] | None:
    """The history of instructions, with the answer's form for the desk; nothing where there is nothing to do."""
    rows, may = shown(case, viewer), may_instruct(case, viewer)
    urges = case.is_open and stands_above(case, viewer)
    if not rows and not may and not urges:
        return None
    return "disputes/inbox/panel.html", {
        "rows": rows,
        "count": len(rows),
        "may": may,
        "urges": urges,
        "why_not_urge": why_not_urge(case, viewer, timezone.now()) if urges else None,
        "case_no": case.case_no,
    }
