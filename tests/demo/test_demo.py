"""The demo county: believable, complete, and under the same rules as any other database."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter

import pytest
from django.db.models import Count

from config.demo import is_demo
from config.demo.county import ACCOUNTS
from config.demo.people import CHECK, WEIGHTS
from disputes.models import Dispute, Event, Party, PartySecret
from disputes.moves import MOVES, Status
from disputes.referrals.models import Referral
from disputes.whistles.models import Call, Whistle
from followups.models import Notice, ReturnVisit
from tests.demo import invariants
from tests.demo.conftest import COUNTIES, MONDAY
from villages.directory import rows, villages
from villages.models import Office, Posting, User

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

#: What the told stories put on stage; the county written in bulk holds two of them only.
staged = pytest.mark.parametrize("county", [name for name in COUNTIES if name != "bulk"], indirect=True)


@pytest.mark.parametrize("holds", invariants.ALL, ids=lambda holds: holds.__name__)
def test_invariant(county, holds):
    holds()


def test_it_holds_as_many_cases_as_asked_for(county):
    assert Dispute.objects.count() == COUNTIES[county]["disputes"]
    assert is_demo()


def test_the_accounts(county):
    people = {user.username: user for user in User.objects.filter(username__in=ACCOUNTS)}
    assert set(people) == set(ACCOUNTS) and len(ACCOUNTS) == 12
    with_password = {user.username for user in User.objects.all() if user.has_usable_password()}
    assert with_password == set(ACCOUNTS)
    assert all(user.check_password("Huangyang-47-he") for user in people.values())
    assert not any(user.must_change_password for user in people.values())

    def township(name: str) -> str:
        return people[name].postings.get().office.area.code[:9]

    ones = {name for name in ACCOUNTS if name.endswith("1")} - {"supervisor1", "sysadmin1", "secadmin1", "auditor1"}
    assert len({township(name) for name in ones}) == 1
    assert township("assistant2") == township("officer2") != township("officer1")
    assert all(township(name)[6:] == "000" for name in ("supervisor1", "sysadmin1", "secadmin1", "auditor1"))
    room = people["officer1"].postings.get().office
    village = people["assistant1"].postings.get().office.area
    assert room.coverage.filter(area=village).exists()
    centre = people["centre1"].postings.get().office
    assert people["mediator1"].postings.get().office == centre and people["mediator1"].scope.desks
    leads = {name: people[name].postings.get().mark for name in ("assistant1", "officer1", "centre1")}
    assert set(leads.values()) == {Posting.Mark.LEAD}
    assert people["supervisor1"].scope.masked and people["supervisor1"].scope.counties


def test_who_serves_what_and_the_gaps_left_on_purpose(county):
    directory = [row for row in rows(list(villages())) if row.village.served]
    assert len(directory) > 190
    assert all(row.committee and row.room and row.centre for row in directory)
    gaps = Counter(gap for row in directory for gap in row.gaps)
    assert 2 <= gaps["缺警务助理"] <= 3
    assert Office.objects.filter(kind="room").exclude(postings__role="officer").count() == 1
    sizes = Counter(row.room.pk for row in directory if row.room)
    assert max(sizes.values()) <= 8
    for kind, per_township in (("station", 1), ("justice", 1), ("department", 3), ("centre", 1)):
        assert Office.objects.filter(kind=kind).count() == 19 * per_township


@staged
@pytest.mark.parametrize("name", ["assistant1", "officer1", "centre1"])
def test_every_demo_desk_has_something_to_do(county, name):
    today = COUNTIES[county].get("today", MONDAY)
    desk = Dispute.objects.on_desk_of(User.objects.get(username=name)).open()
    assert desk.filter(due_on__lt=today).exists()
    assert desk.filter(due_on=today).exists()
    assert desk.filter(due_on__gt=today, due_on__lte=today + dt.timedelta(days=12)).exists()
    assert desk.filter(status=Status.WAITING).exists()


@staged
def test_referrals_out_and_in_can_be_seen(county):
    department, officer = (User.objects.get(username=name) for name in ("department1", "officer1"))
    open_one = Referral.objects.waiting_for(department).get()
    assert (open_one.direction, open_one.state) == ("out", "sent")
    assert Notice.objects.visible_to(department).filter(kind="referral_sent").exists()
    assert Referral.objects.waiting_for(officer).get().mode == "delegate"
    done = Referral.objects.get(state="done")
    assert done.outcome == "mediated" and done.dispute.events.filter(kind="referral_done").exists()


@staged
def test_every_state_and_every_move_can_be_seen(county):
    assert set(Dispute.objects.values_list("status", flat=True)) == set(Status.values)
    kinds = set(Event.objects.values_list("kind", flat=True))
    rare = {"resume", "waive"}  # left to chance
    assert set(MOVES) - kinds <= rare
    assert Event.objects.filter(kind="escalate", by=None).exists()
    assert Dispute.objects.filter(is_paused=True).exists() and Dispute.objects.filter(round=2).exists()
    assert Dispute.objects.exclude(extended_until=None).exists() and Dispute.objects.exclude(given_until=None).exists()
    assert Party.objects.exclude(guardian_name="").exists()
    assert Dispute.objects.filter(type_l1="01", protected=True).exists()
    assert ReturnVisit.objects.filter(state="failed").exists()
    officer = User.objects.get(username="officer1")
    waiting = Dispute.objects.on_desk_of(officer).filter(status=Status.WAITING)
    assert any(case.events.first().kind == "return" for case in waiting)


@staged
def test_a_whistle_to_three_departments_stands_with_every_answer(county):
    today = COUNTIES[county].get("today", MONDAY)
    whistle = Whistle.objects.annotate(n=Count("calls")).get(n=3)
    assert sorted(whistle.calls.values_list("state", flat=True)) == ["asked", "declined", "done"]
    contact = User.objects.get(username="department1")
    mine = Call.objects.heard_by(contact).pending()
    assert mine.filter(due_on__lt=today).exists() and mine.filter(due_on__gte=today).exists()


def test_people_are_invented_and_their_numbers_say_so(county):
    for secret in PartySecret.objects.select_related("party")[:200]:
        number, phone = secret.open("id_number"), secret.open("phone")
        if number:
            assert number.startswith("620699") and len(number) == 18
            digits = zip(number[:17], WEIGHTS, strict=True)
            assert number[17] == CHECK[sum(int(digit) * weight for digit, weight in digits) % 11]
            assert number[6:14] == f"{secret.party.birth_on:%Y%m%d}"
            assert int(number[16]) % 2 == (secret.party.sex == "1")
        assert not phone or re.fullmatch(r"13\d0000\d{4}", phone)
    names = list(Party.objects.filter(kind="person").values_list("name", flat=True))
    assert any("·" in name for name in names) or len(names) < 150
    assert {len(name) for name in names} >= {2, 3, 4}


def test_narratives_name_nobody(county):
    for case in Dispute.objects.prefetch_related("parties")[:150]:
        for party in case.parties.all():
            assert party.name not in case.narrative and party.name not in case.demands
        assert "{" not in case.narrative + case.demands + case.place
