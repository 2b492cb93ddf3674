"""当场化解 at the doorstep: a capture that becomes a settled case through the same `settle` as every other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from disputes.field.models import POLICE, Capture, Spot, key, spot_of
from disputes.models import Agreement, Dispute, MoveRefused
from disputes.moves import Tier
from villages.models import Coverage, Office, Posting, Role, User, in_force


def settle(
    capture: Capture, *, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any = None
) -> Dispute | None:
    """The settled case of a locked capture, or None while something is missing or a guard refuses.

    What was told is kept on its `Spot` either way. Sets the sorting columns of `capture`; the caller writes them.
    """
    spot = spot_of(capture)
    spot.take(facts, by)
    spot.refused = ""
    if spot.tells_of_a_minor() and not capture.protected:
        capture.protected = True
        capture.save(update_fields=["protected"])
    before = (capture.state, capture.reason, capture.put_off_until)
    if spot.crime_suspected:  # nothing more is asked, nothing more is written down (PSA 3; domain.md 6.4)
        spot.refused = _("登记了涉嫌犯罪，不能当场化解。分流立案后选“引导其他途径”，转公安机关")
    elif not spot.missing():
        try:
            with transaction.atomic():
                case = _settled(capture, spot, by, at, request)
        except MoveRefused as refusal:
            capture.state, capture.reason, capture.put_off_until = before
            spot.refused = refusal.sentence[:300]
        else:
            capture.sorted_by, capture.sorted_at = by, at
            if not spot._state.adding:
                spot.delete()
            return case
    spot.save()
    return None


def _settled(capture: Capture, spot: Spot, by: User, at: dt.datetime, request: Any) -> Dispute:
    """Register at the desk where `by` works and settle there; above the village a case is taken up first."""
    chair, day = spot.chair or by, capture.visit.visited_on
    result, track, role = _papers(spot, chair, by, day)
    tier = _tier_of(capture, by)
    case = capture.make_case(capture.words, capture.kind, tier, by=by, at=at, request=request)
    if tier > Tier.VILLAGE or track == POLICE:
        case.perform("take_up", by=by, at=at, request=request, handler=by)
    pks = {key({"side": party.side, "name": party.name}): party.pk for party in case.principal_parties()}
    if track == POLICE:
        _police(case, spot, by, at, request)
    case.perform(
        "settle", by=by, at=at, request=request, result=result, track=track, chair=chair,
        organisation=_office_of(chair, role, day) or case.desk, agreed_on=day, on_the_spot=True,
        consents={pks[name]: answer for name, answer in spot.consents.items()},
        safety=spot.answers(), disposition=spot.disposition, text=spot.text or capture.words,
        recording=spot.recording,
    )  # fmt: skip
    return case


def _police(case: Dispute, spot: Spot, by: User, at: dt.datetime, request: Any) -> None:
    """现场治安调解 through the same two acts as at the police room: the wizard, then the session (APR 178, PSA 108)."""
    capture = spot.capture
    case.act(
        "police", by=by, at=at, request=request, deed=spot.deed, lesser=spot.lesser, ground=spot.ground,
        exclusions_clear=spot.exclusions_clear, plain=True, established=capture.words,
    )  # fmt: skip
    case.act(
        "police_session", by=by, at=at, request=request, held_on=capture.visit.visited_on, place_kind=spot.place_kind,
        place=capture.place or capture.village.full_name, officers=spot.officers, recording=spot.recording,
    )  # fmt: skip


def _tier_of(capture: Capture, by: User) -> int:
    """The lowest tier whose desk for this village is one of `by`."""
    for tier in Tier.values:
        desk = Coverage.objects.desk_for(capture.village, tier)
        if desk and desk.pk in by.scope.desks:
            return tier
    raise MoveRefused(
        _("%(village)s的案件不由你的单位办理，由警务室分流时立案") % {"village": capture.village.full_name}
    )


def _papers(spot: Spot, chair: User, by: User, day: dt.date) -> tuple[str, str, str]:
    """(result, track, role of the chair): who brought it about decides the papers (product.md; PMA 28, APR 178)."""
    roles = chair.roles_on(day)
    if spot.track == POLICE:
        if spot.between_themselves or Role.OFFICER not in roles:
            raise MoveRefused(_("治安调解由民警主持。“谁说和的”选民警，不是治安调解的选“不是”"))
        if spot.checked_by_id != by.pk:  # the officer who answers for the steps is the one who closes them
            raise MoveRefused(_("治安调解由核对的民警办结，请民警在“补齐当场化解”里核对后保存"))
        return Agreement.Result.ORAL, POLICE, Role.OFFICER
    if Role.MEDIATOR in roles and not spot.between_themselves:
        return Agreement.Result.ORAL, Agreement.Track.PEOPLE, Role.MEDIATOR
    return Agreement.Result.SELF, "", ""


def _office_of(chair: User, role: str, day: dt.date) -> Office | None:
    """Where the chair held the role that makes the paper; None where no paper is made."""
    held = Posting.objects.filter(in_force(day), user=chair, role=role).select_related("office").order_by("pk").first()
    return held.office if held else None
