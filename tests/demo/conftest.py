"""One loaded county for a whole module, taken back afterwards."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from unittest import mock

import pytest
from django.db import transaction
from django.utils import timezone

from config import demo
from config.demo import bulk
from config.demo import load as loading
from followups.pump import sweep_events

MONDAY, SUNDAY, NEW_YEAR = dt.date(2026, 3, 2), dt.date(2026, 3, 8), dt.date(2026, 2, 19)


@contextlib.contextmanager
def loaded(**options) -> Iterator[None]:
    """A county inside a transaction that is rolled back: nothing of it reaches another test."""
    with transaction.atomic():
        loading.load(**{"seed": 2026, "password": "Huangyang-47-he", "today": MONDAY, **options})
        sweep_events(timezone.now)  # what runs after a commit, which does not come here
        yield
        transaction.set_rollback(True)
    demo.forget()


#: name → how it was filled. The days are an ordinary one, one without working hours, and the middle of 春节.
COUNTIES = {
    "monday": {"disputes": 90},
    "sunday": {"disputes": 90, "today": SUNDAY},
    "new year": {"disputes": 90, "today": NEW_YEAR},
    "bulk": {"disputes": 420},
}


@pytest.fixture(scope="module", params=COUNTIES)
def county(request, django_db_setup, django_db_blocker) -> Iterator[str]:
    """Each of the counties in turn; the tests run in savepoints of its transaction."""
    small = mock.patch.multiple(loading, BULK_ABOVE=400, TOLD=2), mock.patch.multiple(bulk, CHUNK=150)
    with django_db_blocker.unblock(), small[0], small[1], loaded(**COUNTIES[request.param]):
        yield request.param


@pytest.fixture(autouse=True)
def forget_the_marker() -> Iterator[None]:
    demo.forget()
    yield
    demo.forget()
