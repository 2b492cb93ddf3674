"""Who is told of a whistle, and when: asked, answered, late, not needed any more."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from disputes.whistles.models import Call
from followups import notices
from followups.models import Notice, Reminder
from followups.pump import pump_once
from followups.reactions import react
from tests import factories as f
from tests.factories import NOW, moment
from villages.models import Posting

pytestmark = pytest.mark.django_db
KIND = Reminder.Kind


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def case(w):
    f.departments(w)
    return f.mediating(w)


@pytest.fixture
def whistle(w, case):
    whistle = f.blow(case, w.assistant, w.department_office, w.land_office)
    react(case.events.get(kind="whistle").pk)
    return whistle


def told(kind: str) -> list[str]:
    return sorted(Notice.objects.filter(kind=kind).values_list("user__username", flat=True))


def words(user) -> list[tuple[str, str, str]]:
    return [(n.text, n.url, n.case_no) for n in notices.with_words(notices.of(user), user)]


def answer(w, case, whistle, name: str, by, **facts):
    whistle.answer(name, by=by, at=NOW, **facts)
    react(case.events.filter(kind="whistle_answer").latest("pk").pk)


def test_the_asked_offices_are_told_at_once_and_learn_no_name_or_number(w, case, whistle):
    assert told("whistle") == ["department", "land", "second_land"]
    assert words(w.land) == [
        ("石门村委会吹哨，请松山镇自然资源所支援，2026-03-03 前答复", f"/whistles/{whistle.uid}/", "")
    ]
    assert notices.unread_count(w.land) == 1


def test_the_asking_desk_is_told_of_every_answer(w, case, whistle):
    answer(w, case, whistle, "accept", w.land, who_comes="甘延平", coming_on=dt.date(2026, 3, 4))
    answer(w, case, whistle, "decline", w.department, reply="人手不够")
    answer(w, case, whistle, "done", w.land, done_note="量过了")
    for kind in ("whistle_accepted", "whistle_declined", "whistle_done"):
        assert told(kind) == ["assistant", "grid", "village_mediator"]
    url = f"/whistles/{whistle.uid}/"
    assert words(w.grid)[::-1] == [
        ("松山镇自然资源所接受支援：马文林与王世昌草场界线纠纷", url, case.case_no),
        ("松山镇水管站不能支援：马文林与王世昌草场界线纠纷", url, case.case_no),
        ("松山镇自然资源所报支援办结：马文林与王世昌草场界线纠纷", url, case.case_no),
    ]


def test_the_desk_that_has_the_case_by_now_is_told_too(w, case, whistle):
    f.attempt(case, w.assistant)
    case.perform("escalate", by=w.assistant, at=NOW, reason="要丈量")
    answer(w, case, whistle, "decline", w.department, reply="人手不够")
    assert told("whistle_declined") == ["assistant", "grid", "officer", "second_officer", "village_mediator"]


def test_an_answer_that_does_not_come_reminds_the_office_then_those_above_and_the_desk(w, case, whistle):
    answer(w, case, whistle, "decline", w.department, reply="人手不够")
    pump_once(now=NOW)
    assert told(KIND.WHISTLE_DUE) == []
    for _ in range(2):  # the same day again adds nothing
        pump_once(now=moment("2026-03-03 08:00"))
    assert told(KIND.WHISTLE_DUE) == ["land", "second_land"]
    for _ in range(2):
        pump_once(now=moment("2026-03-04 00:05"))
    assert told(KIND.WHISTLE_OVERDUE) == [
        *("assistant", "grid", "land", "second_land", "town_supervisor", "village_mediator"),
    ]
    text, url, case_no = words(w.land)[0]
    assert text == "吹哨逾期：石门村委会请松山镇自然资源所支援，应在 2026-03-03 前办"
    assert (url, case_no) == (f"/whistles/{whistle.uid}/", "")


def test_without_a_supervisor_of_the_township_the_countys_is_told(w, case, whistle):
    Posting.objects.filter(user=w.town_supervisor).update(valid_to=NOW.date())
    pump_once(now=moment("2026-03-04 00:05"))
    assert "supervisor" in told(KIND.WHISTLE_OVERDUE) and "town_supervisor" not in told(KIND.WHISTLE_OVERDUE)


def test_a_promised_day_is_a_clock_of_its_own(w, case, whistle):
    answer(w, case, whistle, "accept", w.land, who_comes="甘延平", coming_on=dt.date(2026, 3, 5))
    answer(w, case, whistle, "decline", w.department, reply="人手不够")
    pump_once(now=moment("2026-03-04 08:00"))
    assert not Reminder.objects.filter(kind__in=[KIND.WHISTLE_DUE, KIND.WHISTLE_OVERDUE]).exists()
    pump_once(now=moment("2026-03-05 08:00"))
    assert told(KIND.WHISTLE_DUE) == ["land", "second_land"]


def test_a_reminder_that_was_planned_before_the_answer_is_not_sent(w, case, whistle):
    row = Call.objects.get(office=w.land_office)
    stale = Reminder.objects.create(
        dispute=case, kind=KIND.WHISTLE_DUE, slot=f"2026-03-03/{row.pk}", recipient=w.land, due_at=NOW
    )
    answer(w, case, whistle, "decline", w.land, reply="没空")
    pump_once(now=moment("2026-03-03 08:00"))
    stale.refresh_from_db()
    assert stale.state == "cancelled" and w.land.username not in told(KIND.WHISTLE_DUE)


@pytest.mark.parametrize("how", ["off", "close", "withdraw"])
def test_who_was_waited_for_is_told_that_it_is_over_and_nobody_else(w, case, whistle, how):
    answer(w, case, whistle, "decline", w.department, reply="人手不够")
    if how == "off":
        whistle.call_off(by=w.assistant, at=NOW, office=w.land_office.code, reason="量过了")
    elif how == "close":
        whistle.close(by=w.assistant, at=NOW, reason="不等了")
    else:
        case.perform("withdraw", by=w.assistant, at=NOW, asked_by="双方", reason="自行说和")
    react(case.events.latest("pk").pk)
    assert told("whistle_off") == ["land", "second_land"]
    pump_once(now=moment("2026-03-04 08:00"))
    assert not Reminder.objects.filter(kind=KIND.WHISTLE_OVERDUE).exists()


def test_notices_go_with_the_right_to_read_the_whistle(w, case, whistle, monkeypatch):
    whistle.close(by=w.assistant, at=NOW, reason="不等了")
    later = NOW + dt.timedelta(days=31)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert words(w.land) == []
    Posting.objects.filter(user=w.department).update(valid_to=NOW.date())
    w.department.forget_scope()
    assert words(w.department) == []
