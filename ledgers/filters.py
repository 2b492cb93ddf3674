"""The conditions above the ledger. Choices are the viewer's own areas and offices: a foreign one is an unknown one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from disputes.models import Round
from disputes.moves import LEAVES, Status, Tier
from ledgers.month import Month
from villages.models import Area, Code, Office, User

OPEN, DONE = "open", "done"
STANDS = [
    (OPEN, _("在办")),
    (DONE, _("办结")),
    *((status, Status(status).label) for status in dict.fromkeys(LEAVES.values())),
]


def areas_of(user: User) -> QuerySet[Area]:
    """Villages and townships where this person's cases lie, in code order."""
    scope = user.scope
    desks = {office.area_id for office in scope.offices if office.pk in scope.desk_cases}
    reach = (
        Q(pk__in=scope.villages | scope.townships | desks)
        | Q(parent__in=scope.townships | scope.counties | desks)
        | Q(parent__parent__in=scope.counties)
    )
    return Area.objects.filter(reach, level__in=(Area.Level.TOWNSHIP, Area.Level.VILLAGE)).select_related("parent")


class LedgerFilter(django_filters.FilterSet):
    """Township, village, type, how the round stands at the month's end, tier and office that have the case now."""

    township = django_filters.ChoiceFilter(field_name="township__code", label=_("乡镇"), empty_label=_("全部乡镇"))
    village = django_filters.ChoiceFilter(field_name="village__code", label=_("村（社区）"), empty_label=_("全部村"))
    type = django_filters.ChoiceFilter(field_name="dispute__type_l1", label=_("纠纷类型"), empty_label=_("全部类型"))
    status = django_filters.ChoiceFilter(method="by_status", label=_("状态"), empty_label=_("全部状态"), choices=STANDS)
    tier = django_filters.ChoiceFilter(
        field_name="dispute__tier", label=_("层级"), empty_label=_("全部层级"), choices=Tier.choices
    )
    office = django_filters.ChoiceFilter(
        field_name="dispute__desk__code", label=_("责任单位"), empty_label=_("全部单位")
    )

    class Meta:
        model = Round
        fields: list[str] = []

    def __init__(self, data: Mapping[str, Any], *, user: User, month: Month) -> None:
        super().__init__(data, queryset=Round.objects.none())
        self.month = month
        areas = list(areas_of(user))
        towns = {a.code: a.short_name for a in areas if a.level == Area.Level.TOWNSHIP}
        villages = [a for a in areas if a.level == Area.Level.VILLAGE]
        towns |= {a.parent.code: a.parent.short_name for a in villages if a.parent}
        within = {a.pk for a in areas} | {a.parent_id for a in villages} | user.scope.counties
        offices = Office.objects.filter(coverage__area__in=within, kind__in=Office.TIER).distinct()
        types = Code.objects.filter(table="dispute_type_zz_l1").values_list("code", "name")
        self.filters["township"].extra["choices"] = sorted(towns.items())
        self.filters["village"].extra["choices"] = [(a.code, a.full_name) for a in villages]
        self.filters["office"].extra["choices"] = list(offices.values_list("code", "name"))
        self.filters["type"].extra["choices"] = list(types)

    def by_status(self, rounds: QuerySet[Round], name: str, value: str) -> QuerySet[Round]:
        """In the sense of the month: a round that left later is still open in this ledger."""
        if value == OPEN:
            return rounds.filter(self.month.still_open)
        return rounds.filter(self.month.left, **({} if value == DONE else {"left_as": value}))

    def chosen(self) -> dict[str, str]:
        """Name and value of every condition that was set, for links and for the access log."""
        return {name: value for name, value in self.form.cleaned_data.items() if value}

    def chips(self) -> list[tuple[str, str]]:
        """Name of the parameter and words of every condition that was set."""
        chips = []
        for name, value in self.chosen().items():
            label = {str(code): label for code, label in self.form.fields[name].choices}.get(value, value)
            chips.append((name, f"{self.form.fields[name].label}：{label}"))
        return chips
