"""Forms of this room: they check shape, in our words; whether a change may be made is asked at its door."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from villages.models import Area, Code, Office, Posting, Role, User, in_force, today
from villages.policy import CATALOGUE

DAY_FORMATS = ["%Y-%m-%d", "%Y.%m.%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日"]
PHONE = RegexValidator(
    r"^(1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8}|[0-9]{3,8})$",
    gettext_lazy("电话写 11 位手机号、带区号的座机或短号，如 13800001234、0935-3121234"),
)


def plain_phone(text: str) -> str:
    """A phone as it is stored: half-width digits, without blanks and +86."""
    text = "".join(chr(ord(c) - 0xFEE0) if "０" <= c <= "９" else c for c in text)
    text = text.replace(" ", "").replace("\u3000", "").replace("－", "-").replace("—", "-")
    return text.removeprefix("+86").removeprefix("0086")


class PlainForm(forms.Form):
    """A form whose refusals name the field and the way out, instead of 此字段为必填项."""

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            self._speak(field)

    @staticmethod
    def _speak(field: forms.Field) -> None:
        what = {"label": field.label}
        checks: list[Any] = list(field.validators)
        if isinstance(field, forms.ModelChoiceField) and field.empty_label is not None:
            field.empty_label = "--"
        if isinstance(field, forms.ChoiceField | forms.ModelChoiceField):
            field.error_messages["required"] = _("选择%(label)s") % what
            field.error_messages["invalid_choice"] = _("%(label)s里没有这一项，重新选") % what
        elif isinstance(field, forms.FileField):
            field.error_messages["required"] = _("选择文件")
            field.error_messages["empty"] = _("文件是空的")
        else:
            field.error_messages["required"] = _("填写%(label)s") % what
        if isinstance(field, forms.DateField):
            field.error_messages["invalid"] = _("认不出这个日期，写成 2026-03-05 或 2026.3.5")
        if isinstance(field, forms.IntegerField):
            field.error_messages["invalid"] = _("%(label)s写整数") % what
            for validator in checks:
                validator.message = _("%(label)s要在 %(low)s 到 %(high)s 之间") % {
                    **what,
                    "low": field.min_value,
                    "high": field.max_value,
                }
        if isinstance(field, forms.CharField) and field.max_length:
            for validator in checks:
                if getattr(validator, "code", "") == "max_length":
                    validator.message = _("%(label)s最多 %(limit)d 个字") % {**what, "limit": field.max_length}


class DayField(forms.DateField):
    """A day, typed in any of the usual ways."""

    widget = forms.DateInput(format="%Y-%m-%d")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=DAY_FORMATS, **kwargs)


# --- accounts --------------------------------------------------------------------------------------------------------
class PasswordForm(PlainForm):
    """A new password; the present one is asked for unless the initial one has just been used up."""

    old = forms.CharField(
        label=gettext_lazy("现在的密码"), strip=False, max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip
    new = forms.CharField(
        label=gettext_lazy("新密码"), strip=False, max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    again = forms.CharField(
        label=gettext_lazy("再写一遍新密码"), strip=False, max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)
        if not user.has_usable_password():
            del self.fields["old"]

    def clean_old(self) -> str:
        if not self.user.check_password(self.cleaned_data["old"]):
            raise forms.ValidationError(_("现在的密码不对"))
        return self.cleaned_data["old"]

    def clean_new(self) -> str:
        password_validation.validate_password(self.cleaned_data["new"], self.user)
        if self.user.check_password(self.cleaned_data["new"]):
            raise forms.ValidationError(_("新密码要和现在的不同"))
        return self.cleaned_data["new"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("new") and data.get("again") and data["new"] != data["again"]:
            self.add_error("again", _("两遍写得不一样"))
        return data


class SettingsForm(PlainForm):
    """How the screen behaves for this person."""

    AFTER = (
        ("stay", gettext_lazy("留在本案")),
        ("next", gettext_lazy("下一条")),
        ("list", gettext_lazy("返回列表")),
    )
    font_size = forms.ChoiceField(label=gettext_lazy("字号"), choices=User.FontSize.choices, widget=forms.RadioSelect)
    after_save = forms.ChoiceField(label=gettext_lazy("保存以后"), choices=AFTER, widget=forms.RadioSelect)
    single_keys = forms.BooleanField(label=gettext_lazy("使用单键快捷键"), required=False)


class MessagesForm(PlainForm):
    """Where this person is told of notices while the system is closed."""

    email = forms.EmailField(
        label=gettext_lazy("接收通知的邮箱"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("邮件里没有当事人姓名，只写纠纷类型和村"),
    )
    by_email = forms.BooleanField(label=gettext_lazy("发到邮箱"), required=False)
    by_webhook = forms.BooleanField(
        label=gettext_lazy("发到政务微信、钉钉或短信"),
        required=False,
        help_text=gettext_lazy("县里接了消息网关才有，按你的账号和工作电话发"),
    )


class AccountForm(PlainForm):
    """A person's name and work phone."""

    name = forms.CharField(label=gettext_lazy("姓名"), max_length=50)
    phone = forms.CharField(label=gettext_lazy("工作电话"), max_length=30, required=False)

    def clean_phone(self) -> str:
        phone = plain_phone(self.cleaned_data["phone"])
        if phone:
            PHONE(phone)
        return phone


class NewAccountForm(AccountForm):
    """A new account."""

    username = forms.CharField(
        label=gettext_lazy("账号"),
        max_length=40,
        help_text=gettext_lazy("小写字母开头，可用小写字母、数字、点、横线，至少 3 个"),
        validators=[
            RegexValidator(
                r"^[a-z][a-z0-9._-]{2,39}$",
                gettext_lazy("账号用小写字母开头，后面是小写字母、数字、点或横线，至少 3 个"),
            )
        ],
    )
    field_order = ["username", "name", "phone"]


# --- postings --------------------------------------------------------------------------------------------------------
class PersonSelect(forms.Select):
    """The search box of a long list also finds people by their initials, which nobody has to look at."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if person := getattr(value, "instance", None):
            option["attrs"]["data-find"] = person.initials
        return option


class PersonChoice(forms.ModelChoiceField):
    widget = PersonSelect

    def label_from_instance(self, obj: User) -> str:
        return f"{obj.name} {obj.username}"


class PostingForm(PlainForm):
    """Who, where, as what, from when."""

    user = PersonChoice(label=gettext_lazy("人员"), queryset=User.objects.none())
    office = forms.ModelChoiceField(label=gettext_lazy("单位"), queryset=Office.objects.none())
    role = forms.ChoiceField(label=gettext_lazy("岗位"))
    mark = forms.ChoiceField(label=gettext_lazy("职务标记"), choices=Posting.Mark.choices, required=False)
    valid_from = DayField(label=gettext_lazy("起"), initial=today)
    valid_to = DayField(
        label=gettext_lazy("止"), required=False, help_text=gettext_lazy("从这一天起不再在岗；不填就是长期")
    )

    def __init__(self, *args: Any, offices: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        users: Any = self.fields["user"]
        users.queryset = User.objects.filter(is_active=True).order_by("username")
        places: Any = self.fields["office"]
        places.queryset = offices.order_by("code")
        jobs: Any = self.fields["role"]
        jobs.choices = [("", "--"), *((role.value, role.label) for role in roles)]


class EndPostingForm(PlainForm):
    """The day and what is handed over."""

    valid_to = DayField(label=gettext_lazy("结束日期"), initial=today, help_text=gettext_lazy("从这一天起不再在岗"))
    handover = forms.CharField(
        label=gettext_lazy("交接说明"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("手上还有哪些事、交给谁"),
    )  # fmt: skip


# --- areas and offices -----------------------------------------------------------------------------------------------
class AreaForm(PlainForm):
    """What may be corrected on a division by hand."""

    name = forms.CharField(label=gettext_lazy("名称"), max_length=80)
    short_name = forms.CharField(label=gettext_lazy("简称"), max_length=80)
    served = forms.BooleanField(
        label=gettext_lazy("有人服务"), required=False, help_text=gettext_lazy("不勾的不算一村一警的缺口")
    )
    valid_to = DayField(
        label=gettext_lazy("停用日期"), required=False, help_text=gettext_lazy("从这一天起不再使用；以前的案件不变")
    )


class AreaChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Area) -> str:
        return f"{obj.full_name}（{obj.code}）"


class AreasChoice(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Area) -> str:
        return obj.short_name


class OfficeForm(PlainForm):
    """An office; a police room also says which villages it serves."""

    kind = forms.ChoiceField(label=gettext_lazy("类别"), choices=Office.Kind.choices)
    area = AreaChoice(
        label=gettext_lazy("所在区划"), queryset=Area.objects.none(),
        help_text=gettext_lazy("村（居）委会选村，警务室和乡镇单位选乡镇，县级机关选县"),
    )  # fmt: skip
    name = forms.CharField(label=gettext_lazy("名称"), max_length=80)
    phone = forms.CharField(label=gettext_lazy("值班电话"), max_length=30, required=False)
    valid_to = DayField(label=gettext_lazy("停用日期"), required=False)
    villages = AreasChoice(
        label=gettext_lazy("服务哪些村"), queryset=Area.objects.none(), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip

    LEVELS = {
        Office.Kind.VILLAGE: (Area.Level.VILLAGE,),
        Office.Kind.ROOM: (Area.Level.TOWNSHIP, Area.Level.VILLAGE),
        Office.Kind.COUNTY: (Area.Level.COUNTY, Area.Level.CITY),
        Office.Kind.STATION: (Area.Level.TOWNSHIP,),
        Office.Kind.CENTRE: (Area.Level.TOWNSHIP,),
        Office.Kind.JUSTICE: (Area.Level.TOWNSHIP,),
        Office.Kind.DEPARTMENT: (Area.Level.TOWNSHIP, Area.Level.COUNTY),
    }

    def __init__(self, *args: Any, office: Office | None = None, **kwargs: Any) -> None:
        self.office = office
        super().__init__(*args, **kwargs)
        if office is None:
            places: Any = self.fields["area"]
            places.queryset = Area.objects.filter(in_force()).select_related("parent").order_by("code")
            del self.fields["valid_to"], self.fields["villages"]
            return
        del self.fields["kind"], self.fields["area"]
        if office.kind == Office.Kind.ROOM:
            township = office.area if office.area.level == Area.Level.TOWNSHIP else office.area.parent
            below: Any = self.fields["villages"]
            below.queryset = Area.objects.filter(in_force(), parent=township, level=Area.Level.VILLAGE).order_by("code")
        else:
            del self.fields["villages"]

    clean_phone = AccountForm.clean_phone

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        kind, area = data.get("kind"), data.get("area")
        if kind and area and area.level not in self.LEVELS[kind]:
            self.add_error("area", _("%(kind)s不设在这一级，换一个区划") % {"kind": Office.Kind(kind).label})
        return data


# --- code tables, deadlines, calendar --------------------------------------------------------------------------------
class CodeForm(PlainForm):
    """One entry of a code table; the number cannot change, because cases carry it."""

    number = forms.CharField(
        label=gettext_lazy("代码"), max_length=8,
        validators=[RegexValidator(r"^[0-9A-Za-z]+$", gettext_lazy("代码写 1 到 8 位数字或字母"))],
    )  # fmt: skip
    name = forms.CharField(label=gettext_lazy("名称"), max_length=80)
    name_en = forms.CharField(label=gettext_lazy("英文名称"), max_length=80, required=False)
    active = forms.BooleanField(label=gettext_lazy("登记时可以选"), required=False, initial=True)
    valid_to = DayField(
        label=gettext_lazy("停用日期"), required=False, help_text=gettext_lazy("从这一天起不再可选；用过的案件照常显示")
    )

    def __init__(self, *args: Any, code: Code | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if code is not None:
            del self.fields["number"]


class DeadlineForm(PlainForm):
    """Every number of the catalogue and the day from which the changed ones count."""

    valid_from = DayField(label=gettext_lazy("生效日期"), initial=today)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key, item in CATALOGUE.items():
            self.fields[key] = forms.IntegerField(
                label=str(item.label), min_value=item.low, max_value=item.high, help_text=str(item.unit)
            )
            self._speak(self.fields[key])

    def numbers(self) -> dict[str, int]:
        return {key: self.cleaned_data[key] for key in CATALOGUE}

    def clean_valid_from(self) -> dt.date:
        day = self.cleaned_data["valid_from"]
        if day < today():
            raise forms.ValidationError(_("生效日期不能早于今天（%(day)s），已经算好的期限不倒改") % {"day": today()})
        return day


class CalendarForm(PlainForm):
    """A holiday table: the file at first, its text again when the preview is confirmed."""

    MAX_KB = 512

    file = forms.FileField(label=gettext_lazy("放假安排 CSV"), required=False)
    content = forms.CharField(required=False, widget=forms.HiddenInput, max_length=MAX_KB * 1024)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("file"):
            if data["file"].size > self.MAX_KB * 1024:
                raise forms.ValidationError(_("文件超过 %(n)d KB，放假安排用不了这么多") % {"n": self.MAX_KB})
        elif not data.get("content"):
            self.add_error("file", _("选择文件"))
        return data
