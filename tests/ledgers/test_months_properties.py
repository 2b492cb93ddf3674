"""Random histories: the identity holds in every signed month, its cells stay, and changes stand below the next."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from disputes.models import Dispute, MoveRefused, Party, Round
from disputes.moves import Status
from ledgers.columns import ALL, cells
from ledgers.month import Month
from ledgers.months import doors
from ledgers.months.frozen import Checked, ledger_for
from ledgers.months.models import Correction, MonthlyLedger
from tests import factories as f
from villages.models import Area

EVERY = tuple(ALL.values())
TOLD = {"told_ways": ["court"]}


class History:
    """Moves, edits, late entries and a village that changes its township, at random through the doors."""

    def __init__(self, w, seed):
        self.w, self.dice, self.cases = w, random.Random(seed), []
        self.did: dict[str, int] = {}

    def step(self, at: dt.datetime) -> bool:
        name = self.dice.choice(
            "register register late take_up take_up settle settle withdraw end refer reopen merge unmerge void "
            "people type party new_party note township".split()
        )
        if not self.cases and name != "late":
            name = "register"
        try:
            done = getattr(self, f"_{name}")(at)
        except MoveRefused:
            return False
        self.did[name] = self.did.get(name, 0) + bool(done is not False)
        return done is not False

    def _case(self) -> Dispute:
        return Dispute.objects.get(pk=self.dice.choice(self.cases))

    def _register(self, at):
        self.cases.append(f.register(self.w, at=at, people_count=self.dice.randrange(1, 9)).pk)

    def _late(self, at):
        self.cases.append(f.register(self.w, at=at - dt.timedelta(days=self.dice.randrange(20, 70))).pk)

    def _take_up(self, at):
        self._case().perform("take_up", by=self.w.assistant, at=at, handler=self.w.assistant)

    def _settle(self, at):
        case, w = self._case(), self.w
        facts = f.settlement(w, case, at, organisation=w.committee, chair=w.village_mediator)
        case.perform("settle", by=w.assistant, at=at, **facts)

    def _withdraw(self, at):
        self._case().perform("withdraw", by=self.w.assistant, at=at, asked_by="甲方", reason="x")

    def _end(self, at):
        self._case().perform("end", by=self.w.assistant, at=at, reason="x", told_on=at.date(), **TOLD)

    def _refer(self, at):
        self._case().perform("refer", by=self.w.assistant, at=at, way="court", told_on=at.date(), **TOLD)

    def _reopen(self, at):
        self._case().perform("reopen", by=self.w.assistant, at=at, reason="x", report="y")

    def _merge(self, at):
        self._case().perform("merge", by=self.w.assistant, at=at, target=self._case(), reason="x")

    def _unmerge(self, at):
        merged = Dispute.objects.filter(status=Status.MERGED).order_by("pk").first()
        if merged is None:
            return False
        return merged.perform("unmerge", by=self.w.assistant, at=at, reason="x")

    def _void(self, at):
        case = self._case()
        case.ask_void(by=self.w.assistant, at=at, reason="x")
        case.perform("void", by=self.w.grid, at=at, reason="x")

    def _edit(self, at, **given):
        case = self._case()
        event = case.edit(by=self.w.assistant, at=at, version=case.version, **given)
        return event is not None

    def _people(self, at):
        return self._edit(at, facts={"people_count": self.dice.randrange(1, 30)})

    def _type(self, at):
        return self._edit(at, facts=self.dice.choice([{"type_l2": ""}, {"type_l1": "02", "type_l2": "0201"}]))

    def _party(self, at):
        case = self._case()
        party = self.dice.choice(list(case.parties.all()))
        changed = {"pk": party.pk, "name": self.dice.choice(["马文海", "王世荣", "祁连山"]), "phone": "13900001111"}
        return case.edit(by=self.w.assistant, at=at, version=case.version, parties=[changed]) is not None

    def _new_party(self, at):
        return self._edit(at, parties=[{"side": self.dice.choice("AB"), "name": "后来的"}])

    def _note(self, at):
        case = self._case()
        name = case.parties.first().name
        case.add_note(by=self.w.assistant, at=at, text=f"{name}来过")

    def _township(self, at):
        """A reform puts the village under the other township; past rounds stay where they were opened."""
        w = self.w
        village = Area.objects.get(pk=w.village.pk)
        village.parent = w.far_township if village.parent_id == w.township.pk else w.township
        village.save()
        Dispute.objects.filter(village=village).update(township=village.parent)
        w.village.refresh_from_db()


def shown(user, month):
    ledger = ledger_for(user, month, columns=EVERY)
    return [cells(row, EVERY) for row in ledger.rows(ledger.all_ids())]


def counted(month):
    """Carried, new, done and open by plain Python over the tables."""
    rounds = [r for r in Round.objects.all() if r.left_as != Status.VOIDED]
    return (
        sum(r.opened_at < month.start and (r.left_at is None or r.left_at >= month.start) for r in rounds),
        sum(month.start <= r.opened_at < month.end for r in rounds),
        sum(r.left_at is not None and month.start <= r.left_at < month.end for r in rounds),
        sum(r.opened_at < month.end and (r.left_at is None or r.left_at >= month.end) for r in rounds),
    )


def told_of(before: Month):
    """Per round of a signed month: what was last told, by the rows and lines that were written."""
    known = {}
    for signed in MonthlyLedger.objects.order_by("month"):
        for row in signed.corrections.all():
            known[row.round_pk] = row.facts
        for row in signed.rows.all():
            known[row.round_pk] = row.facts
    return known


def different(known, before: Month):
    """The rounds whose people, type, end or existence is another than was told, recounted from the tables."""
    changed = set()
    for pk, facts in known.items():
        row = Round.objects.select_related("dispute").get(pk=pk)
        if row.left_as == Status.VOIDED or facts.get("gone"):
            if bool(facts.get("gone")) != (row.left_as == Status.VOIDED):
                changed.add(pk)
            continue
        left = row.left_at and row.left_at < before.end
        kind = row.dispute.type_l2 or row.dispute.type_l1
        day = row.left_at.astimezone(f.SHANGHAI).date().isoformat() if left else ""
        if (facts["people"], facts["type"], facts["left"]) != (row.dispute.people_count, kind, day):
            changed.add(pk)
    return changed


def live_through(w, seed, edits):
    history = History(w, seed)
    at, signed, first = f.moment("2026-01-05 09:00"), {}, Month(2026, 1)
    for turn in range(4):
        month = first.shifted(turn)
        while at < month.end:
            history.step(at)
            at += dt.timedelta(minutes=history.dice.randrange(200, 1100))
        at = max(at, month.end + dt.timedelta(hours=1))
        before = month.shifted(-1)
        expected = different(told_of(before), before) if signed else set()
        late = (
            {
                r.pk
                for r in Round.objects.exclude(left_as=Status.VOIDED)
                if r.opened_at < before.end and r.pk not in told_of(before)
                if r.left_at is None or r.left_at >= first.start
            }
            if signed
            else set()
        )
        row = doors.freeze(month=month, by=w.supervisor, at=at, anyway=True)
        counts = row.counts
        told = counts["carried"], counts["new"], counts["done"], counts["still_open"]
        assert told == counted(month) and told[0] + told[1] == told[2] + told[3]
        lines = list(row.corrections.all())
        assert late == {line.round_pk for line in lines if line.kind == Correction.Kind.LATE}
        assert expected <= {line.round_pk for line in lines if line.kind == Correction.Kind.CHANGED}
        if signed:
            last = MonthlyLedger.objects.get(month=str(before)).counts["still_open"]
            assert last + sum(line.carries for line in lines) == counts["carried"]
        at += dt.timedelta(hours=1)
        signed[month] = {who: shown(getattr(w, who), month) for who in ("supervisor", "assistant")}
    made = 0
    while made < edits:
        at += dt.timedelta(minutes=10)
        made += history.step(at)
    for month, tables in signed.items():
        for who, table in tables.items():
            assert shown(getattr(w, who), month) == table, (month, who)
        assert Checked(MonthlyLedger.objects.get(month=str(month))).holds
    return history


def test_signed_months_stay_over_200_further_edits(w):
    history = live_through(w, 1, 200)
    assert len([name for name, n in history.did.items() if n]) > 12, history.did
    assert Party.objects.filter(past__isnull=False).exists()


@pytest.mark.full
@pytest.mark.parametrize("seed", range(2, 12))
def test_signed_months_stay_whatever_happens(w, seed):
    live_through(w, seed, 200)
