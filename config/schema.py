"""The OpenAPI document: what every operation shares is written here once, not at each view."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from audit.idempotency import KEY_LIMIT
from audit.rest import Strict, Text

ERROR = {
    "type": "object",
    "description": gettext_lazy("没有办成的原因和出路"),
    "properties": {
        "detail": {"type": "string", "description": gettext_lazy("给人看的一句话")},
        "request_id": {"type": "string", "description": gettext_lazy("报修时报这个编号")},
        "errors": {
            "type": "object",
            "description": gettext_lazy("字段（如 parties.0.name）和要改的内容"),
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "conflict": {
            "type": "object",
            "description": gettext_lazy("别人先办了什么"),
            "properties": {
                "kind": {"type": "string"},
                "at": {"type": "string", "format": "date-time"},
                "by": {"type": "string"},
            },
            "required": ["kind", "at", "by"],
            "additionalProperties": False,
        },
    },
    "required": ["detail", "request_id"],
    "additionalProperties": False,
}
ALWAYS = {
    "400": gettext_lazy("写错或缺少内容，errors 逐项说明"),
    "401": gettext_lazy("没有登录，或者令牌无效"),
    "403": gettext_lazy("你的岗位没有这一项"),
    "404": gettext_lazy("没有这个对象，或者它不在你的范围内"),
    "405": gettext_lazy("这个地址不支持这种方法"),
    "429": gettext_lazy("请求太多，按 Retry-After 等一会儿"),
}
ON_WRITE = {
    "409": gettext_lazy("现在不能办，detail 说明原因；conflict 是别人先办的事"),
    "413": gettext_lazy("内容太大"),
    "415": gettext_lazy("内容类型不支持"),
}
ON_KEY = {"422": gettext_lazy("这个 Idempotency-Key 已用于另一次提交")}


class Schema(AutoSchema):
    """Documents for every operation what all of them share: errors, the idempotency key, strict bodies."""

    def get_override_parameters(self) -> list[Any]:
        parameters = super().get_override_parameters()
        if not self._is_idempotent():
            return parameters
        return [
            *parameters,
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": KEY_LIMIT},
                OpenApiParameter.HEADER,
                description=_("同一个键重复提交只办一次，返回第一次的结果，保留 90 天"),
            ),
        ]

    def get_description(self) -> str:  # type: ignore[override]
        """Nothing unless a view declares it: our docstrings are for developers and not translated."""
        return ""

    def _is_idempotent(self) -> bool:
        handler = getattr(self.view, getattr(self.view, "action", None) or self.method.lower(), None)
        return bool(getattr(handler, "is_idempotent", False))

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        errors = dict(ALWAYS)
        if self.method in {"POST", "PUT", "PATCH", "DELETE"}:
            errors |= ON_WRITE
        if self._is_idempotent():
            errors |= ON_KEY
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        for status, description in errors.items():
            bodies.setdefault(status, {"description": str(description), "content": content})
        return bodies

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)
        schema.pop("description", None)  # our docstrings are for developers and not translated
        if isinstance(serializer, Strict):
            schema["additionalProperties"] = False
            if serializer.either:
                schema["oneOf"] = [{"required": [name]} for name in serializer.either]
        return schema

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        if direction == "request" and isinstance(field, Text):
            return {**schema, "pattern": field.pattern}
        if isinstance(field, serializers.ListSerializer):
            for name, bound in (("minItems", "min_length"), ("maxItems", "max_length")):
                if getattr(field, bound) is not None:
                    schema = {**schema, name: getattr(field, bound)}
        return schema


def add_error(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put the one error body into the components (a spectacular postprocessing hook)."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR
    return result
