"""What the pages of this room share: who may open them, numbered pages, and how a refusal becomes a form error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.forms import Form
from django.http import HttpResponseBase, QueryDict
from django.utils.translation import gettext as _

from villages.changes import Refused
from villages.models import Role
from villages.requests import SignedInRequest

PER_PAGE = 50
View = Callable[..., HttpResponseBase]


def for_roles(*roles: Role) -> Callable[[View], View]:
    """Let only these roles open the page; others get a 403 that says whose work it is."""

    def wrap(view: View) -> View:
        @wraps(view)
        def guarded(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            require(request, *roles)
            return view(request, *args, **kwargs)

        return guarded

    return wrap


def require(request: SignedInRequest, *roles: Role) -> None:
    """Raise the 403 of `for_roles`, from inside a page."""
    if not request.user.scope.has(*roles):
        raise PermissionDenied(
            _("这一页由%(roles)s使用。需要改动的，联系他们办理") % {"roles": _("、").join(str(r.label) for r in roles)}
        )


def numbered(request: SignedInRequest, rows: Any, per_page: int = PER_PAGE) -> Page:
    """The numbered page that the request asks for; a number out of range is the nearest one."""
    return Paginator(rows, per_page).get_page(request.GET.get("page"))


def posted(request: SignedInRequest) -> QueryDict | None:
    """What a form is bound to: the body of a POST, even an empty one, else nothing."""
    return request.POST if request.method == "POST" else None


@contextmanager
def refusals(form: Form) -> Iterator[None]:
    """Turn a refusal at the door into an error of the form, beside its field where it names one."""
    try:
        yield
    except Refused as refused:
        form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)


def status_of(*forms: Form) -> int:
    """422 for a form with errors, else 200."""
    return 422 if any(form.is_bound and not form.is_valid() for form in forms) else 200


def chips(filterset: Any, request: SignedInRequest) -> list[dict[str, str]]:
    """The chosen conditions of a filter, each with the link that takes it away."""
    form = filterset.form
    out = []
    for name in form.fields:
        value = form.cleaned_data.get(name) if form.is_valid() else None
        if not value:
            continue
        query = request.GET.copy()
        query.pop(name, None)
        query.pop("page", None)
        field = form.fields[name]
        shown = dict(field.choices).get(value, value) if isinstance(value, str) and hasattr(field, "choices") else value
        out.append({"text": f"{field.label}：{shown}", "url": f"?{query.urlencode()}"})
    return out
