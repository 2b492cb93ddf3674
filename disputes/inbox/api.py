"""The API of the inbox and of instructions; the moves themselves are those of the case."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Day, Numbered, Pick, Room, Strict, Text, idempotent
from disputes.api import Viewer
from disputes.inbox import queue
from disputes.inbox.models import WORDS, Instruction
from disputes.models import Dispute
from villages.models import User
from villages.workdays import load_calendar


class WaitingShown(serializers.Serializer):
    """One case that was sent to the caller's desk and waits."""

    case_no = serializers.CharField()
    title = serializers.CharField()
    village = serializers.CharField()
    what = serializers.CharField(help_text=_("上报、退回、下派或反弹重启"))
    who = serializers.CharField()
    office = serializers.CharField()
    why = serializers.CharField()
    at = serializers.DateTimeField(help_text=_("什么时候到本单位"))
    may_escalate = serializers.BooleanField()
    attempts = serializers.IntegerField(help_text=_("本轮调解过几次"))
    instructions = serializers.IntegerField(help_text=_("几条督办、交办待答复"))
    waited = serializers.CharField()
    due = serializers.CharField()
    due_kind = serializers.CharField()
    rises = serializers.CharField(help_text=_("什么时候自动上报"))
    handler = serializers.CharField()


class InstructionShown(serializers.Serializer):
    """One 督办 or 交办 and its answer."""

    id = serializers.IntegerField()
    case_no = serializers.CharField()
    kind = serializers.ChoiceField(Instruction.Kind.choices)
    state = serializers.ChoiceField(Instruction.State.choices)
    given_on = serializers.DateField()
    source = serializers.CharField()  # type: ignore[assignment]
    by = serializers.CharField()
    words = serializers.CharField()
    due_on = serializers.DateField()
    answer = serializers.CharField()
    answered_by = serializers.CharField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)


class InstructionBody(Strict):
    case_no = Text(max_length=24)
    kind = Pick(Instruction.Kind.choices)
    given_on = Day(required=False, help_text=_("文件上的日期，不填是今天"))
    source = Text(required=False, allow_blank=True, max_length=60)  # type: ignore[assignment]
    words = Text(max_length=WORDS)
    due_on = Day()


class AnswerBody(Strict):
    words = Text(max_length=WORDS)


class InstructionQuery(Strict):
    state = Pick(Instruction.State.choices, required=False)


def show_instruction(row: Instruction, user: User) -> dict[str, Any]:
    viewer = Viewer(row.dispute, user)
    plain = ("kind", "state", "given_on", "source", "due_on", "answered_at")
    return {
        **{name: getattr(row, name) for name in plain},
        **{name: viewer.text(getattr(row, name)) for name in ("words", "answer")},
        "id": row.pk,
        "case_no": row.dispute.case_no,
        "by": row.by.name,
        "answered_by": row.answered_by.name if row.answered_by else None,
    }


class Inbox(Room):
    """What was sent to the caller's desks and is not taken up yet, oldest first."""

    pagination_class = Numbered
    serializer_class = WaitingShown
    queryset = Dispute.objects.none()

    @extend_schema(operation_id="inbox_list", summary=_("收件"), responses=WaitingShown(many=True))
    def list(self, request: Request) -> Response:
        self.asked(Strict)
        user: User = request.user  # type: ignore[assignment]
        if user.scope.roles.isdisjoint(queue.RECEIVERS):
            raise PermissionDenied(_("收件由警务室和综治中心办理。你单位待受理的在“案件”里"))
        now = timezone.now()
        waiting = queue.waiting_for(user).select_related("village__parent", "desk", "handler")
        found = self.paginate_queryset(waiting) or []
        rows = queue.rows(found, user, load_calendar(timezone.localdate(now)), now)
        return self.get_paginated_response([{k: v for k, v in row.items() if k != "danger"} for row in rows])


class Instructions(Room):
    """督办 and 交办 on the cases inside the caller's scope."""

    serializer_class = InstructionShown
    queryset = Instruction.objects.none()
    lookup_value_regex = "[0-9]{1,15}"

    def own(self) -> Any:
        rows = Instruction.objects.visible_to(self.request.user)  # type: ignore[arg-type]
        return rows.select_related("dispute__desk", "by", "answered_by").prefetch_related("dispute__parties")

    @extend_schema(
        operation_id="instructions_list",
        summary=_("督办交办"),
        parameters=[InstructionQuery],
        responses=InstructionShown(many=True),
    )
    def list(self, request: Request) -> Response:
        asked = self.asked(InstructionQuery)
        rows = self.own().filter(**asked).order_by("-pk")
        return self.page(rows, lambda row: show_instruction(row, request.user))  # type: ignore[arg-type]

    @extend_schema(
        operation_id="instructions_give",
        summary=_("督办、交办"),
        request=InstructionBody,
        responses={201: InstructionShown},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        sent = self.checked(InstructionBody, request.data)
        user: User = request.user  # type: ignore[assignment]
        case = get_object_or_404(Dispute.objects.visible_to(user), case_no=sent.pop("case_no"))
        row = Instruction.objects.give(
            case, sent.pop("kind"), by=user, at=timezone.now(), request=request._request, **sent
        )
        return Response(show_instruction(row, user), status=201)

    @extend_schema(
        operation_id="instructions_answer",
        summary=_("答复督办、交办"),
        parameters=[OpenApiParameter("id", OpenApiTypes.INT, OpenApiParameter.PATH)],
        request=AnswerBody,
        responses=InstructionShown,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def answer(self, request: Request, pk: str) -> Response:
        row = get_object_or_404(self.own(), pk=int(pk))
        sent = self.checked(AnswerBody, request.data)
        user: User = request.user  # type: ignore[assignment]
        row.reply(by=user, at=timezone.now(), request=request._request, **sent)
        return Response(show_instruction(row, user))


routes = [("inbox", Inbox, "inbox"), ("instructions", Instructions, "instruction")]
