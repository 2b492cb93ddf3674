"""A year that happens in order: stories wait for their moment, and whoever is next acts through the real doors."""

from __future__ import annotations

import datetime as dt
import heapq
import random
from collections.abc import Generator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max

from config.demo import people, sentences
from config.demo.county import County
from config.demo.sentences import Kind
from disputes.clock import Rules
from disputes.models import Dispute, Event, Party, rules_on
from disputes.moves import Status
from followups.pump import sweep_clock
from followups.reactions import REACTIONS, react
from villages.models import Area, Office, User

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = dt.timedelta(days=1)

#: A story yields the moment at which it wants to go on.
Story = Generator[dt.datetime, None, None]


@dataclass
class History:
    """The county, the days behind it, and the stories that are under way."""

    county: County
    seed: int
    today: dt.date
    made: int = 0
    _waiting: list[tuple[dt.datetime, int, Story]] = field(default_factory=list)
    _rules: dict[int, Rules] = field(default_factory=dict)
    _started: int = 0

    @property
    def end(self) -> dt.datetime:
        """Nothing happens later: today's first minutes, in which the clock has just gone round."""
        return dt.datetime.combine(self.today, dt.time(0, 10), SHANGHAI)

    # --- time -------------------------------------------------------------------------------------------------------
    def rules(self, day: dt.date) -> Rules:
        if day.year not in self._rules:
            self._rules[day.year] = rules_on(day)
        return self._rules[day.year]

    def is_workday(self, day: dt.date) -> bool:
        return self.rules(day).calendar.is_workday(day)

    def last_workday(self, before: dt.date) -> dt.date:
        day = before - DAY
        while not self.is_workday(day):
            day -= DAY
        return day

    def moment(self, rng: random.Random, day: dt.date, first: int = 8, last: int = 18) -> dt.datetime:
        """Some minute of that day's office hours."""
        clock = dt.time(rng.randrange(first, last), rng.randrange(60), rng.randrange(60))
        return dt.datetime.combine(day, clock, SHANGHAI)

    def later(self, rng: random.Random, at: dt.datetime, low: int, high: int) -> dt.datetime:
        """`low` to `high` days after `at`, on a working day; the same day means half an hour to two hours later."""
        days = rng.randint(low, high)
        if days == 0:
            return at + dt.timedelta(minutes=rng.randint(30, 120))
        day = self.rules(at.date()).calendar.next_workday(at.date() + DAY * days)
        return self.moment(rng, day)

    # --- running ----------------------------------------------------------------------------------------------------
    def rng(self, name: object) -> random.Random:
        """Every story draws its own numbers, so that adding one changes no other."""
        return random.Random(f"{self.seed}/{name}")

    def start(self, story: Story) -> None:
        self._push(story)

    def _push(self, story: Story, *, after: dt.datetime | None = None) -> None:
        moment = next(story, None)
        if moment is not None and moment <= self.end:
            if after and moment < after:
                raise AssertionError(f"A story goes back from {after} to {moment}.")
            self._started += 1
            heapq.heappush(self._waiting, (moment, self._started, story))

    def run(self) -> None:
        """Everything up to today, in the order in which it happened."""
        while self._waiting:
            moment, _n, story = heapq.heappop(self._waiting)
            self._push(story, after=moment)

    # --- doing ------------------------------------------------------------------------------------------------------
    def register(
        self,
        rng: random.Random,
        *,
        by: User,
        at: dt.datetime,
        village: Area,
        kind: Kind,
        tier: int = 1,
        parties: list[dict[str, Any]] | None = None,
        **facts: Any,
    ) -> Dispute:
        given, danger = self.facts(rng, at=at, village=village, kind=kind, tier=tier)
        given |= facts
        if danger:
            given.setdefault("danger", danger)
        rows = parties or self.parties(rng, kind, village, at.date())
        case = Dispute.objects.register(by=by, at=at, facts=given, parties=rows, rules=self.rules(at.date()))
        self.made += 1
        self.told(case.events.get())
        return case

    def facts(
        self, rng: random.Random, *, at: dt.datetime, village: Area, kind: Kind, tier: int
    ) -> tuple[dict[str, Any], dict[str, str] | None]:
        """What somebody typed in for a dispute of this kind; and its danger grade, when they gave one."""
        amount = None
        if kind.amount and rng.random() < 0.8:
            low, high = kind.amount
            amount = int(round(low * (high / low) ** rng.random(), -2))
        found_on = at.date() - DAY * rng.choice((0, 0, 0, 1, 2))
        few = not (kind.l1 == "09" or kind.organisation)  # land and cooperatives concern many, a loan does not
        sources = {1: ("06", "06", "01", "02"), 2: ("03", "01", "06"), 3: ("09", "05", "07", "08")}
        given = {
            "village": village,
            "tier": tier,
            "type_l1": kind.l1,
            "type_l2": kind.l2,
            "source": rng.choice(sources[tier]),
            "found_on": found_on,
            "occurred_on": found_on - DAY * rng.randint(0, 20) if rng.random() < 0.85 else None,
            "place": sentences.fill(rng, rng.choice(kind.places)),
            "narrative": sentences.fill(rng, rng.choice(kind.stories), yuan=amount),
            "demands": sentences.fill(rng, rng.choice(kind.demands), yuan=amount),
            "people_count": rng.choice((2, 2, 2, 3, 4, 5, 7)) if few or rng.random() < 0.8 else rng.randint(8, 26),
            "amount": Decimal(amount) if amount else None,
            "complexity": rng.choices(("simple", "ordinary", "complex", "major"), (30, 52, 15, 3))[0],
        }
        danger = None
        if rng.random() < 0.22:
            level, reason = rng.choices(sentences.DANGER, (50, 22, 4, 24))[0]
            danger = {"level": level, "reason": reason}
        return given, danger

    def parties(self, rng: random.Random, kind: Kind, village: Area, day: dt.date) -> list[dict[str, Any]]:
        place = village.full_name
        rows = [people.villager(rng, place, day).as_party("A")]
        if kind.organisation and rng.random() < 0.5:
            rows.append(people.organisation(rng, village.short_name, "B"))
        else:
            rows.append(people.villager(rng, place, day).as_party("B"))
        if rng.random() < 0.12:
            rows.insert(1, people.villager(rng, place, day).as_party("A"))
        if rng.random() < 0.05:
            rows.append(people.villager(rng, place, day).as_party("C"))
        if rng.random() < 0.08:
            rows[0]["alias"] = rng.choice(("老五", "尕娃", "阿克加", "羊倌", "三爷"))
        if rng.random() < 0.06:
            rows[-1]["language_help"] = "藏语"
        if rng.random() < 0.06:
            rows[0]["read_aloud"] = True
        if rng.random() < 0.08:
            rows[0]["safe_to_call"] = rng.choice(("晚上八点以后打", "打给儿子，老人耳背", "白天上山没有信号"))
        return rows

    def move(self, case: Dispute, name: str, *, by: User | None, at: dt.datetime, **facts: Any) -> Event:
        event = case.perform(name, by=by, at=at, rules=self.rules(at.date()), **facts)
        self.told(event)
        return event

    def note(
        self, case: Dispute, rng: random.Random, kind: Kind, *, by: User, at: dt.datetime, failed: bool = False
    ) -> Event:
        """A progress note; `failed` is a recorded attempt that came to nothing."""
        words = sentences.FAILED if failed else kind.found * 2 + sentences.GENERAL_NOTES
        way = rng.choice(("meeting", "visit") if failed else ("visit", "visit", "phone", "office"))
        if case.is_family:  # nobody is called there without a note that it is safe
            way = "visit"
        yuan = int(case.amount) if case.amount else None
        text = sentences.fill(rng, rng.choice(words), yuan=yuan)
        event = case.add_note(by=by, at=at, text=text, way=way, happened_on=at.date(), is_attempt=failed)
        self.told(event)
        return event

    def settle(
        self,
        case: Dispute,
        rng: random.Random,
        kind: Kind,
        *,
        by: User,
        at: dt.datetime,
        on_the_spot: bool = False,
        result: str = "",
        **facts: Any,
    ) -> Event:
        """化解 with the papers that fit who mediates."""
        result = result or rng.choices(("written", "oral", "self"), (10, 60, 30) if on_the_spot else (62, 26, 12))[0]
        organisation, chair, track = self.mediators(case, kind, by)
        parties = case.principal_parties()
        day, yuan = at.date(), int(case.amount) if case.amount else None
        given: dict[str, Any] = {
            "result": result,
            "organisation": organisation,
            "chair": chair,
            "agreed_on": day,
            "consents": {party.pk: "agreed" for party in parties},
            "text": sentences.fill(rng, rng.choice(kind.agreed), yuan=yuan) if result != "self" else "",
            "on_the_spot": on_the_spot,
        }
        if track == "police" and result != "self":
            result = given["result"] = "written"
            self.police_track(case, by=by, at=at)
            given |= {"track": "police", "on_the_spot": False}
        if result == "written":
            given["obligations"] = list(self.obligations(rng, kind, parties, day, case.amount))
        if case.is_family:
            given["safety"] = dict.fromkeys(("beating", "restraint", "insult", "threat", "fear"), False)
        given = {name: value for name, value in (given | facts).items() if value is not None}
        return self.move(case, "settle", by=by, at=at, **given)

    def police_track(self, case: Dispute, *, by: User, at: dt.datetime) -> None:
        """The wizard, one session of two officers and the contents of the agreement, minutes before it."""
        self.act(case, "police", by=by, at=at, **sentences.WIZARD)
        session = {"held_on": at.date(), "place_kind": "standard", "place": "派出所调解室", "officers": "2"}
        self.act(case, "police_session", by=by, at=at, **session)
        self.act(case, "police_terms", by=by, at=at, **sentences.TERMS)

    def act(self, case: Dispute, name: str, *, by: User, at: dt.datetime, **facts: Any) -> Event:
        event = case.act(name, by=by, at=at, **facts)
        self.told(event)
        return event

    def mediators(self, case: Dispute, kind: Kind, by: User) -> tuple[Office, User, str]:
        """Who mediates here: the officer on blows and damage, else the people's mediator nearest to the desk."""
        county = self.county
        if case.tier == 2 and kind.l2 in ("0303", "0401", "0302"):
            return case.desk, by, "police"
        office = county.committees[case.village_id] if case.tier < 3 else county.centres[case.township_id]
        return office, county.mediators[office.pk][0], "people"

    def obligations(
        self, rng: random.Random, kind: Kind, parties: list[Party], day: dt.date, amount: Decimal | None
    ) -> Generator[dict[str, Any], None, None]:
        debtor = next((p for p in parties if p.side == "B"), parties[0])
        for what in rng.sample(kind.owed, k=min(len(kind.owed), rng.choice((1, 1, 2)))):
            paid = amount if amount and what.startswith(("付", "还", "补", "退还", "转付", "交")) else None
            yield {
                "debtor": debtor,
                "what": what,
                "amount": paid,
                "due_on": day + DAY * rng.choice((7, 10, 20, 30, 45, 60)),
            }

    def told(self, event: Event) -> None:
        """What follows from the event, now: the load is one transaction, and its end would be too late for visits."""
        if REACTIONS[event.kind]:
            react(event.pk)

    # --- the clock --------------------------------------------------------------------------------------------------
    def clock(self, first: dt.date) -> Story:
        """Every night the clock passes up what two working days of reminding did not move."""
        day = first
        while day <= self.today:
            at = dt.datetime.combine(day, dt.time(0, 5), SHANGHAI)
            yield at
            self._clock_goes_round(at)
            day += DAY

    def _clock_goes_round(self, at: dt.datetime) -> None:
        last = Event.objects.aggregate(last=Max("pk"))["last"] or 0
        if sweep_clock(lambda: at):
            for event in Event.objects.filter(pk__gt=last).order_by("pk"):
                self.told(event)


def still_open(case: Dispute) -> bool:
    """Read the case again: the clock or another story may have moved it."""
    case.refresh_from_db()
    return case.status in (Status.WAITING, Status.MEDIATING)
