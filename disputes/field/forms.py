"""Forms of a visit, a capture and its sorting: they read what was typed; the doors of `models` judge it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.forms.utils import flatatt
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import codes, parsing
from disputes.attachments import FileRefused
from disputes.facts import DISPOSITION_NAMES, EXCLUSION_LIST, SAFETY_LABELS, chairs
from disputes.facts import FACTS as OF_MOVES
from disputes.field.models import POLICE, Capture, Spot, Visit, key, spot_of
from disputes.forms import (
    OTHERS_DATA,
    FilesField,
    Form,
    InVillageForm,
    ParsedField,
    PickField,
    count_field,
    day_field,
    name_field,
    text_field,
)
from disputes.models import Dispute
from disputes.moves import Tier
from disputes.safe.acts import FACTS
from villages.models import Coverage, Posting, Role, User, in_force

SIDE_LENGTH = 100
#: What people meet most on a visit, as one tap each; the sorter finds the exact type.
COMMON_KINDS = ("02", "01", "0905", "0901", "0908", "0804", "07", "99")


def side(raw: object) -> str:
    """One side's names, however they were parted, joined by 、."""
    names = re.split(r"[、,，;；]", parsing.text(raw, limit=SIDE_LENGTH))
    return "、".join(dict.fromkeys(filter(None, (parsing.name(name) for name in names))))


def side_field(label: Any, **attrs: str) -> ParsedField:
    widget = forms.TextInput(attrs={**OTHERS_DATA, "enterkeyhint": "next", **attrs})
    return ParsedField(side, label=label, widget=widget)


class VisitForm(InVillageForm):
    """A visit that begins: where, when, with whom."""

    DAY = "visited_on"
    visited_on = day_field(_("走访日期"), needed=_("填写走访日期，今天去的写“今天”"))
    companions = text_field(_("同行"), limit=200, help_text=_("和谁一起去的，如 刘建军、才让卓玛"))
    households = count_field(_("走访户数"), help_text=_("结束走访时再填也行"))

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

    def refuse_photos(self, refused: FileRefused) -> None:
        """What is wrong with them, and which: the page keeps the others."""
        self.add_error("photos", forms.ValidationError(refused.sentences))
        self.fields["photos"].widget.attrs["data-refused"] = " ".join(map(str, refused.indexes))

    def facts(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in Capture.FACTS}


class PasteForm(Form):
    """Rows copied from a table, and the number under which they are saved once."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    text = text_field(_("粘贴表格"), limit=200_000, lines=True, rows=4, needed=_("在表格里选中几行，复制后粘贴到这里"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="id_paste_%s", **kwargs)  # it stands beside the form of one capture

    @property
    def number(self) -> uuid.UUID:
        """The submission of this paste: kept from the first look until it is saved."""
        try:
            return uuid.UUID(str(self.data.get("submission", "")))
        except ValueError:
            return uuid.uuid4()


YES_NO = (("1", _("有")), ("0", _("没有")))
CONSENTS = (("agreed", _("同意")), ("refused", _("不同意")))
YES_NO_ANSWERS = (("1", _("是")), ("0", _("否")))
THEMSELVES = "-"  # no username has it
ASKED = "ask"  # an officer is asked to answer
CLEAR = {True: "clear", False: "some", None: ""}
#: The steps of 治安调解 that stand as fields of their own; the exclusions are answered with `police`.
STEPS = tuple(name for name in Spot.WIZARD if name != "exclusions_clear")
#: Field of the form → what is kept of somebody young.
YOUNG = {"born": "birth_on", "guardian": "guardian_name", "agreed": "guardian_consent_on"}


class SpotForm(Form):
    """What `settle` asks about a 当场化解; everything may be left for later.

    In the loop, before names are known, one answer stands for everybody of a side; `capture` asks each by name, and
    for the sides and the kind where they were left empty.
    """

    chair = PickField(label=_("谁说和的"), widget=forms.RadioSelect)
    text = text_field(_("怎么说好的"), limit=500, help_text=_("不填就用一句话情况"))
    crime_suspected = forms.BooleanField(
        label=_("涉嫌犯罪"), required=False, help_text=_("勾选后不能当场化解，分流立案后转公安机关")
    )
    minors = forms.BooleanField(label=_("有未满 18 周岁的当事人"), required=False)
    police = PickField(label=_("治安调解"), widget=forms.RadioSelect)
    recording = text_field(_("录音录像编号"), limit=60, help_text=OF_MOVES["recording"].help)
    disposition = PickField(label=_("处置"), choices=[("", _("没有“有”的不填")), *DISPOSITION_NAMES])

    def __init__(self, *args: Any, place: Visit | Capture, user: User, capture: Capture | None = None, **kwargs: Any):
        self.capture = capture
        spot = spot_of(capture) if capture else None
        #: field → the side and the name that it asks; without a name everybody of the side
        self.asked: dict[str, tuple[str, str]] = {}
        initial: dict[str, Any] = {"police": ""}
        is_officer = user.scope.has(Role.OFFICER)
        if spot:
            said = CLEAR[spot.exclusions_clear] if is_officer else ASKED
            said = said if spot.track == POLICE else ""
            chosen = THEMSELVES if spot.between_themselves else spot.chair.username if spot.chair else ""
            initial |= {"chair": chosen, "police": said}
            kept = ("text", "recording", "disposition", "crime_suspected", "minors")
            initial |= {name: getattr(spot, name) for name in kept}
        kwargs["initial"] = {**initial, **(kwargs.get("initial") or {})}
        super().__init__(*args, prefix="spot", **kwargs)
        self.people = {who.username: who for who in self._people(place, user)}
        field = self.fields["chair"]
        assert isinstance(field, PickField)
        field.choices = [(THEMSELVES, _g("双方自己说开")), *((name, who.name) for name, who in self.people.items())]
        if capture and len(field.choices) > 8:
            field.widget = forms.Select()
            field.choices = [("", _g("选谁说和的")), *field.choices]
        for side, label in (("A", _("甲方")), ("B", _("乙方"))):
            names = [party["name"] for party in capture.parties() if party["side"] == side] if capture else []
            for number, name in enumerate(names or [""]):
                words = _("%(name)s同意吗") % {"name": name} if name else _("%(side)s同意吗") % {"side": label}
                self._add(f"consent_{side}{number}", words, CONSENTS, hint="" if name else _("几个人的逐一问过"))
                self.asked[f"consent_{side}{number}"] = (side, name)
                if spot:
                    self.initial[f"consent_{side}{number}"] = spot.consents.get(f"{side}:{name}", "")
                if spot and name:
                    self._ask_about_the_young(f"{side}{number}", name, spot.young.get(f"{side}:{name}", {}))
        self._ask_about_the_police(is_officer, spot)
        # what was answered is for the one who asked alone (domain.md 6.5)
        told = spot.answers() if spot and capture and capture.by_id == user.pk else {}
        for question, label in SAFETY_LABELS.items():
            self._add(f"safety_{question}", label, YES_NO)
            if question in told:
                self.initial[f"safety_{question}"] = str(int(told[question]))
        if capture:
            self._ask_what_was_left(capture)

    def _people(self, place: Visit | Capture, user: User) -> list[User]:
        """In the loop those at the village's own two desks, whoever writes first; else everybody who may chair here."""
        if self.capture:
            return list(chairs(place, user))
        near = [who for who, _office in people_of(place, (Tier.VILLAGE, Tier.ROOM))]
        return [user, *(who for who in near if who.pk != user.pk)]

    def _add(self, name: str, label: Any, choices: Any, hint: Any = "") -> None:
        self.fields[name] = PickField(label=label, choices=choices, widget=forms.RadioSelect, help_text=hint)

    def _ask_about_the_police(self, is_officer: bool, spot: Spot | None) -> None:
        """The wizard of `disputes.safe.acts`, in its own words, to an officer; anybody else leaves it to one."""
        field = self.fields["police"]
        assert isinstance(field, PickField)
        if not is_officer:
            field.choices = [("", _g("不是")), (ASKED, _g("是，由民警核对后办结"))]
            return
        field.choices = [("", _g("不是")), ("clear", _g("是，七种情形都没有")), ("some", _g("有其中之一"))]
        field.help_text = EXCLUSION_LIST
        for name in STEPS:
            fact = FACTS[name]
            choices = fact.choices(Dispute()) if fact.choices else YES_NO_ANSWERS
            self.fields[f"step_{name}"] = PickField(label=fact.label, choices=[("", _g("请选择")), *choices])
            told = getattr(spot, name) if spot else None
            self.initial[f"step_{name}"] = str(int(told)) if isinstance(told, bool) else told or ""

    def _ask_about_the_young(self, number: str, name: str, told: dict[str, str]) -> None:
        """When they were born, and who answers for them: what a registration asks about a minor."""
        words = {"name": name}
        self.fields[f"born_{number}"] = day_field(_g("%(name)s的出生日期") % words)
        self.fields[f"guardian_{number}"] = name_field(_g("%(name)s的监护人") % words)
        self.fields[f"agreed_{number}"] = day_field(
            _g("%(name)s的监护人同意登记的日期") % words, help_text=_("未满 14 周岁的填")
        )
        for field, fact in YOUNG.items():
            self.initial[f"{field}_{number}"] = told.get(fact, "")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in [name for name in self.fields if name.startswith(("born_", "agreed_"))]:
            if data.get(name) and data[name] > timezone.localdate():
                self.add_error(name, _g("日期在今天之后，核对年份"))
        return data

    def _ask_what_was_left(self, capture: Capture) -> None:
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=capture.version)
        for name, label in (("side_a", _("甲方")), ("side_b", _("乙方"))):
            if not getattr(capture, name):
                self.fields[name] = side_field(label)
        if not capture.kind:
            self.fields["kind"] = PickField(
                label=_("纠纷类型"), choices=[("", _g("选纠纷类型")), *codes.Codes().grouped()]
            )

    def of(self, *starts: str) -> list[Any]:
        """The bound fields whose names begin so, in their order."""
        return [self[name] for name in self.fields if name.startswith(starts)]

    def consents(self) -> list[Any]:
        return self.of("consent_")

    def questions(self) -> list[Any]:
        return self.of("safety_")

    def left(self) -> list[Any]:
        return self.of("side_", "kind")

    def steps(self) -> list[Any]:
        return self.of("step_")

    def young(self) -> list[Any]:
        return self.of("born_", "guardian_", "agreed_")

    def facts(self, parties: list[dict[str, str]]) -> dict[str, Any]:
        """What was told, as `Spot.take` reads it; `parties` are those the consents stand for."""
        data = self.cleaned_data
        consents = {
            key(party): data[field]
            for party in parties
            for field, (side, name) in self.asked.items()
            if data[field] and side == party["side"] and name in ("", party["name"])
        }
        answers = {question: data[f"safety_{question}"] for question in SAFETY_LABELS}
        police = data["police"]
        steps = {name: data.get(f"step_{name}", "") for name in STEPS} if police else {}
        if steps.get("lesser"):
            steps["lesser"] = steps["lesser"] == "1"
        return {
            **{name: data[name] for name in ("text", "recording", "disposition", "crime_suspected", "minors")},
            **steps,
            "chair": self.people.get(data["chair"]),
            "between_themselves": data["chair"] == THEMSELVES or None,
            "track": POLICE if police else "people",
            "exclusions_clear": police == "clear" if police in ("clear", "some") else None,
            "consents": consents,
            "young": {
                f"{side}:{name}": {fact: data.get(f"{field}_{asked[8:]}") for field, fact in YOUNG.items()}
                for asked, (side, name) in self.asked.items()
                if name
            },
            "safety": {question: answer == "1" for question, answer in answers.items() if answer},
        }

    def left_facts(self) -> dict[str, Any]:
        return {name: self.cleaned_data.get(name, "") for name in ("side_a", "side_b", "kind")}


class LongSelect(forms.Select):
    """A select drawn in one go: a hundred options as templates cost more than the fifty entries beside them."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen, options = str(value if value is not None else ""), []
        for group, choices in self.choices:
            if isinstance(choices, list | tuple):
                inner = format_html_join("", _OPTION, (self._option(row, chosen) for row in choices))
                options.append(format_html('<optgroup label="{}">{}</optgroup>', group, inner))
            else:
                options.append(format_html(_OPTION, *self._option((group, choices), chosen)))
        given = self.build_attrs(self.attrs, {"name": name, **(attrs or {})})
        drawn = format_html_join("", "{}", ((option,) for option in options))
        return format_html("<select{}>{}</select>", flatatt(given), drawn)

    @staticmethod
    def _option(row: tuple[Any, Any], chosen: str) -> tuple[Any, str, Any]:
        return row[0], SafeString(" selected") if str(row[0]) == chosen else "", row[1]


_OPTION = '<option value="{}"{}>{}</option>'


class SortForm(Form):
    """What a capture becomes; which of the fields count depends on the button."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    tier = PickField(label=_("由哪一级办理"), choices=Tier.choices, widget=forms.RadioSelect)
    kind = PickField(label=_("纠纷类型"), widget=LongSelect)
    person = PickField(label=_("经办人"))
    due_on = day_field(_("办结期限"), help_text=_("不填按规定的时限"))
    note = text_field(_("给经办人的话"), limit=1000)
    parts = text_field(_("拆成几件"), limit=4000, lines=True, rows=3, help_text=_("每行一件，至少两件"))
    reason = text_field(_("理由或要补充什么"), limit=500)
    until = day_field(_("放到哪天"), help_text=_("可写 周五、+7"))

    def __init__(
        self, *args: Any, capture: Capture, user: User, known: codes.Codes | None = None, **kwargs: Any
    ) -> None:
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
        kind.choices = [("", _("选纠纷类型")), *(known or codes.Codes()).grouped()]
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


def people_of(place: Visit | Capture, tiers: Iterable[int] = tuple(Tier.values)) -> list[tuple[User, str]]:
    """Who works at the desks that serve the village at these tiers, with the office."""
    desks = Coverage.objects.desks_for(place.village, tiers).values()
    rows = Posting.objects.filter(in_force(), office__in=[desk.pk for desk in desks], user__is_active=True)
    found = {row.user_id: (row.user, row.office.name) for row in rows.select_related("user", "office").order_by("pk")}
    return sorted(found.values(), key=lambda pair: (pair[1], pair[0].username))
