from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.db import transaction

from tests.access.county import County


@pytest.fixture(scope="module")
def db(django_db_setup, django_db_blocker) -> Iterator[None]:
    """One transaction around a whole module, in place of pytest-django's one around each test.

    It keeps that fixture's name because pytest-django makes the database for tests that ask for `db`.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


@pytest.fixture(scope="module")
def county(db: None) -> County:
    """One county for a whole module: building it takes a second, asking it a few milliseconds."""
    return County()


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """Ten thousand refusals on purpose are no news, and writing each into the log takes longer than asking."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
