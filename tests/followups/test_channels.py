"""Messages beyond the page: when they go out, whom and what they tell, and what an operator can do."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail

from audit.models import AccessLog
from followups import outbox
from followups.channels import sweep, words
from followups.channels.hours import hours_on
from followups.channels.models import Delivery, Told
from followups.delivering import STILL
from followups.models import Notice, Reminder
from followups.pump import pump_once
from tests import factories as f
from tests.factories import NOW, moment
from villages.models import SpecialDay, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(w, settings):
    """The one person who is reached, by e-mail."""
    settings.EMAIL_ON, settings.DEFAULT_FROM_EMAIL = True, "notices@example.org"
    w.officer.email = "officer@example.org"
    w.officer.save(update_fields=["email"])
    return w.officer


def tell(user, case, kind="take_up", at=NOW):
    return Notice.objects.create(user=user, dispute=case, kind=kind, created_at=at)


def go(at):
    """One round at this moment: what was planned, what was sent."""
    return sweep.plan(lambda: at), sweep.deliver_due(lambda: at)


# --- when ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("made", "sent"),
    [
        ("2026-03-02 06:00", "2026-03-02 07:30"),  # a Monday
        ("2026-03-02 07:29:59", "2026-03-02 07:30"),
        ("2026-03-02 07:30", "2026-03-02 08:00"),  # those of 07:30 are on their way
        ("2026-03-02 09:10", "2026-03-02 09:30"),
        ("2026-03-02 19:29", "2026-03-02 19:30"),
        ("2026-03-02 19:30", "2026-03-03 07:30"),  # 20:00 is quiet
        ("2026-03-06 21:00", "2026-03-09 07:30"),  # over the weekend
        ("2025-01-27 17:00", "2025-01-27 17:30"),
        ("2025-01-27 20:00", "2025-02-05 07:30"),  # over the Spring Festival
        ("2025-02-07 20:00", "2025-02-08 07:30"),  # a Saturday that is worked
    ],
)
def test_a_message_waits_for_the_next_moment_of_work(db, made, sent):
    for month, day, kind in [(1, n, "holiday") for n in range(28, 32)] + [(2, n, "holiday") for n in range(1, 5)]:
        SpecialDay.objects.get_or_create(day=dt.date(2025, month, day), defaults={"kind": kind})
    for day in (dt.date(2025, 1, 26), dt.date(2025, 2, 8)):
        SpecialDay.objects.get_or_create(day=day, defaults={"kind": "workday"})
    at = moment(made)
    assert hours_on(at.date()).next_moment(at) == moment(sent)


def test_what_came_up_meanwhile_goes_into_one_message_with_a_line_per_case(w, officer):
    one, other = f.at_room(w), f.at_room(w)
    Notice.objects.all().delete()
    evening = moment("2026-03-06 21:00")  # a Friday
    for case, kind in ((one, "escalate"), (one, "supervise"), (other, "escalate")):
        tell(officer, case, kind, evening)
    assert go(evening) == (3, 0)
    assert go(moment("2026-03-07 10:00")) == (0, 0)  # Saturday
    assert go(moment("2026-03-09 07:29")) == (0, 0)
    assert go(moment("2026-03-09 07:31")) == (0, 1)
    (message,) = mail.outbox
    assert message.to == ["officer@example.org"] and "3 条" in message.subject
    told = message.body.split("\n\n")[0].split("\n")
    assert len(told) == 2 and "；" in told[1] and all("石门村" in line for line in told)
    assert message.extra_headers["Message-ID"] == f"<{Delivery.objects.get().key}@example.org>"


def test_danger_goes_out_at_once_and_by_itself(w, officer):
    case = f.at_room(w)
    Notice.objects.all().delete()
    night = moment("2026-03-07 23:00")  # Saturday
    tell(officer, case, "escalate", night), tell(officer, case, "may_escalate", night)
    assert go(night) == (2, 1)
    assert len(mail.outbox) == 1 and "可能激化" in mail.outbox[0].body


# --- whom and what ---------------------------------------------------------------------------------------------------
def test_each_notice_is_told_once_whatever_number_of_rounds(w, officer):
    case = f.at_room(w)
    Notice.objects.all().delete()
    for _ in range(3):
        tell(officer, case, "may_escalate")
    assert [go(NOW) for _ in range(3)] == [(3, 3), (0, 0), (0, 0)]
    assert (Told.objects.count(), len(mail.outbox)) == (3, 3)


@pytest.mark.parametrize("how", ["read", "off", "no_address", "gone", "inactive"])
def test_what_nobody_needs_any_more_is_not_sent(w, officer, how):
    notice = tell(officer, f.at_room(w), at=NOW)
    Notice.objects.exclude(pk=notice.pk).delete()
    sweep.plan(lambda: NOW)
    mine = User.objects.filter(pk=officer.pk)
    if how == "read":
        Notice.objects.all().mark_read(NOW)
    elif how == "gone":
        officer.postings.update(valid_to=f.LONG_AGO)  # a posting that ended takes its notices along
    else:
        mine.update(**{"off": {"by_email": False}, "no_address": {"email": ""}, "inactive": {"is_active": False}}[how])
    assert sweep.deliver_due(lambda: NOW + dt.timedelta(days=1)) == 0
    assert Delivery.objects.get().state == "cancelled" and not mail.outbox


def test_nobody_else_gets_a_message_and_old_notices_are_let_lie(w, officer):
    case = f.at_room(w)
    Notice.objects.all().delete()
    tell(w.second_officer, case), tell(officer, case, at=NOW - dt.timedelta(days=8))
    assert go(NOW) == (0, 0) and not Delivery.objects.exists()


def test_without_an_address_in_the_environment_the_channels_ask_nothing(w, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert go(NOW) == (0, 0)


def test_a_message_that_is_on_its_way_takes_nothing_more(w, officer):
    case = f.at_room(w)
    Notice.objects.all().delete()
    later = moment("2026-03-02 09:30")
    tell(officer, case)
    sweep.plan(lambda: NOW)
    (held,) = Delivery.objects.claim(now=later, lease=dt.timedelta(seconds=60), limit=5)
    tell(officer, case, "escalate")
    assert sweep.plan(lambda: NOW) == 0
    assert held.finish(at=later, state="sent")
    assert sweep.plan(lambda: later) == 1
    assert Delivery.objects.count() == 2 and Told.objects.count() == 2


def test_no_kind_of_notice_breaks_the_words(w, officer):
    from followups.notices import TEXTS

    case = f.at_room(w)
    Notice.objects.all().delete()
    told = words.lines([tell(officer, case, kind) for kind in [*TEXTS, "unheard of"]])
    assert len(told) == 1 and case.side_a not in told[0]


def test_words_that_fail_are_tried_again_and_end_with_a_reason(w, officer, monkeypatch):
    tell(officer, f.at_room(w), "may_escalate")
    monkeypatch.setattr(words, "mail", lambda notices: 1 / 0)
    at = NOW
    for _ in range(8):
        go(at)
        at += dt.timedelta(days=1)
    row = Delivery.objects.filter(slot__startswith="notice/").get()
    assert (row.state, row.tries, "ZeroDivisionError" in row.error) == ("failed", sweep.TRIES, True)


# --- reminders -------------------------------------------------------------------------------------------------------
def test_every_kind_of_reminder_is_asked_about_before_it_is_told():
    assert set(STILL) == set(Reminder.Kind)


# --- the operator ----------------------------------------------------------------------------------------------------
def test_an_operator_sees_what_is_stuck_and_sends_it_again(w, officer):
    f.mediating(w)
    pump_once(now=moment("2026-03-05 09:00"))
    Reminder.objects.update(state="failed", error="ConnectionError")
    common = {"recipient": officer, "channel": "email", "created_at": NOW, "due_at": NOW}
    lost = Delivery.objects.create(**common, slot="a", state="failed", error="mail_refused:550", attempt=5, tries=5)
    maybe = Delivery.objects.create(**common, slot="b", state="uncertain", attempt=2, tries=2)
    Delivery.objects.create(**common, slot="c")
    found = outbox.state(NOW)
    assert (found["email"]["on"], found["webhook"]["on"], found["app"]["failed"]) == (True, False, 3)
    assert {key: found["email"][key] for key in ("waiting", "due", "oldest", "failed", "uncertain")} == {
        "waiting": 1, "due": 1, "oldest": NOW, "failed": 1, "uncertain": 1,
    }  # fmt: skip
    rows = list(outbox.failed()[:50])
    assert len(rows) == outbox.failed().count() == 5 and set(rows[0]) == set(outbox.COLUMNS)
    for kind, pk in (("email", lost.pk), ("email", maybe.pk), ("app", Reminder.objects.first().pk)):
        assert outbox.send_again(kind, pk, by=w.sysadmin, at=NOW)
        assert not outbox.send_again(kind, pk, by=w.sysadmin, at=NOW)  # it waits already
    assert not outbox.send_again("webhook", lost.pk, by=w.sysadmin, at=NOW)
    assert AccessLog.objects.filter(action="manage", detail__did="send_again").count() == 3
    maybe.refresh_from_db()
    assert (maybe.state, maybe.doubtful, maybe.tries) == ("pending", True, 0)
