"""The API of the months: who has handed in, the steps, the freeze, the report."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Pick, Room, Strict, Text, YesNo, idempotent
from ledgers.month import LEDGER_ROLES, BadMonth, Month
from ledgers.months import doors
from ledgers.months.models import Correction, MonthlyLedger, MonthSubmission
from ledgers.months.page import MonthPage, show
from ledgers.months.views import DID, month_of
from ledgers.report.blocks import Report
from villages.models import User

MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"


class MonthQuery(Strict):
    month = Text(pattern=MONTH, max_length=7, required=False, help_text=_("如 2026-10，不写是上个月"))


class StepBody(Strict):
    """One step of one area."""

    month = Text(pattern=MONTH, max_length=7, help_text=_("如 2026-10"))
    area = Text(pattern=r"^[0-9]{12}$", max_length=12, help_text=_("村或乡镇的 12 位区划代码"))
    do = Pick(list(DID.items()), help_text=_("报送、签字、撤回或催报"))
    reason = Text(max_length=200, required=False, allow_blank=True, help_text=_("撤回的理由"))


class FreezeBody(Strict):
    month = Text(pattern=MONTH, max_length=7, help_text=_("如 2026-10"))
    anyway = YesNo(required=False, help_text=_("知道还有没报送的，仍要定稿"))


class SumsShown(serializers.Serializer):
    """上期结转 + 本期新收 = 本期办结 + 期末在办."""

    carried = serializers.IntegerField(required=False)
    new = serializers.IntegerField(required=False)
    done = serializers.IntegerField(required=False)
    open = serializers.IntegerField(required=False)


class HandedInShown(serializers.Serializer):
    """One village or township."""

    area = serializers.CharField(help_text=_("区划代码"))
    name = serializers.CharField()
    state = serializers.ChoiceField(MonthSubmission.State.choices)
    made_by = serializers.CharField(help_text=_("制表人"))
    made_at = serializers.DateTimeField(allow_null=True)
    signed_by = serializers.CharField(help_text=_("负责人"))
    signed_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text=_("撤回理由"))
    reminded_at = serializers.DateTimeField(allow_null=True)
    counts = SumsShown(help_text=_("报送时的数"))
    may = serializers.ListField(child=serializers.ChoiceField(list(DID.items())), help_text=_("现在能做的"))


class CorrectionShown(serializers.Serializer):
    """补报 or 更正 below a signed month."""

    kind = serializers.ChoiceField(Correction.Kind.choices)
    about = serializers.CharField(help_text=_("所属月份"))
    case_no = serializers.CharField()
    changes = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_blank=True)), help_text=_("项目、原来、现在")
    )


class SignedShown(serializers.Serializer):
    """The county's signature under a month."""

    month = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    count = serializers.IntegerField(help_text=_("行数"))
    missing = serializers.IntegerField(help_text=_("定稿时没有报送的村和乡镇"))
    hash = serializers.CharField(help_text=_("校验码，SHA-256"))
    corrections = CorrectionShown(many=True, help_text=_("列在表下的补报和更正"))


@extend_schema_serializer(many=False)
class MonthShown(serializers.Serializer):
    month = serializers.CharField()
    handed = serializers.IntegerField(help_text=_("已报送"))
    expected = serializers.IntegerField(help_text=_("应报送"))
    signed = SignedShown(allow_null=True)
    areas = HandedInShown(many=True)


def signed_of(signed: MonthlyLedger | None, user: User) -> dict[str, Any] | None:
    if signed is None:
        return None
    condition = user.scope.q()
    lines = Correction.objects.filter(ledger=signed).order_by("position")
    mine = [] if condition is None else lines.filter(condition)
    return {
        "month": signed.month,
        "by": signed.by_name,
        "at": signed.at,
        **{name: getattr(signed, name) for name in ("count", "missing", "hash")},
        "corrections": [
            {"kind": line.kind, "about": line.about, "case_no": line.case_no, "changes": line.changes} for line in mine
        ],
    }


class Months(Room):
    """Who has handed a month in; the steps of one area; the county's freeze, which nothing undoes."""

    serializer_class = MonthShown
    queryset = MonthSubmission.objects.none()
    pagination_class = None  # type: ignore[assignment]

    @extend_schema(operation_id="months_show", summary=_("台账报送"), parameters=[MonthQuery], responses=MonthShown)
    def list(self, request: Request) -> Response:
        asked = self.asked(MonthQuery)
        user: User = request.user  # type: ignore[assignment]
        page = MonthPage(user, month_of(asked.get("month")), timezone.now())
        return Response(
            {
                "month": str(page.month),
                "handed": page.handed,
                "expected": len(page.rows),
                "signed": signed_of(page.signed, user),
                "areas": [show(row) for row in page.rows],
            }
        )

    @extend_schema(
        operation_id="months_step", summary=_("报送、签字、撤回、催报"), request=StepBody, responses=HandedInShown
    )
    @action(detail=False, methods=["post"])
    @idempotent
    def step(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        areas = doors.areas_to_hand_in(user)
        sent = self.checked(StepBody, request.data)
        area, month, now = get_object_or_404(areas, code=sent["area"]), Month.parse(sent["month"]), timezone.now()
        doors.act(
            sent["do"],
            area=area,
            month=month,
            by=user,
            at=now,
            reason=sent.get("reason", ""),
            request=request._request,
        )
        page = MonthPage(user, month, now)
        return Response(next(show(row) for row in page.rows if row.area.pk == area.pk))

    @extend_schema(
        operation_id="months_freeze", summary=_("台账定稿"), request=FreezeBody, responses={201: SignedShown}
    )
    @action(detail=False, methods=["post"])
    @idempotent
    def freeze(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        doors.county_to_freeze(user)
        sent = self.checked(FreezeBody, request.data)
        signed = doors.freeze(
            month=Month.parse(sent["month"]),
            by=user,
            at=timezone.now(),
            anyway=sent.get("anyway", False),
            request=request._request,
        )
        return Response(signed_of(signed, user), status=201)


# --- the report -------------------------------------------------------------------------------------------------------


class ReportBlock(serializers.Serializer):
    """One table of the report, as on the page; numbers as text, yuan with two digits."""

    key = serializers.CharField()
    title = serializers.CharField()
    head = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(child=serializers.ListField(child=serializers.CharField(allow_blank=True)))
    note = serializers.CharField()


@extend_schema_serializer(many=False)
class ReportShown(serializers.Serializer):
    month = serializers.CharField()
    frozen = serializers.BooleanField(help_text=_("已定稿，数字来自定稿的台账"))
    blocks = ReportBlock(many=True)


class Reports(Room):
    """月报 with the blocks, the scope and the numbers of the page."""

    serializer_class = ReportShown
    queryset = MonthSubmission.objects.none()
    pagination_class = None  # type: ignore[assignment]

    @extend_schema(operation_id="report_show", summary=_("月报"), parameters=[MonthQuery], responses=ReportShown)
    def list(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        if not user.scope.has(*LEDGER_ROLES):
            raise PermissionDenied(_g("你的岗位不看月报。需要的联系责任单位或督导"))
        asked = self.asked(MonthQuery)
        try:
            month = month_of(asked.get("month"))
        except BadMonth as bad:
            raise ValidationError({"month": [str(bad)]}) from None
        made = Report(user, month)
        blocks = [
            {
                "key": block.key,
                "title": block.title,
                "head": block.head,
                "rows": [[cell.text for cell in row] for row in block.rows],
                "note": block.note,
            }
            for block in made.blocks()
        ]
        return Response({"month": str(month), "frozen": made.signed is not None, "blocks": blocks})


routes = [("months", Months, "month"), ("report", Reports, "report")]
