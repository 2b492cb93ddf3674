"""The API of layouts and kept conditions; the rules are those of the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit.rest import Numbered, Pick, Room, Strict, Text, Whole, idempotent
from disputes.models import MoveRefused
from ledgers.api import ColumnShown, shown_column
from ledgers.columns import ALL
from ledgers.layouts.models import (
    MOST_SAVED,
    NAME_LENGTH,
    LedgerProfile,
    Picked,
    SavedLedger,
    Stale,
)
from ledgers.layouts.views import KEPT
from ledgers.month import LEDGER_ROLES
from ledgers.profiles import SHIPPED, Profile
from villages.changes import Refused
from villages.models import Role, User

# --- what is sent back ------------------------------------------------------------------------------------------------


class LedgerProfileShown(serializers.Serializer):
    """One layout; those of the county can be changed by its system administrator."""

    key = serializers.CharField(help_text=_("查台账时写在 profile 里的代号"))
    name = serializers.CharField()
    own = serializers.BooleanField(help_text=_("本县自己的"))
    id = serializers.IntegerField(allow_null=True, help_text=_("自己的才有"))
    version = serializers.IntegerField(allow_null=True, help_text=_("修改时带上它，别人先改过就是 409"))
    columns = ColumnShown(many=True)


class SavedLedgerShown(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    query = serializers.CharField()


def show(layout: Profile, row: LedgerProfile | None) -> dict[str, Any]:
    return {
        "key": layout.key,
        "name": str(layout.label),
        "own": row is not None,
        "id": row and row.pk,
        "version": row and row.version,
        "columns": [shown_column(column) for column in layout.columns],
    }


def show_own(row: LedgerProfile) -> dict[str, Any]:
    return show(Profile(row.key, row.name, row.layout()), row)


# --- what is sent in --------------------------------------------------------------------------------------------------


class ColumnBody(Strict):
    key = Pick([(key, column.label) for key, column in ALL.items()], help_text=_("产品的列"))
    label = Text(  # type: ignore[assignment]
        max_length=NAME_LENGTH, required=False, allow_blank=True, help_text=_("列名，不写就用原来的")
    )
    group = Text(max_length=NAME_LENGTH, required=False, allow_blank=True, help_text=_("合并表头，挨着的几列写同一个"))


class LedgerProfileBody(Strict):
    """Name and columns, in order."""

    name = Text(max_length=NAME_LENGTH)
    columns = serializers.ListField(child=ColumnBody(), min_length=1, max_length=len(ALL))


class LedgerProfileChange(LedgerProfileBody):
    version = Whole(min_value=1, max_value=2**31 - 1, help_text=_("读到的版本"))


class SavedLedgerBody(Strict):
    name = Text(max_length=30)
    query = Text(max_length=500, help_text=_("台账地址问号后面的部分，不含月份，如 status=open&profile=village"))

    def validate_query(self, query: str) -> str:
        unknown = sorted(set(QueryDict(query)) - set(KEPT))
        if unknown:
            raise ValidationError(_g("台账没有这个条件：%(names)s") % {"names": "、".join(unknown)[:100]})
        return query


@contextmanager
def told() -> Iterator[None]:
    """A refusal at the door as the API says it: 409 where somebody was first, 400 where what was sent is wrong."""
    try:
        yield
    except Stale as stale:
        raise MoveRefused(stale.sentence) from None
    except Refused as refused:
        name = "name" if refused.field == "name" else "columns"
        raise ValidationError({name: [refused.sentence]}) from None


# --- the doors --------------------------------------------------------------------------------------------------------


class LedgerProfiles(Room):
    """The layouts of the ledger."""

    serializer_class = LedgerProfileShown
    queryset = LedgerProfile.objects.none()
    pagination_class = Numbered
    lookup_value_regex = "[0-9]{1,15}"

    def person(self) -> User:
        """Whoever keeps the layouts; anybody else is told whose work it is."""
        user: User = self.request.user  # type: ignore[assignment]
        if not user.scope.has(Role.SYSADMIN):
            raise PermissionDenied(_g("台账格式由系统管理员改。需要改动的，联系他们办理"))
        return user

    @extend_schema(operation_id="ledger_profiles_list", summary=_("台账格式"), responses=LedgerProfileShown(many=True))
    def list(self, request: Request) -> Response:
        self.asked(Strict)
        user: User = request.user  # type: ignore[assignment]
        if not user.scope.has(*LEDGER_ROLES, Role.SYSADMIN):
            raise PermissionDenied(_g("你的岗位不看工作台账。需要的联系责任单位或督导"))
        shipped = [show(layout, None) for layout in SHIPPED.values()]
        return self.page([*shipped, *map(show_own, LedgerProfile.objects.of(user))], lambda shown: shown)

    @extend_schema(
        operation_id="ledger_profiles_add",
        summary=_("新建本县的台账格式"),
        request=LedgerProfileBody,
        responses={201: LedgerProfileShown},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        by = self.person()
        sent = self.checked(LedgerProfileBody, request.data)
        with told():
            row = LedgerProfile.objects.make(
                by=by, at=timezone.now(), name=sent["name"], picked=picked(sent), request=request._request
            )
        return Response(show_own(row), status=201)

    @extend_schema(
        operation_id="ledger_profiles_change",
        summary=_("修改本县的台账格式"),
        request=LedgerProfileChange,
        responses=LedgerProfileShown,
    )
    def update(self, request: Request, pk: str) -> Response:
        by = self.person()
        row = get_object_or_404(LedgerProfile.objects.of(by), pk=int(pk))
        sent = self.checked(LedgerProfileChange, request.data)
        with told():
            row = LedgerProfile.objects.change(
                row.pk, by=by, at=timezone.now(), version=sent["version"], name=sent["name"], picked=picked(sent),
                request=request._request,
            )  # fmt: skip
        return Response(show_own(row))

    @extend_schema(operation_id="ledger_profiles_remove", summary=_("删除本县的台账格式"), responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        by = self.person()
        row = get_object_or_404(LedgerProfile.objects.of(by), pk=int(pk))
        LedgerProfile.objects.drop(row.pk, by=by, at=timezone.now(), request=request._request)
        return Response(status=204)


def picked(sent: dict[str, Any]) -> list[Picked]:
    return [Picked(one["key"], one.get("label", ""), one.get("group", "")) for one in sent["columns"]]


class SavedLedgers(Room):
    """Conditions and layout of the ledger that the caller keeps under a name."""

    serializer_class = SavedLedgerShown
    queryset = SavedLedger.objects.none()
    lookup_value_regex = "[0-9]{1,15}"

    def own(self) -> Any:
        user: User = self.request.user  # type: ignore[assignment]
        if not user.scope.has(*LEDGER_ROLES):
            raise PermissionDenied(_g("你的岗位不看工作台账。需要的联系责任单位或督导"))
        return SavedLedger.objects.filter(user=user)

    @staticmethod
    def show(row: SavedLedger) -> dict[str, Any]:
        return {"id": row.pk, "name": row.name, "query": row.query}

    @extend_schema(
        operation_id="saved_ledgers_list", summary=_("台账的常用查询"), responses=SavedLedgerShown(many=True)
    )
    def list(self, request: Request) -> Response:
        self.asked(Strict)
        return self.page(self.own(), self.show)

    @extend_schema(
        operation_id="saved_ledgers_add",
        summary=_("存为台账的常用查询"),
        request=SavedLedgerBody,
        responses={201: SavedLedgerShown},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        rows = self.own()
        sent = self.checked(SavedLedgerBody, request.data)
        if rows.count() >= MOST_SAVED:
            raise MoveRefused(_g("最多存 %(n)s 组条件，先删掉不用的") % {"n": MOST_SAVED})
        try:
            with transaction.atomic():
                row = SavedLedger.objects.create(user=request.user, **sent)  # type: ignore[misc]
        except IntegrityError:
            raise MoveRefused(_g("已有同名的常用查询，换个名称")) from None
        return Response(self.show(row), status=201)

    @extend_schema(operation_id="saved_ledgers_remove", summary=_("删除台账的常用查询"), responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        get_object_or_404(self.own(), pk=int(pk)).delete()
        return Response(status=204)


routes: list[tuple[str, Callable[..., Any], str]] = [
    ("ledger-profiles", LedgerProfiles, "ledger-profile"),
    ("saved-ledgers", SavedLedgers, "saved-ledger"),
]
