"""A right that ends, ends on the very next request: page, API by session and API by token (T-04)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token

from disputes.models import Dispute
from tests.access.county import County
from villages.models import Area, Coverage, Office, Posting, Role, User


@pytest.fixture
def place(county: County) -> Iterator[County]:
    """The county of the module, as it was, for one test."""
    with transaction.atomic():
        yield county
        transaction.set_rollback(True)


class Person:
    """Somebody with a page open, an API session and a token, all used before the change."""

    def __init__(self, user: User, case: Dispute) -> None:
        self.case = case
        self.client, self.api = Client(), Client()
        self.client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        self.token = {"Authorization": f"Token {Token.objects.get_or_create(user=user)[0].key}"}

    def asked(self) -> tuple[int, int, int, bool]:
        """(page, API by session, API by token, whether the list names the case)."""
        page, api = f"/disputes/{self.case.case_no}/", f"/api/v1/disputes/{self.case.case_no}/"
        listed = self.case.case_no.encode() in self.client.get("/api/v1/disputes/").content
        return (
            self.client.get(page).status_code,
            self.client.get(api).status_code,
            self.api.get(api, headers=self.token).status_code,
            listed,
        )


OPEN = (200, 200, 200, True)
GONE = (404, 404, 404, False)
OUT = (302, 401, 401, False)


def today() -> dt.date:
    return timezone.localdate()


def end_posting(w: SimpleNamespace, user: User, case: Dispute) -> None:
    Posting.objects.filter(user=user).update(valid_to=today())


def posting_not_yet(w: SimpleNamespace, user: User, case: Dispute) -> None:
    Posting.objects.filter(user=user).update(valid_from=today() + dt.timedelta(days=1))


def change_role(w: SimpleNamespace, user: User, case: Dispute) -> None:
    Posting.objects.filter(user=user).update(role=Role.COUNSELLOR)


def move_posting(w: SimpleNamespace, user: User, case: Dispute) -> None:
    Posting.objects.filter(user=user).update(office=w.far_room)


def close_office(w: SimpleNamespace, user: User, case: Dispute) -> None:
    Office.objects.filter(postings__user=user).update(valid_to=today())


def move_office(w: SimpleNamespace, user: User, case: Dispute) -> None:
    """The office serves somewhere else from today."""
    for office in user.scope.offices:
        Coverage.objects.filter(office=office).update(valid_to=today())
        Coverage.objects.create(office=office, area=w.far_township, valid_from=today())


def disable(w: SimpleNamespace, user: User, case: Dispute) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


CHANGES: dict[Callable[[SimpleNamespace, User, Dispute], None], tuple] = {
    end_posting: GONE,
    posting_not_yet: GONE,
    change_role: GONE,
    move_posting: GONE,
    close_office: GONE,
    move_office: GONE,
    disable: OUT,
}
PEOPLE = ["assistant", "grid", "village_mediator", "officer", "second_officer", "centre", "centre_lead"]


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_it_acts_on_the_very_next_request(place: County, change, name: str) -> None:
    w, case = place.w, place.cases["own_village"]
    user = User.objects.get(username=name)
    person = Person(user, case)
    assert person.asked() == OPEN
    change(w, user, case)
    assert person.asked() == CHANGES[change]


def test_a_case_that_leaves_the_desk_leaves_its_mediator(place: County) -> None:
    """The centre's mediator reads what lies on the centre's desk, and no longer."""
    w, case = place.w, place.cases["own_centre"]
    person = Person(w.mediator, case)
    assert person.asked() == OPEN
    case.perform("hand_down", by=w.centre, at=place.now, reason="由警务室办理", due_on=today() + dt.timedelta(days=9))
    assert person.asked() == GONE


def test_a_village_that_moves_keeps_its_cases_where_they_were_registered(place: County) -> None:
    """A case carries the township in which it was registered: redrawing the map hands no file to strangers."""
    w, case = place.w, place.cases["own_village"]
    near, far = Person(w.centre, case), Person(w.far_centre, case)
    assert (near.asked(), far.asked()) == (OPEN, GONE)
    Area.objects.filter(pk=w.village.pk).update(parent=w.far_township)
    assert (near.asked(), far.asked()) == (OPEN, GONE)


def test_a_new_posting_opens_at_once_as_well(place: County) -> None:
    w, case = place.w, place.cases["own_village"]
    person = Person(w.nobody, case)
    assert person.asked() == GONE
    Posting.objects.create(user=w.nobody, office=w.room, role=Role.OFFICER, valid_from=today())
    assert person.asked() == OPEN
