"""What every room's API is built from: strict bodies and fields, keyset pages, and answers that replay.

It stands in the lowest room because rooms import one way only; `config.rest` adds what must know every room.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson
from django.http import HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from rest_framework import pagination, serializers, viewsets
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from audit.idempotency import KEY_LIMIT, replay_or_run

FIRST_DAY, LAST_DAY = dt.date(1900, 1, 1), dt.date(2100, 12, 31)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MONEY = r"^[0-9]{1,12}(\.[0-9]{1,2})?$"


# --- fields that take one JSON type and nothing that merely resembles it ----------------------------------------------


#: Control characters, and marks that turn the reading direction: a name could be shown other than it is stored.
UNWANTED = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069"


class Text(serializers.CharField):
    """A JSON string without control characters; numbers are refused, as 0935 and 935 are not the same."""

    #: What it looks like; by default something besides blanks, unless the text may be empty.
    pattern = ""

    def __init__(self, *, pattern: str = "", **options: Any) -> None:
        super().__init__(**options)
        some = "" if self.allow_blank else rf"[^\s{UNWANTED}][^{UNWANTED}]*"
        self.form = re.compile(pattern or self.pattern) if pattern or self.pattern else None
        self.pattern = pattern or self.pattern or rf"^[^{UNWANTED}]*{some}$"

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if re.search(f"[{UNWANTED}]", data):
            raise ValidationError(_g("内容里有不能保存的控制字符，删掉后再保存"))
        value = super().to_internal_value(data)
        if self.form and not self.form.search(value):
            raise ValidationError(_g("写法不对，照说明填写"))
        return value


class Whole(serializers.IntegerField):
    """A JSON integer, which 3.0 is, too; "3" and true are refused."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class Count(serializers.IntegerField):
    """A whole number in an address, where everything is text: 3 and nothing else that reads like it."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str) or not re.fullmatch(r"[1-9][0-9]{0,8}", data):
            self.fail("invalid")
        return super().to_internal_value(data)


class YesNo(serializers.BooleanField):
    """A JSON boolean; "yes" and 1 are refused."""

    def to_internal_value(self, data: Any) -> Any:
        if data is None and self.allow_null:
            return None
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Day(serializers.DateField):
    """A date written 2026-03-02, between 1900 and 2100: arithmetic on year 1 or 9999 would overflow."""

    def to_internal_value(self, value: Any) -> dt.date:
        if not isinstance(value, str) or not DAY.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DD")
        day = super().to_internal_value(value)
        if not FIRST_DAY <= day <= LAST_DAY:
            raise ValidationError(_g("日期要在 1900 年到 2100 年之间"))
        return day


class Money(serializers.RegexField):
    """Yuan as a decimal string, since a float cannot hold every fen."""

    def __init__(self, **options: Any) -> None:
        super().__init__(MONEY, **options)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        return serializers.DecimalField(max_digits=14, decimal_places=2).to_internal_value(
            super().to_internal_value(data)
        )

    def to_representation(self, value: Any) -> str:
        return f"{value:.2f}"


class Pick(serializers.ChoiceField):
    """One of the choices, in the choice's own JSON type."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        # members of IntegerChoices are ints of a subclass
        if isinstance(data, bool) or not any(isinstance(key, type(data)) for key in self.choices):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class Strict(serializers.Serializer):
    """A body or query of declared fields only: whatever else is sent is named and refused, never ignored."""

    #: Fields of which exactly one is sent. The document says it, too; the body says the sentence in its `validate`.
    either: tuple[str, ...] = ()

    if TYPE_CHECKING:
        # `many=True` passes these on to the list; the stub leaves out max_length and min_length
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(str(name) for name in data if name not in self.fields)
            if unknown:
                raise ValidationError({name[:100]: [_g("没有这个字段")] for name in unknown[:20]})
        return super().to_internal_value(data)


# --- pages ------------------------------------------------------------------------------------------------------------


class Keyset(pagination.CursorPagination):
    """50 rows, newest first; the cursor holds the last id, so a deep page costs what the first one costs."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering: Any = "-id"
    # lazy, as DRF's own are; the stub knows only str
    page_size_query_description: Any = _("每页条数，最多 200，默认 50")
    cursor_query_description: Any = _("上一页或下一页的位置，照抄 next 或 previous 里的值")
    #: What a position looks like; anything else never reaches the database.
    position = re.compile(r"[0-9]{1,18}")

    def get_page_size(self, request: Request) -> int:
        return page_size_of(request)

    def decode_cursor(self, request: Request) -> Any:
        wrong = ValidationError({self.cursor_query_param: [_g("位置无法识别。从第一页重新开始")]})
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            raise wrong from None
        if cursor is not None and cursor.position is not None and not self.fits(str(cursor.position)):
            raise wrong
        return cursor

    def fits(self, position: str) -> bool:
        """Whether the database could compare the ordering column with this position."""
        return bool(self.position.fullmatch(position))

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return from_one(super().get_schema_operation_parameters(view))


def page_size_of(request: Request) -> int:
    """How many rows were asked for: nonsense is refused, too many are capped."""
    name = Keyset.page_size_query_param
    raw = request.query_params.get(name, str(Keyset.page_size))
    if not re.fullmatch(r"[0-9]{1,6}", raw) or int(raw) < 1:
        raise ValidationError({name: [_g("写 1 到 200 的整数")]})
    return min(int(raw), Keyset.max_page_size)


def from_one(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Page parameters with their bounds written into the schema."""
    for parameter in parameters:
        if parameter["schema"]["type"] == "integer":
            parameter["schema"] |= {"minimum": 1, "maximum": 999_999}
    return parameters


class ByDay(Keyset):
    """The same by due day, earliest first."""

    ordering: Any = ("due_on", "id")
    position = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

    def fits(self, position: str) -> bool:
        if not super().fits(position):
            return False
        try:
            dt.date.fromisoformat(position)
        except ValueError:
            return False
        return True


class Numbered(pagination.PageNumberPagination):
    """Pages with numbers and an exact count, for lists that are bounded (one month's ledger)."""

    page_size = Keyset.page_size
    max_page_size = Keyset.max_page_size
    page_size_query_param = Keyset.page_size_query_param
    page_size_query_description: Any = Keyset.page_size_query_description
    page_query_description: Any = _("第几页，从 1 起")

    def get_page_size(self, request: Request) -> int:
        return page_size_of(request)

    def get_page_number(self, request: Request, paginator: Any) -> int:
        raw = request.query_params.get(self.page_query_param, "1")
        if not re.fullmatch(r"[0-9]{1,6}", raw) or not 1 <= int(raw) <= paginator.num_pages:
            raise ValidationError({self.page_query_param: [_g("共 %(n)s 页，写其中一页") % {"n": paginator.num_pages}]})
        return int(raw)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return from_one(super().get_schema_operation_parameters(view))


# --- answers that replay ----------------------------------------------------------------------------------------------

Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Callable[..., HttpResponse]:
    """A POST that, repeated with its `Idempotency-Key`, has its effect once and gets the first answer again.

    Stands inside `@action`. The same key with another address or body raises KeyReused (422).
    """

    @functools.wraps(handler)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not (len(key) <= KEY_LIMIT and re.fullmatch("[!-~]+", key)):
            raise ValidationError({"Idempotency-Key": [_g("写 1 到 200 个英文字母、数字或符号")]})
        headers: dict[str, str] = {}

        def run() -> tuple[int, str]:
            answer = handler(view, request, *args, **kwargs)
            headers.update(answer.headers)
            return answer.status_code, dump(answer.data).decode()

        status, text, replayed = replay_or_run(user=request.user, key=key, body_hash=_fingerprint(request), run=run)
        headers.pop("Content-Type", None)
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return HttpResponse(text, status=status, content_type="application/json", headers=headers)

    once.is_idempotent = True  # type: ignore[attr-defined]
    return once


def _fingerprint(request: Request) -> str:
    """SHA-256 over method, address and content; a form's by its parts, as its boundary differs at every try."""
    digest = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    if request.content_type and request.content_type.startswith("multipart/"):
        for name, values in sorted(request._request.POST.lists()):
            digest.update(orjson.dumps([name, values]))
        for name, files in sorted(request._request.FILES.lists()):
            for file in files:
                content = hashlib.sha256()
                for chunk in file.chunks():
                    content.update(chunk)
                file.seek(0)
                digest.update(orjson.dumps([name, file.name, content.hexdigest()]))
    else:
        digest.update(request._request.body)
    return digest.hexdigest()


def dump(data: Any) -> bytes:
    """`data` as JSON bytes."""
    return orjson.dumps(data, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> str:
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not belong in an answer.")


PAGING = {Keyset.page_size_query_param, Keyset.cursor_query_param, Numbered.page_query_param}

# --- views ------------------------------------------------------------------------------------------------------------


class AlwaysJson(BaseContentNegotiation):
    """Answers JSON whatever `Accept` says, instead of a 406 that nobody can use."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Room(viewsets.GenericViewSet):
    """The base of every viewset: reads declared input only, pages what it lists."""

    content_negotiation_class = AlwaysJson
    parser_classes = (JSONParser,)
    pagination_class: type[pagination.BasePagination] = Keyset
    filter_backends = ()

    def checked(self, serializer: type[serializers.Serializer], data: Any, **context: Any) -> dict[str, Any]:
        """What was sent, in the shape `serializer` declares; else a 400 that names each field."""
        body = serializer(data=data, context={**self.get_serializer_context(), **context})
        body.is_valid(raise_exception=True)
        return body.validated_data

    def asked(self, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        """The query string in the shape `serializer` declares; paging is the paginator's."""
        fields = serializer().fields
        sent: dict[str, Any] = {}
        for name, values in self.request.query_params.lists():
            many = isinstance(fields.get(name), serializers.ListField)
            if not many and len(values) > 1:
                raise ValidationError({name[:100]: [_g("只写一次")]})
            if name not in PAGING:
                sent[name] = values if many else values[0]
        return self.checked(serializer, sent)

    def page(self, rows: Any, show: Callable[[Any], Any]) -> Response:
        """One page of `rows`, each as `show` gives it."""
        found = self.paginate_queryset(rows)
        return self.get_paginated_response([show(row) for row in found or ()])


def flat_errors(detail: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Nested field errors as (“parties.0.name”, sentences)."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from flat_errors(inner, path if name == "non_field_errors" else f"{path}.{name}".lstrip("."))
    elif isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        for index, inner in enumerate(detail):
            if inner:
                yield from flat_errors(inner, f"{path}.{index}".lstrip("."))
    else:
        yield path or "body", [str(line) for line in (detail if isinstance(detail, list) else [detail])]
