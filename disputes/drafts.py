"""What somebody typed and has not submitted: kept on the server, sealed, and given back when the form is opened again.

A draft copies phones, ID numbers and addresses, so it lies under the same key ring as they do.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import Any

from django.forms import BaseFormSet
from django.forms.utils import ErrorDict, ErrorList
from django.http import QueryDict

from audit import keyring
from disputes.field.models import Visit
from disputes.models import Dispute
from disputes.moves import MOVES
from disputes.safe.acts import ACTS
from disputes.sessions.models import Session
from villages.models import Draft, User

MAX_BYTES = 500_000  # form-encoded: one Han character is nine of them
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CELL = {"table": "villages_draft", "column": "sealed"}


def _register(user: User, rest: str) -> str | None:
    return "/disputes/new/" if rest == "" else None


def _of_case(user: User, case_no: str, url: str) -> str | None:
    visible = Dispute.objects.visible_to(user).filter(case_no=case_no).exists()
    return url % case_no if visible else None


def _note(user: User, rest: str) -> str | None:
    return _of_case(user, rest, "/disputes/%s/#note")


def _edit(user: User, rest: str) -> str | None:
    return _of_case(user, rest, "/disputes/%s/edit/")


def _move(user: User, rest: str) -> str | None:
    name, _colon, case_no = rest.partition(":")
    return _of_case(user, case_no, f"/disputes/%s/moves/{name}/") if name in MOVES else None


def _whistle(user: User, rest: str) -> str | None:
    return _of_case(user, rest, "/disputes/%s/whistles/new/")


def _act(user: User, rest: str) -> str | None:
    name, _colon, case_no = rest.partition(":")
    return _of_case(user, case_no, f"/disputes/%s/acts/{name}/") if name in ACTS else None


def _capture(user: User, rest: str) -> str | None:
    return f"/visits/{rest}/" if UUID.fullmatch(rest) and Visit.objects.filter(uid=rest, by=user).exists() else None


def _paste(user: User, rest: str) -> str | None:
    return f"{url}paste/" if (url := _capture(user, rest)) else None


def _session(user: User, rest: str) -> str | None:
    what, _colon, which = rest.partition(":")
    if what == "new":
        return _of_case(user, which, "/disputes/%s/sessions/new/")
    if what not in ("change", "record") or not which.isdecimal() or len(which) > 15:
        return None
    row = Session.objects.visible_to(user).filter(pk=int(which)).select_related("dispute").first()
    ends = {"change": "change/", "record": ""}
    return f"/disputes/{row.dispute.case_no}/sessions/{row.pk}/{ends[what]}" if row else None


def _referral(user: User, rest: str) -> str | None:
    return _of_case(user, rest, "/disputes/%s/referrals/")


def _referral_in(user: User, rest: str) -> str | None:
    return "/referrals/in/" if rest == "" else None


#: First part of a draft's key → the address where the form stands, or None for a key that is not this user's.
#: Upper rooms add their own in AppConfig.ready().
KINDS: dict[str, Callable[[User, str], str | None]] = {
    "register": _register,
    "note": _note,
    "edit": _edit,
    "move": _move,
    "capture": _capture,
    "paste": _paste,
    "session": _session,
    "whistle": _whistle,
    "referral": _referral,
    "referral-in": _referral_in,
    "act": _act,
}


def url_of(user: User, key: str) -> str | None:
    """Where the form of this draft stands; None for an unknown key or a case outside the user's scope."""
    kind, _colon, rest = key.partition(":")
    return KINDS[kind](user, rest) if kind in KINDS and len(key) <= 80 else None


def save(user: User, key: str, *, url: str, body: str, at: dt.datetime) -> None:
    """Keep this form's fields (form-encoded); the latest wins."""
    draft = Draft.objects.filter(user=user, key=key).first() or Draft(user=user, key=key, uid=uuid.uuid4())
    draft.url, draft.updated_at = url, at
    draft.sealed = keyring.seal(body, uid=draft.uid, **_CELL)
    if draft.pk:
        draft.save()
        return
    # two tabs may save the same form for the first time at once
    Draft.objects.update_or_create(
        user=user,
        key=key,
        defaults={"uid": draft.uid, "url": url, "sealed": draft.sealed, "updated_at": at},
    )


def load(user: User, key: str) -> tuple[QueryDict, dt.datetime] | None:
    """The fields kept for this form and when they were kept."""
    draft = Draft.objects.filter(user=user, key=key).first()
    if draft is None:
        return None
    return QueryDict(keyring.unseal(draft.sealed, uid=draft.uid, **_CELL)), draft.updated_at


def drop(user: User, key: str) -> None:
    """Forget the draft: what it held was submitted, or thrown away on purpose."""
    Draft.objects.filter(user=user, key=key).delete()


def show(*forms: Any) -> None:
    """Let forms that are bound to a draft show its values without judging them: nothing was submitted yet."""
    for form in forms:
        if isinstance(form, BaseFormSet):
            form._errors = []  # type: ignore[attr-defined]
            form._non_form_errors = ErrorList()  # type: ignore[attr-defined]
            show(*form.forms)
        else:
            form._errors = ErrorDict()
            form.cleaned_data = {}
