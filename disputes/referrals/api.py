"""The API of this room: referrals out and in, and their answers; the rules are those of the pages."""

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
from audit.rest import Day, Pick, Room, Strict, Text, Whole, idempotent
from disputes import facts as catalogue
from disputes import parsing
from disputes.api import CASE_NO, Consents, Named, Person, VillageCode, as_uuid, named, optional, person
from disputes.field.api import KindCode, Side
from disputes.models import Dispute, FactsMissing, NotYours
from disputes.moves import Tier
from disputes.referrals.models import ACTS, Referral, receivers, why_not_send
from disputes.referrals.views import WAITING, chosen, narrow, openable
from villages.models import DESK_ROLES, User

# --- what is sent back ------------------------------------------------------------------------------------------------


class ReferralShown(serializers.Serializer):
    """One referral, as this viewer may read it; of the case itself only the number."""

    id = serializers.UUIDField()
    version = serializers.IntegerField(help_text=_("答复时带上它，别人先办过就是 409"))
    direction = serializers.ChoiceField(Referral.Direction.choices)
    kind = serializers.ChoiceField(Referral.Kind.choices)
    mode = serializers.ChoiceField(Referral.Mode.choices)
    state = serializers.ChoiceField(Referral.State.choices)
    case_no = serializers.CharField(help_text=_("空的是收到的还没有立案"))
    may_open_case = serializers.BooleanField()
    desk = Named(help_text=_("移送或收到的本系统单位"))
    to_office = Named(allow_null=True)
    other = serializers.CharField(help_text=_("名录外的对方单位"))
    text = serializers.CharField()
    sent_on = serializers.DateField()
    consented_on = serializers.DateField(allow_null=True)
    doc_no = serializers.CharField()
    taken_on = serializers.DateField(allow_null=True)
    reason = serializers.CharField()
    outcome = serializers.ChoiceField(Referral.Outcome.choices, allow_blank=True)
    outcome_text = serializers.CharField()
    outcome_on = serializers.DateField(allow_null=True)
    by = Person()
    at = serializers.DateTimeField()
    answered_by = Person(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)


AS_STORED = (
    "version", "direction", "kind", "mode", "state", "other", "sent_on", "consented_on", "doc_no", "taken_on",
    "outcome", "outcome_on", "at", "answered_at",
)  # fmt: skip


def show(row: Referral, viewer: User, may_open: bool) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in AS_STORED},
        "id": row.uid,
        "case_no": row.dispute.case_no if row.dispute else "",
        "may_open_case": may_open,
        "desk": named(row.desk),
        "to_office": named(row.to_office),
        "text": row.veil(row.text, viewer),
        "reason": row.veil(row.reason, viewer),
        "outcome_text": row.veil(row.outcome_text, viewer),
        "by": person(row.by),
        "answered_by": person(row.answered_by),
    }


# --- what is sent in --------------------------------------------------------------------------------------------------


class ReferralQuery(Strict):
    direction = Pick(Referral.Direction.choices, required=False)
    kind = Pick(Referral.Kind.choices, required=False)
    state = Pick(Referral.State.choices, required=False)
    waiting = Pick(WAITING, required=False)


class Leaves(Strict):
    """The whole matter goes: what the move 引导其他途径 needs."""

    told_ways = serializers.ListField(child=Pick(catalogue.WAYS), min_length=1, max_length=10)
    told_on = Day()


class SendBody(Strict):
    """A case handed to an office of the directory, or to a body outside."""

    kind = Pick(Referral.Kind.choices)
    mode = Pick(Referral.Mode.choices)
    to_office = Text(max_length=20, required=False, help_text=_("接收单位编码，名录里的单位"))
    other = optional(80, help_text=_("名录里没有的对方单位"))
    text = Text(max_length=2000, help_text=_("对方只看到这段话和案号"))
    sent_on = Day()
    consents = Consents(required=False, help_text=_("当事人 id → 是否同意；委派、委托调解的每一方都要"))
    leaves = Leaves(required=False)


class ReceiveBody(Strict):
    """What another body handed to us."""

    kind = Pick(Referral.Kind.choices)
    mode = Pick(Referral.Mode.choices)
    other = Text(max_length=80)
    doc_no = optional(60)
    village = VillageCode(help_text=_("12 位区划代码"))
    side_a = Side()
    side_b = Side()
    text = Text(max_length=2000)
    sent_on = Day(help_text=_("收到日期"))
    consented_on = Day(required=False, help_text=_("委派、委托调解的要填"))


class Answer(Strict):
    version = Whole(min_value=1, max_value=2**31 - 1)


class ReferralAcceptBody(Answer):
    taken_on = Day(required=False)
    doc_no = optional(60)


class NewBody(Answer):
    kind = KindCode(help_text=_("纠纷大类 2 位或类型 4 位"))
    tier = Pick(Tier.choices)


class JoinBody(Answer):
    target = Text(max_length=60, help_text=_("并入哪一件，案号"))


class ReportBody(Answer):
    outcome = Pick(Referral.Outcome.choices)
    outcome_on = Day()
    doc_no = optional(60)
    outcome_text = optional(500)


class ReturnBody(Answer):
    reason = Text(max_length=500)


BODIES: dict[str, type[Answer]] = {
    "accept": ReferralAcceptBody,
    "new": NewBody,
    "join": JoinBody,
    "report": ReportBody,
    "return": ReturnBody,
}
assert BODIES.keys() == ACTS.keys()

# --- views ------------------------------------------------------------------------------------------------------------

UID = OpenApiParameter("uid", OpenApiTypes.UUID, OpenApiParameter.PATH, description=_("编号"))


class Shared(Room):
    """What the addresses of all referrals and of those of one case have in common."""

    serializer_class = ReferralShown
    queryset = Referral.objects.none()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def paged(self, rows: Any) -> Response:
        found = self.paginate_queryset(rows) or []
        may_open = openable(found, self.user)
        return self.get_paginated_response([show(row, self.user, row.dispute_id in may_open) for row in found])

    def file(self, found: Referral, **answer: Any) -> Response:
        """The referral as it stands after the caller's own act."""
        row = Referral.objects.all().for_list().get(pk=found.pk)
        return Response(show(row, self.user, row.dispute_id in openable([row], self.user)), **answer)


class Referrals(Shared):
    """Referrals inside the caller's scope, and those to an office for which the caller answers."""

    lookup_field = "uid"
    lookup_value_regex = "[0-9a-fA-F-]{36}"

    def referral(self, uid: str) -> Referral:
        """The referral, its reading written into the log; 404 when it is not the caller's to read."""
        found = get_object_or_404(Referral.objects.visible_to(self.user).for_list(), uid=as_uuid(uid))
        county = found.village.county_code
        record_read_once(actor=self.user, subject=str(found.uid), county=county, request=self.request._request)
        return found

    @extend_schema(
        operation_id="referrals_list",
        summary=_("移送对接，新的在前"),
        parameters=[ReferralQuery],
        responses=ReferralShown(many=True),
    )
    def list(self, request: Request) -> Response:
        conditions = chosen(self.asked(ReferralQuery))
        return self.paged(narrow(Referral.objects.visible_to(self.user), self.user, conditions).for_list())

    @extend_schema(
        operation_id="referrals_receive",
        summary=_("登记收到的移送"),
        request=ReceiveBody,
        responses={201: ReferralShown},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        if self.user.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不登记移送。需要的联系责任单位"))
        sent = self.checked(ReceiveBody, request.data)
        row = Referral.objects.receive(by=self.user, at=timezone.now(), facts=sent, request=request._request)
        where = request.build_absolute_uri(f"/api/v1/referrals/{row.uid}/")
        return self.file(row, status=201, headers={"Location": where})

    @extend_schema(operation_id="referrals_retrieve", summary=_("一次移送"), parameters=[UID])
    def retrieve(self, request: Request, uid: str) -> Response:
        return self.file(self.referral(uid))

    def answer(self, request: Request, uid: str, name: str) -> Response:
        found = self.referral(uid)
        sentence = found.why_not(name, self.user)  # a role that never answers is told so before its body is read
        facts = self.checked(BODIES[name], request.data)
        if "target" in facts:
            number = parsing.case_no(facts["target"])
            facts["target"] = Dispute.objects.visible_to(self.user).filter(case_no=number).first()
            if facts["target"] is None and not sentence:
                raise FactsMissing({"target": _g("没有这个案件，或者它不在你的范围内。核对案号")})
        found.answer(name, by=self.user, at=timezone.now(), request=request._request, **facts)
        return self.file(found)


def _route_of(name: str) -> Any:
    @idempotent
    def make(self: Referrals, request: Request, uid: str) -> Response:
        return self.answer(request, uid, name)

    make.__name__ = f"answer_{name}"  # the router finds the method by it
    documented = extend_schema(
        operation_id=f"referrals_{name}", summary=ACTS[name].label, parameters=[UID], request=BODIES[name],
        responses=ReferralShown,
    )  # fmt: skip
    return documented(action(detail=True, methods=["post"], url_path=name, url_name=f"answer-{name}")(make))


for _name in ACTS:
    setattr(Referrals, f"answer_{_name}", _route_of(_name))


class CaseReferrals(Shared):
    """Referrals of one case."""

    def case(self, case_no: str) -> Dispute:
        rows = Dispute.objects.visible_to(self.user).for_page().prefetch_related("parties")
        case = get_object_or_404(rows, case_no=case_no)
        record_read_once(
            actor=self.user, subject=case.case_no, county=case.case_no[:6], request=self.request._request
        )  # fmt: skip
        return case

    @extend_schema(
        operation_id="disputes_referrals", summary=_("本案的移送"), parameters=[CASE_NO],
        responses=ReferralShown(many=True),
    )  # fmt: skip
    def list(self, request: Request, case_no: str) -> Response:
        self.asked(Strict)
        return self.paged(Referral.objects.filter(dispute=self.case(case_no)).for_list())

    @extend_schema(
        operation_id="disputes_refer_out", summary=_("移送、委托其他单位"), parameters=[CASE_NO], request=SendBody,
        responses={201: ReferralShown},
    )  # fmt: skip
    @idempotent
    def create(self, request: Request, case_no: str) -> Response:
        case = self.case(case_no)
        sentence = why_not_send(case, self.user)
        facts = self.checked(SendBody, request.data)
        code = facts.pop("to_office", "")
        facts["to_office"] = receivers(case).filter(code=code).first() if code else None
        if code and facts["to_office"] is None and not sentence:
            raise FactsMissing({"to_office": _g("没有这个单位，或者它没有人可以接收。换一个单位或写对方单位名称")})
        if facts.get("leaves"):
            facts["leaves"]["reason"] = facts["text"]
        own = {str(party.pk): party.pk for party in case.principal_parties()}
        unknown = [key for key in facts.get("consents") or {} if key not in own]
        if unknown:
            raise FactsMissing({"consents": _g("本案没有这个当事人，在列出的里面选")})
        facts["consents"] = {own[key]: answer for key, answer in (facts.get("consents") or {}).items()}
        row = Referral.objects.send(case, by=self.user, at=timezone.now(), facts=facts, request=request._request)
        where = request.build_absolute_uri(f"/api/v1/referrals/{row.uid}/")
        return self.file(row, status=201, headers={"Location": where})


routes = [
    ("referrals", Referrals, "referral"),
    (r"disputes/(?P<case_no>[^/]+)/referrals", CaseReferrals, "case-referral"),
]
