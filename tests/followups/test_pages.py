"""The pages of this room: queue, visit form, waiver, notices, health."""

import datetime as dt

import pytest
from django.utils import timezone

from disputes import drafts
from disputes.whistles.models import ANSWERS
from followups import pump
from followups.models import Heartbeat, Notice, Reminder, ReturnVisit
from tests import factories as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def case(w, now, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        return f.settled(w, at=now - dt.timedelta(days=1))


def body(case, a=None, b=None, **shared):
    out = {"visited_on": timezone.localdate().isoformat(), "way": "home", **shared}
    for party, answers in zip(case.principal_parties(), (a, b), strict=True):
        out |= {f"p{party.pk}-{name}": value for name, value in (answers or {}).items()}
    return out


HEARD = {"reached": "yes", "satisfaction": "mostly", "mind": "calm", "demands": "希望早点立桩"}
MISSED = {"reached": "no", "why_failed": "外出放牧", "next_on": "+3"}


def test_the_form_preselects_nothing(w, client, case):
    client.force_login(w.assistant)
    page = client.get(f"/followups/{case.case_no}/")
    assert page.status_code == 200
    assert "checked" not in page.content.decode()
    assert page.content.decode().count("马文林") >= 1


def test_one_side_reached_the_other_not(w, client, case):
    client.force_login(w.assistant)
    answer = client.post(f"/followups/{case.case_no}/", body(case, HEARD, MISSED))
    assert (answer.status_code, answer.url) == (302, f"/disputes/{case.case_no}/")
    assert set(case.visits.values_list("party__side", "reason", "state")) >= {
        ("A", "first", "done"),
        ("B", "first", "failed"),
        ("B", "retry", "planned"),
    }
    page = client.get(f"/followups/{case.case_no}/").content.decode()
    assert "希望早点立桩" in page and "外出放牧" in page


def test_errors_keep_everything_typed(w, client, case):
    client.force_login(w.assistant)
    answer = client.post(
        f"/followups/{case.case_no}/", body(case, {"reached": "yes", "demands": "原话在此"}, MISSED, visited_on="+1")
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    for words in ("原话在此", "外出放牧", "data-error-summary", "错误：", "回访日期不能晚于今天", "选是否满意"):
        assert words in page
    assert not case.visits.exclude(state="planned").exists()


def test_words_without_an_answer_are_not_lost_silently(w, client, case):
    client.force_login(w.assistant)
    answer = client.post(f"/followups/{case.case_no}/", body(case, HEARD, {"demands": "只写了话"}))
    assert answer.status_code == 422
    assert "只写了话" in answer.content.decode()


def test_a_double_click_makes_one_visit(w, client, case):
    client.force_login(w.assistant)
    data = body(case, HEARD) | {"submission": "6f9619ff-8b86-4d01-b42d-00c04fc964ff"}
    for _ in range(2):
        assert client.post(f"/followups/{case.case_no}/", data).status_code == 302
    assert case.events.filter(kind="visit").count() == 1


def test_a_draft_comes_back_and_goes_with_the_submission(w, client, case):
    client.force_login(w.assistant)
    key = f"visit:{case.case_no}"
    assert drafts.url_of(w.assistant, key) == f"/followups/{case.case_no}/"
    assert drafts.url_of(w.far_assistant, key) is None
    first = case.principal_parties()[0]
    drafts.save(
        w.assistant, key, url=f"/followups/{case.case_no}/", body=f"p{first.pk}-demands=写到一半", at=timezone.now()
    )
    page = client.get(f"/followups/{case.case_no}/").content.decode()
    assert "写到一半" in page and "data-error-summary" not in page
    client.post(f"/followups/{case.case_no}/", body(case, HEARD))
    assert drafts.load(w.assistant, key) is None


def test_a_sign_of_relapse_is_looked_into_and_reopens_the_same_case(w, client, case):
    client.force_login(w.assistant)
    answer = client.post(f"/followups/{case.case_no}/", body(case, HEARD | {"mind": "relapse"}))
    url = f"/followups/{case.case_no}/relapse/"
    assert f'href="{url}"' in client.get(answer.url).content.decode()
    assert "希望早点立桩" in client.get(url).content.decode()
    wrong = client.post(url, {"confirmed": "yes", "reason": "界桩又被拔了"})
    assert wrong.status_code == 422
    assert "界桩又被拔了" in wrong.content.decode() and "选风险等级" in wrong.content.decode()
    given = {"confirmed": "yes", "reason": "界桩又被拔了", "level": "orange", "level_reason": "两家扬言动手"}
    assert client.post(url, given).status_code == 302
    case.refresh_from_db()
    assert (case.round, case.status, case.danger) == (2, "waiting", "orange")
    assert client.post(url, given).status_code == 409


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("assistant", 200), ("grid", 200), ("village_mediator", 200), ("officer", 200), ("centre", 200),
        ("supervisor", 200), ("town_supervisor", 200), ("mediator", 404), ("sister_assistant", 404),
        ("far_officer", 404), ("foreign_officer", 404), ("department", 404), ("counsellor", 404), ("sysadmin", 404),
        ("auditor", 404), ("nobody", 404),
    ],
)  # fmt: skip
def test_who_sees_the_visits_of_a_case(w, client, case, who, status):
    client.force_login(getattr(w, who))
    assert client.get(f"/followups/{case.case_no}/").status_code == status
    assert client.get("/followups/").status_code == (403 if who in HAVE_NO_QUEUE else 200)


HAVE_NO_QUEUE = {"department", "counsellor", "sysadmin", "auditor", "nobody"}


def test_a_supervisor_reads_masked_names_and_no_form(w, client, case):
    client.force_login(w.assistant)
    client.post(f"/followups/{case.case_no}/", body(case, HEARD | {"demands": "马文林说王世昌没来立桩"}))
    client.force_login(w.supervisor)
    for url in ("/followups/", f"/followups/{case.case_no}/"):
        page = client.get(url).content.decode()
        for name in ("马文林", "王世昌"):
            assert name not in page, page[page.index(name) - 300 : page.index(name) + 100]
    assert "马*说王*没来立桩" in page
    assert "提交回访" not in client.get(f"/followups/{case.case_no}/").content.decode()
    assert client.post(f"/followups/{case.case_no}/", body(case, HEARD)).status_code == 403


def test_the_waiver(w, client, case):
    party = case.principal_parties()[1]
    url = f"/followups/{case.case_no}/waive/{party.pk}/"
    client.force_login(w.assistant)
    assert client.post(url, {"reason": "外出"}).status_code == 403
    client.force_login(w.supervisor)
    for wrong in ("", "长" * 201):
        assert client.post(url, {"reason": wrong}).status_code == 422
    assert client.post(url, {"reason": "长期在外"}).status_code == 302
    assert case.visits.filter(party=party, state="waived").count() == 1
    assert client.post(url, {"reason": "长期在外"}).status_code == 409
    assert client.post(f"/followups/{case.case_no}/waive/0/", {"reason": "长期在外"}).status_code == 404
    client.force_login(w.far_officer)
    assert client.post(url, {"reason": "x"}).status_code == 404


def test_before_the_settlement_there_is_no_form(w, client):
    case = f.mediating(w)
    client.force_login(w.assistant)
    page = client.get(f"/followups/{case.case_no}/").content.decode()
    assert "提交回访" not in page and "化解后才登记回访" in page
    assert client.post(f"/followups/{case.case_no}/", body(case, HEARD)).status_code == 409


def test_the_queue_counts_filters_and_numbers(w, client, case):
    client.force_login(w.assistant)
    ReturnVisit.objects.filter(party__side="A", reason="first").update(
        due_on=timezone.localdate() - dt.timedelta(days=2)
    )
    page = client.get("/followups/").content.decode()
    assert "共 4 人次" in page and "逾期 2 天" in page
    assert "共 1 人次" in client.get("/followups/?when=overdue").content.decode()
    assert "共 4 人次" in client.get(f"/followups/?village={w.village.code}&mine=1").content.decode()
    assert "没有符合条件的回访" in client.get("/followups/?state=done").content.decode()
    for odd in ("?when=x&village=1&state=y", "?page=99", "?page=x"):
        assert client.get(f"/followups/{odd}").status_code == 200
    client.force_login(w.far_officer)
    assert "没有要回访的" in client.get("/followups/").content.decode()


def test_the_queue_takes_as_many_queries_for_three_cases_as_for_one(
    w, client, case, now, django_assert_num_queries, django_capture_on_commit_callbacks
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.force_login(w.assistant)
    client.get("/followups/")
    with CaptureQueriesContext(connection) as one:
        client.get("/followups/")
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            f.settled(w, at=now)
    with django_assert_num_queries(len(one)):
        client.get("/followups/")


# --- notices ---------------------------------------------------------------------------------------------------------
def test_notices_are_words_per_viewer_and_can_be_read(w, client, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        f.at_room(w)
        f.at_room(w, type_l1="01", type_l2="0101")
    client.force_login(w.officer)
    page = client.get("/notices/").content.decode()
    assert page.count("收到上报：") >= 2 and "才让卓玛" in page
    one = Notice.objects.filter(user=w.officer).first()
    assert client.post(f"/notices/{one.pk}/read/").status_code == 302
    assert Notice.objects.get(pk=one.pk).read_at
    mine = Notice.objects.filter(user=w.second_officer).first()
    assert client.post(f"/notices/{mine.pk}/read/").status_code == 404
    client.post("/notices/read/")
    assert not Notice.objects.filter(user=w.officer, read_at=None).exists()
    assert Notice.objects.filter(user=w.second_officer, read_at=None).count() == 2
    assert client.get("/notices/read/").status_code == 405


def test_notices_of_cases_out_of_scope_are_gone(w, client, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        f.at_room(w)
    w.officer.postings.update(office=w.far_room)
    client.force_login(w.officer)
    assert "没有通知" in client.get("/notices/").content.decode()


def test_every_kind_of_notice_has_its_words(w, case):
    from followups import notices, reactions

    kinds = {"may_escalate", "relapse", "alarm", "alarm_again", "alarm_deputy", "alarm_above", *Reminder.Kind.values}
    kinds |= {"danger_deputy", "danger_above", "visit_handed", *notices.OF_THINGS}
    kinds |= {"whistle", "whistle_off", *(f"whistle_{answer.to}" for answer in ANSWERS.values())}
    whom = ("desk", "person", "invited", "receiver", "sender", "police", "urged", "counsellors", "desk_and_the_named")
    tellers = {
        reactions.tell_who_asked,
        reactions.tell_who_visits,
        *(getattr(reactions, f"tell_the_{one}") for one in whom),
    }
    kinds |= {k for k, r in reactions.REACTIONS.items() if tellers & set(r)}
    assert kinds == notices.TEXTS.keys()


# --- health ----------------------------------------------------------------------------------------------------------
def test_health_tells_when_the_pump_is_dead_or_behind(client, w, case, settings):
    url = "/healthz/reminders/"
    assert client.get(url).status_code == 503 and pump.pump_is_stale()
    pump.pump_once()
    answer = client.get(url)
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    assert not pump.pump_is_stale()
    Heartbeat.objects.update(at=timezone.now() - dt.timedelta(seconds=settings.PUMP_STALE_SECONDS + 5))
    assert client.get(url).status_code == 503
    Heartbeat.objects.update(at=timezone.now())
    long_ago = timezone.now() - dt.timedelta(seconds=settings.PUMP_STALE_SECONDS + 5)
    Reminder.objects.create(dispute=case, kind="due", slot="2026-01-01/1", recipient=w.assistant, due_at=long_ago)
    assert client.get(url).status_code == 503 and client.get(url).json()["behind"]


def test_the_case_page_shows_the_visits_and_the_sign_of_relapse(w, client, case):
    client.force_login(w.assistant)
    client.post(f"/followups/{case.case_no}/", body(case, HEARD | {"mind": "relapse"}))
    page = client.get(f"/disputes/{case.case_no}/").content.decode()
    for words in ("希望早点立桩", "发现有反弹苗头", f'href="/followups/{case.case_no}/"', 'id="visits"'):
        assert words in page
    assert "甲方：基本满意，有反弹苗头" in page  # the timeline
    assert f'href="/followups/{case.case_no}/relapse/"' in page
    client.force_login(w.supervisor)
    assert "马文林" not in client.get(f"/disputes/{case.case_no}/").content.decode()
