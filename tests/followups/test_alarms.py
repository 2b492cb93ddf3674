"""可能激化 on a capture: told at once, guaranteed by the pump, told again until acknowledged, inside the scope."""

from __future__ import annotations

import datetime as dt

import pytest

from disputes.field import models as field
from disputes.field.models import Capture, Visit
from followups import alarms, notices
from followups.models import Notice
from followups.pump import pump_once
from tests import factories as f
from tests.factories import NOW
from villages.models import Policy, Role

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def w():
    return f.world()


def capture(w, *, by=None, **facts) -> Capture:
    by = by or w.assistant
    walk = Visit.objects.begin(by=by, at=NOW, village=w.village, visited_on=NOW.date())
    heard = {"side_a": "马文林", "words": "马文林说明天带人来拆", "may_escalate": True}
    return walk.capture(by=by, at=NOW, facts=heard | facts)


def told(kind: str = "alarm") -> list[str]:
    return sorted(row.user.username for row in Notice.objects.filter(kind=kind).select_related("user"))


def test_the_police_that_serve_the_village_are_told_right_after_the_commit(w, django_capture_on_commit_callbacks):
    station = f.office("620623103-S1", "station", "松山派出所", w.township)
    f.user("station_officer", "站民警", (station, Role.OFFICER))
    with django_capture_on_commit_callbacks(execute=True):
        row = capture(w)
        assert told() == []
    assert told() == ["officer", "second_officer", "station_officer"]
    assert Notice.objects.first().capture == row


def test_one_without_danger_tells_nobody_and_one_that_becomes_dangerous_does(w, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        row = capture(w, may_escalate=False)
    assert told() == []
    facts = {name: getattr(row, name) for name in Capture.FACTS} | {"may_escalate": True}
    with django_capture_on_commit_callbacks(execute=True):
        row.edit(by=w.assistant, at=NOW, version=1, facts=facts)
    assert told() == ["officer", "second_officer"]


def test_what_died_after_the_commit_is_told_by_the_pump_once(w):
    capture(w)
    assert told() == []
    for _twice in range(2):
        pump_once(now=NOW + MINUTE)
    assert told() == ["officer", "second_officer"] and told("alarm_again") == []


def test_a_failing_listener_does_not_fail_the_capture(w, monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setattr(field, "_alarms", [lambda pk: 1 / 0])
    with django_capture_on_commit_callbacks(execute=True):
        capture(w)
    assert Capture.objects.count() == 1


def test_an_alarm_that_nobody_acknowledged_is_told_again_until_somebody_does(w):
    Policy.objects.create(key="alarm_minutes", value=20, valid_from=dt.date(2026, 3, 1))
    row = capture(w)
    pump_once(now=NOW)
    for minutes, nth in ((19, 0), (20, 1), (39, 1), (40, 2)):
        pump_once(now=NOW + minutes * MINUTE)
        assert max(Notice.objects.values_list("nth", flat=True)) == nth, minutes
    assert told() == told("alarm_again") == ["officer", "second_officer"]  # of the reminders the last one stays
    row.acknowledge(by=w.second_officer, at=NOW + 41 * MINUTE)
    pump_once(now=NOW + 600 * MINUTE)
    assert max(Notice.objects.values_list("nth", flat=True)) == 2


def test_its_author_is_not_told_of_their_own(w):
    row = capture(w, by=w.officer)
    assert alarms.warn(row.pk, NOW) == 1 and told() == ["second_officer"]


def test_only_who_may_read_the_capture_reads_its_notice(w):
    row = capture(w)
    for user in (w.officer, w.far_officer, w.department):
        Notice.objects.create(user=user, capture=row, kind="alarm", created_at=NOW)
    assert [Notice.objects.visible_to(user).count() for user in (w.officer, w.far_officer, w.department)] == [1, 0, 0]
    assert [notices.unread_count(user) for user in (w.officer, w.far_officer)] == [1, 0]


def test_its_words_are_built_for_the_reader(w):
    row = capture(w)
    for user in (w.officer, w.supervisor):
        Notice.objects.create(user=user, capture=row, kind="alarm_again", nth=3, created_at=NOW)
    (one,), (masked,) = (notices.with_words(notices.of(user), user) for user in (w.officer, w.supervisor))
    assert one.text == "可能激化还没有民警确认，第 3 次提醒：松山镇石门村 马文林"
    assert "马*" in masked.text and "马文林" not in masked.text
    assert one.url == f"/captures/{row.uid}/"
