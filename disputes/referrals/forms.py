"""Forms of a referral: they read what was typed; the doors of `models` judge it."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import codes, facts, parsing
from disputes.field.forms import LongSelect, side_field
from disputes.forms import Form, InVillageForm, ParsedField, PickField, day_field, text_field
from disputes.models import Dispute, Party
from disputes.moves import Tier
from disputes.referrals.models import ACTS, WAY_OF, Referral, receivers
from villages.models import User

WHAT_IS_SHARED = _("对方只看到这段话和案号，看不到案件。写清什么事、请对方做什么")


def kind_field() -> PickField:
    return PickField(
        label=_("对接类别"), choices=Referral.Kind.choices, widget=forms.RadioSelect, needed=_("选对接类别")
    )


def mode_field() -> PickField:
    return PickField(
        label=_("方式"),
        choices=Referral.Mode.choices,
        widget=forms.RadioSelect,
        needed=_("选移送、委派调解或委托调解"),
        help_text=_("委派是立案前，委托是立案后，都要双方当事人同意"),
    )


class OutForm(Form):
    """A case handed to another body: to whom, what is shared, who agreed, and whether the whole matter goes."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    kind = kind_field()
    mode = mode_field()
    to_office = PickField(label=_("接收单位"), help_text=_("名录里的单位，在系统里接收和反馈"))
    other = text_field(_("对方单位"), limit=80, help_text=_("名录里没有的，如县人民法院。回执和结果由本单位补录"))
    text = text_field(
        _("移送内容"), limit=2000, lines=True, rows=4, needed=_("写明移送内容：什么事、请对方做什么"),
        help_text=WHAT_IS_SHARED,
    )  # fmt: skip
    sent_on = day_field(_("移送日期"), needed=_("填写移送日期，今天的写“今天”"))
    leaves = forms.BooleanField(
        label=_("本案不再调解，引导其他途径"), required=False, help_text=_("不勾选的，案件仍由本单位办理，等对方反馈")
    )
    told_ways = forms.MultipleChoiceField(
        label=_("已告知的其他途径"), choices=facts.WAYS, required=False, widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("没有这个选项，在列出的里面选")},
    )  # fmt: skip
    told_on = day_field(_("告知日期"))

    def __init__(self, *args: Any, case: Dispute, **kwargs: Any) -> None:
        self.case = case
        kwargs["initial"] = {
            "submission": uuid.uuid4(), "sent_on": timezone.localdate(), **(kwargs.get("initial") or {}),
        }  # fmt: skip
        super().__init__(*args, **kwargs)
        self.offices = {office.code: office for office in receivers(case)}
        office = self.fields["to_office"]
        assert isinstance(office, PickField)
        office.choices = [("", _("不在名录里")), *((code, row.name) for code, row in self.offices.items())]
        for party in case.principal_parties():
            self.fields[f"consents_{party.pk}"] = PickField(
                label=_("%(name)s是否同意") % {"name": f"{party.name}（{party.get_side_display()}）"},
                choices=Party.Consent.choices[1:],
                widget=forms.RadioSelect,
                initial=party.consent,
            )

    def consents(self) -> list[Any]:
        return [self[name] for name in self.fields if name.startswith("consents_")]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("leaves"):
            if not data.get("told_ways"):
                self.add_error("told_ways", _g("选已告知的其他途径"))
            if not data.get("told_on") and "told_on" not in self.errors:
                self.add_error("told_on", _g("填写告知日期"))
        return data

    def facts(self) -> dict[str, Any]:
        data = self.cleaned_data
        leaves = {"told_ways": data["told_ways"], "told_on": data["told_on"], "reason": data["text"]}
        return {
            **{name: data[name] for name in ("kind", "mode", "other", "text", "sent_on")},
            "to_office": self.offices.get(data["to_office"]),
            "consents": {
                party.pk: data[f"consents_{party.pk}"]
                for party in self.case.principal_parties()
                if data[f"consents_{party.pk}"]
            },
            "leaves": leaves if data["leaves"] else None,
        }

    def tell(self, errors: dict[str, str]) -> None:
        """Put a sentence per fact beside its field."""
        for name, sentence in errors.items():
            first = next((field for field in self.fields if field.startswith(name)), None)
            self.add_error(first, sentence)


class InForm(InVillageForm):
    """What another body handed to us."""

    DAY = "sent_on"

    kind = kind_field()
    mode = mode_field()
    other = text_field(_("对方单位"), limit=80, needed=_("写明哪个单位移送来的"), help_text=_("如县人民法院、县信访局"))
    doc_no = text_field(_("文号"), limit=60, help_text=_("委派函、移送函的文号，没有的不填"))
    sent_on = day_field(_("收到日期"), needed=_("填写收到日期，今天的写“今天”"))
    side_a = side_field(_("甲方"))
    side_b = side_field(_("乙方"))
    text = text_field(_("移送内容"), limit=2000, lines=True, rows=4, needed=_("写明移送内容：谁和谁、为什么事"))
    consented_on = day_field(_("双方同意的日期"), help_text=_("委派、委托调解的要填"))

    def facts(self) -> dict[str, Any]:
        names = ("kind", "mode", "other", "doc_no", "sent_on", "side_a", "side_b", "text", "consented_on")
        data = self.cleaned_data
        return {**{name: data[name] for name in names}, "village": self.villages[data["village"]]}

    def tell(self, errors: dict[str, str]) -> None:
        for name, sentence in errors.items():
            self.add_error(name, sentence)


class ActForm(Form):
    """One answer; which of the fields count depends on the button, so each answer has its own form on the page."""

    version = forms.IntegerField(error_messages={"required": _("页面不完整，刷新后再提交")})

    #: answer → the fields that it shows
    SHOWN = {
        "accept": ("taken_on", "doc_no"),
        "new": ("type", "tier"),
        "join": ("target",),
        "report": ("outcome", "outcome_on", "doc_no", "outcome_text"),
        "return": ("reason",),
    }
    assert SHOWN.keys() == ACTS.keys()
    #: a fact's field where the two have different names
    FIELD_OF = {"kind": "type"}

    def __init__(self, act: str, row: Referral, user: User, data: Any = None) -> None:
        self.name = act
        super().__init__(data, initial={"version": row.version}, auto_id=f"id_{act}_%s")
        own = [office.tier for office in user.scope.offices if office.pk in user.scope.desks]
        made = {
            "taken_on": lambda: day_field(_("接收日期"), help_text=_("不填就是今天")),
            "doc_no": lambda: text_field(_("回执编号"), limit=60, help_text=_("对方的收件、立案编号，没有的不填")),
            "type": lambda: PickField(
                label=_("纠纷类型"), choices=[("", _("选纠纷类型")), *codes.Codes().grouped()], widget=LongSelect
            ),
            "tier": lambda: PickField(
                label=_("由哪一级办理"), choices=Tier.choices, widget=forms.RadioSelect, initial=own[0] if own else 1
            ),
            "target": lambda: ParsedField(
                parsing.case_no, label=_("并入案号"), widget=forms.TextInput(attrs={"autocomplete": "off"})
            ),
            "outcome": lambda: PickField(label=_("结果"), choices=Referral.Outcome.choices, widget=forms.RadioSelect),
            "outcome_on": lambda: day_field(_("结果日期"), help_text=_("可写 今天、3.28")),
            "outcome_text": lambda: text_field(_("结果说明"), limit=500, lines=True, rows=2),
            "reason": lambda: text_field(_("退回理由"), limit=500, lines=True, rows=2),
        }
        for name in self.SHOWN[act]:
            self.fields[name] = made[name]()

    def shown(self) -> list[Any]:
        return [self[name] for name in self.SHOWN[self.name]]

    def facts(self) -> dict[str, Any]:
        back = {field: fact for fact, field in self.FIELD_OF.items()}
        return {back.get(name, name): self.cleaned_data[name] for name in self.SHOWN[self.name]}

    def tell(self, errors: dict[str, str]) -> None:
        for name, sentence in errors.items():
            field = self.FIELD_OF.get(name, name)
            self.add_error(field if field in self.fields else None, sentence)


assert set(WAY_OF) < set(Referral.Kind.values)
