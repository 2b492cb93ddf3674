"""What this room shows on pages that it does not own: the sources of a case, a village's last visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max

from disputes import masking
from disputes.field.models import Source, Visit
from disputes.models import Attachment, Dispute
from villages.models import Area, User

#: What the section shows of a capture.
READ = ("words", "side_a", "side_b", "by__name", "visit__visited_on")


def sources_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """The captures that this case came from or took in; nothing for a case that was registered by hand."""
    found = case.sources.filter(undone_at=None).order_by("pk")
    rows = list(found.values_list("capture", "how", *(f"capture__{name}" for name in READ)))
    if not rows:
        return None
    hidden = case.names_hidden_from(user)
    names = {pk: [*a.split("、"), *b.split("、")] if hidden else [] for pk, _how, _words, a, b, *_ in rows}
    at = f"/disputes/{case.case_no}/attachments/"
    photos = photos_of({pk: (at, hide) for pk, hide in names.items()})
    shown = [
        {
            "words": masking.mask_in(words, names[pk]),
            "how": Source.How(how).label,
            "by": by,
            "on": on,
            "photos": photos.get(pk, []),
        }
        for pk, how, words, _a, _b, by, on in rows
    ]
    return "disputes/field/sources.html", {"rows": shown, "count": len(rows)}


def photos_of(captures: Mapping[int, tuple[str, Sequence[str]]]) -> dict[int, list[dict[str, str]]]:
    """The photos of these captures, for ui/photos.html: under which address each, and which names are hidden."""
    found: dict[int, list[dict[str, str]]] = {}
    if not captures:
        return found
    for pk, uid, name in Attachment.objects.filter(capture__in=list(captures)).values_list("capture", "uid", "name"):
        at, hide = captures[pk]
        found.setdefault(pk, []).append({"name": masking.mask_in(name, hide), "url": f"{at}{uid}/"})
    return found


def last_visit(user: User, areas: Sequence[Area]) -> dict[int, dict[str, str]]:
    """For the directory: per village the day of the last visit, nil reports too."""
    found = (
        Visit.objects.visible_to(user).filter(village__in=areas).order_by().values("village")
        .annotate(last=Max("visited_on")).values_list("village", "last")
    )  # fmt: skip
    return {pk: {"text": day.isoformat(), "url": ""} for pk, day in found}
