"""The matrix sees a guard that is taken away: each view once without its scope, its permission, its sign-in (T-01).

A mutant is one view with one guard gone. It is detected when some answer differs from policy_expect.csv.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from unittest.mock import patch

import pytest
from django.db.models import Q
from rest_framework.permissions import AllowAny

import disputes.api
import disputes.attachments
import disputes.models
import disputes.views
import followups.visits
import villages.changes
import villages.pages
from config.middleware import SignedInMiddleware
from disputes.models import Dispute, DisputeQuerySet, Party
from followups.counselling.models import ReferralQuerySet as CounsellingQuerySet
from followups.models import NoticeQuerySet, ReturnVisitQuerySet
from tests.access.asking import Asker, questions, relations_of
from tests.access.county import ACTORS, County, kind_of
from tests.access.inventory import Address
from tests.access.policy import Cell, policy
from tests.access.secrets import leaks
from villages.models import Role
from villages.scope import Scope

Guard = Callable[[Address], ExitStack]


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """A view without its guard often fails: that is one way of being detected, and no news."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def asker(county: County) -> Asker:
    return Asker(county)


def without_scope(address: Address) -> ExitStack:
    """visible_to() and the condition behind it let everything through."""
    stack = ExitStack()
    stack.enter_context(patch.object(Scope, "q", lambda self, prefix="": Q()))
    for queryset in (DisputeQuerySet, ReturnVisitQuerySet, NoticeQuerySet, CounsellingQuerySet):
        stack.enter_context(patch.object(queryset, "visible_to", lambda self, user: self.all()))
    return stack


def without_permission(address: Address) -> ExitStack:
    """The API asks nobody who they are."""
    stack = ExitStack()
    cls = address.view.cls  # type: ignore[attr-defined]
    stack.enter_context(patch.object(cls, "permission_classes", [AllowAny]))
    return stack


def without_sign_in(address: Address) -> ExitStack:
    """The middleware lets strangers pass."""
    stack = ExitStack()
    stack.enter_context(patch.object(SignedInMiddleware, "__call__", lambda self, request: self.get_response(request)))
    return stack


def without_roles(address: Address) -> ExitStack:
    """Every role is a desk role, and every page of the administrators is everybody's."""
    stack = ExitStack()
    everyone = frozenset(Role)
    stack.enter_context(patch.object(Scope, "q", lambda self, prefix="": Q()))
    stack.enter_context(patch.object(villages.pages, "require", lambda request, *roles: None))
    for module in (disputes.models, disputes.attachments, disputes.views, disputes.api, followups.visits):
        stack.enter_context(patch.object(module, "DESK_ROLES", everyone))
    stack.enter_context(patch.object(villages.changes, "may_assign", lambda by: True))
    stack.enter_context(patch.object(Dispute, "may_edit", lambda self, by: None))
    stack.enter_context(patch.object(Party, "may_reveal", lambda self, field, by: None))
    stack.enter_context(patch.object(Dispute, "why_not", lambda self, name, **options: None))
    return stack


#: Lists of cases: without their scope the answer stays 200 and names what it must not.
LISTS = ("disputes/", "followups/", "ledger/", "ledger/download/")
API_LISTS = ("api/v1/disputes/", "api/v1/followups/", "api/v1/ledger/")


def mutants() -> Iterator[tuple[Guard, Address]]:
    for address in questions():
        is_case = kind_of(address.route) in ("case", "part") and not address.route.endswith("/nonsense/")
        if is_case or address.route in LISTS + API_LISTS:
            yield without_scope, address
        if address.is_api:
            yield without_permission, address
        elif expects(address, "anonymous", "login") and address.route != "logout/":  # leads there in any case
            yield without_sign_in, address
        if any(
            expects(address, actor, "403") for actor in ACTORS if address.route.startswith(("manage/", "disputes/"))
        ):
            yield without_roles, address


def expects(address: Address, actor: str, status: str) -> bool:
    return any(
        policy().status.get(Cell(address.route, method, actor, relation)) == status
        for method in address.methods
        for relation in relations_of(address)
    )


def is_detected(asker: Asker, guard: Guard, address: Address) -> bool:
    """Whether any answer of this address differs from the policy while the guard is gone."""
    actors = {
        without_scope: ("officer_lead", "supervisor", "nobody"),
        without_permission: ("anonymous",),
        without_sign_in: ("anonymous",),
    }.get(guard, tuple(ACTORS[2:]))
    with guard(address):
        for actor in actors:
            for method in address.methods:
                for relation in relations_of(address):
                    cell = Cell(address.route, "GET" if method == "HEAD" else method, actor, relation)
                    answer = asker.ask(address, method, actor, relation)
                    if answer.word != policy().status.get(cell):
                        return True
                    if any(leaks(asker.county, address, method, actor, answer.content)):
                        return True
    return False


def survivors(asker: Asker, chosen: list[tuple[Guard, Address]]) -> list[str]:
    return [f"{guard.__name__} /{a.route}" for guard, a in chosen if not is_detected(asker, guard, a)]


def test_a_sample_of_mutants_is_detected(asker: Asker) -> None:
    every = list(mutants())
    sample = [next(m for m in every if m[0] is guard) for guard in (without_scope, without_permission)]
    sample += [next(m for m in every if m[0] is guard) for guard in (without_sign_in, without_roles)]
    sample.append(next(m for m in every if m[0] is without_scope and m[1].route == "api/v1/disputes/<case_no>/"))
    assert survivors(asker, sample) == []


@pytest.mark.full
def test_every_mutant_is_detected(asker: Asker) -> None:
    every = list(mutants())
    assert len(every) >= 50
    found = survivors(asker, every)
    print(f"{len(every)} mutants, {len(every) - len(found)} detected")
    assert not found, "\n".join(found)
