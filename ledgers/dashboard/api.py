"""The API of the figures: the same numbers, lists, scope and masking as the pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import record_read_once
from audit.rest import Numbered, Room, Strict, Text, Whole, idempotent
from ledgers.dashboard.board import Board, Cell, may_see, townships_of
from ledgers.dashboard.forms import FigureForm, ListForm
from ledgers.dashboard.listing import listed, shown
from ledgers.dashboard.models import MOST, FigureRefused, MonthlyFigure, enter, townships_to_fill
from ledgers.export import county_of
from ledgers.month import BadMonth, Month
from ledgers.periods import Period
from ledgers.rates import FIGURES, Within, rows_of
from villages.models import Area, User

PERIOD_HELP = _("2026-11、2026-Q4、2026 或 2026-03..2026-10，不写是本月")


class BoardQuery(Strict):
    """Period and township, as on the page."""

    period = Text(max_length=20, required=False, help_text=PERIOD_HELP)
    township = Text(pattern=r"^[0-9]{12}$", max_length=12, required=False, help_text=_("12 位区划代码，县级可选"))


class FigureListQuery(BoardQuery):
    """Which rows: also a village, and groups of the figure as the links of the dashboard name them."""

    village = Text(pattern=r"^[0-9]{12}$", max_length=12, required=False, help_text=_("12 位区划代码"))
    group = serializers.ListField(
        child=serializers.CharField(max_length=20, allow_blank=True), required=False, help_text=_("分类，可写几次")
    )


class MonthQuery(Strict):
    month = Text(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", max_length=7, required=False, help_text=_("不写是本月"))


class NumberShown(serializers.Serializer):
    """A number and the page that lists exactly so many rows."""

    label = serializers.CharField()  # type: ignore[assignment]
    n = serializers.IntegerField()
    list = serializers.CharField(help_text=_("名单的地址"))


class RateShown(serializers.Serializer):
    """One rate: always both numbers; the percentage is null below ten."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    numerator = NumberShown()
    denominator = NumberShown()
    percent = serializers.FloatField(allow_null=True, help_text=_("分母少于 10 是 null"))
    counted = serializers.CharField(help_text=_("按哪一天计入"))
    note = serializers.CharField(help_text=_("口径说明"))
    beside = NumberShown(many=True)


@extend_schema_serializer(many=False)
class RatesShown(serializers.Serializer):
    period = serializers.CharField()
    township = serializers.CharField(allow_null=True)
    rates = RateShown(many=True)


class ChartCell(serializers.Serializer):
    text = serializers.CharField(allow_blank=True)
    n = serializers.IntegerField(allow_null=True)
    list = serializers.CharField(allow_null=True, help_text=_("名单的地址"))


class ChartLine(serializers.Serializer):
    head = serializers.CharField()
    cells = ChartCell(many=True)


class ChartShown(serializers.Serializer):
    """One chart as its table: definition, how many it counts together, heads and lines."""

    key = serializers.CharField()
    title = serializers.CharField()
    means = serializers.CharField()
    n = ChartCell()
    heads = serializers.ListField(child=serializers.CharField())
    rows = ChartLine(many=True)
    notes = serializers.ListField(child=serializers.CharField())


@extend_schema_serializer(many=False)
class DashboardShown(serializers.Serializer):
    period = serializers.CharField()
    township = serializers.CharField(allow_null=True)
    charts = ChartShown(many=True)


class FigureRow(serializers.Serializer):
    """One row behind a number; names as this caller may read them."""

    case_no = serializers.CharField()
    title = serializers.CharField()
    village = serializers.CharField()
    desk = serializers.CharField()
    status = serializers.CharField()
    told = serializers.CharField(help_text=_("计入的情况"))


class PoliceFigure(serializers.Serializer):
    """警情 and 案件 of one township; null is not filled in."""

    township = serializers.CharField()
    name = serializers.CharField()
    calls = serializers.IntegerField(allow_null=True)
    incidents = serializers.IntegerField(allow_null=True)
    version = serializers.IntegerField(help_text=_("保存时原样带回，别人改过会被拒绝"))


class PoliceFiguresShown(serializers.Serializer):
    month = serializers.CharField()
    rows = PoliceFigure(many=True)


class PoliceFigureBody(Strict):
    township = Text(pattern=r"^[0-9]{12}$", max_length=12)
    calls = Whole(min_value=0, max_value=MOST, allow_null=True)
    incidents = Whole(min_value=0, max_value=MOST, allow_null=True)
    version = Whole(min_value=0, max_value=1_000_000)


class PoliceFiguresBody(Strict):
    """The figures of one month; townships that are not named stay as they are."""

    month = Text(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", max_length=7)
    rows = PoliceFigureBody(many=True, allow_empty=False, max_length=200)


def number(label: Any, cell: Cell) -> dict[str, Any]:
    return {"label": str(label), "n": cell.n, "list": cell.url}


def cell_shown(cell: Cell) -> dict[str, Any]:
    return {"text": str(cell.text), "n": cell.n, "list": cell.url or None}


class Viewing(Room):
    """What both rooms of the figures ask first: who it is, which period and which township."""

    def viewer(self) -> User:
        user: User = self.request.user  # type: ignore[assignment]
        if not may_see(user):
            raise PermissionDenied(_g("统计看板由督导、综治中心和单位负责人使用。本月的案件在“工作台账”里"))
        return user

    def board(self) -> Board:
        user = self.viewer()
        asked = self.asked(BoardQuery)
        area: Area | None = None
        if "township" in asked:
            area = next((town for town in townships_of(user) if town.code == asked["township"]), None)
            if area is None:
                raise ValidationError({"township": [_g("没有这个选项，在列出的里面选一个")]})
        return Board(user, self.period(asked), township=area)

    def period(self, asked: dict[str, Any]) -> Period:
        try:
            return Period.parse(asked["period"]) if "period" in asked else Period.of(Month.of(timezone.now()))
        except BadMonth as bad:
            raise ValidationError({"period": [str(bad)]}) from None


def head_of(board: Board) -> dict[str, Any]:
    return {"period": str(board.period), "township": board.township.code if board.township else None}


class Rates(Viewing):
    """Every rate of a period, each with its numerator and its denominator."""

    pagination_class = None  # type: ignore[assignment]
    serializer_class = RatesShown
    queryset = MonthlyFigure.objects.none()

    @extend_schema(operation_id="rates", summary=_("各项比率"), parameters=[BoardQuery], responses=RatesShown)
    def list(self, request: Request) -> Response:
        board = self.board()
        rates = [
            {
                "key": one.key,
                "label": str(one.rate.label),
                "numerator": number(one.rate.top.label, one.top),
                "denominator": number(one.rate.bottom.label, one.bottom),
                "percent": one.rated.percent,
                "counted": str(one.rate.period),
                "note": str(one.rate.note),
                "beside": [number(label, cell) for label, cell in one.beside],
            }
            for one in board.rates
        ]
        return Response({**head_of(board), "rates": rates})


class Dashboard(Viewing):
    """The charts as tables, the rows behind each number, and the figures of the police."""

    pagination_class = Numbered
    serializer_class = DashboardShown
    queryset = MonthlyFigure.objects.none()

    @extend_schema(
        operation_id="dashboard", summary=_("统计看板的各张表"), parameters=[BoardQuery], responses=DashboardShown
    )
    def list(self, request: Request) -> Response:
        board = self.board()
        charts = [
            {
                "key": chart.key,
                "title": str(chart.title),
                "means": str(chart.means),
                "n": cell_shown(chart.n),
                "heads": [str(head) for head in chart.heads],
                "rows": [
                    {"head": str(line.head), "cells": [cell_shown(cell) for cell in line.cells]} for line in chart.rows
                ],
                "notes": [str(note) for note in chart.notes],
            }
            for chart in board.charts
        ]
        return Response({**head_of(board), "charts": charts})

    @extend_schema(
        operation_id="dashboard_rows",
        summary=_("一个数字背后的名单"),
        parameters=[
            OpenApiParameter("figure", str, OpenApiParameter.PATH, enum=[*FIGURES]),
            FigureListQuery,
        ],
        responses=FigureRow(many=True),
    )
    @action(detail=False, methods=["get"], url_path="list/(?P<figure>[a-z_]+)", url_name="rows")
    def rows(self, request: Request, figure: str) -> Response:
        user = self.viewer()
        if figure not in FIGURES:
            raise Http404
        asked = self.asked(FigureListQuery)
        period = self.period(asked)
        form = ListForm(request.query_params, user=user, figure=figure)
        if not form.is_valid():
            raise ValidationError({name: [str(error) for error in errors] for name, errors in form.errors.items()})
        within = Within(user.scope.cases).narrowed(**form.areas)
        rows = rows_of(figure, within, period, timezone.localdate(), asked.get("group", ()))
        page = self.paginate_queryset(listed(figure, rows)) or []
        record_read_once(
            actor=user,
            subject=f"dashboard list {figure} {period}",
            county=county_of(user),
            detail={"rows": len(page), **form.areas},
            request=request._request,
        )
        return self.get_paginated_response(shown(figure, page, user))

    @extend_schema(
        methods=["GET"],
        operation_id="police_figures",
        summary=_("一个月的警情和案件"),
        parameters=[MonthQuery],
        responses=PoliceFiguresShown,
    )
    @extend_schema(
        methods=["POST"],
        operation_id="police_figures_enter",
        summary=_("填一个月的警情和案件"),
        request=PoliceFiguresBody,
        responses=PoliceFiguresShown,
    )
    @action(detail=False, methods=["get", "post"], pagination_class=None)
    @idempotent
    def figures(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        areas = townships_to_fill(user)
        if not areas:
            raise PermissionDenied(_g("警情和案件由督导每月填写。看数字在“统计看板”里"))
        if request.method == "POST":
            sent = self.checked(PoliceFiguresBody, request.data)
            month = Month.parse(sent["month"])
            self._enter(user, month, sent["rows"], request)
        else:
            text = self.asked(MonthQuery).get("month")
            month = Month.parse(text) if text else Month.of(timezone.now())
        kept = MonthlyFigure.objects.filter(township__in=areas, month=str(month))
        found = {row.township_id: row for row in kept}
        rows = []
        for area in areas:
            row = found.get(area.pk)
            calls, incidents = row.pair if row else (None, None)
            rows.append(
                {
                    "township": area.code,
                    "name": area.short_name,
                    "calls": calls,
                    "incidents": incidents,
                    "version": row.version if row else 0,
                }
            )
        return Response({"month": str(month), "rows": rows})

    def _enter(self, user: User, month: Month, rows: Iterable[dict[str, Any]], request: Request) -> None:
        errors: dict[str, list[str]] = {}
        told: dict[str, dict[str, Any]] = {}
        known = {area.code: area for area in townships_to_fill(user)}
        for n, row in enumerate(rows):
            code, facts = row["township"], {name: row[name] for name in ("calls", "incidents", "version")}
            if code in told:
                errors[f"rows.{n}.township"] = [_g("只写一次")]
            if code in known:  # the grid's own judgement of a line
                form = FigureForm(known[code], None, None, {f"{code}-{name}": value for name, value in facts.items()})
                for name, found in form.errors.items():
                    errors[f"rows.{n}.{name}"] = [str(error) for error in found]
            told[code] = facts
        if errors:
            raise ValidationError(errors)
        try:
            enter(by=user, at=timezone.now(), month=month, rows=told, request=request._request)
        except FigureRefused as refused:
            raise ValidationError({"rows": list(dict.fromkeys(refused.errors.values()))}) from None


routes = [("rates", Rates, "rates"), ("dashboard", Dashboard, "figures")]
