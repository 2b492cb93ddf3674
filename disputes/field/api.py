"""The API of this room: visits, what was captured on them, and the sorting of it; the rules are those of the pages."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
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
from audit.rest import Day, Numbered, Pick, Room, Strict, Text, Whole, YesNo, idempotent
from disputes import attachments, masking, parsing
from disputes.api import (
    SIZE,
    AttachmentShown,
    FileBody,
    Named,
    Person,
    Safety,
    VillageCode,
    answer_file,
    as_uuid,
    fact_field,
    named,
    optional,
    person,
    readable,
    show_attachment,
)
from disputes.codes import TYPE_L1, TYPE_L2
from disputes.facts import DISPOSITION_NAMES, chairs
from disputes.field.forms import SIDE_LENGTH, people_of, side
from disputes.field.models import MOST_PARTS, SORTERS, SORTS, Capture, Visit, key
from disputes.models import Agreement, Attachment, Dispute, FactsMissing, MoveRefused, NotYours, Party
from disputes.moves import Tier
from disputes.safe import acts
from villages.models import DESK_ROLES, Code, User, in_force

# --- what is sent back ------------------------------------------------------------------------------------------------


class FieldVisit(serializers.Serializer):
    """One visit to one village; without captures it is a nil report."""

    id = serializers.UUIDField()
    village = Named()
    visited_on = serializers.DateField()
    companions = serializers.CharField()
    households = serializers.IntegerField(allow_null=True)
    note = serializers.CharField()
    by = Person()
    begun_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class FieldCapture(serializers.Serializer):
    """One thing that was met, names as this viewer may read them."""

    id = serializers.UUIDField()
    visit = serializers.UUIDField()
    version = serializers.IntegerField(help_text=_("补充和分流时带上它，别人先改过就是 409"))
    state = serializers.ChoiceField(Capture.State.choices)
    at = serializers.DateTimeField()
    by = Person()
    village = Named()
    side_a = serializers.CharField()
    side_b = serializers.CharField()
    kind = serializers.CharField(help_text=_("大类 2 位或类型 4 位，空的是还没有选"))
    words = serializers.CharField()
    place = serializers.CharField()
    found = serializers.ChoiceField(Capture.Found.choices, allow_blank=True)
    may_escalate = serializers.BooleanField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = Person(allow_null=True)
    reason = serializers.CharField(help_text=_("为什么不是纠纷，或要补充什么"))
    put_off_until = serializers.DateField(allow_null=True)
    sorted_at = serializers.DateTimeField(allow_null=True)
    sorted_by = Person(allow_null=True)
    lacking = serializers.CharField(help_text=_("当场化解还缺什么；空的是不缺，或不是当场化解"))


class CaptureFile(FieldCapture):
    """The same with the cases that it became or joined, as far as the viewer may read them."""

    cases = serializers.ListField(child=serializers.CharField())


def show_visit(row: Visit) -> dict[str, Any]:
    plain = ("visited_on", "companions", "households", "note", "begun_at", "ended_at")
    return {
        **{name: getattr(row, name) for name in plain},
        "id": row.uid,
        "village": named(row.village),
        "by": person(row.by),
    }


#: What `show` reads beside the capture.
SHOWN = ("visit", "village__parent", "by", "acknowledged_by", "sorted_by", "spot")
AS_STORED = (
    "version", "state", "at", "kind", "place", "found", "may_escalate", "acknowledged_at", "reason", "put_off_until",
    "sorted_at",
)  # fmt: skip


def show(row: Capture, viewer: User) -> dict[str, Any]:
    sides = (row.side_a, row.side_b)
    if row.names_hidden_from(viewer):
        sides = (masking.mask_side(row.side_a), masking.mask_side(row.side_b))
    return {
        **{name: getattr(row, name) for name in AS_STORED},
        "id": row.uid,
        "visit": row.visit.uid,
        "by": person(row.by),
        "village": named(row.village),
        "side_a": sides[0],
        "side_b": sides[1],
        "words": row.words_for(viewer),
        "acknowledged_by": person(row.acknowledged_by),
        "sorted_by": person(row.sorted_by),
        "lacking": row.lacking_for(viewer),
    }


# --- what is sent in --------------------------------------------------------------------------------------------------


class Side(Text):
    """One side's names, joined by 、 ; empty when nobody is known."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_blank=True, max_length=SIDE_LENGTH, **options)

    def to_internal_value(self, data: Any) -> str:
        return readable(side, super().to_internal_value(data))


class KindCode(Text):
    """A group of two digits or a type of four that may be chosen today."""

    pattern = r"^([0-9]{2}|[0-9]{4})?$"

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        table = TYPE_L1 if len(value) == 2 else TYPE_L2
        if value and not Code.objects.filter(in_force(), table=table, code=value, active=True).exists():
            raise ValidationError(_g("没有这个代码，在 /api/v1/codes/ 列出的里面选"))
        return value


class WalkBody(Strict):
    village = VillageCode(help_text=_("12 位区划代码"))
    visited_on = Day()
    companions = optional(200)
    households = Whole(required=False, allow_null=True, min_value=1, max_value=100_000)

    def validate_visited_on(self, day: Any) -> Any:
        if day > timezone.localdate():
            raise ValidationError(_g("走访日期在今天之后，写实际去的那天"))
        return day


class WalkEndBody(Strict):
    households = Whole(required=False, allow_null=True, min_value=1, max_value=100_000)
    note = optional(2000)


class SideConsent(Strict):
    side = Pick([choice for choice in Party.Side.choices if choice[0] in "AB"])
    name = Text(max_length=parsing.NAME_LENGTH)
    consent = Pick([choice for choice in Party.Consent.choices if choice[0]])


class Young(Strict):
    """Somebody under 18: when they were born, and who answers for them."""

    side = Pick([choice for choice in Party.Side.choices if choice[0] in "AB"])
    name = Text(max_length=parsing.NAME_LENGTH)
    birth_on = Day()
    guardian_name = optional(parsing.NAME_LENGTH)
    guardian_consent_on = Day(required=False, help_text=_("未满 14 周岁的，监护人同意后才登记"))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("birth_on", "guardian_consent_on"):
            if attrs.get(name) and attrs[name] > timezone.localdate():
                raise ValidationError({name: [_g("日期在今天之后，核对年份")]})
        if attrs.get("guardian_name"):
            attrs["guardian_name"] = readable(parsing.name, attrs["guardian_name"])
        return attrs


def step(name: str) -> Any:
    """One answer of the wizard of 治安调解: an officer's, else it is not kept."""
    return fact_field(name, required=False, facts=acts.FACTS)


class SpotBody(Strict):
    """当场化解: what `settle` asks; whatever is left out can follow later."""

    chair = Text(max_length=60, required=False, help_text=_("谁说和的，用户名"))
    between_themselves = YesNo(required=False, help_text=_("双方自己说开的"))
    track = Pick([choice for choice in Agreement.Track.choices if choice[0]], required=False)
    deed = step("deed")
    lesser = step("lesser")
    ground = step("ground")
    exclusions_clear = YesNo(required=False, help_text=_("治安调解的七种不适用情形都没有"))
    officers = step("officers")
    place_kind = step("place_kind")
    recording = optional(60)
    disposition = Pick(DISPOSITION_NAMES, required=False)
    text = optional(500)
    crime_suspected = YesNo(required=False, help_text=_("涉嫌犯罪的不能当场化解，分流立案后转公安机关"))
    minors = YesNo(required=False, help_text=_("有未满 18 周岁的当事人"))
    young = Young(many=True, required=False, max_length=30)
    consents = SideConsent(many=True, required=False, max_length=30)
    safety = Safety(required=False)


class CaptureFields(Strict):
    """Words alone are enough."""

    side_a = Side()
    side_b = Side()
    kind = KindCode(required=False, allow_blank=True, help_text=_("大类 2 位或类型 4 位"))
    words = Text(max_length=2000)
    place = optional(200)
    found = Pick(Capture.Found.choices, required=False, allow_blank=True)
    may_escalate = YesNo(required=False)


class CaptureBody(CaptureFields):
    settled = SpotBody(required=False, help_text=_("现场结果是当场化解的"))


class CaptureChange(CaptureFields):
    """Only what is sent changes."""

    version = Whole(min_value=1, max_value=2**31 - 1)
    words = Text(max_length=2000, required=False)


class SettleBody(SpotBody):
    """What a 当场化解 lacks; sides and kind only where they were left empty."""

    version = Whole(min_value=1, max_value=2**31 - 1)
    side_a = Side()
    side_b = Side()
    kind = KindCode(required=False, allow_blank=True, help_text=_("大类 2 位或类型 4 位"))


class CaptureQuery(Strict):
    state = Pick(Capture.State.choices, required=False)
    visit = serializers.UUIDField(required=False)


class Sorting(Strict):
    version = Whole(min_value=1, max_value=2**31 - 1)


class ReasonSorting(Sorting):
    reason = Text(max_length=500)


class LaterSorting(Sorting):
    until = Day()
    reason = optional(500)


class JoinSorting(Sorting):
    target = Text(max_length=60, help_text=_("并入哪一件，案号"))


class NewSorting(Sorting):
    kind = KindCode(help_text=_("大类 2 位或类型 4 位"))
    tier = Pick(Tier.choices)
    person = Text(max_length=60, required=False, help_text=_("经办人，用户名"))
    due_on = Day(required=False)
    note = optional(1000)

    def validate_due_on(self, day: Any) -> Any:
        if day < timezone.localdate():
            raise ValidationError(_g("办结期限在今天以前，写今天或以后的一天"))
        return day


class SeveralSorting(NewSorting):
    parts = serializers.ListField(child=Text(max_length=2000), min_length=2, max_length=MOST_PARTS)


SORTINGS: dict[str, tuple[type[Sorting], Any]] = {
    "new": (NewSorting, _("新立一件案件")),
    "several": (SeveralSorting, _("拆成几件")),
    "join": (JoinSorting, _("并入一件案件")),
    "none": (ReasonSorting, _("不是纠纷")),
    "back": (ReasonSorting, _("退回补充")),
    "later": (LaterSorting, _("先放一放")),
    "undo": (Sorting, _("撤销分流")),
}
assert SORTINGS.keys() == SORTS.keys()


def spot_facts(sent: dict[str, Any], place: Visit | Capture, user: User) -> dict[str, Any]:
    """`sent` as `Spot.take` reads it."""
    facts = {name: value for name, value in sent.items() if name not in ("chair", "consents", "young")}
    facts["young"] = {
        key({"side": row["side"], "name": readable(parsing.name, row["name"])}): {
            name: row.get(name) for name in ("birth_on", "guardian_name", "guardian_consent_on")
        }
        for row in sent.get("young", ())
    }
    if "chair" in sent:
        facts["chair"] = chairs(place, user).filter(username=sent["chair"]).first()
        if facts["chair"] is None:
            raise ValidationError({"chair": [_g("没有这个选项，在列出的里面选一个")]})
    facts["consents"] = {
        key({"side": row["side"], "name": readable(parsing.name, row["name"])}): row["consent"]
        for row in sent.get("consents", ())
    }
    return facts


# --- views ------------------------------------------------------------------------------------------------------------

UID = OpenApiParameter("uid", OpenApiTypes.UUID, OpenApiParameter.PATH, description=_("编号"))
PHOTO = OpenApiParameter("photo", OpenApiTypes.UUID, OpenApiParameter.PATH, description=_("照片的编号"))


class Placed(Room):
    """Addresses under one visit or capture inside the caller's scope."""

    lookup_field = "uid"
    lookup_value_regex = "[0-9a-fA-F-]{36}"

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def capture(self, uid: str) -> Capture:
        """The capture, its reading written into the log; 404 when it is not in scope."""
        rows = Capture.objects.visible_to(self.user).select_related(*SHOWN)
        found = get_object_or_404(rows, uid=as_uuid(uid))
        self.log_reading(found)
        return found

    def log_reading(self, found: Visit | Capture) -> None:
        county = found.village.county_code
        record_read_once(actor=self.user, subject=str(found.uid), county=county, request=self.request._request)

    def file(self, found: Capture, **answer: Any) -> Response:
        """The capture as it stands after the caller's own act."""
        row = Capture.objects.select_related(*SHOWN).get(pk=found.pk)
        cases = Dispute.objects.visible_to(self.user).filter(sources__capture=row, sources__undone_at=None)
        numbers = list(cases.order_by("pk").values_list("case_no", flat=True))
        return Response({**show(row, self.user), "cases": numbers}, **answer)


class Visits(Placed):
    """Visits inside the caller's scope."""

    serializer_class = FieldVisit
    queryset = Visit.objects.none()

    def visit(self, uid: str) -> Visit:
        rows = Visit.objects.visible_to(self.user).select_related("village__parent", "by", "desk")
        found = get_object_or_404(rows, uid=as_uuid(uid))
        self.log_reading(found)
        return found

    @extend_schema(operation_id="visits_list", summary=_("走访，新的在前"), responses=FieldVisit(many=True))
    def list(self, request: Request) -> Response:
        self.asked(Strict)
        return self.page(Visit.objects.visible_to(self.user).select_related("village", "by"), show_visit)

    @extend_schema(
        operation_id="visits_begin", summary=_("登记一次走访"), request=WalkBody, responses={201: FieldVisit}
    )
    @idempotent
    def create(self, request: Request) -> Response:
        if self.user.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不登记走访。需要的联系村委会或警务室"))
        sent = self.checked(WalkBody, request.data)
        row = Visit.objects.begin(by=self.user, at=timezone.now(), request=request._request, **sent)
        where = request.build_absolute_uri(f"{request.path}{row.uid}/")
        return Response(show_visit(row), status=201, headers={"Location": where})

    @extend_schema(operation_id="visits_retrieve", summary=_("一次走访"), parameters=[UID])
    def retrieve(self, request: Request, uid: str) -> Response:
        return Response(show_visit(self.visit(uid)))

    @extend_schema(operation_id="visits_end", summary=_("结束走访"), parameters=[UID], request=WalkEndBody)
    @action(detail=True, methods=["post"])
    @idempotent
    def end(self, request: Request, uid: str) -> Response:
        found = self.visit(uid)
        sent = self.checked(WalkEndBody, request.data)
        given = {name: sent.get(name, getattr(found, name)) for name in ("households", "note")}
        found.end(by=self.user, at=timezone.now(), request=request._request, **given)
        return Response(show_visit(found))

    @extend_schema(
        operation_id="visits_captures",
        summary=_("这次走访记下的"),
        parameters=[UID],
        responses=FieldCapture(many=True),
    )
    @action(detail=True)
    def captures(self, request: Request, uid: str) -> Response:
        rows = self.visit(uid).captures.select_related(*SHOWN)
        return self.page(rows, lambda row: show(row, self.user))

    @extend_schema(
        operation_id="visits_capture",
        summary=_("记下一条"),
        parameters=[UID],
        request=CaptureBody,
        responses={201: CaptureFile},
    )
    @captures.mapping.post
    @idempotent
    def add(self, request: Request, uid: str) -> Response:
        visit = self.visit(uid)
        facts = self.checked(CaptureBody, request.data)
        spot = spot_facts(facts.pop("settled", {}), visit, self.user)
        row = visit.capture(by=self.user, at=timezone.now(), facts=facts, spot=spot, request=request._request)
        return self.file(row, status=201)


class Captures(Placed):
    """What was captured inside the caller's scope."""

    serializer_class = CaptureFile
    queryset = Capture.objects.none()

    @extend_schema(
        operation_id="captures_list",
        summary=_("走访记录，新的在前"),
        parameters=[CaptureQuery],
        responses=FieldCapture(many=True),
    )
    def list(self, request: Request) -> Response:
        asked = self.asked(CaptureQuery)
        rows = Capture.objects.visible_to(self.user).select_related(*SHOWN)
        if "state" in asked:
            rows = rows.filter(state=asked["state"])
        if "visit" in asked:
            rows = rows.filter(visit__uid=asked["visit"])
        return self.page(rows, lambda row: show(row, self.user))

    @extend_schema(operation_id="captures_retrieve", summary=_("一条走访记录"), parameters=[UID])
    def retrieve(self, request: Request, uid: str) -> Response:
        return self.file(self.capture(uid))

    @extend_schema(operation_id="captures_add", summary=_("补充一条记录"), parameters=[UID], request=CaptureChange)
    def partial_update(self, request: Request, uid: str) -> Response:
        found = self.capture(uid)
        sent = self.checked(CaptureChange, request.data)
        facts = {name: sent.get(name, getattr(found, name)) for name in Capture.FACTS}
        found.edit(
            by=self.user, at=timezone.now(), version=sent["version"], facts=facts, request=request._request
        )  # fmt: skip
        return self.file(found)

    @extend_schema(operation_id="captures_acknowledge", summary=_("确认可能激化"), parameters=[UID], request=None)
    @action(detail=True, methods=["post"])
    @idempotent
    def acknowledge(self, request: Request, uid: str) -> Response:
        found = self.capture(uid)
        found.acknowledge(by=self.user, at=timezone.now(), request=request._request)
        return self.file(found)

    @extend_schema(
        operation_id="captures_settle",
        summary=_("补齐当场化解"),
        description=_("齐了就立案并化解，排上回访；不齐的留在待分流，lacking 里写明还缺什么"),
        parameters=[UID],
        request=SettleBody,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def settle(self, request: Request, uid: str) -> Response:
        found = self.capture(uid)
        sent = self.checked(SettleBody, request.data)
        facts = {name: sent.pop(name, "") for name in ("side_a", "side_b", "kind")}
        version = sent.pop("version")
        found.settle(
            by=self.user, at=timezone.now(), version=version, facts=facts, request=request._request,
            spot=spot_facts(sent, found, self.user),
        )  # fmt: skip
        return self.file(found)

    # --- photos: nobody's but their capture's
    def show_photo(self, found: Capture, row: Attachment) -> dict[str, Any]:
        hide = found.names() if self.user.scope.masked else []
        return show_attachment(row, lambda name: masking.mask_in(name, hide))

    @extend_schema(
        operation_id="captures_photos",
        summary=_("走访照片"),
        parameters=[UID],
        responses=AttachmentShown(many=True),
    )
    @action(detail=True, parser_classes=[MultiPartParser])
    def photos(self, request: Request, uid: str) -> Response:
        found = self.capture(uid)
        rows = found.photos.select_related("by", "capture")
        return self.page(rows, lambda row: self.show_photo(found, row))

    @extend_schema(
        operation_id="captures_photos_add",
        summary=_("补照片"),
        parameters=[UID],
        request=FileBody,
        responses={201: AttachmentShown},
    )
    @photos.mapping.post
    @idempotent
    def add_photo(self, request: Request, uid: str) -> Response:
        found = self.capture(uid)
        if sentence := found.why_not_edit(self.user):  # before anybody looks at the file
            raise MoveRefused(sentence)
        file = self.checked(FileBody, request.data)["file"]
        with attachments.receiving([file], most=settings.PHOTOS_PER_CAPTURE, only=attachments.PICTURES) as (photo,):
            found.add_photos([photo], by=self.user, at=timezone.now(), request=request._request)
        row = found.photos.select_related("by", "capture").get(uid=photo.uid)
        return Response(self.show_photo(found, row), status=201)

    @extend_schema(
        operation_id="captures_photos_download",
        summary=_("下载走访照片"),
        parameters=[UID, PHOTO],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path=r"photos/(?P<photo>[0-9a-fA-F-]{36})")
    def photo(self, request: Request, uid: str, photo: str) -> HttpResponse:
        return self.bytes_of(uid, photo, 0)

    @extend_schema(
        operation_id="captures_photos_preview",
        summary=_("看走访照片"),
        parameters=[UID, PHOTO, SIZE],
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path=r"photos/(?P<photo>[0-9a-fA-F-]{36})/(?P<size>320|1280)")
    def photo_preview(self, request: Request, uid: str, photo: str, size: str) -> HttpResponse:
        return self.bytes_of(uid, photo, int(size))

    def bytes_of(self, uid: str, photo: str, size: int) -> HttpResponse:
        rows = self.capture(uid).photos.select_related("dispute", "capture__village")
        return answer_file(get_object_or_404(rows, uid=as_uuid(photo)), size, self.request)


class Triage(Placed):
    """What waits to be sorted, dangerous ones first; one address for each thing that it may become."""

    serializer_class = CaptureFile
    pagination_class = Numbered
    queryset = Capture.objects.none()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.user.scope.roles.isdisjoint(SORTERS):
            raise NotYours(_g("分流由民警和综治中心办理"))

    @extend_schema(operation_id="triage_list", summary=_("待分流"), responses=FieldCapture(many=True))
    def list(self, request: Request) -> Response:
        self.asked(Strict)
        rows = Capture.objects.visible_to(self.user).to_sort(timezone.localdate()).select_related(*SHOWN)
        return self.page(rows, lambda row: show(row, self.user))

    def sort(self, request: Request, uid: str, name: str) -> Response:
        """Decide what one capture is, and send back what it became."""
        found = self.capture(uid)
        facts = self.checked(SORTINGS[name][0], request.data)
        if "target" in facts:
            number = parsing.case_no(facts["target"])
            facts["target"] = Dispute.objects.visible_to(self.user).filter(case_no=number).first()
        if facts.get("person"):
            people = {who.username: who for who, _office in people_of(found)}
            if facts["person"] not in people:
                raise FactsMissing({"person": _g("没有这个选项，在列出的里面选一个")})
            facts["person"] = people[facts["person"]]
        found.sort(name, by=self.user, at=timezone.now(), request=request._request, **facts)
        return self.file(found)


def _route_of(name: str) -> Any:
    body, label = SORTINGS[name]

    @idempotent
    def make(self: Triage, request: Request, uid: str) -> Response:
        return self.sort(request, uid, name)

    make.__name__ = f"sort_{name}"  # the router finds the method by it
    documented = extend_schema(
        operation_id=f"triage_{name}", summary=label, parameters=[UID], request=body, responses=CaptureFile
    )
    return documented(action(detail=True, methods=["post"], url_path=name, url_name=f"sort-{name}")(make))


for _name in SORTINGS:
    setattr(Triage, f"sort_{_name}", _route_of(_name))

routes = [("visits", Visits, "field-visit"), ("captures", Captures, "capture"), ("triage", Triage, "triage")]
