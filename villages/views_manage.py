"""/manage/: accounts (system), postings (security) and logs (audit), three people, each with pages of their own."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Prefetch
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.models import AccessLog, chains
from villages import changes, importing
from villages.filters import LogFilter, OfficeFilter, PersonFilter
from villages.forms import (
    AccountForm,
    CalendarForm,
    CodeForm,
    DeadlineForm,
    NewAccountForm,
    OfficeForm,
)
from villages.models import Area, Code, Office, Policy, Posting, Role, SpecialDay, User, in_force, today
from villages.pages import chips, for_roles, numbered, posted, refusals, require, status_of
from villages.policy import CATALOGUE, policy_on
from villages.requests import SignedInRequest

ADMINS = (Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR)


@for_roles(*ADMINS)
@require_GET
def index(request: SignedInRequest) -> HttpResponse:
    """What this administrator manages."""
    scope = request.user.scope
    return render(
        request,
        "manage/index.html",
        {
            "system": scope.has(Role.SYSADMIN),
            "security": scope.has(Role.SECADMIN),
            "audit": scope.has(Role.AUDITOR),
        },
    )


# --- people ----------------------------------------------------------------------------------------------------------
@for_roles(Role.SYSADMIN, Role.SECADMIN)
@require_GET
def people(request: SignedInRequest) -> HttpResponse:
    """Everyone with an account, and what they are posted to."""
    current = Prefetch("postings", Posting.objects.filter(in_force()).select_related("office"), to_attr="current")
    found = PersonFilter(request.GET, User.objects.order_by("username").prefetch_related(current), request=request)
    return render(
        request,
        "manage/people.html",
        {
            "filter": found,
            "form": found.form,
            "chips": chips(found, request),
            "page": numbered(request, found.qs),
            "may_create": request.user.scope.has(Role.SYSADMIN),
        },
    )


@for_roles(Role.SYSADMIN)
@require_http_methods(["GET", "POST"])
def person_new(request: SignedInRequest) -> HttpResponse:
    """A new account; its initial password is shown once."""
    form = NewAccountForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            user, password = changes.create_account(**form.cleaned_data, by=request.user, at=timezone.now())
            return _password_once(request, user, password)
    return render(request, "manage/person_new.html", {"form": form}, status=status_of(form))


@for_roles(Role.SYSADMIN, Role.SECADMIN)
@require_http_methods(["GET", "POST"])
def person(request: SignedInRequest, pk: int) -> HttpResponse:
    """One account: name and phone for the system administrator, postings for the security administrator."""
    user = get_object_or_404(User, pk=pk)
    form = AccountForm(posted(request), initial={"name": user.name, "phone": user.phone})
    if request.method == "POST":
        require(request, Role.SYSADMIN)
        if form.is_valid():
            changes.edit_account(user=user, **form.cleaned_data, by=request.user, at=timezone.now())
            messages.success(request, _("已保存"))
            return redirect("manage_person", pk=pk)
    postings = user.postings.select_related("office__area").order_by("-valid_from", "-pk")
    return render(
        request,
        "manage/person.html",
        {
            "person": user,
            "form": form,
            "postings": [(posting, posting.valid_to is None or posting.valid_to > today()) for posting in postings],
            "system": request.user.scope.has(Role.SYSADMIN),
            "security": request.user.scope.has(Role.SECADMIN),
        },
        status=status_of(form),
    )


@for_roles(Role.SYSADMIN)
@require_POST
def person_password(request: SignedInRequest, pk: int) -> HttpResponse:
    """A new initial password, shown once."""
    user = get_object_or_404(User, pk=pk)
    return _password_once(request, user, changes.reset_password(user=user, by=request.user, at=timezone.now()))


def _password_once(request: SignedInRequest, user: User, password: str) -> HttpResponse:
    # Answered to the POST itself: an address that shows the password could be opened a second time.
    return render(
        request,
        "manage/password_once.html",
        {"person": user, "password": password, "hours": changes.INITIAL_PASSWORD_HOURS},
    )


@for_roles(Role.SYSADMIN)
@require_POST
def person_active(request: SignedInRequest, pk: int) -> HttpResponse:
    """Enable or disable an account."""
    user = get_object_or_404(User, pk=pk)
    active = request.POST.get("active") == "1"
    try:
        changes.set_active(user=user, active=active, by=request.user, at=timezone.now())
    except changes.Refused as refused:
        messages.error(request, refused.sentence)
    else:
        done = _("%(name)s 的账号已启用") if active else _("%(name)s 的账号已停用，登录和令牌同时结束")
        messages.success(request, done % {"name": user.name})
    return redirect("manage_person", pk=pk)


# --- offices ---------------------------------------------------------------------------------------------------------
@for_roles(Role.SYSADMIN)
@require_GET
def offices(request: SignedInRequest) -> HttpResponse:
    """Every office."""
    rows = Office.objects.filter(in_force()).select_related("area__parent").order_by("code")
    found = OfficeFilter(request.GET, rows, request=request)
    return render(
        request,
        "manage/offices.html",
        {
            "filter": found,
            "form": found.form,
            "chips": chips(found, request),
            "page": numbered(request, found.qs),
        },
    )


@for_roles(Role.SYSADMIN)
@require_http_methods(["GET", "POST"])
def office_new(request: SignedInRequest) -> HttpResponse:
    """A new office; it serves its own area, a police room the villages that are ticked next."""
    form = OfficeForm(posted(request))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        serves = [] if data["kind"] == Office.Kind.ROOM and data["area"].level != Area.Level.VILLAGE else [data["area"]]
        with refusals(form):
            office = changes.save_office(
                office=None, kind=data["kind"], name=data["name"], area=data["area"], phone=data["phone"],
                valid_to=None, serves=serves, by=request.user, at=timezone.now(), day=today(),
            )  # fmt: skip
            messages.success(request, _("%(name)s 已建立") % {"name": office.name})
            return redirect("manage_office", pk=office.pk)
    return render(request, "manage/office.html", {"form": form}, status=status_of(form))


@for_roles(Role.SYSADMIN)
@require_http_methods(["GET", "POST"])
def office(request: SignedInRequest, pk: int) -> HttpResponse:
    """One office: name, phone, the villages that it serves."""
    row = get_object_or_404(Office.objects.select_related("area__parent"), pk=pk)
    served = list(Area.objects.filter(coverage__in=row.coverage.filter(in_force())))
    initial = {"name": row.name, "phone": row.phone, "valid_to": row.valid_to, "villages": served}
    form = OfficeForm(posted(request), initial=initial, office=row)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form):
            changes.save_office(
                office=row, kind=row.kind, name=data["name"], area=row.area, phone=data["phone"],
                valid_to=data["valid_to"], serves=data.get("villages", served), by=request.user, at=timezone.now(),
                day=today(),
            )  # fmt: skip
            messages.success(request, _("已保存"))
            return redirect("manage_office", pk=pk)
    return render(request, "manage/office.html", {"form": form, "office": row}, status=status_of(form))


# --- code tables -----------------------------------------------------------------------------------------------------
@for_roles(Role.SYSADMIN)
@require_GET
def codes(request: SignedInRequest) -> HttpResponse:
    """The code tables, and the entries of the chosen one."""
    table = request.GET.get("table", "")
    rows = list(Code.objects.filter(table=table)) if table else []
    if table and not rows:
        raise Http404
    return render(
        request,
        "manage/codes.html",
        {
            "tables": [
                row | {"name": Code.table_name(row["table"])}
                for row in Code.objects.order_by("table").values("table").annotate(n=Count("pk"))
            ],
            "table": table,
            "table_name": Code.table_name(table),
            "rows": rows,
            "today": today(),
        },
    )


@for_roles(Role.SYSADMIN)
@require_http_methods(["GET", "POST"])
def code_new(request: SignedInRequest, table: str) -> HttpResponse:
    """A local code beside the official ones."""
    if not Code.objects.filter(table=table).exists():
        raise Http404
    return _code_page(request, table, None)


@for_roles(Role.SYSADMIN)
@require_http_methods(["GET", "POST"])
def code(request: SignedInRequest, pk: int) -> HttpResponse:
    """Rename or end-date one code."""
    row = get_object_or_404(Code, pk=pk)
    return _code_page(request, row.table, row)


def _code_page(request: SignedInRequest, table: str, row: Code | None) -> HttpResponse:
    initial = {name: getattr(row, name) for name in ("name", "name_en", "active", "valid_to")} if row else None
    form = CodeForm(posted(request), initial=initial, code=row)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form):
            changes.save_code(
                code=row, table=table, number=data.get("number", ""), name=data["name"], name_en=data["name_en"],
                active=data["active"], valid_to=data["valid_to"], by=request.user, at=timezone.now(),
            )  # fmt: skip
            messages.success(request, _("已保存"))
            return redirect(f"/manage/codes/?table={table}")
    return render(
        request,
        "manage/code.html",
        {"form": form, "code": row, "table": table, "table_name": Code.table_name(table)},
        status=status_of(form),
    )


# --- deadlines -------------------------------------------------------------------------------------------------------
@for_roles(Role.SYSADMIN)
@require_http_methods(["GET", "POST"])
def deadlines(request: SignedInRequest) -> HttpResponse:
    """The numbers in force, those to come, and a form that shows the difference before it saves."""
    form = DeadlineForm(posted(request), initial=dict(policy_on()))
    preview: list[dict] = []
    if request.method == "POST" and form.is_valid():
        numbers, on = form.numbers(), form.cleaned_data["valid_from"]
        differences = changes.policy_changes(numbers, on)
        if not differences:
            form.add_error(None, _("没有改动。改了数值再继续"))
        elif "confirm" in request.POST:
            with refusals(form):
                count = changes.set_policy(values=numbers, on=on, by=request.user, at=timezone.now(), day=today())
                messages.success(request, _("%(n)d 项从 %(day)s 起生效") % {"n": count, "day": on})
                return redirect("manage_deadlines")
        else:
            preview = [{"item": CATALOGUE[key], "old": old, "new": new} for key, old, new in differences]
    coming = Policy.objects.filter(valid_from__gt=today()).select_related("set_by").order_by("valid_from", "key")
    return render(
        request,
        "manage/deadlines.html",
        {
            "form": form,
            "preview": preview,
            "on": form.cleaned_data.get("valid_from") if preview else None,
            "coming": [(row, CATALOGUE[row.key]) for row in coming if row.key in CATALOGUE],
        },
        status=status_of(form),
    )


# --- calendar --------------------------------------------------------------------------------------------------------
@for_roles(Role.SYSADMIN)
@require_http_methods(["GET", "POST"])
def calendar(request: SignedInRequest) -> HttpResponse:
    """The special days by year, and a CSV that is shown before it is imported."""
    form = CalendarForm(posted(request), request.FILES if request.method == "POST" else None)
    preview: importing.Report | None = None
    content = b""
    problems: list[str] = []
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            content = upload.read() if upload else form.cleaned_data["content"].encode()
            if upload:
                preview = importing.compare_holidays(importing.checked_holidays(content))
            else:
                report = importing.import_holidays(content, by=request.user, at=timezone.now())
                messages.success(request, "；".join(report.lines()))
                return redirect("manage_calendar")
        except importing.BadFile as bad:
            problems = bad.problems
            form.add_error("file", _("文件有 %(n)d 处问题，什么都没有写入") % {"n": len(problems)})
    year = request.GET.get("year", "")
    days = SpecialDay.objects.exclude(kind=SpecialDay.Kind.NORMAL)
    years = sorted({day.year for day in days.values_list("day", flat=True)}, reverse=True)
    shown = int(year) if year.isascii() and year.isdigit() and int(year) in years else (years[0] if years else None)
    return render(
        request,
        "manage/calendar.html",
        {
            "form": form,
            "problems": problems[:50],
            "preview": preview,
            "preview_days": [(day, SpecialDay.Kind(kind).label, name) for day, kind, name in preview.days]
            if preview
            else [],
            "content": importing.decoded(content) if preview else "",
            "years": years,
            "year": shown,
            "days": days.filter(day__year=shown).order_by("day") if shown else [],
        },
        status=status_of(form),
    )


# --- the log ---------------------------------------------------------------------------------------------------------
@for_roles(Role.AUDITOR)
@require_GET
def audit(request: SignedInRequest) -> HttpResponse:
    """The access log, newest first."""
    found = LogFilter(request.GET, AccessLog.objects.order_by("-id"), request=request)
    return render(
        request,
        "manage/audit.html",
        {
            "filter": found,
            "form": found.form,
            "chips": chips(found, request),
            "page": numbered(request, found.qs),
        },
    )


@for_roles(Role.AUDITOR)
@require_GET
def audit_check(request: SignedInRequest) -> HttpResponse:
    """Read every county's chain from end to end and say whether it is whole."""
    return render(request, "manage/audit_check.html", {"chains": list(chains())})
