"""The pages of joint sessions: what was typed stays, invitations tell nothing of the case, prints are never signed."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from audit.models import AccessLog
from disputes.sessions.models import Session, Venue
from followups.models import Notice
from followups.pump import plan_reminders, send_due
from followups.reactions import react
from tests import factories as f
from tests.factories import NOW
from villages.models import Draft

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(w):
    w.hall = Venue.objects.add(office=w.room, name="调解室", by=w.officer, at=NOW)
    case = f.at_room(w, at=NOW - dt.timedelta(hours=2))
    case.perform("take_up", by=w.officer, at=NOW - dt.timedelta(hours=1), handler=w.officer)
    return case


def rows(prefix: str, *given: dict) -> dict:
    sent = {f"{prefix}-TOTAL_FORMS": str(len(given)), f"{prefix}-INITIAL_FORMS": "0"}
    return sent | {f"{prefix}-{n}-{name}": value for n, row in enumerate(given) for name, value in row.items()}


def plan(w, case, *invited: dict, **changes) -> dict:
    sent = {
        "day": "明天",
        "starts": "下午3点",
        "venue": str(w.hall.pk),
        "chair": "officer",
        "purpose": "马文林的界桩",
        "parties": [str(party.pk) for party in case.parties.all()],
        **rows("invited", *invited),
    }
    return {name: value for name, value in (sent | changes).items() if value is not None}


def planned(w, case, *, at=NOW, starts_at=NOW - dt.timedelta(minutes=40), **facts) -> Session:
    given = {"starts_at": starts_at, "venue": w.hall, "chair": w.officer, "parties": [p.pk for p in case.parties.all()]}
    return Session.objects.plan(case=case, by=w.officer, at=at, facts=given | facts)


def record(session: Session, **changes) -> dict:
    sent = {
        "version": str(session.version),
        "outcome": "agreed",
        "held_on": "今天",
        "began": "8:30",
        "rights_told": "8:30",
        "chair": session.chair.username,
        "points_agreed": "按旧界桩放牧",
        **rows("walk_ins"),
        **{f"attended_{row.pk}": "yes" for row in session.listed()},
        **{f"statement_{row.pk}": f"{row.label}说按旧界桩" for row in session.listed() if row.kind == "party"},
    }
    return sent | changes


def url(session: Session, more: str = "") -> str:
    return f"/disputes/{session.dispute.case_no}/sessions/{session.pk}/{more}"


# --- planning --------------------------------------------------------------------------------------------------------
def test_a_session_is_planned_from_the_case_page(w, case, sign_in):
    client = sign_in(w.officer)
    page = client.get(f"/disputes/{case.case_no}/").content.decode()
    assert f"/disputes/{case.case_no}/sessions/new/" in page
    page = client.get(f"/disputes/{case.case_no}/sessions/new/").content.decode()
    assert "石门警务室调解室" in page and page.count("checked") >= 2  # both parties are asked unless somebody unticks
    neighbour = {"name": "老马", "capacity": "neighbour", "consent": "agreed", "ask": "说说当年的界桩"}
    water = {"who": f"o:{w.department_office.code}", "ask": "带水权图"}
    answer = client.post(f"/disputes/{case.case_no}/sessions/new/", plan(w, case, water, neighbour))
    session = Session.objects.get()
    assert answer.url == url(session)
    assert timezone.localtime(session.starts_at) == NOW + dt.timedelta(days=1, hours=6)
    assert [(row.label, row.ask, row.consent) for row in session.listed()[2:]] == [
        ("松山镇水管站", "带水权图", ""),
        ("老马", "说说当年的界桩", "agreed"),
    ]
    page = client.get(answer.url).content.decode()
    assert "还没到时间" in page and "老马" in page and "还没问当事人" in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"day": "三月初"}, "认不出"),
        ({"starts": "天亮"}, "写成 9:00"),
        ({"starts": "25:00"}, "写成 9:00"),
        ({"ends": "下午2点"}, "晚于开始时间"),
        ({"venue": None}, "选会议室"),
        ({"venue": "99999"}, "没有这个选项"),
        ({"parties": None}, "至少请一方"),
        ({"chair": "far_officer"}, "没有这个选项"),
        ({"track": "people"}, "不是人民调解员"),
        (rows("invited", {"name": "老马", "consent": "agreed"}), "身份"),
        (rows("invited", {"name": "老马", "capacity": "relative", "consent": "refused"}), "不同意老马参加"),
        (rows("invited", {"name": "老马", "who": "u:mediator"}), "另加一行"),
    ],
)
def test_a_wrong_plan_keeps_everything_typed(w, case, sign_in, changes, sentence):
    answer = sign_in(w.officer).post(f"/disputes/{case.case_no}/sessions/new/", plan(w, case, **changes))
    page = answer.content.decode()
    assert answer.status_code == 422 and sentence in page and "马文林的界桩" in page
    assert not Session.objects.exists()


def test_a_taken_room_is_named_and_shared_knowingly(w, case, sign_in):
    first = planned(w, case, starts_at=NOW + dt.timedelta(days=1, hours=6))
    client, sent = sign_in(w.officer), plan(w, case)
    answer = client.post(f"/disputes/{case.case_no}/sessions/new/", sent)
    page = answer.content.decode()
    assert answer.status_code == 422 and "已约了联调会" in page and "仍用这间" in page
    client.post(f"/disputes/{case.case_no}/sessions/new/", sent | {"shares_venue": "on"})
    assert Session.objects.exclude(pk=first.pk).get().shares_venue


def test_who_may_not_plan_is_told_why(w, case, sign_in):
    address = f"/disputes/{case.case_no}/sessions/new/"
    assert sign_in(w.supervisor).get(address).status_code == 403
    answer = sign_in(w.assistant).get(address)
    assert answer.status_code == 409 and "石门警务室" in answer.content.decode()
    case.set_consent(case.parties.first(), by=w.officer, at=NOW, consent="refused")
    answer = sign_in(w.officer).post(address, plan(w, case))
    assert answer.status_code == 409 and "明确表示不愿意调解" in answer.content.decode()


def test_a_family_case_asks_for_a_knowing_tick(w, sign_in):
    case = f.register(w, by=w.assistant, type_l1="01", type_l2="0101")
    case.perform("take_up", by=w.assistant, at=NOW, handler=w.assistant)
    client, address = sign_in(w.assistant), f"/disputes/{case.case_no}/sessions/new/"
    page = client.get(address).content.decode()
    assert "分开约见双方" in page and 'name="parties" value' in page and "checked" not in page
    w.hall = Venue.objects.add(office=w.committee, name="会议室", by=w.assistant, at=NOW)
    sent = plan(w, case, chair="assistant")
    assert "确实要同坐一间屋" in client.post(address, sent).content.decode()
    sent |= {"together": "on", "together_reason": "双方都要求当面说"}
    assert client.post(address, sent).status_code == 302


def test_a_draft_of_plan_and_record_comes_back_and_goes_with_the_submission(w, case, sign_in):
    client, session = sign_in(w.officer), planned(w, case)
    new = f"session:new:{case.case_no}"
    for key, sent, address in (
        (new, plan(w, case), f"/disputes/{case.case_no}/sessions/new/"),
        (f"session:change:{session.pk}", plan(w, case), url(session, "change/")),
        (f"session:record:{session.pk}", record(session), url(session)),
    ):
        assert client.post(f"/drafts/{key}/", sent).status_code == 200
        page = client.get(address).content.decode()
        assert "草稿" in page and ("马文林的界桩" in page or "按旧界桩放牧" in page)
        assert sign_in(w.far_officer).post(f"/drafts/{key}/", sent).status_code == 404
    assert client.post(url(session), record(session)).status_code == 302
    assert not Draft.objects.filter(key=f"session:record:{session.pk}").exists()
    assert client.post(f"/drafts/session:record:{'9' * 30}/").status_code == 404
    assert client.post("/drafts/session:nonsense:1/").status_code == 404


# --- changing --------------------------------------------------------------------------------------------------------
def test_the_second_who_changes_sees_both_versions(w, case, sign_in):
    session = planned(w, case, starts_at=NOW + dt.timedelta(days=1))
    sent = plan(w, case, version="1", starts="10:00", purpose="先看现场")
    assert sign_in(w.second_officer).post(url(session, "change/"), sent).status_code == 302
    mine = plan(w, case, version="1", starts="16:00", purpose="先算账")
    answer = sign_in(w.officer).post(url(session, "change/"), mine)
    page = answer.content.decode()
    assert answer.status_code == 409 and "何静" in page
    assert "先看现场" in page and "先算账" in page and 'value="2"' in page
    assert sign_in(w.officer).post(url(session, "change/"), mine | {"version": "2"}).status_code == 302


def test_calling_off_needs_a_reason(w, case, sign_in):
    session, client = planned(w, case, starts_at=NOW + dt.timedelta(days=1)), sign_in(w.officer)
    assert client.post(url(session, "call-off/")).status_code == 422
    assert client.post(url(session, "call-off/"), {"reason": "大雪封路"}).status_code == 302
    page = client.get(url(session)).content.decode()
    assert "已取消" in page and "大雪封路" in page and "改安排" not in page


# --- the record ------------------------------------------------------------------------------------------------------
def test_the_record_is_written_and_printed_without_a_signature(w, case, sign_in):
    session, client = planned(w, case, invited=[{"user": w.mediator}]), sign_in(w.officer)
    page = client.get(url(session)).content.decode()
    assert "checked" not in page.split("记录</h2>")[1]  # nothing is filled in beforehand
    staff = session.listed()[-1]
    relative = {"name": "马占海", "capacity": "relative", "consent": "agreed"}
    sent = record(session, **rows("walk_ins", relative), education="草原法", **{f"consent_{staff.pk}": "agreed"})
    assert client.post(url(session), sent).status_code == 302
    session.refresh_from_db()
    assert (session.state, session.outcome) == ("held", "agreed")
    page = client.get(url(session)).content.decode()
    assert "马文林说按旧界桩" in page and "约下一场" in page and "马占海" in page
    sheet = client.get(url(session, "print/")).content.decode()
    for words in (
        "调解记录",
        "马文林说按旧界桩",
        "草原法",
        "马占海",
        "当事人 马文林（签名或按指印）",
        "记录人（签名）",
    ):
        assert words in sheet, words
    assert sheet.count('class="line"></span>') == 6  # blank lines, nobody's name in them
    assert "不收取任何费用" in client.get(url(session, "print/?what=invitation")).content.decode()
    assert AccessLog.objects.filter(action="print", subject=case.case_no).count() == 1  # within ten minutes


def test_nothing_is_printed_as_a_record_before_there_is_one(w, case, sign_in):
    session, client = planned(w, case), sign_in(w.officer)
    assert client.get(url(session, "print/?what=record")).status_code == 409
    assert client.get(url(session, "print/?what=nonsense")).status_code == 404
    assert "联调会通知" in client.get(url(session, "print/")).content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"outcome": ""}, "选这次的结果"),
        ({"rights_told": ""}, "先宣读权利义务"),
        ({"began": "9:30"}, "还没到"),
        ({"points_agreed": ""}, "说到一起"),
        ({"outcome": "continue", "points_open": "补偿"}, "下次哪天"),
        ({"outcome": "not_held"}, "为什么没有开成"),
        ({"recusal_by": "x"}, "没有这个选项"),
    ],
)
def test_a_wrong_record_keeps_everything_typed(w, case, sign_in, changes, sentence):
    session = planned(w, case)
    sent = record(session, education="草原法") | changes
    answer = sign_in(w.officer).post(url(session), sent)
    page = answer.content.decode()
    assert answer.status_code == 422 and sentence in page and "草原法" in page and "马文林说按旧界桩" in page
    session.refresh_from_db()
    assert session.state == "planned"


def test_the_second_who_records_keeps_their_words_and_sees_the_first(w, case, sign_in):
    session = planned(w, case)
    assert sign_in(w.second_officer).post(url(session), record(session)).status_code == 302
    mine = record(session, outcome="not_agreed", points_agreed="", points_open="补偿多少没说拢")
    answer = sign_in(w.officer).post(url(session), mine)
    page = answer.content.decode()
    assert answer.status_code == 409 and "何静" in page
    assert "按旧界桩放牧" in page and "补偿多少没说拢" in page and "没有谈成" in page
    session.refresh_from_db()
    assert session.outcome == "agreed"
    assert sign_in(w.officer).post(url(session), mine | {"version": "2"}).status_code == 302  # corrected, knowingly
    assert case.events.filter(kind="session").count() == 2


def test_supervisors_read_no_names(w, case, sign_in):
    session = planned(w, case, purpose="马文林要界桩", invited=[{"name": "韩老三", "capacity": "cadre"}])
    sign_in(w.officer).post(url(session), record(session, **{f"consent_{session.listed()[-1].pk}": "agreed"}))
    client = sign_in(w.supervisor)
    for address in (url(session), url(session, "print/"), "/sessions/?show=past", f"/disputes/{case.case_no}/"):
        page = client.get(address).content.decode()
        assert not any(name in page for name in ("马文林", "王世昌", "韩老三")), address
    assert client.post(url(session), record(session)).status_code == 403


# --- invitations -----------------------------------------------------------------------------------------------------
def test_a_department_sees_the_invitation_and_nothing_of_the_case(w, case, sign_in):
    asked = [{"office": w.department_office, "ask": "带水权图"}]
    session = planned(w, case, starts_at=NOW + dt.timedelta(hours=20), purpose="马文林的界桩", invited=asked)
    react(case.events.first().pk)
    client = sign_in(w.department)
    for address in ("/sessions/", f"/sessions/{session.uid}/", "/notices/", "/"):
        page = client.get(address).content.decode()
        assert not any(words in page for words in (case.case_no, "马文林", "王世昌", "界桩", "草场")), address
    page = client.get(f"/sessions/{session.uid}/").content.decode()
    assert all(words in page for words in ("2026-03-03 05:00", "石门警务室调解室", "刘建军", "带水权图"))
    told = Notice.objects.get(user=w.department)
    assert client.post(f"/notices/{told.pk}/open/").url == f"/sessions/{session.uid}/"
    assert client.get(url(session)).status_code == 404
    assert sign_in(w.counsellor).get(f"/sessions/{session.uid}/").status_code == 404
    # the day before it is told once more
    plan_reminders(lambda: NOW), send_due(lambda: NOW)
    kinds = set(Notice.objects.filter(user=w.department).values_list("kind", flat=True))
    assert kinds == {"session_plan", "session_soon"}
    assert "别忘了联调会" in client.get("/notices/").content.decode()


def test_changed_and_called_off_are_told_and_a_dead_reminder_is_not_sent(w, case, sign_in):
    session = planned(w, case, starts_at=NOW + dt.timedelta(hours=20), invited=[{"office": w.department_office}])
    facts = {"starts_at": NOW + dt.timedelta(hours=26), "venue": w.hall, "chair": w.officer, "purpose": ""}
    facts["parties"] = [p.pk for p in case.parties.all()]
    plan_reminders(lambda: NOW)
    react(session.change(by=w.officer, at=NOW, version=1, facts=facts).pk)
    told = Notice.objects.filter(user=w.department)
    assert list(told.values_list("kind", flat=True)) == ["session_off"]
    page = sign_in(w.department).get(f"/sessions/{session.uid}/").content.decode()
    assert "这次不用你参加" in page
    react(session.call_off(by=w.officer, at=NOW, reason="下雪").pk)
    send_due(lambda: NOW)
    assert not Notice.objects.filter(kind="session_soon").exists()


# --- the list --------------------------------------------------------------------------------------------------------
def test_the_list_has_a_place_for_each(w, case, sign_in):
    planned(w, case, starts_at=NOW + dt.timedelta(days=1))
    open_one = planned(w, case)
    client = sign_in(w.officer)
    assert f"{case.case_no}" in client.get("/sessions/").content.decode()
    page = client.get("/sessions/?show=open").content.decode()
    assert url(open_one) in page and "待填结果" in page
    assert "没有请你参加" in sign_in(w.assistant).get("/sessions/?show=mine").content.decode()
    assert "还没有开过" in client.get("/sessions/?show=past").content.decode()
    assert client.get("/sessions/?show=nonsense&page=99").status_code == 200


def test_a_session_without_an_outcome_is_work_from_the_next_working_day(w, case, sign_in, monkeypatch):
    friday = NOW + dt.timedelta(days=4)
    session = planned(w, case, starts_at=friday)
    for days, there in ((4, False), (5, False), (6, False), (7, True)):  # over the weekend nobody is asked
        monkeypatch.setattr(timezone, "now", lambda days=days: NOW + dt.timedelta(days=days, minutes=1))
        client = sign_in(w.second_officer)
        page = client.get("/todo/?kind=session").content.decode()
        assert (url(session) in page) is there, days
    assert "联调会还没有结果" in client.get("/").content.decode()
    assert url(session) not in sign_in(w.centre).get("/todo/").content.decode()


# --- rooms -----------------------------------------------------------------------------------------------------------
def test_a_lead_adds_and_ends_a_room(w, case, sign_in):
    client = sign_in(w.officer)
    assert client.post("/sessions/rooms/", {"office": w.room.code, "name": "里屋"}).status_code == 302
    answer = client.post("/sessions/rooms/", {"office": w.room.code, "name": "里屋"})
    assert answer.status_code == 422 and "换个名称" in answer.content.decode()
    assert client.post("/sessions/rooms/", {"office": w.centre_office.code, "name": "x"}).status_code == 422
    room = Venue.objects.get(name="里屋")
    assert client.post(f"/sessions/rooms/{room.pk}/end/").status_code == 302
    assert "里屋" not in client.get("/sessions/rooms/").content.decode().split("在用的会议室")[1]
    assert sign_in(w.second_officer).get("/sessions/rooms/").status_code == 403
    assert sign_in(w.centre_lead).post(f"/sessions/rooms/{w.hall.pk}/end/").status_code == 404
    assert sign_in(w.sysadmin).get("/sessions/rooms/").status_code == 200
