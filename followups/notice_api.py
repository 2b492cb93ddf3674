"""The API of one's own notices: the list, by case, read and unread, muting; and of the outbox for the operator."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Numbered, Pick, Room, Strict, Text, Whole, YesNo, idempotent
from disputes.models import Dispute, MoveRefused
from followups import board, notices, operator_views, outbox
from followups.groups import MUTABLE, Group, group_of
from followups.models import Mute, Notice
from villages.models import Role, User

ID = OpenApiParameter("id", int, OpenApiParameter.PATH)


class NoticeShown(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    group = serializers.ChoiceField(Group.choices)
    case_no = serializers.CharField(help_text=_("看不到案件的人没有；走访记录的通知没有"))
    capture = serializers.UUIDField(allow_null=True, help_text=_("走访记录的编号"))
    whistle = serializers.UUIDField(allow_null=True, help_text=_("哪次吹哨"))
    text = serializers.CharField()
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)
    muted = serializers.BooleanField(help_text=_("本人静音了，不显示红点，也不发到外面"))


class CaseOfNotices(serializers.Serializer):
    """One case, its newest notice, and how many there are."""

    newest = NoticeShown()
    count = serializers.IntegerField()
    unread = serializers.IntegerField()
    muted = serializers.BooleanField()


class MarkedRead(serializers.Serializer):
    marked = serializers.IntegerField(help_text=_("刚标为已读的条数"))


class Restored(serializers.Serializer):
    restored = serializers.IntegerField(help_text=_("恢复为未读的条数"))


class NoticeQuery(Strict):
    """The conditions of the list."""

    unread = Pick([("1", _("未读"))], required=False)
    kind = Pick(Group.choices, required=False)


class UndoBody(Strict):
    read_at = serializers.DateTimeField(help_text=_("通知上的已读时间，同一次标的都恢复"))


class MuteShown(serializers.Serializer):
    """What the caller muted for themselves: one case, or one group of notices."""

    case_no = serializers.CharField(help_text=_("静音的是一类通知的没有"))
    group = serializers.ChoiceField([(str(g), g.label) for g in MUTABLE], allow_blank=True)


class MuteSet(MuteShown):
    """How it stands after the caller's own act."""

    on = serializers.BooleanField(help_text=_("true 静音，false 恢复"))


class MuteBody(Strict):
    """One case, or one group of notices."""

    either = ("case_no", "group")
    case_no = Text(max_length=24, required=False)
    group = Pick([(str(g), g.label) for g in MUTABLE], required=False)
    on = YesNo(help_text=_("true 静音，false 恢复"))

    def validate(self, sent: dict[str, Any]) -> dict[str, Any]:
        if ("case_no" in sent) == ("group" in sent):
            raise ValidationError({"case_no": [_("案号和种类写一个")]})
        return sent


def show_notice(row: Notice) -> dict[str, Any]:
    """A notice that has its words (notices.with_words)."""
    return {
        **{name: getattr(row, name) for name in ("kind", "created_at", "read_at", "text", "case_no", "muted")},
        "id": row.pk,
        "group": group_of(row.kind),
        "capture": row.capture.uid if row.capture else None,
        "whistle": row.call.whistle.uid if row.call else None,
    }


class Notices(Room):
    """What was told to the caller."""

    serializer_class = NoticeShown
    queryset = Notice.objects.none()
    lookup_value_regex = "[0-9]{1,15}"

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def own(self) -> Any:
        return Notice.objects.visible_to(self.user)

    def marked(self, rows: Any) -> Response:
        return Response({"marked": rows.mark_read(timezone.now())})

    @extend_schema(
        operation_id="notices_list",
        summary=_("通知，新的在前"),
        parameters=[NoticeQuery],
        responses=NoticeShown(many=True),
    )
    def list(self, request: Request) -> Response:
        asked = self.asked(NoticeQuery)
        rows = board.narrowed(self.own(), unread="unread" in asked, group=asked.get("kind", ""))
        found = self.paginate_queryset(rows.select_related(*notices.SHOWN)) or []
        return self.get_paginated_response([show_notice(row) for row in notices.with_words(found, self.user)])

    @extend_schema(
        operation_id="notices_by_case",
        summary=_("按案件看通知"),
        parameters=[NoticeQuery],
        responses=CaseOfNotices(many=True),
    )
    @action(detail=False, pagination_class=Numbered)
    def cases(self, request: Request) -> Response:
        asked = self.asked(NoticeQuery)
        rows = board.narrowed(self.own(), unread="unread" in asked, group=asked.get("kind", ""))
        found = board.gathered(self.paginate_queryset(board.by_thing(rows, self.user)) or [], self.user)
        return self.get_paginated_response(
            [
                {
                    "newest": show_notice(entry.notice),
                    "count": entry.count,
                    "unread": entry.unread,
                    "muted": entry.muted,
                }
                for entry in found
            ]
        )

    @extend_schema(operation_id="notices_read_all", summary=_("全部标为已读"), request=None, responses=MarkedRead)
    @action(detail=False, methods=["post"], url_path="read", pagination_class=None)
    def read_all(self, request: Request) -> Response:
        return self.marked(self.own())

    @extend_schema(operation_id="notices_undo", summary=_("撤销标为已读"), request=UndoBody, responses=Restored)
    @action(detail=False, methods=["post"], pagination_class=None)
    @idempotent
    def undo(self, request: Request) -> Response:
        sent = self.checked(UndoBody, request.data)
        return Response({"restored": board.restore(self.user, sent["read_at"])})

    @extend_schema(
        operation_id="notices_read", summary=_("标为已读"), parameters=[ID], request=None, responses=MarkedRead
    )
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str) -> Response:
        row = get_object_or_404(self.own(), pk=int(pk))
        return self.marked(self.own().filter(pk=row.pk))

    @extend_schema(
        operation_id="notices_read_case",
        summary=_("同一件的都标为已读"),
        parameters=[ID],
        request=None,
        responses=MarkedRead,
    )
    @action(detail=True, methods=["post"], url_path="read-case")
    def read_case(self, request: Request, pk: str) -> Response:
        row = get_object_or_404(self.own(), pk=int(pk))
        return self.marked(board.like(self.user, row.pk))


class Mutes(Room):
    """What the caller muted; nobody else's notices depend on it."""

    serializer_class = MuteShown
    queryset = Mute.objects.none()

    @extend_schema(operation_id="mutes_list", summary=_("静音了哪些"), responses=MuteShown(many=True))
    def list(self, request: Request) -> Response:
        self.asked(Strict)
        user: User = request.user  # type: ignore[assignment]
        # a case that went out of one's scope stays muted, but its number is no longer told
        readable = Q(dispute=None) | Q(dispute__in=Dispute.objects.visible_to(user).order_by().values("pk"))
        return self.page(
            user.mutes.filter(readable).select_related("dispute"),
            lambda row: {"case_no": row.dispute.case_no if row.dispute else "", "group": row.group},
        )

    @extend_schema(operation_id="mutes_set", summary=_("静音或恢复"), request=MuteBody, responses={200: MuteSet})
    @idempotent
    def create(self, request: Request) -> Response:
        sent = self.checked(MuteBody, request.data)
        user: User = request.user  # type: ignore[assignment]
        now, on = timezone.now(), sent["on"]
        if "case_no" in sent:
            case = get_object_or_404(Dispute.objects.visible_to(user), case_no=sent["case_no"])
            board.mute_case(case, by=user, at=now, on=on)
        else:
            groups = set(board.muted_groups(user))
            board.mute_groups(groups | {sent["group"]} if on else groups - {sent["group"]}, by=user, at=now)
        return Response({"case_no": sent.get("case_no", ""), "group": sent.get("group", ""), "on": on})


# --- for the operator -------------------------------------------------------------------------------------------------


class PumpShown(serializers.Serializer):
    ok = serializers.BooleanField()
    age = serializers.IntegerField(allow_null=True, help_text=_("上一轮在几秒前"))
    behind = serializers.BooleanField(help_text=_("有提醒等得太久"))


class ChannelShown(serializers.Serializer):
    channel = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    on = serializers.BooleanField()
    waiting = serializers.IntegerField()
    due = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)
    failed = serializers.IntegerField()
    uncertain = serializers.IntegerField(help_text=_("可能重复发送"))
    sent_today = serializers.IntegerField(required=False)


class FailureShown(serializers.Serializer):
    channel = serializers.CharField()
    pk = serializers.IntegerField()
    who = serializers.CharField()
    state = serializers.CharField()
    error = serializers.CharField()
    tried = serializers.IntegerField()
    due_at = serializers.DateTimeField()


@extend_schema_serializer(many=False)
class OutboxShown(serializers.Serializer):
    """Figures of the outbox; nothing of a case."""

    pump = PumpShown()
    waiting = serializers.IntegerField()
    due = serializers.IntegerField()
    failed = serializers.IntegerField()
    uncertain = serializers.IntegerField()
    sent_today = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)
    channels = ChannelShown(many=True)
    failures = FailureShown(many=True, help_text=_("最近的 50 条"))


class RetryBody(Strict):
    channel = Text(max_length=20)
    pk = Whole(min_value=1, max_value=2**53)


class Retried(serializers.Serializer):
    retried = serializers.IntegerField()


class Outbox(Room):
    """Whether reminders flow, and trying failures again; the system administrator's."""

    serializer_class = OutboxShown
    queryset = Notice.objects.none()
    pagination_class = None  # type: ignore[assignment]

    def operator(self) -> User:
        user: User = self.request.user  # type: ignore[assignment]
        if not user.scope.has(Role.SYSADMIN):
            raise PermissionDenied(_("提醒发得怎么样，由系统管理员查看和重试"))
        return user

    @extend_schema(operation_id="reminders_state", summary=_("提醒与通知"), responses=OutboxShown)
    def list(self, request: Request) -> Response:
        self.operator()
        self.asked(Strict)
        rows: QuerySet = outbox.failed()[:50]
        return Response({**operator_views.figures(timezone.now()), "failures": operator_views.told(rows)})

    @extend_schema(operation_id="reminders_retry", summary=_("重试一条"), request=RetryBody, responses=Retried)
    @action(detail=False, methods=["post"])
    @idempotent
    def retry(self, request: Request) -> Response:
        user = self.operator()
        sent = self.checked(RetryBody, request.data)
        if not outbox.send_again(sent["channel"], sent["pk"], by=user, at=timezone.now(), request=request._request):
            raise MoveRefused(operator_views.gone())
        return Response({"retried": 1})

    @extend_schema(operation_id="reminders_retry_all", summary=_("全部重试"), request=None, responses=Retried)
    @action(detail=False, methods=["post"], url_path="retry-all")
    @idempotent
    def retry_all(self, request: Request) -> Response:
        count = operator_views.retry_all(by=self.operator(), at=timezone.now(), request=request._request)
        return Response({"retried": count})
