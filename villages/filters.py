"""The filter rows above the lists of this room."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from audit.models import AccessLog, Action
from villages import directory
from villages.models import Area, Office, User, in_force


class TownshipFilter(filters.ModelChoiceFilter):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            queryset=lambda request: Area.objects.filter(in_force(), level=Area.Level.TOWNSHIP).order_by("code"),
            label=_("乡镇"),
            empty_label=_("全部乡镇"),
            to_field_name="code",
            **kwargs,
        )


class VillageFilter(filters.FilterSet):
    """Villages by name, pinyin or initials, and by township."""

    q = filters.CharFilter(method="by_text", label=_("村名"), max_length=40)
    township = TownshipFilter(field_name="parent")

    def by_text(self, rows: QuerySet[Area], name: str, value: str) -> QuerySet[Area]:
        return rows.filter(directory.matching(value))


class GapFilter(filters.FilterSet):
    """Villages with a gap, by township."""

    township = TownshipFilter(field_name="parent")


class PersonFilter(filters.FilterSet):
    """Accounts by name, pinyin, account or phone, and by whether they are enabled."""

    q = filters.CharFilter(method="by_text", label=_("姓名、账号或电话"), max_length=40)
    active = filters.ChoiceFilter(
        field_name="is_active", label=_("状态"), empty_label=_("全部"), choices=[("1", _("启用")), ("0", _("停用"))],
        method="by_state",
    )  # fmt: skip

    def by_text(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        value = value.strip()
        letters = value.lower().replace(" ", "")
        return rows.filter(
            Q(name__icontains=value)
            | Q(username__icontains=value)
            | Q(phone__icontains=value)
            | Q(pinyin__contains=letters)
            | Q(initials__contains=letters)
        )

    def by_state(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        return rows.filter(is_active=value == "1")


class OfficeFilter(filters.FilterSet):
    """Offices by name and kind."""

    q = filters.CharFilter(field_name="name", lookup_expr="icontains", label=_("名称"), max_length=40)
    kind = filters.ChoiceFilter(label=_("类别"), empty_label=_("全部类别"), choices=Office.Kind.choices)


class LogFilter(filters.FilterSet):
    """Rows of the access log by what was done, by whom, on what, and from–to."""

    action = filters.ChoiceFilter(label=_("操作"), empty_label=_("全部操作"), choices=Action.choices)
    actor = filters.CharFilter(field_name="actor_name", lookup_expr="icontains", label=_("人员"), max_length=40)
    subject = filters.CharFilter(lookup_expr="icontains", label=_("对象"), max_length=80)
    since = filters.DateFilter(
        field_name="at", lookup_expr="date__gte", label=_("从"), widget=forms.DateInput(format="%Y-%m-%d")
    )
    until = filters.DateFilter(
        field_name="at", lookup_expr="date__lte", label=_("到"), widget=forms.DateInput(format="%Y-%m-%d")
    )

    class Meta:
        model = AccessLog
        fields: list[str] = []
