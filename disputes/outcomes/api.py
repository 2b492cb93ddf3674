"""The API of the outcome flags of one case."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Day, Pick, Room, Strict, Text, Whole, idempotent
from disputes.models import Dispute
from disputes.outcomes.models import MOST_PEOPLE, OutcomeFlag
from villages.models import User


class OutcomeQuery(Strict):
    case_no = Text(max_length=60, required=False, help_text=_("案号"))
    kind = Pick(OutcomeFlag.Kind.choices, required=False)


class OutcomeBody(Strict):
    """One flag: how many people, never who."""

    case_no = Text(max_length=60, help_text=_("案号"))
    kind = Pick(OutcomeFlag.Kind.choices, help_text=_("统计标志"))
    on = Day(help_text=_("实际发生的那天，不晚于今天"))
    people = Whole(min_value=1, max_value=MOST_PEOPLE, help_text=_("人数"))
    submission = serializers.UUIDField(required=False, help_text=_("同一编号再交一次，还是同一个标志"))


class OutcomeShown(serializers.Serializer):
    id = serializers.IntegerField()
    case_no = serializers.CharField()
    kind = serializers.ChoiceField(OutcomeFlag.Kind.choices)
    on = serializers.DateField()
    people = serializers.IntegerField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    off = serializers.BooleanField(help_text=_("已撤销，不计数"))


def show(row: OutcomeFlag) -> dict[str, Any]:
    return {
        "id": row.pk,
        "case_no": row.dispute.case_no,
        **{name: getattr(row, name) for name in ("kind", "on", "people", "at")},
        "by": row.by.name,
        "off": row.off_at is not None,
    }


class Outcomes(Room):
    """Outcome flags on the cases inside the caller's scope."""

    serializer_class = OutcomeShown
    queryset = OutcomeFlag.objects.none()
    lookup_value_regex = "[0-9]{1,15}"

    def own(self) -> Any:
        user: User = self.request.user  # type: ignore[assignment]
        return OutcomeFlag.objects.visible_to(user).select_related("dispute", "by")

    @extend_schema(
        operation_id="outcomes_list",
        summary=_("统计标志"),
        parameters=[OutcomeQuery],
        responses=OutcomeShown(many=True),
    )
    def list(self, request: Request) -> Response:
        asked = self.asked(OutcomeQuery)
        case_no = asked.pop("case_no", None)
        rows = self.own().filter(**asked, **({"dispute__case_no": case_no} if case_no else {}))
        return self.page(rows, show)

    @extend_schema(
        operation_id="outcomes_create",
        summary=_("登记统计标志"),
        request=OutcomeBody,
        responses={201: OutcomeShown},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        sent = self.checked(OutcomeBody, request.data)
        sent["submission"] = sent.get("submission") or uuid.uuid4()
        user: User = request.user  # type: ignore[assignment]
        case = get_object_or_404(Dispute.objects.visible_to(user), case_no=sent.pop("case_no"))
        row = OutcomeFlag.objects.raise_on(case, by=user, at=timezone.now(), request=request._request, **sent)
        row.dispute = case
        return Response(show(row), status=201)

    @extend_schema(
        operation_id="outcomes_off",
        summary=_("撤销统计标志"),
        parameters=[OpenApiParameter("id", OpenApiTypes.INT, OpenApiParameter.PATH)],
        request=None,
        responses=OutcomeShown,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def off(self, request: Request, pk: str) -> Response:
        row = get_object_or_404(self.own(), pk=int(pk))
        row.take_back(by=request.user, at=timezone.now(), request=request._request)
        return Response(show(self.own().get(pk=row.pk)))


routes = [("outcomes", Outcomes, "outcome")]
