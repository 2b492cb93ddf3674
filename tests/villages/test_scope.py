import datetime as dt

import pytest
from django.utils import timezone

from villages.models import Coverage, Posting, Role, today
from villages.scope import scope_of


@pytest.mark.parametrize(
    ("who", "villages", "townships", "counties", "desk_cases", "masked"),
    [
        ("assistant", {"village"}, set(), set(), set(), False),
        ("grid", {"village"}, set(), set(), set(), False),
        ("village_mediator", {"village"}, set(), set(), set(), False),
        ("mediator", set(), set(), set(), {"centre_office"}, False),
        ("officer", {"village", "sister_village"}, set(), set(), set(), False),
        ("centre", set(), {"township"}, set(), set(), False),
        ("department", set(), set(), set(), set(), True),
        ("counsellor", set(), set(), set(), set(), True),
        ("supervisor", set(), set(), {"county"}, set(), True),
        ("town_supervisor", set(), {"township"}, set(), set(), True),
        ("sysadmin", set(), set(), set(), set(), True),
        ("secadmin", set(), set(), set(), set(), True),
        ("auditor", set(), set(), set(), set(), True),
        ("nobody", set(), set(), set(), set(), True),
        ("far_officer", {"far_village"}, set(), set(), set(), False),
        ("foreign_officer", {"other_village"}, set(), set(), set(), False),
    ],
)
def test_what_each_role_sees(w, who, villages, townships, counties, desk_cases, masked, django_assert_num_queries):
    ids = lambda names: {getattr(w, name).pk for name in names}  # noqa: E731
    with django_assert_num_queries(1 if who == "nobody" else 2):
        scope = scope_of(getattr(w, who))
    assert scope.villages == ids(villages)
    assert scope.townships == ids(townships)
    assert scope.counties == ids(counties)
    assert scope.desk_cases == ids(desk_cases)
    assert scope.masked is masked
    assert (scope.q() is None) == (not (villages | townships | counties | desk_cases))


def test_leads_and_admins(w):
    assert scope_of(w.officer).leads == {w.room.pk}
    assert scope_of(w.second_officer).leads == set()
    assert scope_of(w.centre_lead).leads == {w.centre_office.pk}
    assert all(scope_of(user).is_admin for user in (w.sysadmin, w.secadmin, w.auditor))
    assert not scope_of(w.supervisor).is_admin


def test_postings_count_from_their_first_day_until_their_last(w):
    day = today()
    posting = w.assistant.postings.get()
    posting.valid_to = day  # the first day that no longer counts
    posting.save()
    assert scope_of(w.assistant).villages == set()
    posting.valid_to = day + dt.timedelta(1)
    posting.save()
    assert scope_of(w.assistant).villages == {w.village.pk}
    posting.valid_from, posting.valid_to = day + dt.timedelta(1), None
    posting.save()
    assert scope_of(w.assistant).villages == set()


def test_a_person_may_hold_several_postings(w):
    Posting.objects.create(user=w.grid, office=w.sister_committee, role=Role.GRID, valid_from=dt.date(2020, 6, 30))
    assert scope_of(w.grid).villages == {w.village.pk, w.sister_village.pk}


def test_an_office_that_ended_gives_nothing(w):
    w.room.valid_to = timezone.localdate()
    w.room.save()
    assert scope_of(w.officer).villages == set()


def test_the_desk_of_a_village_is_its_own_office_before_its_townships(w):
    assert Coverage.objects.desk_for(w.village, 2) == w.room
    assert Coverage.objects.desk_for(w.far_village, 3) == w.far_centre_office
    Coverage.objects.create(office=w.far_room, area=w.township)
    assert Coverage.objects.desk_for(w.village, 2) == w.room
    Coverage.objects.filter(office=w.room).delete()
    assert Coverage.objects.desk_for(w.village, 2) == w.far_room


def test_a_change_counts_on_the_next_request(w, sign_in):
    client = sign_in(w.secadmin)
    assert client.get("/manage/people/").status_code == 200
    w.secadmin.postings.all().delete()
    assert client.get("/manage/people/").status_code == 403
