"""The API of this room, read-only: areas, offices, codes, the calendar, the numbers in force, and oneself."""

from __future__ import annotations

import re
from typing import Any, cast

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import ByDay, Keyset, Room, Strict, Text
from villages import directory
from villages.models import Area, Code, Office, Posting, SpecialDay, User, in_force
from villages.policy import CATALOGUE, policy_on

YES_NO = [("true", _("是")), ("false", _("否"))]


# --- pages -----------------------------------------------------------------------------------------------------------
class ByCode(Keyset):
    """In code order; the position is a code."""

    ordering: Any = "code"
    position = re.compile(r"[0-9A-Za-z-]{1,20}")


class ByTable(Keyset):
    """Table after table; the position is a table's name."""

    ordering: Any = ("table", "code")
    position = re.compile(r"[a-z0-9_]{1,40}")


class ByDate(ByDay):
    """Day after day."""

    ordering: Any = "day"


# --- what may be asked -----------------------------------------------------------------------------------------------
class Nothing(Strict):
    """No query at all."""


class AreaQuery(Strict):
    q = Text(required=False, max_length=40, help_text=_("村名、全拼或拼音首字母"))
    # `parent` and `label` are attributes of DRF's own fields, too; declared ones are taken out of the class first.
    parent = serializers.RegexField(  # type: ignore[assignment]
        r"^[0-9]{12}$", required=False, help_text=_("上级区划代码")
    )
    level = serializers.ChoiceField(
        choices=[(str(value), label) for value, label in Area.Level.choices], required=False, help_text=_("级别")
    )
    served = serializers.ChoiceField(choices=YES_NO, required=False, help_text=_("有没有人服务"))


class OfficeQuery(Strict):
    area = serializers.RegexField(r"^[0-9]{12}$", required=False, help_text=_("所在区划代码"))
    kind = serializers.ChoiceField(choices=Office.Kind.choices, required=False, help_text=_("类别"))


class CodeQuery(Strict):
    table = serializers.RegexField(r"^[a-z][a-z0-9_]{1,39}$", required=False, help_text=_("字典名"))
    active = serializers.ChoiceField(choices=YES_NO, required=False, help_text=_("登记时能不能选"))


class CalendarQuery(Strict):
    year = serializers.RegexField(r"^(19[0-9]{2}|20[0-9]{2})$", required=False, help_text=_("年份"))


# --- what is shown ---------------------------------------------------------------------------------------------------
class AreaSerializer(serializers.ModelSerializer):
    parent = serializers.SlugRelatedField[Area](  # type: ignore[assignment]
        slug_field="code", read_only=True, allow_null=True, help_text=_("上级区划代码")
    )
    full_name = serializers.CharField(read_only=True, help_text=_("村名前带乡镇名"))

    class Meta:
        model = Area
        fields = ["code", "name", "short_name", "full_name", "level", "parent", "served", "valid_from", "valid_to"]


class OfficeSerializer(serializers.ModelSerializer):
    area = serializers.SlugRelatedField[Area](slug_field="code", read_only=True, help_text=_("所在区划代码"))
    tier = serializers.IntegerField(
        read_only=True, allow_null=True, help_text=_("1 村级，2 警务室，3 乡镇；其他单位为空")
    )

    class Meta:
        model = Office
        fields = ["code", "kind", "name", "area", "tier", "phone", "valid_from", "valid_to"]


class CodeSerializer(serializers.ModelSerializer):
    class Meta:
        model = Code
        fields = ["table", "code", "name", "name_en", "active", "standing", "valid_from", "valid_to"]


class SpecialDaySerializer(serializers.ModelSerializer):
    class Meta:
        model = SpecialDay
        fields = ["day", "kind", "name"]


class NumberSerializer(serializers.Serializer):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.CharField()
    value = serializers.IntegerField()


class PostingSerializer(serializers.ModelSerializer):
    office = serializers.SlugRelatedField[Office](slug_field="code", read_only=True, help_text=_("单位编码"))
    office_name = serializers.CharField(source="office.name", read_only=True)

    class Meta:
        model = Posting
        fields = ["office", "office_name", "role", "mark", "valid_from", "valid_to"]


@extend_schema_serializer(many=False)
class MeSerializer(serializers.Serializer):
    username = serializers.CharField()
    name = serializers.CharField()
    phone = serializers.CharField()
    email = serializers.CharField(help_text=_("接收通知的邮箱"))
    by_email = serializers.BooleanField(help_text=_("通知发到邮箱"))
    by_webhook = serializers.BooleanField(help_text=_("通知发到政务微信、钉钉或短信"))
    postings = PostingSerializer(many=True)


# --- views -----------------------------------------------------------------------------------------------------------
class AreaViewSet(Room):
    pagination_class = ByCode
    queryset = Area.objects.select_related("parent")
    serializer_class = AreaSerializer
    lookup_field = "code"
    lookup_value_regex = "[0-9]{12}"

    @extend_schema(summary=_("行政区划，只列现在使用的"), parameters=[AreaQuery])
    def list(self, request: Request) -> Response:
        asked = self.asked(AreaQuery)
        rows = self.get_queryset().filter(in_force())
        if "q" in asked:
            rows = rows.filter(directory.matching(asked["q"]))
        if "parent" in asked:
            rows = rows.filter(parent__code=asked["parent"])
        if "level" in asked:
            rows = rows.filter(level=int(asked["level"]))
        if "served" in asked:
            rows = rows.filter(served=asked["served"] == "true")
        return self.page(rows, lambda row: AreaSerializer(row).data)

    @extend_schema(summary=_("一个区划，停用的也给出"))
    def retrieve(self, request: Request, code: str) -> Response:
        self.asked(Nothing)
        row = self.get_queryset().filter(code=code).first()
        if row is None:
            raise Http404
        return Response(AreaSerializer(row).data)


class OfficeViewSet(Room):
    pagination_class = ByCode
    queryset = Office.objects.select_related("area")
    serializer_class = OfficeSerializer

    @extend_schema(summary=_("单位，只列现在使用的"), parameters=[OfficeQuery])
    def list(self, request: Request) -> Response:
        asked = self.asked(OfficeQuery)
        rows: QuerySet[Office] = self.get_queryset().filter(in_force())
        if "area" in asked:
            rows = rows.filter(area__code=asked["area"])
        if "kind" in asked:
            rows = rows.filter(kind=asked["kind"])
        return self.page(rows, lambda row: OfficeSerializer(row).data)


class CodeViewSet(Room):
    pagination_class = ByTable
    queryset = Code.objects.all()
    serializer_class = CodeSerializer

    @extend_schema(summary=_("字典；停用的仍列出，以便看懂旧案件"), parameters=[CodeQuery])
    def list(self, request: Request) -> Response:
        asked = self.asked(CodeQuery)
        rows: QuerySet[Code] = self.get_queryset()
        if "table" in asked:
            rows = rows.filter(table=asked["table"])
        if "active" in asked:
            rows = rows.filter(active=asked["active"] == "true")
        return self.page(rows, lambda row: CodeSerializer(row).data)


class CalendarViewSet(Room):
    pagination_class = ByDate
    queryset = SpecialDay.objects.exclude(kind=SpecialDay.Kind.NORMAL)
    serializer_class = SpecialDaySerializer

    @extend_schema(summary=_("节假日和调休上班日；没有列出的日子，周一至周五上班"), parameters=[CalendarQuery])
    def list(self, request: Request) -> Response:
        asked = self.asked(CalendarQuery)
        rows: QuerySet[SpecialDay] = self.get_queryset()
        if "year" in asked:
            rows = rows.filter(day__year=int(asked["year"]))
        return self.page(rows, lambda row: SpecialDaySerializer(row).data)


class DeadlineViewSet(Room):
    pagination_class = None  # type: ignore[assignment]
    serializer_class = NumberSerializer

    @extend_schema(summary=_("今天有效的时限和其他数值"), responses=NumberSerializer(many=True))
    def list(self, request: Request) -> Response:
        self.asked(Nothing)
        numbers = policy_on()
        return Response(
            [
                {"key": key, "label": str(item.label), "unit": str(item.unit), "value": numbers[key]}
                for key, item in CATALOGUE.items()
            ]
        )


class MeViewSet(Room):
    pagination_class = None  # type: ignore[assignment]
    serializer_class = MeSerializer

    @extend_schema(summary=_("自己的账号和今天的岗位"), responses=MeSerializer)
    def list(self, request: Request) -> Response:
        self.asked(Nothing)
        user = cast(User, request.user)
        postings = user.postings.filter(in_force(), in_force(prefix="office__")).select_related("office")
        return Response(
            {
                "username": user.username,
                "name": user.name,
                "phone": user.phone,
                "email": user.email,
                "by_email": user.by_email,
                "by_webhook": user.by_webhook,
                "postings": PostingSerializer(postings, many=True).data,
            }
        )


#: (prefix, viewset, basename), joined into the router by config/api.py.
routes = [
    ("areas", AreaViewSet, "area"),
    ("offices", OfficeViewSet, "office"),
    ("codes", CodeViewSet, "code"),
    ("calendar", CalendarViewSet, "calendar"),
    ("deadlines", DeadlineViewSet, "deadline"),
    ("me", MeViewSet, "me"),
]
