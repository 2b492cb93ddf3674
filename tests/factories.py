"""A small county for tests, and cases brought into any situation through the real doors.

`world()` builds: county 620623; township 松山镇 with villages 石门村 and 河湾村 (one police room for both) and a
centre; township 天堂镇 with village 大湾村, its room and centre; a second county 620622 with one village. People are
named for what they are: assistant, sister_assistant, mediator, officer, second_officer, centre, centre_lead,
department, counsellor, supervisor (county), town_supervisor, sysadmin, secadmin, auditor, far_* (other township),
foreign_officer (other county).
"""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from disputes.models import Dispute, Event
from disputes.sessions.models import Session
from disputes.whistles.models import Whistle
from followups.counselling.models import CounsellingReferral
from villages.models import Area, Code, Coverage, Office, Posting, Role, SpecialDay, User

SHANGHAI = ZoneInfo("Asia/Shanghai")
PASSWORD = "Songshan-2026-test"
LONG_AGO = dt.date(2020, 6, 30)


def moment(text: str) -> dt.datetime:
    """An aware time in Asia/Shanghai: moment("2026-03-02 09:00")."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


#: A Monday without holidays near it.
NOW = moment("2026-03-02 09:00")


def area(code: str, name: str, level: int, parent: Area | None = None) -> Area:
    return Area.objects.create(
        code=code, name=name, short_name=name, level=level, parent=parent, parent_code=parent.code if parent else ""
    )


def office(code: str, kind: str, name: str, *areas: Area) -> Office:
    row = Office.objects.create(code=code, kind=kind, name=name, area=areas[0])
    for served in areas:
        Coverage.objects.create(office=row, area=served)
    return row


def user(username: str, name: str, *postings: tuple[Office, str] | tuple[Office, str, str]) -> User:
    row = User.objects.create_user(username, PASSWORD, name=name)
    for where, role, *mark in postings:
        Posting.objects.create(user=row, office=where, role=role, mark=mark[0] if mark else "", valid_from=LONG_AGO)
    return row


def world() -> SimpleNamespace:
    w = SimpleNamespace()
    w.county = area("620623000000", "天祝藏族自治县", 3)
    w.township = area("620623103000", "松山镇", 4, w.county)
    w.village = area("620623103201", "石门村", 5, w.township)
    w.sister_village = area("620623103202", "河湾村", 5, w.township)
    w.far_township = area("620623102000", "天堂镇", 4, w.county)
    w.far_village = area("620623102201", "大湾村", 5, w.far_township)
    w.other_county = area("620622000000", "古浪县", 3)
    w.other_township = area("620622100000", "古浪镇", 4, w.other_county)
    w.other_village = area("620622100201", "暖泉村", 5, w.other_township)

    w.committee = office("620623103201-V", "village", "石门村委会", w.village)
    w.sister_committee = office("620623103202-V", "village", "河湾村委会", w.sister_village)
    w.room = office("620623103-R1", "room", "石门警务室", w.village, w.sister_village)
    w.centre_office = office("620623103-C", "centre", "松山镇综治中心", w.township)
    w.department_office = office("620623103-D1", "department", "松山镇水管站", w.township)
    w.far_committee = office("620623102201-V", "village", "大湾村委会", w.far_village)
    w.far_room = office("620623102-R1", "room", "大湾警务室", w.far_village)
    w.far_centre_office = office("620623102-C", "centre", "天堂镇综治中心", w.far_township)
    w.bureau = office("620623-B1", "county", "县委政法委", w.county)
    w.other_room = office("620622100-R1", "room", "暖泉警务室", w.other_village)

    w.assistant = user("assistant", "才让卓玛", (w.committee, Role.ASSISTANT, "lead"))
    w.grid = user("grid", "马小兰", (w.committee, Role.GRID))
    w.sister_assistant = user("sister_assistant", "李国栋", (w.sister_committee, Role.ASSISTANT))
    w.officer = user("officer", "刘建军", (w.room, Role.OFFICER, "lead"))
    w.second_officer = user("second_officer", "何静", (w.room, Role.OFFICER))
    w.centre = user("centre", "杨敏", (w.centre_office, Role.CENTRE))
    w.centre_lead = user("centre_lead", "赵有福", (w.centre_office, Role.CENTRE, "lead"))
    w.mediator = user("mediator", "王世昌", (w.centre_office, Role.MEDIATOR))
    w.village_mediator = user("village_mediator", "韩玉山", (w.committee, Role.MEDIATOR))
    w.department = user("department", "周庆", (w.department_office, Role.DEPARTMENT))
    w.counsellor = user("counsellor", "孙秀英", (w.bureau, Role.COUNSELLOR))
    w.supervisor = user("supervisor", "陈大勇", (w.bureau, Role.SUPERVISOR))
    w.town_supervisor = user("town_supervisor", "孙宝财", (w.centre_office, Role.SUPERVISOR))
    w.sysadmin = user("sysadmin", "系统员", (w.bureau, Role.SYSADMIN))
    w.secadmin = user("secadmin", "安全员", (w.bureau, Role.SECADMIN))
    w.auditor = user("auditor", "审计员", (w.bureau, Role.AUDITOR))
    w.far_assistant = user("far_assistant", "更登", (w.far_committee, Role.ASSISTANT))
    w.far_officer = user("far_officer", "多杰", (w.far_room, Role.OFFICER))
    w.far_centre = user("far_centre", "拉毛", (w.far_centre_office, Role.CENTRE))
    w.foreign_officer = user("foreign_officer", "外县民警", (w.other_room, Role.OFFICER))
    w.nobody = user("nobody", "未任职")

    codes = [
        ("dispute_type_zz_l1", "01", "婚恋家庭纠纷"),
        ("dispute_type_zz_l1", "02", "邻里纠纷"),
        ("dispute_type_zz_l1", "09", "土地及资源权属纠纷"),
        ("dispute_type_zz_l2", "0101", "恋爱及婚姻"),
        ("dispute_type_zz_l2", "0201", "用水排水通行通风采光"),
        ("dispute_type_zz_l2", "0905", "草场界线纠纷"),
        ("case_source", "01", "当事人申请"),
        ("case_source", "06", "排查发现"),
    ]
    Code.objects.bulk_create(Code(table=t, code=c, name=n, name_en=n) for t, c, n in codes)
    # the year is known, and one make-up Saturday stands in it
    SpecialDay.objects.bulk_create(
        [
            SpecialDay(day=dt.date(2025, 1, 1), kind="holiday", name="元旦"),
            SpecialDay(day=dt.date(2026, 1, 1), kind="holiday", name="元旦"),
            SpecialDay(day=dt.date(2026, 4, 6), kind="holiday", name="清明节"),
            SpecialDay(day=dt.date(2026, 2, 28), kind="workday", name="春节调休"),
            SpecialDay(day=dt.date(2027, 1, 1), kind="holiday", name="元旦"),
        ]
    )
    return w


PARTY_A = {"side": "A", "name": "马文林", "phone": "13812346021", "id_number": "620699197401010013", "sex": "1"}
PARTY_B = {"side": "B", "name": "王世昌", "phone": "13912344417", "address": "石门村三社9号", "sex": "1"}


def register(w: SimpleNamespace, *, by: User | None = None, at: dt.datetime = NOW, **facts: Any) -> Dispute:
    """A pasture dispute in 石门村, waiting at the village; `parties=` and any field may be given."""
    parties, submission = facts.pop("parties", [PARTY_A, PARTY_B]), facts.pop("submission", None)
    given = {
        "village": w.village,
        "type_l1": "09",
        "type_l2": "0905",
        "source": "06",
        "found_on": at.astimezone(SHANGHAI).date(),
        "narrative": "两户夏季草场相邻，界桩被洪水冲走，对约12亩草场归属有争议。",
        **facts,
    }
    people = [dict(p) for p in parties]
    return Dispute.objects.register(by=by or w.assistant, at=at, facts=given, parties=people, submission=submission)


def attempt(case: Dispute, by: User, at: dt.datetime = NOW) -> Event:
    """A recorded mediation attempt, which lets a person escalate."""
    return case.add_note(by=by, at=at, text="到两户家中调解，未达成一致。", way="visit", is_attempt=True)


def agreed(case: Dispute) -> dict[int, str]:
    return {party.pk: "agreed" for party in case.principal_parties()}


def settlement(w: SimpleNamespace, case: Dispute, at: dt.datetime = NOW, **facts: Any) -> dict[str, Any]:
    """Facts of a written people's mediation under `mediator`, with one obligation."""
    day = at.astimezone(SHANGHAI).date()
    parties = case.principal_parties()
    return {
        "result": "written",
        "organisation": w.centre_office,
        "chair": w.mediator,
        "agreed_on": day,
        "consents": agreed(case),
        "text": "双方同意按旧界桩放牧。",
        "obligations": [{"debtor": parties[0], "what": "重新立桩", "amount": None, "due_on": day + dt.timedelta(30)}],
        **facts,
    }


def mediating(w: SimpleNamespace, at: dt.datetime = NOW, **facts: Any) -> Dispute:
    """At the village, taken up by the assistant."""
    case = register(w, at=at, **facts)
    case.perform("take_up", by=w.assistant, at=at, handler=w.assistant)
    return case


def at_room(w: SimpleNamespace, at: dt.datetime = NOW, **facts: Any) -> Dispute:
    """Escalated once, waiting at the police room."""
    case = mediating(w, at=at, **facts)
    attempt(case, w.assistant, at)
    case.perform("escalate", by=w.assistant, at=at, reason="事实争议，需要丈量")
    return case


def at_centre(w: SimpleNamespace, at: dt.datetime = NOW, **facts: Any) -> Dispute:
    """Escalated twice, waiting at the township centre."""
    case = at_room(w, at=at, **facts)
    case.perform("take_up", by=w.officer, at=at, handler=w.officer)
    attempt(case, w.officer, at)
    case.perform("escalate", by=w.officer, at=at, reason="涉及多部门")
    return case


def departments(w: SimpleNamespace) -> SimpleNamespace:
    """Three more offices of the directory: `land` and `justice` with a contact, `empty` with nobody."""
    w.land_office = office("620623103-D2", "department", "松山镇自然资源所", w.township)
    w.justice_office = office("620623103-J", "justice", "松山司法所", w.township)
    w.empty_office = office("620623103-D3", "department", "松山镇畜牧站", w.township)
    w.land = user("land", "甘延平", (w.land_office, Role.DEPARTMENT))
    w.second_land = user("second_land", "鲁海燕", (w.land_office, Role.DEPARTMENT, "lead"))
    w.justice = user("justice", "石天喜", (w.justice_office, Role.DEPARTMENT))
    return w


def blow(case: Dispute, by: User, *offices: Office, at: dt.datetime = NOW, **facts: Any) -> Whistle:
    """A whistle with nothing shared but its text."""
    given = {"kind": "on_site", "what": "来现场看渠口", "summary": "甲方和乙方为渠口用水争执", **facts}
    return Whistle.objects.blow(case=case, by=by, at=at, offices=offices, **given)


def settled(w: SimpleNamespace, at: dt.datetime = NOW, **facts: Any) -> Dispute:
    """Settled in writing at the village, chaired by the village's people's mediator."""
    case = mediating(w, at=at, **facts)
    case.perform(
        "settle",
        by=w.assistant,
        at=at,
        **settlement(w, case, at, organisation=w.committee, chair=w.village_mediator),
    )
    return case


def session(w: SimpleNamespace, case: Dispute, *, by: User | None = None, **facts: Any) -> Session:
    """A joint session of a case under mediation, called by its handler half an hour ago, in the open air."""
    by = by or case.handler
    at = timezone.now()
    given = {
        "starts_at": at - dt.timedelta(minutes=30),
        "place": "渠口",
        "chair": by,
        "parties": [party.pk for party in case.parties.all()],
        **facts,
    }
    return Session.objects.plan(case=case, by=by, at=at, facts=given)


def counselling(w: SimpleNamespace, case: Dispute, *, by: User | None = None, **facts: Any) -> CounsellingReferral:
    """Party A, who agreed, referred by the case's desk to whoever may take it; the county's supervisor is named."""
    at = facts.pop("at", None) or timezone.now()
    given = {
        "party": case.principal_parties()[0],
        "consented": True,
        "consent_by": "self",
        "consent_way": "spoken",
        "consent_on": timezone.localdate(at),
        "why": "最近睡不好，话很少",
        "supervisor": w.supervisor,
        **facts,
    }
    return CounsellingReferral.objects.ask(case, by=by or case.handler or w.assistant, at=at, facts=given)
