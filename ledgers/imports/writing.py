"""Ready lines become cases: in short chunks of hidden rows, then released in one transaction.

A case of an old ledger is a dispute in full, with its own number series …-L0001: its round opens and ends on the old
days, its events are marked 补录. Nothing follows from them: nobody is reminded of what was settled years ago, and no
visit is planned. One that is still open arrives at its desk today, and its clock starts today (docs/adr).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter as Tally
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _g

from audit.locks import locked
from audit.models import Action, record
from disputes.bulk import Draft, write_cases, write_events
from disputes.clock import Rules
from disputes.models import Counter, DangerGrade, Dispute, MoveRefused, rules_on
from disputes.moves import Status
from followups.bulk import write_handled_of
from followups.reactions import reacting_kinds
from ledgers.imports.models import CHUNK, ImportBatch, ImportRow
from villages.models import Area, Office, User

NOON = dt.time(12)


def on(day: dt.date) -> dt.datetime:
    """A day of which nobody wrote the hour: noon, which no month's edge is near."""
    return timezone.make_aware(dt.datetime.combine(day, NOON), timezone.get_default_timezone())


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


class Writer:
    """Builds the cases of one batch; what it asks of the database, it asks once."""

    def __init__(self, batch: ImportBatch, at: dt.datetime) -> None:
        self.batch, self.at, self.today = batch, at, timezone.localdate(at)
        self.rules: Rules = rules_on(self.today)
        self.by = batch.by
        self.late = {"entered_late": True}
        self.villages: dict[int, Area] = {}
        self.desks: dict[int, Office] = {}
        self.people: dict[int, User] = {}

    def load(self, facts: list[dict[str, Any]]) -> None:
        """Villages, desks and people that these lines name and no earlier one did."""
        self.villages |= Area.objects.select_related("parent__parent").in_bulk(
            {row["village"] for row in facts} - self.villages.keys()
        )
        self.desks |= Office.objects.in_bulk({row["desk"] for row in facts} - self.desks.keys())
        self.people |= User.objects.in_bulk({row["handler"] for row in facts if row["handler"]} - self.people.keys())

    def draft(self, facts: dict[str, Any], key: Any, case_no: str) -> Draft:
        found = dt.date.fromisoformat(facts["found_on"])
        left, closed = _day(facts["left_on"]), _day(facts["closed_on"])
        opened = on(found)
        draft = Draft.register(
            case_no=case_no,
            by=self.by,
            at=opened,
            desk=self.desks[facts["desk"]],
            facts={
                "village": self.villages[facts["village"]],
                "type_l1": facts["type"][:2],
                "type_l2": facts["type"] if len(facts["type"]) == 4 else "",
                "source": facts["source"],
                "narrative": facts["narrative"],
                "found_on": found,
                "people_count": facts["people"],
                "amount": Decimal(facts["amount"]) if facts["amount"] else None,
                "place": facts["place"],
                "tier": facts["tier"],
                "submission": key,
                "entered_from": self.batch.pk,
                "hidden": True,
            },
            parties=facts["parties"],
            rules=self.rules,
        )
        case = draft.case
        case.registered_at = self.at
        draft.events[0][0].facts = dict(self.late)
        handler = self.people.get(facts["handler"]) if facts["handler"] else None
        accepted = _day(facts["accepted_on"])
        if accepted and accepted < found:
            accepted = None
        if facts["danger"]:
            until = found + dt.timedelta(days=self.rules.policy["danger_days"])
            draft.grades.append(
                DangerGrade(
                    dispute=case,
                    level=facts["danger"],
                    reason=_g("原台账登记"),
                    by=self.by,
                    at=opened,
                    expires_on=until,
                )
            )
            case.danger, case.danger_until = facts["danger"], until
        if facts["note"]:
            draft.event("note", self.by, on(left or found), facts["note"], self.late)
        if left is None:
            self._open(draft, facts, handler, accepted)
        else:
            self._left(draft, facts, handler, accepted, left, closed)
        return draft

    def _open(self, draft: Draft, facts: dict[str, Any], handler: User | None, accepted: dt.date | None) -> None:
        """At its desk from today on: a limit that began years ago would be over before anybody saw the case."""
        case = draft.case
        case.arrived_at = self.at
        due = _day(facts["due_on"])
        if due and due >= self.today:
            case.given_until = due
        if facts["mediating"] and handler:
            case.handler = handler
            still = accepted and accepted + dt.timedelta(days=self.rules.policy["case_days"]) >= self.today
            case.accepted_at = on(accepted) if accepted and still else self.at
            draft.move("take_up", self.by, self.at, facts={"handler": handler.pk, **self.late})

    def _left(
        self,
        draft: Draft,
        facts: dict[str, Any],
        handler: User | None,
        accepted: dt.date | None,
        left: dt.date,
        closed: dt.date | None,
    ) -> None:
        case, at = draft.case, on(left)
        case.handler = handler
        case.accepted_at = on(min(accepted or left, left))
        case.result = facts["result"]
        name = {"settled": "settle", "referred": "refer"}.get(facts["status"]) or (
            "withdraw" if facts["result"] == "withdrawn" else "end"
        )
        kept = {"result": facts["result"], **self.late} if name == "settle" else dict(self.late)
        if name == "settle":
            case.settled_at = at
        draft.move(name, self.by, at, facts=kept)
        due = _day(facts["due_on"])
        draft.round.on_time = None if due is None else left <= due
        if closed is not None and case.status == Status.SETTLED:
            case.closed_at = on(closed)
            draft.move("close", self.by, on(closed), facts=self.late)


def write_step(batch: ImportBatch, *, at: dt.datetime, hold: Any = None, writer: Writer | None = None) -> bool:
    """Write the next chunk, hidden, or release everything after the last; whether there is more to do.

    `hold` is called inside the transaction: whoever lost the job to another worker writes nothing.
    """
    writer = writer or Writer(batch, at)
    rows = list(batch.lines.filter(verdict=ImportRow.Verdict.READY, pk__gt=batch.written).order_by("pk")[:CHUNK])
    if not rows:
        batch.release(at=at)
        return False
    facts = [row.content(batch)["facts"] for row in rows]
    writer.load(facts)
    with transaction.atomic():
        if hold:
            hold()
        state = locked(ImportBatch.objects.filter(pk=batch.pk)).only("state", "written").get()
        if state.state != ImportBatch.State.WRITING or state.written != batch.written:
            raise MoveRefused(_g("这次入库已经停下，或由别处接着做"))
        # another batch may have brought the same lines since the check
        entered = set(
            Dispute.objects.filter(submission__in=[row.key for row in rows], entered_from__isnull=False).values_list(
                "submission", flat=True
            )
        )
        fresh = [(row, told) for row, told in zip(rows, facts, strict=True) if row.key not in entered]
        series = [series_of(writer.villages[told["village"]], told) for _row, told in fresh]
        last = {key: (Counter.take(key, count), count) for key, count in sorted(Tally(series).items())}
        for key, (serial, count) in last.items():
            batch.numbers[key] = [batch.numbers.get(key, [serial - count + 1])[0], serial]
        nexts = {key: serial - count for key, (serial, count) in last.items()}
        drafts = []
        for (row, told), key in zip(fresh, series, strict=True):
            nexts[key] += 1
            drafts.append(writer.draft(told, row.key, f"{key}{nexts[key]:04d}"))
        write_cases(drafts)
        chain = write_events(drafts)
        events = [event for draft in drafts for event, _text in draft.events]
        write_handled_of([event.pk for event in events if event.kind in set(reacting_kinds())])
        batch.repeated(row for row in rows if row.key in entered)
        batch.written, batch.touched_at = rows[-1].pk, at
        batch.last_event = max([batch.last_event, *(event.pk for event in events)])
        batch.save(update_fields=["written", "touched_at", "last_event", "numbers", "counts"])
        if drafts:
            record(
                action=Action.IMPORT, actor=writer.by, county=batch.county.code[:6], subject=f"import {batch.uid}",
                detail={"kind": "import_rows", "rows": len(drafts), "first": drafts[0].case.case_no}, event_hash=chain,
                at=at,
            )  # fmt: skip
    return True


def series_of(village: Area, facts: dict[str, Any]) -> str:
    """620623-103-2025-L, by the year in which the dispute was found."""
    assert village.parent is not None
    return f"{village.county_code}-{village.parent.code[6:9]}-{facts['found_on'][:4]}-L"
