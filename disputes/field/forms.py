"""Forms of a visit, a capture and its sorting: they read what was typed; the doors of `models` judge it."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import codes, parsing
from disputes.attachments import FileRefused
from disputes.field.models import Capture
from disputes.forms import (
    OTHERS_DATA,
    FilesField,
    Form,
    ParsedField,
    PickField,
    count_field,
    day_field,
    text_field,
    villages_of,
)
from disputes.models import Dispute, FactsMissing
from disputes.moves import Tier
from villages.models import Coverage, Posting, User, in_force

SIDE_LENGTH = 100
#: What people meet most on a visit, as one tap each; the sorter finds the exact type.
COMMON_KINDS = ("02", "01", "0905", "0901", "0908", "0804", "07", "99")


def side(raw: object) -> str:
    """One side's names, however they were parted, joined by 、."""
    names = re.split(r"[、,，;；]", parsing.text(raw, limit=SIDE_LENGTH))
    return "、".join(filter(None, (parsing.name(name) for name in names)))


def side_field(label: Any, **attrs: str) -> ParsedField:
    widget = forms.TextInput(attrs={**OTHERS_DATA, "enterkeyhint": "next", **attrs})
    return ParsedField(side, label=label, widget=widget)


class VisitForm(Form):
    """A visit that begins: where, when, with whom."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    village = PickField(label=_("村（社区）"), needed=_("选村（社区）"))
    visited_on = day_field(_("走访日期"), needed=_("填写走访日期，今天去的写“今天”"))
    companions = text_field(_("同行"), limit=200, help_text=_("和谁一起去的，如 刘建军、才让卓玛"))
    households = count_field(_("走访户数"), help_text=_("结束走访时再填也行"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self.villages = {area.code: area for area in villages_of(user)}
        initial = {"submission": uuid.uuid4(), "visited_on": timezone.localdate()}
        if len(self.villages) == 1:
            initial["village"] = next(iter(self.villages))
        kwargs["initial"] = {**initial, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        field = self.fields["village"]
        assert isinstance(field, PickField)
        known = [(code, area.full_name) for code, area in self.villages.items()]
        field.choices = known if len(known) == 1 else [("", _("选村（社区）")), *known]

    def clean_visited_on(self) -> Any:
        day = self.cleaned_data["visited_on"]
        if day > timezone.localdate():
            raise forms.ValidationError(_g("走访日期在今天之后，写实际去的那天"))
        return day

    def facts(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "village": self.villages[data["village"]],
            "submission": data["submission"],
            **{name: data[name] for name in ("visited_on", "companions", "households")},
        }


class EndForm(Form):
    """A visit that ends."""

    households = count_field(_("走访户数"))
    note = text_field(_("走访情况"), limit=2000, lines=True, rows=2, help_text=_("没有发现纠纷也写一句，零报告也计入"))


class CaptureForm(Form):
    """Five inputs: two sides, what kind, one sentence, what was seen on the spot."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    side_a = side_field(_("甲方"), autofocus="")  # the next entry begins where the last one did
    side_b = side_field(_("乙方"))
    kind = PickField(label=_("什么事"), widget=forms.RadioSelect)
    words = text_field(_("一句话情况"), limit=2000, lines=True, rows=2, needed=_("用一句话写下听到的事"))
    found = PickField(label=_("现场结果"), choices=Capture.Found.choices, widget=forms.RadioSelect)
    may_escalate = forms.BooleanField(
        label=_("可能激化"), required=False, help_text=_("有动手、扬言报复等苗头。民警马上看得到，紧急请先打电话")
    )
    place = text_field(_("地点"), limit=200)
    photos = FilesField(label=_("照片"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"submission": uuid.uuid4(), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        known = codes.Codes()
        offered = dict(known.offered[codes.TYPE_L1] + known.offered[codes.TYPE_L2])
        listed = [code for code in COMMON_KINDS if code in offered]
        now = self.initial.get("kind")
        if now and now not in listed:  # the sorter's or an import's
            listed.append(now)
        field = self.fields["kind"]
        assert isinstance(field, PickField)
        field.choices = [(code, offered.get(code, code)) for code in listed]
        most = settings.PHOTOS_PER_CAPTURE
        self.fields["photos"].help_text = _g("最多 %(n)d 张，拍现场，不拍证件和未成年人") % {"n": most}
        self.fields["photos"].widget.attrs.update(
            {
                "accept": "image/*",
                "capture": "environment",
                "data-photos": most,
                "data-most": settings.ATTACHMENT_MAX_BYTES,
            }
        )

    def refuse_photos(self, refused: FileRefused | FactsMissing) -> None:
        """What is wrong with them, and which: the page keeps the others."""
        if isinstance(refused, FactsMissing):
            self.add_error("photos", refused.errors["photos"])
            return
        self.add_error("photos", forms.ValidationError(refused.sentences))
        self.fields["photos"].widget.attrs["data-refused"] = " ".join(map(str, refused.indexes))

    def facts(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in Capture.FACTS}


class SortForm(Form):
    """What a capture becomes; which of the fields count depends on the button."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    tier = PickField(label=_("由哪一级办理"), choices=Tier.choices, widget=forms.RadioSelect)
    kind = PickField(label=_("纠纷类型"))
    person = PickField(label=_("经办人"))
    due_on = day_field(_("办结期限"), help_text=_("不填按规定的时限"))
    note = text_field(_("给经办人的话"), limit=1000)
    parts = text_field(_("拆成几件"), limit=4000, lines=True, rows=3, help_text=_("每行一件，至少两件"))
    reason = text_field(_("理由或要补充什么"), limit=500)
    until = day_field(_("放到哪天"), help_text=_("可写 周五、+7"))

    def __init__(self, *args: Any, capture: Capture, user: User, **kwargs: Any) -> None:
        self.capture = capture
        own = [office.tier for office in user.scope.offices if office.pk in user.scope.desks]
        initial = {
            "version": capture.version,
            "tier": 3 if capture.found == Capture.Found.UP else 2 if 2 in own else 1,
            "kind": capture.kind,
        }
        kwargs["initial"] = {**initial, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        kind, person = self.fields["kind"], self.fields["person"]
        assert isinstance(kind, PickField) and isinstance(person, PickField)
        kind.choices = [("", _("选纠纷类型")), *codes.Codes().grouped()]
        self.people = people_of(capture)
        person.choices = [("", _("由单位安排")), *((u.username, f"{u.name}（{o}）") for u, o in self.people)]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("due_on") and data["due_on"] < timezone.localdate():
            self.add_error("due_on", _g("办结期限在今天以前，写今天或以后的一天"))
        return data

    def facts(self, target: Dispute | None) -> dict[str, Any]:
        data = self.cleaned_data
        people = {user.username: user for user, _office in self.people}
        return {
            **{name: data[name] for name in ("tier", "kind", "due_on", "note", "reason", "until")},
            "person": people.get(data["person"]),
            "parts": [line.strip() for line in data["parts"].splitlines() if line.strip()],
            "target": target,
        }


def people_of(capture: Capture) -> list[tuple[User, str]]:
    """Who works at the three desks that serve the capture's village, with the office."""
    desks = [desk for tier in Tier.values if (desk := Coverage.objects.desk_for(capture.village, tier))]
    rows = Posting.objects.filter(in_force(), office__in=desks, user__is_active=True)
    found = {row.user_id: (row.user, row.office.name) for row in rows.select_related("user", "office").order_by("pk")}
    return sorted(found.values(), key=lambda pair: (pair[1], pair[0].username))
