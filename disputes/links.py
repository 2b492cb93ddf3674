"""How cases hang together: what was merged into one, what was split off it, and what it was split from.

Nothing is lost by merging: the old number leads to the case that goes on, and the old file stays readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _g

from disputes.models import Dispute
from disputes.moves import Status
from villages.models import User

#: In the address of a merged case: show its own file instead of the case that goes on.
KEEP = "?keep=1"


def goes_on_as(case: Dispute, user: User) -> Dispute | None:
    """The case into which this one was merged, as far as `user` may read it; None for a case that stands by itself."""
    if case.status != Status.MERGED:
        return None
    return Dispute.objects.visible_to(user).filter(pk=case.merged_into_id).first()


def merged_from(case: Dispute, old: str, user: User) -> str:
    """The number of a case that was merged into this one, when `old` is such a number; else nothing."""
    if not old:
        return ""
    return next((row.case_no for row in merged_into(case, user) if row.case_no == old), "")


def surviving(numbers: Q, user: User) -> dict[int, list[tuple[str, str]]]:
    """Case id → (old number, number of that case) for every merged case whose number meets the condition.

    A case may be merged on after another was merged into it; the last one is the one that goes on.
    """
    rows = Dispute.objects.visible_to(user)
    found: dict[int, list[tuple[str, str]]] = {}
    for old in rows.filter(numbers, status=Status.MERGED).select_related("merged_into")[:50]:
        case, seen = old.merged_into, {old.pk}
        while case is not None and case.status == Status.MERGED and case.pk not in seen:
            seen.add(case.pk)
            case = case.merged_into
        if case is not None and rows.filter(pk=case.pk).exists():
            found.setdefault(case.pk, []).append((old.case_no, case.case_no))
    return found


def tied(case: Dispute, user: User) -> list[Dispute]:
    """What was merged into this case, split off it or is what it was split from, as far as `user` may read it."""
    # the few rows first and the scope after: asked together, a database may walk the whole county for them
    if not case.tied_ids:
        return []
    rows = Dispute.objects.visible_to(user).filter(pk__in=case.tied_ids)
    return list(rows.select_related("village").order_by("pk"))


def merged_into(case: Dispute, user: User) -> list[Dispute]:
    """What was merged into this case and not taken back, as far as `user` may read it."""
    return [row for row in tied(case, user) if row.merged_into_id == case.pk]


def links_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """Merged into this case, split off it, split from; nothing for a case that stands alone."""
    rows = [
        {
            "no": row.case_no,
            "how": _how(row, case),
            "url": f"/disputes/{row.case_no}/{KEEP if row.status == Status.MERGED else ''}",
            "merged": row.merged_into_id == case.pk,
            "status": row.get_status_display(),
            "village": row.village.short_name,
            "on": row.registered_at,
        }
        for row in tied(case, user)
    ]
    return ("disputes/links.html", {"rows": rows, "count": len(rows)}) if rows else None


def _how(row: Dispute, case: Dispute) -> str:
    if row.merged_into_id == case.pk:
        return _g("并入的案件")
    return _g("由这件分出") if row.pk == case.split_from_id else _g("分出的案件")
