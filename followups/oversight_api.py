"""The API of oversight: coverage with hints, the visits behind a number, 回头看, and the route list of a day."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Count, Day, Numbered, Pick, Strict, Text
from disputes.api import Viewer
from followups import coverage, visits
from followups.models import ReturnVisit
from villages.models import DESK_ROLES, Role, User, today


class CoveredVillage(serializers.Serializer):
    """The figures of one village: what was settled, and what became of the first visit to each party."""

    village = serializers.CharField()
    name = serializers.CharField()
    settled = serializers.IntegerField()
    due = serializers.IntegerField()
    in_time = serializers.IntegerField()
    late = serializers.IntegerField()
    not_yet = serializers.IntegerField()
    waived = serializers.IntegerField()


class HintShown(serializers.Serializer):
    """Entries that somebody may look at once more."""

    kind = serializers.CharField()
    of = serializers.CharField()
    text = serializers.CharField()
    visits = serializers.IntegerField(help_text=_("涉及几次回访"))


class CoverageShown(serializers.Serializer):
    months = serializers.IntegerField()
    villages = CoveredVillage(many=True)
    hints = HintShown(many=True)


class BehindShown(serializers.Serializer):
    """One visit behind a number."""

    id = serializers.IntegerField()
    case_no = serializers.CharField()
    side = serializers.CharField()
    name = serializers.CharField()
    due_on = serializers.DateField()
    state = serializers.ChoiceField(ReturnVisit.State.choices)
    visited_on = serializers.DateField(allow_null=True)


class LookedBack(serializers.Serializer):
    """One case that was settled, with what is lacking."""

    case_no = serializers.CharField()
    village = serializers.CharField()
    settled_at = serializers.DateTimeField()
    status = serializers.CharField()
    last_on = serializers.DateField(allow_null=True, help_text=_("最近一次联系"))
    next_on = serializers.DateField(allow_null=True, help_text=_("下一次联系"))
    gaps = serializers.ListField(child=serializers.ChoiceField(list(coverage.GAPS.items())))


class RouteStop(serializers.Serializer):
    """One visit of the route list; families stand on no such list."""

    case_no = serializers.CharField()
    village = serializers.CharField()
    side = serializers.CharField()
    name = serializers.CharField()
    phone = serializers.CharField(help_text=_("打码的电话"))
    reason = serializers.ChoiceField(ReturnVisit.Reason.choices)
    due_on = serializers.DateField()
    assignee = serializers.CharField(allow_null=True)


class RouteShown(serializers.Serializer):
    day = serializers.DateField()
    left_out = serializers.IntegerField(help_text=_("没有列入的婚恋家庭纠纷回访人次"))
    stops = RouteStop(many=True)


class PeriodQuery(Strict):
    months = Count(min_value=1, max_value=coverage.MOST_MONTHS, required=False, help_text=_("近几个月化解的"))


class BehindQuery(PeriodQuery):
    kind = Text(max_length=20, required=False, help_text=_("due、in_time、late、not_yet、waived，或提示的 kind"))
    of = Text(max_length=20, required=False, help_text=_("提示的 of"))
    village = Text(pattern=r"^[0-9]{12}$", max_length=12, required=False)


class LookBackQuery(PeriodQuery):
    village = Text(pattern=r"^[0-9]{12}$", max_length=12, required=False)
    gap = Pick(list(coverage.GAPS.items()), required=False)


class RouteQuery(Strict):
    day = Day(required=False)


class Oversight:
    """What `Followups` answers beside the visits themselves."""

    request: Any
    asked: Any
    page: Any

    def overseer(self) -> User:
        user: User = self.request.user
        if not coverage.oversees(user):
            raise PermissionDenied(_g("这一页由督导和单位负责人使用。要回访的在“回访”里"))
        return user

    @extend_schema(
        operation_id="followups_coverage", summary=_("回访覆盖"), parameters=[PeriodQuery], responses=CoverageShown
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def coverage(self, request: Request) -> Response:
        user = self.overseer()
        months = self.asked(PeriodQuery).get("months", coverage.MONTHS)
        villages = [
            {
                "village": row.area.code,
                "name": row.area.full_name,
                "settled": row.settled,
                "due": row.due,
                **dict(row.cells),
            }
            for row in coverage.coverage(user, months, today())
        ]
        hints = [
            {"kind": hint.kind, "of": str(hint.of), "text": hint.text, "visits": len(hint.visits)}
            for hint in coverage.hints(user, months, today())
        ]
        return Response({"months": months, "villages": villages, "hints": hints})

    @extend_schema(
        operation_id="followups_covered",
        summary=_("覆盖数字背后的回访"),
        parameters=[BehindQuery],
        responses=BehindShown(many=True),
    )
    @action(detail=False, methods=["get"], url_path="coverage/visits", pagination_class=Numbered)
    def covered(self, request: Request) -> Response:
        user = self.overseer()
        asked = {"months": coverage.MONTHS, "kind": "due", **self.asked(BehindQuery)}
        found = coverage.behind(user, asked.pop("kind"), today=today(), **asked)
        if found is None:
            raise Http404
        rows = found.rows.select_related("dispute", "party").order_by("due_on", "dispute_id", "pk")
        return self.page(
            rows,
            lambda row: {
                **{name: getattr(row, name) for name in ("due_on", "state", "visited_on")},
                "id": row.pk,
                "case_no": row.dispute.case_no,
                "side": row.party.side,
                "name": visits.shown_name(row.dispute, row.party, user),
            },
        )

    @extend_schema(
        operation_id="followups_look_back",
        summary=_("回头看"),
        parameters=[LookBackQuery],
        responses=LookedBack(many=True),
    )
    @action(detail=False, methods=["get"], url_path="look-back", pagination_class=Numbered)
    def look_back(self, request: Request) -> Response:
        user = self.overseer()
        asked = self.asked(LookBackQuery)
        rows = coverage.look_back(user, asked.get("months", coverage.MONTHS), today()).select_related("village")
        if "village" in asked:
            rows = rows.filter(village__code=asked["village"])
        if "gap" in asked:
            rows = rows.filter(**{f"gap_{asked['gap']}": True})
        return self.page(
            rows.order_by("-settled_at", "-pk"),
            lambda case: {
                **{name: getattr(case, name) for name in ("case_no", "settled_at", "status", "last_on", "next_on")},
                "village": case.village.code,
                "gaps": [name for name in coverage.GAPS if getattr(case, f"gap_{name}")],
            },
        )

    @extend_schema(
        operation_id="followups_route", summary=_("回访路线单"), parameters=[RouteQuery], responses=RouteShown
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def route(self, request: Request) -> Response:
        user: User = self.request.user
        if not user.scope.has(*DESK_ROLES, Role.SUPERVISOR):
            raise PermissionDenied(_g("回访路线单由办案单位和督导使用"))
        day = self.asked(RouteQuery).get("day") or today()
        rows, left_out = coverage.route(user, day)
        stops = []
        for row in rows[: coverage.ROUTE_ROWS].prefetch_related("dispute__parties"):
            case, viewer = row.dispute, Viewer(row.dispute, user)
            stops.append(
                {
                    "case_no": case.case_no,
                    "village": case.village.code,
                    "side": row.party.side,
                    "name": viewer.name(row.party.name),
                    "phone": "" if case.names_hidden_from(user) else row.party.phone_masked,
                    "reason": row.reason,
                    "due_on": row.due_on,
                    "assignee": row.assignee.name if row.assignee else None,
                }
            )
        return Response({"day": day, "left_out": left_out, "stops": stops})
