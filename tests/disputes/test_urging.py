"""催办: who may press a case, how often, whom it reaches; page and API obey the same door."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse

from disputes.models import MoveRefused, NotYours
from disputes.urging import acts
from followups.models import Notice
from followups.reactions import react
from tests import factories as f
from tests.factories import NOW, moment
from villages.models import Policy

pytestmark = pytest.mark.django_db


@pytest.fixture
def w():
    return f.world()


def urge(case, by, at=NOW):
    return acts.urge(case, by=by, at=at, words="快到期了")


def refused(case, by, at=NOW) -> str:
    with pytest.raises(MoveRefused) as found:
        urge(case, by, at)
    return str(found.value.sentence)


def test_it_reaches_the_handler_and_the_lead_and_nobody_else(w):
    case = f.mediating(w)
    case.perform("assign", by=w.assistant, at=NOW, person=w.grid)
    event = urge(case, w.officer)
    react(event.pk)
    assert (event.kind, event.text.body, event.facts) == ("urge", "快到期了", {"handler": w.grid.pk, "nth": 1})
    told = Notice.objects.filter(kind="urge").values_list("user__username", flat=True)
    assert sorted(told) == ["assistant", "grid"]


def test_who_stands_above_and_who_does_not(w):
    village, room, centre = f.mediating(w), f.at_room(w), f.at_centre(w)
    for case, by in ((village, w.officer), (village, w.centre), (room, w.officer), (centre, w.town_supervisor)):
        assert acts.why_not_urge(case, by, NOW) is None, (case.tier, by)
    for case, by in ((village, w.grid), (village, w.far_officer), (room, w.second_officer), (centre, w.officer)):
        assert "催办由上级、督导和" in str(acts.why_not_urge(case, by, NOW)), (case.tier, by)
    assert "不用催自己" in refused(village, w.assistant)  # leads the desk, and has it in hand
    with pytest.raises(NotYours):
        urge(village, w.department)


def test_once_per_working_day_whoever_asks(w):
    case = f.mediating(w)
    urge(case, w.officer, moment("2026-03-04 09:00"))
    sentence = refused(case, w.centre_lead, moment("2026-03-04 23:59"))
    assert "刘建军 在 03-04 09:00 催办过" in sentence and "03-05 起" in sentence
    urge(case, w.centre_lead, moment("2026-03-05 00:00"))


def test_a_rest_day_counts_to_the_next_working_day(w):
    case = f.mediating(w)
    urge(case, w.officer, moment("2026-03-07 09:00"))  # Saturday
    assert "03-10 起" in refused(case, w.officer, moment("2026-03-09 09:00"))  # the Monday it counted to
    urge(case, w.officer, moment("2026-03-10 09:00"))


def test_only_so_often_in_a_round(w):
    Policy.objects.create(key="urge_times", value=2, valid_from=dt.date(2026, 3, 1))
    case = f.mediating(w)
    for day in (3, 4):
        urge(case, w.officer, moment(f"2026-03-0{day} 09:00"))
    assert "已经催办 2 次" in refused(case, w.supervisor, moment("2026-03-05 09:00"))


def test_not_while_it_is_paused_and_not_once_it_has_ended(w):
    case = f.mediating(w)
    case.perform("pause", by=w.assistant, at=NOW, reason="等待丈量")
    assert "中止期间" in refused(case, w.officer)
    done = f.settled(w)
    assert "没有要催的" in refused(done, w.officer)


def test_the_page_and_the_api_say_the_same_and_lose_nothing(w, client):
    case = f.mediating(w)
    client.force_login(w.officer)
    url = reverse("disputes:urge", args=[case.case_no])
    page = client.get(f"/disputes/{case.case_no}/").content.decode()
    assert url in page
    assert client.post(url, {"words": ""}).status_code == 422
    assert client.post(url, {"words": "到现在没有动静"}).status_code == 302
    again = client.post(url, {"words": "我写了很多字"})
    assert again.status_code == 409 and "我写了很多字" in again.content.decode()
    page = client.get(f"/disputes/{case.case_no}/").content.decode()
    assert url not in page and "一个工作日催一次" in page and "到现在没有动静" in page
    answer = client.post(f"/api/v1/disputes/{case.case_no}/urge/", {"words": "快办"}, "application/json")
    assert answer.status_code == 409 and "一个工作日催一次" in answer.content.decode()
