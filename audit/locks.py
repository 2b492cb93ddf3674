"""The one place where rows are locked, with one meaning on both databases.

PostgreSQL locks the rows. On SQLite FOR UPDATE is silently ignored; there every transaction begins IMMEDIATE
(settings), so whoever is inside one is already the only writer, and the transaction is the lock.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

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


def claim(free: QuerySet[M], *, until: dt.datetime, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows of `free` (ordered and limited), their `attempt` raised and `leased_until` set, in one statement.

    Of several callers at once each gets rows of its own: on PostgreSQL they step over each other's, on SQLite the
    IMMEDIATE transaction lets one claim at a time. `columns` come as the database has them: a row of a model for each
    would cost more than the claim.
    """
    fields, connection = free.model._meta, connections[free.db]
    quote = connection.ops.quote_name
    table, key = quote(fields.db_table), quote(str(fields.pk.column))
    with transaction.atomic(using=free.db), connection.cursor() as cursor:
        inner, params = skip_locked(free).values_list("pk").query.get_compiler(free.db).as_sql()
        # an array is computed once, whatever plan the update gets; SQLite has none and plans simply
        chosen = f"= ANY(ARRAY({inner}))" if connection.vendor == "postgresql" else f"IN ({inner})"
        cursor.execute(
            f"UPDATE {table} SET {quote('attempt')} = {quote('attempt')} + 1, {quote('leased_until')} = %s "  # noqa: S608 - names of our own tables
            f"WHERE {key} {chosen} RETURNING {', '.join(map(quote, columns))}",
            [connection.ops.adapt_datetimefield_value(until), *params],
        )
        return cursor.fetchall()


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
