"""What every request passes: an id, the security headers, refusal of unstorable text, and who is signed in."""

import codecs
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from urllib.parse import unquote_to_bytes, urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from config.logs import current_request_id
from config.uploads import keep_paths
from villages.models import User

GetResponse = Callable[[HttpRequest], HttpResponseBase]

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
PASSWORD_LIFE = timedelta(days=90)  # GB/T 22239-2019, profile mlps
PERMISSIONS_POLICY = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def api_refusal(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """An error of the API where no API view was reached; the body is the one of `config.rest`."""
    return JsonResponse({"detail": sentence, "request_id": getattr(request, "request_id", "")}, status=status)


class RequestIdMiddleware:
    """Gives the request a short id like E-3F2A9C, shown on error pages and written in every log line."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Never the caller's own header: it would be a way to write into our log and pages.
        request_id = f"E-{secrets.token_hex(3).upper()}"
        request.request_id = request_id  # type: ignore[attr-defined]
        token = current_request_id.set(request_id)
        try:
            response = self.get_response(request)
        finally:
            current_request_id.reset(token)
        response.headers["X-Request-ID"] = request_id
        return response


class SecurityHeadersMiddleware:
    """Adds the headers that Django's own middleware lacks; static files are answered before it and stay cacheable."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # A view may be stricter (a download adds `sandbox`), so what it set stays.
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if "no-store" not in response.headers.get("Cache-Control", ""):
            # The back button of a shared office PC must not show a case after sign-out (ASVS V14.3.2).
            response.headers["Cache-Control"] = "no-store"
        return response


class RefuseNulMiddleware:
    """Answers 400 (API) or 422 (page) when the text sent holds a NUL, a lone surrogate or bytes that are not UTF-8.

    PostgreSQL stores none of them, so each would end as a 500 somewhere deep in a view.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # An octal escape in a quoted cookie becomes a NUL; the session store would look it up in the database.
        for name in [name for name, value in request.COOKIES.items() if "\0" in value]:
            del request.COOKIES[name]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view_func: object, view_args: object, view_kwargs: object
    ) -> HttpResponse | None:
        # Here and not in __call__: strangers were sent away and unknown addresses answered, so nobody makes us
        # parse a body that no view would read.
        try:
            if int(request.META.get("CONTENT_LENGTH") or 0) > settings.UPLOAD_MAX_BYTES:
                raise RequestDataTooBig  # before a byte of it is parsed; files do not count for Django's own limit
            storable = self._storable(request)
        except RequestDataTooBig:
            return self._refuse(request, 413, _("内容太大，没有收下。附件一次传一个，长文分几次写"), "413.html")
        if storable:
            return None
        return self._refuse(
            request,
            400 if is_api(request) else 422,
            _("提交的内容带有不能保存的字符（空字符或乱码），没有收下。去掉这些字符后再提交一次"),
            "400.html",
        )

    def _storable(self, request: HttpRequest) -> bool:
        charset = request.content_params.get("charset") if request.content_params else None
        if charset and not _is_utf8(charset):
            return False
        query = request.META.get("QUERY_STRING", "")
        if not _clean_escapes(query.encode("latin-1", "replace")) or not _clean_text([request.path_info]):
            return False
        if request.method not in {"POST", "PUT", "PATCH", "DELETE"}:
            return True
        if request.content_type == "application/json":
            return _clean_json(request.body)
        if request.content_type == "application/x-www-form-urlencoded":
            return _clean_escapes(request.body)
        if request.content_type == "multipart/form-data" and request.method == "POST":
            # Django parses it once for the CSRF check or the view anyway; files are streamed to disk, not read here.
            keep_paths(request)
            return all(_clean_text([name, *values]) for name, values in request.POST.lists())
        return True

    def _refuse(self, request: HttpRequest, status: int, sentence: str, template: str) -> HttpResponse:
        return api_refusal(request, status, sentence) if is_api(request) else render(request, template, status=status)


def _is_utf8(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name in {"utf-8", "ascii"}
    except LookupError:
        return False


def _clean_text(values: Iterable[object]) -> bool:
    # A lone surrogate is the one thing a Python string may hold that UTF-8 cannot.
    return not any(isinstance(v, str) and ("\0" in v or re.search("[\ud800-\udfff]", v)) for v in values)


def _clean_escapes(raw: bytes) -> bool:
    """Whether %-escaped bytes (a query string, a form body) decode to UTF-8 without NUL."""
    if raw.isascii() and b"%" not in raw and b"\0" not in raw:
        return True
    decoded = unquote_to_bytes(raw)
    if b"\0" in decoded:
        return False
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return False
    return True


def _clean_json(raw: bytes) -> bool:
    """Whether no string or key of a JSON body holds a NUL or a lone surrogate; bad JSON is the parser's to refuse."""
    if b"\\u" not in raw:
        return True  # neither can be written in valid JSON without an escape
    try:
        waiting = [json.loads(raw)]
    except (ValueError, RecursionError):
        return True
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif not _clean_text([value]):
            return False
    return True


def password_is_due(user: User) -> bool:
    """Whether this person has to choose a new password before anything else; the demo alone waives it."""
    if settings.POLICY_PROFILE == "demo":
        return False
    if user.must_change_password:
        return True
    changed = user.password_changed_at or user.created_at
    return settings.POLICY_PROFILE == "mlps" and changed < timezone.now() - PASSWORD_LIFE


class SignedInMiddleware:
    """Lets nobody past the login page without a live session, and ends sessions that are idle, too old or disabled.

    GB/T 22239-2019 asks for automatic sign-out and, in profile `mlps`, for a new password every 90 days.
    """

    OPEN = re.compile(r"^/(login/$|healthz/|static/|i18n/)")
    # What a page that was left open asks for by itself: nobody sits there, so it does not keep the session alive.
    ASKED_BY_ITSELF = re.compile(r"^/disputes/[^/]+/whistles/$")
    # What a person who must change the password may still reach.
    PASSWORD_PAGES = ("/me/password/", "/logout/")
    ABSOLUTE_SECONDS = 12 * 3600

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/static/"):
            return self.get_response(request)
        reason = self._end_dead_session(request)
        if self.OPEN.match(request.path_info):
            return self.get_response(request)
        if not request.user.is_authenticated:
            # The API answers strangers itself: a token may stand in the header, else it is a 401.
            return self.get_response(request) if is_api(request) else self._to_login(request, reason)
        if password_is_due(request.user) and request.path_info not in self.PASSWORD_PAGES:
            if is_api(request):
                return api_refusal(request, 403, _("密码到期。登录网页，在“我的”里换好密码后再用接口"))
            return _redirect(request, "/me/password/")
        return self.get_response(request)

    def _end_dead_session(self, request: HttpRequest) -> str:
        """The reason why this request's session was just ended, or an empty string; a live one is marked as used."""
        if SESSION_KEY not in request.session:
            return ""
        now = int(time.time())
        began = request.session.get("began_at")
        seen = request.session.get("seen_at", now)
        if not request.user.is_authenticated:
            reason = "over"  # disabled, or the password was changed elsewhere
        elif now - seen >= settings.IDLE_MINUTES * 60:
            reason = "idle"
        elif began is not None and now - began >= self.ABSOLUTE_SECONDS:
            reason = "over"
        else:
            if began is None:
                request.session["began_at"] = now
            by_itself = "HX-Request" in request.headers and self.ASKED_BY_ITSELF.match(request.path_info)
            if began is None or (now - seen >= 60 and not by_itself):  # at most one session write a minute
                request.session["seen_at"] = now
            return ""
        request.session.flush()
        request.user = AnonymousUser()
        return reason

    def _to_login(self, request: HttpRequest, reason: str) -> HttpResponse:
        target = request.get_full_path()
        if request.method not in {"GET", "HEAD"} or "HX-Request" in request.headers:
            # Coming back must show the page the person stood on, not a fragment or an address that only takes POST.
            target = _own_page(request, request.headers.get("HX-Current-URL") or request.headers.get("Referer") or "/")
        return _redirect(request, "/login/?" + urlencode({"next": target} | ({"ended": reason} if reason else {})))


class RefusalLogMiddleware:
    """Logs what a signed-in person was refused: a page or move not theirs (403), a case out of scope (404).

    A case number that does not exist is logged like one out of scope, with the person's own county: whether it exists
    must show neither in the answer nor in the time it takes.
    """

    CASE = re.compile(r"[0-9]{6}-[0-9]{3}-[0-9]{4}-[0-9]+")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        refused = response.status_code == 403 or (response.status_code == 404 and self.CASE.search(request.path_info))
        if refused and request.user.is_authenticated:
            from audit.models import NO_COUNTY, Action, record  # models cannot be imported while middleware is loaded

            offices = request.user.scope.offices
            record(
                action=Action.REFUSED,
                actor=request.user,
                county=offices[0].area.county_code if offices else NO_COUNTY,
                subject=request.path_info,
                detail={"method": request.method, "status": response.status_code},
                request=request,
            )
        return response


def _own_page(request: HttpRequest, url: str) -> str:
    """Path and query of `url` when it is a page of this host, else the home page."""
    if not url_has_allowed_host_and_scheme(url, {request.get_host()}):
        return "/"
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _redirect(request: HttpRequest, url: str) -> HttpResponse:
    """A redirect that also moves the whole page when htmx asked for a part of it."""
    if "HX-Request" in request.headers:
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
