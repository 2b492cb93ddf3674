"""The list of cases: conditions, chips, keyset pages and the honest count."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit import keyring
from disputes import codes, links, parsing
from disputes.forms import PickField, day_field
from disputes.models import Dispute, PartySecret, names_open_to
from disputes.moves import OPEN, Status, Tier
from villages.models import Area, User

PAGE = 50
COUNTED = 1000

DUE = [("overdue", _("已逾期")), ("today", _("今天到期")), ("week", _("七天内到期"))]


class Choice(django_filters.ChoiceFilter):
    field_class = PickField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(*args, **kwargs)

    @property
    def field(self) -> forms.Field:
        if not hasattr(self, "_field"):
            choices = [("", self.extra.get("empty_label") or _("不限")), *self.extra.get("choices", ())]
            self._field = PickField(label=self.label, choices=choices)
        return self._field


class Many(django_filters.MultipleChoiceFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, distinct=False, widget=forms.CheckboxSelectMultiple, **kwargs)

    @property
    def field(self) -> forms.Field:
        field = super().field
        field.error_messages["invalid_choice"] = _("没有“%(value)s”这个选项，在列出的里面选")
        return field


class Day(django_filters.Filter):
    @property
    def field(self) -> forms.Field:
        if not hasattr(self, "_field"):
            self._field = day_field(self.label)
        return self._field


class Words(django_filters.CharFilter):
    @property
    def field(self) -> forms.Field:
        if not hasattr(self, "_field"):
            self._field = _Search(label=self.label, required=False)
        return self._field


class _Search(forms.CharField):
    widget = forms.TextInput(attrs={"autocomplete": "off", "inputmode": "search"})

    def to_python(self, value: Any) -> str:
        return parsing.text(value, limit=100)


class DisputeFilter(django_filters.FilterSet):
    """Conditions of the list, for the page and the API; every choice comes from what `request.user` may read."""

    q = Words(method="by_words", label=_("搜索"))
    desk = Choice(method="by_desk", choices=[("mine", _("本单位办理"))], label=_("办理单位"))
    handler = Choice(method="by_handler", choices=[("me", _("我经办"))], label=_("经办人"))
    status = Many(choices=Status.choices, label=_("状态"))
    tier = Choice(choices=Tier.choices, label=_("层级"))
    township = Choice(field_name="township__code", label=_("乡镇"))
    village = Choice(field_name="village__code", label=_("村（社区）"))
    type_l1 = Choice(label=_("纠纷大类"))
    danger = Choice(method="by_danger", choices=Dispute.Danger.choices[1:], label=_("风险等级"))
    due = Choice(method="by_due", choices=DUE, label=_("时限"))
    source = Choice(label=_("来源"))
    found_from = Day(field_name="found_on", lookup_expr="gte", label=_("排查日期从"))
    found_to = Day(field_name="found_on", lookup_expr="lte", label=_("排查日期到"))

    class Meta:
        model = Dispute
        fields: list[str] = []

    def __init__(self, data: Any = None, queryset: QuerySet | None = None, *, request: HttpRequest, **kwargs: Any):
        super().__init__(data, queryset, request=request, **kwargs)
        self.today = timezone.localdate()
        #: (old number, number of the case that goes on) of every merged case that the search met
        self.merged: list[tuple[str, str]] = []
        user: User = request.user  # type: ignore[assignment]
        data = self.data or {}
        self.areas = areas_of(user, data.get("township", ""), data.get("village", ""))
        self.codes = codes.Codes()
        for name, choices in (
            ("township", self.areas[Area.Level.TOWNSHIP]),
            ("village", self.areas[Area.Level.VILLAGE]),
            ("type_l1", self.codes.offered[codes.TYPE_L1]),
            ("source", self.codes.offered[codes.SOURCE]),
        ):
            self.filters[name].extra["choices"] = choices

    # --- conditions ---------------------------------------------------------------------------------------------------
    @property
    def user(self) -> User:
        return self.request.user

    def by_desk(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.on_desk_of(self.user)

    def by_handler(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(handler=self.user)

    def by_danger(self, queryset: Any, name: str, value: str) -> Any:
        """A grade that has expired has no colour any more (domain 4.5)."""
        return queryset.filter(danger=value, danger_until__gte=self.today)

    def by_due(self, queryset: Any, name: str, value: str) -> Any:
        if value == "overdue":
            return queryset.overdue(self.today)
        last = self.today + dt.timedelta(days=7 if value == "week" else 0)
        return queryset.open().filter(due_on__range=(self.today, last))

    def by_words(self, queryset: Any, name: str, value: str) -> Any:
        """A case number, a name in characters or pinyin, a village, a phone or its last four, an ID number."""
        if not value:
            return queryset
        plain = parsing.case_no(value)
        if re.fullmatch(r"[0-9]{6}-[0-9-]*", plain):
            whole = Q(case_no=plain) if plain.count("-") == 3 else None
            return self._by_number(queryset, Q(case_no__startswith=plain), whole)
        if re.fullmatch(r"[0-9]+(-[0-9]+)+", plain) and not plain.startswith("0"):
            return self._by_number(queryset, Q(case_no__endswith=f"-{plain}"), Q(case_no__endswith=f"-{plain}"))
        secret = self._by_secret(value)
        if secret is not None:
            found = Exists(PartySecret.objects.filter(secret, party__dispute=OuterRef("pk")))
            number = Q(case_no__endswith=f"-{plain}") if re.fullmatch(r"[0-9]{4}", plain) else Q()
            open_names = names_open_to(self.user)
            return queryset.filter((Q(found) & open_names) | number) if number else queryset.filter(found, open_names)
        named = Q()
        for word in value.lower().split():
            word = parsing.name(word, limit=1000).replace("·", "")  # a long word finds nothing, that is all
            villages = Area.objects.filter(level=Area.Level.VILLAGE).filter(
                Q(short_name__contains=word) | Q(pinyin__contains=word) | Q(initials__contains=word)
            )
            named &= (Q(name_keys__contains=word) & names_open_to(self.user)) | Q(village__in=villages)
        if queryset.filter(named).exists():
            return queryset.filter(named)
        return queryset.filter(self._by_story(value))

    def _by_story(self, value: str) -> Q:
        """Words of what happened; for whoever may not read the names, of what is left when they are masked."""
        from disputes.search import find, text  # search shows rows of the list's page

        try:
            query = text.read(value)
        except text.BadQuery:
            return Q(pk__in=[])
        condition = find.matching(self.user, query) if query else None
        return Q(pk__in=[]) if condition is None else condition

    def _by_number(self, queryset: Any, numbers: Q, whole: Q | None) -> Any:
        """The cases with such a number; for a whole number of a merged case also the one that goes on."""
        found = links.surviving(whole, self.user) if whole else {}
        self.merged = [pair for pairs in found.values() for pair in pairs]
        return queryset.filter(numbers | Q(pk__in=found)) if found else queryset.filter(numbers)

    def _by_secret(self, value: str) -> Q | None:
        digits = re.sub(r"\s", "", parsing.case_no(value))
        if re.fullmatch(r"[0-9]{4}", digits):
            return Q(phone_last4_index=keyring.blind_index("phone4", digits))
        if re.fullmatch(r"[0-9]{17}[0-9Xx]", digits):
            return Q(id_index=keyring.blind_index("id", digits))
        try:
            number = parsing.phone(value)
        except ValidationError:
            return None
        return Q(phone_index=keyring.blind_index("phone", number)) if number else None

    # --- words for the page -------------------------------------------------------------------------------------------
    def controls(self) -> SafeString:
        """The boxes of the form, drawn without the form machinery: thirteen widgets cost as much as fifty rows."""
        parts = []
        for name, item in self.filters.items():
            field = item.field
            if name == "status" or (name in ("township", "village") and len(field.choices) < 2):
                continue
            value = self.data.get(name, "")
            wrong = (
                format_html(' aria-invalid="true" aria-describedby="id_{}_error"', name) if self._wrong(name) else ""
            )
            if isinstance(field, forms.ChoiceField):
                choices: Any = field.choices
                options = format_html_join(
                    "",
                    '<option value="{}"{}>{}</option>',
                    ((v, SafeString(" selected") if str(v) == value else "", label) for v, label in choices),
                )
                box = format_html(
                    '<select class="form-select" data-plain name="{}" id="id_{}"{}>{}</select>',
                    name,
                    name,
                    wrong,
                    options,
                )
            else:
                day = SafeString(' data-date=""') if isinstance(item, Day) else ""
                box = format_html(
                    '<input class="form-control" type="text" autocomplete="off" name="{}" id="id_{}" value="{}"{}{}>',
                    name, name, value, day, wrong,
                )  # fmt: skip
            parts.append(
                format_html(
                    '<div class="field{}"><label class="form-label" for="id_{}">{}</label>{}{}</div>',
                    " fe" if wrong else "",
                    name,
                    field.label,
                    self._message(name),
                    box,
                )  # fmt: skip
            )
        return SafeString("".join(parts))

    def statuses(self) -> SafeString:
        """The check boxes of the status; real ones, drawn as chips."""
        chosen = self.data.getlist("status") if hasattr(self.data, "getlist") else []
        return format_html_join(
            "",
            '<span class="pick"><input type="checkbox" name="status" value="{}" id="id_status_{}"{}>'
            '<label for="id_status_{}">{}</label></span>',
            (
                (value, n, SafeString(" checked") if value in chosen else "", n, label)
                for n, (value, label) in enumerate(Status.choices)
            ),
        )

    def _wrong(self, name: str) -> list[str]:
        return list(self.form.errors.get(name, ())) if self.data else []

    def _message(self, name: str) -> SafeString:
        lines = self._wrong(name)
        return (
            format_html('<div class="msg" id="id_{}_error">{}</div>', name, " ".join(lines))
            if lines
            else SafeString("")
        )

    def chips(self) -> list[dict[str, str]]:
        """Every chosen condition, with the link that takes it away."""
        if not self.form.is_valid():
            return []
        found = []
        for name, value in self.form.cleaned_data.items():
            if value in (None, "", []):
                continue
            values = value if isinstance(value, list) else [value]
            for item in values:
                rest = [pair for pair in self.pairs() if pair != (name, str(self._sent(name, item)))]
                found.append({"text": self._words(name, item), "url": f"?{urlencode(rest)}"})
        return found

    def _sent(self, name: str, item: Any) -> str:
        return self.data.get(name, "") if isinstance(item, dt.date) or name == "q" else item

    def pairs(self) -> list[tuple[str, str]]:
        """The conditions as they stand in the address, without places in the list."""
        return [
            (name, value)
            for name in self.filters
            for value in (self.data.getlist(name) if hasattr(self.data, "getlist") else [self.data.get(name, "")])
            if value
        ]

    def _words(self, name: str, item: Any) -> str:
        field = self.form.fields[name]
        if name == "q":
            return _g("搜索“%(q)s”") % {"q": item}
        if isinstance(item, dt.date):
            return f"{field.label} {item}"
        label = dict(getattr(field, "choices", ())).get(item if name != "tier" else int(item), item)
        return str(label) if name in ("desk", "handler", "status", "due", "danger") else f"{field.label} {label}"


def areas_of(user: User, township: str = "", village: str = "") -> dict[int, list[tuple[str, str]]]:
    """(code, name) of the townships and villages to choose from; one query, never a whole county's villages."""
    scope = user.scope
    wide = Q(pk__in=scope.townships) | Q(parent__in=scope.counties)
    condition = Q(level=Area.Level.TOWNSHIP) & wide
    condition |= Q(level=Area.Level.VILLAGE, pk__in=scope.villages)
    inside = Q(parent__in=scope.townships) | Q(parent__parent__in=scope.counties)
    chosen = [code for code in (township, village) if re.fullmatch(r"[0-9]{12}", code)]
    if chosen:
        condition |= Q(level=Area.Level.VILLAGE) & inside & (Q(parent__code__in=chosen) | Q(code__in=chosen))
    elif len(scope.townships) == 1 and not scope.counties:
        condition |= Q(level=Area.Level.VILLAGE, parent__in=scope.townships)
    found: dict[int, list[tuple[str, str]]] = {Area.Level.TOWNSHIP: [], Area.Level.VILLAGE: []}
    rows = Area.objects.filter(condition, served=True).order_by("code").values_list("level", "code", "short_name")
    for level, code, name in rows:
        found[level].append((code, name))
    return found


# --- pages ------------------------------------------------------------------------------------------------------------
class Page:
    """50 rows after or before a place in the list, and the places for the links; the count stops at 1,000.

    The newest row stands first, by `column` (a date or a moment) and then by id; `oldest_first` turns that round.
    """

    def __init__(
        self,
        queryset: QuerySet,
        params: Any,
        *,
        counted: QuerySet | None = None,
        column: str = "",
        oldest_first: bool = False,
    ):
        self.column = column
        #: how the column's value is written into the address of the next page
        self.form = ""
        if column:
            is_moment = isinstance(queryset.model._meta.get_field(column), models.DateTimeField)
            self.form = r"([0-9]{1,11}\.[0-9]{6})_" if is_moment else r"([0-9]{4}-[0-9]{2}-[0-9]{2})_"
        self.rows: list[Any] = []
        self.previous = self.next = ""
        # the same rows without the names that the list joins: counting reads one index
        self.counted = (queryset if counted is None else counted).order_by().values("pk")[: COUNTED + 1].count()
        self.capped = self.counted > COUNTED
        back = params.get("before", "")
        place = self._place(back or params.get("after", ""))
        newer = bool(back) and place is not None
        descending = oldest_first == newer
        order = (column, "pk") if column else ("pk",)
        queryset = queryset.order_by(*(f"-{f}" if descending else f for f in order))
        if place is not None:
            queryset = queryset.filter(self._beyond(place, descending))
        rows = list(queryset[: PAGE + 1])
        more, rows = len(rows) > PAGE, rows[:PAGE]
        if newer:
            rows.reverse()
        self.rows = rows
        if rows and (place is not None if not newer else more):
            self.previous = self._mark(rows[0])
        if rows and (more or newer):
            self.next = self._mark(rows[-1])

    def _mark(self, row: Any) -> str:
        if not self.column:
            return str(row.pk)
        value = getattr(row, self.column)
        when = f"{value.timestamp():.6f}" if isinstance(value, dt.datetime) else f"{value:%Y-%m-%d}"
        return f"{when}_{row.pk}"

    def _place(self, mark: str) -> tuple[dt.date | None, int] | None:
        match = re.fullmatch(f"{self.form}([0-9]{{1,18}})", mark)
        if not match:
            return None
        *when, pk = match.groups()
        try:
            return (_when(when[0]) if when else None), int(pk)
        except (ValueError, OverflowError):
            return None

    def _beyond(self, place: tuple[dt.date | None, int], descending: bool) -> Q:
        when, pk = place
        sign = "lt" if descending else "gt"
        if when is None:
            return Q(**{f"pk__{sign}": pk})
        # said twice, so that an index on the column alone finds where to begin
        begin = Q(**{f"{self.column}__{sign}e": when})
        return begin & (Q(**{f"{self.column}__{sign}": when}) | Q(**{f"pk__{sign}": pk}))


def _when(text: str) -> dt.date:
    return dt.date.fromisoformat(text) if "-" in text else dt.datetime.fromtimestamp(float(text), dt.UTC)


def is_waiting_view(data: Any) -> bool:
    """The desk's own queue: oldest first, with the sender's reason."""
    return data.get("desk") == "mine" and data.getlist("status") == [Status.WAITING]


def open_by_area(user: User, areas: Sequence[Area]) -> dict[int, dict[str, str]]:
    """For the directory: per village how many cases are waiting or mediating, and the list behind the figure."""
    villages = [area for area in areas if area.level == Area.Level.VILLAGE]
    counted = (
        Dispute.objects.visible_to(user).open().filter(village__in=villages).order_by().values("village")
        .annotate(n=Count("pk")).values_list("village", "n")
    )  # fmt: skip
    figures = dict(counted)
    status = urlencode([("status", value) for value in OPEN])
    return {
        area.pk: {"text": str(figures[area.pk]), "url": f"/disputes/?village={area.code}&{status}"}
        for area in villages
        if area.pk in figures
    }
