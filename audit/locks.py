"""The one place where rows are locked, with one meaning on both databases.

PostgreSQL locks the rows. On SQLite FOR UPDATE is silently ignored; there every transaction begins IMMEDIATE
(settings), so whoever is inside one is already the only writer, and the transaction is the lock.
"""

from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError, connections, transaction
from django.db.models import Model, QuerySet
from django.db.transaction import TransactionManagementError

M = TypeVar("M", bound=Model)


def locked(queryset: QuerySet[M]) -> QuerySet[M]:
    """The same rows, held against every other writer until the transaction ends; later callers wait."""
    return queryset.select_for_update(of=("self",)) if _rows_can_be_locked(queryset) else queryset


def skip_locked(queryset: QuerySet[M]) -> QuerySet[M]:
    """Those of the rows that nobody else holds, held until the transaction ends; nobody waits for a row."""
    return queryset.select_for_update(skip_locked=True, of=("self",)) if _rows_can_be_locked(queryset) else queryset


def once(mine: QuerySet[M], make: Callable[[], M]) -> M:
    """The row that stands in `mine`, else the one that `make` writes; of two at once both get the row of the first.

    A unique constraint must hold for what `mine` selects. The second insert fails on it and takes back everything that
    `make` did with it, so that no serial is lost.
    """
    earlier = mine.first()
    if earlier is not None:
        return earlier
    try:
        with transaction.atomic():
            return make()
    except IntegrityError:
        earlier = mine.all().first()
        if earlier is None:
            raise
        return earlier


def _rows_can_be_locked(queryset: QuerySet[M]) -> bool:
    connection = connections[queryset.db]
    # Outside a transaction the lock would be gone before the caller could rely on it, on SQLite without a word.
    if not connection.in_atomic_block:
        raise TransactionManagementError("Rows are locked inside transaction.atomic() only.")
    return connection.features.has_select_for_update
