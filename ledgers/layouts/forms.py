"""The form of a county's own layout: for each column of the product its place, its name and its merged cell."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes.forms import Form, text_field
from ledgers.columns import ALL, Column
from ledgers.layouts.models import NAME_LENGTH, Picked, problems

LAST_PLACE = 999


class LayoutForm(Form):
    """Name and columns. A column without a place is not shown; `picked` gives the others in order."""

    name = text_field(_("名称"), limit=NAME_LENGTH, needed=_("给这种台账格式起个名"))
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, picked: Sequence[Picked] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.picked: list[Picked] = []
        shown = {one.key: (place, one) for place, one in enumerate(picked, 1)}
        # the shown ones first and in their order, so that the form reads like the ledger
        self.keys = [*shown, *(key for key in ALL if key not in shown)]
        for key in self.keys:
            place, one = shown.get(key, ("", Picked(key)))
            what = {"name": str(ALL[key].label)}
            self.fields[f"at_{key}"] = text_field(_g("“%(name)s”的顺序") % what, limit=10, initial=place)
            self.fields[f"at_{key}"].widget.attrs |= {"inputmode": "numeric"}
            for field, text, value in (
                ("label", _g("“%(name)s”的名称"), one.label),
                ("group", _g("“%(name)s”的合并表头"), one.group),
            ):
                self.fields[f"{field}_{key}"] = text_field(text % what, limit=NAME_LENGTH, initial=value)

    def rows(self) -> Iterator[tuple[Column, Any, Any, Any]]:
        """For each column its three boxes."""
        for key in self.keys:
            yield ALL[key], self[f"at_{key}"], self[f"label_{key}"], self[f"group_{key}"]

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        places: dict[int, str] = {}
        for key in self.keys:
            typed = data.get(f"at_{key}")
            if not typed:
                continue
            try:
                place = place_of(typed)
            except ValidationError as wrong:
                self.add_error(f"at_{key}", wrong)
                continue
            if place in places:
                other = {"n": place, "name": ALL[places[place]].label}
                self.add_error(f"at_{key}", _g("顺序 %(n)s 已给了“%(name)s”，换一个") % other)
                continue
            places[place] = key
        self.picked = [
            Picked(key, data.get(f"label_{key}", ""), data.get(f"group_{key}", ""))
            for _place, key in sorted(places.items())
        ]
        if not any(name.startswith("at_") for name in self.errors):
            for key, field, sentence in problems(self.picked):
                self.add_error(f"{field or 'at'}_{key}" if key else None, sentence)
        return data


def place_of(typed: str) -> int:
    """A place in the order: 1 to 999, in half or full width."""
    number = unicodedata.normalize("NFKC", typed)
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= LAST_PLACE:
        raise ValidationError(_g("顺序写 1 到 %(n)s 的整数，不显示的空着") % {"n": LAST_PLACE})
    return int(number)


class SavedLedgerForm(Form):
    """A name for the present conditions."""

    name = text_field(_("名称"), limit=30, needed=_("给这组条件起个名"))
    query = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.HiddenInput,
        error_messages={"max_length": _("条件太多，减少几个再保存")},
    )
    month = forms.CharField(required=False, max_length=7, widget=forms.HiddenInput)
