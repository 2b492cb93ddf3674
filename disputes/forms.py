"""Forms of this room: they read what was typed, in our words; whether a change may be made is asked at its door."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.forms.boundfield import BoundField
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import codes, facts, parsing
from disputes.models import Dispute, Party, rules_on
from disputes.moves import MOVES, Tier
from disputes.safeguards import latest
from villages.models import Area, Coverage, Role, User, in_force

OTHERS_DATA = {"autocomplete": "off"}  # the browser must not offer one party's data for the next


class Form(forms.Form):
    """A form without the browser's own bubbles and without a colon after its labels."""

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)


# --- fields ----------------------------------------------------------------------------------------------------------
class ParsedField(forms.CharField):
    """A text box whose content a function of `disputes.parsing` reads; `needed` is the sentence when it is empty."""

    def __init__(self, read: Callable[[Any], Any], *, needed: Any = "", **kwargs: Any) -> None:
        super().__init__(required=bool(needed), strip=False, **kwargs)
        self.read = read
        if needed:
            self.error_messages["required"] = needed

    def to_python(self, value: Any) -> Any:
        return self.read(value)

    def run_validators(self, value: Any) -> None:
        """`read` has judged the value."""


def text_field(label: Any, *, limit: int, lines: bool = False, rows: int = 3, **options: Any) -> ParsedField:
    widget = forms.Textarea(attrs={"rows": rows}) if lines else forms.TextInput(attrs=dict(OTHERS_DATA))
    options.setdefault("widget", widget)
    return ParsedField(lambda raw: parsing.text(raw, limit=limit, lines=lines), label=label, **options)


def name_field(label: Any, *, limit: int = parsing.NAME_LENGTH, **options: Any) -> ParsedField:
    options.setdefault("widget", forms.TextInput(attrs=dict(OTHERS_DATA)))
    return ParsedField(lambda raw: parsing.name(raw, limit=limit), label=label, **options)


def phone_field(label: Any) -> ParsedField:
    widget = forms.TextInput(attrs={**OTHERS_DATA, "inputmode": "tel"})
    return ParsedField(parsing.phone, label=label, widget=widget)


def day_field(label: Any, **options: Any) -> ParsedField:
    widget = forms.TextInput(attrs={**OTHERS_DATA, "data-date": ""})
    return ParsedField(lambda raw: parsing.day(raw, timezone.localdate()), label=label, widget=widget, **options)


def money_field(label: Any, **options: Any) -> ParsedField:
    widget = forms.TextInput(attrs={**OTHERS_DATA, "inputmode": "decimal", "data-money": ""})
    return ParsedField(parsing.money, label=label, widget=widget, **options)


def count_field(label: Any, **options: Any) -> ParsedField:
    def read(raw: Any) -> int | None:
        value = parsing.text(raw, limit=20)
        if not value:
            return None
        if not value.isdecimal() or not 1 <= int(value) <= 100_000:
            raise ValidationError(_g("人数写 1 到 100000 的整数"))
        return int(value)

    return ParsedField(
        read, label=label, widget=forms.TextInput(attrs={**OTHERS_DATA, "inputmode": "numeric"}), **options
    )


class PickField(forms.ChoiceField):
    """One of the listed choices, refused in our words."""

    def __init__(self, *, needed: Any = "", **kwargs: Any) -> None:
        super().__init__(required=bool(needed), **kwargs)
        self.error_messages["invalid_choice"] = _("没有这个选项，在列出的里面选一个")
        if needed:
            self.error_messages["required"] = needed


class RawField(forms.Field):
    """What was sent, unread: the catalogue of facts reads it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)


def is_blank(value: Any) -> bool:
    return value in (None, "", False, [], {})


# --- the registration ------------------------------------------------------------------------------------------------
class FactsForm(Form):
    """The facts of a dispute that may be changed later (`Dispute.FACTS`)."""

    kind = PickField(label=_("纠纷类型"), needed=_("选纠纷类型，拿不准选大类"))
    source = PickField(label=_("来源"), needed=_("选来源：这件事是怎么来的"))
    occurred_on = day_field(_("发生日期"), help_text=_("可写 昨天、3.28、2026年3月5日；不清楚不填"))
    found_on = day_field(_("排查日期"), needed=_("填写排查日期，今天发现的写“今天”"))
    place = text_field(_("发生地点"), limit=200, help_text=_("村民小组、地块或门牌"))
    people_count = count_field(_("涉及人数"))
    amount = money_field(_("涉及金额（元）"), help_text=_("可写 1.2万"))
    narrative = text_field(
        _("简要情况"), limit=20000, lines=True, rows=5, needed=_("写明简要情况：谁和谁、为什么事、现在怎么样")
    )
    demands = text_field(_("诉求"), limit=5000, lines=True, rows=2)
    complexity = PickField(label=_("难易程度"), choices=Dispute.Complexity.choices, widget=forms.RadioSelect)
    crime_suspected = forms.BooleanField(
        label=_("涉嫌犯罪"), required=False, help_text=_("勾选后不能按调解化解，只能引导转公安机关")
    )
    bullying = forms.BooleanField(label=_("学生欺凌"), required=False, help_text=_("勾选后不能按一般调解化解"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = codes.Codes()
        self._fill("kind", known.grouped(), _("选纠纷类型"))
        self._fill("source", known.offered[codes.SOURCE], _("选来源"))

    def _fill(self, name: str, choices: list, empty: Any) -> None:
        """Today's choices, and the stored one even when it is no longer offered."""
        flat = {value for value, label in choices if not isinstance(label, list)}
        flat |= {value for _group, rows in choices if isinstance(rows, list) for value, _label in rows}
        now = self.initial.get(name)
        kept = [(now, now)] if now and now not in flat else []
        field = self.fields[name]
        assert isinstance(field, PickField)
        field.choices = [("", empty), *choices, *kept]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        today = timezone.localdate()
        for name, label in (("occurred_on", _("发生日期")), ("found_on", _("排查日期"))):
            if data.get(name) and data[name] > today:
                self.add_error(name, _g("%(what)s在今天之后，写实际发生的那天") % {"what": label})
        if data.get("occurred_on") and data.get("found_on") and data["occurred_on"] > data["found_on"]:
            self.add_error("found_on", _g("排查日期要不早于发生日期（%(day)s）") % {"day": data["occurred_on"]})
        return data

    def facts(self) -> dict[str, Any]:
        """Values for `register` and `edit`."""
        data = self.cleaned_data
        kind = data["kind"]
        return {
            "type_l1": kind[:2],
            "type_l2": kind if len(kind) == 4 else "",
            "complexity": data["complexity"] or Dispute.Complexity.ORDINARY,
            **{
                name: data[name]
                for name in Dispute.FACTS
                if name not in ("type_l1", "type_l2", "complexity") and name in data
            },
        }

    @staticmethod
    def initial_of(case: Dispute) -> dict[str, Any]:
        row = {name: getattr(case, name) for name in Dispute.FACTS}
        return {**row, "kind": case.type_l2 or case.type_l1}


def villages_of(user: User) -> list[Area]:
    """Villages for which `user` may register: those of the area scope, or else those that the own desks serve."""
    scope = user.scope
    condition = Q(pk__in=scope.villages) | Q(parent__in=scope.townships) | Q(parent__parent__in=scope.counties)
    if scope.desk_cases:
        served = Coverage.objects.filter(in_force(), office__in=scope.desk_cases).values("area")
        condition |= Q(pk__in=served) | Q(parent__in=served)
    rows = Area.objects.filter(condition, in_force(), level=Area.Level.VILLAGE, served=True)
    return list(rows.select_related("parent").order_by("code"))


class InVillageForm(Form):
    """Something begun today in a village of this person's; where they have one, it is chosen."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    village = PickField(label=_("村（社区）"), needed=_("选村（社区）"))
    DAY: str  # the field that is today unless another day is given

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self.villages = {area.code: area for area in villages_of(user)}
        initial = {"submission": uuid.uuid4(), self.DAY: timezone.localdate()}
        if len(self.villages) == 1:
            initial["village"] = next(iter(self.villages))
        kwargs["initial"] = {**initial, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        field = self.fields["village"]
        assert isinstance(field, PickField)
        known = [(code, area.full_name) for code, area in self.villages.items()]
        field.choices = known if len(known) == 1 else [("", _("选村（社区）")), *known]


class RegisterForm(FactsForm):
    """A new dispute; parties are a formset beside it (`PartyFormSet`)."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    village = PickField(label=_("村（社区）"), needed=_("选村（社区）"))
    tier = PickField(
        label=_("由哪一级办理"), needed=_("选由哪一级办理"), widget=forms.RadioSelect, choices=Tier.choices
    )
    take_up = forms.BooleanField(label=_("同时受理"), required=False, help_text=_("由我经办，不用再点一次受理"))
    danger = PickField(label=_("风险等级"), choices=Dispute.Danger.choices, widget=forms.RadioSelect)
    danger_reason = text_field(_("评级理由"), limit=500)
    danger_until = day_field(_("有效期至"), help_text=_("不填按规定天数，最长 90 天"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self.user = user
        self.villages = {area.code: area for area in villages_of(user)}
        initial = {
            "submission": uuid.uuid4(),
            "tier": next((office.tier for office in user.scope.offices if office.pk in user.scope.desks), 1),
            "complexity": Dispute.Complexity.ORDINARY,
            "danger": "",
            "found_on": timezone.localdate(),
        }
        if len(self.villages) == 1:
            initial["village"] = next(iter(self.villages))
        kwargs["initial"] = {**initial, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        field = self.fields["village"]
        assert isinstance(field, PickField)
        groups: dict[str, list[tuple[str, str]]] = {}
        for code, area in self.villages.items():
            groups.setdefault(area.parent.short_name if area.parent else "", []).append((code, area.short_name))
        choices = list(groups.items()) if len(groups) > 1 else next(iter(groups.values()), [])
        field.choices = choices if len(self.villages) == 1 else [("", _("选村（社区）")), *choices]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("danger"):
            if not data.get("danger_reason") and "danger_reason" not in self.errors:
                self.add_error("danger_reason", _g("写明评级理由"))
            check_expiry(self, data.get("danger_until"), "danger_until")
        return data

    def facts(self) -> dict[str, Any]:
        data = self.cleaned_data
        row = {**super().facts(), "village": self.villages[data["village"]], "tier": int(data["tier"])}
        if data["danger"]:
            row["danger"] = {
                "level": data["danger"],
                "reason": data["danger_reason"],
                "expires_on": data["danger_until"],
            }
        return row


def check_expiry(form: forms.Form, day: dt.date | None, field: str) -> None:
    today = timezone.localdate()
    if day and not today < day <= today + dt.timedelta(days=90):
        form.add_error(field, _g("风险等级的有效期要在明天到 90 天之内"))


class PartyForm(Form):
    """One row of the parties. A row without any content does not count."""

    pk = forms.CharField(required=False, widget=forms.HiddenInput)
    side = PickField(label=_("哪一方"), choices=[("", "--"), *Party.Side.choices])
    kind = PickField(label=_("个人或单位"), choices=Party.Kind.choices, widget=forms.RadioSelect)
    name = name_field(_("姓名或名称"), limit=parsing.ORGANISATION_LENGTH)
    phone = phone_field(_("电话"))
    sex = PickField(label=_("性别"), choices=[("", _("不填")), *Party.Sex.choices])
    birth_on = day_field(_("出生日期"), help_text=_("未满 18 周岁的要登记监护人"))
    id_number = ParsedField(
        parsing.id_number, label=_("身份证号"), help_text=_("可不填，书面协议和司法确认时才需要"),
        widget=forms.TextInput(attrs=dict(OTHERS_DATA)),
    )  # fmt: skip
    address = text_field(_("住址"), limit=200)
    alias = name_field(_("别名、绰号"))
    guardian_name = name_field(_("监护人"))
    guardian_relation = text_field(_("监护关系"), limit=20)
    guardian_phone = phone_field(_("监护人电话"))
    agent_name = name_field(_("代理人"))
    agent_scope = text_field(_("代理权限"), limit=100)
    agent_in_writing = forms.BooleanField(label=_("代理人有书面授权"), required=False)
    guardian_consent_on = day_field(
        _("监护人同意登记的日期"), help_text=_("未满 14 周岁的，监护人同意后才登记个人信息")
    )
    own_wages = forms.BooleanField(label=_("已满 16 周岁，靠自己的劳动收入生活，本人同意不通知监护人"), required=False)
    contact_name = name_field(_("单位联系人"))
    language_help = text_field(_("需要翻译的语言"), limit=20)
    read_aloud = forms.BooleanField(label=_("需要宣读"), required=False)
    safe_to_call = text_field(_("方便联系的方式"), limit=100, help_text=_("婚恋家庭纠纷：什么时候、打哪个电话是安全的"))
    consent = PickField(label=_("是否同意调解"), choices=Party.Consent.choices)

    #: Shown at once; the others stand under 更多.
    FIRST = ("side", "kind", "name", "phone")
    STORED = (
        ("side", "kind", "name", "alias", "sex", "birth_on", "guardian_name", "guardian_relation", "agent_name")
        + ("agent_scope", "contact_name", "language_help", "read_aloud", "safe_to_call", "consent")
        + ("agent_in_writing", "guardian_consent_on", "own_wages")
    )  # fmt: skip
    #: Filled in for every row, so that they say nothing about whether somebody is meant.
    PRESET = ("pk", "side", "kind", "consent", "DELETE", "sex", "read_aloud", "agent_in_writing", "own_wages")

    def more(self) -> list[BoundField]:
        hidden = (*self.FIRST, "pk", "DELETE", "consent") if self.initial.get("pk") else (*self.FIRST, "pk", "DELETE")
        return [self[name] for name in self.fields if name not in hidden]

    @property
    def opens(self) -> bool:
        """Whether 更多 must stand open: something in it is filled in or wrong."""
        return any(bound.errors or (bound.name not in self.PRESET and bound.value()) for bound in self.more())

    def is_empty(self) -> bool:
        data = getattr(self, "cleaned_data", {})
        return not self.errors and all(is_blank(v) for n, v in data.items() if n not in self.PRESET)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        filled = any(not is_blank(v) for n, v in data.items() if n not in self.PRESET)
        if data.get("DELETE"):
            return data
        if (filled or data.get("pk")) and not data.get("name") and "name" not in self.errors:
            side = dict(Party.Side.choices).get(data.get("side") or "", _("这一方"))
            self.add_error("name", _g("填写%(side)s姓名，不清楚可写“不清楚”") % {"side": side})
        if filled and not data.get("side"):
            self.add_error("side", _g("选哪一方"))
        if data.get("birth_on") and data["birth_on"] > timezone.localdate():
            self.add_error("birth_on", _g("出生日期在今天之后，核对年份"))
        return data

    def values(self) -> dict[str, Any]:
        """One mapping for `register` and `edit`; the ID number only prefills what was left empty."""
        data = self.cleaned_data
        row = {name: data[name] for name in self.STORED} | {name: data[name] for name in Party.SECRETS}
        row["kind"] = row["kind"] or Party.Kind.PERSON
        if data["id_number"] and row["kind"] == Party.Kind.PERSON:
            row["birth_on"] = row["birth_on"] or parsing.id_birth(data["id_number"])
            row["sex"] = row["sex"] or parsing.id_sex(data["id_number"])
        if data.get("pk"):
            row["pk"] = int(data["pk"])
            row.pop("consent")  # has a page of its own, with the day and the way
        elif row["consent"]:
            row["consent_on"] = timezone.localdate()
        return row


class BasePartyFormSet(forms.BaseFormSet):
    def clean(self) -> None:
        if not any(f.cleaned_data.get("side") == Party.Side.A and not f.is_empty() for f in self._present()):
            first = self.forms[0] if self.forms else None
            sentence = _g("填写甲方姓名，不清楚可写“不清楚”")
            if first is None:
                raise ValidationError(sentence)
            if not first.errors.get("name"):
                first.add_error("name", sentence)

    def _present(self) -> Iterable[Any]:
        return [f for f in self.forms if hasattr(f, "cleaned_data") and not f.cleaned_data.get("DELETE")]

    def values(self) -> list[dict[str, Any]]:
        """The rows that mean somebody."""
        return [f.values() for f in self._present() if not f.is_empty()]

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = _("去掉这一方")


PartyFormSet = forms.formset_factory(
    PartyForm, formset=BasePartyFormSet, extra=0, can_delete=True, max_num=30, absolute_max=30, validate_max=True
)
EMPTY_PARTIES = [{"side": "A", "kind": "person"}, {"side": "B", "kind": "person"}]


def initial_of_party(party: Party) -> dict[str, Any]:
    """The stored values that an edit form shows; sealed ones stay empty, and an empty one stays as it is."""
    return {"pk": party.pk, **{name: getattr(party, name) for name in PartyForm.STORED}}


# --- moves -----------------------------------------------------------------------------------------------------------
class ObligationForm(Form):
    """One line of an agreement, unread."""

    debtor = RawField(label=_("谁"), widget=forms.Select)
    what = RawField(label=_("做什么"), widget=forms.TextInput(attrs=dict(OTHERS_DATA)))
    amount = RawField(
        label=_("金额（元）"), widget=forms.TextInput(attrs={**OTHERS_DATA, "inputmode": "decimal", "data-money": ""})
    )
    due_on = RawField(label=_("什么时候"), widget=forms.TextInput(attrs={**OTHERS_DATA, "data-date": ""}))

    def __init__(self, *args: Any, debtors: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["debtor"].widget.choices = [("", _("选当事人")), *debtors]


ObligationFormSet = forms.formset_factory(ObligationForm, extra=1, max_num=facts.MAX_OBLIGATIONS, absolute_max=60)

AFTER_SAVE = [("stay", _("留在本案")), ("next", _("下一条")), ("list", _("返回列表"))]
YES_NO = [("true", _("是")), ("false", _("否"))]
KEPT = (facts.TEXT, facts.LINE, facts.PARTS)


class MoveForm(Form):
    """The facts of one move, built from the catalogue and read by it; `version` is what the person had seen."""

    catalogue: Mapping[str, facts.Fact] = facts.FACTS
    version = forms.IntegerField(
        widget=forms.HiddenInput,
        error_messages={
            "required": _("页面不完整，刷新后再提交"),
            "invalid": _("页面不完整，刷新后再提交"),
        },
    )

    def __init__(self, name: str, case: Dispute, user: User, *args: Any, **kwargs: Any) -> None:
        self.move, self.case, self.user = name, case, user
        self.today = timezone.localdate()
        data = args[0] if args else kwargs.get("data")
        kwargs["initial"] = {"version": case.version, **self._defaults(), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        self.names = self.wanted()
        self.groups: list[tuple[facts.Fact, str, list[str]]] = []
        self.obligations: Any = None
        for n in self.names:
            self._add(n, self.catalogue[n], data)
        self.fields["after"] = PickField(
            label=_("保存后"), choices=AFTER_SAVE, widget=forms.RadioSelect, initial=user.after_save
        )

    def wanted(self) -> list[str]:
        """The facts that are asked of this case and this person."""
        return [n for n in MOVES[self.move].facts if self._applies(n)]

    def read(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What was sent, as the door takes it, and a sentence per fact that could not be read."""
        return facts.clean_all(self.move, self.raw(), case=self.case, by=self.user, today=self.today)

    def _defaults(self) -> dict[str, Any]:
        return {
            "handler": self.user.username,
            "chair": self.user.username,
            "organisation": self.case.desk.code,
            "agreed_on": self.today,
            "told_on": self.today,
        }

    def _applies(self, name: str) -> bool:
        """Facts that this case can never need are not asked."""
        case = self.case
        if name in ("safety", "exclusions_clear") and latest(case, {"safety": "family"}.get(name, "exclusions")):
            return False  # answered on a screen of its own
        if name in ("safety", "disposition"):
            return case.is_family
        by_police = case.tier == Tier.ROOM or self.user.scope.has(Role.OFFICER)
        if name in ("track", "exclusions_clear", "recording"):
            return by_police
        if name == "on_the_spot":
            return case.tier == Tier.VILLAGE or by_police
        if name == "reason" and self.move == "refer":
            return not case.crime_suspected  # only 已移交 and its time are kept
        return True

    def _add(self, name: str, fact: facts.Fact, data: Any) -> None:
        made: dict[str, forms.Field] = {}
        kind = fact.kind
        if kind == facts.CONSENTS:
            for party in self.case.principal_parties():
                made[f"{name}_{party.pk}"] = RawField(
                    label=f"{party.name}（{party.get_side_display()}）",
                    widget=forms.RadioSelect(choices=Party.Consent.choices[1:]),
                    initial=party.consent,
                )
        elif kind == facts.SAFETY:
            for question, label in facts.SAFETY_LABELS.items():
                made[f"{name}_{question}"] = RawField(label=label, widget=forms.RadioSelect(choices=YES_NO))
        elif kind == facts.OBLIGATIONS:
            debtors = [(str(p.pk), f"{p.name}（{p.get_side_display()}）") for p in self.case.principal_parties()]
            self.obligations = ObligationFormSet(data, prefix=name, form_kwargs={"debtors": debtors})
        else:
            made[name] = RawField(label=fact.label, help_text=fact.help, widget=self._widget(name, fact))
        self.fields.update(made)
        self.groups.append((fact, name, list(made)))

    def _widget(self, name: str, fact: facts.Fact) -> forms.Widget:
        kind = fact.kind
        if kind in (facts.PERSON, facts.OFFICE):
            assert fact.options is not None
            rows = fact.options(self.case, self.user).values_list(fact.key, "name")
            return forms.Select(choices=[("", _("选一个")), *rows])
        if kind == facts.CHOICE:
            assert fact.choices is not None
            choices = fact.choices(self.case)
            if name == "tier":
                choices = (("", _("不选")), *choices)
            return forms.RadioSelect(choices=choices)
        if kind == facts.MANY:
            assert fact.choices is not None
            return forms.CheckboxSelectMultiple(choices=fact.choices(self.case))
        if kind == facts.YES_NO:
            return forms.RadioSelect(choices=[("true", _("都没有")), ("false", _("有"))])
        if kind == facts.TICK:
            return forms.CheckboxInput()
        if kind == facts.DAY:
            return forms.TextInput(attrs={**OTHERS_DATA, "data-date": ""})
        if kind == facts.YUAN:
            return forms.TextInput(attrs={**OTHERS_DATA, "inputmode": "decimal", "data-money": ""})
        if kind in (facts.TEXT, facts.PARTS):
            return forms.Textarea(attrs={"rows": 6 if fact.limit > 2000 else 3})
        return forms.TextInput(attrs=dict(OTHERS_DATA))

    def sections(self) -> list[dict[str, Any]]:
        """What the page draws: one bound field, or a headed group of them, or the table of obligations."""
        return [
            {
                "fact": fact,
                "name": name,
                "grouped": fact.kind in (facts.CONSENTS, facts.SAFETY),
                "fields": [self[field] for field in fields],
                "rows": self.obligations if fact.kind == facts.OBLIGATIONS else None,
            }
            for fact, name, fields in self.groups
        ]

    def raw(self) -> dict[str, Any]:
        """What was sent, in the shape the catalogue reads (and the API sends)."""
        out: dict[str, Any] = {}
        for fact, name, fields in self.groups:
            if fact.kind in (facts.CONSENTS, facts.SAFETY):
                out[name] = {field.removeprefix(f"{name}_"): self.cleaned_data.get(field) for field in fields}
            elif fact.kind == facts.OBLIGATIONS:
                out[name] = [row.cleaned_data for row in self.obligations.forms if row.is_valid()]
            else:
                out[name] = self.cleaned_data.get(name)
        return out

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        found, errors = self.read()
        self.facts = found
        self.tell(errors)
        return data

    def tell(self, errors: Mapping[str, str]) -> None:
        """Put a sentence per fact beside its first field."""
        for name, sentence in errors.items():
            fields = next((fields for _fact, n, fields in self.groups if n == name), [])
            self.add_error(fields[0] if fields else None, sentence)

    def kept(self) -> str:
        """Every longer text that was typed, for a page that cannot show the form again."""
        texts = (str(self[name].value() or "") for fact, name, _f in self.groups if fact.kind in KEPT)
        return "\n\n".join(filter(None, texts))


# --- the small forms -------------------------------------------------------------------------------------------------
NOTE_WAYS = [
    ("visit", _("入户")),
    ("phone", _("电话")),
    ("meeting", _("当面")),
    ("other", _("其他")),
]


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; each is judged by `disputes.attachments`."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return [f for f in (data if isinstance(data, list | tuple) else [data]) if f]


class NoteForm(Form):
    """A progress note, perhaps with photos."""

    text = text_field(_("记一笔进展"), limit=5000, lines=True, rows=3, needed=_("写明进展：做了什么、说到哪一步"))
    happened_on = day_field(_("日期"), help_text=_("不填就是今天"))
    way = PickField(label=_("方式"), choices=[("", _("不填")), *NOTE_WAYS])
    is_attempt = forms.BooleanField(label=_("这是一次调解"), required=False)
    uploads = FilesField(label=_("照片或文件"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].widget.attrs.update(
            {"data-note": "", "placeholder": _("例：下午到两户家中，甲方同意先按旧界桩放牧，等司法所丈量")}
        )

    def clean_happened_on(self) -> dt.date | None:
        day = self.cleaned_data["happened_on"]
        if day and day > timezone.localdate():
            raise ValidationError(_g("日期在今天之后，写实际发生的那天"))
        return day


class AttachForm(Form):
    """Files for a case."""

    uploads = FilesField(label=_("文件"), required=False)

    def clean_uploads(self) -> list[Any]:
        if not self.cleaned_data["uploads"]:
            raise ValidationError(_g("选要上传的文件"))
        return self.cleaned_data["uploads"]


class GradeForm(Form):
    """A danger grade of the dispute."""

    level = PickField(
        label=_("风险等级"), choices=Dispute.Danger.choices[1:], widget=forms.RadioSelect, needed=_("选风险等级")
    )
    reason = text_field(_("评级理由"), limit=500, lines=True, needed=_("写明评级理由"))
    expires_on = day_field(_("有效期至"), help_text=_("不填按规定天数，最长 90 天"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = rules_on(timezone.localdate()).policy["danger_days"]
        self.fields["expires_on"].help_text = _g("不填就是 %(n)s 天，最长 90 天") % {"n": days}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        check_expiry(self, data.get("expires_on"), "expires_on")
        return data


class ConsentForm(Form):
    """A party's own answer to mediation."""

    consent = PickField(
        label=_("是否同意调解"),
        choices=Party.Consent.choices[1:],
        widget=forms.RadioSelect,
        needed=_("选“同意调解”或“明确拒绝”"),
    )
    way = text_field(_("怎么确认的"), limit=20, help_text=_("当面、电话、书面"))
    on = day_field(_("哪天问的"), help_text=_("不填就是今天"))
    asked_by = PickField(label=_("谁问的"))
    taken_back = forms.BooleanField(
        label=_("本人撤回拒绝"), required=False, help_text=_("明确拒绝过的，只能由本人撤回，要写明怎么确认的")
    )

    def __init__(self, *args: Any, case: Dispute, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {person.username: person for person in facts.people_of_desk(case, user)}
        field = self.fields["asked_by"]
        assert isinstance(field, PickField)
        field.choices = [("", _("我本人")), *((name, person.name) for name, person in self.people.items())]

    def clean_asked_by(self) -> User | None:
        return self.people.get(self.cleaned_data["asked_by"])


class ReasonForm(Form):
    """A reason in words."""

    reason = text_field(_("理由"), limit=500, lines=True, needed=_("写明理由"))


class RevealForm(Form):
    """Why somebody must see a value in clear."""

    reason = text_field(_("为什么要看"), limit=200, needed=_("写明为什么要看，你的查看会被记录"))


class SavedFilterForm(Form):
    """A name for the present conditions."""

    name = text_field(_("名称"), limit=30, needed=_("给这组条件起个名"))
    query = forms.CharField(required=False, max_length=500, widget=forms.HiddenInput)


def shown(value: Any) -> str:
    """A value as a person compares it with another."""
    if value is True:
        return _g("是")
    if value is None or value is False or value == "":
        return "--"
    return f"{value:,.2f}" if isinstance(value, Decimal) else str(value)
