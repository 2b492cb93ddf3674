"""The inbox of a desk, 督办 and 交办: who waits, who presses, who answers, and what ends with the case."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.test import Client
from django.utils import timezone

from config.work import todos
from disputes.inbox.models import Instruction
from disputes.inbox.queue import waiting_for
from disputes.models import Dispute, MoveRefused, NotYours
from followups.models import Notice, Reminder
from followups.pump import pump_once
from followups.reactions import react
from ledgers.columns import COUNTY, cells
from ledgers.month import Ledger, Month
from tests import factories

DAY = dt.timedelta(days=1)


def sent_up(w, tier: int = 3) -> Dispute:
    """A case that came up to this tier by hand, with one attempt at each tier below."""
    at = timezone.now() - DAY
    case = factories.register(w, at=at)
    for by in (w.assistant, w.officer)[: tier - 1]:
        case.add_note(by=by, at=at, text="两家各说各的", is_attempt=True)
        case.perform("escalate", by=by, at=at + dt.timedelta(minutes=1), reason="两次没有说拢")
        at += dt.timedelta(minutes=2)
    return case


def press(w, case, *, by=None, kind="supervise", days=3, at=None, **more) -> Instruction:
    at = at or timezone.now()
    facts = {"words": "群众反映强烈", "due_on": timezone.localdate(at) + days * DAY, **more}
    return Instruction.objects.give(case, kind, by=by or w.supervisor, at=at, **facts)


def client_of(user) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def post(user, url: str, **data):
    return client_of(user).post(url, data)


# --- what waits ------------------------------------------------------------------------------------------------------
def test_what_was_sent_waits_and_what_was_registered_there_does_not(w):
    first, second = sent_up(w), sent_up(w)
    factories.register(w, tier=3)
    assert list(waiting_for(w.centre)) == [first, second]
    assert not waiting_for(w.officer)
    page = client_of(w.centre).get("/inbox/")
    assert page.status_code == 200
    assert [row["case_no"] for row in page.context["rows"]] == [first.case_no, second.case_no]
    row = page.context["rows"][0]
    assert (row["who"], row["why"], row["attempts"]) == ("刘建军", "两次没有说拢", 2)
    assert "最高一级" in row["rises"]


def test_a_reopened_case_waits(w):
    case = factories.register(w, tier=3)
    case.perform("withdraw", by=w.centre, at=timezone.now(), asked_by="甲方", reason="已经和好")
    case.perform("reopen", by=w.centre, at=timezone.now(), reason="又吵", report="昨晚又吵")
    assert case in waiting_for(w.centre)


def test_the_next_rise_is_the_clock_s(w):
    case = sent_up(w, tier=2)
    (row,) = client_of(w.officer).get("/inbox/").context["rows"]
    assert case.escalate_on.isoformat() in row["rises"]
    pump_once(timezone.now() + (case.escalate_on - timezone.localdate() + DAY))
    case.refresh_from_db()
    assert case.tier == 3
    assert case in waiting_for(w.centre) and case not in waiting_for(w.officer)


def test_the_sender_keeps_reading(w):
    case = sent_up(w)
    for sender in (w.assistant, w.officer):
        assert Dispute.objects.visible_to(sender).filter(pk=case.pk).exists()
        assert client_of(sender).get(f"/disputes/{case.case_no}/").status_code == 200


def test_take_up_return_and_assign_without_leaving_the_page(w):
    up, back, given = sent_up(w), sent_up(w), sent_up(w)
    taken = post(w.centre, f"/inbox/{up.case_no}/", version=up.version, do="take_up", person="centre")
    assert (taken.status_code, taken.url) == (302, "/inbox/?at=#entry")
    unsaid = post(w.centre, f"/inbox/{back.case_no}/", version=back.version, do="return", reason="差材料")
    assert unsaid.status_code == 422 and "差材料" in unsaid.content.decode()
    gone = post(w.centre, f"/inbox/{back.case_no}/", version=back.version, do="return", reason="差材料", to_add="笔录")
    assert gone.status_code == 302
    refused = post(w.centre, f"/inbox/{given.case_no}/", version=given.version, do="assign", person="centre")
    assert refused.status_code == 409 and "负责人" in refused.content.decode()
    assert (
        post(w.centre_lead, f"/inbox/{given.case_no}/", version=given.version, do="assign", person="centre").status_code
        == 302
    )
    for case in (up, back, given):
        case.refresh_from_db()
    assert (up.status, back.tier, given.handler) == ("mediating", 2, w.centre)
    again = post(w.centre, f"/inbox/{up.case_no}/", version=up.version, do="take_up", person="centre")
    assert again.status_code == 409


def test_taken_up_and_called_to_the_table_in_one_step(w):
    case = sent_up(w)
    sent = {"do": "return", "convene": "1", "person": "centre", "version": case.version}
    answer = post(w.centre, f"/inbox/{case.case_no}/", **sent)
    assert answer.url == f"/disputes/{case.case_no}/sessions/new/"
    assert client_of(w.centre).get(answer.url).status_code == 200
    case.refresh_from_db()
    assert (case.status, case.handler) == ("mediating", w.centre)


def test_a_village_has_no_inbox(w):
    assert client_of(w.assistant).get("/inbox/").status_code == 403
    assert client_of(w.supervisor).get("/inbox/").status_code == 403


# --- 督办 and 交办 ------------------------------------------------------------------------------------------
def test_who_may_press(w):
    case = sent_up(w)
    for by in (w.supervisor, w.centre_lead):
        press(w, case, by=by)
    press(w, case, by=w.centre, kind="hand_over", source="县委政法委")
    with pytest.raises(MoveRefused, match="负责人"):
        press(w, case, by=w.centre)
    for by in (w.officer, w.assistant, w.department):
        with pytest.raises(NotYours):
            press(w, case, by=by)
    assert Instruction.objects.count() == 3


def test_days_that_cannot_be(w):
    case = sent_up(w)
    with pytest.raises(MoveRefused, match="今天以前"):
        press(w, case, days=-1)
    with pytest.raises(MoveRefused, match="今天之后"):
        press(w, case, given_on=timezone.localdate() + DAY)


def test_the_desk_answers_once_and_who_asked_is_told(w):
    case = sent_up(w)
    row = press(w, case)
    react(case.events.first().pk)
    assert Notice.objects.filter(user=w.centre, kind="supervise").exists()
    with pytest.raises(MoveRefused, match="由他们答复"):
        row.reply(by=w.officer, at=timezone.now(), words="在办")
    row.reply(by=w.centre, at=timezone.now(), words="已约两家明天见面")
    event = case.events.first()
    assert (event.kind, event.text.body) == ("answer", "已约两家明天见面")
    react(event.pk)
    assert Notice.objects.filter(user=w.supervisor, kind="answer").exists()
    with pytest.raises(MoveRefused, match="已答复"):
        row.reply(by=w.centre_lead, at=timezone.now(), words="也答一次")


def test_sent_twice_is_one(w):
    case, form = sent_up(w), uuid.uuid4()
    assert press(w, case, submission=form) == press(w, case, submission=form)
    assert case.events.filter(kind="supervise").count() == 1


def test_it_is_reminded_of_until_it_is_answered(w):
    case = sent_up(w)
    row = press(w, case, days=1)
    later = timezone.now() + DAY
    pump_once(later)
    pump_once(later)
    assert Notice.objects.filter(user=w.centre, kind="answer_due").count() == 1
    pump_once(later + DAY)
    assert Notice.objects.filter(user=w.centre, kind="answer_overdue").count() == 1
    row.reply(by=w.centre, at=later, words="办好了")
    Reminder.objects.all().delete()
    pump_once(later + DAY)
    assert not Reminder.objects.filter(kind__startswith="answer").exists()


def test_leaving_settles_what_is_pending_in_the_same_transaction(w, monkeypatch):
    case = sent_up(w)
    row = press(w, case)
    at = timezone.now()
    with monkeypatch.context() as m:
        m.setattr("disputes.models.run_on_leave", lambda case, event: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            case.perform("withdraw", by=w.centre, at=at, asked_by="甲方", reason="和好")
    row.refresh_from_db()
    case.refresh_from_db()
    assert (row.state, case.status) == ("pending", "waiting")
    case.perform("withdraw", by=w.centre, at=at, asked_by="甲方", reason="和好")
    row.refresh_from_db()
    assert (row.state, row.settled_by.kind) == ("settled", "withdraw")
    with pytest.raises(MoveRefused, match="随案件了结"):
        row.reply(by=w.centre, at=at, words="晚了")
    with pytest.raises(MoveRefused, match="没有要督促的"):
        press(w, case)


def test_an_undone_merge_wakes_what_it_settled(w):
    case, target, at = sent_up(w), sent_up(w), timezone.now()
    row = press(w, case)
    case.perform("merge", by=w.centre, at=at, target=target, reason="同一片草场")
    row.refresh_from_db()
    assert row.state == "settled"
    case.perform("unmerge", by=w.centre, at=at, reason="是两片草场")
    row.refresh_from_db()
    assert row.state == "pending"


def test_the_page_of_the_case_shows_asks_and_answers(w):
    case = sent_up(w)
    url = f"/disputes/{case.case_no}/instructions/new/"
    empty = post(w.supervisor, url, kind="supervise", words="抓紧")
    assert empty.status_code == 422 and "抓紧" in empty.content.decode()
    made = post(w.supervisor, url, kind="supervise", words="抓紧办", given_on="今天", due_on="+3")
    assert made.status_code == 302
    row = Instruction.objects.get()
    assert "抓紧办" in client_of(w.officer).get(f"/disputes/{case.case_no}/").content.decode()
    inbox = client_of(w.centre).get("/inbox/").content.decode()
    assert f"/instructions/{row.pk}/answer/" in inbox
    done = post(w.centre, f"/disputes/{case.case_no}/instructions/{row.pk}/answer/", words="明天开会", back="inbox")
    assert done.status_code == 302 and done.url.startswith("/inbox/")
    assert post(w.officer, f"/disputes/{case.case_no}/instructions/{row.pk}/answer/", words="x").status_code == 409
    assert post(w.officer, url, kind="supervise").status_code == 403


def test_it_stands_in_what_the_desk_must_do(w):
    row = press(w, sent_up(w))
    found = [todo for todo in todos(w.centre, timezone.localdate()) if todo.kind == "answer"]
    assert [todo.due_on for todo in found] == [row.due_on]
    assert not [todo for todo in todos(w.officer, timezone.localdate()) if todo.kind == "answer"]


def test_its_dates_fill_the_column_of_the_county_s_ledger(w):
    case, now = sent_up(w), timezone.now()
    press(w, case, kind="hand_over", source="县委政法委").reply(by=w.centre, at=now, words="已受理")
    press(w, case)
    ledger = Ledger(w.supervisor, Month.of(now), columns=COUNTY)
    told = {row["case_no"]: cells(row, COUNTY)[6] for row in ledger.rows(ledger.all_ids())}
    day = timezone.localdate(now).isoformat()
    assert told[case.case_no] == f"交办 {day}，答复 {day}；督办 {day}，未答复"
    client = client_of(w.supervisor)
    asked = {"layout": "county", "format": "csv", "purpose": "report", "reason": "月报"}
    file = client.get(client.post(f"/exports/new/?month={Month.of(now)}", asked)["Location"] + "file/")
    assert file.status_code == 200
    assert f"交办 {day}，答复 {day}" in b"".join(file.streaming_content).decode("utf-8-sig")
