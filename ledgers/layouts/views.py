"""/manage/ledger-columns/: a county's own layouts, for its system administrator; and the ledger's kept conditions."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from disputes.views import me
from ledgers.columns import ALL, Column
from ledgers.filters import LedgerFilter
from ledgers.layouts.forms import LayoutForm, SavedLedgerForm
from ledgers.layouts.models import MOST_SAVED, LedgerProfile, Picked, SavedLedger, Stale
from ledgers.profiles import SHIPPED, head_of
from ledgers.views import needs_ledger
from villages.models import Role, User
from villages.pages import for_roles, posted, refusals, status_of
from villages.requests import SignedInRequest

#: Of an address of the ledger these are kept; the month is chosen anew.
KEPT = (*LedgerFilter.base_filters, "profile")


# --- the county's own layouts ----------------------------------------------------------------------------------------
@for_roles(Role.SYSADMIN)
@require_GET
def layouts(request: SignedInRequest) -> HttpResponse:
    """The county's own layouts, and those of the product to begin with."""
    rows = LedgerProfile.objects.of(request.user).select_related("by")
    return render(request, "manage/ledger_columns.html", {"rows": rows, "shipped": list(SHIPPED.values())})


@for_roles(Role.SYSADMIN)
@require_http_methods(["GET", "POST"])
def layout_new(request: SignedInRequest) -> HttpResponse:
    """A new layout; `?from=village` begins with the columns of that one."""
    base = SHIPPED.get(request.GET.get("from", ""), SHIPPED["default"])
    picked = [Picked(column.key, _own(column), str(column.group)) for column in base.columns]
    form = LayoutForm(posted(request), picked=picked)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = LedgerProfile.objects.make(
                by=request.user, at=timezone.now(), name=form.cleaned_data["name"], picked=form.picked, request=request
            )
            messages.success(request, _("已存下“%(name)s”，台账页可以选它") % {"name": row.name})
            return redirect("manage-ledger-layout", pk=row.pk)
    context = {"form": form, "base": base}
    return render(request, "manage/ledger_layout.html", context, status=status_of(form))


def _own(column: Column) -> str:
    """The name that a layout gives the column, empty where it is the column's own."""
    return "" if column.label == ALL[column.key].label else str(column.label)


@for_roles(Role.SYSADMIN)
@require_http_methods(["GET", "POST"])
def layout(request: SignedInRequest, pk: int) -> HttpResponse:
    """One layout: its columns, their order, names and merged cells."""
    row = get_object_or_404(LedgerProfile.objects.of(request.user).select_related("by"), pk=pk)
    form = LayoutForm(posted(request), picked=row.picked, initial={"name": row.name, "version": row.version})
    status = status_of(form)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            try:
                LedgerProfile.objects.change(
                    pk, by=request.user, at=timezone.now(), version=form.cleaned_data["version"] or 0,
                    name=form.cleaned_data["name"], picked=form.picked, request=request,
                )  # fmt: skip
            except Stale as stale:
                form.add_error(None, stale.sentence)
                status = 409
            else:
                messages.success(request, _("已保存"))
                return redirect("manage-ledger-layout", pk=pk)
        status = status if status == 409 else 422
        row.refresh_from_db()
        kept = request.POST.copy()
        form.data = kept
        kept["version"] = str(row.version)  # saving once more is saving over what is shown beside
    context = {"form": form, "row": row, "head": head_of(row.layout())}
    return render(request, "manage/ledger_layout.html", context, status=status)


@for_roles(Role.SYSADMIN)
@require_POST
def layout_drop(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take a layout away."""
    get_object_or_404(LedgerProfile.objects.of(request.user), pk=pk)
    name = LedgerProfile.objects.drop(pk, by=request.user, at=timezone.now(), request=request)
    messages.success(request, _("已删除台账格式“%(name)s”") % {"name": name})
    return redirect("manage-ledger-layouts")


# --- kept conditions -------------------------------------------------------------------------------------------------
@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Keep the present conditions and layout under a name; the same name again replaces them."""
    user = me(request)
    needs_ledger(user)
    form = SavedLedgerForm(request.POST)
    valid = form.is_valid()
    month = form.cleaned_data.get("month", "")
    sent = QueryDict(form.cleaned_data.get("query", ""))
    known = [(name, sent[name]) for name in KEPT if sent.get(name)]
    query = urlencode(known)
    back = f"/ledger/?{urlencode([*([('month', month)] if month else []), *known])}"
    if not valid:
        messages.error(request, str(next(iter(form.errors.values()))[0]))
    elif not known:
        messages.error(request, _("还没有选条件，先查询再保存"))
    elif len(query) > 500:
        messages.error(request, _("条件太多，减少几个再保存"))
    elif _kept_enough(user, form.cleaned_data["name"]):
        messages.error(request, _("最多存 %(n)s 组条件，先删掉不用的") % {"n": MOST_SAVED})
    else:
        name = form.cleaned_data["name"]
        SavedLedger.objects.update_or_create(user=user, name=name, defaults={"query": query})
        messages.success(request, _("已保存为“%(name)s”") % {"name": name})
    return HttpResponseRedirect(back)


def _kept_enough(user: User, name: str) -> bool:
    return SavedLedger.objects.filter(user=user).exclude(name=name).count() >= MOST_SAVED


@require_POST
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget kept conditions of one's own."""
    user = me(request)
    needs_ledger(user)
    row = SavedLedger.objects.filter(user=user, pk=pk).first()
    if row is None:
        raise Http404
    row.delete()
    messages.success(request, _("已删除常用查询“%(name)s”") % {"name": row.name})
    return HttpResponseRedirect("/ledger/")
