"""What the dashboard's pages are asked with: a period, an area of one's own, and the grid of the monthly figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes.forms import Form, PickField
from ledgers.dashboard.models import MOST, MonthlyFigure
from ledgers.filters import areas_of
from ledgers.month import BadMonth, Month
from ledgers.periods import Period
from ledgers.rates import FIGURES, GROUPS
from villages.models import Area, Code, User


class PeriodField(forms.CharField):
    """2026-11, 2026-Q4, 2026 or 2026-03..2026-10; empty is the present month."""

    def to_python(self, value: Any) -> Period:  # type: ignore[override]
        text = super().to_python(value) or ""
        try:
            return Period.parse(text) if text else Period.of(Month.of(timezone.now()))
        except BadMonth as bad:
            raise ValidationError(str(bad)) from None


class MonthField(forms.CharField):
    """2026-10; empty is none."""

    widget = forms.TextInput(attrs={"type": "month"})

    def to_python(self, value: Any) -> Month | None:  # type: ignore[override]
        text = super().to_python(value) or ""
        try:
            return Month.parse(text) if text else None
        except BadMonth as bad:
            raise ValidationError(str(bad)) from None


class AskForm(Form):
    """The period, written in one (links) or as two months (the picker), and one of the viewer's own townships."""

    first = MonthField(label=_("从"), required=False)
    last = MonthField(label=_("到"), required=False)
    township = PickField(label=_("乡镇"))
    period = PeriodField(label=_("时间"), required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any], *, townships: Sequence[Area]) -> None:
        super().__init__(data)
        self.townships = {area.code: area for area in townships}
        choices = [("", _("全县")), *((area.code, area.short_name) for area in townships)]
        self.fields["township"].choices = choices  # type: ignore[attr-defined]
        if not townships:
            del self.fields["township"]

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        first, last = told.get("first"), told.get("last")
        if (first or last) and not self.errors:
            try:
                told["period"] = Period.between(first or last, last or first)  # type: ignore[arg-type]
            except BadMonth as bad:
                self.add_error("last", str(bad))
        return told

    def show(self, period: Period) -> None:
        """Let the picker stand at the period that is shown, however it was asked for."""
        self.data = {"first": str(period.first), "last": str(period.last), "township": self.data.get("township", "")}

    @property
    def area(self) -> Area | None:
        return self.townships.get(self.cleaned_data.get("township", ""))


class ListForm(Form):
    """Which rows: the period, areas of the viewer's own, and groups of the figure."""

    period = PeriodField(label=_("时间"), required=False, max_length=20)
    township = PickField(label=_("乡镇"))
    village = PickField(label=_("村（社区）"))
    group = forms.MultipleChoiceField(
        label=_("分类"), required=False, error_messages={"invalid_choice": _("没有这个分类，从看板上点进来")}
    )

    def __init__(self, data: Mapping[str, Any], *, user: User, figure: str) -> None:
        super().__init__(data)
        areas = list(areas_of(user))
        towns = {area.code: area.short_name for area in areas if area.level == Area.Level.TOWNSHIP}
        villages = [area for area in areas if area.level == Area.Level.VILLAGE]
        towns |= {area.parent.code: area.parent.short_name for area in villages if area.parent}
        self.fields["township"].choices = [("", ""), *towns.items()]  # type: ignore[attr-defined]
        self.fields["village"].choices = [("", ""), *((a.code, a.full_name) for a in villages)]  # type: ignore[attr-defined]
        self.groups = groups_of(figure)
        self.fields["group"].choices = list(self.groups.items())  # type: ignore[attr-defined]

    @property
    def areas(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in ("township", "village") if self.cleaned_data[name]}


def groups_of(figure: str) -> dict[str, Any]:
    """The groups into which a figure can be divided, with their names."""
    if FIGURES[figure].group == "dispute__type_l1":
        return dict(Code.objects.filter(table="dispute_type_zz_l1").values_list("code", "name"))
    return dict(GROUPS.get(figure, {}))


class FigureForm(Form):
    """One line of the grid: what was counted in one township in one month; empty is not filled in."""

    calls = forms.IntegerField(
        label=_("警情（起）"),
        required=False,
        min_value=0,
        max_value=MOST,
        error_messages={
            "invalid": _("警情填整数，如 12"),
            "min_value": _("警情不会少于 0"),
            "max_value": _("警情最多填 99999，核对一下"),
        },
    )
    incidents = forms.IntegerField(
        label=_("案件（起）"),
        required=False,
        min_value=0,
        max_value=MOST,
        error_messages={
            "invalid": _("案件填整数，如 3"),
            "min_value": _("案件不会少于 0"),
            "max_value": _("案件最多填 99999，核对一下"),
        },
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0, max_value=10**6)

    def __init__(self, area: Area, kept: MonthlyFigure | None, before: MonthlyFigure | None, data: Any = None) -> None:
        self.area, self.kept, self.before = area, kept, before
        initial = {"calls": kept and kept.calls, "incidents": kept and kept.incidents}
        super().__init__(data, prefix=area.code, initial={**initial, "version": kept.version if kept else 0})
        for name in ("calls", "incidents"):
            label = _g("%(town)s %(what)s") % {"town": area.short_name, "what": self.fields[name].label}
            self.fields[name].widget = forms.TextInput(
                attrs={"inputmode": "numeric", "aria-label": label, "class": "form-control num", "maxlength": 6}
            )

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        calls, incidents = told.get("calls"), told.get("incidents")
        if calls is not None and incidents is not None and incidents > calls:
            self.add_error("incidents", _g("案件（%(a)s）比警情（%(b)s）还多，核对一下") % {"a": incidents, "b": calls})
        return told

    @property
    def facts(self) -> dict[str, int | None]:
        told = self.cleaned_data
        return {"calls": told["calls"], "incidents": told["incidents"], "version": told.get("version") or 0}
