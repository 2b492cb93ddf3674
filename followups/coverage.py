"""Whether everybody is visited: coverage per village, one list of what was settled, hints where entries look odd.

Everything is counted over the cases of the viewer's own area that were settled in the last n months and still are; a
number and the list that it opens are the same rows.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from django.db.models import (
    Case,
    CharField,
    Count,
    DateField,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes.models import FAMILY_L1, Dispute, Obligation
from followups.models import RelapseCheck, ReturnVisit
from followups.planning import FIRST, VISITED
from villages.models import Area, Office, Role, User

State = ReturnVisit.State
MONTHS, MOST_MONTHS = 3, 24
ROUTE_ROWS = 200  # more than anybody visits in a day

#: What became of the first visit to a party, once its day has come.
OUTCOMES: dict[str, str | Promise] = {
    "in_time": _("按期回访到"),
    "late": _("逾期后回访到"),
    "not_yet": _("还没回访到"),
    "waived": _("书面免访"),
}
GAPS: dict[str, str | Promise] = {
    "late": _("有逾期没做的回访"),
    "unreached": _("有一方还没回访到"),
    "check": _("反弹苗头没核实"),
    "owed": _("到期没有履行"),
}


def oversees(user: User) -> bool:
    """Whether coverage is this person's business: supervisors, and who leads a desk."""
    return user.scope.has(Role.SUPERVISOR) or bool(user.scope.leads)


def since(months: int, today: dt.date) -> dt.date:
    """The first day of the last `months` months."""
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    last = (dt.date(year + (month == 11), (month + 1) % 12 + 1, 1) - dt.timedelta(days=1)).day
    return dt.date(year, month + 1, min(today.day, last))


def settled_cases(user: User, months: int, today: dt.date) -> QuerySet[Dispute]:
    """What was settled in these months and still is, as far as this person may read it."""
    first = timezone.make_aware(dt.datetime.combine(since(months, today), dt.time()))
    return Dispute.objects.visible_to(user).filter(status__in=VISITED, settled_at__gte=first)


def _of_the_round() -> QuerySet[ReturnVisit]:
    """The visits of a case's present round (inside a query about cases)."""
    return ReturnVisit.objects.filter(dispute=OuterRef("pk"), round=OuterRef("round")).order_by()


# --- coverage ---------------------------------------------------------------------------------------------------------
def first_visits(user: User, months: int, today: dt.date) -> QuerySet[ReturnVisit]:
    """One row per party whose first visit was due by today, with `outcome` and `reached_on`."""
    mine = ReturnVisit.objects.filter(dispute=OuterRef("dispute"), round=OuterRef("round"), party=OuterRef("party"))
    reached = mine.filter(state=State.DONE).order_by().values("party").annotate(first=Min("visited_on")).values("first")
    rows = ReturnVisit.objects.filter(
        ~Q(state=State.CANCELLED) | Q(answered_by__isnull=False),
        dispute__in=settled_cases(user, months, today).order_by().values("pk"),
        round=F("dispute__round"),
        slot=FIRST,
        due_on__lte=today,
    ).annotate(reached_on=Subquery(reached, output_field=DateField()), free=Exists(mine.filter(state=State.WAIVED)))
    outcome = Case(
        When(reached_on__lte=F("due_on"), then=Value("in_time")),
        When(reached_on__isnull=False, then=Value("late")),
        When(free=True, then=Value("waived")),
        default=Value("not_yet"),
        output_field=CharField(),
    )
    return rows.annotate(outcome=outcome)


@dataclass
class Covered:
    """The figures of one village."""

    area: Area
    settled: int
    counts: dict[str, int]

    @property
    def due(self) -> int:
        return sum(self.counts.values())

    @property
    def cells(self) -> list[tuple[str, int]]:
        return [(outcome, self.counts.get(outcome, 0)) for outcome in OUTCOMES]


def coverage(user: User, months: int, today: dt.date) -> list[Covered]:
    """Per village, in the order of the directory: what was settled, and what became of the first visits."""
    cases = settled_cases(user, months, today).order_by().values_list("village").annotate(n=Count("pk"))
    settled: dict[int, int] = dict(cases)
    counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    found: Any = first_visits(user, months, today).order_by()
    for village, outcome in found.values_list("dispute__village", "outcome"):
        counts[village][outcome] += 1
    areas = Area.objects.filter(pk__in=settled).select_related("parent").order_by("code")
    return [Covered(area, settled[area.pk], dict(counts[area.pk])) for area in areas]


# --- 回头看 --------------------------------------------------------------------------------------------------------
def look_back(user: User, months: int, today: dt.date) -> QuerySet[Dispute]:
    """Everything settled in these months with last contact, next contact and gaps (one column each, true or not)."""
    visits = _of_the_round()
    reached = visits.filter(state=State.DONE).values("dispute")
    planned = visits.filter(state=State.PLANNED).values("dispute")
    met = ReturnVisit.objects.filter(
        dispute=OuterRef("dispute"),
        round=OuterRef("round"),
        party=OuterRef("party"),
        state__in=[State.DONE, State.WAIVED],
    )
    owed = Obligation.objects.filter(
        agreement__dispute=OuterRef("pk"), agreement__round=OuterRef("round"), due_on__lt=today
    )
    return settled_cases(user, months, today).annotate(
        last_on=Subquery(reached.annotate(day=Max("visited_on")).values("day"), output_field=DateField()),
        next_on=Subquery(planned.annotate(day=Min("due_on")).values("day"), output_field=DateField()),
        gap_late=Exists(visits.filter(state=State.PLANNED, due_on__lt=today)),
        gap_unreached=Exists(visits.filter(slot=FIRST, due_on__lt=today).filter(~Exists(met))),
        gap_check=Exists(RelapseCheck.objects.open().filter(dispute=OuterRef("pk"))),
        gap_owed=Exists(owed.exclude(performance__in=Obligation.FINAL)),
    )


def gaps_of(case: Any) -> list[str]:
    """The gaps of one row of `look_back`, in words."""
    return [str(label) for name, label in GAPS.items() if getattr(case, f"gap_{name}")]


# --- hints ------------------------------------------------------------------------------------------------------------
SAME_TEXT_IN, BURST, BURST_SECONDS, SOON_MINUTES, ALL_SATISFIED = 3, 5, 60, 30, 30


@dataclass(frozen=True)
class Hint:
    """Entries that somebody may look at once more; it says what is so, and nothing about anybody's intention."""

    kind: str
    of: int  # which of its kind: the first visit behind it, or the office
    text: str
    visits: tuple[int, ...]


def visits_made(user: User, months: int, today: dt.date) -> QuerySet[ReturnVisit]:
    """The visits that reached somebody in these months, of the cases this person may read."""
    rows = ReturnVisit.objects.visible_to(user).filter(state=State.DONE, visited_on__gte=since(months, today))
    return rows.order_by()


def hints(user: User, months: int, today: dt.date) -> list[Hint]:
    """Where entries look alike, hurried or too good; a fixed number of queries."""
    made = visits_made(user, months, today)
    return [*_same_text(made), *_bursts(made), *_soon(made), *_all_satisfied(made)]


def _same_text(made: QuerySet[ReturnVisit]) -> Iterable[Hint]:
    told = made.exclude(demands="")
    alike = told.values("demands").annotate(cases=Count("dispute", distinct=True)).filter(cases__gt=SAME_TEXT_IN)
    texts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for pk, case, words in (
        told.filter(demands__in=alike.values("demands")).order_by("pk").values_list("pk", "dispute", "demands")
    ):
        texts[words].append((pk, case))
    for rows in texts.values():
        cases = len({case for _pk, case in rows})
        text = _g("%(n)d 件案件的诉求和原话写得完全一样") % {"n": cases}
        yield Hint("same_text", rows[0][0], text, tuple(pk for pk, _case in rows))


def _bursts(made: QuerySet[ReturnVisit]) -> Iterable[Hint]:
    """Five visits (of one entry, however many parties) by one person within a minute."""
    rows = made.exclude(entered_at=None).order_by("by", "entered_at", "pk")
    for _by, entered in groupby(rows.values_list("by", "entered_at", "dispute", "pk"), key=lambda row: row[0]):
        by_entry: dict[tuple[dt.datetime, int], list[int]] = defaultdict(list)
        for _user, at, case, pk in entered:
            by_entry[cast(dt.datetime, at), case].append(pk)
        entries = list(by_entry.items())
        run: dict[int, None] = {}
        for n in range(len(entries)):
            window = entries[max(0, n - BURST + 1) : n + 1]
            close = len(window) == BURST and (window[-1][0][0] - window[0][0][0]).total_seconds() <= BURST_SECONDS
            if close:
                run.update((pk, None) for _entry, pks in window for pk in pks)
            if run and (not close or n == len(entries) - 1):
                yield Hint("burst", next(iter(run)), _g("一分钟内录入了 5 次以上回访"), tuple(run))
                run = {}


def _soon(made: QuerySet[ReturnVisit]) -> Iterable[Hint]:
    minutes = dt.timedelta(minutes=SOON_MINUTES)
    rows = made.filter(round=F("dispute__round"), entered_at__lte=F("dispute__settled_at") + minutes)
    found = tuple(rows.order_by("pk").values_list("pk", flat=True))
    if found:
        text = _g("%(n)d 次回访在化解后半小时内就登记了") % {"n": len(found)}
        yield Hint("soon", 0, text, found)


def _all_satisfied(made: QuerySet[ReturnVisit]) -> Iterable[Hint]:
    yes = Q(satisfaction=ReturnVisit.Satisfaction.YES)
    offices = made.values("office").annotate(n=Count("pk"), yes=Count("pk", filter=yes)).filter(n__gt=ALL_SATISFIED)
    alike = list(offices.filter(yes=F("n")).order_by("office").values_list("office", "n"))
    names = dict(Office.objects.filter(pk__in=[office for office, _n in alike]).values_list("pk", "name"))
    behind: dict[int, list[int]] = defaultdict(list)
    for office, pk in made.filter(office__in=names).order_by("pk").values_list("office", "pk"):
        behind[office].append(pk)
    for office, n in alike:
        text = _g("%(office)s的 %(n)d 次回访全部是“满意”") % {"office": names[office], "n": n}
        yield Hint("all_satisfied", office, text, tuple(behind[office]))


@dataclass(frozen=True)
class Behind:
    """The visits behind one number, or behind one hint."""

    heading: str
    rows: Any
    hint: bool


def behind(user: User, kind: str, *, months: int, today: dt.date, village: str = "", of: str = "") -> Behind | None:
    """What the number or hint of this name counts; None when there is no such hint (any more)."""
    if kind in (*OUTCOMES, "due"):
        rows: Any = first_visits(user, months, today)
        if kind != "due":
            rows = rows.filter(outcome=kind)
        if village:
            rows = rows.filter(dispute__village__code=village)
        return Behind(_g("应回访的当事人") if kind == "due" else str(OUTCOMES[kind]), rows, False)
    for hint in hints(user, months, today):
        if (hint.kind, str(hint.of)) == (kind, of):
            return Behind(hint.text, ReturnVisit.objects.visible_to(user).filter(pk__in=hint.visits), True)
    return None


# --- the visits of a day ----------------------------------------------------------------------------------------------
def route(user: User, day: dt.date) -> tuple[QuerySet[ReturnVisit], int]:
    """What is to be visited by `day`, village by village; and how many visits in families are left out (domain 6.5)."""
    rows = ReturnVisit.objects.visible_to(user).planned().filter(due_on__lte=day)
    if user.scope.desks:
        rows = rows.for_offices_of(user)
    family = Q(dispute__type_l1=FAMILY_L1)
    shown = rows.exclude(family).select_related("dispute__village__parent", "party", "office", "assignee")
    return shown.order_by("dispute__village__code", "due_on", "dispute", "pk"), rows.filter(family).count()
