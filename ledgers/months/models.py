"""What a village or township has handed in of a month, and the month as the county signed it.

A frozen month keeps ids and cells without persons. Names and masked phones are joined when it is shown, as they were
at that moment, so that the lawful destruction of a party's data leaves the rest of the month as it was signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from disputes.moves import Status
from villages.models import Area, Office, User

BATCH = 500


def digest(content: Any) -> str:
    """SHA-256 over one canonical form of JSON."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class MonthSubmission(models.Model):
    """One month of one village or township: not handed in, handed in by 制表人, signed by 负责人, or taken back."""

    class State(models.TextChoices):
        DUE = "due", _("未报送")
        SUBMITTED = "submitted", _("已报送")
        SIGNED = "signed", _("已签字")
        RECALLED = "recalled", _("已撤回")

    month = models.CharField(_("月份"), max_length=7)
    area = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(_("状态"), max_length=10, choices=State.choices, default=State.DUE)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, verbose_name=_("制表人"))
    made_at = models.DateTimeField(_("报送时间"), null=True)
    signed_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, verbose_name=_("负责人"))
    signed_at = models.DateTimeField(_("签字时间"), null=True)
    recalled_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    recalled_at = models.DateTimeField(null=True)
    reason = models.CharField(_("撤回理由"), max_length=200, blank=True)
    reminded_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    reminded_at = models.DateTimeField(_("催报时间"), null=True)
    reminder = models.UUIDField(null=True)  # the latest; its notice leads here by it
    # the four sums that were handed in: a later change shows beside them
    counts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["area", "month"], name="an_area_hands_a_month_in_once"),
            models.CheckConstraint(
                condition=~Q(state__in=["submitted", "signed"]) | Q(made_by__isnull=False, made_at__isnull=False),
                name="what_was_handed_in_names_who_and_when",
            ),
            models.CheckConstraint(
                condition=~Q(state="signed") | Q(signed_by__isnull=False, signed_at__isnull=False),
                name="what_was_signed_names_who_and_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.area_id} {self.month} {self.state}"

    @property
    def is_in(self) -> bool:
        return self.state in (self.State.SUBMITTED, self.State.SIGNED)


class MonthlyLedger(models.Model):
    """One county's month, signed. There is no way back: what changes afterwards stands in the next month."""

    county = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    month = models.CharField(_("月份"), max_length=7)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("定稿人"))
    by_name = models.CharField(max_length=50)
    at = models.DateTimeField(_("定稿时间"))
    missing = models.PositiveIntegerField(default=0)  # villages and townships that had not handed in
    count = models.PositiveIntegerField()
    counts = models.JSONField()
    voided = models.JSONField(default=list)  # number, county, township, village, desk
    #: The newest event that the snapshot knew: what came later may be a correction.
    events_until = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["month"]
        constraints = [models.UniqueConstraint(fields=["county", "month"], name="a_county_freezes_a_month_once")]

    def __str__(self) -> str:
        return f"{self.county_id} {self.month}"

    def head(self, rows: Iterable[tuple[str, str]], lines: Iterable[str], flags: Iterable[str]) -> str:
        """The hash that stands beside the signer: over the sums, every row, every line below and every flag."""
        told = {"county": self.county_id, "month": self.month, "counts": self.counts, "voided": self.voided}
        told |= {"rows": [list(row) for row in rows], "lines": list(lines), "flags": list(flags)}
        return digest(told)


class Placed(models.Model):
    """Where a row's case lay when the month was signed: the columns that the scope rule asks."""

    round_pk = models.BigIntegerField(null=True)
    dispute_pk = models.BigIntegerField()  # no foreign key: a case may be gone one day, its row stays
    case_no = models.CharField(max_length=24)
    county = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    township = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    village = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    desk = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False)
    hash = models.CharField(max_length=64)

    class Meta:
        abstract = True


class FrozenRow(Placed):
    """One round in one signed month. `content` is the ledger's row without persons, `facts` what a correction is
    measured by; the columns beside them are what the sums and the monthly report count."""

    ledger = models.ForeignKey(MonthlyLedger, models.PROTECT, related_name="rows", db_index=False)
    position = models.PositiveIntegerField()
    no = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)  # within the month, or empty
    left_as = models.CharField(max_length=10, choices=Status.choices, blank=True)
    result = models.CharField(max_length=12, blank=True)
    type_l1 = models.CharField(max_length=2)
    type_l2 = models.CharField(max_length=4, blank=True)
    source = models.CharField(max_length=2)
    organisation = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False)
    people = models.PositiveIntegerField(null=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    agreed = models.DecimalField(max_digits=16, decimal_places=2, null=True)  # yuan promised in the agreement
    promised = models.PositiveIntegerField(default=0)  # obligations
    kept = models.PositiveIntegerField(default=0)
    protected = models.BooleanField()
    parties = models.JSONField(default=list)
    content = models.JSONField()
    facts = models.JSONField()
    persons = models.CharField(max_length=32, blank=True)  # keyed: says that a name has changed, never which it was

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "position"], name="a_frozen_row_has_its_place"),
            models.UniqueConstraint(fields=["ledger", "round_pk"], name="a_round_is_frozen_once_a_month"),
        ]
        indexes = [models.Index(fields=["round_pk", "ledger"], name="frozen_rows_of_a_round")]

    def __str__(self) -> str:
        return f"{self.ledger_id}/{self.position} {self.case_no}"

    def compute_hash(self) -> str:
        return digest([self.position, self.round_pk, self.case_no, self.parties, self.content, self.facts])


class Correction(Placed):
    """A line below a signed month: what was entered late (补报) or changed (更正) in a month signed before."""

    class Kind(models.TextChoices):
        LATE = "late", _("补报")
        CHANGED = "changed", _("更正")

    ledger = models.ForeignKey(MonthlyLedger, models.PROTECT, related_name="corrections", db_index=False)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    about = models.CharField(max_length=7)  # the month it belongs to
    changes = models.JSONField(default=list)  # [what, old, new] as shown
    facts = models.JSONField()  # as they are from now on
    #: What it does to the cases carried over: +1 entered late and open, -1 no longer open.
    carries = models.SmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "position"], name="a_correction_has_its_place")]
        indexes = [models.Index(fields=["round_pk", "ledger"], name="corrections_of_a_round")]

    def __str__(self) -> str:
        return f"{self.ledger_id}/{self.position} {self.case_no} {self.kind}"

    def compute_hash(self) -> str:
        told = [self.position, self.kind, self.about, self.case_no, self.changes, self.facts, self.carries]
        return digest(told)


class FrozenFlag(Placed):
    """One outcome flag that was dated in a signed month."""

    ledger = models.ForeignKey(MonthlyLedger, models.PROTECT, related_name="flags")
    flag_pk = models.BigIntegerField(db_index=True)
    kind = models.CharField(max_length=12)
    cases = models.SmallIntegerField(default=1)  # -1 takes back what a month signed before has counted
    people = models.IntegerField()
    on = models.DateField()
    type_l1 = models.CharField(max_length=2)

    def __str__(self) -> str:
        return f"{self.ledger_id} {self.case_no} {self.kind}"

    def compute_hash(self) -> str:
        return digest([self.flag_pk, self.case_no, self.kind, self.cases, self.people, self.on.isoformat()])


def insert(ledger: MonthlyLedger, rows: Iterable[Placed], model: type[Placed]) -> None:
    """Put the rows of a month that is being signed into the database, a batch at a time."""
    batch: list[Any] = []
    for row in rows:
        row.ledger = ledger  # type: ignore[attr-defined]
        batch.append(row)
        if len(batch) == BATCH:
            model._default_manager.bulk_create(batch)
            batch = []
    if batch:
        model._default_manager.bulk_create(batch)


def facts_before(rounds: Iterable[int]) -> dict[int, tuple[str, dict[str, Any]]]:
    """Month and facts by which each of these rounds was last told of, in a row or in a line below."""
    rounds = list(rounds)
    known: dict[int, tuple[str, dict[str, Any]]] = {}
    for model in (FrozenRow, Correction):
        found = model._default_manager.filter(round_pk__in=rounds).order_by("ledger__month", "pk")
        for number, month, facts in found.values_list("round_pk", "ledger__month", "facts"):
            pk = int(number or 0)
            # a row and a line of one month: the row was written with the line already known
            if pk not in known or month > known[pk][0]:
                known[pk] = (month, facts)
    return known
