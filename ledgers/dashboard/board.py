"""What the dashboard shows: every rate and every chart of one period, each number with the link to its own list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes.moves import Tier
from ledgers import charts
from ledgers.charts import Part
from ledgers.dashboard.models import MonthlyFigure
from ledgers.dashboard.sums import Sums
from ledgers.month import Month
from ledgers.periods import Period
from ledgers.rates import FIGURES, GROUPS, LEAST, UNITS, Rate, Rated, Ref, rates_on, rule_day
from villages.models import Area, Code, Role, User
from villages.policy import policy_on

Text = str | Promise
TREND = 12  # months


def may_see(user: User) -> bool:
    """督导, 综治中心, and whoever leads a desk; the figures are of their own scope alone."""
    return user.scope.has(Role.SUPERVISOR, Role.CENTRE) or bool(user.scope.leads)


def townships_of(user: User) -> list[Area]:
    """The townships that a county's viewer may pick, in the order of the directory."""
    counties = sorted(user.scope.counties)
    return (
        list(Area.objects.filter(parent__in=counties, level=Area.Level.TOWNSHIP).order_by("code")) if counties else []
    )


@dataclass(frozen=True)
class Cell:
    """One number with its list; without a link it is a text, or a number that no list of cases stands behind."""

    text: Text
    url: str = ""
    n: int | None = None


@dataclass(frozen=True)
class Line:
    head: Text
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Chart:
    """A picture with its definition, what it counts together, and the same numbers as a table."""

    key: str
    title: Text
    means: Text
    n: Cell
    heads: Sequence[Text]
    rows: Sequence[Line]
    svg: SafeString
    notes: Sequence[Text] = field(default_factory=tuple)


@dataclass(frozen=True)
class Shown:
    """One rate as it stands on the page."""

    key: str
    rate: Rate
    rated: Rated
    top: Cell
    bottom: Cell
    beside: Sequence[tuple[Text, Cell]]

    @property
    def why_no_percent(self) -> str:
        if self.rated.percent is not None:
            return ""
        return _g("样本少于 %(n)s，不算百分比") % {"n": LEAST}


class Board:
    """The figures that `user` may read, of one period, or of one township of theirs."""

    def __init__(self, user: User, period: Period, *, township: Area | None = None, today: dt.date | None = None):
        self.user, self.period, self.township = user, period, township
        self.today = today or timezone.localdate()
        self.sums = Sums(user, last=period.last, township=township, today=self.today)
        self.policy = policy_on(rule_day(period, self.today))

    # --- numbers and their links --------------------------------------------------------------------------------------
    def link(self, ref: Ref, period: Period | None = None, area: Mapping[str, str] | None = None) -> str:
        """The list of exactly these rows."""
        query: list[tuple[str, str]] = [("period", str(period or self.period))]
        area = area or {}
        if self.township and "township" not in area:
            query.append(("township", self.township.code))
        query += [*area.items(), *(("group", group) for group in ref.groups)]
        return f"{reverse('dashboard-list', args=[ref.figure])}?{urlencode(query)}"

    def cell(self, ref: Ref, period: Period | None = None) -> Cell:
        n = self.sums.count(ref, period or self.period)
        return Cell(f"{n:,}", self.link(ref, period), n)

    # --- rates --------------------------------------------------------------------------------------------------------
    @cached_property
    def rates(self) -> list[Shown]:
        shown = []
        for key, rate in rates_on(self.policy).items():
            top, bottom = self.cell(rate.top), self.cell(rate.bottom)
            rated = Rated(rate, top.n or 0, bottom.n or 0)
            shown.append(Shown(key, rate, rated, top, bottom, [(ref.label, self.cell(ref)) for ref in rate.beside]))
        return shown

    # --- charts -------------------------------------------------------------------------------------------------------
    @cached_property
    def charts(self) -> list[Chart]:
        return [
            self.trend(),
            self.by_type(),
            self.by_tier(),
            self.by_area(),
            *(self.satisfaction(side) for side in "AB"),
            self.relapses(),
            self.waits(),
            self.police(),
        ]

    @property
    def months(self) -> list[Month]:
        """The twelve months that end with the period."""
        return [self.period.last.shifted(n) for n in range(1 - TREND, 1)]

    def trend(self) -> Chart:
        refs = [(Ref("opened"), "c1"), (Ref("left"), "c2"), (Ref("open"), "c3")]
        counted = {(ref, m): self.cell(ref, Period.of(m)) for ref, _css in refs for m in self.months}
        rows = [Line(str(m), [counted[ref, m] for ref, _css in refs]) for m in self.months]
        series = [(ref.label, [counted[ref, m].n or 0 for m in self.months], css) for ref, css in refs]
        whole = Period(self.months[0], self.months[-1])
        return Chart(
            "trend",
            _("化解趋势（近 12 个月）"),
            _("登记按登记日期，办结按办结日期，期末在办是当月最后一天还在办的。按轮次数，作废的不计"),
            self.cell(Ref("opened"), whole),
            [_("月份"), *(ref.label for ref, _css in refs)],
            rows,
            charts.lines(
                "trend",
                [f"{m.month}" for m in self.months],
                series,
                title=_g("化解趋势，近 12 个月"),
                desc=_said(
                    (str(m), ", ".join(f"{ref.label} {counted[ref, m].text}" for ref, _css in refs))
                    for m in self.months
                ),
            ),
        )

    def by_type(self) -> Chart:
        names = dict(Code.objects.filter(table="dispute_type_zz_l1").values_list("code", "name"))
        return self._bars("types", _("纠纷类型"), "opened", names)

    def by_tier(self) -> Chart:
        rows, parts = [], []
        for tier, label in GROUPS["left"].items():
            cell = self.cell(Ref("left", (tier,)))
            mean = f"{self.sums.days(tier, self.period) / cell.n:.1f}" if cell.n else "--"
            rows.append(Line(label, [cell, Cell(mean)]))
            words = _g("%(days)s 个工作日（%(n)s 件）") % {"days": mean, "n": cell.text}
            days = self.sums.days(tier, self.period) / cell.n if cell.n else 0
            parts.append(Part(Tier(int(tier)).label, days, words))
        return Chart(
            "tiers",
            _("各层级平均用时"),
            _("本期办结的，按办结时所在层级；用时是登记到办结的工作日，登记当天不算，中止的日子也算在内"),
            self.cell(Ref("left")),
            [_("层级"), _("办结"), _("平均工作日")],
            rows,
            charts.bars("tiers", parts, title=_g("各层级平均用时"), desc=_of(parts)),
        )

    def by_area(self) -> Chart:
        """登记与办结 of the areas inside, in the order of the directory: no order by size, no rate, no rank."""
        found = self.sums.parts(self.period)
        areas = Area.objects.filter(pk__in=list(found)).select_related("parent").order_by("code")
        rows, parts = [], []
        for area in areas:
            level = "township" if area.level == Area.Level.TOWNSHIP else "village"
            cells = []
            for ref in (Ref("opened"), Ref("left"), Ref("settled")):
                n = self.sums.count(ref, self.period, found[area.pk])
                cells.append(Cell(f"{n:,}", self.link(ref, area={level: area.code}), n))
            if any(cell.n for cell in cells):
                rows.append(Line(area.full_name, cells))
                words = _g("%(a)s 件，办结 %(b)s") % {"a": cells[0].text, "b": cells[1].text}
                parts.append(Part(area.short_name, cells[0].n or 0, words))
        return Chart(
            "areas",
            _("各地登记与办结"),
            _("按名录顺序，不排名：登记多说明排查实，不说明办得差"),
            self.cell(Ref("opened")),
            [_("地方"), *(FIGURES[key].label for key in ("opened", "left", "settled"))],
            rows,
            charts.bars("areas", parts, title=_g("各地登记"), desc=_of(parts)),
        )

    def satisfaction(self, side: str) -> Chart:
        names = {group: label for group, label in GROUPS["answers"].items() if group.startswith(f"{side}:")}
        css = dict(zip(names, ("c2", "c4", "bad", "c5", "c3", "c5"), strict=True))
        cells = {group: self.cell(Ref("answers", (group,))) for group in names}
        everybody = tuple(names)
        title = {"A": _("满意度（甲方）"), "B": _("满意度（乙方）")}[side]
        parts = [Part(str(names[g]).split(" ", 1)[1], cells[g].n or 0, cells[g].text, css[g]) for g in names]
        return Chart(
            f"satisfaction_{side.lower()}",
            title,
            _("本期回访到的，一方一次算一人次；一方说的不代表另一方。未表态、拒访和没有填的另列，不当作满意"),
            self.cell(Ref("answers", everybody)),
            [_("回答"), _("人次")],
            [Line(names[g], [cells[g]]) for g in names],
            charts.stacked(
                f"satisfaction_{side.lower()}",
                [part for part in parts if part.n],
                title=str(title),
                desc=_of(parts),
            ),
        )

    def relapses(self) -> Chart:
        refs = [(Ref("relapses"), "c1"), (Ref("missed"), "c3")]
        counted = {(ref, m): self.cell(ref, Period.of(m)) for ref, _css in refs for m in self.months}
        rows = [Line(str(m), [counted[ref, m] for ref, _css in refs]) for m in self.months]
        return Chart(
            "relapses",
            _("反弹与逾期回访（近 12 个月）"),
            _("反弹按重新登记的月份；逾期没做的回访按应回访的月份，现在还没做的"),
            self.cell(Ref("relapses"), Period(self.months[0], self.months[-1])),
            [_("月份"), *(ref.label for ref, _css in refs)],
            rows,
            charts.lines(
                "relapses",
                [f"{m.month}" for m in self.months],
                [(ref.label, [counted[ref, m].n or 0 for m in self.months], css) for ref, css in refs],
                title=_g("反弹与逾期回访，近 12 个月"),
                desc=_said(
                    (str(m), ", ".join(f"{ref.label} {counted[ref, m].text}" for ref, _css in refs))
                    for m in self.months
                ),
            ),
        )

    def waits(self) -> Chart:
        parts, rows = [], []
        for group, label in GROUPS["waits"].items():
            cell = self.cell(Ref("waits", (group,)))
            rows.append(Line(label, [cell]))
            parts.append(Part(label, cell.n or 0, cell.text))
        for group in ("silent", "off"):
            cell = self.cell(Ref("calls", (group,)))
            rows.append(Line(GROUPS["calls"][group], [cell]))
            parts.append(Part(GROUPS["calls"][group], cell.n or 0, cell.text, "bad" if group == "silent" else "c5"))
        return Chart(
            "waits",
            _("吹哨答复用时"),
            _("答复期限在本期并且已经过了的，问一个单位算一次；从吹哨到答复过了几个自然日"),
            self.cell(Ref("calls")),
            [_("答复"), _("次")],
            rows,
            charts.bars("waits", parts, title=_g("吹哨答复用时"), desc=_of(parts)),
        )

    def police(self) -> Chart:
        """双下降: 警情 and 案件 as they were typed, beside the disputes of the same months."""
        typed = MonthlyFigure.objects.visible_to(self.user).filter(month__in=[str(m) for m in self.months])
        if self.township:
            typed = typed.filter(township=self.township)
        sums = typed.order_by().values_list("month").annotate(calls=Sum("calls"), incidents=Sum("incidents"))
        found = {month: (calls, incidents) for month, calls, incidents in sums}
        rows = []
        for month in self.months:
            calls, incidents = found.get(str(month), (None, None))
            cells = [Cell("--" if n is None else f"{n:,}", n=n) for n in (calls, incidents)]
            rows.append(Line(str(month), [self.cell(Ref("opened"), Period.of(month)), *cells]))
        series = [
            (label, [(row.cells[n].n or 0) for row in rows], css)
            for n, (label, css) in enumerate(((_("登记"), "c1"), (_("警情"), "c2"), (_("案件"), "c3")))
        ]
        return Chart(
            "police",
            _("双下降：纠纷、警情和案件"),
            _("警情和案件由督导每月手工填，没有填的月份是“--”，图上按 0 画；纠纷是本系统登记的轮次"),
            self.cell(Ref("opened"), Period(self.months[0], self.months[-1])),
            [_("月份"), _("登记的纠纷（件）"), _("警情（起）"), _("案件（起）")],
            rows,
            charts.lines(
                "police",
                [f"{m.month}" for m in self.months],
                series,
                title=_g("纠纷、警情和案件，近 12 个月"),
                desc=_said((str(r.head), ", ".join(str(c.text) for c in r.cells)) for r in rows),
            ),
            [
                _("发案率按每万人口算要有人口数，名录里没有人口，所以这里只列件数"),
                _("巡逻、见警率等勤务数据还没有，不列"),
            ],
        )

    def _bars(self, key: str, title: Text, figure: str, names: dict[str, str]) -> Chart:
        rows, parts = [], []
        for group in self.sums.groups(figure, self.period):
            cell = self.cell(Ref(figure, (group,)))
            label = names.get(group, group)
            rows.append(Line(label, [cell]))
            parts.append(Part(label, cell.n or 0, cell.text))
        return Chart(
            key,
            title,
            FIGURES[figure].means,
            self.cell(Ref(figure)),
            [title, UNITS[FIGURES[figure].unit]],
            rows,
            charts.bars(key, parts, title=str(title), desc=_of(parts)),
        )


def _of(parts: Iterable[Part]) -> str:
    return _said((str(part.label), part.words) for part in parts)


def _said(pairs: Iterable[tuple[str, Any]]) -> str:
    """What a picture shows, in words: for whoever cannot see it."""
    return "；".join(f"{name}：{words}" for name, words in pairs) or _g("没有数据")
