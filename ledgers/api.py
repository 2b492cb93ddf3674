"""The API of this room: the month's ledger with its sums; the same rows, scope and masking as the page."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import record_read_once
from audit.rest import Numbered, Pick, Room, Strict, Text
from disputes.models import Round
from disputes.moves import Tier
from ledgers.columns import ALL, DATE, INT, MONEY, Column, Value
from ledgers.export import county_of
from ledgers.filters import STANDS, LedgerFilter
from ledgers.month import LEDGER_ROLES, BadMonth, Month
from ledgers.months.frozen import ledger_for
from ledgers.profiles import DEFAULT, BadProfile, profile
from villages.models import User

PAGES = [
    OpenApiParameter(name, {"type": "integer", "minimum": 1, "maximum": 999_999}, description=description)
    for name, description in (
        (Numbered.page_query_param, Numbered.page_query_description),
        (Numbered.page_size_query_param, Numbered.page_size_query_description),
    )
]


TIERS = [(str(value), label) for value, label in Tier.choices]


class LedgerQuery(Strict):
    """Month and conditions, as on the page."""

    month = Text(
        pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", max_length=7, required=False, help_text=_("如 2026-10，不写是本月")
    )
    township = Text(pattern=r"^[0-9]{12}$", max_length=12, required=False, help_text=_("12 位区划代码"))
    village = Text(pattern=r"^[0-9]{12}$", max_length=12, required=False, help_text=_("12 位区划代码"))
    type = Text(pattern=r"^[0-9]{2}$", max_length=2, required=False, help_text=_("纠纷大类代码"))
    status = Pick(STANDS, required=False)
    tier = Pick(TIERS, required=False)
    office = Text(max_length=20, required=False, help_text=_("单位编码"))
    profile = Text(
        pattern=r"^[a-z_]{1,20}$|^own-[0-9]{1,15}$", max_length=20, required=False,
        help_text=_("台账格式的代号，见 /ledger-profiles/，不写是 22 列的工作台账"),
    )  # fmt: skip


def cell_field(column: Column) -> serializers.Field:
    """The schema of one column's values."""
    words: dict[str, Any] = {"help_text": column.label, "allow_null": True, "required": False}
    if column.kind == INT:
        return serializers.IntegerField(**words)
    return serializers.DateField(**words) if column.kind == DATE else serializers.CharField(**words)


#: A row has the cells of its layout.
LedgerRow = type("LedgerRow", (serializers.Serializer,), {column.key: cell_field(column) for column in ALL.values()})


class CountsShown(serializers.Serializer):
    """上期结转 + 本期新收 = 本期办结 + 期末在办."""

    carried = serializers.IntegerField(help_text=_("上期结转"))
    first = serializers.IntegerField(help_text=_("首次登记"))
    relapsed = serializers.IntegerField(help_text=_("反弹"))
    settled = serializers.IntegerField(help_text=_("化解"))
    ended = serializers.IntegerField(help_text=_("调解不成"))
    withdrawn = serializers.IntegerField(help_text=_("撤回"))
    referred = serializers.IntegerField(help_text=_("引导其他途径"))
    merged = serializers.IntegerField(help_text=_("并案"))
    still_open = serializers.IntegerField(help_text=_("期末在办"))
    new = serializers.IntegerField(help_text=_("本期新收"))
    done = serializers.IntegerField(help_text=_("本期办结"))
    holds = serializers.BooleanField(help_text=_("结转 + 新收 = 办结 + 在办"))


class ColumnShown(serializers.Serializer):
    key = serializers.CharField(help_text=_("行里的字段名"))
    label = serializers.CharField(help_text=_("列名"))  # type: ignore[assignment]
    group = serializers.CharField(help_text=_("上面的合并表头，没有的为空"))


@extend_schema_serializer(many=False)
class LedgerShown(serializers.Serializer):
    month = serializers.CharField()
    profile = serializers.CharField(help_text=_("台账格式的代号"))
    columns = ColumnShown(many=True, help_text=_("这种格式的列，按顺序"))
    counts = CountsShown()
    people = serializers.IntegerField()
    amount = serializers.CharField()
    count = serializers.IntegerField(help_text=_("行数"))
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    voided = serializers.ListField(child=serializers.CharField(), help_text=_("作废的案号，不计入"))
    rows = LedgerRow(many=True)


def plain(column: Column, value: Value) -> Any:
    """A cell as JSON: amounts as decimal strings, an empty cell as null."""
    if value is None or value == "":
        return None
    return f"{value:.2f}" if column.kind == MONEY and isinstance(value, Decimal) else value


def shown_column(column: Column) -> dict[str, str]:
    return {"key": column.key, "label": str(column.label), "group": str(column.group)}


class Ledgers(Room):
    """The ledger of one month."""

    pagination_class = Numbered
    serializer_class = LedgerShown
    queryset = Round.objects.none()

    @extend_schema(
        operation_id="ledger_month",
        summary=_("一个月的工作台账"),
        parameters=[LedgerQuery, *PAGES],
        responses=LedgerShown,
    )
    def list(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        if not user.scope.has(*LEDGER_ROLES):
            raise PermissionDenied(_g("你的岗位不看工作台账。需要的联系责任单位或督导"))
        asked = self.asked(LedgerQuery)
        try:
            month = Month.parse(asked["month"]) if "month" in asked else Month.of(timezone.now())
        except BadMonth as bad:
            raise ValidationError({"month": [str(bad)]}) from None
        try:
            layout = profile(user, asked.get("profile", DEFAULT.key))
        except BadProfile as bad:
            raise ValidationError({"profile": [str(bad)]}) from None
        found = LedgerFilter(request.query_params, user=user, month=month)
        if not found.form.is_valid():
            raise ValidationError(found.form.errors)
        ledger = ledger_for(user, month, found, columns=layout.columns)
        paginator = self.paginator
        assert isinstance(paginator, Numbered)
        shown = paginator.paginate_queryset(ledger.ids(), request, view=self) or []
        first = (paginator.page.start_index() if paginator.page else 0) or 1
        record_read_once(
            actor=user,
            subject=f"ledger {month}",
            county=county_of(user),
            detail={"rows": len(shown)},
            request=request._request,
        )
        counts = ledger.counts
        return Response(
            {
                "month": str(month),
                "profile": layout.key,
                "columns": [shown_column(column) for column in layout.columns],
                "counts": {**asdict(counts), "new": counts.new, "done": counts.done, "holds": counts.holds},
                "people": ledger.sums["people"] or 0,
                "amount": f"{ledger.sums['amount'] or 0:.2f}",
                "count": ledger.count,
                "next": paginator.get_next_link(),
                "previous": paginator.get_previous_link(),
                "voided": ledger.voided(),
                "rows": [
                    {c.key: plain(c, c.value(row)) for c in layout.columns} for row in ledger.rows(shown, first=first)
                ],
            }
        )


routes = [("ledger", Ledgers, "ledger")]
