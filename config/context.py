"""What the shell of every page shows: who, where, navigation, badges, banners."""

from __future__ import annotations

import datetime as dt
import time
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from config.demo import is_demo
from config.work import has_todos
from disputes.field.models import SORTERS
from disputes.inbox.queue import RECEIVERS
from disputes.sessions.models import INVITED_ROLES
from followups.notices import unread_count
from followups.pump import pump_is_stale
from ledgers.dashboard.board import may_see as may_see_figures
from ledgers.imports.models import may_import
from villages.models import DESK_ROLES, Role, SpecialDay, User, today

#: The first path segment, or the first two → the key of the navigation entry that is current.
SECTIONS = {
    "": "home",
    "todo": "todo",
    "hand-over": "todo",
    "visits": "visits",
    "captures": "visits",
    "triage": "triage",
    "inbox": "inbox",
    "disputes": "disputes",
    "sessions": "sessions",
    "whistles": "whistles",
    "followups": "followups",
    "referrals": "referrals",
    "counselling": "counselling",
    "ledger": "ledger",
    "dashboard": "dashboard",
    "imports": "imports",
    "ledger/report": "report",
    "exports": "exports",
    "jobs": "exports",
    "villages": "villages",
    "manage": "manage",
    "me": "me",
    "notices": "notices",
    "help": "help",
    "search": "search",
}


def shell(request: HttpRequest) -> dict[str, Any]:
    """Nothing for strangers; the rest is lazy, so that a page without navigation pays nothing for it."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"demo_data": SimpleLazyObject(is_demo)}
    return {
        "unit_name": " · ".join(dict.fromkeys(o.name for o in user.scope.offices[:2])),
        "user_name": user.name,
        "text_size": "" if user.font_size == User.FontSize.NORMAL else user.font_size,
        "keys_off": not user.single_keys,
        "hide_search": not (user.scope.has(*DESK_ROLES, Role.SUPERVISOR)),
        "nav": navigation(user, getattr(request, "todo_count", 0)),
        "tabs": tabs(user, getattr(request, "todo_count", 0)),
        "nav_key": section_of(request.path_info),
        "unread_count": unread_count(user),
        "demo_data": is_demo(),
        "pump_stale": bool(user.scope.leads or user.scope.is_admin) and pump_is_stale(),
        "calendar_missing": missing_year(),
    }


def section_of(path: str) -> str:
    """The entry of the navigation to which an address belongs: by its first two segments, else by the first."""
    first, _slash, rest = path.strip("/").partition("/")
    return SECTIONS.get(f"{first}/{rest.partition('/')[0]}") or SECTIONS.get(first, "")


def missing_year() -> int | None:
    """The first year, of this and (from December on) the next, that has no holiday table; looked up every minute."""
    return _missing_year(today(), int(time.monotonic() // 60))


@lru_cache(maxsize=1)
def _missing_year(day: dt.date, minute: int) -> int | None:
    last = day + dt.timedelta(days=31)
    for year in dict.fromkeys([day.year, last.year]):
        if not SpecialDay.objects.filter(day__year=year).exists():
            return year
    return None


def entry(key: str, url: str, icon: str, label: str, count: int = 0) -> dict[str, Any]:
    return {"key": key, "url": url, "icon": icon, "label": label, "count": count}


def navigation(user: User, todo_count: int = 0) -> list[dict[str, Any]]:
    """Only what this person's postings open: nobody meets a dead link.

    `todo_count` is known on the pages that list the to-dos; no other page pays for it.
    """
    scope = user.scope
    works, supervises = bool(scope.desks), scope.has(Role.SUPERVISOR)
    groups: list[dict[str, Any]] = [{"label": None, "items": [entry("home", "/", "house", _("首页"))]}]
    counsels = scope.has(Role.COUNSELLOR)
    if has_todos(user):
        groups[0]["items"].append(entry("todo", "/todo/", "list-check", _("我的待办"), todo_count))
    if works or supervises:
        groups[0]["items"].append(entry("visits", "/visits/", "geo-alt", _("入村排查")))
    if not scope.roles.isdisjoint(SORTERS):
        groups[0]["items"].append(entry("triage", "/triage/", "signpost-split", _("待分流")))
    if not scope.roles.isdisjoint(RECEIVERS):
        groups[0]["items"].append(entry("inbox", "/inbox/", "inbox", _("收件")))
    if works or supervises:
        groups.append(
            {
                "label": _("办案"),
                "items": [
                    entry("disputes", "/disputes/", "journal-text", _("案件")),
                    entry("sessions", "/sessions/", "people", _("联调会")),
                    entry("whistles", "/whistles/", "megaphone", _("吹哨支援")),
                    entry("followups", "/followups/", "telephone", _("回访")),
                    entry("referrals", "/referrals/", "send", _("移送对接")),
                    entry("counselling", "/counselling/", "heart-pulse", _("心理疏导")),
                ],
            }
        )
        books = [
            entry("ledger", "/ledger/", "table", _("工作台账")),
            entry("report", "/ledger/report/", "file-text", _("月报")),
        ]
        if may_see_figures(user):
            books.append(entry("dashboard", "/dashboard/", "bar-chart-line", _("统计看板")))
        books.append(entry("exports", "/exports/", "download", _("导出")))
        if may_import(user):
            books.append(entry("imports", "/imports/", "upload", _("导入")))
        groups.append({"label": _("台账与统计"), "items": books})
    if not works and not supervises and scope.has(*INVITED_ROLES):
        groups[0]["items"].append(entry("sessions", "/sessions/", "people", _("联调会")))
    if not works and not supervises and scope.responds:
        asked = [
            entry("whistles", "/whistles/", "megaphone", _("吹哨支援")),
            entry("referrals", "/referrals/", "send", _("移送对接")),
        ]
        groups.append({"label": _("办案"), "items": asked})
    if counsels and not works and not supervises:
        groups.append(
            {
                "label": _("心理疏导"),
                "items": [entry("counselling", "/counselling/", "heart-pulse", _("心理疏导"))],
            }
        )
    groups.append({"label": _("名录"), "items": [entry("villages", "/villages/", "building", _("村与警务助理"))]})
    if scope.is_admin:
        groups.append({"label": _("系统管理"), "items": [entry("manage", "/manage/", "gear", _("系统管理"))]})
    return groups


def tabs(user: User, todo_count: int = 0) -> list[dict[str, Any]]:
    """The phone's bottom bar: at most five."""
    scope = user.scope
    rows = [entry("home", "/", "house", _("首页"))]
    if scope.desks or scope.has(Role.SUPERVISOR):
        rows.append(entry("disputes", "/disputes/", "journal-text", _("案件")))
    if scope.desks:
        rows.append(entry("new", "/visits/new/", "plus-circle-fill", _("排查")))
        rows.append(entry("todo", "/todo/", "list-check", _("待办"), todo_count))
    elif scope.responds:
        rows.append(entry("whistles", "/whistles/", "megaphone", _("吹哨")))
        rows.append(entry("todo", "/todo/", "list-check", _("待办"), todo_count))
    elif scope.has(Role.COUNSELLOR):
        rows.append(entry("counselling", "/counselling/", "heart-pulse", _("疏导")))
        rows.append(entry("todo", "/todo/", "list-check", _("待办"), todo_count))
    elif scope.has(Role.SUPERVISOR):
        rows.append(entry("ledger", "/ledger/", "table", _("台账")))
    elif scope.is_admin:
        rows.append(entry("manage", "/manage/", "gear", _("管理")))
    rows.append(entry("me", "/me/", "person-circle", _("我的")))
    return rows
