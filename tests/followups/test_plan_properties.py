"""Whatever happens, in whatever order: every party has exactly the visits that the policy asks (issue: properties).

The model below is written from the policy, not from the code: it knows which slots each party is owed and which were
met, and compares them with the rows after every step.
"""

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from disputes.models import Agreement, Event, MoveRefused, Obligation
from disputes.moves import Status
from followups import planning, relapse
from followups.models import Handled, ReturnVisit, VisitPlan
from followups.reactions import react, reacting_kinds
from followups.visits import record_visit, waive_visit
from tests import factories as f
from tests.factories import NOW
from villages.models import SpecialDay

DAY = dt.timedelta(days=1)
ROUNDS = {"red": (7, 30, 90), "orange": (30, 90)}  # the numbers of the policy, by hand


def rows_of(model):
    return list(model.objects.order_by("pk").values())


class Visits(RuleBasedStateMachine):
    """One case of two parties, from its settlement on; time only goes forward."""

    w: object = None  # the county, built once outside

    def __init__(self):
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.at = NOW
        self.case = f.mediating(self.w)
        self.met: set[tuple[int, str]] = set()
        self.grades: list[tuple[dt.date, str]] = []
        self.react()

    def teardown(self):
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    # --- what happens -----------------------------------------------------------------------------------------------
    def react(self):
        for pk in Event.objects.filter(handled=None, kind__in=reacting_kinds()).values_list("pk", flat=True):
            react(pk)

    @property
    def settled(self):
        return self.case.status in (Status.SETTLED, Status.CLOSED)

    @rule(days=st.integers(0, 40))
    def time_passes(self, days):
        self.at += days * DAY

    @precondition(lambda self: self.case.status == Status.MEDIATING)
    @rule(promised=st.lists(st.integers(0, 120), max_size=3))
    def settle(self, promised):
        debtor, today = self.case.principal_parties()[0], timezone.localdate(self.at)
        rows = [{"debtor": debtor, "what": "付款", "amount": None, "due_on": today + n * DAY} for n in promised or [40]]
        facts = f.settlement(self.w, self.case, self.at, organisation=self.w.committee, chair=self.w.village_mediator)
        self.case.perform("settle", by=self.w.assistant, at=self.at, **{**facts, "obligations": rows})
        self.met = set()
        self.react()

    @precondition(lambda self: self.settled)
    @rule()
    def reopen(self):
        self.case.perform("reopen", by=self.w.assistant, at=self.at, reason="反弹", report="又占了草场")
        self.react()
        self.case.perform("take_up", by=self.w.assistant, at=self.at, handler=self.w.assistant)
        self.react()

    @precondition(lambda self: self.settled)
    @rule(days=st.lists(st.integers(0, 150), min_size=1, max_size=3))
    def agree_anew(self, days):
        """The agreement gets other dates, and is signed."""
        agreement = Agreement.objects.get(dispute=self.case, round=self.case.round)
        since = timezone.localdate(self.case.settled_at)
        agreement.obligations.all().delete()
        for n in days:
            due_on = since + n * DAY
            Obligation.objects.create(
                agreement=agreement, debtor=self.case.principal_parties()[0], what="付款", due_on=due_on
            )
        self.case.append_event("signed", by=self.w.assistant, at=self.at)
        self.react()

    @precondition(lambda self: self.case.status != Status.CLOSED)
    @rule(level=st.sampled_from(["red", "orange", "yellow"]))
    def grade(self, level):
        until = timezone.localdate(self.at) + 90 * DAY
        self.case.grade(by=self.w.assistant, at=self.at, level=level, reason="扬言动手", expires_on=until)
        self.grades.append((timezone.localdate(self.at), level))
        self.react()

    @rule(n=st.integers(1, 120), kind=st.sampled_from(["holiday", "workday"]))
    def a_day_of_the_calendar_changes(self, n, kind):
        day = NOW.date() + n * DAY
        SpecialDay.objects.filter(day=day).delete()
        SpecialDay.objects.create(day=day, kind=kind, name="调整")
        planning.sweep()

    @precondition(lambda self: self.settled)
    @rule(side=st.sampled_from([0, 1]), reached=st.booleans(), again=st.booleans())
    def visit(self, side, reached, again):
        party, today = self.case.principal_parties()[side], timezone.localdate(self.at)
        answers = {"reached": False, "why_failed": "外出", "next_on": today + 3 * DAY}
        if reached:
            answers = {"reached": True, "satisfaction": "yes", "mind": "calm"}
        more = {"conclusion": "again", "again_on": today + 9 * DAY} if again and reached else {}
        before = {row.pk: row for row in self.case.visits.planned().filter(party=party)}
        record_visit(
            case=self.case,
            by=self.w.assistant,
            at=self.at,
            facts={"visited_on": today, "way": "home", "parties": {party.pk: answers}, **more},
        )
        first = min(before.values(), key=lambda row: (row.due_on, row.pk), default=None)
        for row in before.values():  # the earliest, and where somebody was reached whatever was due by then
            if row.slot and (row == first or (reached and row.due_on <= today)):
                self.met.add((party.pk, row.slot))
        self.react()

    @precondition(lambda self: self.case.status == Status.SETTLED)
    @rule(side=st.sampled_from([0, 1]))
    def waive(self, side):
        party = self.case.principal_parties()[side]
        first = self.case.visits.planned().filter(party=party).first()
        try:
            waive_visit(case=self.case, party=party, by=self.w.supervisor, at=self.at, reason="长期在外")
        except MoveRefused:
            return
        if first and first.slot:
            self.met.add((party.pk, first.slot))

    @precondition(lambda self: self.case.status == Status.SETTLED)
    @rule()
    def relapse_is_nothing(self):
        party, today = self.case.principal_parties()[0], timezone.localdate(self.at)
        before = list(self.case.visits.planned().filter(party=party))
        heard = {"reached": True, "satisfaction": "no", "mind": "relapse"}
        facts = {"visited_on": today, "way": "home", "parties": {party.pk: heard}}
        record_visit(case=self.case, by=self.w.assistant, at=self.at, facts=facts)
        self.met |= {(party.pk, row.slot) for row in before if row.slot and (row == before[0] or row.due_on <= today)}
        assert self.case.why_not("close", by=self.w.assistant, at=self.at)  # not before somebody has looked into it
        answer = {"confirmed": False, "reason": "误会"}
        relapse.decide(case=self.case, by=self.w.assistant, at=self.at, facts=answer)
        self.react()

    @precondition(lambda self: self.case.status == Status.SETTLED)
    @rule()
    def close(self):
        for row in Obligation.objects.filter(agreement__dispute=self.case):
            row.performance = "4"
            row.save()
        reached = {
            row.party_id
            for row in ReturnVisit.objects.filter(dispute=self.case, round=self.case.round)
            if row.state in ("done", "waived")
        }
        promised = self.case.visits.planned().filter(reason="again").exists()
        ready = reached == {party.pk for party in self.case.principal_parties()} and not promised
        try:
            self.case.perform("close", by=self.w.assistant, at=self.at)
        except MoveRefused:
            assert not ready
        else:
            assert ready
        self.react()

    # --- what must always hold --------------------------------------------------------------------------------------
    def workday(self, day):
        special = dict(SpecialDay.objects.values_list("day", "kind"))
        while special.get(day, "workday" if day.weekday() < 5 else "holiday") == "holiday":
            day += DAY
        return day

    def owed(self):
        """Slot → due day, from the policy."""
        since = timezone.localdate(self.case.settled_at)
        first = self.workday(since + 15 * DAY)
        days = {first: "first"}
        promised = Obligation.objects.filter(agreement__dispute=self.case, agreement__round=self.case.round)
        for day in sorted({row.due_on for row in promised}):
            if day > first:
                days.setdefault(self.workday(day), f"perform/{day}")
        live = [(on, level) for on, level in self.grades if on + 90 * DAY >= since]
        for n in ROUNDS.get(live[-1][1], ()) if live else ():
            streak = []
            for on, level in reversed(live):
                if n not in ROUNDS.get(level, ()):
                    break
                streak.append(on)
            day = self.workday(since + n * DAY)
            if min(streak) <= day:
                days.setdefault(day, f"danger/{n}")
        return {slot: day for day, slot in days.items()}

    @invariant()
    def every_party_has_exactly_the_visits_that_the_policy_asks(self):
        planned = list(self.case.visits.planned())
        if not self.settled:
            assert planned == []
            return
        owed = self.owed()
        for party in self.case.principal_parties():
            mine = {row.slot: row.due_on for row in planned if row.party_id == party.pk and row.slot}
            assert mine == {slot: day for slot, day in owed.items() if (party.pk, slot) not in self.met}
        assert len([row for row in planned if row.slot]) == len(
            {(row.party_id, row.slot) for row in planned if row.slot}
        )
        assert {row.round for row in planned} <= {self.case.round}

    @invariant()
    def running_anything_again_changes_nothing(self):
        tables = (ReturnVisit, VisitPlan, Handled)
        before = [rows_of(model) for model in tables]
        assert planning.derive(self.case) == 0
        assert planning.sweep() == 0
        for pk in self.case.events.values_list("pk", flat=True):
            assert not react(pk)
        assert [rows_of(model) for model in tables] == before


@pytest.mark.django_db
def test_every_party_has_exactly_the_visits_that_the_policy_asks_whatever_happens(w):
    Visits.w = w
    options = settings(
        max_examples=5,
        stateful_step_count=12,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a failure tells its steps; making them fewer would take minutes
    )
    run_state_machine_as_test(Visits, settings=options)
