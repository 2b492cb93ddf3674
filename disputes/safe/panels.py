"""The section 保障与履行 of the case page: what was answered, what is promised, what may be done next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from disputes import clock, masking
from disputes import safeguards as s
from disputes.models import Dispute, Obligation
from disputes.moves import OPEN
from disputes.safe import acts
from disputes.safe.acts import ACTS, KEPT_CODES, side_of
from disputes.safe.models import PoliceTrack, Standing, Task, standing
from villages.models import DESK_ROLES, User

PERFORMANCE_TAG = {"1": "g", "2": "g", "3": "a", "4": "n", "5": "r", "6": "r", "": "n"}


def safeguards_section(case: Dispute, user: User) -> tuple[str, Mapping[str, Any]] | None:
    """Sides, never names: so the section is the same for whoever may read the case; the family's own part is not."""
    at = timezone.now()
    today, here = timezone.localdate(at), standing(case)
    offices = {case.desk_id, *(task.office_id for task in here.tasks)}
    inside = not user.scope.desks.keys().isdisjoint(offices)
    may = acts.acts_for(case, user, at) if not user.scope.roles.isdisjoint(DESK_ROLES) else {}
    return "disputes/safe/panel.html", {
        "case_no": case.case_no,
        "open": case.status in OPEN,
        "acts": [{"name": name, "label": ACTS[name].label} for name, why in may.items() if why is None],
        "checks": _checks(case),
        "police": _police(case, here, at) if inside else None,
        "letters": _letters(here, today) if inside else [],
        "obligations": _obligations(case, user, here, today),
        "court": _court(here, today),
        "no_penalty": here.no_penalty,
        "noise": acts.is_noise(case),
        "slips": not user.scope.masked or user.scope.has("supervisor"),
        "today": today,
    }


def _checks(case: Dispute) -> list[tuple[Any, str]]:
    """Who answered what, when: outcomes that everybody who reads the case may know."""
    rows = []
    for kind, words in (
        ("acceptance", {"fit": _("可以受理")}),
        ("exclusions", {"none": _("七种情形都没有"), "some": _("有不适用的情形")}),
    ):
        check = s.latest(case, kind)
        if check:
            outcome = words.get(check.outcome, _("不属于人民调解受理范围"))
            day = timezone.localtime(check.at).strftime("%m-%d %H:%M")
            rows.append((check.get_kind_display(), f"{outcome}，{check.by.name} {day}"))
    return rows


def _police(case: Dispute, here: Standing, at: dt.datetime) -> dict[str, Any] | None:
    track = here.track
    if track is None:
        return None
    calendar = case.rules(at).calendar
    first = here.sessions[0].held_on if here.sessions else None
    agreement = here.agreement
    by_police = agreement is not None and agreement.track == "police"
    kept = by_police and all(row.performance in KEPT_CODES for row in here.obligations)
    return {
        "why_not": s.police_applies(case),
        "sessions": here.sessions,
        "second_until": clock.second_session_until(first, calendar) if first and len(here.sessions) == 1 else None,
        "missing": [] if by_police else track.missing_terms(),
        "track": track,
        "failure": PoliceTrack.Failure(track.failure).label if track.failure else "",
        "kept": kept,
    }


def _letters(here: Standing, today: dt.date) -> list[dict[str, Any]]:
    rows = []
    for letter in here.letters:
        tasks = [task for task in here.tasks if task.letter_id == letter.pk]
        visits = [
            {
                "pk": task.pk,
                "side": side_of(task.party) if task.party else "",
                "office": task.office.name,
                "due_on": task.due_on,
                "done_on": task.done_on,
                "open": task.state == Task.State.OPEN,
            }
            for task in tasks
        ]
        served = [
            (_("加害人"), letter.served_warned_on),
            (_("受害人"), letter.served_victim_on),
            (_("村（居）委会"), letter.served_committee_on),
        ]
        rows.append({"letter": letter, "visits": visits, "served": served, "warned": side_of(letter.warned)})
    return rows


def _obligations(case: Dispute, user: User, here: Standing, today: dt.date) -> list[dict[str, Any]]:
    hidden = case.names_hidden_from(user)
    names = [p.name for p in case.parties.all()] if hidden else []
    return [
        {
            "pk": row.pk,
            "side": side_of(row.debtor),
            "what": masking.mask_in(row.what, names),
            "amount": row.amount,
            "due_on": row.due_on,
            "late": row.due_on < today and row.performance not in Obligation.FINAL,
            "open": row.performance not in Obligation.FINAL,
            "words": row.get_performance_display() if row.performance else _("还没有记"),
            "tag": PERFORMANCE_TAG[row.performance],
            "performed_on": row.performed_on,
            "paid": row.paid if row.performance == Obligation.Performance.PARTLY else None,
        }
        for row in here.obligations
    ]


def _court(here: Standing, today: dt.date) -> dict[str, Any] | None:
    """The countdown to the last day for a joint request to the court (PMA 33); None where there is none."""
    agreement = here.agreement
    if agreement is None or not agreement.may_be_confirmed:
        return None
    until = clock.confirmation_until(agreement.effective_on)
    return {
        "effective_on": agreement.effective_on,
        "provisional": agreement.result == "written" and agreement.signed_on is None,
        "until": until,
        "left": (until - today).days,
        "row": here.confirmation,
    }
