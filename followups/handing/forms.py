"""Forms that give work to somebody else: they read what was chosen; the doors judge it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes.forms import Form, PickField, text_field
from followups.handing.models import HandedItem
from villages.models import User

Kind = HandedItem.Kind


def _choose(field: Any, people: Iterable[User], nobody: str) -> None:
    field.choices = [("", nobody), *((person.username, person.name) for person in people)]


class HandVisitsForm(Form):
    """Who makes the visits of one case."""

    to = PickField(label=_("由谁回访"), needed=_("选由谁回访"))
    reason = text_field(_("说明"), limit=200, help_text=_("要他知道的，比如约好的时间"))

    def __init__(self, *args: Any, people: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {person.username: person for person in people}
        _choose(self.fields["to"], self.people.values(), _g("选同事"))


class HandOverForm(Form):
    """Who takes over what a leaver had; where a kind has somebody of its own, that one."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    to = PickField(label=_("交给谁"), needed=_("选接手的人"))
    to_visit = PickField(label=_("回访交给谁"), help_text=_("不选就交给同一个人"))
    to_session = PickField(label=_("联调会由谁主持"), help_text=_("不选就交给同一个人"))
    reason = text_field(_("交接的理由"), limit=200, needed=_("写明为什么交接"))

    def __init__(self, *args: Any, people: Iterable[User], **kwargs: Any) -> None:
        kwargs["initial"] = {"submission": uuid.uuid4()}
        super().__init__(*args, **kwargs)
        self.people = {person.username: person for person in people}
        for name in ("to", "to_visit", "to_session"):
            _choose(self.fields[name], self.people.values(), _g("选接手的人") if name == "to" else _g("同一个人"))

    def receivers(self) -> dict[str, User]:
        """Kind of item → who takes it over."""
        data = self.cleaned_data
        chosen = {kind: data.get(f"to_{kind}") or data["to"] for kind in Kind.values}
        return {kind: self.people[name] for kind, name in chosen.items()}
