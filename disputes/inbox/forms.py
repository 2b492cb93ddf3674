"""Forms of the inbox and of an instruction: they read what was typed; the doors judge it."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from disputes.forms import Form, PickField, day_field, text_field
from disputes.inbox.models import WORDS, Instruction
from disputes.inbox.queue import DOES
from disputes.models import Dispute
from disputes.moves import MOVES
from villages.models import DESK_ROLES, Posting, User, in_force


class DecideForm(Form):
    """What becomes of one entry; which fields count depends on the choice."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    do = PickField(label=_("怎么办"), choices=[(name, MOVES[name].label) for name in DOES], widget=forms.RadioSelect,
                   needed=_("选受理、退回或指派"))  # fmt: skip
    person = PickField(label=_("经办人"), help_text=_("受理和指派时选"))
    reason = text_field(_("理由"), limit=1000, lines=True, rows=2, help_text=_("退回时写明"))
    to_add = text_field(_("要补充什么"), limit=1000, lines=True, rows=2, help_text=_("退回时写明，对方照着补"))

    def __init__(self, *args: Any, case: Dispute, user: User, **kwargs: Any) -> None:
        kwargs["initial"] = {"version": case.version, "do": "take_up", "person": user.username}
        super().__init__(*args, **kwargs)
        postings = Posting.objects.filter(in_force(), office=case.desk_id, role__in=DESK_ROLES, user__is_active=True)
        self.people = {row.user.username: row.user for row in postings.select_related("user").order_by("pk")}
        field = self.fields["person"]
        assert isinstance(field, PickField)
        field.choices = [("", _("选经办人")), *((name, person.name) for name, person in self.people.items())]

    def facts(self) -> dict[str, Any]:
        """What the chosen move takes; empty fields are left to the door, which names them."""
        data = self.cleaned_data
        given = {
            "handler": self.people.get(data["person"]),
            "person": self.people.get(data["person"]),
            **{name: data[name] for name in ("reason", "to_add")},
        }
        return {name: given[name] for name in MOVES[data["do"]].facts if name in given}


class InstructionForm(Form):
    """督办 or 交办 of one case."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    kind = PickField(label=_("督办或交办"), choices=Instruction.Kind.choices, widget=forms.RadioSelect,
                     needed=_("选督办或交办"))  # fmt: skip
    given_on = day_field(_("督办、交办日期"), needed=_("填写文件上的日期，今天的写“今天”"))
    source = text_field(_("哪个单位交办"), limit=60, help_text=_("上级交办的写单位和文号"))
    words = text_field(_("理由和要求"), limit=WORDS, lines=True, needed=_("写明理由和要求"))
    due_on = day_field(_("答复期限"), needed=_("填写答复期限"), help_text=_("可写 周五、+3"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        initial = {"submission": uuid.uuid4(), "given_on": timezone.localdate()}
        kwargs["initial"] = {**initial, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)


class AnswerForm(Form):
    """The desk's answer to one instruction."""

    words = text_field(_("答复"), limit=WORDS, lines=True, needed=_("写明办到哪一步、结果怎样"))
