"""The API of disputes: list, file, register, edit, every move, notes, parties, attachments, saved filters.

Views hold HTTP only: load through `visible_to`, check shape, one call to the domain. Moves and their bodies are read
from MOVES and FACTS, so that a new move is in the API and its schema without a line here.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError as Unreadable
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import record_read_once
from audit.rest import Day, Money, Pick, Room, Strict, Text, Whole, YesNo, idempotent
from disputes import attachments, links, masking, parsing
from disputes import facts as catalogue
from disputes.codes import SOURCE, TYPE_L1, TYPE_L2
from disputes.filters import DUE, DisputeFilter
from disputes.forms import NOTE_WAYS, villages_of
from disputes.matching import suggestions
from disputes.models import (
    Agreement,
    Attachment,
    Dispute,
    DisputeQuerySet,
    Event,
    FactsMissing,
    MoveRefused,
    NotYours,
    Party,
    SavedFilter,
)
from disputes.moves import MOVES, Status, Tier
from disputes.safe import acts
from disputes.safe.acts import ACTS
from disputes.safe.models import Slip
from disputes.urging.acts import WORDS, urge
from villages.models import DESK_ROLES, Code, Role, User, in_force

MAX_PARTIES, MAX_FILTERS = 30, 30

# --- what is sent back ------------------------------------------------------------------------------------------------


class Named(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField()


class Person(serializers.Serializer):
    username = serializers.CharField()
    name = serializers.CharField()


class PartyShown(serializers.Serializer):
    """One party; persons masked as the page masks them, phones and numbers always."""

    id = serializers.IntegerField()
    side = serializers.ChoiceField(Party.Side.choices)
    kind = serializers.ChoiceField(Party.Kind.choices)
    name = serializers.CharField()
    alias = serializers.CharField()
    sex = serializers.ChoiceField(Party.Sex.choices, allow_blank=True)
    birth_on = serializers.DateField(allow_null=True)
    guardian_name = serializers.CharField()
    guardian_relation = serializers.CharField()
    agent_name = serializers.CharField()
    agent_scope = serializers.CharField()
    agent_in_writing = serializers.BooleanField()
    guardian_consent_on = serializers.DateField(allow_null=True)
    own_wages = serializers.BooleanField()
    contact_name = serializers.CharField()
    language_help = serializers.CharField()
    read_aloud = serializers.BooleanField()
    safe_to_call = serializers.CharField()
    phone = serializers.CharField(help_text=_("隐去中间的电话"))
    id_number = serializers.CharField(help_text=_("隐去中间的证件号"))
    address = serializers.CharField(help_text=_("隐去后面的住址"))
    consent = serializers.ChoiceField(Party.Consent.choices, allow_blank=True)
    consent_on = serializers.DateField(allow_null=True)
    consent_way = serializers.CharField()


class RoundShown(serializers.Serializer):
    no = serializers.IntegerField()
    opened_at = serializers.DateTimeField()
    left_at = serializers.DateTimeField(allow_null=True)
    left_as = serializers.CharField()
    on_time = serializers.BooleanField(allow_null=True)


class ObligationShown(serializers.Serializer):
    debtor = serializers.IntegerField(help_text=_("当事人 id"))
    what = serializers.CharField()
    amount = serializers.CharField(allow_null=True)
    due_on = serializers.DateField()
    id = serializers.IntegerField()
    performance = serializers.CharField()
    performed_on = serializers.DateField(allow_null=True)
    paid = serializers.CharField(allow_null=True)


class AgreementShown(serializers.Serializer):
    round = serializers.IntegerField()
    result = serializers.CharField()
    track = serializers.CharField()
    organisation = Named()
    chair = Person()
    agreed_on = serializers.DateField()
    on_the_spot = serializers.BooleanField()
    signed_on = serializers.DateField(allow_null=True, help_text=_("最后签名盖章的日期"))
    effective_on = serializers.DateField(help_text=_("生效日期"))
    text = serializers.CharField()
    obligations = ObligationShown(many=True)


class Row(serializers.Serializer):
    """One line of the list."""

    case_no = serializers.CharField()
    version = serializers.IntegerField()
    tier = serializers.ChoiceField(Tier.choices)
    status = serializers.ChoiceField(Status.choices)
    round = serializers.IntegerField()
    township = serializers.CharField()
    village = serializers.CharField()
    type_l1 = serializers.CharField()
    type_l2 = serializers.CharField()
    side_a = serializers.CharField()
    side_b = serializers.CharField()
    desk = serializers.CharField()
    handler = serializers.CharField(allow_null=True)
    danger = serializers.CharField()
    complexity = serializers.CharField()
    found_on = serializers.DateField()
    registered_at = serializers.DateTimeField()
    arrived_at = serializers.DateTimeField()
    due_on = serializers.DateField(allow_null=True)
    due_provisional = serializers.BooleanField()
    is_paused = serializers.BooleanField()


class CaseShown(serializers.Serializer):
    """The whole file of one dispute, as this viewer may read it."""

    case_no = serializers.CharField()
    version = serializers.IntegerField(help_text=_("修改和办理时带上它，别人先改过就是 409"))
    title = serializers.CharField()
    county = Named()
    township = Named()
    village = Named()
    place = serializers.CharField()
    type_l1 = Named()
    type_l2 = Named(allow_null=True)
    source = Named()  # type: ignore[assignment]  # the metaclass takes it off the class; the stub sees Field.source
    narrative = serializers.CharField()
    demands = serializers.CharField()
    people_count = serializers.IntegerField(allow_null=True)
    amount = serializers.CharField(allow_null=True)
    complexity = serializers.ChoiceField(Dispute.Complexity.choices)
    crime_suspected = serializers.BooleanField()
    bullying = serializers.BooleanField()
    occurred_on = serializers.DateField(allow_null=True)
    found_on = serializers.DateField()
    registered_at = serializers.DateTimeField()
    registered_by = Person()
    tier = serializers.ChoiceField(Tier.choices)
    status = serializers.ChoiceField(Status.choices)
    desk = Named()
    handler = Person(allow_null=True)
    round = serializers.IntegerField()
    opened_at = serializers.DateTimeField()
    arrived_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)
    left_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    result = serializers.CharField()
    due_on = serializers.DateField(allow_null=True)
    due_kind = serializers.CharField()
    due_provisional = serializers.BooleanField(help_text=_("日历缺当年的节假日，日期是暂定的"))
    case_due_on = serializers.DateField(allow_null=True)
    escalate_on = serializers.DateField(allow_null=True)
    is_paused = serializers.BooleanField()
    danger = serializers.ChoiceField(Dispute.Danger.choices, allow_blank=True)
    danger_until = serializers.DateField(allow_null=True)
    protected = serializers.BooleanField(help_text=_("涉未成年人或婚恋家庭，姓名只对责任单位显示"))
    merged_into = serializers.CharField(allow_null=True)
    merged_from = serializers.ListField(child=serializers.CharField(), help_text=_("并入本案的案号"))
    split_from = serializers.CharField(allow_null=True)
    split_into = serializers.ListField(child=serializers.CharField(), help_text=_("由本案分出的案号"))
    parties = PartyShown(many=True)
    rounds = RoundShown(many=True)
    agreements = AgreementShown(many=True)
    allowed_moves = serializers.DictField(
        child=serializers.CharField(allow_null=True), help_text=_("能办的是 null，现在不能办的是原因")
    )


class EventShown(serializers.Serializer):
    """One entry of the timeline."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it off the class; the stub sees Field.label
    at = serializers.DateTimeField()
    by = serializers.CharField(allow_blank=True, help_text=_("空的是系统"))
    office = serializers.CharField(allow_null=True)
    desk = serializers.CharField()
    status_from = serializers.CharField()
    status_to = serializers.CharField()
    tier_from = serializers.IntegerField()
    tier_to = serializers.IntegerField()
    round = serializers.IntegerField()
    version = serializers.IntegerField()
    is_attempt = serializers.BooleanField()
    facts = serializers.DictField(help_text=_("代码和日期，没有个人信息"))
    text = serializers.CharField()


class AttachmentShown(serializers.Serializer):
    id = serializers.UUIDField()
    previews = serializers.ListField(
        child=serializers.IntegerField(), help_text=_("有哪些尺寸的预览（较长边的像素）；文件没有预览")
    )
    capture = serializers.UUIDField(allow_null=True, help_text=_("走访时拍的照片属于哪一条记录"))
    name = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    event = serializers.IntegerField(allow_null=True, help_text=_("时间线里的条目"))


class Similar(serializers.Serializer):
    case_no = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    registered_at = serializers.DateTimeField()
    why = serializers.CharField(help_text=_("哪里相同"))


class FilterShown(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    query = serializers.CharField()


class SlipMade(serializers.Serializer):
    id = serializers.UUIDField()
    received_on = serializers.DateField()


class SlipShown(SlipMade):
    """A slip in its own words, to a supervisor."""

    text = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    answer = serializers.CharField()
    answered_at = serializers.DateTimeField(allow_null=True)


class Revealed(serializers.Serializer):
    field = serializers.CharField()
    value = serializers.CharField(help_text=_("空的是没有登记"))


def named(row: Any) -> dict[str, str] | None:
    return {"code": row.code, "name": row.name} if row else None


def person(user: User | None) -> dict[str, str] | None:
    return {"username": user.username, "name": user.name} if user else None


def yuan(amount: Any) -> str | None:
    return None if amount is None else f"{amount:.2f}"


class Viewer:
    """What one person may read of one case: names, and texts in which names stand."""

    def __init__(self, case: Dispute, user: User) -> None:
        self.hidden = case.names_hidden_from(user)
        self._names = [n for p in case.parties.all() for n in (p.name, p.alias, p.guardian_name, p.agent_name)]

    def name(self, name: str) -> str:
        return masking.mask_name(name) if self.hidden else name

    def text(self, text: str) -> str:
        """`text` with the parties' names masked."""
        return masking.mask_in(text, self._names) if self.hidden else text


def show_party(party: Party, viewer: Viewer) -> dict[str, Any]:
    hidden = viewer.hidden
    person_name = (lambda n: n) if party.kind == Party.Kind.ORGANISATION else viewer.name
    return {
        "id": party.pk,
        "side": party.side,
        "kind": party.kind,
        "name": person_name(party.name),
        "alias": viewer.name(party.alias),
        "sex": party.sex,
        "birth_on": None if hidden else party.birth_on,
        "guardian_name": viewer.name(party.guardian_name),
        "guardian_relation": party.guardian_relation,
        "agent_name": viewer.name(party.agent_name),
        "agent_scope": party.agent_scope,
        "agent_in_writing": party.agent_in_writing,
        "guardian_consent_on": None if hidden else party.guardian_consent_on,
        "own_wages": party.own_wages,
        "contact_name": viewer.name(party.contact_name),
        "language_help": party.language_help,
        "read_aloud": party.read_aloud,
        "safe_to_call": "" if hidden else party.safe_to_call,
        "phone": party.phone_masked,
        "id_number": party.id_masked,
        "address": party.address_masked,
        "consent": party.consent,
        "consent_on": party.consent_on,
        "consent_way": party.consent_way,
    }


# fmt: off
#: Fields of the case and of an event that are shown as they are stored.
AS_STORED = (
    "case_no", "version", "place", "people_count", "complexity", "crime_suspected", "bullying", "occurred_on",
    "found_on", "registered_at", "tier", "status", "round", "opened_at", "arrived_at", "accepted_at", "left_at",
    "settled_at", "closed_at", "result", "due_on", "due_kind", "due_provisional", "case_due_on", "escalate_on",
    "is_paused", "danger", "danger_until", "protected",
)
EVENT_AS_STORED = (
    "id", "kind", "at", "status_from", "status_to", "tier_from", "tier_to", "round", "version", "is_attempt",
)
AGREED = ("round", "result", "track", "agreed_on", "on_the_spot", "signed_on", "effective_on")
#: Facts of an event that are row numbers of ours and mean nothing outside.
OURS = {"handler", "agreement", "visits", "submission", "told_new", "told_off", "letter", "committee", "office"}
#: What a list row reads: one statement, no instance.
IN_ROW = (
    "id", "case_no", "version", "tier", "status", "round", "type_l1", "type_l2", "side_a", "side_b", "protected",
    "desk_id", "danger", "complexity", "found_on", "registered_at", "arrived_at", "due_on", "due_provisional",
    "is_paused", "township__short_name", "village__short_name", "desk__name", "handler__name",
)
# fmt: on


def show_case(case: Dispute, user: User, at: dt.datetime) -> dict[str, Any]:
    """The file; needs the rows that `Disputes.for_file` loads."""
    names = {
        (row.table, row.code): row.name
        for row in Code.objects.filter(
            Q(table=TYPE_L1, code=case.type_l1)
            | Q(table=TYPE_L2, code=case.type_l2)
            | Q(table=SOURCE, code=case.source)
        )
    }

    def code(table: str, value: str) -> dict[str, str] | None:
        return {"code": value, "name": names.get((table, value), value)} if value else None

    viewer = Viewer(case, user)
    l1, l2 = code(TYPE_L1, case.type_l1), code(TYPE_L2, case.type_l2)
    tied = links.tied(case, user)
    return {
        **{name: getattr(case, name) for name in AS_STORED},
        "title": case.title_for(user, (l2 or l1 or {"name": ""})["name"]),
        "county": named(case.county),
        "township": named(case.township),
        "village": named(case.village),
        "type_l1": l1,
        "type_l2": l2,
        "source": code(SOURCE, case.source),
        "narrative": viewer.text(case.narrative),
        "demands": viewer.text(case.demands),
        "amount": yuan(case.amount),
        "registered_by": person(case.registered_by),
        "desk": named(case.desk),
        "handler": person(case.handler),
        "merged_into": case.merged_into.case_no if case.merged_into else None,
        "merged_from": [row.case_no for row in tied if row.merged_into_id == case.pk],
        "split_from": case.split_from.case_no if case.split_from else None,
        "split_into": [row.case_no for row in tied if row.split_from_id == case.pk],
        "parties": [show_party(party, viewer) for party in case.parties.all()],
        "rounds": [
            {name: getattr(row, name) for name in ("no", "opened_at", "left_at", "left_as", "on_time")}
            for row in case.rounds.all()
        ],
        "agreements": [show_agreement(row, viewer) for row in case.agreements.all()],
        "allowed_moves": case.moves_for(user, at),
    }


def show_agreement(agreement: Agreement, viewer: Viewer) -> dict[str, Any]:
    return {
        **{name: getattr(agreement, name) for name in AGREED},
        "organisation": named(agreement.organisation),
        "chair": person(agreement.chair),
        "text": viewer.text(agreement.text),
        "obligations": [
            {
                "debtor": row.debtor_id,
                "what": viewer.text(row.what),
                "amount": yuan(row.amount),
                "due_on": row.due_on,
                "id": row.pk,
                "performance": row.performance,
                "performed_on": row.performed_on,
                "paid": yuan(row.paid),
            }
            for row in agreement.obligations.all()
        ],
    }


def show_event(event: Event, viewer: Viewer) -> dict[str, Any]:
    return {
        **{name: getattr(event, name) for name in EVENT_AS_STORED},
        "facts": {name: value for name, value in event.facts.items() if name not in OURS},
        "label": event.label,
        "by": event.by_name,
        "office": event.office.name if event.office else None,
        "desk": event.desk.name,
        "text": viewer.text(event.text.body) if hasattr(event, "text") else "",
    }


def show_attachment(row: Attachment, name: Callable[[str], str] = str) -> dict[str, Any]:
    """`name` hides what does not stand in a file's name for this viewer either."""
    return {
        **{field: getattr(row, field) for field in ("content_type", "size", "sha256", "at")},
        "id": row.uid,
        "name": name(row.name),
        "previews": row.sizes[1:],
        "capture": row.capture and row.capture.uid,
        "by": row.by.name,
        "event": row.event_id,
    }


def show_slip(row: Slip, text: str) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in ("received_on", "at", "answer", "answered_at")}
    return {**shown, "id": row.uid, "text": text, "by": row.by.name}


# --- what is sent in --------------------------------------------------------------------------------------------------


def readable(reader: Callable[..., str], value: str, **options: Any) -> str:
    """`value` as `disputes.parsing` reads it, or its sentence as a field error."""
    try:
        return reader(value, **options)
    except Unreadable as error:
        raise ValidationError(error.messages) from None


class Phone(Text):
    """A mobile, a landline or a short group number, stored in one form."""

    pattern = r"^(1[3-9][0-9]{9}|(010|02[0-9]|0[3-9][0-9]{2})-?[0-9]{7,8}|[1-9][0-9]{2,5})?$"

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_blank=True, max_length=20, **options)

    def to_internal_value(self, data: Any) -> str:
        return readable(parsing.phone, super().to_internal_value(data))


class IdNumber(Text):
    """A citizen's ID number whose check digit agrees (GB 11643)."""

    pattern = r"^([0-9]{17}[0-9X])?$"

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_blank=True, max_length=18, **options)

    def to_internal_value(self, data: Any) -> str:
        return readable(parsing.id_number, super().to_internal_value(data))


class CodeOf(Text):
    """A code of one table that may be chosen today."""

    def __init__(self, table: str, digits: int, **options: Any) -> None:
        self.table = table
        super().__init__(pattern=f"^[0-9]{{{digits}}}$", **options)

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if not Code.objects.filter(in_force(), table=self.table, code=value, active=True).exists():
            raise ValidationError(_g("没有这个代码，在 /api/v1/codes/ 列出的里面选"))
        return value


class VillageCode(Text):
    """A village inside the caller's scope; one that does not exist answers the same."""

    pattern = r"^[0-9]{12}$"

    def to_internal_value(self, data: Any) -> Any:
        code = super().to_internal_value(data)
        found = next((area for area in villages_of(self.context["request"].user) if area.code == code), None)
        if found is None:
            raise ValidationError(_g("没有这个村（社区），或者它不在你的范围内"))
        return found


def optional(limit: int, **options: Any) -> Text:
    return Text(required=False, allow_blank=True, max_length=limit, **options)


class PartyFields(Strict):
    """What may be said of a party; nothing else is stored."""

    alias = optional(50)
    sex = Pick(Party.Sex.choices, required=False, allow_blank=True)
    birth_on = Day(required=False, allow_null=True)
    guardian_name = optional(50)
    guardian_relation = optional(20)
    guardian_phone = Phone()
    agent_name = optional(50)
    agent_scope = optional(100)
    contact_name = optional(50)
    agent_in_writing = YesNo(required=False)
    guardian_consent_on = Day(required=False, allow_null=True, help_text=_("未满 14 周岁的，监护人同意后才登记"))
    own_wages = YesNo(required=False, help_text=_("已满 16 周岁，靠自己的劳动收入生活，本人同意"))
    language_help = optional(20)
    read_aloud = YesNo(required=False)
    safe_to_call = optional(100)
    phone = Phone()
    id_number = IdNumber()
    address = optional(200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("birth_on") and attrs["birth_on"] > timezone.localdate():
            raise ValidationError({"birth_on": [_g("出生日期在今天之后，核对年份")]})
        for name in ("name", "alias", "guardian_name", "agent_name", "contact_name"):
            if attrs.get(name):
                attrs[name] = readable(parsing.name, attrs[name], limit=parsing.ORGANISATION_LENGTH)
        return attrs


class NewParty(PartyFields):
    side = Pick(Party.Side.choices)
    kind = Pick(Party.Kind.choices, required=False)
    name = Text(max_length=parsing.ORGANISATION_LENGTH)
    consent = Pick([choice for choice in Party.Consent.choices if choice[0]], required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        number = attrs.get("id_number")
        if number and attrs.get("kind", Party.Kind.PERSON) == Party.Kind.PERSON:
            # the number only prefills what was left empty
            attrs["birth_on"] = attrs.get("birth_on") or parsing.id_birth(number)
            attrs["sex"] = attrs.get("sex") or parsing.id_sex(number)
        if attrs.get("consent"):
            attrs["consent_on"] = timezone.localdate()
        return attrs


class ChangedParty(PartyFields):
    """With `id` it changes that party, without it adds one, which then needs side and name."""

    id = Whole(required=False, min_value=1, max_value=2**53)
    side = Pick(Party.Side.choices, required=False)
    kind = Pick(Party.Kind.choices, required=False)
    name = Text(max_length=parsing.ORGANISATION_LENGTH, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        missing = [name for name in ("side", "name") if "id" not in attrs and name not in attrs]
        if missing:
            raise ValidationError({name: [_g("新增当事人要填")] for name in missing})
        return super().validate(attrs)


class CaseFields(Strict):
    """The facts of a registration that may be written; where a case stands is changed by moves alone."""

    place = optional(200)
    type_l1 = CodeOf(TYPE_L1, 2)
    type_l2 = CodeOf(TYPE_L2, 4, required=False)
    source = CodeOf(SOURCE, 2)  # type: ignore[assignment]  # the metaclass takes it off the class; the stub sees Field.source
    narrative = Text(max_length=20000)
    demands = optional(5000)
    people_count = Whole(required=False, allow_null=True, min_value=0, max_value=1_000_000)
    amount = Money(required=False, allow_null=True)
    complexity = Pick(Dispute.Complexity.choices, required=False)
    crime_suspected = YesNo(required=False)
    bullying = YesNo(required=False)
    occurred_on = Day(required=False, allow_null=True)
    found_on = Day()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        case: Dispute | None = self.context.get("case")
        after = {name: attrs.get(name, getattr(case, name, None)) for name in self.fields.fields}
        today = timezone.localdate()
        errors: dict[str, list[str]] = {
            name: [_g("日期在今天之后，写实际的那天")]
            for name in ("found_on", "occurred_on")
            if attrs.get(name) and attrs[name] > today
        }
        if after["occurred_on"] and after["found_on"] and after["occurred_on"] > after["found_on"]:
            errors.setdefault("occurred_on", [_g("发生日期晚于排查日期，核对两个日期")])
        if after["type_l2"] and not after["type_l2"].startswith(after["type_l1"]):
            errors["type_l2"] = [_g("纠纷类型不属于所选大类，重新选")]
        if errors:
            raise ValidationError(errors)
        return attrs


def in_days(day: dt.date, low: int, high: int, sentence: str) -> dt.date:
    """`day`, when it lies that many days from today."""
    if not low <= (day - timezone.localdate()).days <= high:
        raise ValidationError(sentence)
    return day


class DangerBody(Strict):
    level = Pick([choice for choice in Dispute.Danger.choices if choice[0]])
    reason = Text(max_length=500)
    expires_on = Day(required=False)

    def validate_expires_on(self, day: dt.date) -> dt.date:
        return in_days(day, 1, 90, _g("风险等级的有效期要在明天到 90 天之内"))


class NewCase(CaseFields):
    village = VillageCode(help_text=_("12 位区划代码"))
    tier = Pick(Tier.choices, required=False)
    parties = NewParty(many=True, min_length=1, max_length=MAX_PARTIES, help_text=_("至少有甲方"))
    danger = DangerBody(required=False)

    def validate_parties(self, parties: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not any(party["side"] == Party.Side.A for party in parties):
            raise ValidationError(_g("填写甲方姓名，不清楚可写“不清楚”"))
        return parties


class CaseChange(CaseFields):
    """Only what is sent changes."""

    version = Whole(min_value=1, max_value=2**31 - 1)
    parties = ChangedParty(many=True, required=False, max_length=MAX_PARTIES)

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        for name, field in fields.items():
            field.required = name == "version"
        return fields


class NoteBody(Strict):
    text = Text(max_length=5000)
    way = Pick(NOTE_WAYS, required=False)
    happened_on = Day(required=False)
    is_attempt = YesNo(required=False, help_text=_("是一次调解"))

    def validate_happened_on(self, day: dt.date) -> dt.date:
        return in_days(day, -36600, 0, _g("日期在今天之后，写实际的那天"))


class ConsentBody(Strict):
    consent = Pick([choice for choice in Party.Consent.choices if choice[0]])
    way = optional(20)
    on = Day(required=False, help_text=_("哪天问的，不填就是今天"))
    asked_by = Text(required=False, max_length=60, help_text=_("谁问的（账号），不填就是本人"))
    taken_back = YesNo(required=False, help_text=_("明确拒绝过的，只能由本人撤回"))


class RevealBody(Strict):
    field = Pick([(name, name) for name in Party.SECRETS])
    reason = Text(max_length=200)


class ReasonBody(Strict):
    reason = Text(max_length=500)


class UrgeBody(Strict):
    words = Text(max_length=WORDS)


class SlipBody(Strict):
    text = Text(max_length=5000)
    received_on = Day()


class SlipAnswerBody(Strict):
    answer = Text(max_length=500)


class FileBody(Strict):
    """multipart/form-data with one file."""

    file = serializers.FileField(
        allow_empty_file=True,  # judged where every file is, in our words
        help_text=_("照片（jpg、png、webp）、pdf、docx、xlsx 或录音（mp3、m4a）"),
    )


class AlikeParty(Strict):
    name = Text(max_length=parsing.ORGANISATION_LENGTH)
    phone = Phone()
    id_number = IdNumber()


class AlikeBody(Strict):
    """Names are compared inside `village`; without it, inside the caller's only one."""

    village = VillageCode(required=False, help_text=_("12 位区划代码"))
    type_l2 = CodeOf(TYPE_L2, 4, required=False)
    parties = AlikeParty(many=True, min_length=1, max_length=MAX_PARTIES)


class FilterBody(Strict):
    name = Text(max_length=30)
    query = Text(max_length=500, help_text=_("列表地址问号后面的部分，如 status=waiting&due=overdue"))

    def validate_query(self, query: str) -> str:
        unknown = sorted(set(QueryDict(query)) - set(DisputeFilter.base_filters))
        if unknown:
            raise ValidationError(_g("列表没有这个条件：%(names)s") % {"names": "、".join(unknown)[:100]})
        return query


class CaseQuery(Strict):
    """The conditions of the list: those of the page, `DisputeFilter`."""

    q = optional(100, help_text=_("案号、姓名、拼音、村名、电话或其后四位、身份证号"))
    desk = Pick([("mine", _("本单位办理"))], required=False)
    handler = Pick([("me", _("我经办"))], required=False)
    status = serializers.ListField(child=Pick(Status.choices), required=False, max_length=len(Status))
    tier = Pick([(str(value), label) for value, label in Tier.choices], required=False)
    township = Text(pattern=r"^[0-9]{12}$", required=False, max_length=12, help_text=_("12 位区划代码"))
    village = Text(pattern=r"^[0-9]{12}$", required=False, max_length=12, help_text=_("12 位区划代码"))
    type_l1 = Text(pattern=r"^[0-9]{2}$", required=False, max_length=2)
    danger = Pick([choice for choice in Dispute.Danger.choices if choice[0]], required=False)
    due = Pick(DUE, required=False)
    source = Text(pattern=r"^[0-9]{2}$", required=False, max_length=2)  # type: ignore[assignment]  # the metaclass takes it off the class; the stub sees Field.source
    found_from = Day(required=False)
    found_to = Day(required=False)


# --- moves ------------------------------------------------------------------------------------------------------------


class ObligationBody(Strict):
    debtor = Whole(min_value=1, max_value=2**53, help_text=_("当事人 id"))
    what = Text(max_length=300)
    amount = Money(required=False, allow_null=True)
    due_on = Day()


class Consents(serializers.DictField):
    """Party id → answer."""

    child = Pick([choice for choice in Party.Consent.choices if choice[0]])


class Safety(Strict):
    """The five questions of a family case (DVA 2); all of them."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {name: YesNo(help_text=label) for name, label in catalogue.SAFETY_LABELS.items()}


def fact_field(name: str, *, required: bool, facts: Mapping[str, catalogue.Fact] = catalogue.FACTS) -> Any:
    """The body field of one fact of a catalogue."""
    fact = facts[name]
    options: dict[str, Any] = {"required": required, "help_text": fact.help or fact.label}
    match fact.kind:
        case catalogue.LINE | catalogue.TEXT:
            return Text(max_length=fact.limit, allow_blank=not required, **options)
        case catalogue.DAY:
            return Day(**options)
        case catalogue.YUAN:
            return Money(allow_null=not required, **options)
        case catalogue.TICK | catalogue.YES_NO:
            return YesNo(**options)
        case catalogue.CHOICE if name == "tier":
            return Pick(Tier.choices, **options)
        case catalogue.CHOICE:
            return Pick(fixed_choices(fact), **options)
        case catalogue.OF_CASE:
            return Whole(min_value=1, max_value=2**53, **options)
        case catalogue.MANY:
            return serializers.ListField(child=Pick(fixed_choices(fact)), min_length=1, max_length=20, **options)
        case catalogue.PERSON | catalogue.OFFICE | catalogue.CASE:
            return Text(max_length=60, **options)
        case catalogue.CONSENTS:
            return Consents(**options)
        case catalogue.OBLIGATIONS:
            return ObligationBody(many=True, max_length=catalogue.MAX_OBLIGATIONS, **options)
        case catalogue.SAFETY:
            return Safety(**options)
        case catalogue.PARTS:
            part = Text(max_length=fact.limit)
            return serializers.ListField(child=part, min_length=1, max_length=catalogue.MAX_PARTS, **options)
    raise NotImplementedError(fact.kind)


def fixed_choices(fact: catalogue.Fact) -> list[tuple[str, Any]]:
    """Choices that are the same for every case."""
    assert fact.choices is not None
    return list(fact.choices(Dispute()))


def body_of(name: str) -> type[Strict]:
    """The body of one move: its facts, and the version that was read."""
    row = MOVES[name]
    fields: dict[str, Any] = {fact: fact_field(fact, required=fact in row.needs) for fact in row.facts}
    fields["version"] = Whole(
        required=False, min_value=1, max_value=2**31 - 1, help_text=_("看到的版本，别人先办过就是 409")
    )
    return type(f"Move{name.title().replace('_', '')}", (Strict,), fields)


BODIES = {name: body_of(name) for name in MOVES}


# --- views ------------------------------------------------------------------------------------------------------------


def show_row(row: dict[str, Any], *, desks: Any, masked: bool) -> dict[str, Any]:
    """One row of `.values()` as this viewer may read it: the rule of `Dispute.names_hidden_from`."""
    row = dict(row)  # the paginator still reads the id of its own
    del row["id"]
    desk, protected = row.pop("desk_id"), row.pop("protected")
    if masked or (protected and desk not in desks):
        for side in ("side_a", "side_b"):
            row[side] = masking.mask_side(row[side])
    row["township"], row["village"] = row.pop("township__short_name"), row.pop("village__short_name")
    row["desk"], row["handler"] = row.pop("desk__name"), row.pop("handler__name")
    return row


CASE_NO = OpenApiParameter("case_no", OpenApiTypes.STR, OpenApiParameter.PATH, description=_("案号"))
UID = OpenApiParameter("uid", OpenApiTypes.UUID, OpenApiParameter.PATH)
SIZE = OpenApiParameter("size", int, OpenApiParameter.PATH, enum=Attachment.PREVIEWS, description=_("较长边的像素"))


class Disputes(Room):
    """Cases inside the caller's scope."""

    lookup_field = "case_no"
    lookup_value_regex = "[^/]+"
    serializer_class = CaseShown
    queryset = Dispute.objects.none()

    def for_file(self, rows: DisputeQuerySet) -> QuerySet[Dispute]:
        return (
            rows.for_page()
            .select_related("merged_into", "split_from")
            .prefetch_related("parties", "rounds", "agreements__organisation", "agreements__chair")
            .prefetch_related("agreements__obligations")
        )

    def case(self, case_no: str) -> Dispute:
        """The case, its reading written into the log; 404 when it is not in scope."""
        case = get_object_or_404(self.for_file(Dispute.objects.visible_to(self.request.user)), case_no=case_no)
        record_read_once(
            actor=self.request.user,
            subject=case.case_no,
            county=case.case_no[:6],
            request=self.request._request,
        )
        return case

    def file(self, case_no: str, **answer: Any) -> Response:
        """The file as it stands after the caller's own act, even where that act took it out of their sight."""
        case = self.for_file(Dispute.objects.all()).get(case_no=case_no)
        return Response(show_case(case, self.request.user, timezone.now()), **answer)  # type: ignore[arg-type]

    @extend_schema(
        operation_id="disputes_list", summary=_("案件列表"), parameters=[CaseQuery], responses=Row(many=True)
    )
    def list(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        cases = Dispute.objects.visible_to(user)
        if self.asked(CaseQuery):
            found = DisputeFilter(request.query_params, cases, request=request)
            if not found.is_valid():
                raise ValidationError(found.errors)
            cases = found.qs
        desks, masked = user.scope.desks, user.scope.masked
        return self.page(cases.values(*IN_ROW), lambda row: show_row(row, desks=desks, masked=masked))

    @extend_schema(
        operation_id="disputes_similar",
        summary=_("登记前看有没有同一当事人的案件"),
        request=AlikeBody,
        responses=Similar(many=True),
    )
    @action(detail=False, methods=["post"], pagination_class=None)
    def similar(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        asked = self.checked(AlikeBody, request.data)
        village = asked.get("village")
        if village is None:
            own = villages_of(user)
            village = own[0] if len(own) == 1 else None  # as the form fills in the only one
        found = suggestions(user, village=village, parties=asked["parties"], type_l2=asked.get("type_l2", ""))
        return Response(
            [
                {
                    "case_no": one.case.case_no,
                    "status": one.case.status,
                    "registered_at": one.case.registered_at,
                    "why": one.why,
                }
                for one in found
            ]
        )

    @extend_schema(
        operation_id="disputes_register", summary=_("登记一件案件"), request=NewCase, responses={201: CaseShown}
    )
    @idempotent
    def create(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        if user.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不登记案件。发现纠纷的联系村警务助理或警务室"))
        facts = self.checked(NewCase, request.data)
        parties = facts.pop("parties")
        case = Dispute.objects.register(
            by=user, at=timezone.now(), facts=facts, parties=parties, request=request._request
        )
        where = request.build_absolute_uri(f"{request.path}{case.case_no}/")
        return self.file(case.case_no, status=201, headers={"Location": where})

    @extend_schema(operation_id="disputes_retrieve", summary=_("一件案件的全部内容"), parameters=[CASE_NO])
    def retrieve(self, request: Request, case_no: str) -> Response:
        return Response(show_case(self.case(case_no), request.user, timezone.now()))  # type: ignore[arg-type]

    @extend_schema(
        operation_id="disputes_edit", summary=_("修改登记内容和当事人"), parameters=[CASE_NO], request=CaseChange
    )
    def partial_update(self, request: Request, case_no: str) -> Response:
        case = self.case(case_no)
        facts = self.checked(CaseChange, request.data, case=case)
        version, parties = facts.pop("version"), facts.pop("parties", [])
        own = {party.pk for party in case.parties.all()}
        for index, party in enumerate(parties):
            if "id" in party:
                party["pk"] = party.pop("id")
                if party["pk"] not in own:
                    raise ValidationError({f"parties.{index}.id": [_g("本案没有这个当事人，在列出的里面选")]})
        case.edit(
            by=request.user,  # type: ignore[arg-type]
            at=timezone.now(),
            version=version,
            facts=facts,
            parties=parties,
            request=request._request,
        )
        return self.file(case_no)

    def move(self, request: Request, case_no: str, name: str) -> Response:
        """Make one move and send back the file as it stands after it."""
        case, user, at = self.case(case_no), request.user, timezone.now()
        sent = self.checked(BODIES[name], request.data)
        version = sent.pop("version", None)
        sentence = case.why_not(name, by=user, at=at)  # type: ignore[arg-type]
        facts, errors = catalogue.clean_all(name, sent, case=case, by=user, today=timezone.localdate(at))  # type: ignore[arg-type]
        if errors and not sentence:
            raise FactsMissing(errors)
        case.perform(name, by=user, at=at, version=version, request=request._request, **facts)  # type: ignore[arg-type]
        return self.file(case_no)

    @extend_schema(
        operation_id="disputes_timeline", summary=_("时间线"), parameters=[CASE_NO], responses=EventShown(many=True)
    )
    @action(detail=True)
    def events(self, request: Request, case_no: str) -> Response:
        return self.timeline(case_no)

    def timeline(self, case_no: str, **only: Any) -> Response:
        case = self.case(case_no)
        viewer = Viewer(case, self.request.user)  # type: ignore[arg-type]
        rows = case.events.filter(**only).select_related("office", "desk", "text")
        return self.page(rows, lambda event: show_event(event, viewer))

    @extend_schema(
        operation_id="disputes_notes", summary=_("进展"), parameters=[CASE_NO], responses=EventShown(many=True)
    )
    @action(detail=True)
    def notes(self, request: Request, case_no: str) -> Response:
        return self.timeline(case_no, kind="note")

    @extend_schema(
        operation_id="disputes_add_note",
        summary=_("记进展"),
        parameters=[CASE_NO],
        request=NoteBody,
        responses={201: EventShown},
    )
    @notes.mapping.post
    @idempotent
    def add_note(self, request: Request, case_no: str) -> Response:
        case = self.case(case_no)
        note = self.checked(NoteBody, request.data)
        event = case.add_note(by=request.user, at=timezone.now(), request=request._request, **note)  # type: ignore[arg-type]
        return Response(show_event(event, Viewer(case, request.user)), status=201)  # type: ignore[arg-type]

    @extend_schema(operation_id="disputes_grade", summary=_("评定风险等级"), parameters=[CASE_NO], request=DangerBody)
    @action(detail=True, methods=["post"])
    @idempotent
    def grade(self, request: Request, case_no: str) -> Response:
        case = self.case(case_no)
        grade = self.checked(DangerBody, request.data)
        case.grade(by=request.user, at=timezone.now(), request=request._request, **grade)  # type: ignore[arg-type]
        return self.file(case_no)

    @extend_schema(
        operation_id="disputes_ask_void",
        summary=_("提请作废"),
        description=_("作废要两个人：一人提请，另一人办理"),
        parameters=[CASE_NO],
        request=ReasonBody,
        responses={201: EventShown},
    )
    @action(detail=True, methods=["post"], url_path="void-requests")
    @idempotent
    def void_requests(self, request: Request, case_no: str) -> Response:
        case = self.case(case_no)
        asked = self.checked(ReasonBody, request.data)
        event = case.ask_void(by=request.user, at=timezone.now(), request=request._request, **asked)  # type: ignore[arg-type]
        return Response(show_event(event, Viewer(case, request.user)), status=201)  # type: ignore[arg-type]

    @extend_schema(
        operation_id="disputes_urge",
        summary=_("催办"),
        parameters=[CASE_NO],
        request=UrgeBody,
        responses={201: EventShown},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def urge(self, request: Request, case_no: str) -> Response:
        case = self.case(case_no)
        asked = self.checked(UrgeBody, request.data)
        event = urge(case, by=request.user, at=timezone.now(), request=request._request, **asked)  # type: ignore[arg-type]
        return Response(show_event(event, Viewer(case, request.user)), status=201)  # type: ignore[arg-type]

    def party(self, case: Dispute, party_id: str) -> Party:
        return get_object_or_404(case.parties, pk=int(party_id))

    @extend_schema(
        operation_id="disputes_reveal",
        summary=_("查看完整信息"),
        description=_("写明理由，先记入操作日志再返回"),
        parameters=[CASE_NO, OpenApiParameter("party_id", int, OpenApiParameter.PATH)],
        request=RevealBody,
        responses=Revealed,
    )
    @action(detail=True, methods=["post"], url_path=r"parties/(?P<party_id>[0-9]{1,15})/reveal")
    def reveal(self, request: Request, case_no: str, party_id: str) -> Response:
        party = self.party(self.case(case_no), party_id)
        asked = self.checked(RevealBody, request.data)
        value = party.reveal(by=request.user, at=timezone.now(), request=request._request, **asked)  # type: ignore[arg-type]
        return Response({"field": asked["field"], "value": value})

    @extend_schema(
        operation_id="disputes_consent",
        summary=_("确认调解意愿"),
        parameters=[CASE_NO, OpenApiParameter("party_id", int, OpenApiParameter.PATH)],
        request=ConsentBody,
        responses=PartyShown,
    )
    @action(detail=True, methods=["post"], url_path=r"parties/(?P<party_id>[0-9]{1,15})/consent")
    @idempotent
    def consent(self, request: Request, case_no: str, party_id: str) -> Response:
        case = self.case(case_no)
        party = self.party(case, party_id)
        answer = self.checked(ConsentBody, request.data)
        if "asked_by" in answer:
            people = catalogue.people_of_desk(case, request.user)  # type: ignore[arg-type]
            answer["asked_by"] = people.filter(username=answer["asked_by"]).first()
            if answer["asked_by"] is None:
                raise ValidationError({"asked_by": [_g("没有这个选项，在列出的里面选一个")]})
        case.set_consent(party, by=request.user, at=timezone.now(), request=request._request, **answer)  # type: ignore[arg-type]
        party.refresh_from_db()
        return Response(show_party(party, Viewer(case, request.user)))  # type: ignore[arg-type]

    @extend_schema(
        operation_id="disputes_attachments",
        summary=_("附件"),
        parameters=[CASE_NO],
        responses=AttachmentShown(many=True),
    )
    @action(detail=True, parser_classes=[MultiPartParser])
    def attachments(self, request: Request, case_no: str) -> Response:
        case = self.case(case_no)
        viewer = Viewer(case, request.user)  # type: ignore[arg-type]
        rows = Attachment.objects.of(case).select_related("by", "capture")
        return self.page(rows, lambda row: show_attachment(row, viewer.text))

    @extend_schema(
        operation_id="disputes_attach",
        summary=_("上传附件"),
        parameters=[CASE_NO],
        request=FileBody,
        responses={201: AttachmentShown},
    )
    @attachments.mapping.post
    @idempotent
    def attach(self, request: Request, case_no: str) -> Response:
        case = self.case(case_no)
        sent = self.checked(FileBody, request.data)
        user: User = request.user  # type: ignore[assignment]
        row = attachments.attach(case, user, timezone.now(), sent["file"], request=request._request)
        return Response(show_attachment(row), status=201)

    @extend_schema(
        operation_id="disputes_slips",
        summary=_("对调解员的意见，只有督导能看"),
        parameters=[CASE_NO],
        responses=SlipShown(many=True),
    )
    @action(detail=True)
    def slips(self, request: Request, case_no: str) -> Response:
        case, user, at = self.case(case_no), request.user, timezone.now()
        if not user.scope.has(Role.SUPERVISOR):  # type: ignore[union-attr]
            raise NotYours(_g("意见只有督导能看"))
        rows = Slip.objects.readable_by(user).filter(dispute=case).select_related("by", "dispute")
        return self.page(rows, lambda row: show_slip(row, row.read(by=user, at=at, request=request._request)))

    @extend_schema(
        operation_id="disputes_hand_in_slip",
        summary=_("登记对调解员的意见"),
        parameters=[CASE_NO],
        request=SlipBody,
        responses={201: SlipMade},
    )
    @slips.mapping.post
    @idempotent
    def hand_in_slip(self, request: Request, case_no: str) -> Response:
        case, user = self.case(case_no), request.user
        sent = self.checked(SlipBody, request.data)
        slip = Slip.objects.hand_in(case=case, by=user, at=timezone.now(), request=request._request, **sent)  # type: ignore[arg-type]
        return Response({"id": slip.uid, "received_on": slip.received_on}, status=201)

    @extend_schema(
        operation_id="disputes_answer_slip",
        summary=_("写明意见怎么处理的，只有督导能办，一条一次"),
        parameters=[CASE_NO, OpenApiParameter("uid", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        request=SlipAnswerBody,
        responses=SlipShown,
    )
    @action(
        detail=True, methods=["post"], url_path=r"slips/(?P<uid>[0-9a-fA-F-]{36})/answer", url_name="slip-answer"
    )  # fmt: skip
    @idempotent
    def answer_slip(self, request: Request, case_no: str, uid: str) -> Response:
        case, user, at = self.case(case_no), request.user, timezone.now()
        if not user.scope.has(Role.SUPERVISOR):  # type: ignore[union-attr]
            raise NotYours(_g("意见只有督导能看"))
        rows = Slip.objects.readable_by(user).filter(dispute=case).select_related("by", "dispute")
        row = get_object_or_404(rows, uid=as_uuid(uid))
        row.close(by=user, at=at, request=request._request, **self.checked(SlipAnswerBody, request.data))
        row.refresh_from_db(fields=["answer", "answered_at"])
        return Response(show_slip(row, row.read(by=user, at=at, request=request._request)))

    @extend_schema(
        operation_id="disputes_download",
        summary=_("下载附件"),
        parameters=[CASE_NO, UID],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path=r"attachments/(?P<uid>[0-9a-fA-F-]{36})")
    def download(self, request: Request, case_no: str, uid: str) -> HttpResponse:
        return self.bytes_of(request, case_no, uid, 0)

    @extend_schema(
        operation_id="disputes_preview",
        summary=_("看照片"),
        parameters=[CASE_NO, UID, SIZE],
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path=r"attachments/(?P<uid>[0-9a-fA-F-]{36})/(?P<size>320|1280)")
    def preview(self, request: Request, case_no: str, uid: str, size: str) -> HttpResponse:
        return self.bytes_of(request, case_no, uid, int(size))

    def bytes_of(self, request: Request, case_no: str, uid: str, size: int) -> HttpResponse:
        case = self.case(case_no)
        row = get_object_or_404(Attachment.objects.of(case), uid=as_uuid(uid))
        return answer_file(row, size, request, case)


def answer_file(row: Attachment, size: int, request: Request, case: Dispute | None = None) -> HttpResponse:
    """The original or a preview; a program gets bytes, whatever they are."""
    if size not in row.sizes:
        raise Http404
    user: User = request.user  # type: ignore[assignment]
    answer = attachments.serve(row, by=user, at=timezone.now(), size=size, case=case, request=request._request)
    if not size:
        answer["Content-Type"] = "application/octet-stream"
    return answer


def as_uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Http404 from None


def _route_of(name: str) -> Any:
    @idempotent
    def make(self: Disputes, request: Request, case_no: str) -> Response:
        return self.move(request, case_no, name)

    make.__name__ = f"move_{name}"  # the router finds the method by it
    documented = extend_schema(
        operation_id=f"disputes_move_{name}",
        summary=MOVES[name].label,
        parameters=[CASE_NO],
        request=BODIES[name],
        responses=CaseShown,
    )
    return documented(action(detail=True, methods=["post"], url_path=f"moves/{name}", url_name=f"move-{name}")(make))


for _name in MOVES:
    setattr(Disputes, f"move_{_name}", _route_of(_name))


# --- acts -------------------------------------------------------------------------------------------------------------


class ActsShown(serializers.Serializer):
    """What may be answered or reported beside the moves."""

    acts = serializers.DictField(
        child=serializers.CharField(allow_null=True), help_text=_("能办的是 null，现在不能办的是原因")
    )


def body_of_act(name: str) -> type[Strict]:
    """The body of one act: its facts."""
    row = ACTS[name]
    fields = {fact: fact_field(fact, required=fact in row.needs, facts=acts.FACTS) for fact in row.facts}
    return type(f"Act{name.title().replace('_', '')}", (Strict,), fields)


ACT_BODIES = {name: body_of_act(name) for name in ACTS}


def _acts(self: Disputes, request: Request, case_no: str) -> Response:
    user: User = request.user  # type: ignore[assignment]
    return Response({"acts": acts.acts_for(self.case(case_no), user, timezone.now())})


_acts.__name__ = "acts"
_documented = extend_schema(
    operation_id="disputes_acts", summary=_("能办的保障和履行事项"), parameters=[CASE_NO], responses=ActsShown
)
Disputes.acts = _documented(action(detail=True, pagination_class=None)(_acts))  # type: ignore[attr-defined]


def _act_of(name: str) -> Any:
    @idempotent
    def make(self: Disputes, request: Request, case_no: str) -> Response:
        case, user, at = self.case(case_no), request.user, timezone.now()
        sent = self.checked(ACT_BODIES[name], request.data)
        sentence = acts.why_not(case, name, by=user, at=at)  # type: ignore[arg-type]
        facts, errors = acts.clean_all(name, sent, case=case, by=user, today=timezone.localdate(at))  # type: ignore[arg-type]
        if errors and not sentence:
            raise FactsMissing(errors)
        event = case.act(name, by=user, at=at, request=request._request, **facts)  # type: ignore[arg-type]
        return Response(show_event(event, Viewer(case, user)), status=201)  # type: ignore[arg-type]

    make.__name__ = f"act_{name}"
    documented = extend_schema(
        operation_id=f"disputes_act_{name}",
        summary=ACTS[name].label,
        description=ACTS[name].hint or None,
        parameters=[CASE_NO],
        request=ACT_BODIES[name],
        responses={201: EventShown},
    )
    return documented(action(detail=True, methods=["post"], url_path=f"acts/{name}", url_name=f"act-{name}")(make))


for _name in ACTS:
    setattr(Disputes, f"act_{_name}", _act_of(_name))


class SavedFilters(Room):
    """List conditions that the caller named."""

    serializer_class = FilterShown
    queryset = SavedFilter.objects.none()
    lookup_value_regex = "[0-9]{1,15}"

    def own(self) -> QuerySet[SavedFilter]:
        return SavedFilter.objects.filter(user=self.request.user)  # type: ignore[misc]

    @staticmethod
    def show(row: SavedFilter) -> dict[str, Any]:
        return {"id": row.pk, "name": row.name, "query": row.query}

    @extend_schema(operation_id="saved_filters_list", summary=_("常用筛选"), responses=FilterShown(many=True))
    def list(self, request: Request) -> Response:
        self.asked(Strict)
        return self.page(self.own(), self.show)

    @extend_schema(
        operation_id="saved_filters_add", summary=_("存为常用筛选"), request=FilterBody, responses={201: FilterShown}
    )
    @idempotent
    def create(self, request: Request) -> Response:
        sent = self.checked(FilterBody, request.data)
        if self.own().count() >= MAX_FILTERS:
            raise MoveRefused(_g("最多存 %(n)s 组条件，先删掉不用的") % {"n": MAX_FILTERS})
        try:
            with transaction.atomic():
                row = SavedFilter.objects.create(user=request.user, **sent)  # type: ignore[misc]
        except IntegrityError:
            raise MoveRefused(_g("已有同名的常用筛选，换个名称")) from None
        return Response(self.show(row), status=201)

    @extend_schema(operation_id="saved_filters_remove", summary=_("删除常用筛选"), responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        get_object_or_404(self.own(), pk=int(pk)).delete()
        return Response(status=204)


routes = [("disputes", Disputes, "dispute"), ("saved-filters", SavedFilters, "saved-filter")]
