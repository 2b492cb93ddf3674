"""The directory of villages, one village, the gaps, and assigning people."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from villages import changes, directory, leaving, panels
from villages.filters import GapFilter, VillageFilter
from villages.forms import AreaForm, EndPostingForm, PostingForm
from villages.models import Area, Office, Posting, Role
from villages.pages import chips, for_roles, numbered, posted, refusals, status_of
from villages.requests import SignedInRequest

VILLAGES_PER_PAGE = 25


@require_GET
def village_list(request: SignedInRequest) -> HttpResponse:
    """The directory by township."""
    found = VillageFilter(request.GET, directory.villages(), request=request)
    page = numbered(request, found.qs, VILLAGES_PER_PAGE)
    return render(
        request,
        "villages/list.html",
        {
            "filter": found,
            "form": found.form,
            "chips": chips(found, request),
            "page": page,
            "rows": _with_cells(request, list(page)),
            "columns": panels.names(),
        },
    )


@require_GET
def gap_list(request: SignedInRequest) -> HttpResponse:
    """Villages that lack an officer or an assistant (一村一警); areas that nobody serves stay out."""
    found = GapFilter(request.GET, directory.villages().filter(served=True), request=request)
    rows = [row for row in directory.rows(list(found.qs)) if row.gaps]
    page = numbered(request, rows, VILLAGES_PER_PAGE)
    mine = set(changes.offices_assignable(request.user).values_list("pk", flat=True))
    return render(
        request,
        "villages/gaps.html",
        {
            "filter": found,
            "form": found.form,
            "chips": chips(found, request),
            "page": page,
            "rows": [(row, any(office.pk in mine for office in row.offices.values())) for row in page],
            "all": found.qs.count(),
        },
    )


@require_GET
def village_detail(request: SignedInRequest, code: str) -> HttpResponse:
    """One village: who serves it, with their phones, and what the upper rooms show about it."""
    area = get_object_or_404(Area.objects.select_related("parent"), code=code, level=Area.Level.VILLAGE)
    row = directory.rows([area])[0]
    shown = list(zip(panels.names(), panels.cells(request.user, [area])[area.pk], strict=True))
    offices = [office for office in (row.committee, row.room, row.centre) if office]
    mine = changes.offices_assignable(request.user).filter(pk__in=[office.pk for office in offices])
    assignable = set(mine.values_list("pk", flat=True))
    return render(
        request,
        "villages/detail.html",
        {
            "area": area,
            "row": row,
            "panels": shown,
            "ended": area.valid_to is not None and area.valid_to <= timezone.localdate(),
            "assignable": [office for office in offices if office.pk in assignable],
            "assignable_ids": assignable,
            "may_edit": request.user.scope.has(Role.SYSADMIN),
        },
    )


def _with_cells(request: SignedInRequest, areas: list[Area]) -> list[dict]:
    cells = panels.cells(request.user, areas)
    return [{"row": row, "cells": cells[row.village.pk]} for row in directory.rows(areas)]


@for_roles(Role.SYSADMIN)
@require_http_methods(["GET", "POST"])
def village_edit(request: SignedInRequest, code: str) -> HttpResponse:
    """Correct a village by hand: name, short name, served or not, end date."""
    area = get_object_or_404(Area, code=code, level=Area.Level.VILLAGE)
    initial = {name: getattr(area, name) for name in AreaForm.base_fields}
    form = AreaForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            changes.edit_area(area=area, **form.cleaned_data, by=request.user, at=timezone.now())
        if form.is_valid():
            messages.success(request, _("已保存"))
            return redirect("village", code=code)
    return render(request, "villages/edit.html", {"area": area, "form": form}, status=status_of(form))


# --- postings --------------------------------------------------------------------------------------------------------
def _may_assign(request: SignedInRequest) -> None:
    if not changes.may_assign(request.user):
        raise PermissionDenied(_("安排人员由警务室、综治中心负责人在本辖区内办理，其他由安全管理员办理"))


@require_http_methods(["GET", "POST"])
def posting_new(request: SignedInRequest) -> HttpResponse:
    """Post a person to an office."""
    _may_assign(request)
    offices = changes.offices_assignable(request.user)
    office = _chosen_office(request, offices)
    roles = changes.roles_assignable(request.user, office) if office else _all_roles(request)
    initial = {"office": office, "user": request.GET.get("user"), "role": request.GET.get("role")}
    form = PostingForm(posted(request), initial={k: v for k, v in initial.items() if v}, offices=offices, roles=roles)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            posting = changes.appoint(**form.cleaned_data, by=request.user, at=timezone.now())
            messages.success(
                request,
                _("%(name)s 从 %(day)s 起在%(office)s任%(role)s")
                % {
                    "name": posting.user.name,
                    "day": posting.valid_from,
                    "office": posting.office.name,
                    "role": posting.get_role_display(),
                },
            )
            return redirect(_after_posting(request, posting))
    return render(
        request,
        "manage/posting_new.html",
        {"form": form, "office": office, "back_url": _back_of(request, office)},
        status=status_of(form),
    )


@require_http_methods(["GET", "POST"])
def posting_end(request: SignedInRequest, pk: int) -> HttpResponse:
    """End a posting, with a hand-over note."""
    _may_assign(request)
    postings = Posting.objects.filter(office__in=changes.offices_assignable(request.user))
    posting = get_object_or_404(postings.select_related("user", "office__area"), pk=pk)
    form = EndPostingForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            changes.end_posting(
                posting=posting,
                on=form.cleaned_data["valid_to"],
                handover=form.cleaned_data["handover"],
                by=request.user,
                at=timezone.now(),
            )
            messages.success(request, _("%(name)s 的岗位已结束") % {"name": posting.user.name})
            return redirect(_after_posting(request, posting))
    return render(
        request,
        "manage/posting_end.html",
        {
            "form": form,
            "posting": posting,
            "back_url": _back_of(request, posting.office),
            "open_work": leaving.open_work(posting.office, posting.user),
            "hands_over": posting.office_id in request.user.scope.leads,
        },
        status=status_of(form),
    )


def _chosen_office(request: SignedInRequest, offices) -> Office | None:
    raw = request.POST.get("office") or request.GET.get("office") or ""
    return offices.filter(pk=int(raw)).first() if raw.isascii() and raw.isdigit() and len(raw) < 19 else None


def _all_roles(request: SignedInRequest) -> list[Role]:
    secadmin = request.user.scope.has(Role.SECADMIN)
    return [role for role in Role if secadmin or role in changes.ROLES_BY_LEAD]


def _after_posting(request: SignedInRequest, posting: Posting) -> str:
    if request.user.scope.has(Role.SECADMIN):
        return reverse("manage_person", args=[posting.user_id])
    return _back_of(request, posting.office)


def _back_of(request: SignedInRequest, office: Office | None) -> str:
    if office is not None and office.area.level == Area.Level.VILLAGE:
        return reverse("village", args=[office.area.code])
    if office is not None and office.area.level == Area.Level.TOWNSHIP:
        return f"{reverse('villages')}?township={office.area.code}"
    return reverse("villages")
