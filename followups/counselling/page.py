"""What a referral shows to whom, as plain values: the list, its page, the section of the case and the API draw these.

The counsellor: who, why, the sessions. The named supervisor: the same, the person masked. A desk that reads the case:
why, how often, the advice. Other supervisors of the area: state and count. A note is in none of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from disputes import masking
from disputes.models import Dispute
from followups.counselling.models import CounsellingReferral, CounsellingSession, State
from villages.models import User

TAGS = {"asked": "a", "accepted": "p", "ended": "g", "declined": "n", "withdrawn": "n"}


class Reader:
    """One person; `read` gives each referral (of `for_list`) as that person may have it."""

    def __init__(self, user: User) -> None:
        self.user = user

    def read_all(self, rows: Iterable[CounsellingReferral]) -> list[dict[str, Any]]:
        """Every one of them; which of their cases are in scope takes one query."""
        rows = list(rows)
        wanted = {row.dispute_id for row in rows}
        cases = set(Dispute.objects.visible_to(self.user).filter(pk__in=wanted).values_list("pk", flat=True))
        return [self.read(row, in_case=row.dispute_id in cases) for row in rows]

    def read(self, row: CounsellingReferral, *, in_case: bool) -> dict[str, Any]:
        """`in_case`: the person may read the case; a counsellor does not."""
        user, party, case = self.user, row.party, row.dispute
        works = in_case and bool(user.scope.desks)
        counsels = row.counsellor_id == user.pk or row.is_open_to(user)
        told = works or counsels or row.is_supervised_by(user)
        hidden = row.names_hidden_from(user)
        person = row.counsellor or row.to_person
        return {
            "uid": row.uid,
            "key": str(row.uid),
            "version": row.version,
            "state": row.state,
            "state_name": row.get_state_display(),
            "tag": TAGS[row.state],
            "who": masking.mask_name(party.name) if hidden else party.name,
            "side": party.get_side_display(),
            "phone": party.phone_masked if counsels and row.state == State.ACCEPTED else "",
            "safe_to_call": party.safe_to_call if counsels else "",
            "guardian": party.guardian_name if counsels else "",
            "village": case.village.full_name,
            "why": row.veil(row.why, user) if told else "",
            "case_no": case.case_no if in_case else "",
            "desk": row.desk.name,
            "desk_phone": row.desk.phone,
            "by": row.by.name,
            "at": row.at,
            "consent_by": row.get_consent_by_display(),
            "consent_way": row.get_consent_way_display(),
            "consent_on": row.consent_on,
            "supervisor": row.supervisor.name,
            "counsellor": row.counsellor.name if row.counsellor else "",
            "asked": person.name if person else row.to_office.name if row.to_office else "",
            "done": row.done or 0,  # type: ignore[attr-defined]
            "next_on": row.next_on,
            "risk_at": row.risk_at,
            "reason": row.veil(row.reason, user) if told else "",
            "how": row.get_how_display() if row.how else "",
            "ended_on": row.ended_on,
            "told": told,
            "mine": counsels,
        }


def advice_of(row: CounsellingReferral, viewer: User) -> list[dict[str, Any]]:
    """What the counsellor let the handler know, newest first; the caller asks whether the viewer is `told`."""
    rows = row.advices.select_related("by")
    return [{"text": row.veil(one.text, viewer), "by": one.by.name, "at": one.at} for one in rows]


def sessions_of(row: CounsellingReferral, viewer: User) -> list[CounsellingSession]:
    """The sessions for the counsellor and the named supervisor; one who passed it on keeps their own."""
    rows = row.sessions.select_related("by")
    if row.counsellor_id == viewer.pk or row.is_supervised_by(viewer):
        return list(rows)
    return list(rows.filter(by=viewer))
