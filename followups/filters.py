"""The filter row above the visits."""

from __future__ import annotations

import datetime as dt
from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from followups.models import ReturnVisit
from villages.models import Area, today

WHENS = [("overdue", _("已逾期")), ("today", _("今天")), ("week", _("本周")), ("later", _("以后"))]


def due_in(when: str, day: dt.date) -> Q:
    """The condition on `due_on`; a week ends on Sunday."""
    sunday = day + dt.timedelta(days=6 - day.weekday())
    return {
        "overdue": Q(due_on__lt=day),
        "today": Q(due_on=day),
        "week": Q(due_on__gt=day, due_on__lte=sunday),
        "later": Q(due_on__gt=sunday),
    }[when]


def villages_of(request: Any) -> QuerySet[Area]:
    """Villages where this person has visits to see."""
    visits = ReturnVisit.objects.visible_to(request.user).order_by()
    return Area.objects.filter(pk__in=visits.values("dispute__village")).select_related("parent")


class VisitFilter(filters.FilterSet):
    """Visits by when they are due, whose they are, village and state."""

    when = filters.ChoiceFilter(label=_("时间"), empty_label=_("全部时间"), choices=WHENS, method="by_when")
    mine = filters.ChoiceFilter(
        label=_("单位"), empty_label=_("全部单位"), choices=[("1", _("由本单位回访"))], method="by_office"
    )
    village = filters.ModelChoiceFilter(
        field_name="dispute__village",
        label=_("村（社区）"),
        empty_label=_("全部村"),
        queryset=villages_of,
        to_field_name="code",
    )
    state = filters.ChoiceFilter(
        label=_("状态"),
        empty_label=ReturnVisit.State.PLANNED.label,
        choices=[*ReturnVisit.State.choices[1:], ("all", _("全部状态"))],
        method="by_state",
    )

    def by_when(self, rows: QuerySet[ReturnVisit], name: str, value: str) -> QuerySet[ReturnVisit]:
        return rows.filter(due_in(value, today()))

    def by_office(self, rows: QuerySet[ReturnVisit], name: str, value: str) -> QuerySet[ReturnVisit]:
        return rows.filter(office__in=sorted(self.request.user.scope.desks))

    def by_state(self, rows: QuerySet[ReturnVisit], name: str, value: str) -> QuerySet[ReturnVisit]:
        return rows if value == "all" else rows.filter(state=value)

    def filter_queryset(self, queryset: QuerySet[ReturnVisit]) -> QuerySet[ReturnVisit]:
        """Without a chosen state the visits still to be made."""
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("state") else rows.filter(state=ReturnVisit.State.PLANNED)
