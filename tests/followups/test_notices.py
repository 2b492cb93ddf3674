"""One's notices: tabs, groups, by case, read and taken back; muting binds the one who mutes; the operator's page."""

from __future__ import annotations

import datetime as dt
import itertools
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import AccessLog
from disputes.models import Event
from followups import board, groups, notices, outbox, pump
from followups.models import Heartbeat, Mute, Notice, Reminder
from tests import factories as f
from tests.factories import NOW, moment

pytestmark = pytest.mark.django_db


def put(user, case, kind="return", at=NOW, **more):
    Notice.objects.put([Notice(user=user, dispute=case, kind=kind, created_at=at, **more)])
    return Notice.objects.order_by("pk").last()


def badge(client) -> str:
    page = client.get("/help/").content.decode()
    return page.split('<span class="nb">')[1].split("<")[0] if '<span class="nb">' in page.split("</header>")[0] else ""


def test_tabs_and_groups_show_what_they_say(w, client):
    case = f.at_room(w)
    Notice.objects.all().delete()
    put(w.officer, case, "overdue"), put(w.officer, case, "may_escalate")
    put(w.officer, case, "return")
    notices.mark_read(w.officer, Notice.objects.get(kind="return").pk)
    client.force_login(w.officer)
    words = {"overdue": "已逾期，期限", "may_escalate": "可能激化：", "return": "被退回："}

    def shown(query):
        page = client.get(f"/notices/{query}").content.decode()
        return {kind for kind, text in words.items() if text in page}

    Notice.objects.filter(kind="overdue").update(kind="take_up")
    words["overdue"] = "已受理："
    assert shown("") == {"overdue", "may_escalate", "return"}
    assert shown("?show=unread") == {"overdue", "may_escalate"}
    assert shown("?kind=danger") == {"may_escalate"}
    assert shown("?kind=other") == {"overdue", "return"}
    assert (
        shown("?kind=session") == set()
        and "没有符合条件的通知" in client.get("/notices/?kind=session").content.decode()
    )
    assert shown("?kind=nonsense&of=x&page=q") == {"overdue", "may_escalate", "return"}


def test_every_kind_stands_in_one_group_and_danger_cannot_be_muted():
    assert groups.listed_kinds() <= notices.TEXTS.keys()
    assert sum(len(kinds) for kinds in groups.KINDS.values()) == len(groups.listed_kinds())
    assert groups.Group.DANGER not in groups.MUTABLE
    assert {"may_escalate", "alarm", "alarm_again", "assign", "urge"} <= groups.ALWAYS_HEARD


def test_by_case_there_is_one_entry_with_its_count_and_its_newest_line(w, client):
    one, other = f.at_room(w), f.at_room(w)
    Notice.objects.all().delete()
    put(w.officer, one, "escalate"), put(w.officer, other, "escalate"), put(w.officer, one, "reopen")
    put(w.second_officer, one, "return")
    client.force_login(w.officer)
    page = client.get("/notices/?by=case").content.decode()
    assert page.count("data-row") == 2 and "共 2 条" in page and "共 1 条" in page
    assert "反弹重启：" in page and "2 条未读" in page
    newest = Notice.objects.get(kind="reopen")
    inside = client.get(f"/notices/?of={newest.pk}").content.decode()
    assert inside.count("data-row") == 2 and one.case_no in inside and other.case_no not in inside
    strangers = Notice.objects.get(user=w.second_officer)
    assert "没有符合条件的通知" in client.get(f"/notices/?of={strangers.pk}").content.decode()
    client.post(f"/notices/{newest.pk}/read-case/")
    assert set(Notice.objects.filter(read_at=None).values_list("user__username", "dispute")) == {
        ("officer", other.pk),
        ("second_officer", one.pk),
    }


def test_the_list_by_case_asks_as_often_for_three_as_for_one(w, client, django_assert_num_queries):
    client.force_login(w.officer)
    put(w.officer, f.at_room(w))
    client.get("/notices/?by=case")  # what is kept for a minute
    with CaptureQueriesContext(connection) as one:
        client.get("/notices/?by=case")
    for _twice in range(2):
        put(w.officer, f.at_room(w))
    with django_assert_num_queries(len(one)):
        client.get("/notices/?by=case")


def test_whoever_may_not_read_the_case_does_not_learn_that_two_belong_together(w, client):
    case = f.mediating(w)
    calls = [f.blow(case, w.assistant, w.department_office) for _twice in range(2)]
    for event in Event.objects.filter(kind="whistle"):
        from followups.reactions import react

        react(event.pk)
    mine = Notice.objects.filter(user=w.department)
    assert len(calls) == 2 and mine.count() == 2
    client.force_login(w.department)
    page = client.get("/notices/?by=case").content.decode()
    assert page.count("data-row") == 2 and case.case_no not in page
    assert board.like(w.department, mine.first().pk).count() == 1


def test_opening_marks_read_and_goes_there_by_post_only(w, client):
    case = f.at_room(w)
    row = put(w.officer, case)
    client.force_login(w.officer)
    assert client.get(f"/notices/{row.pk}/open/").status_code == 405
    row.refresh_from_db()
    assert row.read_at is None
    answer = client.post(f"/notices/{row.pk}/open/")
    assert (answer.status_code, answer["Location"]) == (302, f"/disputes/{case.case_no}/")
    row.refresh_from_db()
    assert row.read_at
    theirs = put(w.second_officer, case)
    assert client.post(f"/notices/{theirs.pk}/open/").status_code == 404


def test_marking_all_is_taken_back_and_what_was_read_before_stays_read(w, client):
    case = f.at_room(w)
    Notice.objects.all().delete()
    before, after, theirs = put(w.officer, case, "take_up"), put(w.officer, case), put(w.second_officer, case)
    notices.mark_read(w.officer, before.pk)
    client.force_login(w.officer)
    client.post("/notices/read/")
    page = client.get("/notices/").content.decode()
    assert "1 条已标为已读" in page and badge(client) == ""
    notices.mark_read(w.second_officer)
    client.post("/notices/undo/")
    read = {row.pk: row.read_at is not None for row in Notice.objects.all()}
    assert read == {before.pk: True, after.pk: False, theirs.pk: True}
    assert badge(client) == "1"
    client.post("/notices/undo/")  # nothing is left to take back
    assert "撤销" not in client.get("/notices/").content.decode()


def test_the_badge_ends_at_99(w, client):
    case = f.at_room(w)
    Notice.objects.all().delete()
    client.force_login(w.officer)
    assert badge(client) == ""
    Notice.objects.bulk_create(Notice(user=w.officer, dispute=case, kind="return", created_at=NOW) for _ in range(100))
    assert badge(client) == "99+"
    Notice.objects.first().delete()
    assert badge(client) == "99"


# --- muting ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["return", "overdue", "visit_due", "session_soon", "may_escalate", "assign", "urge"])
def test_muting_touches_nobody_else_and_never_danger_or_ones_own(w, kind):
    """Over two users, two cases and every way to mute: heard unless this very person muted this case or this group."""
    cases, users = (f.at_room(w), f.at_room(w)), (w.officer, w.second_officer)
    ways = [None, *cases, "deadline", "visit", "other"]
    for mine, theirs in itertools.product(ways, ways):
        Notice.objects.all().delete(), Mute.objects.all().delete()
        for user, what in zip(users, (mine, theirs), strict=True):
            if isinstance(what, str):
                board.mute_groups([what], by=user, at=NOW)
            elif what:
                board.mute_case(what, by=user, at=NOW, on=True)
        told = itertools.product(users, cases)
        Notice.objects.put(Notice(user=user, dispute=case, kind=kind, created_at=NOW) for user, case in told)
        for row in Notice.objects.all():
            chosen = mine if row.user_id == w.officer.pk else theirs
            silent = chosen in (row.dispute, str(groups.group_of(kind))) and kind not in groups.ALWAYS_HEARD
            assert (row.muted, row.read_at is not None) == (silent, silent), (mine, theirs, row)


def test_a_reminder_of_a_muted_case_arrives_muted(w):
    case = f.mediating(w)
    board.mute_case(case, by=w.grid, at=NOW, on=True)
    pump.pump_once(now=moment("2026-03-05 09:00"))
    found = dict(Notice.objects.filter(kind="due").values_list("user__username", "muted"))
    assert found == {"assistant": False, "grid": True, "village_mediator": False}
    assert notices.unread_count(w.grid) == 0
    assert set(Reminder.objects.values_list("state", flat=True)) == {"sent"}


def test_muting_from_the_pages_and_hearing_again(w, client):
    case = f.at_room(w)
    client.force_login(w.officer)
    url = f"/notices/cases/{case.case_no}/mute/"
    answer = client.post(url, {"on": "1", "back": "case"})
    assert answer["Location"] == f"/disputes/{case.case_no}/#reminders"
    assert "取消静音" in client.get(f"/disputes/{case.case_no}/").content.decode()
    assert case.case_no in client.get("/me/notices/").content.decode()
    client.post(url, {"on": "1"})  # twice is once
    assert [(m.user, m.dispute) for m in Mute.objects.all()] == [(w.officer, case)]
    client.post(url, {"on": "0", "back": "me"})
    assert not Mute.objects.exists()
    client.post("/me/notices/", {"groups": ["visit", "other"]})
    assert board.muted_groups(w.officer) == ["other", "visit"]
    assert client.post("/me/notices/", {"groups": ["danger"]}).status_code == 422
    client.post("/me/notices/", {"groups": ["visit"]})
    assert board.muted_groups(w.officer) == ["visit"]
    client.force_login(w.far_officer)
    assert client.post(url, {"on": "1"}).status_code == 404


# --- danger ----------------------------------------------------------------------------------------------------------
def test_danger_is_acknowledged_from_the_list_and_from_the_case(w, client):
    case = f.mediating(w)
    case.perform("escalate", by=w.assistant, at=NOW, reason="要动手", may_escalate=True)
    pump.pump_once(now=NOW)
    url = f"/followups/{case.case_no}/danger-seen/"
    client.force_login(w.assistant)
    page = client.get(f"/disputes/{case.case_no}/").content.decode()
    assert "还没有人确认" in page and url not in page
    assert client.post(url).status_code == 403
    client.force_login(w.officer)
    assert (
        url in client.get("/notices/").content.decode()
        and url in client.get(f"/disputes/{case.case_no}/").content.decode()
    )
    assert client.post(url).status_code == 302
    assert url not in client.get("/notices/").content.decode()
    again = client.post(url)
    assert again.status_code == 409 and "已经确认过" in again.content.decode()
    assert case.events.filter(kind="danger_seen").count() == 1


# --- the API ---------------------------------------------------------------------------------------------------------
def send(client, url, body=None):
    answer = client.post(f"/api/v1/{url}", json.dumps(body) if body is not None else "", "application/json")
    return answer.status_code, answer.json()


def test_the_api_does_what_the_pages_do(w, client):
    case, other = f.at_room(w), f.at_room(w)
    Notice.objects.all().delete()
    put(w.officer, case, "escalate"), put(w.officer, case, "may_escalate"), put(w.officer, other, "return")
    client.force_login(w.officer)
    rows = client.get("/api/v1/notices/?unread=1&kind=danger").json()["results"]
    assert [(row["kind"], row["group"], row["muted"]) for row in rows] == [("may_escalate", "danger", False)]
    cases = client.get("/api/v1/notices/cases/").json()["results"]
    assert [(row["newest"]["case_no"], row["count"], row["unread"]) for row in cases] == [
        (other.case_no, 1, 1), (case.case_no, 2, 2),
    ]  # fmt: skip
    read = f"notices/{cases[1]['newest']['id']}/read-case/"
    assert send(client, read) == (200, {"marked": 2})
    told = client.get("/api/v1/notices/").json()["results"]
    moments = {row["read_at"] for row in told if row["case_no"] == case.case_no}
    assert len(moments) == 1 and [row["read_at"] for row in told if row["case_no"] == other.case_no] == [None]
    assert send(client, "notices/undo/", {"read_at": moments.pop()}) == (200, {"restored": 2})


def test_the_api_mutes_cases_and_groups_and_lists_what_is_muted(w, client):
    case, hidden = f.at_room(w), f.register(w, by=w.far_assistant, village=w.far_village)
    client.force_login(w.officer)

    def muted():
        page = client.get("/api/v1/mutes/").json()
        assert set(page) == {"next", "previous", "results"}
        return [(row["case_no"], row["group"]) for row in page["results"]]

    of_case = {"case_no": case.case_no, "on": True}
    assert send(client, "mutes/", of_case) == (200, {"case_no": case.case_no, "group": "", "on": True})
    assert send(client, "mutes/", of_case)[0] == 200
    assert send(client, "mutes/", {"group": "visit", "on": True}) == (
        200,
        {"case_no": "", "group": "visit", "on": True},
    )
    assert muted() == [("", "visit"), (case.case_no, "")]
    assert send(client, "mutes/", {"group": "visit", "on": False})[1]["on"] is False
    assert muted() == [(case.case_no, "")]
    Mute.objects.put([Mute(user=w.officer, dispute=hidden, at=timezone.now())])
    assert muted() == [(case.case_no, "")]
    assert send(client, "mutes/", {"group": "danger", "on": True})[0] == 400
    for body in ({"on": True}, {"on": True, "group": "visit", "case_no": case.case_no}):
        status, answer = send(client, "mutes/", body)
        assert (status, answer["errors"]) == (400, {"case_no": ["案号和种类写一个"]})


# --- the operator ----------------------------------------------------------------------------------------------------
@pytest.fixture
def broken(w):
    case = f.mediating(w)
    pump.plan_reminders(lambda: moment("2026-03-05 09:00"))
    Reminder.objects.update(state="failed", error="ConnectionError", attempt=5)
    Reminder.objects.filter(recipient=w.grid).update(state="pending", error="")
    return case


def test_the_operator_sees_how_it_flows_and_nothing_of_a_case(w, client, broken):
    Heartbeat.objects.create(name="pump", at=timezone.now() - dt.timedelta(minutes=4))
    client.force_login(w.sysadmin)
    page = client.get("/manage/reminders/").content.decode()
    assert page.count("ConnectionError") == 2 and "后台任务停了" in page or "有提醒等得太久" in page
    for word in (broken.case_no, "马文林", "草场"):
        assert word not in page
    figures = client.get("/api/v1/reminders/").json()
    assert (figures["failed"], figures["due"], figures["pump"]["ok"]) == (2, 1, False)
    assert figures["oldest"] and len(figures["failures"]) == 2
    client.force_login(w.officer)
    assert client.get("/manage/reminders/").status_code == client.get("/api/v1/reminders/").status_code == 403


def test_a_failure_is_tried_again_and_it_is_in_the_log(w, client, broken):
    client.force_login(w.sysadmin)
    row = Reminder.objects.filter(state="failed").first()
    logged = AccessLog.objects.filter(action="manage")
    assert client.post("/manage/reminders/retry/", {"channel": "app", "pk": row.pk}).status_code == 302
    assert logged.filter(subject=f"outbox:app:{row.pk}", actor_id=w.sysadmin.pk).count() == 1
    assert client.post("/manage/reminders/retry/", {"channel": "app", "pk": row.pk}).status_code == 409
    assert client.post("/manage/reminders/retry/", {"channel": "", "pk": "x"}).status_code == 409
    assert send(client, "reminders/retry/", {"channel": "app", "pk": row.pk})[0] == 409
    assert send(client, "reminders/retry-all/") == (200, {"retried": 1})
    pump.send_due(lambda: timezone.now() + dt.timedelta(seconds=1))
    assert not outbox.failed().exists()
    assert logged.count() == 2


# --- is it alive -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("late", "waits", "status"), [(179, 0, 200), (181, 0, 503), (0, 179, 200), (0, 181, 503)])
def test_health_and_banner_fail_when_the_pump_is_old_or_a_row_waits_too_long(
    w, client, monkeypatch, late, waits, status
):
    now = timezone.now()
    monkeypatch.setattr(pump, "database_now", lambda: now)
    monkeypatch.setattr(pump.timezone, "now", lambda: now)
    Heartbeat.objects.create(name="pump", at=now - dt.timedelta(seconds=late))
    if waits:
        case = f.mediating(w)
        due = now - dt.timedelta(seconds=waits)
        Reminder.objects.create(dispute=case, kind="due", slot="2026-03-05/1", recipient=w.grid, due_at=due)
    assert client.get("/healthz/reminders/").status_code == status
    for user, told in ((w.officer, True), (w.sysadmin, True), (w.grid, False)):
        client.force_login(user)
        assert ("提醒停了一会儿" in client.get("/help/").content.decode()) == (told and status == 503), user
