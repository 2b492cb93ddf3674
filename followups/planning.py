"""Which return visits the policy asks, and the one function that makes the stored plan follow.

`wanted` is pure: the same settlement, agreement, grades, numbers and holidays give the same visits. `derive` writes
the difference to what stands, so that it may run as often as anybody likes, late, and in any order.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.locks import locked
from disputes.models import DangerGrade, Dispute, Obligation
from disputes.moves import Status
from followups.models import ReturnVisit, VisitPlan
from villages.models import Coverage, Policy, SpecialDay
from villages.policy import CATALOGUE
from villages.workdays import WorkCalendar

State, Reason = ReturnVisit.State, ReturnVisit.Reason
#: Visits go on after 结案: a performance date may lie months ahead.
VISITED = (Status.SETTLED, Status.CLOSED)
#: The numbers of the policy that say after how many days a dispute of this grade is visited once more; 0 is never.
ROUNDS: Mapping[str, tuple[str, ...]] = {
    Dispute.Danger.RED: ("red_visit_1_days", "red_visit_2_days", "red_visit_3_days"),
    Dispute.Danger.ORANGE: ("orange_visit_1_days", "orange_visit_2_days"),
}
NUMBERS = ("first_visit_days", *(key for keys in ROUNDS.values() for key in keys))
FIRST = "first"
#: Cases that one round of the sweep plans anew.
BATCH = 200


# --- what the policy asks --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Grade:
    """A danger grade of the dispute: set on a day, with its last day."""

    on: dt.date
    level: str
    until: dt.date


@dataclass(frozen=True)
class Wanted:
    """One visit to one party: what asks for it (`slot` names it for good) and the working day by which."""

    party: int
    reason: str
    slot: str
    due_on: dt.date


def danger_rounds(
    settled_on: dt.date, grades: Iterable[Grade], policy: Mapping[str, int], calendar: WorkCalendar
) -> list[int]:
    """After how many days the grade asks for one more visit.

    The latest grade counts, whether or not it has expired since: who was red at the settlement is seen after 90 days.
    One that was set later asks for no day that was over by then, unless the grades before it asked for it, too: to
    grade anew never drops a visit that is late. What had expired before the settlement asks nothing.
    """

    def days(level: str) -> set[int]:
        return {policy[key] for key in ROUNDS.get(level, ()) if policy[key]}

    known = sorted(grades, key=lambda grade: grade.on)  # stable: of one day the later row stays the later
    first = next((n for n in range(len(known), 0, -1) if known[n - 1].until < settled_on), 0)
    known = known[first:]
    found = []
    for n in sorted(days(known[-1].level)) if known else ():
        since = known[-1].on
        for grade in reversed(known):
            if n not in days(grade.level):
                break
            since = grade.on
        if since <= calendar.next_workday(settled_on + dt.timedelta(days=n)):
            found.append(n)
    return found


def wanted(
    *,
    settled_on: dt.date,
    parties: Sequence[int],
    performance_days: Iterable[dt.date],
    grades: Iterable[Grade],
    policy: Mapping[str, int],
    calendar: WorkCalendar,
) -> list[Wanted]:
    """Exactly the visits that the policy asks after this settlement, by day and party.

    The first; one at each performance date after it; more where the danger grade asks for them. Days off move to the
    next working day, and of several that fall on one day one visit is enough.
    """
    first = calendar.next_workday(settled_on + dt.timedelta(days=policy["first_visit_days"]))
    asked: dict[dt.date, tuple[str, str]] = {first: (Reason.FIRST, FIRST)}
    for day in sorted(set(performance_days)):
        if day > first:
            asked.setdefault(calendar.next_workday(day), (Reason.PERFORMANCE, f"perform/{day:%Y-%m-%d}"))
    for n in danger_rounds(settled_on, grades, policy, calendar):
        day = calendar.next_workday(settled_on + dt.timedelta(days=n))
        asked.setdefault(day, (Reason.DANGER, f"danger/{n}"))
    return [Wanted(party, str(reason), slot, day) for day, (reason, slot) in sorted(asked.items()) for party in parties]


# --- the numbers and holidays by which cases are planned ------------------------------------------------------------
@dataclass(frozen=True)
class PlanRules:
    """Every holiday and every number of the plan, with the key by which a plan is known to be behind."""

    calendar: WorkCalendar
    numbers: tuple[tuple[dt.date, str, int], ...]  # since when, which, how many; oldest first
    key: str

    def policy(self, day: dt.date) -> dict[str, int]:
        """The numbers in force on `day`: a settlement keeps those under which it was made."""
        values = {name: CATALOGUE[name].default for name in NUMBERS}
        values.update((name, value) for since, name, value in self.numbers if since <= day)
        return values


def plan_rules() -> PlanRules:
    """The rules as they stand now; two queries."""
    days = tuple(SpecialDay.objects.order_by("day").values_list("day", "kind"))
    numbers = tuple(
        Policy.objects.filter(key__in=NUMBERS).order_by("valid_from", "pk").values_list("valid_from", "key", "value")
    )
    defaults = [CATALOGUE[name].default for name in NUMBERS]
    calendar = WorkCalendar(
        holidays=frozenset(day for day, kind in days if kind == SpecialDay.Kind.HOLIDAY),
        workdays=frozenset(day for day, kind in days if kind == SpecialDay.Kind.WORKDAY),
        years=frozenset(day.year for day, _kind in days),
    )
    key = hashlib.sha256(repr((days, numbers, defaults)).encode()).hexdigest()[:40]
    return PlanRules(calendar, numbers, key)


# --- the plan that stands --------------------------------------------------------------------------------------------
def wanted_of(case: Dispute, rules: PlanRules) -> list[Wanted]:
    """What the policy asks for the present round; nothing while it is not settled."""
    if case.status not in VISITED or case.settled_at is None:
        return []
    settled_on = timezone.localdate(case.settled_at)
    owed = Obligation.objects.filter(agreement__dispute=case, agreement__round=case.round)
    grades = DangerGrade.objects.filter(dispute=case).order_by("pk").values_list("at", "level", "expires_on")
    return wanted(
        settled_on=settled_on,
        parties=[party.pk for party in case.principal_parties()],
        performance_days=owed.values_list("due_on", flat=True),
        grades=[Grade(timezone.localdate(at), level, until) for at, level, until in grades],
        policy=rules.policy(settled_on),
        calendar=rules.calendar,
    )


def derive(case: Dispute, *, rules: PlanRules | None = None) -> int:
    """Make the planned visits of a case those that the policy asks; how many rows changed.

    What was done, missed, waived or answered by another visit stays as it is, and so do the tries and visits that
    people agreed on, unless the round is over: then nothing planned remains. No clock takes part: there is no today.
    """
    with transaction.atomic():
        case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
        rules = rules or (plan_rules() if case.status in VISITED else None)
        asked = {(row.party, row.slot): row for row in wanted_of(case, rules)} if rules else {}
        planned = list(ReturnVisit.objects.planned().filter(dispute=case).order_by("pk"))
        over = [row.pk for row in planned if row.round != case.round or case.status not in VISITED]
        standing = {(row.party_id, row.slot): row for row in planned if row.slot and row.pk not in over}
        gone = [*over, *(row.pk for key, row in standing.items() if key not in asked)]
        changed = ReturnVisit.objects.filter(pk__in=gone).update(state=State.CANCELLED) if gone else 0
        for key, row in standing.items():
            if key in asked and asked[key].due_on != row.due_on:
                row.due_on = asked[key].due_on
                row.save(update_fields=["due_on"])
                changed += 1
        known = {*standing, *_met(case)} if asked else set()
        lacking = [row for key, row in asked.items() if key not in known]
        if lacking:
            office = visiting_office(case)
            ReturnVisit.objects.bulk_create(
                ReturnVisit(
                    dispute=case,
                    round=case.round,
                    party_id=row.party,
                    reason=row.reason,
                    slot=row.slot,
                    due_on=row.due_on,
                    office_id=office,
                )
                for row in lacking
            )
        if rules and case.status in VISITED:
            VisitPlan.objects.update_or_create(dispute=case, defaults={"key": rules.key})
        else:
            VisitPlan.objects.filter(dispute=case).delete()
        return changed + len(lacking)


def _met(case: Dispute) -> set[tuple[int, str]]:
    """What nobody needs to plan again: visited, tried, waived, or answered by another visit."""
    settled = Q(state__in=[State.DONE, State.FAILED, State.WAIVED]) | Q(answered_by__isnull=False)
    rows = ReturnVisit.objects.filter(settled, dispute=case, round=case.round).exclude(slot="")
    return set(rows.values_list("party_id", "slot"))


def visiting_office(case: Dispute) -> int:
    """Who visits: the police room of the village above the village's own desk, else the desk."""
    room = Coverage.objects.desk_for(case.village, 2) if case.tier > 1 else None
    return room.pk if room else case.desk_id


def sweep() -> int:
    """Plan anew what was planned by other numbers or holidays than stand now; how many cases, a bounded number."""
    rules = plan_rules()
    behind = VisitPlan.objects.filter(Q(key__lt=rules.key) | Q(key__gt=rules.key))
    cases = Dispute.objects.filter(pk__in=list(behind.order_by("pk").values_list("pk", flat=True)[:BATCH]))
    for case in cases:
        derive(case, rules=rules)
    return len(cases)
