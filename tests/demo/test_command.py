"""`load_demo`: the same numbers give the same county, and a database in use is refused."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from config.demo import is_demo
from disputes.models import Dispute, Event, Party
from tests.demo.conftest import MONDAY, loaded
from tests.factories import register, world
from villages.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def picture() -> list[tuple]:
    """Everything that somebody would recognise, without the ids of rows."""
    return [
        *Dispute.objects.order_by("case_no").values_list(
            "case_no", "status", "tier", "narrative", "demands", "due_on", "side_a", "handler__username"
        ),
        *Event.objects.order_by("at", "dispute__case_no", "kind").values_list("at", "kind", "text__body"),
        *Party.objects.order_by("dispute__case_no", "side", "name").values_list("name", "birth_on", "phone_masked"),
        *User.objects.order_by("username").values_list("username", "name"),
    ]


def test_the_same_seed_and_day_give_the_same_county():
    pictures = []
    for seed in (7, 7, 8):
        with loaded(disputes=14, seed=seed):
            pictures.append(picture())
    assert pictures[0] == pictures[1] != pictures[2]


def test_it_says_what_it_did_and_prints_a_password_of_its_own(settings):
    out = io.StringIO()
    call_command("load_demo", disputes=3, today=MONDAY, stdout=out)
    text = out.getvalue()
    assert "3 件案件" in text and "assistant1" in text
    password = text.split("密码：")[1].split("（")[0]
    assert User.objects.get(username="officer1").check_password(password)
    assert is_demo()

    with pytest.raises(CommandError, match="已有案件"):
        call_command("load_demo", disputes=3, today=MONDAY)


def test_it_refuses_a_database_that_holds_cases():
    w = world()
    register(w)
    before = (Dispute.objects.count(), User.objects.count())
    with pytest.raises(CommandError, match="已有案件"):
        call_command("load_demo", disputes=3)
    assert (Dispute.objects.count(), User.objects.count()) == before
    assert not is_demo()


def test_it_refuses_a_database_that_holds_people():
    world()
    with pytest.raises(CommandError, match="已有人员"):
        call_command("load_demo", disputes=3)


def test_a_day_before_the_postings_began_is_refused():
    with pytest.raises(CommandError, match="2021-09-01"):
        call_command("load_demo", disputes=3, today=dt.date(2020, 1, 1))


def test_without_a_day_the_year_ends_today():
    call_command("load_demo", disputes=3, password="Huangyang-47-he", stdout=io.StringIO())
    assert Event.objects.order_by("-at").first().at.date() >= timezone.localdate() - dt.timedelta(days=14)
    assert not Event.objects.filter(at__gt=timezone.now() + dt.timedelta(minutes=10)).exists()
