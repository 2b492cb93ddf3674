"""The one place where rows are locked, with one meaning on both databases.

PostgreSQL locks the rows. On SQLite FOR UPDATE is silently ignored; there every transaction begins IMMEDIATE
(settings), so whoever is inside one is already the only writer, and the transaction is the lock.
"""

from typing import TypeVar

from django.db import connections
from django.db.models import Model, QuerySet
from django.db.transaction import TransactionManagementError

M = TypeVar("M", bound=Model)


def locked(queryset: QuerySet[M]) -> QuerySet[M]:
    """The same rows, held against every other writer until the transaction ends; later callers wait."""
    return queryset.select_for_update(of=("self",)) if _rows_can_be_locked(queryset) else queryset


def skip_locked(queryset: QuerySet[M]) -> QuerySet[M]:
    """Those of the rows that nobody else holds, held until the transaction ends; nobody waits for a row."""
    return queryset.select_for_update(skip_locked=True, of=("self",)) if _rows_can_be_locked(queryset) else queryset


def _rows_can_be_locked(queryset: QuerySet[M]) -> bool:
    connection = connections[queryset.db]
    # Outside a transaction the lock would be gone before the caller could rely on it, on SQLite without a word.
    if not connection.in_atomic_block:
        raise TransactionManagementError("Rows are locked inside transaction.atomic() only.")
    return connection.features.has_select_for_update
