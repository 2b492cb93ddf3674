"""The rows of long lists as HTML: every value is escaped here, and nothing else happens here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

_ROW = (
    '<tr data-row><th scope="row"><a href="/disputes/{no}/">{sides}</a><div class="mut sm nw">{no}</div></th>'
    '<td>{type}{grade}</td><td class="nw">{place}</td><td class="nw">{tier}</td><td class="nw">{handler}</td>'
    '<td>{limit}</td><td class="nw">{found}</td><td><span class="tag tag-{tag}">{status}</span></td></tr>\n'
)
_GRADE = ' <span class="tag tag-{danger_kind}">{danger}</span>'
_LIMIT = '<div class="due {due_kind}"><b>{due}</b> <span>{due_words}</span></div>'
_ENTRY = (
    '<a class="entry" data-entry href="/triage/?at={uid}{page}#entry"{current}><b>{sides}</b>{kind}{danger}'
    '<span>{words}</span>{lacking}<span class="mut sm">{village} · {by} · {since}{photos}</span></a>'
)
_KIND = ' <span class="tag tag-n">{kind}</span>'
_DANGER = ' <span class="tag tag-r">{danger}</span>'
_LACKING = '<span class="mut sm">{lacking}</span>'
_WORDS = 30


def draw_rows(rows: Sequence[Mapping[str, Any]]) -> SafeString:
    """The list's rows as HTML: fifty rows of template nodes cost more than everything else on the page."""
    drawn = []
    for row in rows:
        safe = {name: escape(str(value)) for name, value in row.items()}
        grade = _GRADE.format_map(safe) if row["danger"] else ""
        limit = _LIMIT.format_map(safe) if row["due_words"] else "--"
        drawn.append(_ROW.format_map(safe | {"grade": grade, "limit": limit}))
    return SafeString("".join(drawn))


def draw_entries(rows: Sequence[Mapping[str, Any]], chosen: Any, page: int, since: Callable[[Any], str]) -> SafeString:
    """What waits to be sorted, as links; `chosen` is the uid of the one beside them, `since` says how long ago."""
    drawn, labels = [], {"danger": str(_("可能激化")), "photos": _("照片 %(n)s")}
    for row in rows:
        words = row["words"]
        told = {
            **{name: row[name] for name in ("uid", "sides", "kind", "lacking", "village", "by")},
            "words": words if len(words) <= _WORDS else f"{words[: _WORDS - 1]}…",
            "since": since(row["at"]),
            "danger": labels["danger"],
        }
        safe = {name: escape(str(value)) for name, value in told.items()}
        photos = f" · {escape(labels['photos'] % {'n': len(row['photos'])})}" if row["photos"] else ""
        parts = {
            "kind": _KIND.format_map(safe) if row["kind"] else "",
            "danger": _DANGER.format_map(safe) if row["may_escalate"] else "",
            "lacking": _LACKING.format_map(safe) if row["lacking"] else "",
            "photos": photos,
            "page": f"&amp;page={page:d}" if page > 1 else "",
            "current": ' aria-current="true"' if row["uid"] == chosen else "",
        }
        drawn.append(_ENTRY.format_map(safe | parts))
    return SafeString("".join(drawn))
