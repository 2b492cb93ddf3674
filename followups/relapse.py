"""The door of a relapse check: what a visit found is looked into, and either the case is reopened or it was nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit.locks import locked
from disputes.models import Dispute, Event, FactsMissing, MoveRefused, NotYours
from disputes.moves import Tier
from followups.models import RelapseCheck
from followups.planning import VISITED
from villages.models import DESK_ROLES, User

if TYPE_CHECKING:
    from django.http import HttpRequest


def open_checks(user: User) -> QuerySet[RelapseCheck]:
    """The signs of relapse that the desks of `user` must look into, earliest first."""
    desks = sorted(user.scope.desks)
    rows = RelapseCheck.objects.open().filter(dispute__desk__in=desks, dispute__status__in=VISITED)
    return rows.select_related("dispute__village__parent").order_by("due_on", "pk")


def check_of(case: Dispute) -> RelapseCheck | None:
    """The open check of this case."""
    return RelapseCheck.objects.open().filter(dispute=case).select_related("event__by").first()


def why_not_decide(case: Dispute, by: User) -> str | None:
    """Why `by` cannot decide now; None when they can. Raises NotYours for roles that never do."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_("反弹苗头由责任单位核实。需要的联系责任单位"))
    if case.desk_id not in by.scope.desks:
        return _("这个案件由%(desk)s负责，由他们核实") % {"desk": case.desk.name}
    if case.status not in VISITED or check_of(case) is None:
        return _("没有等着核实的反弹苗头，可能已经有人核实了")
    return None


def decide(
    *, case: Dispute, by: User, at: dt.datetime, facts: Mapping[str, Any], request: HttpRequest | None = None
) -> Event:
    """Answer the open check, as one event.

    `facts`: `confirmed` and `reason`, what was found. Confirmed, the dispute is graded (`level`, `level_reason`,
    `expires_on`) and reopened as its next round, at the tier that settled it or `tier` above it, by the ordinary move;
    the round that was settled stays as it is.
    """
    with transaction.atomic():
        case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
        sentence = why_not_decide(case, by)
        if sentence:
            raise MoveRefused(sentence)
        errors = wrong_facts(case, facts)
        if errors:
            raise FactsMissing(errors)
        check, confirmed = check_of(case), bool(facts["confirmed"])
        assert check is not None  # why_not_decide has seen it, and the case is locked since
        check.state = RelapseCheck.State.CONFIRMED if confirmed else RelapseCheck.State.DISMISSED
        check.reason, check.by, check.at = facts["reason"], by, at
        check.save(update_fields=["state", "reason", "by", "at"])
        kept = {"check": check.pk, "confirmed": confirmed, **({"level": facts["level"]} if confirmed else {})}
        if confirmed:
            grade = {"level": facts["level"], "reason": facts["level_reason"], "expires_on": facts.get("expires_on")}
            case.grade_with(by=by, at=at, **grade)
        event = case.append_event("relapse_check", by=by, at=at, text=facts["reason"], facts=kept, request=request)
        if confirmed:
            tier: dict[str, Any] = {"tier": int(facts["tier"])} if facts.get("tier") else {}
            report = _("%(day)s 回访发现反弹苗头，已核实") % {"day": check.event.facts["visited_on"]}
            case.perform("reopen", by=by, at=at, reason=facts["reason"], report=report, request=request, **tier)
        return event


def wrong_facts(case: Dispute, facts: Mapping[str, Any]) -> dict[str, str]:
    """What is missing, by fact name."""
    errors = {}
    if facts.get("confirmed") is None:
        errors["confirmed"] = _("选“确有反弹”或“没有反弹”")
    if not facts.get("reason"):
        errors["reason"] = _("写明核实的情况")
    if facts.get("confirmed"):
        if not facts.get("level"):
            errors["level"] = _("选风险等级")
        if not facts.get("level_reason"):
            errors["level_reason"] = _("写明评级理由")
        if facts.get("tier") and int(facts["tier"]) not in [tier for tier in Tier if tier >= case.tier]:
            errors["tier"] = _("只能由原来化解的层级或上级办理")
    return errors
