"""What this room shows on pages that it does not own: the sources of a case, a village's last visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max

from disputes import masking
from disputes.field.models import Source, Visit
from disputes.models import Dispute
from villages.models import Area, User

#: What the section shows of a capture.
READ = ("words", "side_a", "side_b", "by__name", "visit__visited_on")


def sources_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """The captures that this case came from or took in; nothing for a case that was registered by hand."""
    found = case.sources.filter(undone_at=None).order_by("pk")
    rows = list(found.values_list("how", *(f"capture__{name}" for name in READ)))
    if not rows:
        return None
    hidden = case.names_hidden_from(user)
    shown = [
        {
            "words": masking.mask_in(words, [*side_a.split("、"), *side_b.split("、")]) if hidden else words,
            "how": Source.How(how).label,
            "by": by,
            "on": on,
        }
        for how, words, side_a, side_b, by, on in rows
    ]
    return "disputes/field/sources.html", {"rows": shown, "count": len(rows)}


def last_visit(user: User, areas: Sequence[Area]) -> dict[int, dict[str, str]]:
    """For the directory: per village the day of the last visit, nil reports too."""
    found = (
        Visit.objects.visible_to(user).filter(village__in=areas).order_by().values("village")
        .annotate(last=Max("visited_on")).values_list("village", "last")
    )  # fmt: skip
    return {pk: {"text": day.isoformat(), "url": ""} for pk, day in found}
