"""One's own work: the union and its counts, putting off, handing over, the sheet for the day."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AccessLog
from config import work
from disputes.field.models import Visit
from disputes.inbox.models import Instruction
from disputes.models import Dispute, FactsMissing, MoveRefused, NotYours
from disputes.referrals.models import Referral
from disputes.safe.models import Slip, Task
from followups.handing import doors
from followups.handing.models import Deferral, HandedItem, HandOver
from followups.models import Notice, ReturnVisit
from followups.reactions import react
from followups.visits import record_visit
from tests import factories as f
from villages.models import Posting, SpecialDay

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now()


@pytest.fixture
def today(now: dt.datetime) -> dt.date:
    return timezone.localdate(now)


def settled(w: SimpleNamespace, at: dt.datetime, **facts: object) -> Dispute:
    """Settled in the village, its visits planned."""
    case = f.settled(w, at=at, **facts)
    react(case.events.get(kind="settle").pk)
    return case


def of(user, kind: str = "") -> list[work.Todo]:
    user.forget_scope()
    return [row for row in work.todos(user, timezone.localdate()) if not kind or row.kind == kind]


def numbers(client: Client, user, url: str) -> str:
    client.force_login(user)
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.content.decode()


# --- the union --------------------------------------------------------------------------------------------------------
def everything(w: SimpleNamespace, at: dt.datetime) -> None:
    """Something to do of every kind, for somebody in 石门村."""
    today = timezone.localdate(at)
    waiting = f.register(w, at=at)
    waiting.ask_void(by=w.grid, at=at, reason="登记重了")
    mediating = f.mediating(w, at=at - 20 * DAY)
    graded = f.mediating(w, at=at - 40 * DAY)
    graded.grade(by=w.assistant, at=at - 40 * DAY, level="yellow", reason="扬言", expires_on=today - 5 * DAY)
    Instruction.objects.give(mediating, "supervise", by=w.supervisor, at=at, words="抓紧", due_on=today)
    f.blow(mediating, w.assistant, w.department_office, w.room, at=at)
    done = settled(w, at - 20 * DAY)
    Task.objects.create(dispute=done, round=1, kind="perform", office=w.committee, since=today, due_on=today)
    ready = settled(w, at - 20 * DAY)
    heard = {"reached": True, "satisfaction": "yes", "mind": "calm"}
    facts = {"visited_on": today, "way": "home", "parties": {p.pk: heard for p in ready.principal_parties()}}
    record_visit(case=ready, by=w.assistant, at=at, facts=facts)
    ReturnVisit.objects.planned().filter(dispute=ready).update(state="cancelled")
    up = f.at_room(w, at=at)
    up.perform("take_up", by=w.officer, at=at, handler=w.second_officer)
    Posting.objects.filter(user=w.second_officer).update(valid_to=today)
    walk = Visit.objects.begin(by=w.assistant, at=at, village=w.village, visited_on=today)
    walk.capture(by=w.assistant, at=at, facts={"side_a": "马四", "words": "渠口", "may_escalate": True})
    sent = {"kind": "court", "mode": "transfer", "other": "县人民法院", "text": "请调解", "sent_on": today}
    Referral.objects.receive(by=w.officer, at=at, facts=sent | {"village": w.village})
    f.session(w, mediating, starts_at=at + 2 * DAY, invited=[{"user": w.officer, "ask": "带图"}])
    Slip.objects.hand_in(case=mediating, by=w.grid, at=at, text="没有听完", received_on=today)


#: Who must see which kinds.
WHO = {
    "assistant": {"accept", "limit", "visit", "answer", "task", "grade", "void", "close", "session"},
    "grid": {"accept", "visit", "answer", "task"},
    "officer": {"alarm", "sort", "whistle", "referral", "session", "leaver"},
    "department": {"whistle"},
    "supervisor": {"slip"},
    "counsellor": set(),
}


def test_everybody_sees_their_duties_and_every_count_is_that_of_its_list(w, now, client):
    everything(w, now)
    for name, kinds in WHO.items():
        user = getattr(w, name)
        found = {row.kind for row in of(user)}
        assert kinds <= found, (name, found)
        assert all(row.url and row.action and row.title for row in of(user)), name
        home = numbers(client, user, "/")
        page = numbers(client, user, "/todo/")
        # each link with a number beside it opens a list of as many rows
        shown = re.findall(r'href="(\?[^"]*)"[^>]*>[^<>]*? (\d+)</a>', page)
        shown += re.findall(r'class="kpi[^"]*" href="(/todo/\?[^"]*)"><span>[^<]*</span><b>(\d+)</b>', home)
        assert len(shown) >= 5
        for url, number in shown:
            rows = numbers(client, user, url.replace("&amp;", "&") if url[0] == "/" else f"/todo/{url}")
            assert rows.count("<li data-row") == int(number), (name, url)
        badge = re.search(r'href="/todo/"[^>]*>.*?<span class="nb">(\d+)', home)
        assert int(badge.group(1) if badge else 0) == page.count("<li data-row"), name
    late = numbers(client, w.officer, "/")
    assert "可能激化 1 条" in late


def test_the_number_of_visits_does_not_decide_what_home_loads(w, now):
    """Words are loaded for the rows shown, not for all."""
    for _ in range(3):
        settled(w, now - 20 * DAY)
    days = work.Work(w.assistant, timezone.localdate())
    rows = [row for row in days.rows if row.kind == "visit"]
    assert len(rows) == 3 and not any(row.title for row in rows)
    days.fill(rows[:1])
    assert [bool(row.title) for row in rows] == [True, False, False]


def test_a_case_is_ready_to_close_once_every_party_was_visited(w, now):
    case = settled(w, now - 20 * DAY)
    assert not of(w.assistant, "close")
    ReturnVisit.objects.filter(dispute=case).exclude(reason="first").update(state="cancelled")
    first, second = case.principal_parties()
    case.visits.filter(party=first, reason="first").update(state="done", visited_on=now.date(), by=w.assistant)
    case.visits.filter(party=second, reason="first").update(state="cancelled")
    assert not of(w.assistant, "close")  # one party was never heard
    case.visits.filter(party=second, reason="first").update(state="waived")
    assert [row.case_no for row in of(w.assistant, "close")] == [case.case_no]


# --- putting off ------------------------------------------------------------------------------------------------------
def put_off(row: work.Todo, by, at: dt.datetime, until: dt.date, reason: str = "人不在家") -> Deferral:
    return doors.put_off(
        by=by, at=at, key=row.key, due_on=row.deferred_for, until=until, reason=reason, urgent=row.urgent,
        case_no=row.case_no,
    )  # fmt: skip


def test_what_was_put_off_stands_apart_and_comes_back_by_itself(w, now, today, client):
    case = f.mediating(w, at=now - 20 * DAY)
    row = of(w.assistant, "limit")[0]
    before = AccessLog.objects.count()
    put_off(row, w.assistant, now, today + DAY)
    put_off(row, w.assistant, now, today + DAY)  # the same again is nothing
    assert AccessLog.objects.count() == before + 1
    assert Deferral.objects.count() == 1
    assert "人不在家" not in str(AccessLog.objects.last().detail)
    held = of(w.assistant, "limit")[0]
    assert (held.when, held.until, held.due_on) == ("deferred", today + DAY, case.due_on)
    assert of(w.officer) == [] and of(w.village_mediator, "limit") == []
    tomorrow = work.todos(w.assistant, today + DAY)
    assert [row.when for row in tomorrow if row.kind == "limit"] == ["overdue"]
    page = numbers(client, w.assistant, "/todo/")
    assert page.count("<li data-row") == 0 and "已推迟 1" in page
    assert "人不在家" in numbers(client, w.assistant, "/todo/?when=deferred")
    # everywhere else it is as late as before
    assert Dispute.objects.visible_to(w.supervisor).overdue(today).count() == 1
    client.force_login(w.assistant)
    assert client.post(f"/todo/undo/{row.key}/").status_code == 302
    assert of(w.assistant, "limit")[0].when == "overdue"


def test_nothing_is_put_off_for_ever(w, now, today):
    SpecialDay.objects.filter(kind="workday").delete()
    f.mediating(w, at=now - 20 * DAY)
    row = of(w.assistant, "limit")[0]
    last = doors.latest_day(today)
    assert (last - today).days >= 5
    for until, field in ((today, "until"), (last + DAY, "until"), (None, "until")):
        with pytest.raises(FactsMissing) as wrong:
            put_off(row, w.assistant, now, until)
        assert list(wrong.value.errors) == [field]
    for reason in ("", "忙", "长" * 101):
        with pytest.raises(FactsMissing) as wrong:
            put_off(row, w.assistant, now, last, reason)
        assert list(wrong.value.errors) == ["reason"]
    put_off(row, w.assistant, now, last)
    doors.take_back(by=w.assistant, at=now, key=row.key)
    with pytest.raises(FactsMissing, match="until"):  # taking back and putting off again wins no day
        put_off(row, w.assistant, now + 3 * DAY, last + 3 * DAY)


def test_danger_is_not_put_off_and_what_moved_on_is_not_held_back(w, now, today, client):
    case = f.mediating(w, at=now - 20 * DAY)
    put_off(of(w.assistant, "limit")[0], w.assistant, now, today + DAY)
    assert of(w.assistant, "limit")[0].when == "deferred"
    case.grade(by=w.assistant, at=now, level="red", reason="扬言报复")
    row = of(w.assistant, "limit")[0]
    assert (row.urgent, row.when) == (True, "overdue")
    client.force_login(w.assistant)
    assert client.get(f"/todo/defer/{row.key}/").status_code == 409
    sent = {"until": "+1", "reason": "人不在家"}
    answer = client.post(f"/todo/defer/{row.key}/", sent)
    assert answer.status_code == 409 and "不能推迟" in answer.content.decode()
    Dispute.objects.filter(pk=case.pk).update(danger="")
    assert of(w.assistant, "limit")[0].when == "deferred"
    Dispute.objects.filter(pk=case.pk).update(due_on=case.due_on + DAY)
    assert of(w.assistant, "limit")[0].when != "deferred"


def test_the_form_keeps_what_was_typed_and_knows_only_ones_own(w, now, client):
    f.mediating(w, at=now - 20 * DAY)
    key = of(w.assistant, "limit")[0].key
    client.force_login(w.assistant)
    answer = client.post(f"/todo/defer/{key}/", {"until": "+40", "reason": "人不在家"})
    assert answer.status_code == 422 and "人不在家" in answer.content.decode()
    client.force_login(w.far_assistant)
    assert client.post(f"/todo/defer/{key}/", {"until": "+1", "reason": "人不在家"}).status_code == 404
    assert not Deferral.objects.exists()


# --- the visits of one case -------------------------------------------------------------------------------------------
def test_a_visit_that_was_given_to_somebody_is_theirs_until_it_is_late(w, now, client):
    case = settled(w, now)
    for user in (w.grid, w.village_mediator):
        assert [row.case_no for row in of(user, "visit")] == [case.case_no]
    client.force_login(w.grid)
    answer = client.post(f"/followups/{case.case_no}/hand/", {"to": "grid", "reason": "我熟"})
    assert answer.status_code == 302
    assert doors.hand_visits(case=case, to=w.grid, by=w.grid, at=now) is None  # already
    assert case.events.filter(kind="visit_handed").count() == 1
    assert [row.note for row in of(w.grid, "visit")] == ["甲方、乙方 · 分给你"]
    assert of(w.village_mediator, "visit") == []
    assert [row.note for row in of(w.assistant, "visit")] == ["甲方、乙方 · 马小兰"]  # the lead sees all
    case.visits.update(due_on=timezone.localdate() - DAY)
    assert [row.case_no for row in of(w.village_mediator, "visit")] == [case.case_no]
    with pytest.raises(MoveRefused, match="不在石门村委会任职"):
        doors.hand_visits(case=case, to=w.officer, by=w.assistant, at=now)
    with pytest.raises(MoveRefused, match="没有要做的"):
        doors.hand_visits(case=case, to=w.officer, by=w.officer, at=now)
    with pytest.raises(NotYours):
        doors.hand_visits(case=case, to=w.officer, by=w.supervisor, at=now)
    other = settled(w, now)
    react(doors.hand_visits(case=other, to=w.grid, by=w.assistant, at=now).pk)
    assert Notice.objects.filter(user=w.grid, kind="visit_handed", dispute=other).count() == 1


# --- everything of a leaver -------------------------------------------------------------------------------------------
def leaving(w: SimpleNamespace, now: dt.datetime) -> list[Dispute]:
    """Two cases, the visits of a third, and a session, all of the grid worker."""
    held = [f.mediating(w, at=now) for _ in range(2)]
    for case in held:
        case.perform("assign", by=w.assistant, at=now, person=w.grid)
    f.session(w, held[0], by=w.grid, starts_at=now + DAY)
    third = settled(w, now)
    doors.hand_visits(case=third, to=w.grid, by=w.assistant, at=now)
    return [*held, third]


def test_everything_of_a_leaver_moves_in_one_step_and_once(w, now, today, client):
    cases = leaving(w, now)
    f.mediating(w, at=now)  # the assistant's own stays
    client.force_login(w.assistant)
    before = client.get("/hand-over/?from=grid").content.decode()
    assert before.count("<li>") >= 4 and "马文林" in before
    uid = uuid.uuid4()
    sent = {"office": w.committee.pk, "from": "grid", "to": "village_mediator", "reason": "", "submission": uid}
    assert client.post("/hand-over/", sent).status_code == 422
    for _ in range(2):
        answer = client.post("/hand-over/", sent | {"reason": "调到县里"})
        assert (answer.status_code, answer.url) == (302, f"/hand-over/{uid}/")
    assert HandOver.objects.count() == 1
    assert doors.count_open_work(w.committee, w.grid) == 0
    assert doors.count_open_work(w.committee, w.village_mediator) == 4
    assert [case.events.filter(kind="assign", by=w.assistant).count() for case in cases] == [2, 2, 0]
    assert cases[2].events.filter(kind="visit_handed").count() == 2
    assert Dispute.objects.filter(handler=w.assistant, status="mediating").count() == 1
    receipt = client.get(f"/hand-over/{uid}/").content.decode()
    assert "已转交 4 件，没有转 0 件" in receipt
    client.force_login(w.officer)
    assert client.get(f"/hand-over/{uid}/").status_code == 404


def test_what_cannot_move_says_why_and_what_was_cut_off_goes_on(w, now):
    cases = leaving(w, now)
    to = dict.fromkeys(HandedItem.Kind.values, w.village_mediator)
    row = doors.begin_hand_over(
        office=w.committee, leaver=w.grid, to=to, reason="调到县里", uid=uuid.uuid4(), by=w.assistant, at=now
    )
    assert doors.go_on(row, by=w.assistant, at=now, patience=0) == 3  # one at least, then the request ends
    Posting.objects.filter(user=w.village_mediator).update(valid_to=timezone.localdate(now))
    with pytest.raises(NotYours):
        doors.go_on(row, by=w.officer, at=now)
    assert doors.go_on(row, by=w.assistant, at=now) == 0
    kept = row.items.filter(state="kept")
    assert kept.count() == 3 and all("不在石门村委会任职" in item.why for item in kept)
    cases[1].refresh_from_db()
    assert cases[1].handler == w.grid
    with pytest.raises(FactsMissing) as wrong:  # nobody takes over from themselves, and nobody of another office
        doors.begin_hand_over(
            office=w.committee, leaver=w.grid, to=dict.fromkeys(to, w.grid) | {"visit": w.officer}, reason="调走",
            uid=uuid.uuid4(), by=w.assistant, at=now,
        )  # fmt: skip
    assert wrong.value.errors.keys() == {"to", "to_visit", "to_session"}


def test_the_case_of_somebody_who_left_is_the_leads_to_give_away(w, now, today, client):
    case = f.mediating(w, at=now)
    case.perform("assign", by=w.assistant, at=now, person=w.grid)
    assert of(w.assistant, "leaver") == []
    client.force_login(w.secadmin)
    posting = w.grid.postings.get()
    page = client.get(f"/manage/postings/{posting.pk}/end/").content.decode()
    assert "手上还有 1 件没办完" in page and case.case_no not in page and "/hand-over/" not in page
    posting.valid_to = today
    posting.save()
    row = of(w.assistant, "leaver")[0]
    assert (row.url, row.note) == (f"/disputes/{case.case_no}/moves/assign/", "马小兰")
    assert of(w.assistant, "limit") == [] and of(w.village_mediator, "limit") == []
    Posting.objects.filter(user=w.assistant).update(mark="")  # without a lead whoever is at the desk sees it
    assert [row.case_no for row in of(w.village_mediator, "limit")] == [case.case_no]


# --- the sheet --------------------------------------------------------------------------------------------------------
def test_the_sheet_for_the_day_leaves_family_cases_out_and_is_logged(w, now, client):
    f.mediating(w, at=now - 20 * DAY)
    f.mediating(w, at=now - 20 * DAY, type_l1="01", type_l2="0101", parties=[f.PARTY_A | {"name": "安静"}, f.PARTY_B])
    f.mediating(w, at=now)  # not due yet
    page = numbers(client, w.assistant, "/todo/print/")
    assert page.count('class="box"') == 1 and "另有 1 项不列入" in page
    assert "安静" not in page and "石门村" in page and "才让卓玛" in page
    row = AccessLog.objects.get(action="print", subject="todo")
    assert row.detail == {"sheet": "todo", "rows": 1, "left_out": 1}


# --- the API ----------------------------------------------------------------------------------------------------------
def test_the_api_lists_puts_off_takes_back_and_hands_over(w, now, today, client):
    case = settled(w, now - 20 * DAY)
    client.force_login(w.assistant)
    rows = client.get("/api/v1/todo/?kind=visit").json()["results"]
    assert [(row["case_no"], row["when"]) for row in rows] == [(case.case_no, "overdue")]
    url, body = f"/api/v1/todo/{rows[0]['key']}/", {"until": str(today + DAY), "reason": "人不在家"}
    options = {"content_type": "application/json"}
    assert client.post(f"{url}defer/", {**body, "until": str(today + 60 * DAY)}, **options).status_code == 400
    assert client.post(f"{url}defer/", body, **options).json()["until"] == str(today + DAY)
    assert client.get("/api/v1/todo/?kind=visit").json()["results"] == []
    assert len(client.get("/api/v1/todo/?when=deferred").json()["results"]) == 1
    assert client.post(f"{url}undo/", **options).json() == {"undone": True}
    handed = client.post(f"/api/v1/followups/{case.case_no}/hand/", {"to": "grid"}, **options)
    assert handed.json() == {"handed": True, "to": "马小兰"}
    everything = {"office": w.committee.code, "leaver": "grid", "to": "village_mediator", "reason": "调走"}
    for code in (w.room.code, "none"):  # led by somebody else, or not there: nobody can tell them apart
        assert client.post("/api/v1/hand-overs/", {**everything, "office": code}, **options).status_code == 404
    for wrong, name in (({"reason": "调"}, "reason"), ({"leaver": "officer"}, "leaver")):
        refused = client.post("/api/v1/hand-overs/", {**everything, **wrong}, **options)
        assert refused.status_code == 400 and list(refused.json()["errors"]) == [name]
    made = client.post("/api/v1/hand-overs/", everything, **options)
    assert (made.status_code, made.json()["moved"], made.json()["pending"]) == (201, 1, 0)
    items = client.get(f"/api/v1/hand-overs/{made.json()['uid']}/").json()["results"]
    assert [(item["kind"], item["case_no"], item["state"]) for item in items] == [("visit", case.case_no, "moved")]
    assert case.visits.planned().exclude(assignee=w.village_mediator).count() == 0
