"""The API of a capture's photos; under its captures, because a photo is nobody's but its capture's."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Room, idempotent
from disputes import attachments, masking
from disputes.api import SIZE, UID, AttachmentShown, FileBody, answer_file, as_uuid, show_attachment
from disputes.field.models import Capture
from disputes.models import Attachment, MoveRefused

CAPTURE = OpenApiParameter("capture", OpenApiTypes.UUID, OpenApiParameter.PATH, description=_("走访记录的编号"))


class CapturePhotos(Room):
    """Photos of one capture inside the caller's scope."""

    serializer_class = AttachmentShown
    queryset = Attachment.objects.none()
    parser_classes = (MultiPartParser,)  # type: ignore[assignment]
    lookup_field = "uid"
    lookup_value_regex = "[0-9a-fA-F-]{36}"

    def of(self, capture: str) -> Capture:
        rows = Capture.objects.visible_to(self.request.user).select_related("visit__village", "by")  # type: ignore[arg-type]
        return get_object_or_404(rows, uid=as_uuid(capture))

    def shown(self, found: Capture, row: Attachment) -> dict[str, Any]:
        hide = found.names() if self.request.user.scope.masked else []  # type: ignore[union-attr]
        return show_attachment(row, lambda name: masking.mask_in(name, hide))

    @extend_schema(
        operation_id="captures_photos",
        summary=_("走访照片"),
        parameters=[CAPTURE],
        responses=AttachmentShown(many=True),
    )
    def list(self, request: Request, capture: str) -> Response:
        found = self.of(capture)
        return self.page(found.photos.select_related("by", "capture"), lambda row: self.shown(found, row))

    @extend_schema(
        operation_id="captures_photos_add",
        summary=_("补照片"),
        parameters=[CAPTURE],
        request=FileBody,
        responses={201: AttachmentShown},
    )
    @idempotent
    def create(self, request: Request, capture: str) -> Response:
        found = self.of(capture)
        sentence = found.why_not_edit(request.user)  # type: ignore[arg-type]
        if sentence:
            raise MoveRefused(sentence)
        file = self.checked(FileBody, request.data)["file"]
        with attachments.receiving([file], most=settings.PHOTOS_PER_CAPTURE, only=attachments.PICTURES) as photos:
            (row,) = found.add_photos(photos, by=request.user, at=timezone.now(), request=request._request)  # type: ignore[arg-type]
        return Response(self.shown(found, row), status=201)

    @extend_schema(
        operation_id="captures_photos_download",
        summary=_("下载走访照片"),
        parameters=[CAPTURE, UID],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def retrieve(self, request: Request, capture: str, uid: str) -> HttpResponse:
        return self.bytes_of(request, capture, uid, 0)

    @extend_schema(
        operation_id="captures_photos_preview",
        summary=_("看走访照片"),
        parameters=[CAPTURE, UID, SIZE],
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path="(?P<size>320|1280)")
    def preview(self, request: Request, capture: str, uid: str, size: str) -> HttpResponse:
        return self.bytes_of(request, capture, uid, int(size))

    def bytes_of(self, request: Request, capture: str, uid: str, size: int) -> HttpResponse:
        rows = self.of(capture).photos.select_related("dispute", "capture__village")
        return answer_file(get_object_or_404(rows, uid=as_uuid(uid)), size, request)


routes = [("captures/(?P<capture>[0-9a-fA-F-]{36})/photos", CapturePhotos, "capture-photo")]
