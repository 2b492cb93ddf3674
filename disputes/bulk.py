"""Many cases at once, for load_demo and for old ledgers: built in memory step by step, inserted together.

The one way past `register` and `perform` (which ask, lock and log case by case, some 20 milliseconds each). It is for
cases that nobody works on yet, invented ones and those of an import that is still hidden: each step leaves the fields
that the move of the same name leaves, tests/demo holds both against the same invariants, and one AccessLog row per
batch stands for its events.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from audit import keyring
from disputes.clock import Rules
from disputes.models import (
    Agreement,
    Check,
    Counter,
    DangerGrade,
    Dispute,
    Event,
    EventText,
    Obligation,
    Party,
    PartySecret,
    Round,
)
from disputes.moves import LEAVES, MOVES, Status
from disputes.safe.models import SHOWN_BEFORE, Task
from disputes.search import index
from villages.models import Office, User

BATCH = 500


@dataclass
class Draft:
    """One case in memory. The steps ask nothing: whoever calls them keeps to the table of moves."""

    case: Dispute
    rules: Rules
    parties: list[Party]
    round: Round
    events: list[tuple[Event, str]] = field(default_factory=list)
    agreement: Agreement | None = None
    obligations: list[Obligation] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    grades: list[DangerGrade] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    @classmethod
    def register(
        cls,
        *,
        case_no: str,
        by: User,
        at: dt.datetime,
        desk: Office,
        facts: Mapping[str, Any],
        parties: Iterable[Mapping[str, Any]],
        rules: Rules,
        danger: Mapping[str, str] | None = None,
    ) -> Draft:
        township = facts["village"].parent
        times = dict.fromkeys(("registered_at", "arrived_at", "opened_at"), at)
        case = Dispute(
            **facts, **times, case_no=case_no, status=Status.WAITING, desk=desk, registered_by=by,
            county=township.parent, township=township,
        )  # fmt: skip
        rows = [Party.build(**row, dispute=case) for row in parties]
        case.summarise(rows, timezone.localdate(at))
        places = {"county": case.county, "township": township, "village": case.village}
        draft = cls(case, rules, rows, Round(dispute=case, no=1, opened_at=at, **places))
        if danger:
            until = timezone.localdate(at) + dt.timedelta(days=rules.policy["danger_days"])
            draft.grades.append(DangerGrade(dispute=case, by=by, at=at, expires_on=until, **danger))
            case.danger, case.danger_until = danger["level"], until
        draft.event("register", by, at, case.narrative)
        return draft

    @property
    def principals(self) -> list[Party]:
        return [party for party in self.parties if party.side in (Party.Side.A, Party.Side.B)]

    def event(
        self,
        kind: str,
        by: User,
        at: dt.datetime,
        text: str = "",
        facts: Mapping[str, Any] | None = None,
        *,
        is_attempt: bool = False,
        before: tuple[str, int] | None = None,
    ) -> Event:
        case = self.case
        status_from, tier_from = before or (case.status, case.tier)
        office = case._office_of(by)
        row = Event(
            dispute=case, kind=kind, at=at, by_id=by.pk, by_name=by.name, desk_id=case.desk_id,
            office_id=office.pk if office else None,
            status_from=status_from, status_to=case.status, tier_from=tier_from, tier_to=case.tier, round=case.round,
            version=case.version, is_attempt=is_attempt, facts=dict(facts or {}),
        )  # fmt: skip
        self.events.append((row, text))
        return row

    def move(
        self, name: str, by: User, at: dt.datetime, text: str = "", facts: Mapping[str, Any] | None = None
    ) -> Event:
        """What every move does: tier, status, version, and the round's end when the case leaves."""
        case = self.case
        before = (case.status, case.tier)
        if name in LEAVES:
            case.reclock(self.rules)
            self.round.on_time = case.due_on is None or timezone.localdate(at) <= case.due_on
            self.round.left_at, self.round.left_as = at, LEAVES[name]
            case.left_at = at
        case.tier += MOVES[name].step
        case.status = MOVES[name].to or case.status
        case.version += 1
        return self.event(name, by, at, text, facts, before=before)

    def take_up(self, by: User, at: dt.datetime, handler: User) -> None:
        self.case.handler, self.case.accepted_at = handler, self.case.accepted_at or at
        self.move("take_up", by, at, facts={"handler": handler.pk})

    def escalate(self, by: User, at: dt.datetime, reason: str, desk: Office) -> None:
        self.case.desk, self.case.handler, self.case.arrived_at = desk, None, at
        self.move("escalate", by, at, reason)

    def settle(
        self,
        by: User,
        at: dt.datetime,
        *,
        result: str,
        organisation: Office,
        chair: User,
        text: str = "",
        obligations: Iterable[Mapping[str, Any]] = (),
        on_the_spot: bool = False,
    ) -> None:
        """Settled with the papers of people's mediation, or by the parties themselves."""
        case, day = self.case, timezone.localdate(at)
        case.settled_at, case.result = at, result
        case.handler, case.accepted_at = case.handler or by, case.accepted_at or at
        for party in self.principals:
            party.consent, party.consent_on = Party.Consent.AGREED, day
        track = "" if result == Agreement.Result.SELF else Agreement.Track.PEOPLE
        self.agreement = Agreement(
            dispute=case, round=case.round, result=result, track=track, organisation=organisation, chair=chair,
            agreed_on=day, on_the_spot=on_the_spot, text=text,
        )  # fmt: skip
        self.obligations = [Obligation(agreement=self.agreement, **row) for row in obligations]
        if case.is_family:
            check = self._check(Check.Kind.FAMILY, "no", by, at)
            check.sealed = keyring.seal("", table="disputes_check", column="sealed", uid=check.uid)
        self.move("settle", by, at, text, {"result": result, "track": track})

    def tell_and_leave(self, name: str, by: User, at: dt.datetime, reason: str, way: str = "") -> None:
        """引导 or 调解不成, with the record that the other ways were told."""
        self.case.result = f"way_{way}" if way else "ended"
        told = [way or "court"]
        self._check(Check.Kind.TOLD, ",".join(told), by, at)
        facts = {"told_ways": told, "told_on": timezone.localdate(at).isoformat()}
        self.move(name, by, at, reason, {"way": way, **facts} if way else facts)

    def withdraw(self, by: User, at: dt.datetime, reason: str) -> None:
        self.case.result = "withdrawn"
        self.move("withdraw", by, at, reason)

    def keep(self, today: dt.date) -> None:
        """What was due has been kept, and the rest is still to be: one task per day, as `promised` makes them."""
        for row in self.obligations:
            if row.due_on <= today:
                row.performance, row.performed_on = Obligation.Performance.DONE, row.due_on
        case, kind = self.case, Task.Kind.PERFORM
        self.tasks = [
            Task(
                dispute=case, round=case.round, kind=kind, office_id=case.desk_id, due_on=day,
                since=day - dt.timedelta(days=SHOWN_BEFORE[kind]),
            )
            for day in sorted({row.due_on for row in self.obligations if row.due_on > today})
        ]  # fmt: skip

    def close(self, by: User, at: dt.datetime, reason: str) -> None:
        self.case.closed_at = at
        self.move("close", by, at, reason)

    def _check(self, kind: str, outcome: str, by: User, at: dt.datetime) -> Check:
        check = Check(uid=uuid.uuid4(), dispute=self.case, round=self.case.round, kind=kind, outcome=outcome)
        check.by, check.at = by, at
        self.checks.append(check)
        return check


def write_cases(drafts: Sequence[Draft]) -> None:
    """Insert the cases and what hangs on them, their events apart: these name rows that must exist first."""
    for draft in drafts:
        draft.case.reclock(draft.rules)
    _insert(Dispute, [draft.case for draft in drafts])
    _insert(Round, [draft.round for draft in drafts])
    parties = [party for draft in drafts for party in draft.parties]
    secrets = [party.seal() for party in parties]
    _insert(Party, parties)
    _insert(PartySecret, [PartySecret(party=p, **sealed) for p, sealed in zip(parties, secrets, strict=True)])
    index.keep((draft.case, draft.parties) for draft in drafts)
    _insert(Agreement, [draft.agreement for draft in drafts if draft.agreement])
    _insert(Obligation, [row for draft in drafts for row in draft.obligations])
    _insert(Check, [row for draft in drafts for row in draft.checks])
    _insert(Task, [row for draft in drafts for row in draft.tasks])
    _insert(DangerGrade, [row for draft in drafts for row in draft.grades])


def write_events(drafts: Sequence[Draft]) -> str:
    """Insert the events in the order in which they happened; one hash over all of theirs, for the log."""
    rows = sorted((row for draft in drafts for row in draft.events), key=lambda row: row[0].at)
    agreements = {draft.case.pk: draft.agreement.pk for draft in drafts if draft.agreement}
    chain = hashlib.sha256()
    for event, _text in rows:
        if event.kind == "settle" and event.dispute.pk in agreements:  # an old ledger tells the result alone
            event.facts["agreement"] = agreements[event.dispute.pk]
        event.hash = event.compute_hash()
        chain.update(event.hash.encode())
    _insert(Event, [event for event, _text in rows])
    _insert(EventText, [EventText(event=event, body=text) for event, text in rows if text])
    return chain.hexdigest()


def write_counters(last: Mapping[str, int]) -> None:
    """The serials given out, so that the next registration goes on without a gap."""
    _insert(Counter, [Counter(key=key, last=serial) for key, serial in last.items()])


def _insert(model: Any, rows: list[Any]) -> None:
    model.objects.bulk_create(rows, batch_size=BATCH)
