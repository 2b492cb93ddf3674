"""The few pages that join rooms, health, and the dead ends."""

from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config import work
from config.middleware import api_refusal, is_api
from config.rest import not_found_sentence
from disputes.models import Dispute
from disputes.moves import Status
from disputes.referrals.models import Referral
from followups.notices import recent_notices
from villages.models import Role, User, today


def signed_in(request: HttpRequest) -> User:
    """The user; SignedInMiddleware has sent strangers to the login page."""
    return cast(User, request.user)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What to do today; for supervisors what is late in their area; for administrators their own pages."""
    user = signed_in(request)
    day = today()
    rows = work.todos(user, day)
    groups: list[dict[str, Any]] = [
        {"key": key, "label": label, "rows": [row for row in rows if row.when == key]}
        for key, label in work.WHENS.items()
        if key != "later"
    ]
    visible = Dispute.objects.visible_to(user)
    context: dict[str, Any] = {
        "today": day,
        "groups": [group for group in groups if group["rows"]],
        "counts": {group["key"]: len(group["rows"]) for group in groups},
        "longest": max(((day - row.due_on).days for row in rows if row.when == "overdue"), default=0),
        "shown": sum(len(group["rows"]) for group in groups),
        "total": len(rows),
        "next": next((row for row in rows if row.when == "later"), None),
        "works": bool(user.scope.desks),
        "answers": bool(user.scope.responds) or user.scope.has(Role.COUNSELLOR),
        "supervises": not user.scope.desks and user.scope.has(Role.SUPERVISOR),
    }
    context |= work.captures_on_home(user, day)
    if user.scope.responds:
        context["to_answer"] = Referral.objects.waiting_for(user).count()
    if user.scope.desks:
        context["to_accept"] = visible.on_desk_of(user).filter(status=Status.WAITING).count()
        context["drafts"] = work.drafts_of(user)
        context["villages"] = work.villages_of(user)
    if user.scope.desks or context["supervises"]:
        context["progress"] = work.month_progress(user, day)
        context["recent"] = recent_notices(user)
        context["open_count"] = visible.open().count()
        context["overdue_count"] = visible.overdue(day).count()
    return render(request, "home.html", context)


@require_safe
def todo(request: HttpRequest) -> HttpResponse:
    """Everything to do, by kind and by when; the counts on the chips are those of the lists they open."""
    user = signed_in(request)
    if not user.scope.responds and not user.scope.has(Role.COUNSELLOR):
        raise PermissionDenied(_("你的岗位没有待办。有事会在通知里"))
    rows = work.todos(user, today())
    kind, when = request.GET.get("kind", ""), request.GET.get("when", "")
    kinds = [
        {"key": key, "label": label, "count": sum(row.kind == key and (not when or row.when == when) for row in rows)}
        for key, label in work.KINDS.items()
    ]
    whens = [
        {"key": key, "label": label, "count": sum(row.when == key and (not kind or row.kind == kind) for row in rows)}
        for key, label in work.WHENS.items()
    ]
    chosen = [row for row in rows if (not kind or row.kind == kind) and (not when or row.when == when)]
    page = Paginator(chosen, 50).get_page(request.GET.get("page"))
    context = {"page": page, "kinds": kinds, "whens": whens, "kind": kind, "when": when, "today": today()}
    return render(request, "todo.html", context)


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the web process and its database answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"ok": True})


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if is_api(request):
        return api_refusal(request, 400, _("请求读不出来，检查后再提交"))
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "403.html", {"sentence": str(exception or "")}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if is_api(request):
        return api_refusal(request, 404, not_found_sentence())
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_api(request):
        return api_refusal(request, 500, _("系统出错，没有办成。稍后再试，仍不行报上编号"))
    return render(request, "500.html", status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403.html", {"sentence": _("页面放得太久了，刷新后再提交。写过的内容在草稿里")}, status=403)


def locked_out(request: HttpRequest, credentials: dict, *args: object, **kwargs: object) -> HttpResponse:
    return render(request, "login.html", {"locked": True}, status=429)
