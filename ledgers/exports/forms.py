"""What is asked before a ledger leaves, and before somebody else's may."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes.forms import Form, PickField, text_field
from ledgers.exports.models import MANY_PEOPLE, Export, desks_of
from ledgers.profiles import profiles_for
from villages.models import User


class AskForm(Form):
    """Layout, format, masked or not, for what and why."""

    layout = PickField(label=_("台账格式"), needed=_("选一种台账格式"))
    format = PickField(
        label=_("文件格式"), choices=Export.Format.choices, widget=forms.RadioSelect, needed=_("选一种文件格式")
    )
    purpose = PickField(label=_("用途"), choices=[("", _("选一项")), *Export.Purpose.choices], needed=_("选一项用途"))
    reason = text_field(
        _("理由"), limit=200, lines=True, rows=2, needed=_("写明为什么导出"), help_text=_("给谁、做什么用，一句话")
    )
    unmasked = forms.BooleanField(label=_("不打码：电话全显示，只含本单位经办的案件"), required=False)
    desk = PickField(label=_("经办单位"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fill("layout", [(one.key, one.label) for one in profiles_for(user)])
        self.desks = desks_of(user)
        if not self.desks:
            del self.fields["unmasked"]
        else:
            self.fields["unmasked"].help_text = _g("超过 %(n)d 人的，要本单位另一名负责人批准。每次下载都有记录") % {
                "n": MANY_PEOPLE
            }
        if len(self.desks) < 2:
            del self.fields["desk"]
        else:
            self._fill("desk", [("", _g("选一个单位")), *((desk.code, desk.name) for desk in self.desks)])

    def _fill(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, PickField)
        field.choices = choices


class DecideForm(Form):
    """Yes or no, and why not."""

    allowed = PickField(
        label=_("批不批准"),
        choices=[("yes", _("批准")), ("no", _("不批准"))],
        widget=forms.RadioSelect,
        needed=_("选批准或不批准"),
    )
    reason = text_field(_("意见"), limit=200, lines=True, rows=2, help_text=_("不批准的写明理由"))
