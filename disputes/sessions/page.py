"""What the pages, the prints and the API show of a session, as one viewer may read it; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _g

from disputes import codes, masking
from disputes.models import Dispute
from disputes.sessions.models import Attendee, Session, SessionQuerySet
from villages.models import User

TAGS = {
    Session.State.PLANNED: "b",
    Session.State.HELD: "g",
    Session.State.FAILED: "a",
    Session.State.CALLED_OFF: "n",
}


def for_page(rows: SessionQuerySet) -> SessionQuerySet:
    """Loaded with everything that one session's page shows."""
    people = Prefetch("attendees", Attendee.objects.select_related("party", "office", "user"))
    return rows.for_list().select_related("recorded_by", "recusal_by", "recusal_about").prefetch_related(people)


class Veil:
    """The names and texts of one session as one person may read them: the rule of the case."""

    def __init__(self, session: Session, viewer: User) -> None:
        case = session.dispute
        self.hidden = case.names_hidden_from(viewer)
        self._names: list[str] = []
        if self.hidden:
            self._names = [n for p in case.parties.all() for n in (p.name, p.alias, p.guardian_name, p.agent_name)]
            self._names += [row.name for row in session.attendees.all() if row.name]

    def name(self, name: str) -> str:
        return masking.mask_name(name) if self.hidden else name

    def text(self, text: str) -> str:
        return masking.mask_in(text, self._names) if self.hidden else text


def shown(session: Session, viewer: User) -> dict[str, Any]:
    """The plain values of `Session.record_facts`, masked for this viewer, with what a page needs besides."""
    veil, facts = Veil(session, viewer), session.record_facts()
    for row in facts["parties"]:
        row |= {"name": veil.name(row["name"]), "guardian": veil.name(row["guardian"])}
        row["statement"] = veil.text(row["statement"])
    others = {row.label for row in session.listed() if row.kind == Attendee.Kind.OTHER}
    for row in facts["participants"]:
        row["name"] = veil.name(row["name"]) if row["name"] in others else row["name"]
    for name in ("purpose", "education", "points_agreed", "points_open", "reason"):
        facts[name] = veil.text(facts[name])
    if facts["recusal"]:
        facts["recusal"] |= {
            "by": veil.name(facts["recusal"]["by"]),
            "reason": veil.text(facts["recusal"]["reason"]),
        }
    return facts | {
        "track_label": session.get_track_display() if session.track else "",
        "state_label": session.get_state_display(),
        "tag": TAGS[Session.State(session.state)],
        "span": span(session.starts_at, session.ends_at),
        "held_span": span(session.held_at, session.ended_at),
        "together_reason": veil.text(session.together_reason),
        "hidden": veil.hidden,
    }


def span(start: dt.datetime | None, end: dt.datetime | None) -> str:
    """2026-03-05 09:00–11:00."""
    if start is None:
        return ""
    first = timezone.localtime(start).strftime("%Y-%m-%d %H:%M")
    return f"{first}–{timezone.localtime(end):%H:%M}" if end else first


def rows(sessions: Iterable[Session], user: User, now: dt.datetime) -> list[dict[str, Any]]:
    """Plain values for each row of the list: those outside the viewer's scope show the invitation only."""
    found = list(sessions)
    names = codes.names()
    seen = set(Session.objects.visible_to(user).filter(pk__in=[s.pk for s in found]).values_list("pk", flat=True))
    return [_row(session, user, names, session.pk in seen, now) for session in found]


def _row(session: Session, user: User, names: codes.Names, seen: bool, now: dt.datetime) -> dict[str, Any]:
    case: Dispute = session.dispute
    return _basics(session, now) | {
        "title": case.title_for(user, codes.type_name(names, case.type_l1, case.type_l2))
        if seen
        else _g("请你参加联调会"),
        "case_no": case.case_no if seen else "",
        "village": case.village.full_name if seen else "",
        "url": url_of(session) if seen else f"/sessions/{session.uid}/",
    }


def panel_rows(sessions: Iterable[Session], now: dt.datetime) -> list[dict[str, Any]]:
    """The same for the sessions of one case that the viewer reads."""
    return [_basics(session, now) | {"url": url_of(session)} for session in sessions]


def _basics(session: Session, now: dt.datetime) -> dict[str, Any]:
    start, end = timezone.localtime(session.starts_at), timezone.localtime(session.ends_at)
    late = session.is_planned and session.starts_at <= now
    return {
        "day": start.date(),
        "time": f"{start:%H:%M}–{end:%H:%M}",
        "office": session.office.name,
        "where": session.where,
        "chair": session.chair.name,
        "state": _g("待填结果") if late else session.get_outcome_display() or session.get_state_display(),
        "tag": "a" if late else TAGS[Session.State(session.state)],
    }


def url_of(session: Session) -> str:
    """The page of a session inside its case."""
    return f"/disputes/{session.dispute.case_no}/sessions/{session.pk}/"
