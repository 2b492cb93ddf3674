"""Every list asks the database as often with one row as with three, and how often is written here."""

from __future__ import annotations

import datetime as dt
import time
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config import context
from disputes.field.models import Visit
from disputes.inbox.models import Instruction
from disputes.models import Dispute
from disputes.referrals.models import Referral
from disputes.safe.models import Task
from disputes.sessions.models import Venue
from followups.handing.models import HandOver
from followups.models import Mute, Notice, Reminder
from followups.reactions import react
from ledgers.exports.models import Export
from ledgers.imports.models import ImportBatch
from ledgers.jobs.models import Job
from ledgers.layouts.models import LedgerProfile, Picked, SavedLedger
from tests import factories
from tests.access.inventory import addresses
from villages.models import Role

#: list → (who looks, how many queries)
LISTS: dict[str, tuple[str, int]] = {
    "": ("officer", 43),
    "todo/": ("officer", 28),
    "todo/print/": ("officer", 32),
    "hand-over/": ("officer", 9),
    "me/": ("officer", 9),
    "villages/": ("officer", 13),
    "villages/gaps/": ("officer", 13),
    "manage/people/": ("sysadmin", 8),
    "manage/offices/": ("sysadmin", 7),
    "manage/audit/": ("auditor", 7),
    "manage/papers/": ("sysadmin", 6),
    "visits/": ("officer", 10),
    "triage/": ("officer", 17),
    "sessions/": ("officer", 13),
    "sessions/rooms/": ("officer", 9),
    "whistles/": ("department", 9),
    "inbox/": ("officer", 18),
    "disputes/": ("officer", 12),
    "safeguards/lifted/": ("supervisor", 8),
    "followups/": ("officer", 10),
    "followups/route/": ("officer", 9),
    "followups/coverage/": ("supervisor", 13),
    "followups/coverage/visits/": ("supervisor", 10),
    "followups/look-back/": ("supervisor", 9),
    "api/v1/followups/route/": ("officer", 12),
    "api/v1/followups/coverage/": ("supervisor", 17),
    "api/v1/followups/coverage/visits/": ("supervisor", 12),
    "api/v1/followups/look-back/": ("supervisor", 12),
    "referrals/": ("officer", 10),
    "counselling/": ("officer", 10),
    "notices/": ("officer", 10),
    "me/notices/": ("officer", 10),
    "manage/reminders/": ("sysadmin", 14),
    "imports/": ("officer", 8),
    "api/v1/imports/": ("officer", 11),
    "exports/": ("officer", 9),
    "api/v1/exports/": ("officer", 11),
    "ledger/": ("officer", 23),
    "manage/ledger-columns/": ("sysadmin", 6),
    "api/v1/ledger-profiles/": ("officer", 11),
    "api/v1/saved-ledgers/": ("officer", 11),
    "dashboard/": ("supervisor", 44),
    "dashboard/figures/": ("supervisor", 7),
    "api/v1/dashboard/": ("supervisor", 46),
    "api/v1/dashboard/figures/": ("supervisor", 12),
    "api/v1/rates/": ("supervisor", 41),
    "ledger/months/": ("centre", 10),
    "ledger/report/": ("officer", 22),
    "ledger/report/download/": ("officer", 23),
    "ledger/report/rows/": ("officer", 9),
    "api/v1/months/": ("centre", 15),
    "api/v1/report/": ("officer", 25),
    "api/v1/outcomes/": ("officer", 11),
    "api/v1/areas/": ("officer", 9),
    "api/v1/offices/": ("officer", 9),
    "api/v1/me/": ("officer", 9),
    "api/v1/disputes/": ("officer", 11),
    "api/v1/whistles/": ("department", 16),
    "api/v1/saved-filters/": ("officer", 9),
    "api/v1/visits/": ("officer", 11),
    "api/v1/captures/": ("officer", 11),
    "api/v1/triage/": ("officer", 12),
    "api/v1/followups/": ("officer", 12),
    "api/v1/inbox/": ("officer", 17),
    "api/v1/instructions/": ("officer", 12),
    "api/v1/referrals/": ("officer", 13),
    "api/v1/counselling/": ("officer", 13),
    "api/v1/notices/": ("officer", 13),
    "api/v1/todo/": ("officer", 32),
    "api/v1/notices/cases/": ("officer", 16),
    "api/v1/mutes/": ("officer", 11),
    "api/v1/hand-overs/": ("officer", 13),
    "api/v1/ledger/": ("officer", 26),
    "api/v1/sessions/": ("officer", 11),
    "api/v1/sessions/invitations/": ("officer", 12),
    "api/v1/sessions/rooms/": ("officer", 9),
}
#: Addresses without an object in them that list nothing.
NO_LISTS = {
    "healthz/",
    "healthz/reminders/",
    "login/",
    "help/",
    "me/password/",
    "disputes/new/",
    "visits/new/",
    "referrals/new/",
    "referrals/in/",
    "counselling/new/",
    "ledger/download/",
    "exports/new/",
    "manage/",
    "manage/people/new/",
    "manage/offices/new/",
    "manage/postings/new/",
    "manage/deadlines/",
    "manage/calendar/",
    "manage/codes/",
    "manage/ledger-columns/new/",
    "manage/audit/check/",
    "ledger/months/check/",
    "ledger/months/freeze/",
    "api/v1/schema/",
    "api/v1/docs/",
    "api/v1/deadlines/",
    "api/v1/reminders/",
    "api/v1/codes/",
    "api/v1/calendar/",
    "search/",  # nothing without a query: tests/disputes/search/test_pages.py
    "api/v1/search/",
    "api/v1/papers/",  # lists one case, named in the query: tests/api/test_papers.py
}


def more(w: SimpleNamespace, n: int) -> None:
    """One more of everything that a list can show."""
    at = timezone.now()
    LedgerProfile.objects.make(by=w.sysadmin, at=at, name=f"本县台账{n}", picked=[Picked("no"), Picked("visits")])
    SavedLedger.objects.create(user=w.officer, name=f"常用{n}", query="status=open")
    facts = {"format": "csv", "month": "2026-03", "layout": "default", "layout_name": "台账", "purpose": "report"}
    job = Job.objects.create(kind="export", owner=w.officer, created_at=at, queued_at=at)
    Export.objects.create(owner=w.officer, job=job, state="making", reason="月报", asked_at=at, **facts)
    case = factories.register(w, at=at)
    done = factories.register(w, at=at)
    done.perform("take_up", by=w.assistant, at=at, handler=w.assistant)
    facts = factories.settlement(w, done, at, organisation=w.committee, chair=w.village_mediator)
    react(done.perform("settle", by=w.assistant, at=at, **facts).pk)
    done.visits.update(due_on=timezone.localdate(at))
    up = factories.at_room(w, at=at)
    Dispute.objects.filter(pk=up.pk).update(opened_at=at - dt.timedelta(hours=1))  # sent some time after it was opened
    Instruction.objects.give(up, "supervise", by=w.supervisor, at=at, words="抓紧", due_on=timezone.localdate(at))
    Task.objects.create(dispute=done, round=1, kind="police", office=w.room, since=at.date(), due_on=at.date())
    stopped = factories.register(w, by=w.officer, at=at, tier=2, bullying=True)
    stopped.act("lift", by=w.officer, at=at, flag="bullying", reason="查明不是欺凌")
    walk = Visit.objects.begin(by=w.assistant, at=at, village=w.village, visited_on=timezone.localdate(at))
    for state in ("none", "new"):
        heard = walk.capture(by=w.assistant, at=at, facts={"side_a": f"马{n}", "words": "渠口", "may_escalate": True})
        if state == "none":
            heard.sort("none", by=w.officer, at=at, version=1, reason="和好")
    factories.blow(case, w.assistant, w.department_office, w.room, at=at)
    Notice.objects.create(user=w.officer, dispute=case, kind="return", created_at=at)
    Notice.objects.create(user=w.officer, capture=heard, kind="alarm", created_at=at)
    Mute.objects.create(user=w.officer, dispute=case, at=at)
    Reminder.objects.create(
        dispute=case, kind="due", slot="2026-03-02/1", recipient=w.officer, due_at=at, state="failed"
    )
    settled = {"side_a": f"马{n}", "side_b": "王世昌", "words": "说开了", "found": "calm"}
    walk.capture(by=w.assistant, at=at, facts=settled, spot={"chair": w.village_mediator})
    held = factories.register(w, at=at)
    held.perform("take_up", by=w.assistant, at=at, handler=w.assistant)
    hall = Venue.objects.add(office=w.room, name=f"调解室{n}", by=w.officer, at=at)
    for days in (-3, 2):
        asked = [{"user": w.officer, "ask": f"第{n}次"}, {"name": "老马", "capacity": "cadre"}]
        there = {"starts_at": at + dt.timedelta(days=days), "venue": hall, "invited": asked}
        held.found_on = timezone.localdate(at) - dt.timedelta(days=9)
        held.save(update_fields=["found_on"])
        factories.session(w, held, **there)
    react(held.events.first().pk)
    given = {
        "kind": "court",
        "mode": "transfer",
        "other": "县人民法院",
        "text": f"第{n}次",
        "sent_on": timezone.localdate(at),
    }
    Referral.objects.send(case, by=w.assistant, at=at, facts=given)
    Referral.objects.receive(by=w.officer, at=at, facts=given | {"village": w.village})
    HandOver.objects.create(office=w.room, leaver=w.second_officer, by=w.officer, at=at, reason="调走了")
    factories.counselling(w, case)
    ImportBatch.take(by=w.officer, at=at, name=f"{n}.csv", content=[], mapping={"简要情况": "narrative"})
    w.officer.saved_filters.create(name=f"条件{n}", query="status=waiting")
    village = factories.area(f"62062310321{n}", f"新村{n}", 5, w.township)
    committee = factories.office(f"62062310321{n}-V", "village", f"新村{n}村委会", village)
    factories.user(f"new{n}", f"新人{n}", (committee, Role.ASSISTANT))


@pytest.fixture
def w(db, monkeypatch) -> SimpleNamespace:
    # asked once a minute, and a minute may end between two pages
    monkeypatch.setattr(context, "missing_year", lambda: None)
    w = factories.world()
    more(w, 1)
    return w


def queries(w: SimpleNamespace, route: str, who: str) -> int:
    client = Client()
    client.force_login(getattr(w, who), "django.contrib.auth.backends.ModelBackend")
    session, now = client.session, int(time.time())
    session.update({"began_at": now, "seen_at": now})
    session.save()
    client.get(f"/{route}")  # what a process or a throttle keeps is there from now on
    with CaptureQueriesContext(connection) as captured:
        response = client.get(f"/{route}")
    assert response.status_code == 200
    return len(captured)


def test_a_list_asks_as_often_with_three_rows_as_with_one(w: SimpleNamespace) -> None:
    one = {route: queries(w, route, who) for route, (who, _number) in LISTS.items()}
    more(w, 2)
    more(w, 3)
    three = {route: queries(w, route, who) for route, (who, _number) in LISTS.items()}
    assert three == one, three
    assert three == {route: number for route, (_who, number) in LISTS.items()}


def test_every_list_stands_here() -> None:
    """A new list comes with its number of queries; one that is gone is taken off."""
    listing = {address.route for address in addresses() if "GET" in address.methods and "<" not in address.route}
    assert listing - NO_LISTS == LISTS.keys()
    assert listing >= NO_LISTS
