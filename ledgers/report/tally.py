"""The counting of the monthly report: one scan per grouping, of the living rounds or of the signed rows alike.

A round counts where it was mediated: at the organisation of its agreement, else at the office that has the case.
成功率 = 达成协议 (书面 + 口头) / 调解终结 (成功 + 不成); what was withdrawn or referred, and 自行和解, is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from disputes.models import Agreement, Event, Obligation
from disputes.moves import LEAVES, Status
from disputes.outcomes.models import OutcomeFlag
from ledgers.month import Ledger, Month
from ledgers.months.frozen import FrozenLedger, ledger_for
from ledgers.months.models import FrozenFlag
from villages.models import TypeMap, User

Result = Agreement.Result
SUCCESS = (Result.WRITTEN, Result.ORAL)
#: 主动调解, 当事人申请, 接受委托移送 (codes of case_source); the rest is 其他.
WAYS: dict[str, tuple[str, ...]] = {
    "active": ("02", "06"),
    "asked": ("01",),
    "sent": ("03", "04", "05", "07", "08", "09"),
}
OTHER_WAY = "other"
#: 司法部 15 其他: what the mapping table does not name.
MOJ_OTHER = "15"


@dataclass
class Sums:
    """What is counted of any group of rounds in one month; `people` and `amount` (yuan) are those of the new ones."""

    carried: int = 0
    first: int = 0
    relapsed: int = 0
    written: int = 0
    oral: int = 0
    self_settled: int = 0
    settled: int = 0
    ended: int = 0
    gone: int = 0
    referred: int = 0
    merged: int = 0
    still_open: int = 0
    people: int = 0
    amount: Decimal = field(default_factory=Decimal)

    def __iadd__(self, other: Sums) -> Sums:
        for one in fields(Sums):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
        return self

    @property
    def new(self) -> int:
        return self.first + self.relapsed

    @property
    def withdrawn(self) -> int:
        return self.gone - self.ended

    @property
    def done(self) -> int:
        return self.settled + self.gone + self.referred + self.merged

    @property
    def success(self) -> int:
        return self.written + self.oral

    @property
    def final(self) -> int:
        """调解终结: where the success rate is divided by."""
        return self.success + self.ended


#: What the statement of `Tally.by` counts, in its order; 调解不成 is asked of the events.
COUNTED = ("carried first relapsed written oral self_settled settled gone referred merged still_open").split()


@dataclass(frozen=True)
class Promises:
    """协议涉及金额 and 履行 of the agreements of the month."""

    amount: Decimal
    promised: int
    kept: int


class Tally:
    """One month of one viewer, counted."""

    def __init__(self, user: User, month: Month) -> None:
        self.user, self.month = user, month
        self.ledger: Ledger = ledger_for(user, month)

    @property
    def rounds(self) -> QuerySet[Any]:
        """The rounds that the month touches, with the same names whether they are living or signed."""
        ledger, month = self.ledger, self.month
        if isinstance(ledger, FrozenLedger):
            return ledger.frozen_rows.annotate(
                l1=F("type_l1"),
                l2=F("type_l2"),
                src=F("source"),
                org=F("organisation"),
                res=F("result"),
                ppl=F("people"),
                yuan=F("amount"),
            )
        agreed = Q(dispute__agreements__round=F("no"))
        return (
            ledger.counted.filter(month.listed | month.opened | month.left)
            .annotate(agreed=FilteredRelation("dispute__agreements", condition=agreed))
            .annotate(
                l1=F("dispute__type_l1"),
                l2=F("dispute__type_l2"),
                src=F("dispute__source"),
                org=Coalesce("agreed__organisation", "dispute__desk"),
                res=F("agreed__result"),
                ppl=F("dispute__people_count"),
                yuan=F("dispute__amount"),
            )
        )

    @property
    def ended(self) -> QuerySet[Any]:
        """调解不成: of what left as withdrawn, that whose event says so."""
        gone = self.rounds.filter(self.month.left, left_as=Status.WITHDRAWN)
        if isinstance(self.ledger, FrozenLedger):
            return gone.filter(res="ended")
        return gone.filter(Exists(Event.objects.filter(dispute=OuterRef("dispute"), round=OuterRef("no"), kind="end")))

    def by(self, *names: str) -> dict[tuple[Any, ...], Sums]:
        """The sums of every group by these names (l1, l2, src, org, township); two queries."""
        month = self.month
        settled = month.left & Q(left_as=Status.SETTLED)
        rows = self.rounds.order_by().values_list(*names)
        found: dict[tuple[Any, ...], Sums] = {}
        for row in rows.annotate(
            n_carried=Count("pk", filter=month.carried),
            n_first=Count("pk", filter=month.opened & Q(no=1)),
            n_relapsed=Count("pk", filter=month.opened & Q(no__gt=1)),
            n_written=Count("pk", filter=settled & Q(res=Result.WRITTEN)),
            n_oral=Count("pk", filter=settled & Q(res=Result.ORAL)),
            n_self=Count("pk", filter=settled & Q(res=Result.SELF)),
            n_settled=Count("pk", filter=settled),
            n_gone=Count("pk", filter=month.left & Q(left_as=Status.WITHDRAWN)),
            n_referred=Count("pk", filter=month.left & Q(left_as=Status.REFERRED)),
            n_merged=Count("pk", filter=month.left & Q(left_as=Status.MERGED)),
            n_open=Count("pk", filter=month.still_open),
            n_people=Sum("ppl", filter=month.opened),
            n_amount=Sum("yuan", filter=month.opened),
        ):
            key, n = row[: len(names)], row[len(names) :]
            counts = dict(zip(COUNTED, n[:11], strict=True))
            found[key] = Sums(**counts, people=n[11] or 0, amount=Decimal(n[12] or 0))
        for *key, n in self.ended.order_by().values_list(*names).annotate(n_ended=Count("pk")):
            found[tuple(key)].ended = n
        return found

    def total(self) -> Sums:
        """The sums of the whole month."""
        return _sum(self.by("no").values())

    def promises(self) -> Promises:
        """What the agreements by which rounds were settled in this month promise, and how much of it is kept."""
        month, ledger = self.month, self.ledger
        if isinstance(ledger, FrozenLedger):
            signed = ledger.frozen_rows.filter(month.left, left_as=Status.SETTLED)
            sums = signed.aggregate(yuan=Sum("agreed"), n=Sum("promised"), done=Sum("kept"))
        else:
            done = (Obligation.Performance.ON_THE_SPOT, Obligation.Performance.DONE)
            case = "agreement__dispute__"
            condition = self.user.scope.cases(case)
            rows = Obligation.objects.none() if condition is None else Obligation.objects.filter(condition)
            here = {
                f"{case}rounds__no": F("agreement__round"),
                f"{case}rounds__left_as": Status.SETTLED,
                f"{case}rounds__left_at__gte": month.start,
                f"{case}rounds__left_at__lt": month.end,
            }
            sums = rows.filter(**here).aggregate(
                yuan=Sum("amount"), n=Count("pk"), done=Count("pk", filter=Q(performance__in=done))
            )
        return Promises(Decimal(sums["yuan"] or 0), sums["n"] or 0, sums["done"] or 0)

    def flags(self) -> QuerySet[Any]:
        """The outcome flags of the month; a signed one counts those that it was signed with."""
        if isinstance(self.ledger, FrozenLedger):
            condition = self.user.scope.q()
            rows = FrozenFlag.objects.filter(ledger=self.ledger.signed)
            return rows.none() if condition is None else rows.filter(condition)
        start, end = self.month.start.date(), self.month.end.date()
        return OutcomeFlag.objects.visible_to(self.user).standing().filter(on__gte=start, on__lt=end)

    def flagged(self) -> dict[str, tuple[int, int]]:
        """件 and 人 by kind of outcome flag."""
        rows = self.flags().order_by().values_list("kind")
        signed = isinstance(self.ledger, FrozenLedger)
        cases = Sum("cases") if signed else Count("pk")
        return {kind: (n, people) for kind, n, people in rows.annotate(n=cases, of=Sum("people"))}

    # --- the list behind a number -------------------------------------------------------------------------------------

    def behind(self, figure: str, by: str, key: str, maps: TypeMaps) -> QuerySet[Any]:
        """The rounds that a number counts; KeyError for a figure or a grouping that does not exist."""
        month = self.month
        rounds = self.rounds
        if figure in ("ended", "final", "withdrawn"):
            ended = Q(pk__in=self.ended.values("pk"))
            gone = month.left & Q(left_as=Status.WITHDRAWN)
            success = month.left & Q(left_as=Status.SETTLED, res__in=SUCCESS)
            rounds = rounds.filter({"ended": ended, "final": ended | success, "withdrawn": gone & ~ended}[figure])
        else:
            rounds = rounds.filter(figures(month)[figure])
        return rounds.filter(grouping(by, key, maps)) if by else rounds


def figures(month: Month) -> dict[str, Q]:
    """What each figure counts, as a condition on the rounds of a `Tally`."""
    settled = month.left & Q(left_as=Status.SETTLED)
    return {
        "carried": month.carried,
        "new": month.opened,
        "first": month.opened & Q(no=1),
        "relapsed": month.opened & Q(no__gt=1),
        "done": month.left & Q(left_as__in=list(LEAVES.values())),
        "settled": settled,
        "success": settled & Q(res__in=SUCCESS),
        "written": settled & Q(res=Result.WRITTEN),
        "oral": settled & Q(res=Result.ORAL),
        "self_settled": settled & Q(res=Result.SELF),
        "referred": month.left & Q(left_as=Status.REFERRED),
        "merged": month.left & Q(left_as=Status.MERGED),
        "still_open": month.still_open,
    }


#: Figures whose condition needs the events.
MORE_FIGURES = ("ended", "final", "withdrawn")


class TypeMaps:
    """Level-2 type → 司法部 type, as the mapping table says; everything else is 其他."""

    def __init__(self) -> None:
        rows = TypeMap.objects.filter(valid_to=None).values_list("zz_l2", "moj")
        self.moj_of: Mapping[str, str] = dict(rows)

    def moj(self, l2: str) -> str:
        return self.moj_of.get(l2, MOJ_OTHER)

    def condition(self, moj: str) -> Q:
        mine = [l2 for l2, code in self.moj_of.items() if code == moj]
        named = Q(l2__in=mine)
        return named | ~Q(l2__in=list(self.moj_of)) if moj == MOJ_OTHER else named


def way_of(source: str) -> str:
    return next((way for way, codes in WAYS.items() if source in codes), OTHER_WAY)


def grouping(by: str, key: str, maps: TypeMaps) -> Q:
    """One group of the report as a condition."""
    if by == "moj":
        return maps.condition(key)
    if by == "way":
        known = [code for codes in WAYS.values() for code in codes]
        return ~Q(src__in=known) if key == OTHER_WAY else Q(src__in=WAYS[key])
    if by == "org":
        return Q(org=int(key) if key.isdecimal() and len(key) < 16 else 0)
    return {"type": Q(l1=key), "township": Q(township__code=key)}[by]


def _sum(sums: Iterable[Sums]) -> Sums:
    total = Sums()
    for one in sums:
        total += one
    return total
