"""Whistles through their doors: several offices at once, each by itself, and nothing shared that was not ticked."""

from __future__ import annotations

import datetime as dt
import uuid
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from django.utils import timezone

from audit.models import AccessLog
from disputes import attachments
from disputes.models import Dispute, FactsMissing, MoveRefused, NotYours
from disputes.whistles.models import Call, Whistle, offices_to_ask, why_not_blow
from disputes.whistles.page import Reader, took
from tests import factories as f
from tests.factories import NOW, moment
from tests.samples import PDF
from villages.models import Policy, Posting, User
from villages.workdays import load_calendar

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
TUESDAY = dt.date(2026, 3, 3)
FILE = SimpleUploadedFile("现场记录.pdf", PDF, "application/pdf")


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def w():
    return f.departments(f.world())


@pytest.fixture
def case(w) -> Dispute:
    return f.mediating(w)


@pytest.fixture
def whistle(w, case) -> Whistle:
    return f.blow(case, w.assistant, w.department_office, w.land_office, w.justice_office)


def call(whistle: Whistle, office) -> Call:
    return whistle.calls.get(office=office)


def accept(whistle: Whistle, by: User, at: dt.datetime = NOW, **facts) -> Call:
    given = {"who_comes": "甘延平", "coming_on": TUESDAY, **facts}
    return whistle.answer("accept", by=by, at=at, **given)


# --- asking ----------------------------------------------------------------------------------------------------------
def test_several_offices_are_asked_in_one_step_and_the_case_stays_where_it_is(w, case, whistle):
    before = (case.desk_id, case.tier, case.status, case.due_on, case.version)
    case.refresh_from_db()
    assert (case.desk_id, case.tier, case.status, case.due_on, case.version) == before
    rows = whistle.calls.order_by("pk").values_list("office", "state", "asked_at", "answer_due_on", "due_on")
    offices = [w.department_office.pk, w.land_office.pk, w.justice_office.pk]
    assert list(rows) == [(pk, "asked", NOW, TUESDAY, TUESDAY) for pk in offices]  # 1 working day
    event = case.events.get(kind="whistle")
    assert event.facts["to"] == ["松山镇水管站", "松山镇自然资源所", "松山司法所"] and event.text.body == "来现场看渠口"
    assert event.desk_id == w.committee.pk and AccessLog.objects.filter(event_hash=event.hash).exists()


def test_the_answer_day_is_a_setting_and_may_be_set_by_hand(w, case):
    Policy.objects.create(key="whistle_answer_days", value=3, valid_from=TODAY)
    assert f.blow(case, w.assistant, w.land_office).answer_by == dt.date(2026, 3, 5)
    assert f.blow(case, w.assistant, w.land_office, answer_by=TODAY).answer_by == TODAY
    for day in (TODAY - dt.timedelta(1), TODAY + dt.timedelta(91)):
        with pytest.raises(FactsMissing) as refusal:
            f.blow(case, w.assistant, w.land_office, answer_by=day)
        assert set(refusal.value.errors) == {"answer_by"}


def test_an_office_without_people_is_named_before_anything_is_sent(w, case):
    with pytest.raises(FactsMissing) as refusal:
        f.blow(case, w.assistant, w.land_office, w.empty_office)
    assert "松山镇畜牧站" in refusal.value.errors["offices"] and "自然资源所" not in refusal.value.errors["offices"]
    assert not Whistle.objects.exists() and not case.events.filter(kind="whistle").exists()
    Posting.objects.filter(office=w.justice_office).update(valid_to=TODAY)  # the last one left today
    with pytest.raises(FactsMissing) as refusal:
        f.blow(case, w.assistant, w.justice_office)
    assert "松山司法所" in refusal.value.errors["offices"]


def test_any_kind_of_office_of_the_county_but_the_own_desk_and_no_other_county(w, case):
    asked = set(offices_to_ask(case).values_list("name", flat=True))
    assert {"松山镇综治中心", "大湾警务室", "天堂镇综治中心", "县委政法委", "松山司法所"} <= asked
    assert "石门村委会" not in asked and "暖泉警务室" not in asked
    for stranger in (w.committee, w.other_room):
        with pytest.raises(FactsMissing) as refusal:
            f.blow(case, w.assistant, stranger)
        assert set(refusal.value.errors) == {"offices"}


def test_what_is_missing_is_told_all_at_once(w, case):
    with pytest.raises(FactsMissing) as refusal:
        Whistle.objects.blow(case=case, by=w.assistant, at=NOW)
    assert set(refusal.value.errors) == {"offices", "kind", "what", "summary"}


def test_only_the_desk_of_an_open_case_blows(w, case):
    assert why_not_blow(case, w.grid) is None
    assert "石门村委会" in (why_not_blow(case, w.officer) or "")
    for stranger in (w.supervisor, w.department, w.counsellor, w.sysadmin):
        with pytest.raises(NotYours):
            why_not_blow(case, stranger)
    case.perform("pause", by=w.assistant, at=NOW, reason="等丈量")
    with pytest.raises(MoveRefused, match="恢复"):
        f.blow(case, w.assistant, w.land_office)
    case.perform("withdraw", by=w.assistant, at=NOW, asked_by="双方", reason="自行说和")
    with pytest.raises(MoveRefused, match="不能吹哨"):
        f.blow(case, w.assistant, w.land_office)


def test_the_same_submission_twice_is_one_whistle(w, case):
    key = uuid.uuid4()
    assert f.blow(case, w.assistant, w.land_office, submission=key) == f.blow(
        case, w.assistant, w.land_office, submission=key
    )
    assert Call.objects.count() == case.events.filter(kind="whistle").count() == 1


# --- what is shared --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"summary": "马文林家的界桩没了"}, "summary"),
        ({"what": "去找王世昌"}, "what"),
        ({"summary": "打 138 1234 6021"}, "summary"),
        ({"summary": "证号 620699197401010013", "share_names": True, "share_phones": True}, "summary"),
        ({"share_phones": True}, "share_phones"),
    ],
)
def test_names_phones_and_numbers_go_out_by_a_tick_only(w, case, facts, field):
    with pytest.raises(FactsMissing) as refusal:
        f.blow(case, w.assistant, w.land_office, **facts)
    assert set(refusal.value.errors) == {field}


def test_a_tick_lets_the_name_into_the_text(w, case):
    assert f.blow(case, w.assistant, w.land_office, share_names=True, summary="马文林家的界桩没了").share_names


def test_a_protected_case_shares_names_and_files_only_knowingly(w):
    case = f.mediating(w, type_l1="01", type_l2="0101")
    file = attachments.attach(case, w.assistant, NOW, FILE)
    for facts in ({"share_names": True}, {"attachments": [file]}):
        with pytest.raises(FactsMissing) as refusal:
            f.blow(case, w.assistant, w.justice_office, **facts)
        assert set(refusal.value.errors) == {"knowingly"}
        assert f.blow(case, w.assistant, w.justice_office, **facts, knowingly=True)
    assert f.blow(case, w.assistant, w.justice_office)  # the text alone needs no tick
    assert case.events.filter(kind="whistle", facts__knowingly=True).count() == 2
    with pytest.raises(FactsMissing) as refusal:  # who may not see a phone does not pass it on: grid is not the handler
        f.blow(case, w.grid, w.justice_office, share_names=True, share_phones=True, knowingly=True)
    assert "才让卓玛" in refusal.value.errors["share_phones"]


def test_files_of_another_case_are_not_shared(w, case):
    other = attachments.attach(f.mediating(w), w.assistant, NOW, FILE)
    with pytest.raises(FactsMissing) as refusal:
        f.blow(case, w.assistant, w.land_office, attachments=[other])
    assert set(refusal.value.errors) == {"attachments"}


def read(whistle: Whistle, user: User, at: dt.datetime = NOW) -> dict:
    return Reader(user, at).read_all([Whistle.objects.for_page().get(pk=whistle.pk)])[0]


def test_an_asked_office_reads_its_own_call_and_what_was_ticked(w, case):
    file = attachments.attach(case, w.assistant, NOW, FILE)
    offices = (w.land_office, w.justice_office)
    whistle = f.blow(case, w.assistant, *offices, share_names=True, share_phones=True, attachments=[file])
    accept(whistle, w.justice, who_comes="石天喜")
    shown = read(whistle, w.land)
    assert [row["office"].name for row in shown["calls"]] == ["松山镇自然资源所"] and shown["case_no"] == ""
    assert [p["name"] for p in shown["shared"]["parties"]] == ["马文林", "王世昌"]
    assert [p["phone"] for p in shown["shared"]["parties"]] == ["138****6021", "139****4417"]
    assert shown["shared"]["place"] == "" and [x["name"] for x in shown["shared"]["files"]] == ["现场记录.pdf"]
    assert whistle.file_for(w.land, file.uid, NOW) == file
    whistle.answer("decline", by=w.land, at=NOW, reply="人手不够")
    assert read(whistle, w.land)["shared"] is None  # nothing left to do: only the text and the own answer stay
    assert whistle.file_for(w.land, file.uid, NOW) is None


def test_phones_are_shown_one_by_one_and_logged(w, case):
    whistle = f.blow(case, w.assistant, w.land_office, share_names=True, share_phones=True)
    phones = [phone for _party, phone in whistle.reveal_phones(by=w.land, at=NOW)]
    assert phones == ["13812346021", "13912344417"]
    row = AccessLog.objects.get(action="reveal")
    assert (row.actor_id, row.subject) == (w.land.pk, f"{case.case_no} {whistle.uid}")
    with pytest.raises(MoveRefused, match="没有提供电话"):
        f.blow(case, w.assistant, w.land_office).reveal_phones(by=w.land, at=NOW)
    whistle.answer("done", by=w.land, at=NOW, done_note="量过了")
    with pytest.raises(MoveRefused, match="不再提供"):
        whistle.reveal_phones(by=w.land, at=NOW)


def test_who_sees_which_whistle(w, case, whistle):
    far = f.register(w, village=w.far_village, by=w.far_assistant)
    theirs = f.blow(far, w.far_assistant, w.far_centre_office)
    mine = {
        name: list(Whistle.objects.visible_to(getattr(w, name)).order_by("pk"))
        for name in ("land", "second_land", "department", "assistant", "officer", "supervisor", "far_centre", "nobody")
    }
    assert mine == {
        **dict.fromkeys(["land", "second_land", "department", "assistant", "officer"], [whistle]),
        "supervisor": [whistle, theirs],
        "far_centre": [theirs],
        "nobody": [],
    }
    Posting.objects.filter(user=w.land).update(valid_to=TODAY)
    w.land.forget_scope()
    assert not Whistle.objects.visible_to(w.land).exists()


def test_supervisors_read_the_answers_without_names(w, case):
    whistle = f.blow(case, w.assistant, w.land_office, share_names=True, summary="马文林说界桩没了")
    accept(whistle, w.land, reply="找王世昌一起量")
    shown = read(whistle, w.supervisor)
    assert shown["summary"] == "马*说界桩没了" and shown["calls"][0]["reply"] == "找王*一起量"
    assert read(whistle, w.assistant)["summary"] == "马文林说界桩没了"


# --- answering -------------------------------------------------------------------------------------------------------
def test_each_office_answers_by_itself_with_its_own_clock(w, case, whistle):
    later = NOW + dt.timedelta(hours=3)
    accept(whistle, w.land, later, coming_on=dt.date(2026, 3, 6))
    whistle.answer("decline", by=w.justice, at=later, reply="本月在县里培训")
    rows = {row.office.name: row for row in whistle.calls.select_related("office")}
    land, justice, water = rows["松山镇自然资源所"], rows["松山司法所"], rows["松山镇水管站"]
    assert (land.state, land.due_on, land.answered_at, land.answered_by) == (
        "accepted", dt.date(2026, 3, 6), later, w.land,
    )  # fmt: skip
    assert (justice.state, justice.due_on, justice.reply) == ("declined", None, "本月在县里培训")
    assert (water.state, water.due_on) == ("asked", TUESDAY)
    done_at = moment("2026-03-06 16:00")
    whistle.answer("done", by=w.second_land, at=done_at, done_note="丈量完毕", file=FILE)
    land.refresh_from_db()
    assert (land.state, land.due_on, land.done_at, land.done_by, land.answered_by) == (
        "done", None, done_at, w.second_land, w.land,
    )  # fmt: skip
    event = case.events.filter(kind="whistle_answer").first()
    assert event.office == w.land_office and land.file.event == event and event.facts["answer"] == "done"
    assert whistle.file_for(w.land, land.file.uid, done_at) == land.file
    assert whistle.file_for(w.justice, land.file.uid, done_at) is None


@pytest.mark.parametrize(
    ("name", "facts", "fields"),
    [
        ("accept", {}, {"who_comes", "coming_on"}),
        ("accept", {"who_comes": "甘延平", "coming_on": TODAY - dt.timedelta(1)}, {"coming_on"}),
        ("decline", {}, {"reply"}),
        ("done", {}, {"done_note"}),
    ],
)
def test_an_answer_says_what_it_must(w, whistle, name, facts, fields):
    with pytest.raises(FactsMissing) as refusal:
        whistle.answer(name, by=w.land, at=NOW, **facts)
    assert set(refusal.value.errors) == fields
    assert call(whistle, w.land_office).state == "asked"


def test_a_second_colleague_is_told_who_was_first(w, case, whistle):
    accept(whistle, w.land)
    with pytest.raises(MoveRefused, match="甘延平 在 03-02 09:00 已经答复“已接受”"):
        whistle.answer("decline", by=w.second_land, at=NOW, reply="没空")
    assert case.events.filter(kind="whistle_answer").count() == 1


def test_a_hostile_file_is_refused_and_the_answer_is_not_given(w, case, whistle):
    bad = SimpleUploadedFile("../记录.pdf", b"MZ\x90")
    with pytest.raises(attachments.FileRefused):
        whistle.answer("done", by=w.land, at=NOW, done_note="量过了", file=bad)
    assert call(whistle, w.land_office).state == "asked" and not case.events.filter(kind="whistle_answer").exists()


def test_nobody_answers_for_an_office_that_is_not_theirs(w, whistle):
    for stranger, error in ((w.assistant, MoveRefused), (w.supervisor, NotYours), (w.sysadmin, NotYours)):
        with pytest.raises(error):
            accept(whistle, stranger)
    with pytest.raises(MoveRefused):
        accept(whistle, w.land, office=w.justice_office.code)


def test_a_person_of_two_asked_offices_says_for_which(w, whistle):
    Posting.objects.create(user=w.land, office=w.justice_office, role="department", valid_from=TODAY)
    accept(whistle, w.land, office=w.justice_office.code)
    assert [row.state for row in whistle.calls.order_by("pk")] == ["asked", "asked", "accepted"]


def test_the_first_look_of_an_office_is_kept(w, whistle):
    for minutes in (10, 20):
        at = NOW + dt.timedelta(minutes=minutes)
        Whistle.objects.get(pk=whistle.pk).seen(by=w.land, at=at)
    assert call(whistle, w.land_office).first_seen_at == NOW + dt.timedelta(minutes=10)
    assert call(whistle, w.justice_office).first_seen_at is None
    accept(whistle, w.justice)  # whoever answers has seen it
    assert call(whistle, w.justice_office).first_seen_at == NOW


def test_answers_are_measured_by_their_day(w, whistle):
    late = moment("2026-03-04 09:00")
    accept(whistle, w.land)
    assert accept(whistle, w.justice, late, coming_on=dt.date(2026, 3, 5)).in_time(late.date()) is False
    assert call(whistle, w.land_office).in_time(late.date()) is True
    assert [call(whistle, w.department_office).in_time(day) for day in (TUESDAY, late.date())] == [None, False]
    assert list(Call.objects.overdue(late.date()).values_list("office__name", flat=True)) == [
        "松山镇水管站", "松山镇自然资源所",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("2026-03-02 09:40", "40 分钟"),
        ("2026-03-02 14:10", "5 小时"),
        ("2026-03-03 08:00", "1 个工作日"),
        ("2026-03-09 08:00", "5 个工作日"),
    ],
)
def test_how_long_it_took_in_plain_words(w, end, words):
    assert took(NOW, moment(end), load_calendar(TODAY)) == words
    friday = moment("2026-03-06 17:00")
    assert took(friday, moment("2026-03-07 10:00"), load_calendar(TODAY)) == "不到 1 个工作日"


# --- the end ---------------------------------------------------------------------------------------------------------
def test_one_office_is_called_off(w, case, whistle):
    whistle.call_off(by=w.assistant, at=NOW, office=w.land_office.code, reason="已经量过")
    row = call(whistle, w.land_office)
    assert (row.state, row.due_on, row.ended_at, row.off_reason) == ("off", None, NOW, "已经量过")
    assert row.ended_with == case.events.get(kind="whistle_off") and whistle.is_live
    with pytest.raises(MoveRefused, match="撤回或结束"):
        accept(whistle, w.land)
    with pytest.raises(MoveRefused, match="不用撤回"):
        whistle.call_off(by=w.assistant, at=NOW, office=w.land_office.code, reason="再来")
    with pytest.raises(FactsMissing):
        whistle.call_off(by=w.assistant, at=NOW, office=w.justice_office.code, reason="")


def test_the_chair_closes_and_says_why_when_somebody_has_not_answered(w, case, whistle):
    accept(whistle, w.land)
    whistle.answer("done", by=w.land, at=NOW, done_note="量过了")
    accept(whistle, w.justice)
    with pytest.raises(FactsMissing) as refusal:
        whistle.close(by=w.assistant, at=NOW)
    assert refusal.value.errors["reason"].startswith("松山镇水管站、松山司法所还没有")
    whistle.close(by=w.assistant, at=NOW, reason="水管站电话说不派人")
    assert not whistle.is_live and whistle.close_reason == "水管站电话说不派人"
    assert dict(whistle.calls.values_list("office__name", "state")) == {
        "松山镇水管站": "silent", "松山镇自然资源所": "done", "松山司法所": "accepted",
    }  # fmt: skip
    assert not Call.objects.pending().exists()
    released = case.events.get(kind="whistle_close").released
    assert set(released.values_list("office__name", flat=True)) == {"松山镇水管站", "松山司法所"}
    with pytest.raises(MoveRefused, match="已经结束"):
        whistle.close(by=w.assistant, at=NOW)


def test_who_leads_a_whistle(w, case, whistle):
    f.attempt(case, w.assistant)
    case.perform("escalate", by=w.assistant, at=NOW, reason="要丈量")
    whistle = Whistle.objects.get(pk=whistle.pk)
    assert whistle.why_not_lead(w.grid) is None  # the desk that asked
    assert whistle.why_not_lead(w.officer) is None  # the desk that has the case by now
    assert "石门村委会" in (whistle.why_not_lead(w.centre) or "")
    with pytest.raises(NotYours):
        whistle.why_not_lead(w.supervisor)


TOLD = {"told_ways": ["court"], "told_on": TODAY}
LEAVING = {
    "settle": None,
    "refer": {"way": "court", **TOLD},
    "end": {"reason": "谈不拢", **TOLD},
    "withdraw": {"asked_by": "双方", "reason": "自行说和"},
    "merge": {"reason": "同一件事"},
}


@pytest.mark.parametrize("name", LEAVING)
def test_leaving_settles_every_pending_whistle_with_the_move(w, case, whistle, name):
    accept(whistle, w.land)
    whistle.answer("decline", by=w.justice, at=NOW, reply="没空")
    facts = LEAVING[name] or f.settlement(w, case, organisation=w.committee, chair=w.village_mediator)
    if name == "merge":
        facts = {**facts, "target": f.mediating(w)}
    event = case.perform(name, by=w.assistant, at=NOW, **facts)
    whistle.refresh_from_db()
    assert (whistle.closed_at, whistle.closed_with) == (NOW, event)
    assert dict(whistle.calls.values_list("office__name", "state")) == {
        "松山镇水管站": "off", "松山镇自然资源所": "accepted", "松山司法所": "declined",
    }  # fmt: skip
    assert set(event.released.values_list("office__name", flat=True)) == {"松山镇水管站", "松山镇自然资源所"}
    with pytest.raises(MoveRefused, match="撤回或结束"):
        whistle.answer("done", by=w.land, at=NOW, done_note="晚了")


def test_a_move_that_does_not_leave_settles_nothing(w, case, whistle):
    case.perform("pause", by=w.assistant, at=NOW, reason="等丈量")
    assert Call.objects.pending().count() == 3


def test_reading_ends_some_days_after_the_whistle(w, case, whistle, monkeypatch):
    accept(whistle, w.land)
    whistle.close(by=w.assistant, at=NOW, reason="不等了")
    days = {29: [whistle], 31: []}
    for n, expected in days.items():
        later = NOW + dt.timedelta(days=n)
        monkeypatch.setattr(timezone, "now", lambda later=later: later)
        assert list(Whistle.objects.visible_to(w.land)) == expected
        assert list(Whistle.objects.visible_to(w.assistant)) == [whistle]  # the desk reads its case
    shown = read(whistle, w.land, NOW + dt.timedelta(days=29))
    assert shown["shared"] is None and shown["calls"][0]["who_comes"] == "甘延平"


def test_what_must_never_be_false_is_held_by_the_database(w, whistle):
    row = call(whistle, w.land_office)
    for wrong in ({"due_on": None}, {"state": "declined"}, {"ended_at": NOW}):
        with pytest.raises(IntegrityError):
            from django.db import transaction

            with transaction.atomic():
                Call.objects.filter(pk=row.pk).update(**wrong)


def test_the_section_of_the_case(w, case):
    from disputes.whistles.panels import whistles_section

    def section(user: User) -> SimpleNamespace | None:
        found = whistles_section(Dispute.objects.for_page().get(pk=case.pk), user)
        return found and SimpleNamespace(**found[1])

    assert section(w.officer) is None and section(w.assistant).may_blow
    f.blow(case, w.assistant, w.land_office, w.justice_office)
    assert section(w.officer).waits and not section(w.officer).may_blow and section(w.officer).count == 1
    whistle = Whistle.objects.get()
    whistle.close(by=w.assistant, at=NOW, reason="不等了")
    assert not section(w.officer).waits
