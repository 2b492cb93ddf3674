"""Five years of quiet cases behind the year that is told: for measuring, 100,000 of them and more."""

from __future__ import annotations

import datetime as dt
import gc
import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from audit.models import Action, record
from config.demo import sentences
from config.demo.county import LONG_AGO, NO_OFFICER
from config.demo.history import DAY, History
from config.demo.sentences import Kind
from disputes import bulk
from disputes.bulk import Draft
from followups import bulk as visits_in_bulk
from followups.models import ReturnVisit
from followups.visits import side_label, summary
from villages.models import Area, User

CHUNK = 1000
YEARS = 5
ENDINGS = {"settle": 88, "refer": 4, "end": 4, "withdraw": 4}


def fill(history: History, cases: int) -> None:
    """Write `cases` cases, chunk by chunk in the order of their registration; the numbers have no gap."""
    rng = history.rng("bulk")
    villages = [v for v in history.county.villages if v.code[:9] != NO_OFFICER]
    first, last = max(history.today - 365 * YEARS * DAY, LONG_AGO + 30 * DAY), history.last_workday(history.today)
    span = (last - first).days + 1
    plan = sorted((_registered_at(history, rng, first + DAY * rng.randrange(span)), n) for n in range(cases))
    serials: Counter[str] = Counter()
    gc.freeze()
    gc.disable()  # walking these rows again and again would take a quarter of the time; one walk per chunk frees them
    try:
        _write_all(history, villages, plan, serials)
    finally:
        gc.enable()
        gc.unfreeze()
    bulk.write_counters(serials)


def _write_all(
    history: History, villages: list[Area], plan: list[tuple[dt.datetime, int]], serials: Counter[str]
) -> None:
    for start in range(0, len(plan), CHUNK):
        writers = []
        for at, number in plan[start : start + CHUNK]:
            dice = history.rng(f"bulk {number}")
            village = dice.choice(villages)
            key = f"{village.county_code}-{village.code[6:9]}-{at.year}"
            serials[key] += 1
            writers.append(Writer(history, dice, village, f"{key}-{serials[key]:04d}", at))
        _write(history, writers)
        del writers
        gc.collect()


def _registered_at(history: History, rng: random.Random, day: dt.date) -> dt.datetime:
    return history.moment(rng, history.rules(day).calendar.next_workday(day), 8, 12)


def _write(history: History, writers: list[Writer]) -> None:
    drafts = [writer.draft for writer in writers]
    bulk.write_cases(drafts)
    visits_in_bulk.write_visits(visit for writer in writers for round_ in writer.visits for visit in round_)
    for writer in writers:
        writer.name_the_visits()
    chain = bulk.write_events(drafts)
    events = [event.pk for draft in drafts for event, _text in draft.events]
    visits_in_bulk.write_handled(min(events), max(events))
    detail = {"first": drafts[0].case.case_no, "cases": len(drafts), "events": len(events)}
    county = history.county.area.county_code
    record(action=Action.IMPORT, county=county, subject="demo", detail=detail, event_hash=chain, at=history.end)


_heard: dict[tuple[str, str, str], str] = {}


def heard(visit: ReturnVisit) -> str:
    """The summary of a visit, looked up once per combination: the labels are translated anew each time."""
    key = (visit.satisfaction, visit.mind, visit.performance)
    if key not in _heard:
        _heard[key] = summary(visit)
    return _heard[key]


class Writer:
    """Tells one case from its registration to where it stands today; nothing happens after today."""

    def __init__(self, history: History, rng: random.Random, village: Area, case_no: str, at: dt.datetime) -> None:
        self.history, self.rng, self.village, self.case_no = history, rng, village, case_no
        self.visits: list[list[ReturnVisit]] = []
        self.made: list[tuple[int, list[ReturnVisit]]] = []  # index of the event, visits that it made
        self.kind = sentences.pick(rng)
        steps = self.course(at)
        for moment in steps:
            if moment > history.end:
                break
        self.draft.keep(history.today)

    def crew(self) -> list[User]:
        return self.history.county.crews[self.draft.case.desk_id]

    def soon(self, at: dt.datetime) -> dt.datetime:
        return at + dt.timedelta(minutes=self.rng.randint(25, 95))

    def course(self, at: dt.datetime) -> Iterator[dt.datetime]:
        """Like a story of the year: each moment is offered before it comes."""
        rng, history, kind = self.rng, self.history, self.kind
        self.draft = self.registered(kind, at)
        settles_at = rng.choices((1, 2, 3), (64, 22, 14))[0]
        ending = rng.choices(list(ENDINGS), list(ENDINGS.values()))[0]
        if settles_at == 1 and ending == "settle" and rng.random() < 0.4:
            yield (at := self.soon(at))
            self.settle(at, on_the_spot=True)
        else:
            while True:
                yield (at := self.soon(at))
                by = rng.choice(self.crew()[:2])
                self.draft.take_up(self.crew()[0], at, by)
                yield (at := self.soon(at))
                higher = self.draft.case.tier < settles_at
                words = sentences.FAILED if higher else kind.found
                text = sentences.fill(rng, rng.choice(words), yuan=self.yuan)
                facts = {"way": "meeting" if higher else "visit", "happened_on": at.date().isoformat()}
                self.draft.event("note", by, at, text, facts, is_attempt=higher)
                slow = self.draft.case.tier == 3 and rng.random() < 0.08
                low, high = {1: (0, 2), 2: (1, 6), 3: (22, 45) if slow else (3, 12)}[self.draft.case.tier]
                yield (at := history.later(rng, at, low, high))
                if not higher:
                    break
                desk = history.county.desk(self.village, self.draft.case.tier + 1)
                self.draft.escalate(by, at, sentences.escalation(rng, self.draft.case.type_l1), desk)
            if ending == "withdraw":
                self.draft.withdraw(by, at, "双方提出。" + rng.choice(sentences.WITHDRAWN))
            elif ending == "settle":
                self.settle(at, by=by)
            else:
                words = sentences.TO_COURT if ending == "refer" else sentences.ENDED
                self.draft.tell_and_leave(ending, by, at, rng.choice(words), "court" if ending == "refer" else "")
        if ending == "settle":
            yield from self.after(at)

    @property
    def yuan(self) -> int | None:
        return int(self.draft.case.amount) if self.draft.case.amount else None

    def registered(self, kind: Kind, at: dt.datetime) -> Draft:
        history, rng, village = self.history, self.rng, self.village
        desk = history.county.committees[village.pk]
        facts, danger = history.facts(rng, at=at, village=village, kind=kind, tier=1)
        return Draft.register(
            case_no=self.case_no,
            by=rng.choice(history.county.crews[desk.pk]),
            at=at,
            desk=desk,
            facts=facts,
            parties=history.parties(rng, kind, village, at.date()),
            rules=history.rules(at.date()),
            danger=danger,
        )

    def settle(self, at: dt.datetime, *, by: User | None = None, on_the_spot: bool = False) -> None:
        rng, draft, county = self.rng, self.draft, self.history.county
        case = draft.case
        office = county.committees[self.village.pk] if case.tier < 3 else case.desk
        result = rng.choices(("written", "oral", "self"), (10, 60, 30) if on_the_spot else (55, 30, 15))[0]
        amount = Decimal(case.amount) if case.amount else None
        draft.settle(
            by or self.crew()[0],
            at,
            result=result,
            organisation=office,
            chair=county.mediators[office.pk][0],
            text=sentences.fill(rng, rng.choice(self.kind.agreed), yuan=self.yuan) if result != "self" else "",
            obligations=self.history.obligations(rng, self.kind, draft.principals, at.date(), amount)
            if result == "written"
            else (),
            on_the_spot=on_the_spot,
        )
        self.visits = visits_in_bulk.planned(draft, county.rooms[self.village.pk])

    def after(self, at: dt.datetime) -> Iterator[dt.datetime]:
        """Both parties visited when it was due, then closed; visits on performance days go on after that."""
        rng, draft, history = self.rng, self.draft, self.history
        if rng.random() < 0.004:
            return  # nobody went
        closed = False
        for visits in self.visits:
            day = history.rules(visits[0].due_on).calendar.next_workday(visits[0].due_on - DAY * rng.randrange(3))
            yield (at := max(history.moment(rng, day), self.soon(at)))
            self.visit(visits, at)
            if not closed:
                yield (at := history.later(rng, at, 1, 3))
                crew = self.crew()
                by = next(p for p in crew if draft.case.tier == 1 or p.pk != draft.case.handler_id)
                draft.close(by, at, rng.choice(sentences.CLOSE))
                closed = True

    def visit(self, visits: list[ReturnVisit], at: dt.datetime) -> None:
        rng, draft = self.rng, self.draft
        by = self.history.county.crews[visits[0].office_id][0]
        way = "home" if draft.case.is_family else rng.choice(("home", "phone"))
        performance = rng.choice("1224")
        for visit in visits:
            visit.state, visit.visited_on, visit.entered_at = ReturnVisit.State.DONE, at.date(), at
            visit.by, visit.way, visit.performance = by, way, performance
            visit.satisfaction = rng.choices(("yes", "mostly", "not_stated", "no"), (54, 31, 10, 5))[0]
            visit.mind = rng.choices(("calm", "upset"), (90, 10))[0]
            visit.demands = rng.choice(sentences.VISIT_DEMANDS)
            visit.education = rng.choice(sentences.EDUCATION)
        facts = {"visited_on": at.date().isoformat(), "way": way, "relapse": False}
        self.made.append((len(draft.events), visits))
        draft.event("visit", by, at, facts=facts)

    def name_the_visits(self) -> None:
        """The events name the visits, and the words their parties, by the ids that they have now."""
        for index, visits in self.made:
            event, _text = self.draft.events[index]
            event.facts["visits"] = [visit.pk for visit in visits]
            words = "\n".join(f"{side_label(v.party, self.draft.principals)}：{heard(v)}" for v in visits)
            self.draft.events[index] = (event, words)
