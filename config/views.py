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


#: How many rows of each time the home page shows; the rest is one link away.
ON_HOME = 12


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What to do today; for supervisors what is late in their area; for administrators their own pages."""
    user = signed_in(request)
    day = today()
    todos = work.Work(user, day)
    rows = todos.now
    groups: list[dict[str, Any]] = []
    for key, label in work.WHENS.items():
        found = [row for row in rows if row.when == key]
        if found and key != "later":
            groups.append({"key": key, "label": label, "count": len(found), "rows": found[:ON_HOME]})
    todos.fill([row for group in groups for row in group["rows"]])
    visible = Dispute.objects.visible_to(user)
    context: dict[str, Any] = {
        "today": day,
        "groups": groups,
        "counts": {key: sum(row.when == key for row in todos.rows) for key in work.WHENS},
        "longest": max(((day - row.due_on).days for row in rows if row.when == "overdue"), default=0),
        "total": len(rows),
        "next": next((row for row in rows if row.when == "later"), None),
        "works": bool(user.scope.desks),
        "answers": bool(user.scope.responds) or user.scope.has(Role.COUNSELLOR),
        "supervises": not user.scope.desks and user.scope.has(Role.SUPERVISOR),
    }
    request.todo_count = len(rows)  # type: ignore[attr-defined]  # the number beside 我的待办 in the navigation
    for kind in ("alarm", "slip"):
        context[f"{kind}s"] = [row for row in rows if row.kind == kind]
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
    if context["supervises"]:
        context["open_count"] = visible.open().count()
        context["overdue_count"] = visible.overdue(day).count()
    return render(request, "home.html", context)


@require_safe
def todo(request: HttpRequest) -> HttpResponse:
    """Everything to do, by kind and by when; the counts on the chips are those of the lists they open."""
    user = signed_in(request)
    if not work.has_todos(user):
        raise PermissionDenied(_("你的岗位没有待办。有事会在通知里"))
    todos = work.Work(user, today())
    kind, when = request.GET.get("kind", ""), request.GET.get("when", "")
    kinds = [{"key": key, "label": label, "count": len(todos.chosen(key, when))} for key, label in work.KINDS.items()]
    whens = [{"key": key, "label": label, "count": len(todos.chosen(kind, key))} for key, label in work.WHENS.items()]
    page = Paginator(todos.chosen(kind, when), 50).get_page(request.GET.get("page"))
    request.todo_count = len(todos.now)  # type: ignore[attr-defined]
    context = {
        "page": page,
        "rows": todos.fill(list(page.object_list)),
        "kinds": [row for row in kinds if row["count"] or row["key"] == kind],
        "whens": whens,
        "kind": kind,
        "when": when,
        "total": len(todos.now),
        "today": today(),
        "may_print": todos.now and kind == "" and when in ("", "today", "overdue"),
    }
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
