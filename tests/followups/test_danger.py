"""Danger that nobody takes note of: the deputy hears of it, then the lead above, once each, until somebody does."""

from __future__ import annotations

import datetime as dt

import pytest

from disputes.field.models import Visit
from disputes.models import MoveRefused, NotYours
from followups import danger
from followups.models import Danger, Notice
from followups.pump import pump_once
from tests import factories as f
from tests.factories import NOW
from villages.models import Policy, Posting

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def w():
    w = f.world()
    Policy.objects.create(key="alarm_minutes", value=30, valid_from=dt.date(2026, 3, 1))
    Posting.objects.filter(user=w.second_officer, office=w.room).update(mark=Posting.Mark.DEPUTY)
    return w


def told(kind: str) -> list[str]:
    return sorted(Notice.objects.filter(kind=kind).values_list("user__username", flat=True))


def raised(w):
    """A case that went up as 可能激化, its reactions run."""
    case = f.mediating(w)
    case.perform("escalate", by=w.assistant, at=NOW, reason="要动手", may_escalate=True)
    pump_once(now=NOW)
    return case


def capture(w):
    walk = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date())
    return walk.capture(
        by=w.assistant, at=NOW, facts={"side_a": "马文林", "words": "说明天带人来拆", "may_escalate": True}
    )


STAGES = ((59, 0, 0), (60, 1, 0), (90, 1, 0), (119, 1, 0), (120, 1, 1), (600, 1, 1))


@pytest.mark.parametrize(
    ("make", "deputy", "above"), [(raised, "danger_deputy", "danger_above"), (capture, "alarm_deputy", "alarm_above")]
)
def test_it_goes_to_the_deputy_and_then_to_the_lead_above_once_each(w, make, deputy, above):
    make(w)
    pump_once(now=NOW)
    for minutes, at_deputy, at_above in STAGES:
        pump_once(now=NOW + minutes * MINUTE)
        assert told(deputy) == ["second_officer"] * at_deputy, minutes
        assert told(above) == ["centre_lead"] * at_above, minutes


def test_a_round_that_comes_late_tells_both_and_one_without_deputy_tells_the_lead(w):
    Posting.objects.filter(user=w.second_officer).update(mark="")
    Posting.objects.filter(user=w.officer, office=w.room).update(mark=Posting.Mark.LEAD)
    raised(w)
    pump_once(now=NOW + 500 * MINUTE)
    assert (told("danger_deputy"), told("danger_above")) == (["officer"], ["centre_lead"])


def test_acknowledging_stops_it_is_in_the_timeline_and_is_refused_the_second_time(w):
    case = raised(w)
    event = danger.acknowledge(case, by=w.officer, at=NOW + MINUTE)
    assert (event.kind, event.facts) == ("danger_seen", {"dangers": [Danger.objects.get().pk]})
    with pytest.raises(MoveRefused, match="刘建军 在 03-02 09:01 已经确认过") as refused:
        danger.acknowledge(case, by=w.second_officer, at=NOW + 2 * MINUTE)
    assert not isinstance(refused.value, NotYours)
    with pytest.raises(NotYours):
        danger.acknowledge(case, by=w.assistant, at=NOW + 2 * MINUTE)
    pump_once(now=NOW + 600 * MINUTE)
    assert told("danger_deputy") == told("danger_above") == []


def test_a_capture_that_was_acknowledged_goes_no_higher(w):
    row = capture(w)
    pump_once(now=NOW)
    row.acknowledge(by=w.officer, at=NOW + 59 * MINUTE)
    pump_once(now=NOW + 600 * MINUTE)
    assert told("alarm_deputy") == told("alarm_above") == []


def test_a_case_that_ended_goes_no_higher(w):
    case = raised(w)
    case.refresh_from_db()
    case.perform("take_up", by=w.officer, at=NOW + MINUTE, handler=w.officer)
    case.perform("withdraw", by=w.officer, at=NOW + 2 * MINUTE, asked_by="双方", reason="自行说和")
    pump_once(now=NOW + 600 * MINUTE)
    assert told("danger_deputy") == []


def test_a_red_grade_is_danger_and_a_yellow_one_is_not(w):
    case = f.at_room(w)
    case.grade(by=w.officer, at=NOW, level="yellow", reason="有积怨")
    pump_once(now=NOW)
    assert not Danger.objects.exists()
    case.grade(by=w.officer, at=NOW, level="red", reason="要动手")
    pump_once(now=NOW)
    assert [row.dispute_id for row in danger.waiting_of(case)] == [case.pk]
