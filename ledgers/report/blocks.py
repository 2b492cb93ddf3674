"""月报 as blocks of cells in the official order (domain.md 8.2): page, xlsx and API show the very same ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from disputes.outcomes.models import OutcomeFlag
from ledgers.month import Month
from ledgers.report.tally import MOJ_OTHER, OTHER_WAY, Sums, Tally, TypeMaps, _sum, way_of
from villages.models import Code, Office, User

#: Below this no percentage is shown: it would say more than there is.
LEAST = 10


@dataclass(frozen=True)
class Cell:
    """One value: a number, yuan, or words; `url` leads to the list that it counts."""

    value: int | Decimal | str
    url: str = ""

    @property
    def text(self) -> str:
        if isinstance(self.value, Decimal):
            return f"{self.value:,.2f}".removesuffix(".00")
        return f"{self.value:,}" if isinstance(self.value, int) else self.value

    @property
    def is_number(self) -> bool:
        return not isinstance(self.value, str)


@dataclass
class Block:
    """One table of the report; a row's first cell names it. The last row is the sum where `total` says so."""

    key: str
    title: str
    head: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    note: str = ""
    total: bool = False


def rate(part: int, whole: int) -> str:
    """96.9%（842/869）; without a percentage below 10, and never divided by nothing."""
    if whole < LEAST:
        return f"{part}/{whole}"
    return f"{100 * part / whole:.1f}%（{part}/{whole}）"


def change(now: int, before: int) -> str:
    """+3（+25.0%）; the difference alone where there were fewer than 10 before."""
    step = f"{now - before:+d}" if now != before else "0"
    return step if before < LEAST else f"{step}（{100 * (now - before) / before:+.1f}%）"


class Report:
    """The monthly report of one viewer. Numbers of a signed month come from its signed rows."""

    def __init__(self, user: User, month: Month) -> None:
        self.user, self.month = user, month
        self.tally = Tally(user, month)
        self.maps = TypeMaps()
        self.signed = self.tally.ledger.signed
        groups = self.tally.by("l1", "l2", "src")
        self.total = _sum(groups.values())
        self.by_type = _folded(groups, lambda key: key[0])
        self.by_moj = _folded(groups, lambda key: self.maps.moj(key[1]))
        self.by_way = _folded(groups, lambda key: way_of(key[2]))
        self.by_org = {key[0]: sums for key, sums in self.tally.by("org").items()}
        self.before = Tally(user, month.shifted(-1)).total()
        self.year_before = Tally(user, month.shifted(-12)).total()
        self.promises = self.tally.promises()
        self.flags = self.tally.flagged()
        tables = ("dispute_type_zz_l1", "dispute_type_moj_stat", "dispute_type_moj_stat_ext")
        self.names: dict[str, dict[str, str]] = {table: {} for table in tables}
        for table, code, name in Code.objects.filter(table__in=tables).values_list("table", "code", "name"):
            self.names[table][code] = name
        self.offices = {
            office.pk: office for office in Office.objects.filter(pk__in=list(self.by_org)).order_by("code")
        }

    # --- words --------------------------------------------------------------------------------------------------------

    @property
    def types(self) -> dict[str, str]:
        """The 综治 types: those offered, and any other that counts something."""
        names = self.names["dispute_type_zz_l1"]
        return {code: names.get(code, code) for code in sorted({*names, *self.by_type})}

    @property
    def moj_types(self) -> dict[str, str]:
        names = self.names["dispute_type_moj_stat"] | self.names["dispute_type_moj_stat_ext"]
        shown = {*self.names["dispute_type_moj_stat"], *self.by_moj}
        return {code: names.get(code, _("其他纠纷") if code == MOJ_OTHER else code) for code in sorted(shown)}

    @property
    def ways(self) -> dict[str, str]:
        return {
            "active": _("主动调解"),
            "asked": _("当事人申请"),
            "sent": _("接受委托移送"),
            OTHER_WAY: _("其他"),
        }

    def cell(self, sums: Sums, figure: str, by: str = "", key: Any = "") -> Cell:
        """A figure with the link to its rounds; a zero has none."""
        n = getattr(sums, figure)
        behind = "new" if figure in ("people", "amount") else figure
        query = {"month": self.month, "figure": behind, **({"by": by, "key": key} if by else {})}
        return Cell(n, f"/ledger/report/rows/?{urlencode(query)}" if n else "")

    # --- the blocks, in the official order ----------------------------------------------------------------------------

    def blocks(self) -> list[Block]:
        return [
            self._carried(),
            self._of_types("new", _("本月新收"), self.types, self.by_type, "type", ("first", "relapsed", "new")),
            self._of_types(
                "done", _("本月办结"), self.types, self.by_type, "type",
                ("settled", "ended", "withdrawn", "referred", "merged", "done"),
            ),
            self._of_types(
                "moj", _("司法部统计分类"), self.moj_types, self.by_moj, "moj", ("new", "done", "success"),
            ),
            self._success(),
            self._sizes(),
            self._flags(),
            self._compared(),
            self._organisations(),
            self._ways(),
        ]  # fmt: skip

    @property
    def labels(self) -> dict[str, str]:
        return {
            "carried": _("上月结转"),
            "first": _("首次登记"),
            "relapsed": _("反弹"),
            "new": _("新收"),
            "settled": _("化解"),
            "ended": _("调解不成"),
            "withdrawn": _("撤回"),
            "referred": _("引导其他途径"),
            "merged": _("并案"),
            "done": _("办结"),
            "success": _("成功"),
            "written": _("书面协议"),
            "oral": _("口头协议"),
            "self_settled": _("自行和解"),
            "final": _("调解终结"),
            "still_open": _("期末在办"),
            "people": _("涉及人数"),
            "amount": _("涉及金额（元）"),
        }

    def _carried(self) -> Block:
        total = self.total
        sum_of = {"a": total.carried, "b": total.new, "c": total.done, "d": total.still_open}
        return Block(
            "carried",
            _("上月结转"),
            [_("项目"), _("件数")],
            [[Cell(self.labels[name]), self.cell(total, name)] for name in ("carried", "new", "done", "still_open")],
            note=_("上月结转 %(a)s + 本月新收 %(b)s = 本月办结 %(c)s + 期末在办 %(d)s") % sum_of,
        )

    def _of_types(
        self, key: str, title: str, names: dict[str, str], groups: dict[str, Sums], by: str, shown: tuple[str, ...]
    ) -> Block:
        rows = [
            [Cell(name), *(self.cell(groups.get(code, Sums()), figure, by, code) for figure in shown)]
            for code, name in names.items()
        ]
        rows.append([Cell(_("合计")), *(self.cell(self.total, figure) for figure in shown)])
        return Block(key, title, [_("类别"), *(self.labels[figure] for figure in shown)], rows, total=True)

    def _success(self) -> Block:
        total = self.total
        names = ("success", "written", "oral", "ended", "final", "self_settled", "withdrawn", "referred")
        rows = [[Cell(self.labels[name]), self.cell(total, name)] for name in names]
        rows.append([Cell(_("调解成功率")), Cell(rate(total.success, total.final))])
        note = _(
            "成功率 = 达成协议（书面和口头）/ 调解终结（成功和不成）；自行和解、撤回、引导不计入。不足 10 件不算百分比"
        )
        return Block("success", _("调解成功"), [_("项目"), _("件数")], rows, note=note)

    def _sizes(self) -> Block:
        made = self.promises
        rows = [
            [Cell(_("新收涉及人数")), self.cell(self.total, "people")],
            [Cell(_("新收涉及金额（元）")), self.cell(self.total, "amount")],
            [Cell(_("协议涉及金额（元）")), Cell(made.amount)],
            [Cell(_("协议约定履行项数")), Cell(made.promised)],
            [Cell(_("其中已履行")), Cell(made.kept)],
            [Cell(_("履行率")), Cell(rate(made.kept, made.promised))],
        ]
        return Block("sizes", _("人数、金额和履行"), [_("项目"), _("数量")], rows)

    def _flags(self) -> Block:
        rows = []
        prevented = [0, 0]
        for kind, label in OutcomeFlag.Kind.choices:
            cases, people = self.flags.get(kind, (0, 0))
            if kind in OutcomeFlag.PREVENTED:
                prevented = [prevented[0] + cases, prevented[1] + people]
            url = f"/ledger/report/rows/?{urlencode({'month': str(self.month), 'figure': 'flag', 'key': kind})}"
            rows.append([Cell(str(label)), Cell(cases, url if cases else ""), Cell(people)])
        rows.insert(len(OutcomeFlag.PREVENTED), [Cell(_("防止激化小计")), *map(Cell, prevented)])
        return Block("flags", _("防止激化和司法部统计标志"), [_("标志"), _("件"), _("人")], rows)

    def _compared(self) -> Block:
        rows = []
        for name in ("new", "done", "success", "still_open", "people"):
            now, before, year = (getattr(sums, name) for sums in (self.total, self.before, self.year_before))
            told = [Cell(now), Cell(before), Cell(change(now, before)), Cell(year), Cell(change(now, year))]
            rows.append([Cell(self.labels[name]), *told])
        head = [
            _("项目"),
            str(self.month),
            str(self.month.shifted(-1)),
            _("环比"),
            str(self.month.shifted(-12)),
            _("同比"),
        ]
        return Block("compared", _("环比和同比"), head, rows, note=_("基数不足 10 件的只写增减数"))

    def _organisations(self) -> Block:
        shown = ("new", "done", "success")
        rows = [
            [
                Cell(office.name),
                *(self.cell(self.by_org[pk], figure, "org", pk) for figure in shown),
                Cell(rate(self.by_org[pk].success, self.by_org[pk].final)),
                self.cell(self.by_org[pk], "people", "org", pk),
                self.cell(self.by_org[pk], "amount", "org", pk),
            ]
            for pk, office in self.offices.items()
        ]
        last = [
            Cell(rate(self.total.success, self.total.final)),
            *(self.cell(self.total, n) for n in ("people", "amount")),
        ]
        rows.append([Cell(_("合计")), *(self.cell(self.total, figure) for figure in shown), *last])
        head = [_("调解组织"), *(self.labels[n] for n in shown), _("成功率"), _("涉及人数"), _("涉及金额（元）")]
        note = _("化解的按主持调解的组织计，其他的按责任单位计；按名录顺序，不排名")
        return Block("organisations", _("各调解组织"), head, rows, note=note, total=True)

    def _ways(self) -> Block:
        rows = [
            [
                Cell(name),
                self.cell(self.by_way.get(way, Sums()), "new", "way", way),
                Cell(rate(self.by_way.get(way, Sums()).new, self.total.new)),
            ]
            for way, name in self.ways.items()
        ]
        rows.append([Cell(_("合计")), self.cell(self.total, "new"), Cell("")])
        return Block("ways", _("受理方式"), [_("方式"), _("新收"), _("占新收")], rows, total=True)

    # --- what the narrative tells beside ------------------------------------------------------------------------------

    def townships(self) -> list[tuple[str, int]]:
        """New rounds by township, in the order of the directory."""
        rows = self.tally.rounds.filter(self.month.opened).order_by("township__code")
        return list(rows.values_list("township__short_name").annotate(n=Count("pk")))

    def thirds(self) -> list[tuple[str, int]]:
        """New rounds of the first and second ten days and of the rest."""
        from datetime import timedelta

        start = self.month.start
        edges = [start, start + timedelta(days=10), start + timedelta(days=20), self.month.end]
        opened = self.tally.rounds.filter(self.month.opened)
        names = (_("上旬"), _("中旬"), _("下旬"))
        return [
            (name, opened.filter(opened_at__gte=a, opened_at__lt=b).count())
            for name, a, b in zip(names, edges, edges[1:], strict=False)
        ]


def _folded(groups: dict[tuple[Any, ...], Sums], of: Callable[[tuple[Any, ...]], str]) -> dict[str, Sums]:
    """The groups joined by what `of` says of their key."""
    found: dict[str, Sums] = {}
    for key, sums in groups.items():
        found.setdefault(of(key), Sums()).__iadd__(sums)
    return found
