"""The visit form: what both parties share, and one column for each of them. Nothing is preselected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.forms.boundfield import BoundField
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import masking
from disputes.facts import tiers_from
from disputes.forms import Form, PickField, check_expiry, day_field, text_field
from disputes.models import Dispute, Obligation, Party
from disputes.sessions.forms import time_field
from followups.models import ReturnVisit
from followups.visits import HEARD, obligations, shown_name, topics, wrong_facts
from villages.models import User

TALKED = (*HEARD, "calmed")
SHARED = ("visited_on", "visited_time", "way", "performance", "conclusion", "again_on")
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
    topic = PickField(label=_("法治宣传主题"))
    education = text_field(_("讲了哪部法、哪些话"), limit=200)
    calmed = forms.BooleanField(label=_("已做情绪疏导"), required=False)
    calming = text_field(_("情绪疏导内容"), limit=200)
    why_failed = text_field(_("没联系上的原因"), limit=200)
    next_on = day_field(_("再次联系的日期"))

    def __init__(
        self,
        *args: Any,
        party: Party,
        name: str,
        safe_to_call: str,
        no_call: bool,
        retry_on: dt.date,
        topics: list[tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        self.party, self.name, self.safe_to_call, self.no_call = party, name, safe_to_call, no_call
        kwargs["prefix"] = f"p{party.pk}"
        kwargs["initial"] = {"next_on": retry_on}
        super().__init__(*args, **kwargs)
        cast(PickField, self.fields["topic"]).choices = [("", "--"), *topics]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        typed = any(data.get(name) for name in (*TALKED, "why_failed"))
        if typed and not data.get("reached") and "reached" not in self.errors:
            self.add_error("reached", _g("选“联系上了”或“没联系上”"))
        return data

    @property
    def is_given(self) -> bool:
        return bool(self.cleaned_data.get("reached"))

    def answers(self) -> dict[str, Any]:
        """What counts: the fields of the other answer are left out, whatever stands in them."""
        reached = self.cleaned_data["reached"] == "yes"
        return {"reached": reached, **{n: self.cleaned_data.get(n) for n in (TALKED if reached else MISSED)}}


class VisitForm(Form):
    """Day, way, performance of each obligation and conclusion, with the columns of the parties."""

    visited_on = day_field(_("回访日期"), help_text=_("可输入：今天、昨天、-2"))
    visited_time = time_field(_("几点"), help_text=_("不记得不填"))
    way = PickField(label=_("回访方式"), choices=ReturnVisit.Way.choices, widget=forms.RadioSelect)
    performance = PickField(label=_("协议履行情况"), choices=ReturnVisit.Performance.choices, widget=forms.RadioSelect)
    conclusion = PickField(label=_("回访结论"), choices=ReturnVisit.Conclusion.choices, widget=forms.RadioSelect)
    again_on = day_field(_("再回访的日期"), help_text=_("选“再回访一次”的填写，可写 +7"))

    def __init__(self, data: Any = None, *, case: Dispute, viewer: User, today: dt.date, retry_days: int) -> None:
        super().__init__(data)
        self.case, self.today = case, today
        hidden = case.names_hidden_from(viewer)
        names = [n for p in case.parties.all() for n in (p.name, p.alias)] if hidden else []
        self.owed = obligations(case) if case.settled_at else []
        for row in self.owed:
            row.words = masking.mask_in(row.what, names)  # type: ignore[attr-defined]
            row.who = shown_name(case, row.debtor, viewer)  # type: ignore[attr-defined]
            if row.performance not in Obligation.FINAL:
                label = _g("%(who)s：%(what)s，%(day)s 前") % {"who": row.who, "what": row.words, "day": row.due_on}  # type: ignore[attr-defined]
                choices = ReturnVisit.Performance.choices
                self.fields[f"performed-{row.pk}"] = PickField(label=label, choices=choices, widget=forms.RadioSelect)
        if self.owed or not case.agreements.filter(round=case.round).exists():
            del self.fields["performance"]
        retry_on = today + dt.timedelta(days=retry_days)
        known = topics()
        self.columns = [
            PartyVisitForm(
                data,
                party=party,
                name=shown_name(case, party, viewer),
                safe_to_call="" if hidden else party.safe_to_call,
                no_call=case.is_family and not party.safe_to_call,
                retry_on=retry_on,
                topics=known,
            )
            for party in case.principal_parties()
        ]

    @property
    def promises(self) -> list[tuple[Obligation, BoundField | None]]:
        """Every obligation with its field; what is kept or taken to court already has none."""
        return [(row, self[name] if (name := f"performed-{row.pk}") in self.fields else None) for row in self.owed]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not any(column.errors for column in self.columns):
            self.tell(wrong_facts(self.case, self.facts(data), timezone.now()))
        return data

    @property
    def has_errors(self) -> bool:
        return self.is_bound and not self.is_valid()

    def is_valid(self) -> bool:
        return super().is_valid() and not any(column.errors for column in self.columns)

    def facts(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What `record_visit` takes."""
        return {
            **{name: data.get(name) for name in SHARED},
            "performed": {row.pk: code for row in self.owed if (code := data.get(f"performed-{row.pk}"))},
            "parties": {column.party.pk: column.answers() for column in self.columns if column.is_given},
        }

    def tell(self, errors: Mapping[str, str]) -> None:
        """Put each sentence beside its field; a field that could not be read has its own already."""
        for name, sentence in errors.items():
            field, _dash, pk = name.partition("-")
            if pk and field != "performed":
                column = next(c for c in self.columns if c.party.pk == int(pk))
                column.add_error(field, sentence)
            elif name not in self.fields:
                self.add_error(None, sentence)
            elif name not in self.errors:
                self.add_error(name, sentence)


class CheckForm(Form):
    """What was found about a sign of relapse; the grade is asked for where it is confirmed."""

    confirmed = PickField(
        label=_("核实结果"), choices=[("yes", _("确有反弹")), ("no", _("没有反弹"))], widget=forms.RadioSelect
    )
    reason = text_field(_("核实的情况"), limit=1000, lines=True)
    level = PickField(label=_("风险等级"), choices=Dispute.Danger.choices[1:], widget=forms.RadioSelect)
    level_reason = text_field(_("评级理由"), limit=500)
    expires_on = day_field(_("有效期至"), help_text=_("不填按规定天数，最长 90 天"))
    tier = PickField(label=_("由哪一级办理"), help_text=_("不选就是原来化解的层级"))

    def __init__(self, *args: Any, case: Dispute, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(PickField, self.fields["tier"]).choices = [("", "--"), *tiers_from(case)]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        check_expiry(self, data.get("expires_on"), "expires_on")
        return data

    def facts(self) -> dict[str, Any]:
        """What `relapse.decide` takes."""
        confirmed = {"yes": True, "no": False}.get(self.cleaned_data.get("confirmed") or "")
        return {**self.cleaned_data, "confirmed": confirmed}


class WaiverForm(Form):
    """Why a party cannot be visited."""

    reason = text_field(_("为什么不能回访"), limit=200, lines=True, needed=_("写明为什么不能回访"))
