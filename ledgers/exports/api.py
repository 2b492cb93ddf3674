"""The API of the exports: ask, watch, decide, fetch; the doors are those of the pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Pick, Room, Strict, Text, YesNo, idempotent
from disputes.api import as_uuid
from ledgers.exports.models import Export, Unknown
from ledgers.exports.views import answer
from ledgers.filters import STANDS
from ledgers.jobs.models import Job
from ledgers.month import LEDGER_ROLES
from villages.models import User


class ExportShown(serializers.Serializer):
    """One export, as its owner or who decides about it sees it."""

    id = serializers.UUIDField()
    number = serializers.CharField(help_text=_("水印里的编号"))
    state = serializers.ChoiceField(Export.State.choices)
    job = serializers.ChoiceField(Job.State.choices, allow_null=True, help_text=_("后台任务；还没有批准的是 null"))
    done = serializers.IntegerField(help_text=_("已写多少行"))
    error = serializers.CharField(help_text=_("没有做成的原因"))
    month = serializers.CharField()
    layout = serializers.CharField()
    format = serializers.ChoiceField(Export.Format.choices)
    purpose = serializers.ChoiceField(Export.Purpose.choices)
    reason = serializers.CharField()
    unmasked = serializers.BooleanField()
    desk = serializers.CharField(help_text=_("不打码的：经办单位"))
    people = serializers.IntegerField(help_text=_("不打码的：涉及多少人"))
    rows = serializers.IntegerField()
    owner = serializers.CharField()
    asked_at = serializers.DateTimeField()
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decision = serializers.CharField()
    size = serializers.IntegerField(help_text=_("字节"))
    sha256 = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


class ExportBody(Strict):
    """What to take out, in which form, and why."""

    month = Text(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", max_length=7, help_text=_("如 2026-10"))
    township = Text(pattern=r"^[0-9]{12}$", max_length=12, required=False, help_text=_("12 位区划代码"))
    village = Text(pattern=r"^[0-9]{12}$", max_length=12, required=False, help_text=_("12 位区划代码"))
    type = Text(pattern=r"^[0-9]{2}$", max_length=2, required=False, help_text=_("纠纷大类代码"))
    status = Pick(STANDS, required=False)
    office = Text(max_length=20, required=False, help_text=_("单位编码"))
    layout = Text(max_length=40, required=False, help_text=_("台账格式，不写是 default"))
    format = Pick(Export.Format.choices)
    purpose = Pick(Export.Purpose.choices)
    reason = Text(max_length=200)
    unmasked = YesNo(required=False, help_text=_("不打码，只含本单位经办的案件"))
    desk = Text(max_length=20, required=False, help_text=_("在几个单位办案的，写其中一个的编码"))


class ExportDecision(Strict):
    allowed = YesNo()
    reason = Text(max_length=200, required=False, allow_blank=True, help_text=_("不批准的写明理由"))


def show(row: Export) -> dict[str, Any]:
    plain = (
        "number", "state", "month", "layout", "format", "purpose", "reason", "unmasked", "people", "rows", "asked_at",
        "decided_at", "decision", "size", "sha256", "expires_at",
    )  # fmt: skip
    job = row.job
    return {
        "id": row.uid,
        **{name: getattr(row, name) for name in plain},
        "job": job.state if job else None,
        "done": job.done if job else 0,
        "error": job.error if job else "",
        "desk": row.desk.name if row.desk else "",
        "owner": row.owner.name,
        "decided_by": row.decided_by.name if row.decided_by else "",
    }


UID = OpenApiParameter("uid", OpenApiTypes.UUID, OpenApiParameter.PATH, description=_("编号"))
FILE = {
    (200, "application/octet-stream"): OpenApiTypes.BINARY,
    409: OpenApiResponse(OpenApiTypes.OBJECT, description=_("现在不能办，detail 说明原因；conflict 是别人先办的事")),
}
SHOWN = ("owner", "job", "desk", "decided_by")


class Exports(Room):
    """The caller's own exports, and those that wait for the caller's word."""

    serializer_class = ExportShown
    queryset = Export.objects.none()
    lookup_field = "uid"
    lookup_value_regex = "[0-9a-fA-F-]{36}"

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def row(self, uid: str) -> Export:
        rows = Export.objects.visible_to(self.user).select_related(*SHOWN)
        return get_object_or_404(rows, uid=as_uuid(uid))

    def needs_ledger(self) -> None:
        if not self.user.scope.has(*LEDGER_ROLES):
            raise PermissionDenied(_g("你的岗位不看工作台账。需要的联系责任单位或督导"))

    @extend_schema(operation_id="exports_list", summary=_("自己的和等自己批的导出，新的在前"),
                   responses=ExportShown(many=True))  # fmt: skip
    def list(self, request: Request) -> Response:
        self.needs_ledger()
        rows = Export.objects.visible_to(self.user).select_related(*SHOWN)
        return self.get_paginated_response([show(row) for row in self.paginate_queryset(rows) or []])

    @extend_schema(
        operation_id="exports_ask", summary=_("申请导出台账，后台做"), request=ExportBody, responses={201: ExportShown}
    )
    @idempotent
    def create(self, request: Request) -> Response:
        self.needs_ledger()
        sent = self.checked(ExportBody, request.data)
        conditions: dict[str, str] = {
            name: sent.pop(name) for name in ("township", "village", "type", "status", "office") if name in sent
        }
        try:
            row = Export.ask(
                by=self.user, at=timezone.now(), conditions=conditions, layout=sent.pop("layout", "default"),
                request=request._request, wait=False, **sent,
            )  # fmt: skip
        except Unknown as unknown:
            raise ValidationError({"month": [str(unknown)]}) from None
        where = request.build_absolute_uri(f"/api/v1/exports/{row.uid}/")
        return Response(show(row), status=201, headers={"Location": where})

    @extend_schema(operation_id="exports_retrieve", summary=_("一份导出做到哪里了"), parameters=[UID])
    def retrieve(self, request: Request, uid: str) -> Response:
        return Response(show(self.row(uid)))

    @extend_schema(
        operation_id="exports_decide", summary=_("批准或不批准"), parameters=[UID], request=ExportDecision,
        responses=ExportShown,
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    @idempotent
    def decide(self, request: Request, uid: str) -> Response:
        row = self.row(uid)
        sent = self.checked(ExportDecision, request.data)
        row.decide(by=self.user, at=timezone.now(), request=request._request, **sent)
        return Response(show(row))

    @extend_schema(
        operation_id="exports_cancel", summary=_("不要了，停下"), parameters=[UID], request=None, responses=ExportShown
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def cancel(self, request: Request, uid: str) -> Response:
        row = get_object_or_404(Export.objects.of(self.user).select_related(*SHOWN), uid=as_uuid(uid))
        row.cancel(by=self.user, at=timezone.now(), request=request._request)
        return Response(show(row))

    @extend_schema(operation_id="exports_file", summary=_("下载文件，会被记录"), parameters=[UID], responses=FILE)
    @action(detail=True, methods=["get"])
    def file(self, request: Request, uid: str) -> HttpResponseBase:
        row = get_object_or_404(Export.objects.of(self.user).select_related(*SHOWN), uid=as_uuid(uid))
        return answer(row, row.fetch(by=self.user, at=timezone.now(), request=request._request))


routes = [("exports", Exports, "export")]
