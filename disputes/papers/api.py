"""The API of papers: list of a case, how one would read, issue, download, void."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404, HttpResponse
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
from audit.rest import UNWANTED, Pick, Room, Strict, Text, idempotent
from disputes.models import Dispute, MoveRefused
from disputes.papers import typeset
from disputes.papers.forms import MANY_LINES, ONE_LINE
from disputes.papers.kinds import Kind, kinds
from disputes.papers.models import DOCX, PDF, Paper, PaperTemplate, draw_up, initial, read_case
from disputes.papers.views import sent
from villages.models import User

ONE_LINE_ONLY = rf"^[^\n{UNWANTED}]*$"


class PaperShown(serializers.Serializer):
    """One issued paper; its words are in its files only."""

    uid = serializers.UUIDField()
    case_no = serializers.CharField()
    kind = serializers.CharField()
    title = serializers.CharField()
    number = serializers.CharField(help_text=_("没有编号的文书为空"))
    pages = serializers.IntegerField()
    template_version = serializers.IntegerField()
    docx_sha256 = serializers.CharField()
    pdf_sha256 = serializers.CharField()
    issued_by = serializers.CharField()
    issued_at = serializers.DateTimeField()
    voided_at = serializers.DateTimeField(allow_null=True)
    void_reason = serializers.CharField()


class PreviewShown(serializers.Serializer):
    """How a paper would read now, and what stands in its way."""

    title = serializers.CharField()
    words = serializers.CharField()
    problems = serializers.ListField(child=serializers.CharField())
    facts = serializers.DictField(child=serializers.CharField(), help_text=_("要填的，没写的按案件预填"))
    template_version = serializers.IntegerField()


class PapersQuery(Strict):
    case = Text(help_text=_("案号"), max_length=24)


class Facts(Strict):
    """What only a person can say: everything that some paper asks for; the preview names what one asks for."""

    def get_fields(self) -> dict[str, serializers.Field]:
        asks = {ask.key: ask for kind in kinds().values() for ask in kind.asks}
        return {
            key: Text(
                required=False,
                allow_blank=True,
                max_length=MANY_LINES if ask.lines else ONE_LINE,
                **({} if ask.lines else {"pattern": ONE_LINE_ONLY}),
                help_text=ask.label,
            )
            for key, ask in asks.items()
        }


class PaperBody(Strict):
    case = Text(help_text=_("案号"), max_length=24)
    kind = Pick(choices=(), help_text=_("文书种类"))
    facts = Facts(required=False, help_text=_("要填的：名称到文字，见预览"))

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        choices = [(key, str(kind.title)) for key, kind in kinds().items()]  # upper rooms add theirs
        return {**fields, "kind": Pick(choices=choices, help_text=_("文书种类"))}


class VoidBody(Strict):
    reason = Text(max_length=200, help_text=_("作废理由"))


UID = OpenApiParameter("uid", OpenApiTypes.UUID, OpenApiParameter.PATH)
FILE = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


class Papers(Room):
    """Papers of the cases inside the caller's scope."""

    lookup_field = "uid"
    lookup_value_regex = "[0-9a-fA-F-]{36}"
    serializer_class = PaperShown
    queryset = Paper.objects.none()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    def case(self, case_no: str) -> Dispute:
        """The case, its reading written into the log; 404 when it is not in scope."""
        rows = Dispute.objects.visible_to(self.user).for_page().prefetch_related("parties")
        case = get_object_or_404(rows, case_no=case_no)
        record_read_once(actor=self.user, subject=case.case_no, county=case.case_no[:6], request=self.request._request)
        return case

    def paper(self, uid: str) -> Paper:
        try:
            key = uuid.UUID(uid)
        except ValueError:
            raise Http404 from None
        rows = Paper.objects.visible_to(self.user).select_related("dispute__desk", "by", "template")
        return get_object_or_404(rows.prefetch_related("dispute__parties"), uid=key)

    def show(self, row: Paper) -> dict[str, Any]:
        return {
            "uid": str(row.uid),
            "case_no": row.dispute.case_no,
            "kind": row.kind,
            "title": row.title,
            "number": row.number,
            "pages": row.pages,
            "template_version": row.template.version,
            "docx_sha256": row.docx_sha256,
            "pdf_sha256": row.pdf_sha256,
            "issued_by": row.by.name,
            "issued_at": row.at,
            "voided_at": row.voided_at,
            "void_reason": row.void_reason_for(self.user),
        }

    @extend_schema(
        operation_id="papers_list", summary=_("一件案件出过的文书"), parameters=[PapersQuery],
        responses=PaperShown(many=True),
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        case = self.case(self.asked(PapersQuery)["case"])
        rows = case.papers.select_related("by", "template")

        def show(row: Paper) -> dict[str, Any]:
            row.dispute = case
            return self.show(row)

        return self.page(rows, show)

    def wanted(self, request: Request) -> tuple[Dispute, Kind, dict[str, str]]:
        given = self.checked(PaperBody, request.data)
        case, kind, facts = self.case(given["case"]), kinds()[given["kind"]], given.get("facts", {})
        asked = [ask.key for ask in kind.asks]
        if unknown := sorted(set(facts) - set(asked)):
            raise MoveRefused(
                _g("%(kind)s不填“%(what)s”。要填的：%(asked)s")
                % {"kind": kind.title, "what": "、".join(unknown), "asked": "、".join(asked) or _g("无")}
            )
        return case, kind, facts

    @extend_schema(
        operation_id="papers_preview", summary=_("看一份文书会怎么写、还缺什么"), request=PaperBody,
        responses=PreviewShown,
    )  # fmt: skip
    @action(detail=False, methods=["post"], pagination_class=None)
    def preview(self, request: Request) -> Response:
        case, kind, facts = self.wanted(request)
        source = read_case(case, kind, by=self.user, at=timezone.now(), request=request._request)
        used = PaperTemplate.objects.current(kind.key)
        facts = {**initial(kind, source), **facts}
        draft = draw_up(kind, source, facts, used=used)
        return Response(
            {
                "title": str(kind.title),
                "words": typeset.words_of(draft.blocks),
                "problems": draft.problems,
                "facts": facts,
                "template_version": used.version,
            }
        )

    @extend_schema(
        operation_id="papers_issue", summary=_("出具一份文书"), request=PaperBody, responses={201: PaperShown}
    )
    @idempotent
    def create(self, request: Request) -> Response:
        case, kind, facts = self.wanted(request)
        row = Paper.objects.issue(case, kind, by=self.user, at=timezone.now(), asked=facts, request=request._request)
        where = request.build_absolute_uri(f"{request.path}{row.uid}/")
        return Response(self.show(row), status=201, headers={"Location": where})

    @extend_schema(operation_id="papers_retrieve", summary=_("一份文书"), parameters=[UID])
    def retrieve(self, request: Request, uid: str) -> Response:
        return Response(self.show(self.paper(uid)))

    @extend_schema(operation_id="papers_pdf", summary=_("下载 PDF"), parameters=[UID], responses=FILE)
    @action(detail=True)
    def pdf(self, request: Request, uid: str) -> HttpResponse:
        return self.download(uid, PDF)

    @extend_schema(operation_id="papers_docx", summary=_("下载 DOCX"), parameters=[UID], responses=FILE)
    @action(detail=True)
    def docx(self, request: Request, uid: str) -> HttpResponse:
        return self.download(uid, DOCX)

    def download(self, uid: str, form: str) -> HttpResponse:
        row = self.paper(uid)
        content = row.read(form, by=self.user, at=timezone.now(), request=self.request._request)
        answer = sent(content, form, row.file_name(form))
        answer.headers["Content-Type"] = "application/octet-stream"
        return answer

    @extend_schema(operation_id="papers_void", summary=_("作废一份文书"), parameters=[UID], request=VoidBody)
    @action(detail=True, methods=["post"])
    @idempotent
    def void(self, request: Request, uid: str) -> Response:
        row = self.paper(uid)
        row.void(by=self.user, at=timezone.now(), request=request._request, **self.checked(VoidBody, request.data))
        return Response(self.show(self.paper(uid)))


routes = [("papers", Papers, "paper")]
