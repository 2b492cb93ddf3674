"""Cases that somebody wants to see: on the desks of the demo accounts, and one of every state that a case can have."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Generator, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from config.demo import people, sentences
from config.demo.county import NO_OFFICER, VILLAGE_1, VILLAGE_2
from config.demo.history import DAY, History, Story
from config.demo.sentences import KINDS, PUPILS, Kind
from config.demo.stories import after_settlement, confirm_relapse, course, visit
from disputes import clock
from disputes.field.models import Capture, Visit
from disputes.inbox.models import Instruction
from disputes.models import Dispute
from disputes.papers.kinds import kinds
from disputes.papers.models import Paper
from disputes.referrals.models import Referral
from disputes.sessions.models import Session, Venue
from disputes.whistles.models import Whistle
from followups.alarms import warn
from followups.counselling.models import CounsellingReferral
from villages.models import Area, Office, User

PASTURE, GRAZING, LIVESTOCK, IRRIGATION, _GATHERING, HOMESTEAD, LAND, WATER = KINDS[:8]
KIND = {kind.l2: kind for kind in KINDS}

#: A case and the moment of its last event.
Begun = Generator[dt.datetime, None, tuple[Dispute, dt.datetime]]
Teller = Callable[[History, random.Random, Area], Story]


def stories(history: History) -> Iterator[tuple[int, Story]]:
    """How many cases each story makes, and the story; the most wanted first."""
    home, far = history.county.village(VILLAGE_1), history.county.village(VILLAGE_2)
    for number, (village, cases, tell) in enumerate(_programme(history, home, far)):
        yield cases, tell(history, history.rng(f"staged {number}"), village)


def _programme(history: History, home: Area, far: Area) -> Iterator[tuple[Area, int, Teller]]:
    today = history.today
    yesterday, this_week = history.last_workday(today), history.rules(today).calendar.next_workday(today + 2 * DAY)
    kinds = iter([PASTURE, WATER, HOMESTEAD, GRAZING, LAND, KIND["0804"], KIND["0703"], IRRIGATION, KIND["1102"]])
    for tier in (1, 2, 3):
        for due in (yesterday, today, this_week):
            yield home, 1, partial(on_the_desk, kind=next(kinds), tier=tier, due=due)
    for tier, kind in ((1, GRAZING), (2, HOMESTEAD), (3, PASTURE)):
        yield home, 1, partial(to_accept, kind=kind, tier=tier)
    yield home, 1, returned
    yield home, 1, awaiting_visit
    yield home, 1, visit_overdue
    yield home, 1, one_side_not_reached
    yield home, 1, second_round
    yield home, 1, pupils
    yield home, 1, family
    yield home, 1, family_with_a_yes
    yield home, 1, voided
    yield home, 2, merged
    yield home, 2, split
    yield home, 1, partial(stopped, kind=PASTURE, tier=1)
    yield home, 1, partial(stopped, kind=LAND, tier=3)
    yield home, 1, extended
    yield home, 1, handed_down
    yield home, 1, passed_up_by_the_clock
    yield home, 1, past_the_case_limit
    yield home, 1, may_come_to_blows
    yield home, 1, refused
    yield home, 1, crime
    yield home, 1, withdrawn
    yield home, 1, to_arbitration
    yield home, 1, by_the_mediator
    yield home, 2, merged_and_taken_back
    yield far, 1, partial(on_the_desk, kind=WATER, tier=1, due=yesterday)
    yield far, 1, partial(on_the_desk, kind=PASTURE, tier=2, due=this_week)
    yield far, 1, partial(to_accept, kind=LIVESTOCK, tier=2)
    for village in [v for v in history.county.villages if v.code[:9] == NO_OFFICER][:1]:
        yield village, 1, passed_up_by_the_clock
    yield home, 1, refusing
    yield home, 1, by_the_police
    yield home, 1, court_countdown
    yield home, 1, not_performed
    yield home, 2, walked
    yield home, 1, session_planned
    yield home, 1, session_held
    yield home, 1, session_called_off
    yield home, 1, session_without_outcome
    yield home, 0, long_unsorted
    yield home, 1, referred_and_waiting
    yield home, 1, referred_with_outcome
    yield home, 0, received_from_the_court
    yield far, 0, partial(nil_report, days=2)
    for days in (3, 9, 16):
        yield home, 0, partial(nil_report, days=days)
    yield home, 1, supervised
    yield home, 1, whistled
    yield home, 1, whistled_today
    yield home, 1, counselling_asked
    yield home, 1, counselling_under_way
    yield home, 1, counselling_over
    for closed in range(3):
        yield home, 1, partial(closed_long_ago, days=40 + 55 * closed)
    yield home, 1, relapse_to_check


# --- beginnings ------------------------------------------------------------------------------------------------------
def crew_of(history: History, case: Dispute) -> list[User]:
    return history.county.crews[case.desk_id]


def soon(rng: random.Random, at: dt.datetime) -> dt.datetime:
    return at + dt.timedelta(minutes=rng.randint(25, 95))


def begun(
    history: History, rng: random.Random, village: Area, kind: Kind, day: dt.date, *, tier: int = 1, **facts: Any
) -> Begun:
    """Registered at the village and passed up, one working day per tier, so that it arrives at `tier` on `day`."""
    days = [day]
    while len(days) < tier:
        days.insert(0, history.last_workday(days[0]))
    at = history.moment(rng, days[0], 8, 11)
    yield at
    first = history.county.crews[history.county.desk(village, 1).pk][0]
    case = history.register(rng, by=first, at=at, village=village, kind=kind, **facts)
    for day in days[1:]:
        by = crew_of(history, case)[0]
        yield (at := soon(rng, at))
        history.move(case, "take_up", by=by, at=at, handler=by)
        if not case.crime_suspected:  # which is not mediated, not even once
            yield (at := soon(rng, at))
            history.note(case, rng, kind, by=by, at=at, failed=True)
        yield (at := history.moment(rng, day, 8, 11))
        history.move(case, "escalate", by=by, at=at, reason=sentences.escalation(rng, case.type_l1))
    return case, at


def mediated(
    history: History, rng: random.Random, village: Area, kind: Kind, day: dt.date, *, tier: int = 1, **facts: Any
) -> Begun:
    """The same, taken up at `tier` on that day, with a first note."""
    case, at = yield from begun(history, rng, village, kind, day, tier=tier, **facts)
    by = crew_of(history, case)[0]
    yield (at := soon(rng, at))
    history.move(case, "take_up", by=by, at=at, handler=by)
    yield (at := soon(rng, at))
    history.note(case, rng, kind, by=by, at=at)
    return case, at


def settled(
    history: History, rng: random.Random, village: Area, kind: Kind, days_ago: int, *, tier: int = 1, **facts: Any
) -> Begun:
    """The same, settled so many days ago (counted in working days' favour)."""
    day = history.rules(history.today).calendar.next_workday(history.today - days_ago * DAY)
    case, at = yield from mediated(history, rng, village, kind, history.last_workday(day), tier=tier, **facts)
    by = crew_of(history, case)[0]
    yield (at := history.moment(rng, day, 14, 18))
    history.settle(case, rng, kind, by=by, at=at, result="written")
    return case, at


def arrival_for(history: History, due: dt.date, tier: int) -> dt.date | None:
    """The latest day on which a case must arrive, and be taken up, to be due on `due`; None when no day gives that."""
    day = min(due, history.today) - DAY
    for _n in range(60):
        if history.is_workday(day):
            accepted = day
            for _tier in range(1, tier):
                accepted = history.last_workday(accepted)
            course = clock.Course(waiting=False, tier=tier, arrived_on=day, accepted_on=accepted)
            if clock.deadline(course, history.rules(day)).on == due:
                return day
        day -= DAY
    return None


# --- on the desks ----------------------------------------------------------------------------------------------------
def on_the_desk(history: History, rng: random.Random, village: Area, *, kind: Kind, tier: int, due: dt.date) -> Story:
    """调解中, due on a day; where no working day leads there (today is a Sunday), by 延期."""
    day = arrival_for(history, due, tier)
    arrived = day or history.last_workday(history.last_workday(min(due, history.today)))
    case, at = yield from mediated(history, rng, village, kind, arrived, tier=tier)
    if day is None:
        yield (at := soon(rng, at))
        consents = {party.pk: "agreed" for party in case.principal_parties()}
        facts = {"reason": rng.choice(sentences.EXTEND), "until": due, "consents": consents}
        history.move(case, "extend", by=crew_of(history, case)[0], at=at, **facts)


def to_accept(history: History, rng: random.Random, village: Area, *, kind: Kind, tier: int) -> Story:
    """待受理 since the last working day."""
    yield from begun(history, rng, village, kind, history.last_workday(history.today), tier=tier)


def returned(history: History, rng: random.Random, village: Area) -> Story:
    """The centre sent it back with what to add; it waits at the police room."""
    day = history.last_workday(history.today)
    case, _at = yield from begun(history, rng, village, HOMESTEAD, history.last_workday(day), tier=3)
    yield (at := history.moment(rng, day, 9, 17))
    reason, to_add = sentences.RETURN[0]
    history.move(case, "return", by=crew_of(history, case)[0], at=at, reason=reason, to_add=to_add)


def stopped(history: History, rng: random.Random, village: Area, *, kind: Kind, tier: int) -> Story:
    """中止, still."""
    case, at = yield from mediated(
        history, rng, village, kind, history.last_workday(history.today - 5 * DAY), tier=tier
    )
    yield (at := soon(rng, at))
    history.move(case, "pause", by=crew_of(history, case)[0], at=at, reason=rng.choice(sentences.PAUSE))


def extended(history: History, rng: random.Random, village: Area) -> Story:
    """延期 with everybody's consent."""
    case, at = yield from mediated(
        history, rng, village, PASTURE, history.last_workday(history.today - 6 * DAY), tier=2
    )
    yield (at := soon(rng, at))
    consents = {party.pk: "agreed" for party in case.principal_parties()}
    facts = {"reason": sentences.EXTEND[0], "until": history.today + 12 * DAY, "consents": consents}
    history.move(case, "extend", by=crew_of(history, case)[0], at=at, **facts)


def handed_down(history: History, rng: random.Random, village: Area) -> Story:
    """下派 from the centre with a date of its own."""
    case, at = yield from mediated(history, rng, village, WATER, history.last_workday(history.today - 2 * DAY), tier=3)
    yield (at := soon(rng, at))
    facts = {"reason": sentences.HAND_DOWN[0], "due_on": history.today + 6 * DAY}
    history.move(case, "hand_down", by=crew_of(history, case)[0], at=at, **facts)


def passed_up_by_the_clock(history: History, rng: random.Random, village: Area) -> Story:
    """Nobody took it up at the police room: it arrived at the centre by itself."""
    day = history.today
    for _n in range(5):
        day = history.last_workday(day)
    yield from begun(history, rng, village, IRRIGATION, day, tier=2)


def past_the_case_limit(history: History, rng: random.Random, village: Area) -> Story:
    """Thirty days from the first 受理 are over."""
    day = history.last_workday(history.today - 36 * DAY)
    case, at = yield from mediated(history, rng, village, KIND["0804"], day, tier=3, complexity="complex")
    for _n in range(2):
        yield (at := history.later(rng, at, 6, 11))
        history.note(case, rng, KIND["0804"], by=crew_of(history, case)[0], at=at, failed=True)


def may_come_to_blows(history: History, rng: random.Random, village: Area) -> Story:
    """可能激化: passed up at once, without an attempt, graded red."""
    day = history.last_workday(history.today)
    danger = dict(zip(("level", "reason"), sentences.DANGER[2], strict=True))
    case, at = yield from begun(history, rng, village, GRAZING, day, danger=danger, complexity="major", people_count=14)
    yield (at := soon(rng, at))
    facts = {"reason": "双方都叫了亲戚，需要警务室马上出面", "may_escalate": True}
    history.move(case, "escalate", by=history.county.crews[case.desk_id][0], at=at, **facts)


def by_the_mediator(history: History, rng: random.Random, village: Area) -> Story:
    """At the centre, in the hands of its people's mediator."""
    day = history.last_workday(history.today - 3 * DAY)
    case, at = yield from begun(history, rng, village, KIND["0507"], day, tier=3)
    lead, mediator = crew_of(history, case)[0], history.county.mediators[case.desk_id][0]
    yield (at := soon(rng, at))
    history.move(case, "take_up", by=lead, at=at, handler=lead)
    yield (at := soon(rng, at))
    history.move(case, "assign", by=lead, at=at, person=mediator, reason="由调解员主持")
    yield (at := soon(rng, at))
    history.note(case, rng, KIND["0507"], by=mediator, at=at, failed=True)


# --- settled and after -----------------------------------------------------------------------------------------------
def awaiting_visit(history: History, rng: random.Random, village: Area) -> Story:
    """已化解, the first visits due today or in the next days; who makes them is agreed."""
    case, _at = yield from settled(history, rng, village, LIVESTOCK, 14)
    for row in case.visits.planned():
        row.assignee = crew_of(history, case)[0]
        row.save(update_fields=["assignee"])


def visit_overdue(history: History, rng: random.Random, village: Area) -> Story:
    """Its papers were issued, one of them twice: the first number was voided."""
    case, at = yield from settled(history, rng, village, PASTURE, 24, tier=2)
    by = crew_of(history, case)[0]
    yield (at := soon(rng, at))
    case.refresh_from_db()
    made = [
        Paper.objects.issue(case, kinds()[key], by=by, at=at, asked=sentences.PAPERS)
        for key in ("acceptance", "rights_notice", "session", "agreement", "agreement", "cover")
    ]
    made[3].void(by=by, at=at, reason="履行地点写错，重新出具")


def one_side_not_reached(history: History, rng: random.Random, village: Area) -> Story:
    case, _at = yield from settled(history, rng, village, KIND["0703"], 20, tier=3)
    yield (at := history.moment(rng, history.last_workday(history.today - 2 * DAY), 9, 17))
    visit(history, rng, case, at=at, missing=True)


def relapse_to_check(history: History, rng: random.Random, village: Area) -> Story:
    """A visit found a sign of relapse, and nobody has looked into it yet."""
    case, _at = yield from settled(history, rng, village, KIND["0703"], 33)
    yield (at := history.moment(rng, history.last_workday(history.today), 14, 17))
    visit(history, rng, case, at=at, relapse=True)


def second_round(history: History, rng: random.Random, village: Area) -> Story:
    """反弹重启: settled, found not kept on the visit, in its second round."""
    case, _at = yield from settled(history, rng, village, GRAZING, 26)
    by = crew_of(history, case)[0]
    day = history.last_workday(history.last_workday(history.today))
    yield (at := history.moment(rng, day, 9, 12))
    visit(history, rng, case, at=at, relapse=True)
    yield (at := soon(rng, at))
    confirm_relapse(history, case, by=by, at=at, reason=sentences.REOPEN[0])
    yield (at := soon(rng, at))
    history.move(case, "take_up", by=by, at=at, handler=by)


def closed_long_ago(history: History, rng: random.Random, village: Area, *, days: int) -> Story:
    kind = sentences.pick(rng)
    case, _at = yield from settled(history, rng, village, kind, days, tier=rng.choice((1, 2, 3)))
    yield from after_settlement(history, rng, case, kind)


# --- people to be careful with ---------------------------------------------------------------------------------------
def pupils(history: History, rng: random.Random, village: Area) -> Story:
    """Two minors with their guardians, settled between the families."""
    day = history.today - 9 * DAY
    parties = []
    for side, relation in (("A", "父亲"), ("B", "母亲")):
        child = people.villager(rng, village.full_name, day, ages=(11, 14), male=True)
        guardian = {
            "guardian_name": people.name(rng, male=relation == "父亲"),
            "guardian_relation": relation,
            "guardian_phone": people.mobile(rng),
            "guardian_consent_on": day,
        }
        parties.append(child.as_party(side, phone="", **guardian))
    yield from settled(history, rng, village, PUPILS, 9, tier=1, parties=parties)


def family(history: History, rng: random.Random, village: Area) -> Story:
    """A family case on the village's desk: its names stay off titles and lists."""
    yield from mediated(history, rng, village, KIND["0102"], history.last_workday(history.today))


def family_with_a_yes(history: History, rng: random.Random, village: Area) -> Story:
    """One of the five safety questions was answered yes, so an agreement alone was not enough."""
    kind = KIND["0101"]
    case, _at = yield from mediated(history, rng, village, kind, history.last_workday(history.today - 6 * DAY), tier=2)
    by = crew_of(history, case)[0]
    yield (at := history.moment(rng, history.last_workday(history.today - 3 * DAY), 14, 17))
    safety = dict.fromkeys(("beating", "restraint", "threat", "fear"), False) | {"insult": True}
    history.act(case, "screen", by=by, at=at, safety=safety)
    victim, warned = (str(party.pk) for party in case.principal_parties()[:2])
    served = {f"served_{who}_on": at.date() for who in ("warned", "victim", "committee")}
    facts = {"number": "天公告字〔2026〕第003号", "issued_on": at.date(), "warned": warned, "victim": victim}
    yield (at := soon(rng, at))
    history.act(case, "letter", by=by, at=at, **facts, **served)
    history.act(case, "screen", by=by, at=at, disposition="warning_letter")
    yield (at := soon(rng, at))
    history.settle(case, rng, kind, by=by, at=at, result="written", safety=None)
    yield (at := max(history.moment(rng, history.last_workday(history.today), 14, 17), soon(rng, at)))
    committee = history.county.desk(village, 1)
    visit_to = case.tasks.filter(kind="letter", office=committee, party_id=victim).get()
    crew, note = history.county.crews[committee.pk], "双方分开住，情绪平稳，告知有事马上打电话"
    history.act(case, "letter_visit", by=crew[0], at=at, task=str(visit_to.pk), done_on=at.date(), note=note)


def refused(history: History, rng: random.Random, village: Area) -> Story:
    """One side will not be mediated: the other ways are told, and it ends."""
    kind, day = KIND["0603"], history.last_workday(history.today - 20 * DAY)
    case, at = yield from mediated(history, rng, village, kind, day)
    by = crew_of(history, case)[0]
    party = case.principal_parties()[-1]
    yield (at := soon(rng, at))
    history.told(case.set_consent(party, by=by, at=at, consent="refused", way="当面"))
    yield (at := soon(rng, at))
    facts = {"reason": sentences.ENDED[0], "told_ways": ["court"], "told_on": at.date()}
    history.move(case, "end", by=by, at=at, **facts)


def refusing(history: History, rng: random.Random, village: Area) -> Story:
    """One side refuses, and nothing but the end or another way is left; once it had taken a refusal back."""
    case, at = yield from mediated(history, rng, village, WATER, history.last_workday(history.today - DAY))
    by, party = crew_of(history, case)[0], case.principal_parties()[-1]
    for consent, way, back in (("refused", "电话", False), ("agreed", "当面", True), ("refused", "书面", False)):
        yield (at := soon(rng, at))
        history.told(case.set_consent(party, by=by, at=at, consent=consent, way=way, taken_back=back))


def by_the_police(history: History, rng: random.Random, village: Area) -> Story:
    """治安调解 in two sessions; the agreement was not kept, and the officer has it back as a task."""
    kind, day = KIND["0303"], history.last_workday(history.today - 20 * DAY)
    case, at = yield from mediated(history, rng, village, kind, day, tier=2)
    by = crew_of(history, case)[0]
    first = {"place_kind": "standard", "place": "派出所调解室", "officers": "1", "recording": "LX-0007"}
    yield (at := soon(rng, at))
    history.act(case, "police", by=by, at=at, **sentences.WIZARD)
    history.act(case, "police_session", by=by, at=at, held_on=at.date(), **first)
    second = first | {"place_kind": "other", "place": "村委会", "officers": "2", "second_why": "asked"}
    yield (at := history.moment(rng, history.rules(day).calendar.add(at.date(), 3), 9, 11))
    history.act(case, "police_session", by=by, at=at, held_on=at.date(), **second)
    history.act(case, "police_terms", by=by, at=at, **sentences.TERMS)
    yield (at := soon(rng, at))
    parties = case.principal_parties()
    owed = {"debtor": parties[-1], "what": "赔偿医药费", "amount": Decimal(800), "due_on": at.date() + 5 * DAY}
    history.move(
        case, "settle", by=by, at=at, result="written", organisation=case.desk, chair=by, agreed_on=at.date(),
        consents={party.pk: "agreed" for party in parties}, text="乙方赔偿甲方八百元，当面赔礼。", track="police",
        obligations=[owed],
    )  # fmt: skip
    yield (at := max(history.moment(rng, history.last_workday(history.today), 9, 17), soon(rng, at)))
    row = case.agreements.get().obligations.get()
    history.act(case, "performance", by=by, at=at, obligation=str(row.pk), performance="5")
    told = {"failed_on": at.date(), "civil_told_on": at.date()}
    history.act(case, "police_failed", by=by, at=at, failure="not_performed", **told)


def court_countdown(history: History, rng: random.Random, village: Area) -> Story:
    """Settled in writing some weeks ago: the thirty days for the court run out in a few days."""
    case, at = yield from settled(history, rng, village, PASTURE, 27)
    yield (at := soon(rng, at))
    history.act(case, "signed", by=crew_of(history, case)[0], at=at, signed_on=at.date())


def not_performed(history: History, rng: random.Random, village: Area) -> Story:
    """Two instalments: the first was paid in part and is overdue, the second lies ahead."""
    day = history.rules(history.today).calendar.next_workday(history.today - 13 * DAY)
    case, at = yield from mediated(history, rng, village, KIND["0804"], history.last_workday(day))
    by = crew_of(history, case)[0]
    yield (at := history.moment(rng, day, 14, 18))
    debtor = case.principal_parties()[-1]
    owed = [
        {"debtor": debtor, "what": "还第一笔借款", "amount": Decimal(12000), "due_on": day + 5 * DAY},
        {"debtor": debtor, "what": "还剩余借款", "amount": Decimal(8000), "due_on": day + 60 * DAY},
    ]
    history.settle(case, rng, KIND["0804"], by=by, at=at, result="written", obligations=owed)
    yield (at := max(history.moment(rng, history.last_workday(history.today), 9, 17), soon(rng, at)))
    row = case.agreements.get().obligations.all()[0]
    facts = {"obligation": str(row.pk), "performance": "3", "paid": Decimal(5000)}
    history.act(case, "performance", by=by, at=at, **facts, note="先还五千，说卖了羊再还")


def crime(history: History, rng: random.Random, village: Area) -> Story:
    """Suspected crime is not mediated away."""
    kind, day = KIND["0303"], history.last_workday(history.today - 30 * DAY)
    case, at = yield from mediated(history, rng, village, kind, day, tier=2, crime_suspected=True)
    yield (at := soon(rng, at))
    facts = {"way": "police", "told_ways": ["police"], "told_on": at.date()}
    history.move(case, "refer", by=crew_of(history, case)[0], at=at, **facts)


# --- other endings ---------------------------------------------------------------------------------------------------
def withdrawn(history: History, rng: random.Random, village: Area) -> Story:
    case, at = yield from mediated(history, rng, village, WATER, history.last_workday(history.today - 11 * DAY))
    yield (at := soon(rng, at))
    facts = {"asked_by": "双方", "reason": sentences.WITHDRAWN[0]}
    history.move(case, "withdraw", by=crew_of(history, case)[0], at=at, **facts)


def to_arbitration(history: History, rng: random.Random, village: Area) -> Story:
    case, at = yield from mediated(history, rng, village, LAND, history.last_workday(history.today - 15 * DAY), tier=3)
    yield (at := soon(rng, at))
    facts = {"way": "arbitral", "reason": sentences.TO_ARBITRATION[0], "told_ways": ["court", "arbitral"]}
    history.move(case, "refer", by=crew_of(history, case)[0], at=at, told_on=at.date(), **facts)


def voided(history: History, rng: random.Random, village: Area) -> Story:
    """Entered twice; one person asks, another does it, and the number stays."""
    case, at = yield from begun(history, rng, village, HOMESTEAD, history.last_workday(history.today - 4 * DAY))
    first, second = crew_of(history, case)[:2]
    yield (at := soon(rng, at))
    history.told(case.ask_void(by=first, at=at, reason=sentences.VOID[0]))
    yield (at := soon(rng, at))
    history.move(case, "void", by=second, at=at, reason=sentences.VOID[0])


def _pair(history: History, rng: random.Random, village: Area, day: dt.date) -> Generator[dt.datetime, None, tuple]:
    """The same quarrel, brought by both sides: the second names the parties of the first."""
    case, at = yield from mediated(history, rng, village, PASTURE, day)
    by = crew_of(history, case)[0]
    yield (at := soon(rng, at))
    # the other side tells the same quarrel the other way round
    swap = {"A": "B", "B": "A"}
    parties = [
        {"side": swap.get(p.side, p.side), "kind": p.kind, "name": p.name, "sex": p.sex, "birth_on": p.birth_on}
        for p in case.parties.all()
    ]
    twin = history.register(rng, by=by, at=at, village=village, kind=PASTURE, parties=parties, place=case.place)
    yield (at := soon(rng, at))
    history.move(twin, "merge", by=by, at=at, target=case, reason=sentences.MERGE[0])
    return case, twin, at


def merged(history: History, rng: random.Random, village: Area) -> Story:
    case, _twin, at = yield from _pair(history, rng, village, history.last_workday(history.today - 10 * DAY))
    yield from course(history, rng, case, PASTURE, at)


def merged_and_taken_back(history: History, rng: random.Random, village: Area) -> Story:
    case, twin, at = yield from _pair(history, rng, village, history.last_workday(history.today - DAY))
    yield (at := soon(rng, at))
    by = crew_of(history, case)[0]
    history.move(twin, "unmerge", by=by, at=at, reason="核对后是两片草场，分开办")


def split(history: History, rng: random.Random, village: Area) -> Story:
    """Two matters in one: each becomes a case."""
    day = history.last_workday(history.today - 2 * DAY)
    case, at = yield from mediated(history, rng, village, GRAZING, day, tier=2)
    yield (at := soon(rng, at))
    by = crew_of(history, case)[0]
    history.move(case, "split", by=by, at=at, parts=list(sentences.SPLIT_PARTS), reason=sentences.SPLIT)


# --- whistles --------------------------------------------------------------------------------------------------------
def department(village: Area, title: str) -> tuple[Office, User]:
    """One of the township's departments and its contact."""
    office = Office.objects.get(kind=Office.Kind.DEPARTMENT, area=village.parent, name__endswith=title)
    return office, office.postings.select_related("user").get().user


def blow(history: History, case: Dispute, at: dt.datetime, *offices: Office, **facts: Any) -> Whistle:
    whistle = Whistle.objects.blow(case=case, by=crew_of(history, case)[0], at=at, offices=offices, **facts)
    history.told(case.events.latest("pk"))
    return whistle


def answered(history: History, whistle: Whistle, name: str, by: User, at: dt.datetime, **facts: Any) -> None:
    whistle.answer(name, by=by, at=at, **facts)
    history.told(whistle.dispute.events.latest("pk"))


def whistled(history: History, rng: random.Random, village: Area) -> Story:
    """Three departments were asked: one came and reported, one cannot, one has not answered and is late."""
    day = history.today
    for _n in range(3):
        day = history.last_workday(day)
    case, at = yield from mediated(history, rng, village, WATER, day, tier=2)
    water, _contact = department(village, "水务站")
    land, surveyor = department(village, "自然资源所")
    labour, clerk = department(village, "人力资源和社会保障服务所")
    yield (at := soon(rng, at))
    facts = sentences.WHISTLES[0] | {"share_place": True, "share_names": True, "share_phones": True}
    whistle = blow(history, case, at, water, land, labour, **facts)
    yield (at := soon(rng, at))
    promised = history.rules(day).calendar.next_workday(day + DAY)
    answered(history, whistle, "accept", surveyor, at, who_comes=surveyor.name, coming_on=promised)
    yield (at := at + dt.timedelta(minutes=20))
    answered(history, whistle, "decline", clerk, at, reply="不涉及用工，没有可以出的意见。")
    yield (at := history.moment(rng, promised, 15, 17))
    answered(history, whistle, "done", surveyor, at, done_note="到现场量了渠口宽度和两家地块高差，草图已交警务室。")


def whistled_today(history: History, rng: random.Random, village: Area) -> Story:
    """The centre asked the water station for its opinion on the last working day; the answer is due now."""
    day = history.last_workday(history.today)
    case, at = yield from mediated(history, rng, village, IRRIGATION, day, tier=3)
    yield (at := soon(rng, at))
    blow(history, case, at, department(village, "水务站")[0], **sentences.WHISTLES[1])


# --- counselling -----------------------------------------------------------------------------------------------------
def counsel(history: History, case: Dispute, at: dt.datetime, why: str) -> CounsellingReferral:
    """One party, who agreed at the desk, referred to the township's counsellor."""
    accounts = history.county.accounts
    facts = {
        "party": case.principal_parties()[0], "consented": True, "consent_by": "self", "consent_way": "spoken",
        "consent_on": at.date(), "why": why, "to_person": accounts["counsellor1"],
        "supervisor": accounts["supervisor1"],
    }  # fmt: skip
    row = CounsellingReferral.objects.ask(case, by=crew_of(history, case)[0], at=at, facts=facts)
    history.told(case.events.latest("pk"))
    return row


def counselled(history: History, row: CounsellingReferral, name: str, at: dt.datetime, **facts: Any) -> None:
    """One act of the counsellor and what follows from it."""
    row.act(name, by=history.county.accounts["counsellor1"], at=at, version=row.version, **facts)
    history.told(row.dispute.events.latest("pk"))


def counselling_asked(history: History, rng: random.Random, village: Area) -> Story:
    """Referred on the last working day; the counsellor has not answered yet."""
    case, at = yield from mediated(history, rng, village, HOMESTEAD, history.last_workday(history.today))
    yield (at := soon(rng, at))
    counsel(history, case, at, sentences.COUNSELLED[0])


def counselling_under_way(history: History, rng: random.Random, village: Area) -> Story:
    """Two sessions, the next one soon, and advice to the handler."""
    case, at = yield from mediated(history, rng, village, LAND, history.last_workday(history.today - 9 * DAY), tier=2)
    yield (at := soon(rng, at))
    row = counsel(history, case, at, sentences.COUNSELLED[1])
    yield (at := soon(rng, at))
    counselled(history, row, "accept", at)
    days = [history.last_workday(history.today - 5 * DAY), history.last_workday(history.today)]
    for number, (day, note) in enumerate(zip(days, sentences.COUNSEL_NOTES, strict=False)):
        yield (at := history.moment(rng, day, 14, 17))
        following = history.rules(day).calendar.next_workday(day + 4 * DAY)
        where = {"way": "phone"} if number else {"way": "home", "place": "本人家中"}
        counselled(
            history, row, "session", at, starts_at=at - dt.timedelta(minutes=50), before=2, after=3 + number,
            next_on=following, note=note, **where,
        )  # fmt: skip
    yield (at := soon(rng, at))
    counselled(history, row, "advise", at, advice=sentences.COUNSEL_ADVICE)


def counselling_over(history: History, rng: random.Random, village: Area) -> Story:
    """One session was enough."""
    case, at = yield from mediated(history, rng, village, WATER, history.last_workday(history.today - 6 * DAY))
    yield (at := soon(rng, at))
    row = counsel(history, case, at, sentences.COUNSELLED[2])
    yield (at := soon(rng, at))
    counselled(history, row, "accept", at)
    yield (at := history.moment(rng, history.last_workday(history.today - 2 * DAY), 9, 11))
    counselled(
        history, row, "session", at, starts_at=at - dt.timedelta(minutes=40), way="meeting", place="司法所",
        before=2, after=5, no_more=True, note=sentences.COUNSEL_NOTES[2],
    )  # fmt: skip
    yield (at := soon(rng, at))
    counselled(history, row, "end", at, how="done", ended_on=at.date())


# --- referrals -------------------------------------------------------------------------------------------------------
def tell_of_referral(history: History, row: Referral) -> None:
    """What follows from its last event."""
    assert row.dispute is not None
    history.told(row.dispute.events.filter(kind__startswith="referral_").latest("pk"))


def refer(history: History, case: Dispute, at: dt.datetime, **facts: Any) -> Referral:
    by = crew_of(history, case)[0]
    given = {"mode": "transfer", "other": "", "sent_on": at.date(), **facts}
    row = Referral.objects.send(case, by=by, at=at, facts=given)
    tell_of_referral(history, row)
    return row


def referred_and_waiting(history: History, rng: random.Random, village: Area) -> Story:
    """The water office was asked and has not answered yet."""
    case, at = yield from mediated(history, rng, village, WATER, history.last_workday(history.today))
    yield (at := soon(rng, at))
    station = Office.objects.get(code=f"{village.code[:9]}-DW")
    refer(history, case, at, kind="admin", to_office=station, text=sentences.REFERRED[0])


def referred_with_outcome(history: History, rng: random.Random, village: Area) -> Story:
    """Entrusted to the justice office with both parties' agreement; it settled the matter and said so."""
    case, at = yield from mediated(history, rng, village, LAND, history.last_workday(history.today - 4 * DAY), tier=3)
    yield (at := soon(rng, at))
    justice = Office.objects.get(code=f"{village.code[:9]}-J")
    agreed = {party.pk: "agreed" for party in case.principal_parties()}
    facts = {"kind": "other", "mode": "entrust", "to_office": justice, "text": sentences.REFERRED[1]}
    row = refer(history, case, at, consents=agreed, **facts)
    contact = User.objects.get(postings__office=justice, postings__role="department")
    yield (at := soon(rng, at))
    row.answer("accept", by=contact, at=at, version=1)
    tell_of_referral(history, row)
    yield (at := history.moment(rng, history.last_workday(history.today), 10, 16))
    done: dict[str, Any] = {"outcome": "mediated", "outcome_on": at.date(), "outcome_text": sentences.OUTCOME}
    row.answer("report", by=contact, at=at, version=2, **done)
    tell_of_referral(history, row)


def received_from_the_court(history: History, rng: random.Random, village: Area) -> Story:
    """委派调解: the court asks before a suit is filed; it waits on the officer's desk."""
    at = history.moment(rng, history.last_workday(history.today), 9, 16)
    yield at
    officers = history.county.crews[history.county.desk(village, 2).pk]
    sides = [people.villager(rng, village.full_name, at.date()).name for _side in "AB"]
    facts = {
        "village": village, "kind": "court", "mode": "delegate", "other": "天祝藏族自治县人民法院",
        "doc_no": f"（{at.year}）诉前委派17号", "side_a": sides[0], "side_b": sides[1], "text": sentences.REFERRED[2],
        "sent_on": at.date(), "consented_on": at.date() - DAY,
    }  # fmt: skip
    Referral.objects.receive(by=officers[0], at=at, facts=facts)


# --- visits ----------------------------------------------------------------------------------------------------------
def begin_walk(history: History, rng: random.Random, village: Area, at: dt.datetime) -> Visit:
    """The village's assistant goes out, the officer of the room beside them."""
    by = history.county.crews[history.county.desk(village, 1).pk][0]
    officers = history.county.crews[history.county.desk(village, 2).pk]
    with_whom = officers[0].name if officers else ""
    return Visit.objects.begin(by=by, at=at, village=village, visited_on=at.date(), companions=with_whom)


def capture(rng: random.Random, walk: Visit, at: dt.datetime, number: int) -> Capture:
    """One of the things that people tell at the door, with invented names."""
    kind, words, found, danger = sentences.CAPTURED[number]
    sides = [people.villager(rng, walk.village.full_name, at.date()).name for _side in "AB"]
    heard = {"side_a": sides[0], "side_b": sides[1], "kind": kind, "words": words, "found": found}
    agreed = {"chair": walk.by, "consents": {f"A:{sides[0]}": "agreed", f"B:{sides[1]}": "agreed"}}
    spot = agreed if found == Capture.Found.SETTLED else None
    row = walk.capture(by=walk.by, at=at, facts=heard | {"may_escalate": danger}, spot=spot)
    warn(row.pk, at)  # now: the load is one transaction, and its end would be too late
    return row


def walked(history: History, rng: random.Random, village: Area) -> Story:
    """The last working day's visit: five things captured, one settled on the spot, one a case by the evening."""
    at = history.moment(rng, history.last_workday(history.today), 9, 11)
    yield at
    walk, captures = begin_walk(history, rng, village, at), []
    for number in range(5):
        yield (at := at + dt.timedelta(minutes=rng.randint(12, 35)))
        captures.append(capture(rng, walk, at, number))
        tell_of_cases(history, captures[-1])
    yield (at := soon(rng, at))
    walk.end(by=walk.by, at=at, households=rng.randint(9, 18), note="村里平稳，记下的回来分流。")
    officers = history.county.crews[history.county.desk(village, 2).pk]
    if not officers:
        return
    yield (at := soon(rng, at))
    facts: dict[str, Any] = {
        "kind": captures[0].kind,
        "tier": "2",
        "person": officers[0],
        "note": "先看闸板现场，再请水管员一起到场。",
    }
    captures[0].sort("new", by=officers[0], at=at, version=captures[0].version, **facts)
    tell_of_cases(history, captures[0])


def tell_of_cases(history: History, row: Capture) -> None:
    """What follows from the cases that a capture became."""
    for source in row.sources.select_related("dispute"):
        history.made += 1
        for event in source.dispute.events.order_by("pk"):
            history.told(event)


def long_unsorted(history: History, rng: random.Random, village: Area) -> Story:
    """Captured four working days ago and still not sorted: it heads the supervisor's list."""
    day = history.today
    for _n in range(4):
        day = history.last_workday(day)
    at = history.moment(rng, day, 9, 11)
    yield at
    walk = begin_walk(history, rng, village, at)
    yield (at := soon(rng, at))
    capture(rng, walk, at, 5)
    walk.end(by=walk.by, at=at, households=rng.randint(4, 9))


def nil_report(history: History, rng: random.Random, village: Area, *, days: int) -> Story:
    """A visit that found nothing, which is a report, too."""
    at = history.moment(rng, history.last_workday(history.today - days * DAY), 9, 15)
    yield at
    walk = begin_walk(history, rng, village, at)
    yield (at := soon(rng, at))
    walk.end(by=walk.by, at=at, households=rng.randint(6, 20), note="走访的几户都平安，没有听到纠纷。")


# --- joint sessions --------------------------------------------------------------------------------------------------
def convened(
    history: History, rng: random.Random, village: Area, kind: Kind, *, days: int, hour: int, tier: int = 2
) -> Generator[dt.datetime, None, tuple[Session, dt.datetime]]:
    """A case at the police room whose session is called for so many days from today (before it when negative)."""
    first = history.today + min(0, days) * DAY
    case, at = yield from mediated(history, rng, village, kind, history.last_workday(first - DAY), tier=tier)
    by = crew_of(history, case)[0]
    yield (at := soon(rng, at))
    day = history.rules(history.today).calendar.next_workday(history.today + days * DAY)
    if days < 0:
        day = history.last_workday(first + DAY)
    facts: dict[str, Any] = {
        "starts_at": dt.datetime.combine(day, dt.time(hour, 30), at.tzinfo),
        "venue": Venue.objects.filter(office=case.desk_id).first(),
        "chair": by,
        "purpose": "双方把各自的说法讲清楚，看能不能当场说到一起。",
        "parties": [party.pk for party in case.parties.all()],
        "invited": [
            {"office": history.county.committees[village.pk], "ask": "说说村里知道的情况", "consent": "agreed"},
            {"office": history.county.accounts["department1"].postings.get().office, "ask": "带有关图纸到场"},
            {"name": people.name(rng, male=True), "capacity": "cadre", "ask": "当年分地的经过", "consent": "agreed"},
        ],
    }
    session = Session.objects.plan(case=case, by=by, at=at, facts=facts)
    history.told(case.events.order_by("-pk")[0])
    return session, at


def supervised(history: History, rng: random.Random, village: Area) -> Story:
    """The county asked after a case at the police room twice: one answer stands, the other is due these days."""
    day = history.last_workday(history.today - 3 * DAY)
    case, at = yield from mediated(history, rng, village, LAND, day, tier=2)
    supervisor, by = history.county.supervisors[0], crew_of(history, case)[0]
    yield (at := soon(rng, at))
    words, answer = sentences.INSTRUCTIONS
    asked: dict[str, Any] = {"by": supervisor, "source": "县信访局"}
    first = Instruction.objects.give(case, "hand_over", at=at, words=words[0], due_on=history.today, **asked)
    history.told(case.events.latest("pk"))
    yield (at := soon(rng, at))
    first.reply(by=by, at=at, words=answer)
    history.told(case.events.latest("pk"))
    yield (at := soon(rng, at))
    due_on = history.rules(day).calendar.next_workday(history.today + DAY)
    Instruction.objects.give(case, "supervise", by=supervisor, at=at, words=words[1], due_on=due_on)
    history.told(case.events.latest("pk"))


def session_planned(history: History, rng: random.Random, village: Area) -> Story:
    """Called for the next days; the department has its invitation."""
    yield from convened(history, rng, village, WATER, days=2, hour=8)


def session_without_outcome(history: History, rng: random.Random, village: Area) -> Story:
    """Its day is over and nobody has written what came of it: it stands on somebody's work."""
    yield from convened(history, rng, village, HOMESTEAD, days=-3, hour=10)


def session_called_off(history: History, rng: random.Random, village: Area) -> Story:
    session, at = yield from convened(history, rng, village, IRRIGATION, days=4, hour=14)
    yield (at := soon(rng, at))
    history.told(session.call_off(by=session.chair, at=at, reason="乙方外出放牧，下周才回来，另约时间"))


def session_held(history: History, rng: random.Random, village: Area) -> Story:
    """Half of it was agreed on; they go on next week."""
    session, _at = yield from convened(history, rng, village, PASTURE, days=-4, hour=15)
    held_at = session.starts_at + dt.timedelta(minutes=5)
    yield (at := held_at + dt.timedelta(hours=2))
    said = iter(("同意重新丈量，但去年的草要算清。", "界桩可以重立，去年没有多放。", "两家各让一步。"))
    answers = {
        row.pk: {
            "attended": True,
            "consent": "agreed" if row.needs_consent else "",
            "statement": next(said, "") if row.kind == "party" else "",
        }
        for row in session.listed()
    }
    facts = {
        "outcome": "continue",
        "held_at": held_at,
        "ended_at": held_at + dt.timedelta(minutes=95),
        "rights_told_at": held_at,
        "people": answers,
        "education": "讲了草原法和民法典关于相邻关系的规定",
        "points_agreed": "请草原站重新丈量，双方到场看着立桩。",
        "points_open": "去年多放的几天怎么算。",
        "next_on": history.today + 6 * DAY,
    }
    history.told(session.record(by=session.chair, at=at, version=session.version, facts=facts))
