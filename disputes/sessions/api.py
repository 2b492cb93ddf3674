"""The API of joint sessions: list, invitations, one session, planning, changing, calling off, recording, rooms."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import record_read_once
from audit.rest import FIRST_DAY, LAST_DAY, Day, Pick, Room, Strict, Text, Whole, YesNo, idempotent
from disputes import facts as catalogue
from disputes.api import Named, Person, named, optional, person
from disputes.models import Agreement, Dispute, FactsMissing, MoveRefused, NotYours, Party
from disputes.sessions import page as pages
from disputes.sessions.forms import Circle
from disputes.sessions.models import MOST_INVITED, Attendee, Session, Venue, why_not_convene
from villages.models import DESK_ROLES, User

# --- what is sent back ------------------------------------------------------------------------------------------------


class AttendeeShown(serializers.Serializer):
    """Somebody asked to a session, or who came unasked."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Attendee.Kind.choices)
    name = serializers.CharField()
    capacity = serializers.CharField()
    ask = serializers.CharField()
    consent = serializers.ChoiceField(Attendee.Consent.choices, allow_blank=True)
    invited = serializers.BooleanField(help_text=_("否的是没请也来了"))
    attended = serializers.BooleanField(allow_null=True)
    statement = serializers.CharField()


class RecusalShown(serializers.Serializer):
    by = serializers.CharField()
    about = serializers.CharField()
    reason = serializers.CharField()
    decision = serializers.CharField()


class SessionRow(serializers.Serializer):
    """One line of the list."""

    id = serializers.UUIDField()
    case_no = serializers.CharField()
    version = serializers.IntegerField(help_text=_("改动和记录时带上它，别人先改过就是 409"))
    state = serializers.ChoiceField(Session.State.choices)
    outcome = serializers.ChoiceField(Session.Outcome.choices, allow_blank=True)
    track = serializers.ChoiceField(Agreement.Track.choices, allow_blank=True)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    place = serializers.CharField()
    office = Named()
    chair = Person()


class SessionShown(SessionRow):
    """One session, as this viewer may read it."""

    purpose = serializers.CharField()
    together = serializers.BooleanField()
    together_reason = serializers.CharField()
    shares_venue = serializers.BooleanField()
    attendees = AttendeeShown(many=True)
    reason = serializers.CharField()
    held_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    rights_told_at = serializers.DateTimeField(allow_null=True)
    education = serializers.CharField()
    points_agreed = serializers.CharField()
    points_open = serializers.CharField()
    next_on = serializers.DateField(allow_null=True)
    recusal = RecusalShown(allow_null=True)
    recorder = serializers.CharField()


class InvitationShown(serializers.Serializer):
    """What somebody who is asked must know; nothing of the case."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(Session.State.choices)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    place = serializers.CharField()
    office = Named()
    chair = Person()
    ask = serializers.CharField()


class VenueShown(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    office = Named()


def show_row(session: Session) -> dict[str, Any]:
    plain = ("version", "state", "outcome", "track", "starts_at", "ends_at")
    return {
        "id": session.uid,
        "case_no": session.dispute.case_no,
        **{name: getattr(session, name) for name in plain},
        "place": session.where,
        "office": named(session.office),
        "chair": person(session.chair),
    }


def show_session(session: Session, user: User) -> dict[str, Any]:
    shown, veil = pages.shown(session, user), pages.Veil(session, user)
    kept = (
        *("purpose", "together_reason", "reason", "held_at", "ended_at", "rights_told_at", "education"),
        *("points_agreed", "points_open", "next_on", "recusal", "recorder"),
    )
    ours = (Attendee.Kind.OFFICE, Attendee.Kind.STAFF)
    return {
        **show_row(session),
        **{name: shown[name] for name in kept},
        "together": session.together,
        "shares_venue": session.shares_venue,
        "attendees": [
            {
                **{name: getattr(row, name) for name in ("id", "kind", "consent", "invited", "attended")},
                "name": row.label if row.kind in ours else veil.name(row.label),
                "capacity": row.capacity_label,
                "ask": veil.text(row.ask),
                "statement": veil.text(row.statement),
            }
            for row in session.listed()
        ],
    }


# --- what is sent in --------------------------------------------------------------------------------------------------


class Moment(serializers.DateTimeField):
    """A moment with its zone, 2026-03-05T09:00:00+08:00, between 1900 and 2100."""

    def to_internal_value(self, value: Any) -> dt.datetime:
        if not isinstance(value, str) or len(value) > 40:
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss+08:00")
        if not FIRST_DAY.year < self._year(value) < LAST_DAY.year:
            raise ValidationError(_g("日期要在 1900 年到 2100 年之间"))
        return super().to_internal_value(value)

    @staticmethod
    def _year(value: str) -> int:
        return int(value[:4]) if value[:4].isascii() and value[:4].isdecimal() else 0


class InvitedBody(Strict):
    """An office, a colleague, or somebody from outside by name and capacity: one of the three."""

    office = Text(max_length=20, required=False, help_text=_("单位编码"))
    user = Text(max_length=40, required=False, help_text=_("账号"))
    name = Text(max_length=50, required=False)
    capacity = Pick(Attendee.Capacity.choices, required=False)
    ask = optional(200)
    consent = Pick(Attendee.Consent.choices[1:], required=False, help_text=_("当事人是否同意他参加"))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(name in attrs for name in ("office", "user", "name")) != 1:
            raise ValidationError(_g("office、user、name 写其中一个"))
        return attrs


class PlanBody(Strict):
    starts_at = Moment()
    ends_at = Moment(required=False, help_text=_("不填按两小时"))
    venue = Whole(required=False, min_value=1, max_value=2**53, help_text=_("会议室 id，或者写 place"))
    place = optional(100)
    shares_venue = YesNo(required=False, help_text=_("知道那间屋同时有别的会，仍用这间"))
    chair = Text(max_length=40, help_text=_("主持人账号"))
    track = Pick(Agreement.Track.choices[:2], required=False)
    purpose = optional(2000)
    parties = serializers.ListField(child=Whole(min_value=1, max_value=2**53), min_length=1, max_length=30)
    guardians = serializers.ListField(
        child=Whole(min_value=1, max_value=2**53), required=False, max_length=30, help_text=_("同时请监护人的当事人 id")
    )
    together = YesNo(required=False, help_text=_("婚恋家庭纠纷，让双方同坐一间屋"))
    together_reason = optional(200)
    invited = InvitedBody(many=True, required=False, max_length=MOST_INVITED)


class NewSession(PlanBody):
    case_no = Text(max_length=24)


class ChangeBody(PlanBody):
    version = Whole(min_value=1, max_value=2**31 - 1)


class CallOffBody(Strict):
    reason = Text(max_length=500)
    version = Whole(required=False, min_value=1, max_value=2**31 - 1)


class AttendedBody(Strict):
    attendee = Whole(min_value=1, max_value=2**53)
    attended = YesNo()
    consent = Pick(Attendee.Consent.choices[1:], required=False)
    statement = optional(5000)


class RecusalBody(Strict):
    by = Whole(min_value=1, max_value=2**53, help_text=_("当事人 id"))
    about = Text(max_length=40, help_text=_("要谁回避，账号"))
    reason = optional(200)
    decision = Pick(Session.Decision.choices)


class RecordBody(Strict):
    version = Whole(min_value=1, max_value=2**31 - 1)
    outcome = Pick(Session.Outcome.choices)
    reason = optional(500, help_text=_("没有开成的原因"))
    held_at = Moment(required=False)
    ended_at = Moment(required=False)
    rights_told_at = Moment(required=False)
    chair = Text(max_length=40, required=False, help_text=_("实际主持人账号"))
    people = AttendedBody(many=True, required=False, max_length=MOST_INVITED + 60)
    walk_ins = InvitedBody(many=True, required=False, max_length=MOST_INVITED)
    education = optional(500)
    points_agreed = optional(5000)
    points_open = optional(5000)
    next_on = Day(required=False)
    recusal = RecusalBody(required=False)


class SessionQuery(Strict):
    """The conditions of the list."""

    case_no = Text(max_length=24, required=False)
    show = Pick([("upcoming", _("即将召开")), ("open", _("待填结果")), ("past", _("已有结果"))], required=False)


def read_invited(case: Dispute, rows: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    """Offices and people by their rows; those outside the circle of the case answer as if they did not exist."""
    circle, found = Circle(case), []
    for index, row in enumerate(rows):
        row = dict(row)
        for name, mark in (("office", "o"), ("user", "u")):
            if name in row:
                row |= circle.read(f"{mark}:{row[name]}") or {name: None}
                if row[name] is None:
                    raise ValidationError({f"{field}.{index}.{name}": [_g("没有这个单位或人，在列出的里面选")]})
        found.append(row)
    return found


def read_person(case: Dispute, user: User, username: str, field: str) -> User:
    found = catalogue.chairs(case, user).filter(username=username).first()
    if found is None:
        raise ValidationError({field: [_g("没有这个单位或人，在列出的里面选")]})
    return found


# --- views ------------------------------------------------------------------------------------------------------------

UID = OpenApiParameter("uid", OpenApiTypes.UUID, OpenApiParameter.PATH, description=_("联调会 id"))


class Sessions(Room):
    """Sessions of the cases inside the caller's scope."""

    lookup_field = "uid"
    lookup_value_regex = "[0-9a-fA-F-]{36}"
    serializer_class = SessionShown
    queryset = Session.objects.none()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def session(self, uid: str) -> Session:
        """The session, the reading of its case written into the log; 404 when the case is not in scope."""
        try:
            wanted = uuid.UUID(uid)
        except ValueError:
            raise Http404 from None
        found = get_object_or_404(pages.for_page(Session.objects.visible_to(self.user)), uid=wanted)
        case_no = found.dispute.case_no
        detail = {"page": "session"}
        record_read_once(
            actor=self.user, subject=case_no, county=case_no[:6], detail=detail, request=self.request._request
        )
        return found

    def answer(self, session: Session, **options: Any) -> Response:
        fresh = pages.for_page(Session.objects.all()).get(pk=session.pk)
        return Response(show_session(fresh, self.user), **options)

    def needs_desk(self) -> None:
        if self.user.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不召集联调会。需要的联系责任单位"))

    def plan_facts(self, case: Dispute, sent: dict[str, Any]) -> dict[str, Any]:
        facts = dict(sent)
        facts["chair"] = read_person(case, self.user, sent["chair"], "chair")
        if "venue" in sent:
            facts["venue"] = Venue.objects.on_offer(case).filter(pk=sent["venue"]).first()
            if facts["venue"] is None:
                raise ValidationError({"venue": [_g("这间会议室不在这里用，在列出的里面选")]})
        facts["invited"] = read_invited(case, sent.get("invited", []), "invited")
        return facts

    @extend_schema(
        operation_id="sessions_list", summary=_("联调会"), parameters=[SessionQuery], responses=SessionRow(many=True)
    )
    def list(self, request: Request) -> Response:
        asked, now = self.asked(SessionQuery), timezone.now()
        rows = Session.objects.visible_to(self.user).for_list()
        if "case_no" in asked:
            rows = rows.filter(dispute__case_no=asked["case_no"])
        match asked.get("show"):
            case "upcoming":
                rows = rows.planned().filter(starts_at__gt=now)
            case "open":
                rows = rows.without_outcome(now)
            case "past":
                rows = rows.exclude(state=Session.State.PLANNED)
        return self.page(rows, show_row)

    @extend_schema(
        operation_id="sessions_invitations",
        summary=_("请我参加的联调会"),
        responses=InvitationShown(many=True),
    )
    @action(detail=False)
    def invitations(self, request: Request) -> Response:
        self.asked(Strict)
        rows = Session.objects.inviting(self.user).planned().filter(starts_at__gt=timezone.now()).for_list()
        found = self.paginate_queryset(rows) or []
        mine = Attendee.objects.filter(Attendee.asks(self.user), session__in=found, withdrawn=False)
        asks: dict[int, list[str]] = {}
        for row in mine:
            asks.setdefault(row.session_id, []).append(row.ask)
        shown = []
        for session in found:
            whole = show_row(session)
            kept = {name: whole[name] for name in ("id", "state", "starts_at", "ends_at", "place", "office", "chair")}
            shown.append({**kept, "ask": "；".join(filter(None, asks.get(session.pk, [])))})
        return self.get_paginated_response(shown)

    @extend_schema(operation_id="sessions_rooms", summary=_("会议室"), responses=VenueShown(many=True))
    @action(detail=False)
    def rooms(self, request: Request) -> Response:
        self.asked(Strict)
        rows: QuerySet[Venue] = Venue.objects.filter(ended_on=None).select_related("office")
        return self.page(rows, lambda row: {"id": row.pk, "name": row.name, "office": named(row.office)})

    @extend_schema(
        operation_id="sessions_plan", summary=_("约联调会"), request=NewSession, responses={201: SessionShown}
    )
    @idempotent
    def create(self, request: Request) -> Response:
        self.needs_desk()
        sent = self.checked(NewSession, request.data)
        case_no = sent.pop("case_no")
        case = Dispute.objects.visible_to(self.user).for_page().filter(case_no=case_no).first()
        if case is None:
            raise ValidationError({"case_no": [_g("没有这件案件，或者它不在你的范围内")]})
        sentence = why_not_convene(case, self.user)
        if sentence:
            raise MoveRefused(sentence)
        facts = self.plan_facts(case, sent)
        made = Session.objects.plan(
            case=case, by=self.user, at=timezone.now(), facts=facts, request=self.request._request
        )
        where = request.build_absolute_uri(f"{request.path}{made.uid}/")
        return self.answer(made, status=201, headers={"Location": where})

    @extend_schema(operation_id="sessions_retrieve", summary=_("一场联调会"), parameters=[UID])
    def retrieve(self, request: Request, uid: str) -> Response:
        return Response(show_session(self.session(uid), self.user))

    @extend_schema(
        operation_id="sessions_change", summary=_("改联调会安排"), parameters=[UID], request=ChangeBody,
        responses=SessionShown,
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    @idempotent
    def change(self, request: Request, uid: str) -> Response:
        session = self.session(uid)
        sent = self.checked(ChangeBody, request.data)
        sentence = session.why_not_change(self.user)
        if sentence:
            raise MoveRefused(sentence)
        version = sent.pop("version")
        facts = self.plan_facts(session.dispute, sent)
        session.change(by=self.user, at=timezone.now(), version=version, facts=facts, request=self.request._request)
        return self.answer(session)

    @extend_schema(
        operation_id="sessions_call_off", summary=_("取消联调会"), parameters=[UID], request=CallOffBody,
        responses=SessionShown,
    )  # fmt: skip
    @action(detail=True, methods=["post"], url_path="call-off")
    @idempotent
    def call_off(self, request: Request, uid: str) -> Response:
        session = self.session(uid)
        sent = self.checked(CallOffBody, request.data)
        session.call_off(by=self.user, at=timezone.now(), request=self.request._request, **sent)
        return self.answer(session)

    @extend_schema(
        operation_id="sessions_record",
        summary=_("记录联调会"),
        description=_("第二次记录就是更正"),
        parameters=[UID],
        request=RecordBody,
        responses=SessionShown,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def record(self, request: Request, uid: str) -> Response:
        session, at = self.session(uid), timezone.now()
        sent = self.checked(RecordBody, request.data)
        sentence = session.why_not_record(self.user, at)
        if sentence:
            raise MoveRefused(sentence)
        facts = self.record_facts(session, sent)
        session.record(by=self.user, at=at, version=sent["version"], facts=facts, request=self.request._request)
        return self.answer(session)

    def record_facts(self, session: Session, sent: dict[str, Any]) -> dict[str, Any]:
        case, facts = session.dispute, dict(sent)
        if "chair" in sent:
            same = sent["chair"] == session.chair.username
            facts["chair"] = session.chair if same else read_person(case, self.user, sent["chair"], "chair")
        facts["people"] = {row["attendee"]: row for row in sent.get("people", [])}
        facts["walk_ins"] = read_invited(case, sent.get("walk_ins", []), "walk_ins")
        if recusal := sent.get("recusal"):
            party: Party | None = case.parties.filter(pk=recusal["by"]).first()
            if party is None:
                raise FactsMissing({"recusal.by": _g("本案没有这个当事人，在列出的里面选")})
            staff = {row.user.username: row.user for row in session.listed() if row.user}
            staff[session.chair.username] = session.chair
            about = staff.get(recusal["about"])
            facts["recusal"] = recusal | {
                "by": party,
                "about": about or read_person(case, self.user, recusal["about"], "recusal.about"),
            }
        return facts


routes = [("sessions", Sessions, "session")]
