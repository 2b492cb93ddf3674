"""What happens to the cases of the year: the ordinary course, in which whoever is at the desk does what comes next."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Generator

from config.demo import sentences
from config.demo.county import TOWN_1, TOWN_2, VILLAGE_1
from config.demo.history import DAY, History, Story, still_open
from config.demo.sentences import Kind
from disputes.models import Dispute, MoveRefused, Party
from disputes.moves import Status
from followups import relapse as checks
from followups.models import ReturnVisit
from followups.visits import VISITED, parties_without_visit, record_visit, waive_visit
from villages.models import Area, User

ENDINGS = {"settle": 86, "refer": 4, "end": 4, "withdraw": 4, "drag": 2}


def village_of_the_day(history: History, rng: random.Random) -> Area:
    """The townships of the demo accounts have more to tell than the others."""
    villages = history.county.villages
    weights = [
        12 if v.code == VILLAGE_1 else 4 if v.code[:9] == TOWN_1 else 2 if v.code[:9] == TOWN_2 else 1 for v in villages
    ]
    return rng.choices(villages, weights)[0]


def ordinary(history: History, number: int) -> Story:
    """One case of some village, found on some day of the year, more often lately."""
    rng = history.rng(number)
    village, kind = village_of_the_day(history, rng), sentences.pick(rng)
    day = history.today - DAY * int(1 + 364 * rng.random() ** 1.2)
    at = history.moment(rng, day)
    yield at
    tier = rng.choices((1, 2, 3), (84, 10, 6))[0]
    crew = (
        history.county.crews[history.county.desk(village, tier).pk]
        or history.county.crews[history.county.desk(village, 1).pk]
    )
    case = history.register(rng, by=rng.choice(crew), at=at, village=village, kind=kind, tier=tier)
    yield from course(history, rng, case, kind, at)


def course(history: History, rng: random.Random, case: Dispute, kind: Kind, at: dt.datetime) -> Story:
    """From registration to the closed file, at the tier where it can be settled."""
    yield from handling(history, rng, case, kind, at)
    case.refresh_from_db()
    if case.status == Status.SETTLED:
        yield from after_settlement(history, rng, case, kind)


def handling(history: History, rng: random.Random, case: Dispute, kind: Kind, at: dt.datetime) -> Story:
    """The open part: state-driven, since the clock may have passed the case up meanwhile."""
    ending = rng.choices(list(ENDINGS), list(ENDINGS.values()))[0]
    settles_at = max(case.tier, rng.choices((1, 2, 3), (64, 22, 14))[0])
    on_the_spot = case.tier == settles_at == 1 and ending == "settle" and rng.random() < 0.35
    tries = 0
    while True:
        at = history.later(rng, at, 0, 0 if on_the_spot else 2)
        yield at
        if not still_open(case):
            return
        crew = history.county.crews[case.desk_id]
        if not crew:  # nobody is posted there: only the clock moves it
            at += 3 * DAY
            continue
        if case.status == Status.WAITING:
            if on_the_spot and case.tier == 1:
                history.settle(case, rng, kind, by=crew[0], at=at, on_the_spot=True)
                return
            if rng.random() < 0.06:  # forgotten for some days
                at = history.later(rng, at, 2, 5)
                yield at
                if not still_open(case):
                    return
                crew = history.county.crews[case.desk_id]
                if not crew or case.status != Status.WAITING:
                    continue
            history.move(case, "take_up", by=crew[0], at=at, handler=rng.choice(crew[:2]))
            continue
        by = next((person for person in crew if person.pk == case.handler_id), crew[0])  # the one whose scope is loaded
        if ending == "drag" and rng.random() < 0.7:
            at = history.later(rng, at, 3, 9)
            continue
        if rng.random() < 0.05:
            at = yield from paused(history, rng, case, at)
            continue
        tries += 1
        higher = case.tier < settles_at
        failed = higher or rng.random() < 0.3
        history.note(case, rng, kind, by=by, at=at, failed=failed)
        if failed and not higher and tries < 3:
            continue
        at = history.later(rng, at, 0, 2)
        yield at
        if not still_open(case) or case.status != Status.MEDIATING or case.desk_id not in by.scope.desks:
            if case.status in (Status.WAITING, Status.MEDIATING):
                continue
            return
        if higher:
            try:
                history.move(case, "escalate", by=by, at=at, reason=sentences.escalation(rng, case.type_l1))
                continue
            except MoveRefused:  # past the case's limit: it ends here
                pass
        finish(history, rng, case, kind, by=by, at=at, ending=ending)
        return


def finish(
    history: History, rng: random.Random, case: Dispute, kind: Kind, *, by, at: dt.datetime, ending: str
) -> None:
    """The round leaves 调解中."""
    told = {"told_ways": ["court", "arbitral"] if kind.l2 == "0901" else ["court"], "told_on": at.date()}
    if ending == "refer":
        way = "arbitral" if kind.l2 == "0901" else "court"
        reasons = sentences.TO_ARBITRATION if way == "arbitral" else sentences.TO_COURT
        history.move(case, "refer", by=by, at=at, way=way, reason=rng.choice(reasons), **told)
    elif ending == "end":
        history.move(case, "end", by=by, at=at, reason=rng.choice(sentences.ENDED), **told)
    elif ending == "withdraw":
        words = {"asked_by": rng.choice(("甲方", "双方")), "reason": rng.choice(sentences.WITHDRAWN)}
        history.move(case, "withdraw", by=by, at=at, **words)
    else:
        if rng.random() < 0.2:
            party = case.principal_parties()[0]
            history.told(case.set_consent(party, by=by, at=at, consent="agreed", way="当面"))
        history.settle(case, rng, kind, by=by, at=at)


def paused(
    history: History, rng: random.Random, case: Dispute, at: dt.datetime
) -> Generator[dt.datetime, None, dt.datetime]:
    """中止 … 恢复; the moment of the latter."""
    by = history.county.crews[case.desk_id][0]
    history.move(case, "pause", by=by, at=at, reason=rng.choice(sentences.PAUSE))
    yield (at := history.later(rng, at, 4, 15))
    history.move(case, "resume", by=by, at=at, reason=rng.choice(sentences.RESUME))
    return at


# --- afterwards ------------------------------------------------------------------------------------------------------
def after_settlement(history: History, rng: random.Random, case: Dispute, kind: Kind) -> Story:
    """Return visits until each party was reached, then 销号; now and then it flares up again."""
    first = ReturnVisit.objects.planned().filter(dispute=case, round=case.round).first()
    if first is None or rng.random() < 0.05:
        return  # nobody went: the visit stands overdue
    at = history.moment(rng, history.rules(first.due_on).calendar.next_workday(first.due_on - DAY * rng.randint(0, 4)))
    while True:
        yield at
        case.refresh_from_db()
        if case.status != Status.SETTLED:
            return
        if relapsed := visit(history, rng, case, at=at, missing=rng.random() < 0.12):
            break
        if not parties_without_visit(case):
            break
        at = history.later(rng, at, 3, 5)
        if rng.random() < 0.12:
            yield at
            case.refresh_from_db()
            for party in parties_without_visit(case):
                why = "长期在外务工，电话里说没有意见，本人要求不再打扰"
                supervisor = history.county.supervisors[0]
                history.told(waive_visit(case=case, party=party, by=supervisor, at=at, reason=why))
            break
    at = history.later(rng, at, 1, 4)
    yield at
    case.refresh_from_db()
    crew = history.county.crews[case.desk_id]
    if relapsed:
        confirm_relapse(history, case, by=crew[0], at=at, reason=rng.choice(sentences.REOPEN))
        yield from course(history, rng, case, kind, at)
        return
    if rng.random() < 0.9:  # else it is ready, and nobody has closed it yet
        by = next(person for person in crew if case.tier == 1 or person.pk != case.handler_id)
        reason = rng.choice(sentences.CLOSE)
        if case.why_not("close", by=by, at=at, facts={"reason": reason}):  # something fell due since the visit
            reason = sentences.CLOSE_BEFORE_ALL_IS_KEPT
        history.move(case, "close", by=by, at=at, reason=reason)
    yield from performance_visits(history, rng, case, at)


def confirm_relapse(history: History, case: Dispute, *, by: User, at: dt.datetime, reason: str) -> None:
    """The sign that a visit found is looked into and is true: the case begins its next round."""
    facts = {"confirmed": True, "reason": reason, "level": "orange", "level_reason": "双方对履行有争执"}
    history.told(checks.decide(case=case, by=by, at=at, facts=facts))
    case.refresh_from_db()
    history.told(case.events.filter(kind="reopen").latest("pk"))


def performance_visits(history: History, rng: random.Random, case: Dispute, at: dt.datetime) -> Story:
    """What was promised for a day is asked about near that day, 结案 or not; some of these visits are forgotten."""
    while rng.random() < 0.93:
        planned = list(ReturnVisit.objects.planned().filter(dispute=case, round=case.round).select_related("party"))
        if not planned:
            return
        due_on = min(visit.due_on for visit in planned)
        day = history.rules(due_on).calendar.next_workday(due_on - DAY * rng.randint(0, 2))
        at = history.moment(rng, day) if day > at.date() else history.later(rng, at, 1, 3)
        yield at
        case.refresh_from_db()
        if case.status not in VISITED:
            return
        parties = {visit.party for visit in planned if visit.due_on == due_on}
        missing = rng.random() < 0.1
        visit(history, rng, case, at=at, parties=sorted(parties, key=lambda p: p.pk), missing=missing, relapse=False)


def visit(
    history: History,
    rng: random.Random,
    case: Dispute,
    *,
    at: dt.datetime,
    parties: list[Party] | None = None,
    missing: bool = False,
    relapse: bool | None = None,
) -> bool:
    """One visit to `parties`, else to all that are still to be reached; True when it flared up again."""
    planned = ReturnVisit.objects.planned().filter(dispute=case, round=case.round).first()
    office = planned.office_id if planned else case.desk_id
    by = (history.county.crews[office] or history.county.crews[case.desk_id])[0]
    relapse = rng.random() < 0.035 if relapse is None else relapse
    answers = {}
    for number, party in enumerate(parties or parties_without_visit(case)):
        if missing and number == 0:
            next_on = at.date() + 3 * DAY
            answers[party.pk] = {"reached": False, "why_failed": rng.choice(sentences.NOT_REACHED), "next_on": next_on}
            continue
        unhappy = relapse and number == 0
        answers[party.pk] = {
            "reached": True,
            "satisfaction": "no"
            if unhappy
            else rng.choices(("yes", "mostly", "not_stated", "no", "refused"), (52, 30, 10, 5, 3))[0],
            "mind": "relapse" if unhappy else rng.choices(("calm", "upset"), (88, 12))[0],
            "demands": rng.choice(sentences.UNHAPPY if unhappy else sentences.VISIT_DEMANDS),
            "education": (taught := rng.choice(sentences.EDUCATION)),
            "topic": sentences.TOPICS.get(taught, "06" if taught else ""),
            "calming": rng.choice(sentences.CALMING),
        }
    facts = {
        "visited_on": at.date(),
        "way": "home" if case.is_family else rng.choices(("home", "phone", "office"), (60, 32, 8))[0],
        "performance": "5" if relapse else rng.choices(("1", "2", "3", "4"), (20, 50, 15, 15))[0],
        "conclusion": "" if missing or relapse else "close",
        "parties": answers,
    }
    history.told(record_visit(case=case, by=by, at=at, facts=facts))
    return relapse and not missing
