"""The API of search."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Room, Strict, Text
from disputes import codes
from disputes.models import Dispute
from disputes.moves import Status, Tier
from disputes.search import find
from disputes.search.text import LIMIT, BadQuery, Query, read
from villages.models import Role, User


class SearchQuery(Strict):
    q = Text(max_length=LIMIT, help_text=_("案号、姓名、拼音、村名、电话后四位，或者经过里的几个字"))
    after = Text(required=False, pattern="^[0-9]{1,18}$", max_length=18, help_text=_("从哪里往后，照抄上一页的 next"))


class SearchPiece(serializers.Serializer):
    text = serializers.CharField()
    hit = serializers.BooleanField(help_text=_("是不是要找的字"))


class SearchReason(serializers.Serializer):
    """Why a case was found, in what the caller may read of it."""

    label = serializers.CharField()  # type: ignore[assignment]
    pieces = SearchPiece(many=True)


class SearchCase(serializers.Serializer):
    case_no = serializers.CharField()
    title = serializers.CharField()
    village = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    tier = serializers.ChoiceField(Tier.choices)
    reasons = SearchReason(many=True)


class SearchCases(serializers.Serializer):
    count = serializers.IntegerField(help_text=_("最多数到 1000"))
    capped = serializers.BooleanField(help_text=_("是不是超过 1000"))
    next = serializers.CharField(allow_null=True)
    results = SearchCase(many=True)


class SearchVillage(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField()


class SearchVillages(serializers.Serializer):
    count = serializers.IntegerField()
    results = SearchVillage(many=True)


class SearchColleague(serializers.Serializer):
    """One of the directory: a person as posted at one office."""

    name = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    office = serializers.CharField()
    phone = serializers.CharField()


class SearchColleagues(serializers.Serializer):
    count = serializers.IntegerField()
    results = SearchColleague(many=True)


@extend_schema_serializer(many=False)
class SearchFound(serializers.Serializer):
    ignored = serializers.ListField(child=serializers.CharField(), help_text=_("没有用来查的单个字"))
    cases = SearchCases()
    villages = SearchVillages(help_text=_("最多列 10 个"))
    people = SearchColleagues(help_text=_("最多列 10 个"))


def show(user: User, query: Query, after: int | None) -> dict[str, Any]:
    """Everything found, as the page shows it."""
    found, known = find.cases(user, query, after), codes.names()
    villages, village_count = find.villages(query)
    people, people_count = find.people(query)
    return {
        "ignored": list(query.ignored),
        "cases": {
            "count": found.count,
            "capped": found.capped,
            "next": str(found.next) if found.next else None,
            "results": [_case(case, user, query, known) for case in found.cases],
        },
        "villages": {
            "count": village_count,
            "results": [{"code": area.code, "name": area.full_name} for area in villages],
        },
        "people": {
            "count": people_count,
            "results": [
                {"name": row.user.name, "role": row.role, "office": row.office.name, "phone": row.user.phone}
                for row in people
            ],
        },
    }


def _case(case: Dispute, user: User, query: Query, known: codes.Names) -> dict[str, Any]:
    return {
        "case_no": case.case_no,
        "title": case.title_for(user, codes.type_name(known, case.type_l1, case.type_l2)),
        "village": case.place_name,  # type: ignore[attr-defined]
        "status": case.status,
        "tier": case.tier,
        "reasons": [
            {"label": reason.label, "pieces": [{"text": text, "hit": hit} for text, hit in reason.pieces]}
            for reason in find.reasons(case, user, query)
        ],
    }


class Search(Room):
    """Cases of the caller's scope by what the caller may read of them, villages, and the people of the directory."""

    pagination_class = None  # type: ignore[assignment]
    serializer_class = SearchFound
    queryset = Dispute.objects.none()

    @extend_schema(
        operation_id="search",
        summary=_("搜索"),
        parameters=[SearchQuery],
        responses=SearchFound,
    )
    def list(self, request: Request) -> Response:
        sent = self.asked(SearchQuery)
        try:
            query = read(sent["q"])
        except BadQuery as bad:
            raise ValidationError({"q": [bad.sentence]}) from None
        assert query is not None  # a blank one is no Text
        user: User = request.user  # type: ignore[assignment]
        return Response(show(user, query, int(sent["after"]) if sent.get("after") else None))


routes = [("search", Search, "search")]
