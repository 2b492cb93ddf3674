"""The API of one's own to-dos: the list of /todo/, putting off, and taking that back."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Day, Numbered, Pick, Room, Strict, Text, idempotent
from config import work
from disputes.models import Dispute
from followups.handing import doors
from villages.models import User

KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description=str(_("待办的标识，照抄列表里的值")))


class TodoShown(serializers.Serializer):
    """One thing to do."""

    key = serializers.CharField(help_text=_("空的不能推迟"))
    kind = serializers.ChoiceField(list(work.KINDS.items()))
    when = serializers.ChoiceField(list(work.WHENS.items()))
    due_on = serializers.DateField()
    workdays_left = serializers.IntegerField(allow_null=True)
    title = serializers.CharField()
    case_no = serializers.CharField(help_text=_("看不到案件的人没有"))
    village = serializers.CharField()
    tag = serializers.CharField()
    note = serializers.CharField()
    url = serializers.CharField()
    action = serializers.CharField()
    urgent = serializers.BooleanField(help_text=_("不能推迟"))
    deferred_until = serializers.DateField(allow_null=True)
    deferred_why = serializers.CharField()


class DeferredShown(serializers.Serializer):
    key = serializers.CharField()
    due_on = serializers.DateField()
    until = serializers.DateField()
    reason = serializers.CharField()


class UndoneShown(serializers.Serializer):
    undone = serializers.BooleanField(help_text=_("本来没有推迟的是 false"))


class TodoQuery(Strict):
    """Without `when` what was not put off."""

    kind = Pick(list(work.KINDS.items()), required=False)
    when = Pick(list(work.WHENS.items()), required=False)


class DeferBody(Strict):
    until = Day(help_text=_("推迟到哪一天"))
    reason = Text(min_length=doors.SHORTEST, max_length=100, help_text=_("2 到 100 个字"))


def show(row: work.Todo) -> dict[str, Any]:
    plain = ("key", "kind", "when", "due_on", "title", "case_no", "village", "tag", "note", "url", "action", "urgent")
    return {
        **{name: getattr(row, name) for name in plain},
        "workdays_left": row.left,
        "deferred_until": row.until,
        "deferred_why": row.why_later,
    }


class Todos(Room):
    """What the caller must do, overdue first."""

    lookup_field = "key"
    lookup_value_regex = "[a-z_]+:[0-9a-z_:]+"
    pagination_class = Numbered
    serializer_class = TodoShown
    queryset = Dispute.objects.none()

    def own(self) -> work.Work:
        user: User = self.request.user  # type: ignore[assignment]
        if not work.has_todos(user):
            raise PermissionDenied(_g("你的岗位没有待办。有事会在通知里"))
        return work.Work(user, timezone.localdate())

    def one(self, key: str) -> work.Todo:
        row = self.own().find(key)
        if row is None:
            raise Http404
        return row

    @extend_schema(
        operation_id="todo_list",
        summary=_("我的待办，已逾期的在前"),
        parameters=[TodoQuery],
        responses=TodoShown(many=True),
    )
    def list(self, request: Request) -> Response:
        found = self.own()
        asked = self.asked(TodoQuery)
        page = self.paginate_queryset(found.chosen(asked.get("kind", ""), asked.get("when", "")))
        return self.get_paginated_response([show(row) for row in found.fill(page or [])])

    @extend_schema(
        operation_id="todo_defer",
        summary=_("推迟一项待办"),
        parameters=[KEY],
        request=DeferBody,
        responses=DeferredShown,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def defer(self, request: Request, key: str) -> Response:
        row = self.one(key)
        sent = self.checked(DeferBody, request.data)
        kept = doors.put_off(
            by=request.user,  # type: ignore[arg-type]
            at=timezone.now(),
            key=row.key,
            due_on=row.deferred_for,
            urgent=row.urgent,
            case_no=row.case_no,
            request=request._request,
            **sent,
        )
        return Response({"key": kept.key, "due_on": row.due_on, "until": kept.until, "reason": kept.reason})

    @extend_schema(
        operation_id="todo_undo", summary=_("撤销推迟"), parameters=[KEY], request=None, responses=UndoneShown
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def undo(self, request: Request, key: str) -> Response:
        row = self.one(key)
        undone = doors.take_back(
            by=request.user,  # type: ignore[arg-type]
            at=timezone.now(),
            key=row.key,
            case_no=row.case_no,
            request=request._request,
        )
        return Response({"undone": undone})


routes = [("todo", Todos, "todo")]
