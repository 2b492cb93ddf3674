"""The doors of a return visit: `record_visit`, `waive_visit`; and the guard that keeps a case open until then."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.locks import locked
from disputes import masking
from disputes.models import Dispute, Event, FactsMissing, MoveRefused, NotYours, Party
from disputes.moves import Status
from disputes.safe.models import heard as keep_performance
from disputes.safeguards import no_safe_call
from followups.models import Handled, ReturnVisit
from followups.planning import VISITED
from villages.models import DESK_ROLES, Role, User

State = ReturnVisit.State
#: Free text of a visit, in which names may stand.
SAID = ("demands", "education", "calming", "why_failed")


def settled_on(case: Dispute) -> dt.date | None:
    """The day on which the present round was settled."""
    return timezone.localdate(case.settled_at) if case.settled_at else None


def side_label(party: Party, parties: list[Party]) -> str:
    """甲方, or 甲方 2 where the side is several: a name for the timeline that names nobody."""
    side = [p.pk for p in parties if p.side == party.side]
    return f"{party.get_side_display()} {side.index(party.pk) + 1}" if len(side) > 1 else str(party.get_side_display())


def shown_name(case: Dispute, party: Party, viewer: User | None) -> str:
    """The party's name as this viewer may read it."""
    return masking.mask_name(party.name) if case.names_hidden_from(viewer) else party.name


def parties_without_visit(case: Dispute) -> list[Party]:
    """Principal parties of the present round with neither a visit that reached them nor a written waiver."""
    done = ReturnVisit.objects.filter(dispute=case, round=case.round, state__in=[State.DONE, State.WAIVED])
    reached = set(done.values_list("party_id", flat=True))
    return [party for party in case.principal_parties() if party.pk not in reached]


def why_visits_missing(case: Dispute, by: User | None, facts: Mapping[str, Any] | None, at: dt.datetime) -> str | None:
    """结案 waits for a visit that reached each party; while the visits are not planned yet it waits for these."""
    settlement = case.events.filter(kind="settle", round=case.round).order_by("-pk").first()
    if settlement and not Handled.objects.filter(event=settlement).exists():
        return _("回访还在安排，过一会儿再结案")
    missing = parties_without_visit(case)
    if not missing:
        return None
    names = "、".join(shown_name(case, party, by) for party in missing)
    return _("还没有回访到 %(names)s。回访后再结案，确实不能回访的由督导书面免访") % {"names": names}


def why_not_visit(case: Dispute, by: User) -> str | None:
    """Why `by` cannot record a visit now; None when they can. Raises NotYours for roles that never do."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_("你的岗位不登记回访。需要的联系责任单位"))
    if case.status not in VISITED:
        return _("案件现在是“%(status)s”，化解后才登记回访") % {"status": case.get_status_display()}
    return None


def record_visit(
    *,
    case: Dispute,
    by: User,
    at: dt.datetime,
    facts: Mapping[str, Any],
    submission: uuid.UUID | None = None,
    request: Any = None,
) -> Event:
    """What was heard from one or both parties, as one event; the same `submission` twice gives the same event.

    `facts`: `visited_on`, `way`, `performance`, and `parties`: party id → `reached`; when reached `satisfaction`,
    `mind`, `demands`, `education`, `calming`; when not `why_failed` and `next_on`, the day of the next try.
    """
    with transaction.atomic():
        case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
        if submission:
            earlier = case.events.filter(kind="visit", by=by, facts__submission=str(submission)).first()
            if earlier:
                return earlier
        sentence = why_not_visit(case, by)
        if sentence:
            raise MoveRefused(sentence)
        errors = wrong_facts(case, facts, timezone.localdate(at))
        if errors:
            raise FactsMissing(errors)
        parties = case.principal_parties()
        heard = {party: facts["parties"][party.pk] for party in parties if party.pk in facts["parties"]}
        rows = [_record(case, party, answers, facts, by, at) for party, answers in heard.items()]
        if any(answers.get("reached") for answers in heard.values()):
            performed = facts.get("performance") or ""
            keep_performance(case, by=by, at=at, performance=performed, on=facts["visited_on"])
        kept = {
            "visits": [row.pk for row in rows],
            "visited_on": facts["visited_on"].isoformat(),
            "way": facts["way"],
            "relapse": any(row.mind == ReturnVisit.Mind.RELAPSE for row in rows),
            **({"submission": str(submission)} if submission else {}),
        }
        text = "\n".join(
            _("%(side)s：%(what)s") % {"side": side_label(row.party, parties), "what": summary(row)} for row in rows
        )
        return case.append_event("visit", by=by, at=at, text=text, facts=kept, request=request)


def wrong_facts(case: Dispute, facts: Mapping[str, Any], today: dt.date) -> dict[str, str]:
    """What is missing or cannot be, by fact name; a party's facts are named `satisfaction-<party id>`."""
    errors = {}
    visited_on, since = facts.get("visited_on"), settled_on(case)
    if visited_on is None:
        errors["visited_on"] = _("填写回访日期")
    elif visited_on > today:
        errors["visited_on"] = _("回访日期不能晚于今天（%(day)s）") % {"day": today}
    elif since and visited_on < since:
        errors["visited_on"] = _("回访日期不能早于化解日期（%(day)s）") % {"day": since}
    if not facts.get("way"):
        errors["way"] = _("选回访方式")
    known = {party.pk for party in case.principal_parties()}
    if facts.get("way") == ReturnVisit.Way.PHONE and case.is_family:
        called = [p for p in case.principal_parties() if p.pk in (facts.get("parties") or {})]
        if any(not party.safe_to_call for party in called):
            errors["way"] = no_safe_call()
    given = facts.get("parties") or {}
    if not given or not known.issuperset(given):
        errors["parties"] = _("至少登记一方：选“见到了”或“没联系上”")
    for pk, answers in given.items():
        if answers.get("reached"):
            if not answers.get("satisfaction"):
                errors[f"satisfaction-{pk}"] = _("选是否满意，本人没表态选“未表态”")
            if not answers.get("mind") and answers.get("satisfaction") != ReturnVisit.Satisfaction.REFUSED:
                errors[f"mind-{pk}"] = _("选思想动态")
        else:
            if not answers.get("why_failed"):
                errors[f"why_failed-{pk}"] = _("写明为什么没联系上")
            if answers.get("next_on") is None:
                errors[f"next_on-{pk}"] = _("填写再次联系的日期")
            elif answers["next_on"] < today:
                errors[f"next_on-{pk}"] = _("再次联系的日期不能早于今天（%(day)s）") % {"day": today}
    return errors


def _record(
    case: Dispute, party: Party, answers: Mapping[str, Any], facts: Mapping[str, Any], by: User, at: dt.datetime
) -> ReturnVisit:
    """The planned visit that this was, or one that nobody had planned."""
    visit, later = _next_planned(case, party, reason=ReturnVisit.Reason.EXTRA, due_on=facts["visited_on"])
    visit.visited_on, visit.way, visit.by, visit.entered_at = facts["visited_on"], facts["way"], by, at
    if answers.get("reached"):
        visit.state = State.DONE
        visit.performance = facts.get("performance") or ""
        for name in ("satisfaction", "mind", "demands", "education", "calming"):
            setattr(visit, name, answers.get(name) or "")
        for other in later:
            if other.due_on <= facts["visited_on"]:  # one visit answers everything that was due by then
                other.state = State.CANCELLED
                other.save(update_fields=["state"])
        visit.save()
        return visit
    visit.state, visit.why_failed = State.FAILED, answers["why_failed"]
    visit.save()
    again = {"party": party, "reason": ReturnVisit.Reason.RETRY, "due_on": answers["next_on"]}
    ReturnVisit.objects.get_or_create(
        dispute=case, round=case.round, state=State.PLANNED, **again, defaults={"office_id": visit.office_id}
    )
    return visit


def _next_planned(
    case: Dispute, party: Party, *, reason: str, due_on: dt.date
) -> tuple[ReturnVisit, list[ReturnVisit]]:
    """This party's earliest planned visit (else a new one, made by the desk's office), and those planned after it."""
    planned = list(ReturnVisit.objects.planned().filter(dispute=case, round=case.round, party=party))
    if planned:
        return planned[0], planned[1:]
    new = ReturnVisit(dispute=case, round=case.round, party=party, office_id=case.desk_id)
    new.reason, new.due_on = reason, due_on
    return new, []


def waive_visit(*, case: Dispute, party: Party, by: User, at: dt.datetime, reason: str, request: Any = None) -> Event:
    """A supervisor's written waiver of the visit to one party, which lets the case be closed without it."""
    with transaction.atomic():
        case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
        sentence = why_not_waive(case, by)
        if sentence:
            raise MoveRefused(sentence)
        if party.pk not in {p.pk for p in parties_without_visit(case)}:
            raise MoveRefused(_("这一方已经回访或已经免访，不用再办"))
        if not reason:
            raise FactsMissing({"reason": _("写明为什么不能回访")})
        visit, later = _next_planned(case, party, reason=ReturnVisit.Reason.EXTRA, due_on=timezone.localdate(at))
        visit.state, visit.why_failed, visit.by, visit.entered_at = State.WAIVED, reason, by, at
        visit.save()
        for other in later:
            if other.reason == ReturnVisit.Reason.RETRY:
                other.state = State.CANCELLED
                other.save(update_fields=["state"])
        text = _("%(side)s：%(what)s") % {"side": side_label(party, case.principal_parties()), "what": reason}
        return case.append_event(
            "waive", by=by, at=at, text=text, facts={"visits": [visit.pk], "party": party.pk}, request=request
        )


def why_not_waive(case: Dispute, by: User) -> str | None:
    """Why `by` cannot waive a visit now; None when they can. Raises NotYours for roles that never do."""
    if not by.scope.has(Role.SUPERVISOR) or not case.is_in_supervision_of(by):
        raise NotYours(_("书面免访由督导办理。需要的联系督导"))
    if case.status != Status.SETTLED:
        return _("案件现在是“%(status)s”，化解后、结案前才办理免访") % {"status": case.get_status_display()}
    return None


def summary(visit: ReturnVisit) -> str:
    """One line without any personal text: 满意，平稳; 没联系上."""
    if visit.state == State.DONE:
        words = [visit.get_satisfaction_display(), visit.get_mind_display(), visit.get_performance_display()]
        return "，".join(str(word) for word in words if word)
    return str(visit.get_state_display())


def history(case: Dispute, viewer: User) -> dict[str, list[ReturnVisit]]:
    """The visits of the present round, as this viewer may read them: those to make, and those made, newest first."""
    rows = list(
        ReturnVisit.objects.filter(dispute=case, round=case.round)
        .exclude(state=State.CANCELLED)
        .select_related("party", "office", "by")
    )
    hidden = case.names_hidden_from(viewer)
    names = [n for p in case.parties.all() for n in (p.name, p.alias, p.guardian_name, p.agent_name)] if hidden else []
    for row in rows:
        row.who = shown_name(case, row.party, viewer)  # type: ignore[attr-defined]
        row.words = summary(row)  # type: ignore[attr-defined]
        row.said = {name: masking.mask_in(getattr(row, name), names) for name in SAID}  # type: ignore[attr-defined]
    made = [row for row in rows if row.state != State.PLANNED]
    return {
        "planned": [row for row in rows if row.state == State.PLANNED],
        "made": sorted(made, key=lambda row: (row.entered_at, row.pk), reverse=True),
    }


def draft_url(user: User, case_no: str) -> str | None:
    """Where the draft `visit:<case number>` is written on; None outside the user's scope."""
    return f"/followups/{case_no}/" if Dispute.objects.visible_to(user).filter(case_no=case_no).exists() else None
