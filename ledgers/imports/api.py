"""The API of the import: the doors of the pages, for scripts that bring many ledgers."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Keyset, Numbered, Pick, Room, Strict, Text, Whole, idempotent
from disputes.attachments import FileRefused
from disputes.models import NotYours
from disputes.moves import Tier
from ledgers.api import PAGES
from ledgers.imports import doors, mapping
from ledgers.imports.forms import villages_for
from ledgers.imports.models import ImportBatch, ImportRow, may_import
from villages.models import User

UID = OpenApiParameter("uid", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH)


class ImportBody(Strict):
    """multipart/form-data with one file."""

    file = serializers.FileField(allow_empty_file=True, help_text=_("旧台账，xlsx、xls 或 csv，最多 20 MB"))


class ImportColumnBody(Strict):
    label = Text(max_length=200, help_text=_("文件里的列名"))  # type: ignore[assignment]
    target = Pick([("", _("不要这一列")), *((t.key, t.label) for t in mapping.TARGETS)], allow_blank=True)


class ImportColumnsBody(Strict):
    """What the columns are; those that are not named stay as proposed."""

    columns = ImportColumnBody(many=True, required=False)
    tier = serializers.ChoiceField(Tier.choices, required=False, help_text=_("这是哪一级的台账"))
    year = Whole(required=False, min_value=1980, max_value=2100, help_text=_("没有年份的日期用这一年"))
    month = Whole(required=False, min_value=1, max_value=12, help_text=_("没有月份的日期用这个月"))
    village = Text(
        pattern=r"^[0-9]{12}$", max_length=12, required=False, help_text=_("没有写村的行属于，12 位区划代码")
    )


class ImportColumnShown(serializers.Serializer):
    label = serializers.CharField()  # type: ignore[assignment]
    target = serializers.CharField(allow_blank=True, help_text=_("空的是不要这一列"))


class ImportShown(serializers.Serializer):
    """An import and what its lines came to: rows = ready + refused + skipped."""

    uid = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(ImportBatch.State.choices)
    rows = serializers.IntegerField(help_text=_("文件行数"))
    checked = serializers.IntegerField(help_text=_("已检查的行数"))
    ready = serializers.IntegerField(help_text=_("可以入库、已入库"))
    refused = serializers.IntegerField(help_text=_("退回"))
    skipped = serializers.IntegerField(help_text=_("空行、表头、合计"))
    columns = ImportColumnShown(many=True)
    notices = serializers.ListField(child=serializers.CharField())
    error = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class ImportProblemShown(serializers.Serializer):
    column = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    text = serializers.CharField()


class ImportLineShown(serializers.Serializer):
    sheet = serializers.CharField()
    line = serializers.IntegerField(help_text=_("第几行，从 1 数"))
    verdict = serializers.ChoiceField(ImportRow.Verdict.choices)
    problems = ImportProblemShown(many=True)
    notices = ImportProblemShown(many=True)


class ImportLinesQuery(Strict):
    verdict = Pick(ImportRow.Verdict.choices, required=False)


def show(batch: ImportBatch) -> dict[str, Any]:
    plain = ("uid", "name", "state", "rows", "checked", "ready", "refused", "skipped", "error", "created_at")
    return {
        **{name: getattr(batch, name) for name in plain},
        "columns": [{"label": label, "target": target} for label, target in batch.mapping.items()],
        "notices": [f"{sheet['name']}：{text}" for sheet in batch.sheets for text in sheet["notices"]],
    }


def show_line(batch: ImportBatch, row: ImportRow) -> dict[str, Any]:
    content = row.content(batch)

    def told(name: str) -> list[dict[str, str]]:
        return [{"column": c, "code": code, "text": text} for c, code, text in content.get(name, [])]

    return {
        "sheet": batch.sheets[row.sheet]["name"],
        "line": row.line,
        "verdict": row.verdict,
        "problems": told("problems"),
        "notices": told("notices"),
    }


class Imports(Room):
    """Imports of old ledgers, one's own."""

    pagination_class = Keyset
    serializer_class = ImportShown
    queryset = ImportBatch.objects.none()
    lookup_field = "uid"
    lookup_value_regex = "[0-9a-fA-F-]{36}"

    def get_parsers(self) -> list[Any]:
        # a file is uploaded to the list's own address, everything else is JSON
        return [MultiPartParser()] if "create" in (self.action_map or {}).values() else super().get_parsers()

    def _user(self) -> User:
        user: User = self.request.user  # type: ignore[assignment]
        if not may_import(user):
            raise NotYours(_g("只有单位负责人和督导可以导入旧台账"))
        return user

    def _find(self, uid: str) -> ImportBatch:
        rows = ImportBatch.objects.visible_to(self._user()).select_related("by", "county", "office", "village")
        return get_object_or_404(rows, uid=uid)

    @extend_schema(operation_id="imports_list", summary=_("导入过的旧台账"), responses=ImportShown(many=True))
    def list(self, request: Request) -> Response:
        return self.page(ImportBatch.objects.visible_to(self._user()), show)

    @extend_schema(
        operation_id="imports_create", summary=_("上传旧台账"), request=ImportBody, responses={201: ImportShown}
    )
    @idempotent
    def create(self, request: Request) -> Response:
        user = self._user()
        sent = self.checked(ImportBody, request.data)
        try:
            batch = doors.take_file(sent["file"], by=user, at=timezone.now(), request=request._request)
        except FileRefused as refused:
            raise ValidationError({"file": [refused.sentence]}) from None
        return Response(show(batch), status=201)

    @extend_schema(operation_id="imports_get", summary=_("一次导入"), parameters=[UID], responses=ImportShown)
    def retrieve(self, request: Request, uid: str) -> Response:
        return Response(show(self._find(uid)))

    @extend_schema(
        operation_id="imports_lines", summary=_("各行的检查结果"), parameters=[UID, ImportLinesQuery, *PAGES],
        responses=ImportLineShown(many=True),
    )  # fmt: skip
    @action(detail=True, pagination_class=Numbered)
    def lines(self, request: Request, uid: str) -> Response:
        batch, asked = self._find(uid), self.asked(ImportLinesQuery)
        return self.page(batch.lines.filter(**asked).order_by("pk"), lambda row: show_line(batch, row))

    @extend_schema(
        operation_id="imports_check",
        summary=_("按这些列检查"),
        parameters=[UID],
        request=ImportColumnsBody,
        responses=ImportShown,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def check(self, request: Request, uid: str) -> Response:
        batch = self._find(uid)
        sent = self.checked(ImportColumnsBody, request.data)
        columns = {row["label"]: row["target"] for row in sent.pop("columns", [])}
        unknown = [label for label in columns if label not in batch.mapping]
        if unknown:
            raise ValidationError({"columns": [_g("文件里没有“%(name)s”这一列") % {"name": unknown[0][:40]}]})
        if "village" in sent:
            areas = {area.code: area for area in villages_for(batch)}
            if sent["village"] not in areas:
                raise ValidationError({"village": [_g("没有这个选项，在列出的里面选一个")]})
            sent["village"] = areas[sent["village"]]
        doors.check(batch, at=timezone.now(), columns=columns, **sent)
        return Response(show(self._find(uid)))

    @extend_schema(
        operation_id="imports_commit", summary=_("入库"), parameters=[UID], request=None, responses=ImportShown
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def commit(self, request: Request, uid: str) -> Response:
        doors.commit(self._find(uid), by=self._user(), at=timezone.now(), request=request._request)
        return Response(show(self._find(uid)))

    @extend_schema(
        operation_id="imports_undo", summary=_("整批撤销"), parameters=[UID], request=None, responses=ImportShown
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def undo(self, request: Request, uid: str) -> Response:
        self._find(uid).undo(by=self._user(), at=timezone.now(), request=request._request)
        return Response(show(self._find(uid)))


routes = [("imports", Imports, "imports")]
