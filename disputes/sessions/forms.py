"""Forms of a session: they read what was typed; the doors of `models` judge it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import facts, parsing
from disputes.forms import OTHERS_DATA, Form, ParsedField, PickField, day_field, name_field, text_field
from disputes.models import Agreement, Dispute, Party
from disputes.safeguards import needs_guardian
from disputes.sessions.models import INVITED_ROLES, MOST_INVITED, Attendee, Session, Venue
from villages.models import Office, Posting, User, in_force

YES_NO = [("yes", _("到场")), ("no", _("没到"))]
CONSENTS = Attendee.Consent.choices[1:]


def time_field(label: Any, **options: Any) -> ParsedField:
    return ParsedField(parsing.time_of_day, label=label, widget=forms.TextInput(attrs=dict(OTHERS_DATA)), **options)


def moment(day: dt.date | None, time: dt.time | None) -> dt.datetime | None:
    return timezone.make_aware(dt.datetime.combine(day, time)) if day and time else None


class PicksField(forms.MultipleChoiceField):
    """Any of the listed choices, refused in our words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.CheckboxSelectMultiple, **kwargs)
        self.error_messages["invalid_choice"] = _("没有这个选项，在列出的里面选")


# --- who may be asked ------------------------------------------------------------------------------------------------
class Circle:
    """The offices and people that may be asked to a session of one case: those of its village, township and county."""

    def __init__(self, case: Dispute) -> None:
        areas = [case.village_id, case.township_id, case.county_id]
        served = Q(coverage__area__in=areas[:2]) & in_force(prefix="coverage__")
        found = Office.objects.filter(in_force()).filter(Q(area__in=areas) | served).distinct().order_by("code")
        self.offices = {office.code: office for office in found}
        posted = Posting.objects.filter(
            in_force(), office__in=found, role__in=INVITED_ROLES, user__is_active=True
        ).select_related("user", "office")
        self.users: dict[str, tuple[User, Office]] = {}
        for row in posted.order_by("office__code", "pk"):
            self.users.setdefault(row.user.username, (row.user, row.office))

    def choices(self) -> list[Any]:
        offices = [(f"o:{code}", office.name) for code, office in self.offices.items()]
        people = [(f"u:{name}", f"{user.name}（{office.name}）") for name, (user, office) in self.users.items()]
        return [("", _("不在系统里的人，写姓名")), (_("单位"), offices), (_("人员"), people)]

    def read(self, value: str) -> dict[str, Any]:
        """The mapping of a plan for one choice."""
        kind, _colon, key = value.partition(":")
        if kind == "o" and key in self.offices:
            return {"office": self.offices[key]}
        if kind == "u" and key in self.users:
            return {"user": self.users[key][0]}
        return {}


class InviteeForm(Form):
    """One row: an office or person of ours, or somebody from outside by name."""

    who = PickField(label=_("单位或人员"))
    name = name_field(_("姓名"))
    capacity = PickField(label=_("身份"), choices=[("", _("不填")), *Attendee.Capacity.choices])
    ask = text_field(_("请他做什么"), limit=200)
    consent = PickField(label=_("当事人同意他参加吗"), choices=CONSENTS, widget=forms.RadioSelect)

    def __init__(self, *args: Any, circle: Circle, choices: list[Any], **kwargs: Any) -> None:
        self.circle = circle
        super().__init__(*args, **kwargs)
        field = self.fields["who"]
        assert isinstance(field, PickField)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("who") and data.get("name"):
            self.add_error("name", _g("选了单位或人员的，不用再写姓名；另一个人另加一行"))
        return data

    def mapping(self) -> dict[str, Any] | None:
        """The row of a plan, or None where nobody is meant."""
        data = self.cleaned_data
        if not data.get("who") and not data.get("name"):
            return None
        who = self.circle.read(data["who"]) if data["who"] else {"name": data["name"], "capacity": data["capacity"]}
        return {**who, "ask": data["ask"], "consent": data["consent"]}


class BaseInvitees(forms.BaseFormSet):
    def mappings(self) -> list[dict[str, Any]]:
        return [row for form in self.forms if (row := form.mapping())]


InviteeFormSet = forms.formset_factory(
    InviteeForm, formset=BaseInvitees, extra=1, max_num=MOST_INVITED, absolute_max=MOST_INVITED + 5, validate_max=True
)


def invitees(case: Dispute, data: Any = None, *, prefix: str, session: Session | None = None) -> Any:
    """The rows of those asked besides the parties."""
    circle = Circle(case)
    initial = []
    for row in session.listed() if session else []:
        if row.party_id:
            continue
        who = f"o:{row.office.code}" if row.office else f"u:{row.user.username}" if row.user else ""
        kept = {"who": who, "name": row.name, "capacity": row.capacity, "ask": row.ask, "consent": row.consent}
        initial.append(kept)
    kwargs = {"circle": circle, "choices": circle.choices()}
    return InviteeFormSet(data, prefix=prefix, initial=initial, form_kwargs=kwargs)


def party_label(party: Party) -> str:
    return f"{party.name}（{party.get_side_display()}）"


# --- the plan --------------------------------------------------------------------------------------------------------
class PlanForm(Form):
    """When, where, who chairs, which parties are asked; the others are a formset beside it."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    day = day_field(_("哪天"), needed=_("填写哪天开"), help_text=_("可写 明天、周五、3.28"))
    starts = time_field(_("几点开始"), needed=_("填写几点开始"), help_text=_("可写 9:00、下午3点"))
    ends = time_field(_("几点结束"), help_text=_("不填按两小时"))
    venue = PickField(label=_("会议室"))
    place = text_field(_("地点"), limit=100, help_text=_("没有合适的会议室时写，如 石门村二社渠口"))
    shares_venue = forms.BooleanField(label=_("知道那间屋同时有别的会，仍用这间"), required=False)
    chair = PickField(label=_("主持人"), needed=_("选主持人"))
    track = PickField(
        label=_("调解类别"), choices=[("", _("不选")), *Agreement.Track.choices[:2]],
        help_text=_("人民调解由人民调解员主持，治安调解由民警主持"),
    )  # fmt: skip
    purpose = text_field(_("要谈什么"), limit=2000, lines=True, rows=2)
    parties = PicksField(label=_("请哪些当事人"))
    guardians = PicksField(label=_("同时请监护人"))
    together = forms.BooleanField(
        label=_("让双方同坐一间屋"), required=False, help_text=_("婚恋家庭纠纷一般分开约见双方")
    )
    together_reason = text_field(_("为什么同坐一间屋"), limit=200)

    #: Where a fact of the door stands on the form.
    FIELD_OF = {"starts_at": "starts", "ends_at": "ends"}

    def __init__(self, *args: Any, case: Dispute, user: User, session: Session | None = None, **kwargs: Any) -> None:
        self.case = case
        self.venues = {str(row.pk): row for row in Venue.objects.on_offer(case)}
        self.chairs = {row.username: row for row in facts.chairs(case, user)}
        parties = list(case.parties.all())
        today = timezone.localdate()
        minors = [p for p in parties if needs_guardian(p, today)]
        kwargs["initial"] = {**self._initial(parties, minors, user, session), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        self._choose("venue", [("", _("不在会议室")), *((pk, str(row)) for pk, row in self.venues.items())])
        self._choose("chair", [("", _("选一个")), *((name, row.name) for name, row in self.chairs.items())])
        self._choose("parties", [(str(p.pk), party_label(p)) for p in parties])
        self._choose("guardians", [(str(p.pk), f"{p.guardian_name}（{p.name}）") for p in minors if p.guardian_name])
        if not self.fields["guardians"].choices:  # type: ignore[attr-defined]
            del self.fields["guardians"]
        if not case.is_family:
            del self.fields["together"], self.fields["together_reason"]

    def _choose(self, name: str, choices: list[Any]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def _initial(
        self, parties: list[Party], minors: list[Party], user: User, session: Session | None
    ) -> dict[str, Any]:
        if session is None:
            # a family's two sides are asked one at a time: nobody is ticked until somebody chooses
            ticked = [] if self.case.is_family else [str(p.pk) for p in parties]
            return {
                "submission": uuid.uuid4(),
                "chair": user.username if user.username in self.chairs else "",
                "parties": ticked,
                "guardians": [str(p.pk) for p in minors],
            }
        asked = session.listed()
        kind = Attendee.Kind
        start, end = timezone.localtime(session.starts_at), timezone.localtime(session.ends_at)
        return {
            "version": session.version,
            "day": start.date(),
            "starts": f"{start:%H:%M}",
            "ends": f"{end:%H:%M}",
            "venue": str(session.venue_id or ""),
            "chair": session.chair.username,
            "parties": [str(row.party_id) for row in asked if row.kind == kind.PARTY],
            "guardians": [str(row.party_id) for row in asked if row.kind == kind.GUARDIAN],
            **{n: getattr(session, n) for n in "place shares_venue track purpose together together_reason".split()},
        }

    def facts(self, invited: list[dict[str, Any]]) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "starts_at": moment(data["day"], data["starts"]),
            "ends_at": moment(data["day"], data["ends"]),
            "venue": self.venues.get(data["venue"]),
            "chair": self.chairs.get(data["chair"]),
            "parties": [int(pk) for pk in data["parties"]],
            "guardians": [int(pk) for pk in data.get("guardians") or ()],
            "invited": invited,
            **{name: data[name] for name in ("place", "shares_venue", "track", "purpose")},
            **{name: data.get(name) for name in ("together", "together_reason")},
        }

    def tell(self, errors: Mapping[str, str]) -> None:
        """Put the door's sentence for each fact beside its field."""
        for name, sentence in errors.items():
            field = self.FIELD_OF.get(name, name)
            self.add_error(field if field in self.fields else None, sentence)


# --- the record ------------------------------------------------------------------------------------------------------
class RecordForm(Form):
    """What came of it. Who came, what each said, and the outcome are never filled in beforehand."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    outcome = PickField(
        label=_("这次的结果"), choices=Session.Outcome.choices, widget=forms.RadioSelect, needed=_("选这次的结果")
    )
    reason = text_field(_("为什么没有开成"), limit=500, lines=True, rows=2)
    held_on = day_field(_("实际哪天开的"))
    began = time_field(_("实际几点开始"))
    ended = time_field(_("几点结束"))
    chair = PickField(label=_("实际主持人"))
    rights_told = time_field(_("几点宣读的权利义务"), help_text=_("开始调解前向到场各方宣读，写下时间"))
    points_agreed = text_field(_("说到一起的"), limit=5000, lines=True, rows=3, help_text=_("谁、做什么、什么时候"))
    points_open = text_field(_("还没谈拢的"), limit=5000, lines=True, rows=3)
    education = text_field(_("法治宣传"), limit=500, lines=True, rows=2, help_text=_("讲了哪部法律、什么道理"))
    next_on = day_field(_("下次日期"))
    recusal_by = PickField(label=_("谁提出回避"))
    recusal_about = PickField(label=_("要谁回避"))
    recusal_reason = text_field(_("回避的理由"), limit=200)
    recusal_decision = PickField(label=_("怎么决定的"), choices=Session.Decision.choices, widget=forms.RadioSelect)

    FIELD_OF = {"held_at": "began", "ended_at": "ended", "rights_told_at": "rights_told"}

    def __init__(self, *args: Any, session: Session, user: User, **kwargs: Any) -> None:
        self.session, case = session, session.dispute
        self.asked = session.listed()
        self.chairs = {row.username: row for row in facts.chairs(case, user)} | {session.chair.username: session.chair}
        kwargs["initial"] = {**self._initial(), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        parties = list(case.parties.all())
        self.parties = {str(p.pk): p for p in parties}
        staff = {row.user.username: row.user for row in self.asked if row.user}
        self.staff = self.chairs | staff
        self._choose("chair", [(name, row.name) for name, row in self.chairs.items()])
        self._choose("recusal_by", [("", _("没有人提出")), *((pk, party_label(p)) for pk, p in self.parties.items())])
        self._choose("recusal_about", [("", _("不选")), *((name, row.name) for name, row in self.staff.items())])
        for row in self.asked:
            self._add(row)

    def _choose(self, name: str, choices: list[Any]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def _add(self, row: Attendee) -> None:
        label = f"{row.label}（{row.capacity_label}）"
        self.fields[f"attended_{row.pk}"] = PickField(label=label, choices=YES_NO, widget=forms.RadioSelect)
        if row.needs_consent:
            self.fields[f"consent_{row.pk}"] = PickField(
                label=_g("当事人同意%(name)s参加吗") % {"name": row.label}, choices=CONSENTS, widget=forms.RadioSelect
            )
        if row.kind == Attendee.Kind.PARTY:
            self.fields[f"statement_{row.pk}"] = text_field(
                _g("%(name)s说了什么") % {"name": row.label}, limit=5000, lines=True, rows=3
            )

    def _initial(self) -> dict[str, Any]:
        row = self.session
        plain = "outcome reason points_agreed points_open education next_on recusal_reason recusal_decision".split()
        initial: dict[str, Any] = {"version": row.version, **{name: getattr(row, name) for name in plain}}
        start = timezone.localtime(row.held_at or row.starts_at)
        initial |= {"held_on": start.date(), "began": f"{start:%H:%M}", "chair": row.chair.username}
        if row.ended_at:
            initial["ended"] = f"{timezone.localtime(row.ended_at):%H:%M}"
        if row.rights_told_at:
            initial["rights_told"] = f"{timezone.localtime(row.rights_told_at):%H:%M}"
        initial["recusal_by"] = str(row.recusal_by_id or "")
        initial["recusal_about"] = row.recusal_about.username if row.recusal_about else ""
        for one in self.asked:
            came = {True: "yes", False: "no"}.get(one.attended)  # type: ignore[arg-type]
            initial |= {f"attended_{one.pk}": came, f"consent_{one.pk}": one.consent}
            initial[f"statement_{one.pk}"] = one.statement
        return initial

    def people(self) -> list[dict[str, Any]]:
        """What the page draws for each of those asked."""
        return [
            {
                "attended": self[f"attended_{row.pk}"],
                "consent": self[f"consent_{row.pk}"] if row.needs_consent else None,
                "statement": self[f"statement_{row.pk}"] if row.kind == Attendee.Kind.PARTY else None,
            }
            for row in self.asked
        ]

    @property
    def recusal_opens(self) -> bool:
        names = ("recusal_by", "recusal_about", "recusal_reason", "recusal_decision")
        return any(self[name].errors or self[name].value() for name in names)

    def facts(self, walk_ins: list[dict[str, Any]]) -> dict[str, Any]:
        data = self.cleaned_data
        day = data["held_on"]
        people = {
            row.pk: {
                "attended": {"yes": True, "no": False}.get(data[f"attended_{row.pk}"]),
                "consent": data.get(f"consent_{row.pk}") or "",
                "statement": data.get(f"statement_{row.pk}") or "",
            }
            for row in self.asked
        }
        recusal = {
            "by": self.parties.get(data["recusal_by"]),
            "about": self.staff.get(data["recusal_about"]),
            "reason": data["recusal_reason"],
            "decision": data["recusal_decision"],
        }
        return {
            "held_at": moment(day, data["began"]),
            "ended_at": moment(day, data["ended"]),
            "rights_told_at": moment(day, data["rights_told"]),
            "chair": self.chairs.get(data["chair"]),
            "people": people,
            "walk_ins": walk_ins,
            "recusal": recusal,
            **{n: data[n] for n in "outcome reason points_agreed points_open education next_on".split()},
        }

    def tell(self, errors: Mapping[str, str]) -> None:
        """Put the door's sentence for each fact beside its field."""
        for name, sentence in errors.items():
            field = self.FIELD_OF.get(name, name)
            self.add_error(field if field in self.fields else None, sentence)

    def kept(self) -> str:
        """Every longer text that was typed, for a page that cannot show the form again."""
        names = ["reason", "points_agreed", "points_open", "education"]
        names += [name for name in self.fields if name.startswith("statement_")]
        return "\n\n".join(filter(None, (str(self[name].value() or "") for name in names)))


class VenueForm(Form):
    """A room of an office."""

    office = PickField(label=_("单位"), needed=_("选单位"))
    name = text_field(_("名称"), limit=50, needed=_("填写名称，如 一楼调解室"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        rows = Office.objects.filter(in_force())
        if not user.scope.has("sysadmin"):
            rows = rows.filter(pk__in=sorted(user.scope.leads))
        self.offices = {row.code: row for row in rows.order_by("code")}
        super().__init__(*args, **kwargs)
        field = self.fields["office"]
        assert isinstance(field, PickField)
        known = [(code, row.name) for code, row in self.offices.items()]
        field.choices = known if len(known) == 1 else [("", _("选单位")), *known]
