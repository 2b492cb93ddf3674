"""Forms of counselling: they read what was typed; the doors of `models` judge it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import parsing
from disputes.forms import Form, ParsedField, PickField, day_field, text_field
from disputes.models import Dispute, Party
from followups.counselling.models import (
    ACTS,
    NEEDED,
    NOTE_LENGTH,
    ConsentBy,
    ConsentWay,
    CounsellingReferral,
    CounsellingSession,
    How,
    counsellors_for,
    supervisors_for,
)
from villages.models import User


class AskForm(Form):
    """Who, with whose consent, why, for which counsellor, and the one supervisor who may read the notes."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    party = PickField(label=_("转介谁"), widget=forms.RadioSelect, needed=NEEDED["party"])
    consented = forms.BooleanField(
        label=_("已说明心理疏导是什么，本人（未成年人的监护人）同意"), required=False,
    )  # fmt: skip
    consent_by = PickField(
        label=_("谁同意的"), choices=ConsentBy.choices, widget=forms.RadioSelect, needed=NEEDED["consent_by"]
    )
    consent_way = PickField(
        label=_("怎么同意的"), choices=ConsentWay.choices, widget=forms.RadioSelect, needed=NEEDED["consent_way"]
    )
    consent_on = day_field(_("同意日期"), needed=NEEDED["consent_on"], help_text=_("可写 今天、昨天、3.28"))
    why = text_field(
        _("为什么转介"), limit=500, lines=True, rows=3, needed=NEEDED["why"],
        help_text=_("一两句话，疏导员和办案单位都能看到"),
    )  # fmt: skip
    to = PickField(label=_("请谁疏导"))
    supervisor = PickField(
        label=_("能看疏导记录的督导"), needed=NEEDED["supervisor"],
        help_text=_("只有这名督导和写记录的疏导员本人能看"),
    )  # fmt: skip

    def __init__(self, *args: Any, case: Dispute, **kwargs: Any) -> None:
        kwargs["initial"] = {"submission": uuid.uuid4(), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        self.parties = {str(p.pk): p for p in case.parties.all() if p.kind == Party.Kind.PERSON}
        self.supervisors = {str(user.pk): user for user in supervisors_for(case)}
        postings = list(counsellors_for(case))
        self.people = {f"p{row.user_id}": row.user for row in postings}
        self.offices = {f"o{row.office_id}": row.office for row in postings}
        self._fill("party", [(key, f"{p.name}（{p.get_side_display()}）") for key, p in self.parties.items()])
        self._fill("supervisor", [("", _g("选一名督导")), *((key, u.name) for key, u in self.supervisors.items())])
        people = [(f"p{row.user_id}", f"{row.user.name}（{row.office.name}）") for row in postings]
        offices = [(key, office.name) for key, office in self.offices.items()]
        groups: list[Any] = [("", _g("本地的疏导员都可以接"))]
        if people:
            groups += [(_g("指定疏导员"), people), (_g("指定单位"), offices)]
        self._fill("to", groups)

    def _fill(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, PickField)
        field.choices = choices

    def facts(self) -> dict[str, Any]:
        data = self.cleaned_data
        plain = ("consented", "consent_by", "consent_way", "consent_on", "why")
        return {
            **{name: data[name] for name in plain},
            "party": self.parties[data["party"]],
            "supervisor": self.supervisors[data["supervisor"]],
            "to_person": self.people.get(data["to"]),
            "to_office": self.offices.get(data["to"]),
        }

    def tell(self, errors: Mapping[str, str]) -> None:
        """Put each sentence beside its field."""
        for name, sentence in errors.items():
            self.add_error(name if name in self.fields else None, sentence)


def time_field(label: Any, **options: Any) -> ParsedField:
    return ParsedField(
        parsing.time_of_day, label=label, widget=forms.TextInput(attrs={"autocomplete": "off"}), **options
    )


class ActForm(Form):
    """One act; which fields count depends on the button, so each act has its own form on the page."""

    version = forms.IntegerField(error_messages={"required": _("页面不完整，刷新后再提交")})

    #: act → the fields that it shows
    SHOWN: Mapping[str, tuple[str, ...]] = {
        "accept": (),
        "decline": ("reason",),
        "session": ("day", "starts", "way", "place", "before", "after", "next_on", "no_more", "note"),
        "note": ("session", "note"),
        "advise": ("advice",),
        "risk": (),
        "calm": (),
        "end": ("how", "ended_on"),
        "withdraw": ("reason",),
        "pass": ("to_person",),
    }
    assert SHOWN.keys() == ACTS.keys()
    #: a fact's field where the two have different names
    FIELD_OF = {"starts_at": "day"}

    def __init__(self, act: str, row: CounsellingReferral, user: User, data: Any = None) -> None:
        self.name, self.row = act, row
        initial = {"version": row.version, "submission": uuid.uuid4()}
        super().__init__(data, initial=initial, auto_id=f"id_{act}_%s")
        for name in self.SHOWN[act]:
            self.fields[name] = self._made(name, user)()
        if act == "session":
            self.fields["submission"] = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def _made(self, name: str, user: User) -> Callable[[], forms.Field]:
        need = {fact: str(words) for fact, words in ACTS[self.name].needs.items()}
        return {
            "reason": lambda: text_field(_("原因"), limit=500, lines=True, rows=2, needed=need["reason"]),
            "day": lambda: day_field(_("哪天"), needed=need["starts_at"], help_text=_("可写 今天、昨天、3.28")),
            "starts": lambda: time_field(_("几点"), needed=_("填写几点"), help_text=_("可写 9:00、下午3点")),
            "place": lambda: text_field(_("地点"), limit=100),
            "way": lambda: PickField(
                label=_("方式"), choices=CounsellingSession.Way.choices, widget=forms.RadioSelect, needed=need["way"]
            ),
            "before": lambda: self._feeling(_("疏导前的感受"), need["before"]),
            "after": lambda: self._feeling(_("疏导后的感受"), need["after"]),
            "next_on": lambda: day_field(_("下次日期")),
            "no_more": lambda: forms.BooleanField(label=_("不再安排"), required=False),
            "note": lambda: text_field(
                _("疏导记录"), limit=NOTE_LENGTH, lines=True, rows=6, needed=need.get("note", ""),
                help_text=_("加密保存，只有你和指定的督导能看；不存草稿，写完就保存。存后只能补充，不能改"),
            ),
            "session": lambda: PickField(
                label=_("补充哪一次"), needed=need["session"],
                choices=[
                    (str(one.pk), f"{timezone.localtime(one.starts_at):%Y-%m-%d %H:%M}")
                    for one in self.row.sessions.filter(by=user)
                ],
            ),
            "advice": lambda: text_field(
                _("给经办人的建议"), limit=500, lines=True, rows=3, needed=need["advice"],
                help_text=_("办案单位能看到，不要写疏导中说的话"),
            ),
            "how": lambda: PickField(
                label=_("怎么结束的"), choices=How.choices, widget=forms.RadioSelect, needed=need["how"]
            ),
            "ended_on": lambda: day_field(_("结束日期"), needed=need["ended_on"]),
            "to_person": lambda: PickField(
                label=_("转交给谁"), needed=need["to_person"],
                choices=[
                    ("", _("选一名疏导员")),
                    *((row.user.username, f"{row.user.name}（{row.office.name}）") for row in self._others()),
                ],
            ),
        }[name]  # fmt: skip

    def _others(self) -> Any:
        now = self.row.counsellor_id or self.row.to_person_id
        return counsellors_for(self.row.dispute).exclude(user=now)

    @staticmethod
    def _feeling(label: Any, needed: str) -> PickField:
        return PickField(
            label=label, choices=CounsellingSession.Feeling.choices, widget=forms.RadioSelect, needed=needed
        )

    def shown(self) -> list[Any]:
        return [self[name] for name in self.SHOWN[self.name]]

    def facts(self) -> dict[str, Any]:
        data = {name: self.cleaned_data[name] for name in self.SHOWN[self.name]}
        if self.name == "session":
            data["starts_at"] = timezone.make_aware(dt.datetime.combine(data.pop("day"), data.pop("starts")))
            data |= {name: int(data[name]) for name in ("before", "after")}
            data["submission"] = self.cleaned_data["submission"]
        if "session" in data:
            data["session"] = int(data["session"])
        if "to_person" in data:
            data["to_person"] = User.objects.filter(username=data["to_person"]).first()
        return data

    def tell(self, errors: Mapping[str, str]) -> None:
        for name, sentence in errors.items():
            field = self.FIELD_OF.get(name, name)
            self.add_error(field if field in self.fields else None, sentence)


class ReasonForm(Form):
    """Why somebody opens what stays closed."""

    reason = text_field(_("为什么要看"), limit=200, needed=_("写明为什么要看"))
