"""The form of an act, built from its catalogue as a move's is; and the slip 对调解员的意见."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import facts
from disputes.forms import YES_NO, Form, MoveForm, day_field, text_field
from disputes.models import Dispute
from disputes.safe import acts
from disputes.safe.acts import ACTS
from disputes.safe.models import PoliceTrack, standing
from villages.models import User

#: What the wizard and the terms show again when they are opened anew.
KEPT = ("deed", "ground", "suspect", "plain", "established", *PoliceTrack.TERMS)


class ActForm(MoveForm):
    """The facts of one act."""

    catalogue = acts.FACTS
    version = None  # type: ignore[assignment]  # an act says nothing about what the person had seen
    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, name: str, case: Dispute, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(name, case, user, *args, **kwargs)
        del self.fields["after"]

    def wanted(self) -> list[str]:
        return list(ACTS[self.move].facts)

    def read(self) -> tuple[dict[str, Any], dict[str, str]]:
        return acts.clean_all(self.move, self.raw(), case=self.case, by=self.user, today=self.today)

    def _defaults(self) -> dict[str, Any]:
        track = standing(self.case).track if self.move in ("police", "police_terms") else None
        return {"submission": uuid.uuid4(), **({name: getattr(track, name) for name in KEPT} if track else {})}

    def _widget(self, name: str, fact: facts.Fact) -> forms.Widget:
        if fact.kind == facts.OF_CASE:
            assert fact.choices is not None
            return forms.RadioSelect(choices=fact.choices(self.case))
        if fact.kind == facts.YES_NO and name != "exclusions_clear":
            return forms.RadioSelect(choices=YES_NO)
        return super()._widget(name, fact)

    def layout(self, name: str) -> str:
        """Long or many choices stand one under the other, as words to read and not as buttons."""
        fact = self.catalogue[name]
        return "list" if fact.kind in (facts.CHOICE, facts.OF_CASE) and name != "officers" else ""


class SlipForm(Form):
    """A slip that a party handed in."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    received_on = day_field(_("收到日期"), needed=_("填写收到日期，今天收到的写“今天”"))
    text = text_field(_("意见的原话"), limit=5000, lines=True, rows=6, needed=_("写下意见的原话"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"submission": uuid.uuid4()})
        super().__init__(*args, **kwargs)

    def clean_received_on(self) -> dt.date:
        day = self.cleaned_data["received_on"]
        if day > timezone.localdate():
            raise ValidationError(_g("收到日期在今天之后，写实际收到的那天"))
        return day


class AnswerForm(Form):
    """What a supervisor did about a slip."""

    answer = text_field(_("处理情况"), limit=500, lines=True, needed=_("写明怎么处理的"))
