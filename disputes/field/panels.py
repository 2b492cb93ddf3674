"""What this room shows on pages that it does not own: the sources of a case, a village's last visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max

from disputes import masking
from disputes.field.models import Visit
from disputes.models import Dispute
from villages.models import Area, User


def sources_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """The captures that this case came from or took in; nothing for a case that was registered by hand."""
    rows = list(case.sources.filter(undone_at=None).select_related("capture__by", "capture__visit"))
    if not rows:
        return None
    hidden = case.names_hidden_from(user)
    shown = [
        {
            "words": masking.mask_in(row.capture.words, row.capture.names()) if hidden else row.capture.words,
            "how": row.get_how_display(),
            "by": row.capture.by.name,
            "on": row.capture.visit.visited_on,
        }
        for row in rows
    ]
    return "disputes/field/sources.html", {"rows": shown, "count": len(rows)}


def last_visit(user: User, areas: Sequence[Area]) -> dict[int, dict[str, str]]:
    """For the directory: per village the day of the last visit, nil reports too."""
    found = (
        Visit.objects.visible_to(user).filter(village__in=areas).order_by().values("village")
        .annotate(last=Max("visited_on")).values_list("village", "last")
    )  # fmt: skip
    return {pk: {"text": day.isoformat(), "url": ""} for pk, day in found}
