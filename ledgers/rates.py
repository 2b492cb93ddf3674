"""Every figure and every rate (domain.md 8.4): what is counted, when it counts, and what it is divided by.

A Figure is a queryset of rows (rounds, visits, calls, obligations) and the day by which a row belongs to a period. The
list behind a number and the number itself ask the same queryset; ledgers.dashboard.sums only counts ahead. A Rate is a
numerator over a denominator, both figures, with what must stand beside it. Nothing is ranked, and below ten there is
no percentage (domain.md 8.3, 8.4, 11).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.db.models import (
    Case,
    CharField,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Concat, TruncDate
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from disputes.models import Agreement, Event, Obligation, Party, Round
from disputes.moves import LEAVES, OPEN, Status, Tier
from disputes.whistles.models import Call
from followups.models import ReturnVisit
from followups.planning import FIRST
from ledgers.periods import Period

LEAST = 10  # below so many no percentage: 3/7 says what there is to say
RELAPSE_DAYS = 90
TOWNSHIP_TIER = 3
COHORT, THROUGHPUT = 1, 2  # the two counting rules of 化解率
State, Satisfaction, Performance = ReturnVisit.State, ReturnVisit.Satisfaction, Obligation.Performance
Text = str | Promise
ROUND, VISIT, CALL, DUTY = "round", "visit", "call", "duty"
UNITS: dict[str, Text] = {ROUND: _("件"), VISIT: _("人次"), CALL: _("次"), DUTY: _("项")}


class Within:
    """The rows of one scope; `scope` says for a path to the case which of them these are, None that there are none."""

    def __init__(self, scope: Callable[[str], Q | None]) -> None:
        self.scope = scope

    def narrowed(self, **area: str) -> Within:
        """The same scope in one township or village, given by codes: township=…, village=…."""

        def narrow(prefix: str) -> Q | None:
            condition = self.scope(prefix)
            if condition is not None:
                for level, code in area.items():
                    condition = condition & Q(**{f"{prefix}{level}__code": code})
            return condition

        return Within(narrow)

    def rows(self, unit: str) -> QuerySet[Any]:
        """The rounds (voided ones never count), visits made or planned, calls, or lines of agreements."""
        model, path = _TABLES[unit]
        condition = self.scope(path)
        rows: QuerySet[Any] = model.objects.none() if condition is None else model.objects.filter(condition).order_by()
        return rows.exclude(left_as=Status.VOIDED) if unit == ROUND else rows


_TABLES: dict[str, tuple[Any, str]] = {
    ROUND: (Round, "dispute__"),
    VISIT: (ReturnVisit, "dispute__"),
    CALL: (Call, "whistle__dispute__"),
    DUTY: (Obligation, "agreement__dispute__"),
}


# --- figures ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Figure:
    """One kind of row that is counted, and the field whose day decides the period that it belongs to.

    `due` rows count from the day after that day: what is not due yet is neither kept nor broken. `group` is the field
    that divides the rows. `ever` counts everything up to the period's end. A figure of `parts` is their sum.
    """

    label: Text
    unit: str
    means: Text
    day: str = ""
    rows: Callable[[QuerySet[Any]], QuerySet[Any]] = lambda rows: rows
    moment: bool = True
    due: bool = False
    group: str = ""
    ever: str = ""
    stock: Callable[[Period], Q] | None = None
    parts: tuple[str, ...] = ()


def event_of_round(**conditions: Any) -> Exists:
    """Whether the round has such an event (inside a query about rounds)."""
    return Exists(Event.objects.filter(dispute=OuterRef("dispute"), round=OuterRef("no"), **conditions))


def accepted(rounds: QuerySet[Any]) -> QuerySet[Any]:
    """Taken up by a desk, or settled on the spot, which takes it up in the same breath."""
    return rounds.filter(Q(left_as=Status.SETTLED) | event_of_round(kind="take_up"))


def agreement_of_round(*results: str) -> Exists:
    return Exists(Agreement.objects.filter(dispute=OuterRef("dispute"), round=OuterRef("no"), result__in=results))


BY_AGREEMENT = agreement_of_round(Agreement.Result.WRITTEN, Agreement.Result.ORAL)


def mediated(rounds: QuerySet[Any]) -> QuerySet[Any]:
    """Of those taken up: a recorded attempt, an agreement, or a mediation that ended without one."""
    return accepted(rounds).filter(event_of_round(is_attempt=True) | event_of_round(kind="end") | BY_AGREEMENT)


def escalated(rounds: QuerySet[Any]) -> QuerySet[Any]:
    return accepted(rounds).filter(event_of_round(kind="escalate", tier_to=TOWNSHIP_TIER))


def left_by_tier(rounds: QuerySet[Any]) -> QuerySet[Any]:
    leaving = Event.objects.filter(dispute=OuterRef("dispute"), round=OuterRef("no"), kind__in=[*LEAVES])
    tier = Subquery(leaving.order_by("-pk").values("tier_from")[:1])
    left = rounds.filter(left_as__in=[*LEAVES.values()])
    found: QuerySet[Any] = left.annotate(tier_left=Coalesce(tier, F("dispute__tier")))
    return found


def ended(rounds: QuerySet[Any]) -> QuerySet[Any]:
    """调解不成 and 撤回 share a status; the event of the round tells them apart."""
    return rounds.filter(event_of_round(kind="end"), left_as=Status.WITHDRAWN)


def withdrawn(rounds: QuerySet[Any]) -> QuerySet[Any]:
    return rounds.filter(~event_of_round(kind="end"), left_as=Status.WITHDRAWN)


def agreed(rounds: QuerySet[Any]) -> QuerySet[Any]:
    return rounds.filter(BY_AGREEMENT, left_as=Status.SETTLED)


def mediation_over(rounds: QuerySet[Any]) -> QuerySet[Any]:
    failed = Q(left_as=Status.WITHDRAWN) & Q(event_of_round(kind="end"))
    return rounds.filter(Q(left_as=Status.SETTLED) & Q(BY_AGREEMENT) | failed)


def came_back(rounds: QuerySet[Any]) -> QuerySet[Any]:
    """The same dispute was opened again within ninety days of this settlement."""
    until = ExpressionWrapper(OuterRef("left_at") + dt.timedelta(days=RELAPSE_DAYS), output_field=DateTimeField())
    again = Round.objects.filter(dispute=OuterRef("dispute"), no__gt=OuterRef("no"), opened_at__lte=until)
    return rounds.filter(Exists(again.exclude(left_as=Status.VOIDED)), left_as=Status.SETTLED)


def overdue(rounds: QuerySet[Any]) -> QuerySet[Any]:
    return rounds.filter(dispute__status__in=OPEN, dispute__round=F("no"), dispute__due_on__isnull=False)


def by_reach(rounds: QuerySet[Any]) -> QuerySet[Any]:
    """Rounds whose parties have to be visited a first time, with the day by which, and which of them were reached."""
    sides = [Party.Side.A, Party.Side.B]
    firsts = ReturnVisit.objects.filter(
        ~Q(state=State.CANCELLED) | Q(answered_by__isnull=False), slot=FIRST, party__side__in=sides
    ).order_by()
    firsts = firsts.filter(dispute=OuterRef("dispute"), round=OuterRef("no"))
    same = ReturnVisit.objects.filter(dispute=OuterRef("dispute"), round=OuterRef("round"), party=OuterRef("party"))
    met, waived = Exists(same.filter(state=State.DONE)), Exists(same.filter(state=State.WAIVED))
    last = firsts.values("dispute").annotate(last=Max("due_on")).values("last")
    reach = Case(
        When(~Exists(firsts.filter(~met)), then=Value("both")),
        When(~Exists(firsts.filter(~met, ~waived)), then=Value("waived")),
        When(Exists(firsts.filter(met)), then=Value("one")),
        default=Value("none"),
        output_field=CharField(),
    )
    found: QuerySet[Any] = rounds.annotate(visit_due=Subquery(last), reach=reach).filter(visit_due__isnull=False)
    return found


def answers(visits: QuerySet[Any]) -> QuerySet[Any]:
    """Visits that reached 甲方 or 乙方, by side and by what was said: A:yes."""
    made = visits.filter(state=State.DONE, party__side__in=[Party.Side.A, Party.Side.B])
    found: QuerySet[Any] = made.annotate(
        said=Concat("party__side", Value(":"), "satisfaction", output_field=CharField())
    )
    return found


def by_answer(calls: QuerySet[Any]) -> QuerySet[Any]:
    """What came of asking an office, judged by the day that was set for its answer."""
    no_word = Q(answered_at=None)
    outcome = Case(
        When(~no_word & Q(answered_at__date__lte=F("answer_due_on")), then=Value("in_time")),
        When(~no_word, then=Value("late")),
        When(ended_at__date__lte=F("answer_due_on"), then=Value("off")),
        default=Value("silent"),
        output_field=CharField(),
    )
    found: QuerySet[Any] = calls.annotate(outcome=outcome)
    return found


def by_wait(calls: QuerySet[Any]) -> QuerySet[Any]:
    """Answered calls by the civil days between asking and answering."""
    waited = ExpressionWrapper(TruncDate("answered_at") - TruncDate("asked_at"), output_field=DurationField())
    days = [When(waited__lte=dt.timedelta(days=n), then=Value(str(n))) for n in (0, 1, 2)]
    wait = Case(*days, default=Value("3"), output_field=CharField())
    found: QuerySet[Any] = calls.filter(answered_at__isnull=False).annotate(waited=waited).annotate(wait=wait)
    return found


def left_as(status: str) -> Callable[[QuerySet[Any]], QuerySet[Any]]:
    return lambda rounds: rounds.filter(left_as=status)


def open_until(period: Period) -> Q:
    return Q(left_at=None) | Q(left_at__gte=period.start)


# fmt: off
FIGURES: dict[str, Figure] = {
    "opened":    Figure(_("登记"), ROUND, _("本期登记的，含反弹后重新登记的；作废的不计"), "opened_at",
                        group="dispute__type_l1"),
    "relapses":  Figure(_("反弹重新登记"), ROUND, _("本期重新登记的，第二轮起"), "opened_at",
                        lambda rounds: rounds.filter(no__gt=1)),
    "accepted":  Figure(_("受理"), ROUND, _("本期登记、已经受理的，当场化解的算受理"), "opened_at", accepted),
    "mediated":  Figure(_("已开展调解"), ROUND,
                        _("本期登记并受理，有调解记录、达成协议或者调解不成的"), "opened_at", mediated),
    "escalated": Figure(_("上报到镇级"), ROUND, _("本期登记并受理，上报过乡镇综治中心的；直接登记在镇级的不算"),
                        "opened_at", escalated),
    "left":      Figure(_("办结"), ROUND, _("本期办结的：化解、调解不成、撤回、引导其他途径、并案"), "left_at",
                        left_by_tier, group="tier_left"),
    "settled":   Figure(_("化解"), ROUND, _("本期化解的，含自行和解"), "left_at", left_as(Status.SETTLED)),
    "ended":     Figure(_("调解不成"), ROUND, _("本期以调解不成办结的"), "left_at", ended),
    "withdrawn": Figure(_("撤回"), ROUND, _("本期撤回的"), "left_at", withdrawn),
    "referred":  Figure(_("引导其他途径"), ROUND, _("本期引导到其他途径的"), "left_at", left_as(Status.REFERRED)),
    "merged":    Figure(_("并案"), ROUND, _("本期并入其他案件的"), "left_at", left_as(Status.MERGED)),
    "agreed":    Figure(_("达成协议"), ROUND, _("本期达成书面或口头协议的"), "left_at", agreed),
    "self":      Figure(_("自行和解"), ROUND, _("本期自行和解的"), "left_at",
                        lambda rounds: rounds.filter(agreement_of_round(Agreement.Result.SELF),
                                                     left_as=Status.SETTLED)),
    "over":      Figure(_("调解终结"), ROUND, _("本期达成协议的和调解不成的"), "left_at", mediation_over),
    "on_time":   Figure(_("期限内办结"), ROUND, _("本期办结，办结那天没有超过化解时限的"), "left_at",
                        lambda rounds: rounds.filter(left_as__in=[*LEAVES.values()], on_time=True)),
    "late":      Figure(_("超期办结"), ROUND, _("本期办结，办结那天已经超过化解时限的"), "left_at",
                        lambda rounds: rounds.filter(left_as__in=[*LEAVES.values()], on_time=False)),
    "overdue":   Figure(_("到期还没办结"), ROUND, _("化解时限在本期、已经过了，现在还在办的"), "dispute__due_on",
                        overdue, moment=False, due=True),
    "came_back": Figure(_("90 天内反弹"), ROUND, _("本期化解，此后 90 天内同一纠纷重新登记的"), "left_at", came_back),
    "reach":     Figure(_("应首次回访的案件"), ROUND, _("首次回访的日子在本期并且已经过了的，一轮算一件"),
                        "visit_due", by_reach, moment=False, due=True, group="reach"),
    "answers":   Figure(_("回访到的当事人"), VISIT, _("本期回访到甲方或乙方的，一方一次算一人次"), "visited_on",
                        answers, moment=False, group="said"),
    "missed":    Figure(_("逾期没做的回访"), VISIT, _("应回访日期在本期并且已经过了，现在还没做的"), "due_on",
                        lambda visits: visits.filter(state=State.PLANNED), moment=False, due=True),
    "duties":    Figure(_("到期应履行"), DUTY, _("协议约定的履行期限在本期并且已经过了的，一项算一项"), "due_on",
                        moment=False, due=True, group="performance"),
    "calls":     Figure(_("吹哨"), CALL, _("答复期限在本期并且已经过了的，问一个单位算一次"),
                        "answer_due_on", by_answer, moment=False, due=True, group="outcome"),
    "waits":     Figure(_("吹哨已答复"), CALL, _("答复期限在本期并且已经过了、答复了的，按从吹哨到答复的天数分"),
                        "answer_due_on", by_wait, moment=False, due=True, group="wait"),
    # what is counted from others: up to a day, at a day, and together
    "all_opened":  Figure(_("累计登记"), ROUND, _("到期末为止登记的全部"), "opened_at", ever="opened"),
    "all_settled": Figure(_("累计化解"), ROUND, _("到期末为止登记、到期末已经化解的"), "left_at",
                          left_as(Status.SETTLED), ever="settled"),
    "carried":     Figure(_("上期结转"), ROUND, _("本期以前登记、本期开始时还在办的"),
                          stock=lambda period: Q(opened_at__lt=period.start) & open_until(period)),
    "handled":     Figure(_("结转和新收"), ROUND, _("本期以前登记、本期开始时还在办的，加上本期登记的"),
                          stock=lambda period: Q(opened_at__lt=period.end) & open_until(period)),
    "open":        Figure(_("期末在办"), ROUND, _("期末还在办的"),
                          stock=lambda period: Q(opened_at__lt=period.end)
                          & (Q(left_at=None) | Q(left_at__gte=period.end))),
    "should_end":  Figure(_("应办结"), ROUND, _("本期办结的，加上化解时限在本期、已经过了、现在还在办的"),
                          parts=("left", "overdue")),
}
# fmt: on
SAID: dict[str, Text] = {**{str(v): label for v, label in Satisfaction.choices}, "": _("没有填")}
GROUPS: dict[str, dict[str, Text]] = {
    "left": {str(v): label for v, label in Tier.choices},
    "reach": {
        "both": _("双方都回访到"),
        "one": _("只回访到一方"),
        "none": _("一方也没回访到"),
        "waived": _("其余各方书面免访"),
    },
    "answers": {
        f"{side}:{said}": format_lazy("{} {}", Party.Side(side).label, label)
        for side in ("A", "B")
        for said, label in SAID.items()
    },
    "duties": {**{str(v): label for v, label in Performance.choices}, "": _("还没有登记履行情况")},
    "calls": {
        "in_time": _("期限内答复"),
        "late": _("超期答复"),
        "silent": _("没有答复"),
        "off": _("期限前撤回或结束"),
    },
    "waits": {"0": _("当天"), "1": _("第二天"), "2": _("第三天"), "3": _("更晚")},
}


def rows_of(key: str, within: Within, period: Period, today: dt.date, groups: Iterable[str] = ()) -> QuerySet[Any]:
    """The rows that the figure counts in the period: the list behind the number. `groups` keeps some of them."""
    figure, groups = FIGURES[key], list(groups)
    rows = within.rows(figure.unit)
    if figure.parts:
        parts = [Q(pk__in=rows_of(part, within, period, today).values("pk")) for part in figure.parts]
        return rows.filter(parts[0] | parts[1])
    if figure.stock is not None:
        return rows.filter(Q(left_as="") | Q(left_as__in=[*LEAVES.values()]), figure.stock(period))
    rows = figure.rows(rows)
    start, end = (period.start, period.end) if figure.moment else (period.first_day, period.day_after)
    if figure.due:
        end = min(period.day_after, today)
    rows = rows.filter(**{f"{figure.day}__lt": end})
    if not figure.ever:
        rows = rows.filter(**{f"{figure.day}__gte": start})
    return rows.filter(**{f"{figure.group}__in": groups}) if groups and figure.group else rows


# --- rates ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Ref:
    """A figure, or some of its groups: what a number counts and its link opens."""

    figure: str
    groups: tuple[str, ...] = ()

    @property
    def label(self) -> Text:
        if not self.groups:
            return FIGURES[self.figure].label
        names = GROUPS.get(self.figure, {})
        return "、".join(str(names.get(group, group)) for group in self.groups)


class Counting(Protocol):
    """Whoever knows how many: live queries, or sums that were counted ahead."""

    def count(self, ref: Ref, period: Period) -> int: ...


@dataclass(frozen=True)
class Rate:
    """Numerator over denominator, when a row counts, what one must know to read it, and what stands beside it."""

    label: Text
    top: Ref
    bottom: Ref
    period: Text
    note: Text = ""
    beside: tuple[Ref, ...] = ()

    def of(self, counting: Counting, period: Period) -> Rated:
        return Rated(self, counting.count(self.top, period), counting.count(self.bottom, period))


@dataclass(frozen=True)
class Rated:
    """One rate of one period: always both numbers, and a percentage only when there are enough of them."""

    rate: Rate
    top: int
    bottom: int

    @property
    def percent(self) -> float | None:
        return round(100 * self.top / self.bottom, 1) if self.bottom >= LEAST else None


def side(name: str) -> Rate:
    """满意率 of one side; no party's answer stands for another's."""
    yes, mostly, no = (f"{name}:{said}" for said in (Satisfaction.YES, Satisfaction.MOSTLY, Satisfaction.NO))
    others = (Satisfaction.NOT_STATED, Satisfaction.REFUSED, "")
    return Rate(
        {"A": _("满意率（甲方）"), "B": _("满意率（乙方）")}[name],
        Ref("answers", (yes, mostly)),
        Ref("answers", (yes, mostly, no)),
        _("按回访日期"),
        _("（满意 + 基本满意）÷ 有效回答。有效回答是满意、基本满意和不满意；未表态、拒访和没有填的不进分母，另列"),
        tuple(Ref("answers", (f"{name}:{said}",)) for said in others),
    )


OF_RESOLUTION = {
    COHORT: Rate(
        _("化解率"),
        Ref("all_settled"),
        Ref("all_opened"),
        _("到期末为止"),
        _("本期及以前登记、期末已经化解的 ÷ 登记的。按轮次数：反弹的一件，前一轮算化解，新的一轮另算登记"),
        (Ref("open"),),
    ),
    THROUGHPUT: Rate(
        _("化解率"),
        Ref("left"),
        Ref("handled"),
        _("按办结日期"),
        _("本期办结 ÷（上期结转 + 本期新收）。办结含调解不成、撤回、引导和并案"),
        (Ref("settled"), Ref("ended"), Ref("withdrawn"), Ref("referred"), Ref("merged"), Ref("open")),
    ),
}
_BOTH, _ONE, _NONE, _WAIVED = GROUPS["reach"]
_REGISTERED, _LEFT = _("按登记日期"), _("按办结日期")
# fmt: off
FIXED: dict[str, Rate] = {
    "handling":   Rate(_("调解率"), Ref("mediated"), Ref("accepted"), _REGISTERED,
                       _("本期登记并受理的里面，已经开展调解的。现在开展了就算，不论哪个月"), (Ref("opened"),)),
    "success":    Rate(_("调解成功率"), Ref("agreed"), Ref("over"), _LEFT,
                       _("达成书面或口头协议 ÷ 调解终结（成功 + 不成）。自行和解、撤回、引导和并案不进分子分母，另列"),
                       (Ref("self"), Ref("withdrawn"), Ref("referred"), Ref("merged"))),
    "on_time":    Rate(_("按期办结率"), Ref("on_time"), Ref("should_end"), _("办结的按办结日期，没办结的按化解时限"),
                       _("期限内办结 ÷ 应办结（本期办结的 + 到期还没办结的）。中止的时间不算，延期的按新期限"),
                       (Ref("late"), Ref("overdue"))),
    "follow_up":  Rate(_("回访率"), Ref("reach", (_BOTH,)), Ref("reach", (_BOTH, _ONE, _NONE)), _("按应首次回访的日期"),
                       _("双方都回访到的 ÷ 应回访的。只回访到一方的、没联系上的都不算；督导书面免访的另列"),
                       (Ref("reach", (_ONE,)), Ref("reach", (_NONE,)), Ref("reach", (_WAIVED,)))),
    "satisfied_a": side("A"),
    "satisfied_b": side("B"),
    "performance": Rate(_("履行率"),
                        Ref("duties", (Performance.ON_THE_SPOT.value, Performance.DONE.value)), Ref("duties"),
                        _("按协议约定的履行期限"),
                        _("当场履行和已履行完毕的 ÷ 到期应履行的，一项义务算一项。部分履行的不算已履行，另列"),
                        (Ref("duties", (Performance.PARTLY.value,)), Ref("duties", (Performance.OVERDUE.value,)),
                         Ref("duties", (Performance.RETRACTED.value,)), Ref("duties", ("",)))),
    "relapse":    Rate(_("反弹率"), Ref("came_back"), Ref("settled"), _("按化解日期"),
                       _("化解后 90 天内同一纠纷重新登记的 ÷ 同期化解的。化解还不满 90 天的，以后还可能变"),
                       (Ref("relapses"),)),
    "escalation": Rate(_("上报率"), Ref("escalated"), Ref("accepted"), _REGISTERED,
                       _("上报到镇级的 ÷ 受理的。到期自动上报的也算；直接登记在镇级的不算上报")),
    "whistle":    Rate(_("吹哨响应及时率"), Ref("calls", ("in_time",)), Ref("calls", ("in_time", "late", "silent")),
                       _("按答复期限"),
                       _("期限内答复的 ÷ 吹哨的次数，一次问几个单位算几次。答复“不能支援”也是答复；期限前撤回的另列"),
                       (Ref("calls", ("late",)), Ref("calls", ("silent",)), Ref("calls", ("off",)))),
}
# fmt: on
ORDER = """handling success resolution on_time follow_up satisfied_a satisfied_b performance relapse escalation
whistle""".split()


def rates_on(policy: Mapping[str, int]) -> dict[str, Rate]:
    """Every rate by its key, in the order of domain.md 8.4, by the counting rules of this policy."""
    known = FIXED | {"resolution": OF_RESOLUTION[policy["resolution_rule"]]}
    return {key: known[key] for key in ORDER}


def rule_day(period: Period, today: dt.date) -> dt.date:
    """The day whose counting rule holds for the period: its last one, or today while it still runs."""
    return min(period.day_after - dt.timedelta(days=1), today)
