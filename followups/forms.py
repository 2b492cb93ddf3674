"""The visit form: what both parties share, and one column for each of them. Nothing is preselected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes.forms import Form, PickField, day_field, text_field
from disputes.models import Dispute, Party
from followups.models import ReturnVisit
from followups.visits import shown_name, wrong_facts
from villages.models import User

HEARD = ("satisfaction", "mind", "demands", "education", "calming")
MISSED = ("why_failed", "next_on")


class PartyVisitForm(Form):
    """One party's column. Left empty it is not entered: one party may be visited today and the other next week."""

    reached = PickField(
        label=_("联系上了吗"), choices=[("yes", _("联系上了")), ("no", _("没联系上"))], widget=forms.RadioSelect
    )
    satisfaction = PickField(
        label=_("对处理结果是否满意"), choices=ReturnVisit.Satisfaction.choices, widget=forms.RadioSelect
    )
    mind = PickField(label=_("思想动态"), choices=ReturnVisit.Mind.choices, widget=forms.RadioSelect)
    demands = text_field(_("诉求和原话"), limit=2000, lines=True)
    education = text_field(_("法治宣传内容"), limit=200)
    calming = text_field(_("情绪疏导"), limit=200)
    why_failed = text_field(_("没联系上的原因"), limit=200)
    next_on = day_field(_("再次联系的日期"))

    def __init__(
        self, *args: Any, party: Party, name: str, safe_to_call: str, retry_on: dt.date, **kwargs: Any
    ) -> None:
        self.party, self.name, self.safe_to_call = party, name, safe_to_call
        kwargs["prefix"] = f"p{party.pk}"
        kwargs["initial"] = {"next_on": retry_on}
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        typed = any(data.get(name) for name in (*HEARD, "why_failed"))
        if typed and not data.get("reached") and "reached" not in self.errors:
            self.add_error("reached", _g("选“联系上了”或“没联系上”"))
        return data

    @property
    def is_given(self) -> bool:
        return bool(self.cleaned_data.get("reached"))

    def answers(self) -> dict[str, Any]:
        """What counts: the fields of the other answer are left out, whatever stands in them."""
        reached = self.cleaned_data["reached"] == "yes"
        return {"reached": reached, **{n: self.cleaned_data.get(n) for n in (HEARD if reached else MISSED)}}


class VisitForm(Form):
    """Day, way and performance, with the columns of the parties."""

    visited_on = day_field(_("回访日期"), help_text=_("可输入：今天、昨天、-2"))
    way = PickField(label=_("回访方式"), choices=ReturnVisit.Way.choices, widget=forms.RadioSelect)
    performance = PickField(label=_("协议履行情况"), choices=ReturnVisit.Performance.choices, widget=forms.RadioSelect)

    def __init__(self, data: Any = None, *, case: Dispute, viewer: User, today: dt.date, retry_days: int) -> None:
        super().__init__(data)
        self.case, self.today = case, today
        if not case.agreements.filter(round=case.round).exists():
            del self.fields["performance"]
        retry_on = today + dt.timedelta(days=retry_days)
        hidden = case.names_hidden_from(viewer)
        self.columns = [
            PartyVisitForm(
                data,
                party=party,
                name=shown_name(case, party, viewer),
                safe_to_call="" if hidden else party.safe_to_call,
                retry_on=retry_on,
            )
            for party in case.principal_parties()
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not any(column.errors for column in self.columns):
            self.tell(wrong_facts(self.case, self.facts(data), self.today))
        return data

    @property
    def has_errors(self) -> bool:
        return self.is_bound and not self.is_valid()

    def is_valid(self) -> bool:
        return super().is_valid() and not any(column.errors for column in self.columns)

    def facts(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What `record_visit` takes."""
        return {
            "visited_on": data.get("visited_on"),
            "way": data.get("way"),
            "performance": data.get("performance"),
            "parties": {column.party.pk: column.answers() for column in self.columns if column.is_given},
        }

    def tell(self, errors: Mapping[str, str]) -> None:
        """Put each sentence beside its field; a field that could not be read has its own already."""
        for name, sentence in errors.items():
            field, _dash, pk = name.partition("-")
            if pk:
                column = next(c for c in self.columns if c.party.pk == int(pk))
                column.add_error(field, sentence)
            elif field not in self.fields:
                self.add_error(None, sentence)
            elif field not in self.errors:
                self.add_error(field, sentence)


class WaiverForm(Form):
    """Why a party cannot be visited."""

    reason = text_field(_("为什么不能回访"), limit=200, lines=True, needed=_("写明为什么不能回访"))
