"""The county before its first case: divisions, tables, offices, people and the twelve demo accounts."""

from __future__ import annotations

import datetime as dt
import random
import re
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.hashers import make_password

from config.demo import people
from disputes.sessions.models import Venue
from villages.importing import import_codes, import_divisions, import_holidays
from villages.models import Area, Coverage, Office, Posting, Role, User, in_force
from villages.pinyin import person_keys
from villages.setup import ensure_desks

LONG_AGO = dt.date(2020, 6, 30)
VILLAGES_PER_ROOM = 8
#: Where the accounts ending in 1 and in 2 work.
TOWN_1, VILLAGE_1 = "620623107", "620623107204"  # 松山镇, 红石村
TOWN_2, VILLAGE_2 = "620623108", "620623108200"  # 天堂镇, 天堂村
ACCOUNTS = (
    *("assistant1", "assistant2", "mediator1", "officer1", "officer2", "centre1", "department1", "counsellor1"),
    *("supervisor1", "sysadmin1", "secadmin1", "auditor1"),
)
#: Gaps on purpose, so that “没有民警、没有警务助理” has something to show.
NO_ASSISTANT = ("620623107210", "620623105200", "620623202200")
NO_OFFICER = "620623113"  # the only room of 祁连镇
DEPARTMENTS = (("水务站", "W"), ("自然资源所", "Z"), ("人力资源和社会保障服务所", "R"))
BUREAUS = (("县公安局", "G"), ("县综治中心", "Z"), ("县委政法委", "F"))


@dataclass
class County:
    """Who serves what, held in memory so that a year of history asks each person's scope once."""

    area: Area
    villages: list[Area] = field(default_factory=list)
    committees: dict[int, Office] = field(default_factory=dict)  # by village
    rooms: dict[int, Office] = field(default_factory=dict)  # by village
    centres: dict[int, Office] = field(default_factory=dict)  # by township
    crews: dict[int, list[User]] = field(default_factory=dict)  # by desk, the lead first
    mediators: dict[int, list[User]] = field(default_factory=dict)  # by desk
    accounts: dict[str, User] = field(default_factory=dict)
    supervisors: list[User] = field(default_factory=list)

    def desk(self, village: Area, tier: int) -> Office:
        if tier == 1:
            return self.committees[village.pk]
        return self.rooms[village.pk] if tier == 2 else self.centres[village.parent_id or 0]

    def village(self, code: str) -> Area:
        return next(village for village in self.villages if village.code == code)


class Builder:
    """Makes offices and people; every person is invented, and only the demo accounts get a password."""

    def __init__(self, rng: random.Random, password: str) -> None:
        self.rng, self.serial = rng, 0
        # one hash for all twelve: they share a password that is no secret, and each hash takes half a second
        self.hashed = make_password(password)

    def office(self, code: str, kind: str, name: str, *areas: Area) -> Office:
        row = Office.objects.create(
            code=code, kind=kind, name=name, area=areas[0], phone=people.landline(self.rng), valid_from=LONG_AGO
        )
        for area in areas:
            Coverage.objects.create(office=row, area=area, valid_from=LONG_AGO)
        return row

    def person(self, username: str = "") -> User:
        self.serial += 1
        name = people.name(self.rng, male=self.rng.random() < 0.7)
        pinyin, initials = person_keys(name)
        row = User(
            username=username or f"demo{self.serial:04d}",
            name=name,
            pinyin=pinyin,
            initials=initials,
            phone=people.mobile(self.rng),
        )
        if username:
            row.password = self.hashed
        else:
            row.set_unusable_password()
        row.save()
        return row

    def post(self, user: User, office: Office, role: str, mark: str = "") -> User:
        Posting.objects.create(user=user, office=office, role=role, mark=mark, valid_from=LONG_AGO)
        return user


def build(*, seed: int, password: str, at: dt.datetime) -> County:
    """Import the shipped tables and people the county."""
    data = settings.BASE_DIR / "data"
    import_divisions((data / "tianzhu_divisions.csv").read_bytes(), by=None, at=at, day=LONG_AGO)
    for name in ("code_tables.csv", "dispute_type_map.csv"):
        import_codes((data / name).read_bytes(), by=None, at=at, day=LONG_AGO)
    import_holidays((data / "holidays.csv").read_bytes(), by=None, at=at)
    area = Area.objects.get(level=Area.Level.COUNTY)
    ensure_desks(area)

    make = Builder(random.Random(seed), password)
    county = County(area)
    townships = Area.objects.filter(in_force(), parent=area, served=True).order_by("code")
    for township in townships:
        _people_township(make, county, township)
    _people_county(make, county)
    return county


def _people_township(make: Builder, county: County, township: Area) -> None:
    key, name = township.code[:9], township.short_name
    villages = list(township.children.filter(in_force(), served=True).order_by("code"))
    for village in villages:
        village.parent, township.parent = township, county.area  # the same objects everywhere: no query per case
    county.villages += villages
    number = {TOWN_1: "1", TOWN_2: "2"}.get(key, "")

    rooms = -(-len(villages) // VILLAGES_PER_ROOM)
    for n in range(rooms):
        mine = villages[n * len(villages) // rooms : (n + 1) * len(villages) // rooms]
        seat = re.sub("(社区居委会|居委会|社区|村)$", "", mine[0].short_name.removeprefix(name)) or name
        room = make.office(f"{key}-R{n + 1}", Office.Kind.ROOM, f"{seat}警务室", *mine)
        Venue.objects.create(office=room, name="调解室")
        county.rooms.update({village.pk: room for village in mine})
        home = number and any(village.code in (VILLAGE_1, VILLAGE_2) for village in mine)
        county.crews[room.pk] = []
        if key != NO_OFFICER:
            lead = make.person(f"officer{number}" if home else "")
            if home:
                county.accounts[lead.username] = lead
            county.crews[room.pk] = [
                make.post(lead, room, Role.OFFICER, Posting.Mark.LEAD),
                make.post(make.person(), room, Role.OFFICER, Posting.Mark.DEPUTY),
            ]
        county.mediators[room.pk] = []
    for village in villages:
        _people_village(make, county, village, number)

    centre = Office.objects.get(kind=Office.Kind.CENTRE, coverage__area=township)
    county.centres[township.pk] = centre
    Venue.objects.create(office=centre, name="调解大厅")
    first = number == "1"
    lead = make.person("centre1" if first else "")
    mediator = make.person("mediator1" if first else "")
    county.crews[centre.pk] = [
        make.post(lead, centre, Role.CENTRE, Posting.Mark.LEAD),
        make.post(make.person(), centre, Role.CENTRE, Posting.Mark.DEPUTY),
        make.post(mediator, centre, Role.MEDIATOR),
    ]
    county.mediators[centre.pk] = [mediator]
    if first:
        county.accounts |= {"centre1": lead, "mediator1": mediator}

    short = name.removesuffix("镇").removesuffix("乡") if len(name) > 2 else name
    station = make.office(f"{key}-S", Office.Kind.STATION, f"{short}派出所", township)
    make.post(make.person(), station, Role.DEPARTMENT, Posting.Mark.LEAD)
    justice = make.office(f"{key}-J", Office.Kind.JUSTICE, f"{short}司法所", township)
    make.post(make.person(), justice, Role.DEPARTMENT, Posting.Mark.LEAD)
    if first:
        counsellor = county.accounts["counsellor1"] = make.person("counsellor1")
        make.post(counsellor, justice, Role.COUNSELLOR)
    for title, letter in DEPARTMENTS:
        office = make.office(f"{key}-D{letter}", Office.Kind.DEPARTMENT, f"{name}{title}", township)
        contact = make.person("department1" if first and letter == "W" else "")
        make.post(contact, office, Role.DEPARTMENT, Posting.Mark.LEAD)
        if contact.username == "department1":
            county.accounts["department1"] = contact


def _people_village(make: Builder, county: County, village: Area, number: str) -> None:
    committee = Office.objects.get(kind=Office.Kind.VILLAGE, coverage__area=village)
    county.committees[village.pk] = committee
    home = village.code in (VILLAGE_1, VILLAGE_2)
    head = make.post(
        make.person(), committee, Role.MEDIATOR, Posting.Mark.DEPUTY if village.code == VILLAGE_1 else Posting.Mark.LEAD
    )
    crew = [head]
    if village.code not in NO_ASSISTANT:
        assistant = make.person(f"assistant{number}" if home else "")
        make.post(assistant, committee, Role.ASSISTANT, Posting.Mark.LEAD if village.code == VILLAGE_1 else "")
        if home:
            county.accounts[assistant.username] = assistant
        crew.insert(0, assistant)
    if home or make.rng.random() < 0.5:
        crew.append(make.post(make.person(), committee, Role.GRID))
    county.crews[committee.pk] = crew
    county.mediators[committee.pk] = [head]


def _people_county(make: Builder, county: County) -> None:
    bureaus = {
        letter: make.office(f"620623-{letter}", Office.Kind.COUNTY, title, county.area) for title, letter in BUREAUS
    }
    for username, letter, role in (
        ("supervisor1", "F", Role.SUPERVISOR),
        ("sysadmin1", "Z", Role.SYSADMIN),
        ("secadmin1", "Z", Role.SECADMIN),
        ("auditor1", "F", Role.AUDITOR),
    ):
        county.accounts[username] = make.post(make.person(username), bureaus[letter], role)
    county.supervisors = [
        county.accounts["supervisor1"],
        make.post(make.person(), bureaus["G"], Role.SUPERVISOR, Posting.Mark.LEAD),
    ]
    make.post(make.person(), bureaus["Z"], Role.DEPARTMENT, Posting.Mark.LEAD)
