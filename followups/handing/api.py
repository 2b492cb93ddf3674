"""The API of work that changes hands: the visits of one case, and everything of somebody who left."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Keyset, Room, Strict, Text, idempotent
from disputes.api import Named, named
from disputes.models import FactsMissing, NotYours
from followups.handing import doors
from followups.handing.models import HandedItem, HandOver
from villages.models import User

Kind = HandedItem.Kind
USERNAME = r"^[A-Za-z0-9._@+-]{1,150}$"


class HandBody(Strict):
    to = Text(pattern=USERNAME, max_length=150, help_text=_("由谁回访，用户名"))
    reason = Text(required=False, allow_blank=True, max_length=200)


class HandedShown(serializers.Serializer):
    handed = serializers.BooleanField(help_text=_("本来就是他的是 false"))
    to = serializers.CharField()


class HandOverBody(Strict):
    """Everything open of one person at one office, in one step."""

    office = Text(max_length=40, help_text=_("单位代码，本人是负责人的"))
    leaver = Text(pattern=USERNAME, max_length=150, help_text=_("谁离岗，用户名"))
    to = Text(pattern=USERNAME, max_length=150, help_text=_("交给谁，用户名"))
    to_visit = Text(pattern=USERNAME, max_length=150, required=False, help_text=_("回访交给谁，不写的同上"))
    to_session = Text(pattern=USERNAME, max_length=150, required=False, help_text=_("联调会由谁主持，不写的同上"))
    reason = Text(min_length=doors.SHORTEST, max_length=200)
    submission = serializers.UUIDField(required=False, help_text=_("同一编号再交一次，还是同一次交接"))


class ItemShown(serializers.Serializer):
    kind = serializers.ChoiceField(Kind.choices)
    case_no = serializers.CharField()
    to = serializers.CharField()
    state = serializers.ChoiceField(HandedItem.State.choices)
    why = serializers.CharField(help_text=_("没有转的原因"))


class HandOverShown(serializers.Serializer):
    uid = serializers.UUIDField()
    office = Named()
    leaver = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    reason = serializers.CharField()
    moved = serializers.IntegerField()
    kept = serializers.IntegerField()
    pending = serializers.IntegerField(help_text=_("还没有转的，再调 go-on"))


def show(row: HandOver, counts: dict[str, int] | None = None) -> dict[str, Any]:
    return {
        "uid": row.uid,
        "office": named(row.office),
        "leaver": row.leaver.name,
        "by": row.by.name,
        "at": row.at,
        "reason": row.reason,
        **(doors.counts_of([row.pk])[row.pk] if counts is None else counts),
    }


class HandOvers(Room):
    """Bulk hand-overs of the offices that the caller leads."""

    lookup_field = "uid"
    lookup_value_regex = "[0-9a-f-]{36}"
    pagination_class = Keyset
    serializer_class = HandOverShown
    queryset = HandOver.objects.none()

    def own(self) -> Any:
        user: User = self.request.user  # type: ignore[assignment]
        offices = doors.offices_to_hand_over(user)
        if not offices.exists():
            raise NotYours(_g("整批交接由本单位负责人办理。需要的联系他们"))
        return HandOver.objects.filter(office__in=offices).select_related("office", "leaver", "by")

    @extend_schema(operation_id="hand_overs_list", summary=_("本单位办过的交接"), responses=HandOverShown(many=True))
    def list(self, request: Request) -> Response:
        self.asked(Strict)
        found = self.paginate_queryset(self.own()) or []
        counts = doors.counts_of([row.pk for row in found])
        return self.get_paginated_response([show(row, counts[row.pk]) for row in found])

    @extend_schema(
        operation_id="hand_overs_create",
        summary=_("整批交接"),
        request=HandOverBody,
        responses={201: HandOverShown},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        self.own()
        sent = self.checked(HandOverBody, request.data)
        office = get_object_or_404(doors.offices_to_hand_over(user), code=sent["office"])
        leaver = doors.leavers(office, timezone.localdate()).filter(username=sent["leaver"]).first()
        if leaver is None:
            raise FactsMissing({"leaver": _g("他不在本单位，离岗也超过 90 天了")})
        people = {person.username: person for person in doors.staff(office)}
        chosen = {kind: people.get(sent.get(f"to_{kind}") or sent["to"]) for kind in Kind.values}
        row = doors.begin_hand_over(
            office=office,
            leaver=leaver,
            to={kind: person for kind, person in chosen.items() if person},
            reason=sent["reason"],
            uid=sent.get("submission") or uuid.uuid4(),
            by=user,
            at=timezone.now(),
            request=request._request,
        )
        doors.go_on(row, by=user, at=timezone.now(), request=request._request)
        return Response(show(row), status=201)

    @extend_schema(
        operation_id="hand_overs_items",
        summary=_("一次交接里的每一件"),
        parameters=[OpenApiParameter("uid", str, OpenApiParameter.PATH)],
        responses=ItemShown(many=True),
    )
    def retrieve(self, request: Request, uid: str) -> Response:
        self.asked(Strict)
        row = get_object_or_404(self.own(), uid=as_uuid(uid))
        return self.page(
            row.items.select_related("dispute", "to"),
            lambda item: {
                "kind": item.kind,
                "case_no": item.dispute.case_no,
                "to": item.to.name,
                "state": item.state,
                "why": item.why,
            },
        )

    @extend_schema(
        operation_id="hand_overs_go_on",
        summary=_("接着办没有转完的"),
        parameters=[OpenApiParameter("uid", str, OpenApiParameter.PATH)],
        request=None,
        responses=HandOverShown,
    )
    @action(detail=True, methods=["post"], url_path="go-on")
    @idempotent
    def go_on(self, request: Request, uid: str) -> Response:
        row = get_object_or_404(self.own(), uid=as_uuid(uid))
        doors.go_on(row, by=request.user, at=timezone.now(), request=request._request)  # type: ignore[arg-type]
        return Response(show(row))


def as_uuid(text: str) -> uuid.UUID:
    """What the address names; nonsense of the right length names nothing."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


routes = [("hand-overs", HandOvers, "hand-over")]
