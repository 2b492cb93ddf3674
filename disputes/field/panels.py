"""What this room shows on pages that it does not own: the sources of a case, a village's last visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max

from disputes import links, masking
from disputes.field.models import Source, Visit
from disputes.models import Attachment, Dispute
from disputes.panels import few
from villages.models import Area, User


def sources_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """The captures that this case, or one merged into it, came from or took in; nothing for a case typed in by hand."""
    found = Source.objects.filter(dispute__in=[case, *links.merged_into(case, user)], undone_at=None)
    rows = few(found.select_related("dispute", "capture__by", "capture__visit").order_by("pk"))
    if not rows:
        return None
    # by the case that it belongs to: a merged one may hide names that this one shows
    hide = {row.capture_id: row.capture.names() if row.dispute.names_hidden_from(user) else [] for row in rows}
    photos = photos_of(
        {row.capture_id: (f"/disputes/{row.dispute.case_no}/attachments/", hide[row.capture_id]) for row in rows}
    )
    shown = [
        {
            "words": masking.mask_in(heard.words, hide[heard.pk]),
            "how": row.get_how_display(),
            "by": heard.by.name,
            "on": heard.visit.visited_on,
            "of": "" if row.dispute_id == case.pk else row.dispute.case_no,
            "photos": photos.get(heard.pk, []),
        }
        for row in rows
        for heard in [row.capture]
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
