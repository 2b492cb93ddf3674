"""What holds in any database of cases, whichever way they were written: asked of the real path and of the bulk path."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter as Tally

from django.db.models import F, Max
from django.utils import timezone

from audit.models import verify
from disputes import masking
from disputes.models import (
    Agreement,
    Check,
    Counter,
    Dispute,
    Event,
    EventText,
    Obligation,
    Party,
    PartySecret,
    Round,
    rules_on,
)
from disputes.moves import LEAVES, MOVES, OPEN, Status
from disputes.papers.models import Paper
from disputes.referrals.models import Referral
from disputes.safe.models import Task
from disputes.whistles.models import Call, Whistle
from followups.models import Handled, ReturnVisit
from followups.planning import plan_rules
from followups.reactions import reacting_kinds
from followups.visits import parties_without_visit
from ledgers.month import Month
from villages.models import Role, User

day = timezone.localdate
#: Within these the numbers of papers run; a cover's year is that of its issue only.
SERIES = ("organisation", "kind", "year")


def the_clock_runs_while_open_and_only_then() -> None:
    assert not Dispute.objects.exclude(status__in=OPEN).exclude(due_on=None).exists()
    assert not Dispute.objects.open().filter(due_on=None, is_paused=False).exists()
    assert not Dispute.objects.open().filter(is_paused=True).exclude(due_on=None).exists()


def due_dates_are_those_computed_from_scratch() -> None:
    stored = "due_on due_kind due_provisional case_due_on escalate_on is_paused".split()
    for case in Dispute.objects.open():
        before = [getattr(case, name) for name in stored]
        case.reclock(rules_on(day(case.arrived_at)))
        assert [getattr(case, name) for name in stored] == before, case


def a_round_has_left_when_the_case_is_not_open() -> None:
    for case in Dispute.objects.prefetch_related("rounds"):
        rounds = sorted(case.rounds.all(), key=lambda row: row.no)
        assert [row.no for row in rounds] == list(range(1, case.round + 1)), case
        for earlier in rounds[:-1]:
            assert earlier.left_at and earlier.left_as, case
        last = rounds[-1]
        assert (last.left_at is None) == case.is_open and last.opened_at == case.opened_at, case
        assert last.left_at == case.left_at, case
        expected = {"": OPEN, Status.SETTLED: (Status.SETTLED, Status.CLOSED)}.get(last.left_as, (last.left_as,))
        assert case.status in expected, case
        assert (last.township_id, last.village_id) == (case.township_id, case.village_id)


def the_months_add_up() -> None:
    opened = Round.objects.order_by("opened_at").values_list("opened_at", flat=True)
    month, last = Month.of(opened[0]), Month.of(opened[len(opened) - 1])
    carried = 0
    while month <= last:
        counted = Round.objects.exclude(left_as=Status.VOIDED)
        new, left = (
            counted.filter(month.opened).count(),
            counted.filter(month.left, left_as__in=LEAVES.values()).count(),
        )
        assert counted.filter(month.carried).count() == carried, month
        carried += new - left
        assert counted.filter(month.still_open).count() == carried, month
        month = month.shifted(1)
    assert carried == Dispute.objects.open().count()


def case_numbers_have_no_gap() -> None:
    serials: dict[str, list[int]] = {}
    for number in Dispute.objects.order_by("case_no").values_list("case_no", flat=True):
        key, _dash, serial = number.rpartition("-")
        serials.setdefault(key, []).append(int(serial))
    assert serials
    assert all(found == list(range(1, len(found) + 1)) for found in serials.values())
    papers: dict[tuple, list[int]] = {}
    for *key, serial in Paper.objects.exclude(serial=None).order_by("serial").values_list(*SERIES, "serial"):
        papers.setdefault(tuple(key), []).append(serial)
    assert all(found == list(range(1, len(found) + 1)) for found in papers.values())
    last = dict(Counter.objects.values_list("key", "last"))
    assert {key: last.pop(key) for key in serials} == {key: len(found) for key, found in serials.items()}
    assert sorted(last.values()) == sorted(len(found) for found in papers.values())
    for number, at, township in Dispute.objects.values_list("case_no", "registered_at", "township__code"):
        assert number.startswith(f"620623-{township[6:9]}-{day(at).year}-")


def events_lead_from_registration_to_today() -> None:
    for case in Dispute.objects.all():
        events = list(case.events.order_by("pk"))
        assert events[0].kind == "register" and events[0].status_to == Status.WAITING, case
        for before, after in itertools.pairwise(events):
            assert (before.status_to, before.tier_to) == (after.status_from, after.tier_from), (case, after.kind)
            assert before.at <= after.at and before.version <= after.version, case
        for event in events:
            if event.kind in MOVES:
                move = MOVES[event.kind]
                assert event.status_from in move.from_ and event.tier_from in move.tiers, (case, event.kind)
                assert move.to in (None, event.status_to) and event.tier_to - event.tier_from == move.step, case
        last = events[-1]
        assert (last.status_to, last.tier_to, last.round, last.version, last.desk_id) == (
            case.status, case.tier, case.round, case.version, case.desk_id,
        ), case  # fmt: skip
        assert case.version == 1 + sum(event.kind in MOVES or event.kind in ("lift", "edit") for event in events), case


def events_hash_to_what_they_say() -> None:
    for event in Event.objects.select_related("dispute"):
        assert event.hash == event.compute_hash(), event.pk
    assert not EventText.objects.filter(body="").exists()
    assert Event.objects.filter(kind="register", text=None).count() == 0


def every_event_was_reacted_to() -> None:
    assert Handled.objects.count() == Event.objects.filter(kind__in=reacting_kinds()).count()


def settlements_have_their_papers() -> None:
    for event in Event.objects.filter(kind="settle").select_related("dispute"):
        case = event.dispute
        agreement = Agreement.objects.get(dispute=case, round=event.round)
        assert event.facts["agreement"] == agreement.pk and event.facts["result"] == agreement.result
        assert event.facts["track"] == agreement.track
        assert (agreement.result == "written") == agreement.obligations.exists(), case
        assert (agreement.result == "self") == (agreement.track == ""), case
        if agreement.track == "people":
            assert "mediator" in agreement.chair.roles_on(agreement.agreed_on), case
        if case.is_family:
            assert Check.objects.filter(dispute=case, round=event.round, kind="family").exists(), case
        assert all(party.consent == "agreed" for party in case.principal_parties()), case
    for event in Event.objects.filter(kind__in=["refer", "end"]):
        assert Check.objects.filter(dispute=event.dispute_id, round=event.round, kind="told").exists()


def each_party_of_a_settled_case_is_visited() -> None:
    calendar = plan_rules().calendar
    for event in Event.objects.filter(kind="settle").select_related("dispute"):
        case = event.dispute
        visits = ReturnVisit.objects.filter(dispute=case, round=event.round)
        for party in case.principal_parties():
            first = visits.filter(party=party, reason="first").get()
            assert first.due_on >= day(event.at) + dt.timedelta(days=15), case
        later = {row.due_on for a in case.agreements.filter(round=event.round) for row in a.obligations.all()}
        planned = {visit.due_on for visit in visits if visit.reason == "performance"}
        first_on = min(visit.due_on for visit in visits.filter(reason="first"))
        assert planned == {calendar.next_workday(on) for on in later if on > first_on}
        office = {visit.office.kind for visit in visits.filter(reason="first").select_related("office")}
        assert office == {"village" if event.tier_to == 1 else "room"}, case
    for case in Dispute.objects.filter(status=Status.CLOSED):
        assert parties_without_visit(case) == [], case
        closing = case.events.filter(kind="close").latest("pk")
        assert case.tier == 1 or closing.by_id != case.handler_id, case
    for visit in ReturnVisit.objects.filter(state="done"):
        assert visit.satisfaction and visit.way and visit.by_id and day(visit.entered_at) == visit.visited_on


def visits_are_told_in_the_timeline() -> None:
    told = Tally(
        pk for facts in Event.objects.filter(kind="visit").values_list("facts", flat=True) for pk in facts["visits"]
    )
    made = ReturnVisit.objects.filter(state__in=["done", "failed"]).values_list("pk", flat=True)
    assert told == Tally(made)


def what_is_promised_has_its_task_until_it_is_kept() -> None:
    for case in Dispute.objects.filter(status__in=[Status.SETTLED, Status.CLOSED]):
        owed = Obligation.objects.filter(agreement__dispute=case, agreement__round=case.round)
        days = set(owed.exclude(performance__in=Obligation.FINAL).values_list("due_on", flat=True))
        tasks = Task.objects.open().filter(dispute=case, kind=Task.Kind.PERFORM)
        assert sorted(days) == sorted(tasks.values_list("due_on", flat=True)), case
    assert not Task.objects.open().filter(kind__in=["perform", "confirm"], dispute__status__in=OPEN).exists()


def lists_read_what_the_parties_say() -> None:
    def written(case: Dispute) -> tuple:
        return case.side_a, case.side_b, case.protected, sorted(case.name_keys.split())

    for case in Dispute.objects.prefetch_related("parties"):
        before = written(case)
        case.summarise(list(case.parties.all()), day(case.registered_at))
        assert written(case) == before, case


def names_are_found_by_their_keys() -> None:
    for party in Party.objects.select_related("dispute"):
        keys = Party.name_keys(party.dispute.village_id, party.name)
        assert (party.name_front, party.name_back) == keys and all(keys), party


def secrets_open_and_are_masked_alike() -> None:
    for secret in PartySecret.objects.select_related("party")[:300]:
        party = secret.party
        assert masking.mask_phone(secret.open("phone")) == party.phone_masked
        assert masking.mask_id(secret.open("id_number")) == party.id_masked
        assert masking.mask_address(secret.open("address")) == party.address_masked
        again = PartySecret.sealed(party.uid, {"phone": secret.open("phone"), "id_number": secret.open("id_number")})
        assert all(again[name] == getattr(secret, name) for name in again if name.endswith("_index"))
    assert PartySecret.objects.count() == Party.objects.count()


def acts_were_possible_for_who_acted() -> None:
    people = {user.pk: user for user in User.objects.all()}
    elsewhere = ["waive", "supervise", "hand_over", "whistle_answer"]  # supervisors, and the offices that were asked
    for event in Event.objects.exclude(by=None).exclude(kind__in=elsewhere).select_related("dispute"):
        desks = people[event.by_id].scope.desks
        if event.kind in ("referral_taken", "referral_back", "referral_done"):
            row = Referral.objects.get(uid=event.facts["referral"])
            answers = people[event.by_id].scope.responds if row.to_office_id else desks
            assert (row.to_office_id or row.desk_id) in answers, event.kind
            continue
        if event.kind.startswith("counsel_") and event.kind not in ("counsel_asked", "counsel_off"):
            assert people[event.by_id].scope.has(Role.COUNSELLOR), event.kind
            continue
        assert desks, event.kind
        if event.kind in MOVES and event.kind not in ("escalate", "return", "hand_down"):
            assert event.desk_id in desks or event.kind == "reopen", (event.dispute, event.kind)


def whistles_wait_on_open_cases_only() -> None:
    assert not Call.objects.pending().exclude(whistle__dispute__status__in=OPEN).exists()
    assert not Whistle.objects.live().exclude(dispute__status__in=OPEN).exists()
    for call in Call.objects.select_related("whistle", "answered_by"):
        assert call.answered_by is None or call.office_id in call.answered_by.scope.responds
        assert call.asked_at == call.whistle.at and call.answer_due_on == call.whistle.answer_by


def nothing_lies_in_the_future() -> None:
    end = Event.objects.aggregate(last=Max("at"))["last"]
    assert not ReturnVisit.objects.filter(visited_on__gt=day(end)).exists()
    assert not Dispute.objects.filter(found_on__gt=F("registered_at__date")).exists()


def the_log_is_whole() -> None:
    assert verify() == []


ALL = (
    the_clock_runs_while_open_and_only_then,
    due_dates_are_those_computed_from_scratch,
    a_round_has_left_when_the_case_is_not_open,
    the_months_add_up,
    case_numbers_have_no_gap,
    events_lead_from_registration_to_today,
    events_hash_to_what_they_say,
    every_event_was_reacted_to,
    settlements_have_their_papers,
    each_party_of_a_settled_case_is_visited,
    visits_are_told_in_the_timeline,
    what_is_promised_has_its_task_until_it_is_kept,
    lists_read_what_the_parties_say,
    secrets_open_and_are_masked_alike,
    names_are_found_by_their_keys,
    acts_were_possible_for_who_acted,
    whistles_wait_on_open_cases_only,
    nothing_lies_in_the_future,
    the_log_is_whole,
)
