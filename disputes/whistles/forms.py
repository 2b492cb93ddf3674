"""Forms of a whistle and its answers: they read what was typed; the doors of `models` judge it."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes.forms import Form, PickField, day_field, text_field
from disputes.models import Dispute, rules_on
from disputes.whistles.models import ANSWERS, Whistle, offices_to_ask
from villages.models import Office
from villages.pinyin import place_keys


class OfficeSelect(forms.SelectMultiple):
    """The search box of the list also finds offices by initials; one without people says so and cannot be chosen."""

    offices: dict[str, Office] = {}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if office := self.offices.get(str(value)):
            option["attrs"]["data-find"] = place_keys(office.name)[1]
            if not office.answers:  # type: ignore[attr-defined]
                option["attrs"]["disabled"] = True
        return option


class WhistleForm(Form):
    """Whom to ask, for what, by when, and what part of the case they may read."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    offices = forms.MultipleChoiceField(
        label=_("吹哨给哪些单位"),
        required=False,
        widget=OfficeSelect,
        help_text=_("可以选几个，打单位名或拼音首字母查找"),
    )
    kind = PickField(label=_("要什么支援"), choices=Whistle.Kind.choices, widget=forms.RadioSelect)
    what = text_field(_("请他们做什么"), limit=2000, lines=True, rows=2)
    answer_by = day_field(_("最迟答复"))
    summary = text_field(
        _("给支援单位看的情况"), limit=5000, lines=True, rows=4, help_text=_("他们看不到案件，只看到这一段和下面勾选的")
    )
    share_place = forms.BooleanField(label=_("地点"), required=False)
    share_names = forms.BooleanField(label=_("当事人姓名"), required=False)
    share_phones = forms.BooleanField(
        label=_("当事人电话"), required=False, help_text=_("他们逐次点开才看得到，每次都记录")
    )
    attachments = forms.MultipleChoiceField(label=_("附件"), required=False, widget=forms.CheckboxSelectMultiple)
    knowingly = forms.BooleanField(label=_("本案姓名和附件平时不公开，我确认这次支援需要共享"), required=False)

    def __init__(self, *args: Any, case: Dispute, **kwargs: Any) -> None:
        self.by_code = {office.code: office for office in offices_to_ask(case)}
        self.by_uid = {str(row.uid): row for row in case.attachments.all()}
        rules, today = rules_on(timezone.localdate()), timezone.localdate()
        days = rules.policy["whistle_answer_days"]
        initial = {"submission": uuid.uuid4(), "answer_by": rules.calendar.add(today, days)}
        kwargs["initial"] = {**initial, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        offices, files, answer_by = self.fields["offices"], self.fields["attachments"], self.fields["answer_by"]
        assert isinstance(offices, forms.MultipleChoiceField) and isinstance(files, forms.MultipleChoiceField)
        offices.choices = [(code, _label(office)) for code, office in self.by_code.items()]
        offices.widget.offices = self.by_code
        offices.error_messages["invalid_choice"] = files.error_messages["invalid_choice"] = _g(
            "没有这个选项，在列出的里面选"
        )
        answer_by.help_text = _g("不改就是 %(n)d 个工作日") % {"n": days}
        files.choices = [(uid, row.name) for uid, row in self.by_uid.items()]
        if not self.by_uid:
            del self.fields["attachments"]
        if not case.protected:
            del self.fields["knowingly"]

    def facts(self) -> dict[str, Any]:
        """Values for `Whistle.objects.blow`."""
        data = dict(self.cleaned_data)
        data["offices"] = [self.by_code[code] for code in data["offices"]]
        data["attachments"] = [self.by_uid[uid] for uid in data.get("attachments", ())]
        return data


def _label(office: Office) -> str:
    if office.answers:  # type: ignore[attr-defined]
        return office.name
    return _g("%(name)s（现在没有在岗人员，收不到）") % {"name": office.name}


class AcceptForm(Form):
    """Who comes, and when."""

    who_comes = text_field(_("谁来办"), limit=100)
    coming_on = day_field(_("哪天"), help_text=_("可写 明天、周五、3.28"))
    reply = text_field(_("说明"), limit=1000)


class DeclineForm(Form):
    """Why not."""

    reply = text_field(_("为什么不能支援"), limit=1000, lines=True, rows=2)


class DoneForm(Form):
    """What was done."""

    done_note = text_field(_("办了什么"), limit=5000, lines=True, rows=3)
    file = forms.FileField(label=_("文件"), required=False)


ANSWER_FORMS: dict[str, type[Form]] = {"accept": AcceptForm, "decline": DeclineForm, "done": DoneForm}
assert ANSWER_FORMS.keys() == ANSWERS.keys()


class OffForm(Form):
    """One office is not needed any more."""

    office = forms.CharField(widget=forms.HiddenInput, required=False, max_length=20)
    reason = text_field(_("为什么不用他们了"), limit=500)


class CloseForm(Form):
    """The end of a whistle."""

    reason = text_field(_("结束说明"), limit=500)
