"""The API of this room: return visits to make and made, recording and waiving them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import record_read_once
from audit.rest import ByDay, Day, Pick, Room, Strict, Text, Whole, YesNo, idempotent
from disputes.api import CASE_NO, EventShown, Named, Viewer, named, show_event
from disputes.models import Dispute, Party
from disputes.moves import Tier
from followups import danger, relapse, visits
from followups.counselling import api as counselling
from followups.filters import WHENS, VisitFilter
from followups.handing import doors
from followups.handing.api import HandBody, HandedShown
from followups.models import ReturnVisit
from followups.notice_api import Mutes, Notices, Outbox
from followups.oversight_api import Oversight
from villages.models import User

# --- what is sent back ------------------------------------------------------------------------------------------------


class PartyNamed(serializers.Serializer):
    id = serializers.IntegerField()
    side = serializers.ChoiceField(Party.Side.choices)
    name = serializers.CharField()


class VisitShown(serializers.Serializer):
    """One visit to one party."""

    id = serializers.IntegerField()
    case_no = serializers.CharField()
    round = serializers.IntegerField()
    party = PartyNamed()
    reason = serializers.ChoiceField(ReturnVisit.Reason.choices)
    due_on = serializers.DateField()
    office = Named()
    state = serializers.ChoiceField(ReturnVisit.State.choices)
    assignee = serializers.CharField(allow_null=True, help_text=_("由谁去"))
    visited_on = serializers.DateField(allow_null=True)
    visited_time = serializers.TimeField(allow_null=True)
    way = serializers.ChoiceField(ReturnVisit.Way.choices, allow_blank=True)
    satisfaction = serializers.ChoiceField(ReturnVisit.Satisfaction.choices, allow_blank=True)
    mind = serializers.ChoiceField(ReturnVisit.Mind.choices, allow_blank=True)
    performance = serializers.ChoiceField(ReturnVisit.Performance.choices, allow_blank=True)
    performed = serializers.DictField(child=serializers.CharField(), help_text=_("履行内容 id → 履行情况"))
    conclusion = serializers.ChoiceField(ReturnVisit.Conclusion.choices, allow_blank=True)
    demands = serializers.CharField()
    topic = serializers.CharField(help_text=_("法治宣传主题的代码"))
    education = serializers.CharField()
    calmed = serializers.BooleanField()
    calming = serializers.CharField()
    why_failed = serializers.CharField()
    by = serializers.CharField(allow_null=True)
    entered_at = serializers.DateTimeField(allow_null=True)


class CheckShown(serializers.Serializer):
    """A sign of relapse that waits to be looked into."""

    found_on = serializers.DateField(help_text=_("哪天回访发现的"))
    due_on = serializers.DateField()


class VisitsOfCase(serializers.Serializer):
    """The visits of the present round: those to make, those made, and who was not reached yet."""

    case_no = serializers.CharField()
    status = serializers.CharField()
    round = serializers.IntegerField()
    planned = VisitShown(many=True)
    made = VisitShown(many=True)
    lacking = serializers.ListField(child=serializers.IntegerField(), help_text=_("还没有回访到的当事人 id"))
    check = CheckShown(allow_null=True, help_text=_("等着核实的反弹苗头"))


def show_visit(visit: ReturnVisit, case: Dispute, viewer: Viewer) -> dict[str, Any]:
    when = ("round", "reason", "due_on", "state", "visited_on", "visited_time")
    heard = ("way", "satisfaction", "mind", "performance", "performed", "conclusion", "topic", "calmed")
    words = ("demands", "education", "calming", "why_failed")
    party = visit.party
    return {
        **{name: getattr(visit, name) for name in (*when, *heard)},
        **{name: viewer.text(getattr(visit, name)) for name in words},
        "id": visit.pk,
        "case_no": case.case_no,
        "party": {"id": party.pk, "side": party.side, "name": viewer.name(party.name)},
        "office": named(visit.office),
        "by": visit.by.name if visit.by else None,
        "assignee": visit.assignee.name if visit.assignee else None,
        "entered_at": visit.entered_at,
    }


def show_visits(case: Dispute, user: User) -> dict[str, Any]:
    found, viewer = visits.history(case, user), Viewer(case, user)
    check = relapse.check_of(case)
    return {
        "case_no": case.case_no,
        "status": case.status,
        "round": case.round,
        "planned": [show_visit(row, case, viewer) for row in found["planned"]],
        "made": [show_visit(row, case, viewer) for row in found["made"]],
        "lacking": [party.pk for party in visits.parties_without_visit(case)] if case.status in visits.VISITED else [],
        "check": {"found_on": check.event.facts["visited_on"], "due_on": check.due_on} if check else None,
    }


# --- what is sent in --------------------------------------------------------------------------------------------------


class Heard(Strict):
    """What one party said, or why it was not reached."""

    party = Whole(min_value=1, max_value=2**53, help_text=_("当事人 id"))
    reached = YesNo(help_text=_("联系上了吗"))
    satisfaction = Pick(ReturnVisit.Satisfaction.choices, required=False)
    mind = Pick(ReturnVisit.Mind.choices, required=False)
    demands = Text(required=False, allow_blank=True, max_length=2000)
    topic = Text(required=False, allow_blank=True, max_length=8, help_text=_("法治宣传主题的代码"))
    education = Text(required=False, allow_blank=True, max_length=200)
    calmed = YesNo(required=False, help_text=_("已做情绪疏导"))
    calming = Text(required=False, allow_blank=True, max_length=200)
    why_failed = Text(required=False, allow_blank=True, max_length=200)
    next_on = Day(required=False, help_text=_("没联系上的，再次联系的日期"))


class Performed(Strict):
    """How one line of the agreement is kept."""

    obligation = Whole(min_value=1, max_value=2**53, help_text=_("履行内容 id"))
    performance = Pick(ReturnVisit.Performance.choices)


class VisitBody(Strict):
    """One visit; nothing is preselected."""

    visited_on = Day()
    way = Pick(ReturnVisit.Way.choices)
    visited_time = Text(required=False, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length=5, help_text="HH:MM")
    performance = Pick(ReturnVisit.Performance.choices, required=False, help_text=_("各项都一样的只写这一个"))
    performed = Performed(many=True, required=False, max_length=50)
    conclusion = Pick(ReturnVisit.Conclusion.choices, required=False)
    again_on = Day(required=False, help_text=_("再回访一次的日期"))
    parties = Heard(many=True, min_length=1, max_length=30)

    def validate_parties(self, rows: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
        return {row.pop("party"): row for row in rows}

    def validate_performed(self, rows: list[dict[str, Any]]) -> dict[int, str]:
        return {row["obligation"]: row["performance"] for row in rows}

    def validate_visited_time(self, value: str) -> dt.time:
        return dt.time.fromisoformat(value)


class WaiveBody(Strict):
    reason = Text(max_length=200)


class CheckBody(Strict):
    """What was found about a sign of relapse; confirmed, it needs a grade."""

    confirmed = YesNo(help_text=_("确有反弹"))
    reason = Text(max_length=1000, help_text=_("核实的情况"))
    level = Pick([choice for choice in Dispute.Danger.choices if choice[0]], required=False)
    level_reason = Text(required=False, max_length=500)
    expires_on = Day(required=False)
    tier = Pick([(str(value), label) for value, label in Tier.choices], required=False)


class VisitQuery(Strict):
    """The conditions of the list; without `state` the visits still to be made."""

    when = Pick(WHENS, required=False)
    mine = Pick([("1", _("由本单位回访"))], required=False)
    village = Text(pattern=r"^[0-9]{12}$", max_length=12, required=False, help_text=_("12 位区划代码"))
    state = Pick([*ReturnVisit.State.choices[1:], ("all", _("全部状态"))], required=False)


# --- views ------------------------------------------------------------------------------------------------------------


class Followups(Oversight, Room):
    """Return visits of the cases inside the caller's scope."""

    lookup_field = "case_no"
    lookup_value_regex = "[^/]+"
    pagination_class = ByDay
    serializer_class = VisitShown
    queryset = ReturnVisit.objects.none()

    def case(self, case_no: str) -> Dispute:
        case = get_object_or_404(Dispute.objects.visible_to(self.request.user).for_page(), case_no=case_no)
        record_read_once(
            actor=self.request.user,
            subject=case.case_no,
            county=case.case_no[:6],
            detail={"page": "visit"},
            request=self.request._request,
        )
        return case

    @extend_schema(
        operation_id="followups_list", summary=_("回访"), parameters=[VisitQuery], responses=VisitShown(many=True)
    )
    def list(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        self.asked(VisitQuery)
        rows = (
            ReturnVisit.objects.visible_to(user)
            .select_related("dispute", "party", "office", "by", "assignee")
            .prefetch_related("dispute__parties")
        )
        found = VisitFilter(request.query_params or QueryDict(), rows, request=request)
        if not found.is_valid():
            raise ValidationError(found.errors)
        return self.page(found.qs, lambda row: show_visit(row, row.dispute, Viewer(row.dispute, user)))

    @extend_schema(
        operation_id="followups_retrieve", summary=_("一件案件的回访"), parameters=[CASE_NO], responses=VisitsOfCase
    )
    def retrieve(self, request: Request, case_no: str) -> Response:
        return Response(show_visits(self.case(case_no), request.user))  # type: ignore[arg-type]

    @extend_schema(
        operation_id="followups_record",
        summary=_("登记回访"),
        parameters=[CASE_NO],
        request=VisitBody,
        responses={201: EventShown},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def visits(self, request: Request, case_no: str) -> Response:
        case, user = self.case(case_no), request.user
        facts = self.checked(VisitBody, request.data)
        event = visits.record_visit(case=case, by=user, at=timezone.now(), facts=facts, request=request._request)  # type: ignore[arg-type]
        return Response(show_event(event, Viewer(case, user)), status=201)  # type: ignore[arg-type]

    @extend_schema(
        operation_id="followups_hand",
        summary=_("把一件案件的回访转给同事"),
        parameters=[CASE_NO],
        request=HandBody,
        responses=HandedShown,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def hand(self, request: Request, case_no: str) -> Response:
        case, user = self.case(case_no), request.user
        sent = self.checked(HandBody, request.data)
        to = doors.colleagues(case, user).filter(username=sent.pop("to")).first()  # type: ignore[arg-type]
        event = doors.hand_visits(case=case, to=to, by=user, at=timezone.now(), request=request._request, **sent)  # type: ignore[arg-type]
        return Response({"handed": event is not None, "to": to.name if to else ""})

    @extend_schema(
        operation_id="followups_waive",
        summary=_("书面免访"),
        parameters=[CASE_NO, OpenApiParameter("party_id", int, OpenApiParameter.PATH)],
        request=WaiveBody,
        responses={201: EventShown},
    )
    @action(detail=True, methods=["post"], url_path=r"parties/(?P<party_id>[0-9]{1,15})/waive")
    @idempotent
    def waive(self, request: Request, case_no: str, party_id: str) -> Response:
        case = self.case(case_no)
        user: User = request.user  # type: ignore[assignment]
        party = get_object_or_404(case.parties, pk=int(party_id))
        sent = self.checked(WaiveBody, request.data)
        event = visits.waive_visit(case=case, party=party, by=user, at=timezone.now(), request=request._request, **sent)
        return Response(show_event(event, Viewer(case, user)), status=201)

    @extend_schema(
        operation_id="followups_check",
        summary=_("核实反弹"),
        parameters=[CASE_NO],
        request=CheckBody,
        responses={201: EventShown},
    )
    @action(detail=True, methods=["post"], url_path="relapse")
    @idempotent
    def check(self, request: Request, case_no: str) -> Response:
        case = self.case(case_no)
        user: User = request.user  # type: ignore[assignment]
        facts = self.checked(CheckBody, request.data)
        event = relapse.decide(case=case, by=user, at=timezone.now(), facts=facts, request=request._request)
        return Response(show_event(event, Viewer(case, user)), status=201)

    @extend_schema(
        operation_id="followups_danger_seen",
        summary=_("已知悉案件的危险"),
        parameters=[CASE_NO],
        request=None,
        responses={201: EventShown},
    )
    @action(detail=True, methods=["post"], url_path="danger-seen")
    @idempotent
    def danger_seen(self, request: Request, case_no: str) -> Response:
        case = self.case(case_no)
        user: User = request.user  # type: ignore[assignment]
        event = danger.acknowledge(case, by=user, at=timezone.now(), request=request._request)
        return Response(show_event(event, Viewer(case, user)), status=201)


routes = [
    ("followups", Followups, "followup"),
    ("notices", Notices, "notice"),
    ("mutes", Mutes, "mute"),
    ("reminders", Outbox, "reminder"),
    *counselling.routes,
]
