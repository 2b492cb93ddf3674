"""The API of whistles: what was asked of the caller's offices and by the caller's desks, and every door of it."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import record_read_once
from audit.rest import Day, Pick, Room, Strict, Text, YesNo, idempotent
from disputes import attachments
from disputes.api import Named, as_uuid, named
from disputes.models import Dispute, NotYours
from disputes.whistles.models import Call, Whistle, offices_to_ask
from disputes.whistles.page import Reader
from villages.models import DESK_ROLES, User

# --- what is sent back ------------------------------------------------------------------------------------------------


class FileShown(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class CallShown(serializers.Serializer):
    """One office's part."""

    office = Named()
    state = serializers.ChoiceField(Call.State.choices)
    due_on = serializers.DateField(allow_null=True, help_text=_("现在的期限：答复，或者说好的那天"))
    overdue = serializers.BooleanField()
    in_time = serializers.BooleanField(allow_null=True, help_text=_("按时答复了吗；还没到期的不写"))
    asked_at = serializers.DateTimeField()
    first_seen_at = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    answered_by = serializers.CharField()
    done_at = serializers.DateTimeField(allow_null=True)
    who_comes = serializers.CharField()
    coming_on = serializers.DateField(allow_null=True)
    reply = serializers.CharField()
    done_note = serializers.CharField()
    off_reason = serializers.CharField()
    file = FileShown(allow_null=True)


class SharedParty(serializers.Serializer):
    side = serializers.CharField()
    name = serializers.CharField()
    phone = serializers.CharField(help_text=_("隐去中间的电话"))


class Shared(serializers.Serializer):
    """What was ticked for the asked offices; only while yours still has to act."""

    place = serializers.CharField()
    parties = SharedParty(many=True)
    files = FileShown(many=True)


class WhistleShown(serializers.Serializer):
    """One whistle as the caller may read it."""

    uid = serializers.UUIDField()
    case_no = serializers.CharField(help_text=_("案号；被请的单位看不到"))
    kind = serializers.ChoiceField(Whistle.Kind.choices)
    desk = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    answer_by = serializers.DateField()
    what = serializers.CharField()
    summary = serializers.CharField()
    is_live = serializers.BooleanField()
    closed_at = serializers.DateTimeField(allow_null=True)
    close_reason = serializers.CharField()
    calls = CallShown(many=True)
    shared = Shared(allow_null=True)


class PhoneShown(serializers.Serializer):
    name = serializers.CharField()
    phone = serializers.CharField()


def _file(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return {"id": row["id"], "name": row["name"]} if row else None


IN_WHISTLE = [str(name) for name in WhistleShown().fields if name not in ("calls", "shared")]
IN_CALL = [str(name) for name in CallShown().fields if name not in ("office", "file")]


def show(row: dict[str, Any]) -> dict[str, Any]:
    """What `Reader.read` gives, without the words of the page."""
    shared = row["shared"]
    out: dict[str, Any] = {name: row[name] for name in IN_WHISTLE}
    out["calls"] = [
        {name: call[name] for name in IN_CALL} | {"office": named(call["office"]), "file": _file(call["file"])}
        for call in row["calls"]
    ]
    out["shared"] = shared and {
        "place": shared["place"],
        "parties": [{name: str(party[name]) for name in ("side", "name", "phone")} for party in shared["parties"]],
        "files": [_file(file) for file in shared["files"]],
    }
    return out


# --- what is sent in --------------------------------------------------------------------------------------------------
OFFICE = Text(max_length=20, required=False, help_text=_("单位编码；你有几个单位被请时写"))


class NewWhistle(Strict):
    """Whom to ask, for what, and what they may read of the case."""

    case_no = Text(max_length=24, help_text=_("案号"))
    offices = serializers.ListField(child=Text(max_length=20), min_length=1, max_length=20, help_text=_("单位编码"))
    kind = Pick(Whistle.Kind.choices)
    what = Text(max_length=2000)
    summary = Text(max_length=5000, help_text=_("给支援单位看的情况"))
    answer_by = Day(required=False, help_text=_("最迟答复；不写按规定的工作日"))
    share_place = YesNo(required=False)
    share_names = YesNo(required=False)
    share_phones = YesNo(required=False)
    attachments = serializers.ListField(child=serializers.UUIDField(), max_length=50, required=False)
    knowingly = YesNo(required=False, help_text=_("本案姓名平时不公开的，确认这次需要共享"))


class AcceptBody(Strict):
    office = OFFICE
    who_comes = Text(max_length=100)
    coming_on = Day()
    reply = Text(max_length=1000, required=False, allow_blank=True)


class DeclineBody(Strict):
    office = OFFICE
    reply = Text(max_length=1000, help_text=_("为什么不能支援"))


class DoneBody(Strict):
    office = OFFICE
    done_note = Text(max_length=5000, help_text=_("办了什么"))
    file = serializers.FileField(required=False)


class OffBody(Strict):
    office = Text(max_length=20, help_text=_("单位编码"))
    reason = Text(max_length=500)


class CloseBody(Strict):
    reason = Text(max_length=500, required=False, allow_blank=True, help_text=_("还有单位没答复时要写"))


BODIES: dict[str, type[Strict]] = {"accept": AcceptBody, "decline": DeclineBody, "done": DoneBody}

# --- views ------------------------------------------------------------------------------------------------------------
UID = OpenApiParameter("uid", OpenApiTypes.UUID, OpenApiParameter.PATH)


class Whistles(Room):
    """Whistles of the cases in scope, and those blown to the caller's offices."""

    lookup_field = "uid"
    lookup_value_regex = "[0-9a-fA-F-]{36}"
    serializer_class = WhistleShown
    queryset = Whistle.objects.none()

    def load(self, uid: str) -> Whistle:
        """The whistle, its reading written into the log; 404 when the caller may not read it."""
        rows = Whistle.objects.for_page().visible_to(self.request.user)  # type: ignore[arg-type]
        found = get_object_or_404(rows, uid=as_uuid(uid))
        subject, request = found.subject, self.request._request
        with transaction.atomic():
            record_read_once(actor=self.request.user, subject=subject, county=subject[:6], request=request)
        return found

    def answered(self, uid: uuid.UUID, **options: Any) -> Response:
        """The whistle as it stands after the caller's own act."""
        found = Whistle.objects.for_page().get(uid=uid)
        reader = Reader(self.request.user, timezone.now())  # type: ignore[arg-type]
        return Response(show(reader.read_all([found])[0]), **options)

    @extend_schema(operation_id="whistles_list", summary=_("吹哨支援，新的在前"), responses=WhistleShown(many=True))
    def list(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        self.asked(Strict)
        found = self.paginate_queryset(Whistle.objects.for_page().visible_to(user)) or []
        return self.get_paginated_response([show(row) for row in Reader(user, timezone.now()).read_all(found)])

    @extend_schema(
        operation_id="whistles_blow", summary=_("吹哨给几个单位"), request=NewWhistle, responses={201: WhistleShown}
    )
    @idempotent
    def create(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        if user.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不吹哨。需要支援的联系责任单位"))
        facts = self.checked(NewWhistle, request.data)
        case = Dispute.objects.visible_to(user).for_page().filter(case_no=facts.pop("case_no")).first()
        if case is None:
            raise ValidationError({"case_no": [_g("找不到这件案件，核对案号")]})
        known = {office.code: office for office in offices_to_ask(case)}
        files = {row.uid: row for row in case.attachments.all()}
        facts["offices"] = self.picked("offices", known, facts["offices"])
        facts["attachments"] = self.picked("attachments", files, facts.get("attachments", ()))
        made = Whistle.objects.blow(case=case, by=user, at=timezone.now(), request=request._request, **facts)
        where = request.build_absolute_uri(f"{request.path}{made.uid}/")
        return self.answered(made.uid, status=201, headers={"Location": where})

    @staticmethod
    def picked(name: str, known: dict[Any, Any], keys: Any) -> Any:
        """The rows that were named, each once."""
        unknown = [str(key) for key in keys if key not in known]
        if unknown:
            raise ValidationError({name: [_g("没有这个选项，在列出的里面选：%(what)s") % {"what": unknown[0][:40]}]})
        return [known[key] for key in dict.fromkeys(keys)]

    @extend_schema(operation_id="whistles_retrieve", summary=_("一次吹哨和各单位的答复"), parameters=[UID])
    def retrieve(self, request: Request, uid: str) -> Response:
        found = self.load(uid)
        return Response(show(Reader(request.user, timezone.now()).read_all([found])[0]))  # type: ignore[arg-type]

    @extend_schema(operation_id="whistles_seen", summary=_("本单位看到了"), parameters=[UID], request=None)
    @action(detail=True, methods=["post"])
    def seen(self, request: Request, uid: str) -> Response:
        found, user = self.load(uid), request.user
        found.call_to(user, timezone.now())  # type: ignore[arg-type]
        found.seen(by=user, at=timezone.now(), request=request._request)  # type: ignore[arg-type]
        return self.answered(found.uid)

    def answer(self, request: Request, uid: str, name: str) -> Response:
        found, user = self.load(uid), request.user
        found.call_to(user, timezone.now())  # type: ignore[arg-type]
        sent = self.checked(BODIES[name], request.data)
        found.answer(name, by=user, at=timezone.now(), request=request._request, **sent)  # type: ignore[arg-type]
        return self.answered(found.uid)

    @extend_schema(operation_id="whistles_accept", summary=_("接受支援"), parameters=[UID], request=AcceptBody)
    @action(detail=True, methods=["post"])
    @idempotent
    def accept(self, request: Request, uid: str) -> Response:
        return self.answer(request, uid, "accept")

    @extend_schema(operation_id="whistles_decline", summary=_("不能支援"), parameters=[UID], request=DeclineBody)
    @action(detail=True, methods=["post"])
    @idempotent
    def decline(self, request: Request, uid: str) -> Response:
        return self.answer(request, uid, "decline")

    @extend_schema(operation_id="whistles_done", summary=_("报办结"), parameters=[UID], request=DoneBody)
    @action(detail=True, methods=["post"], parser_classes=[JSONParser, MultiPartParser])
    @idempotent
    def done(self, request: Request, uid: str) -> Response:
        return self.answer(request, uid, "done")

    @extend_schema(operation_id="whistles_call_off", summary=_("撤回一个单位的"), parameters=[UID], request=OffBody)
    @action(detail=True, methods=["post"], url_path="call-off")
    @idempotent
    def call_off(self, request: Request, uid: str) -> Response:
        found = self.load(uid)
        found.why_not_lead(request.user)  # type: ignore[arg-type]  # raises NotYours before the body is read
        sent = self.checked(OffBody, request.data)
        found.call_off(by=request.user, at=timezone.now(), request=request._request, **sent)  # type: ignore[arg-type]
        return self.answered(found.uid)

    @extend_schema(operation_id="whistles_close", summary=_("结束吹哨"), parameters=[UID], request=CloseBody)
    @action(detail=True, methods=["post"])
    @idempotent
    def close(self, request: Request, uid: str) -> Response:
        found = self.load(uid)
        found.why_not_lead(request.user)  # type: ignore[arg-type]
        sent = self.checked(CloseBody, request.data)
        found.close(by=request.user, at=timezone.now(), request=request._request, **sent)  # type: ignore[arg-type]
        return self.answered(found.uid)

    @extend_schema(
        operation_id="whistles_reveal",
        summary=_("查看共享的电话"),
        description=_("先记入操作日志再返回"),
        parameters=[UID],
        request=None,
        responses=PhoneShown(many=True),
    )
    @action(detail=True, methods=["post"], pagination_class=None)
    def reveal(self, request: Request, uid: str) -> Response:
        found = self.load(uid)
        phones = found.reveal_phones(by=request.user, at=timezone.now(), request=request._request)  # type: ignore[arg-type]
        return Response([{"name": party.name, "phone": phone} for party, phone in phones])

    @extend_schema(
        operation_id="whistles_download",
        summary=_("下载共享的附件"),
        parameters=[UID, OpenApiParameter("file", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path=r"attachments/(?P<file>[0-9a-fA-F-]{36})")
    def download(self, request: Request, uid: str, file: str) -> HttpResponse:
        user: User = request.user  # type: ignore[assignment]
        row = self.load(uid).file_for(user, as_uuid(file), timezone.now())
        if row is None:
            raise Http404
        content = attachments.read(row, by=user, at=timezone.now(), request=request._request)
        return HttpResponse(
            content,
            content_type="application/octet-stream",
            headers={
                "Content-Disposition": f'attachment; filename="{row.uid}"',
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )


routes = [("whistles", Whistles, "whistle")]
