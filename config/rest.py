"""What every API answer shares: authentication, JSON, errors. Named in settings; rooms build on `audit.rest` instead.

DRF reads this module while its own views are being imported, so whatever needs them is imported at call time.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions, renderers
from rest_framework.authentication import TokenAuthentication
from rest_framework.response import Response


class ActiveTokenAuthentication(TokenAuthentication):
    """Tokens made on /me/; a disabled account's token dies with it."""


class OrjsonRenderer(renderers.BaseRenderer):
    """JSON by orjson: a list page spends its time in the database, not in the encoder."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type=None, renderer_context=None) -> bytes:
        from audit.rest import dump

        return b"" if data is None else dump(data)


# --- errors -----------------------------------------------------------------------------------------------------------


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Errors as {"detail": sentence, "request_id": …}; field errors as {"errors": {field: [sentence]}} beside it."""
    from rest_framework.views import exception_handler as drf_exception_handler

    from audit.idempotency import KeyReused
    from audit.rest import flat_errors
    from disputes.models import Conflict, FactsMissing, MoveRefused, NotYours

    status = None
    body: dict[str, Any] = {}
    if isinstance(exc, NotYours):
        status, body = 403, {"detail": exc.sentence}
    elif isinstance(exc, MoveRefused):
        status, body = 409, {"detail": exc.sentence}
        if isinstance(exc, Conflict) and exc.event is not None:
            body["conflict"] = {"kind": exc.event.kind, "at": exc.event.at, "by": exc.event.by_name}
    elif isinstance(exc, FactsMissing):
        status = 400
        body = {"detail": _("还有要填的内容"), "errors": {name: [text] for name, text in exc.errors.items()}}
    elif isinstance(exc, KeyReused):
        status, body = 422, {"detail": _("这个 Idempotency-Key 已用于另一次提交。换一个新的再提交")}
    elif isinstance(exc, Http404 | exceptions.NotFound):
        status, body = 404, {"detail": not_found_sentence()}
    if status is None:
        response = drf_exception_handler(exc, context)
        if response is None:
            return None
        if isinstance(exc, exceptions.ValidationError):
            response.data = {"detail": _("还有要改的内容"), "errors": dict(flat_errors(exc.detail))}
    else:
        response = Response(body, status=status)
    request = context.get("request")
    response.data["request_id"] = getattr(getattr(request, "_request", request), "request_id", "")
    return response


def not_found_sentence() -> str:
    """One sentence for what does not exist and what is out of scope, so that nobody can tell them apart."""
    return _("没有这个对象，或者它不在你的范围内")
