"""The API of counselling; the rules are those of the pages. A note can be sent in and is never sent back."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import record_read_once
from audit.rest import Day, Pick, Room, Strict, Text, Whole, YesNo, idempotent
from disputes.api import as_uuid, optional
from disputes.models import Dispute, FactsMissing, NotYours
from disputes.sessions.api import Moment
from followups.counselling.models import (
    ACTS,
    NOTE_LENGTH,
    ConsentBy,
    ConsentWay,
    CounsellingReferral,
    CounsellingSession,
    How,
    State,
    counsellors_for,
    supervisors_for,
    why_not_ask,
)
from followups.counselling.page import Reader, advice_of, sessions_of
from followups.counselling.views import VIEWS, narrow
from villages.models import DESK_ROLES, User

# --- what is sent back ------------------------------------------------------------------------------------------------


class CounsellingSessionShown(serializers.Serializer):
    """One session; without its note."""

    id = serializers.IntegerField()
    starts_at = serializers.DateTimeField()
    place = serializers.CharField()
    way = serializers.ChoiceField(CounsellingSession.Way.choices)
    before = serializers.ChoiceField(CounsellingSession.Feeling.choices)
    after = serializers.ChoiceField(CounsellingSession.Feeling.choices)
    next_on = serializers.DateField(allow_null=True)
    by = serializers.CharField()


class AdviceShown(serializers.Serializer):
    text = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()


class CounsellingShown(serializers.Serializer):
    """One referral as this viewer may read it. There is no field for a note."""

    id = serializers.UUIDField()
    version = serializers.IntegerField(help_text=_("办理时带上它，别人先办过就是 409"))
    state = serializers.ChoiceField(State.choices)
    case_no = serializers.CharField(help_text=_("疏导员看不到案件，为空"))
    who = serializers.CharField()
    side = serializers.CharField()
    village = serializers.CharField()
    phone = serializers.CharField(help_text=_("隐去中间几位"))
    safe_to_call = serializers.CharField()
    why = serializers.CharField()
    desk = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    consent_on = serializers.DateField()
    supervisor = serializers.CharField(help_text=_("能看疏导记录的督导"))
    counsellor = serializers.CharField()
    done = serializers.IntegerField(help_text=_("已疏导几次"))
    next_on = serializers.DateField(allow_null=True)
    risk_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    how = serializers.CharField()
    ended_on = serializers.DateField(allow_null=True)
    acts = serializers.ListField(child=serializers.ChoiceField([(name, act.label) for name, act in ACTS.items()]))
    advice = AdviceShown(many=True)
    sessions = CounsellingSessionShown(many=True, help_text=_("只给疏导员和指定的督导"))


class PhonesShown(serializers.Serializer):
    phone = serializers.CharField(required=False)
    guardian_phone = serializers.CharField(required=False)


PLAIN = (
    "version", "state", "case_no", "who", "side", "village", "phone", "safe_to_call", "why", "desk", "by", "at",
    "consent_on", "supervisor", "counsellor", "done", "next_on", "risk_at", "reason", "how", "ended_on",
)  # fmt: skip


def show(row: CounsellingReferral, shown: dict[str, Any]) -> dict[str, Any]:
    """A row of the list: no sessions, no advice, no acts, which cost queries each."""
    return {"id": row.uid, **{name: shown[name] for name in PLAIN}, "acts": [], "advice": [], "sessions": []}


def show_whole(row: CounsellingReferral, user: User) -> dict[str, Any]:
    shown = Reader(user).read_all([row])[0]
    names = ("starts_at", "place", "way", "before", "after", "next_on")
    sessions = [
        {"id": one.pk, "by": one.by.name, **{name: getattr(one, name) for name in names}}
        for one in sessions_of(row, user)
    ]
    advice = advice_of(row, user) if shown["told"] else []
    return show(row, shown) | {"acts": row.acts_for(user), "advice": advice, "sessions": sessions}


# --- what is sent in --------------------------------------------------------------------------------------------------


class CounsellingQuery(Strict):
    view = Pick(VIEWS, required=False)


class AskBody(Strict):
    """One party of a case, who agreed to it."""

    case_no = Text(max_length=60)
    party_id = Whole(min_value=1, max_value=2**31 - 1)
    consented = YesNo(help_text=_("已说明，本人（未成年人的监护人）同意"))
    consent_by = Pick(ConsentBy.choices)
    consent_way = Pick(ConsentWay.choices)
    consent_on = Day()
    why = Text(max_length=500)
    to_person = Text(max_length=150, required=False, help_text=_("指定疏导员的用户名；都不填的，本地疏导员都可以接"))
    to_office = Text(max_length=20, required=False, help_text=_("指定单位的编码"))
    supervisor = Text(max_length=150, help_text=_("能看疏导记录的督导的用户名"))


class ActBody(Strict):
    version = Whole(min_value=1, max_value=2**31 - 1)


class WhyBody(ActBody):
    reason = Text(max_length=500)


class SessionBody(ActBody):
    starts_at = Moment()
    place = optional(100)
    way = Pick(CounsellingSession.Way.choices)
    before = Pick(CounsellingSession.Feeling.choices)
    after = Pick(CounsellingSession.Feeling.choices)
    next_on = Day(required=False)
    no_more = YesNo(required=False, help_text=_("不再安排；不勾的填下次日期"))
    note = Text(max_length=NOTE_LENGTH, required=False, write_only=True, help_text=_("加密保存，接口不返回"))


class CounselNoteBody(ActBody):
    session = Whole(min_value=1, max_value=2**31 - 1)
    note = Text(max_length=NOTE_LENGTH, write_only=True, help_text=_("加密保存，接口不返回"))


class AdviseBody(ActBody):
    advice = Text(max_length=500)


class EndBody(ActBody):
    how = Pick(How.choices)
    ended_on = Day()


class PassBody(ActBody):
    to_person = Text(max_length=150)


class CounselRevealBody(Strict):
    reason = Text(max_length=200)


BODIES: dict[str, type[ActBody]] = {
    "accept": ActBody,
    "decline": WhyBody,
    "session": SessionBody,
    "note": CounselNoteBody,
    "advise": AdviseBody,
    "risk": ActBody,
    "calm": ActBody,
    "end": EndBody,
    "withdraw": WhyBody,
    "pass": PassBody,
}
assert BODIES.keys() == ACTS.keys()

# --- views ------------------------------------------------------------------------------------------------------------

UID = OpenApiParameter("uid", OpenApiTypes.UUID, OpenApiParameter.PATH, description=_("编号"))


class Counselling(Room):
    """Referrals to counselling inside the caller's scope, or to the caller."""

    serializer_class = CounsellingShown
    queryset = CounsellingReferral.objects.none()
    lookup_field = "uid"
    lookup_value_regex = "[0-9a-fA-F-]{36}"

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def row(self, uid: str) -> CounsellingReferral:
        rows = CounsellingReferral.objects.visible_to(self.user).for_list(self.user)
        found = get_object_or_404(rows, uid=as_uuid(uid))
        county = found.dispute.case_no[:6]
        record_read_once(actor=self.user, subject=str(found.uid), county=county, request=self.request._request)
        return found

    def whole(self, pk: int, **answer: Any) -> Response:
        """The referral as it stands after the caller's own act."""
        row = CounsellingReferral.objects.for_list(self.user).get(pk=pk)
        return Response(show_whole(row, self.user), **answer)

    @extend_schema(
        operation_id="counselling_list", summary=_("心理疏导，新的在前"), parameters=[CounsellingQuery],
        responses=CounsellingShown(many=True),
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        view = self.asked(CounsellingQuery).get("view", "")
        rows = narrow(CounsellingReferral.objects.visible_to(self.user), view).for_list(self.user)
        found = self.paginate_queryset(rows) or []
        shown = Reader(self.user).read_all(found)
        return self.get_paginated_response([show(row, one) for row, one in zip(found, shown, strict=True)])

    @extend_schema(
        operation_id="counselling_ask", summary=_("转介心理疏导"), request=AskBody, responses={201: CounsellingShown}
    )
    @idempotent
    def create(self, request: Request) -> Response:
        if self.user.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不转介心理疏导。需要的联系责任单位"))
        sent = self.checked(AskBody, request.data)
        cases = Dispute.objects.visible_to(self.user).for_page().prefetch_related("parties")
        case = cases.filter(case_no=sent.pop("case_no")).first()
        if case is None:
            raise FactsMissing({"case_no": _g("没有这个案件，或者它不在你的范围内。核对案号")})
        sentence = why_not_ask(case, self.user)
        facts = self._people(case, sent) if sentence is None else sent
        row = CounsellingReferral.objects.ask(
            case, by=self.user, at=timezone.now(), facts=facts, request=request._request
        )
        where = request.build_absolute_uri(f"/api/v1/counselling/{row.uid}/")
        return self.whole(row.pk, status=201, headers={"Location": where})

    @staticmethod
    def _people(case: Dispute, sent: dict[str, Any]) -> dict[str, Any]:
        """The same facts with the people and offices that they name."""
        errors: dict[str, str] = {}
        party_id, name = sent.pop("party_id"), sent["supervisor"]
        sent["party"] = next((p for p in case.parties.all() if p.pk == party_id), None)
        if sent["party"] is None:
            errors["party_id"] = _g("本案没有这个当事人，在列出的里面选")
        sent["supervisor"] = supervisors_for(case).filter(username=name).first()
        if sent["supervisor"] is None:
            errors["supervisor"] = _g("这个人不是本地的督导，在列出的里面选")
        person, office = sent.pop("to_person", ""), sent.pop("to_office", "")
        postings = counsellors_for(case)
        if person:
            found = postings.filter(user__username=person).first()
            sent["to_person"] = found.user if found else None
            if not found:
                errors["to_person"] = _g("没有在岗的疏导员可以接，换一个，或者联系县里安排疏导员")
        if office:
            found = postings.filter(office__code=office).first()
            sent["to_office"] = found.office if found else None
            if not found:
                errors["to_office"] = _g("没有在岗的疏导员可以接，换一个，或者联系县里安排疏导员")
        if errors:
            raise FactsMissing(errors)
        return sent

    @extend_schema(operation_id="counselling_retrieve", summary=_("一次心理疏导转介"), parameters=[UID])
    def retrieve(self, request: Request, uid: str) -> Response:
        return Response(show_whole(self.row(uid), self.user))

    @extend_schema(
        operation_id="counselling_phone",
        summary=_("查看完整电话，会被记录"),
        parameters=[UID],
        request=CounselRevealBody,
        responses=PhonesShown,
    )
    @action(detail=True, methods=["post"])
    def phone(self, request: Request, uid: str) -> Response:
        found = self.row(uid)
        found.may_reveal(self.user)  # a role that never may is told so before its body is read
        reason = self.checked(CounselRevealBody, request.data)["reason"]
        return Response(found.reveal(by=self.user, at=timezone.now(), reason=reason, request=request._request))

    def act(self, request: Request, uid: str, name: str) -> Response:
        found = self.row(uid)
        found.why_not(name, self.user)  # a role that never acts is told so before its body is read
        facts = self.checked(BODIES[name], request.data)
        if "to_person" in facts:
            facts["to_person"] = User.objects.filter(username=facts["to_person"]).first()
            if facts["to_person"] is None:
                raise FactsMissing({"to_person": _g("这个人不是本地在岗的疏导员，在列出的里面选")})
        found.act(name, by=self.user, at=timezone.now(), request=request._request, **facts)
        return self.whole(found.pk)


def _route_of(name: str) -> Any:
    @idempotent
    def make(self: Counselling, request: Request, uid: str) -> Response:
        return self.act(request, uid, name)

    make.__name__ = f"act_{name}"  # the router finds the method by it
    documented = extend_schema(
        operation_id=f"counselling_{name}", summary=ACTS[name].label, parameters=[UID], request=BODIES[name],
        responses=CounsellingShown,
    )  # fmt: skip
    return documented(action(detail=True, methods=["post"], url_path=name, url_name=f"act-{name}")(make))


for _name in ACTS:
    setattr(Counselling, f"act_{_name}", _route_of(_name))

routes = [("counselling", Counselling, "counselling")]
