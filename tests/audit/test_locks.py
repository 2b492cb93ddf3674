import time

import pytest
from django.db import connection
from django.db.transaction import TransactionManagementError, atomic

from audit.locks import locked, skip_locked
from audit.models import ChainHead


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lock", [locked, skip_locked])
def test_a_lock_outside_a_transaction_is_refused(lock):
    with pytest.raises(TransactionManagementError):
        lock(ChainHead.objects.all())


@pytest.mark.django_db
@pytest.mark.parametrize("lock, words", [(locked, "FOR UPDATE OF"), (skip_locked, "SKIP LOCKED")])
def test_rows_are_locked_where_the_database_locks_rows(lock, words):
    assert (words in str(lock(ChainHead.objects.all()).query)) == (connection.vendor == "postgresql")


@pytest.mark.django_db(transaction=True)
def test_a_locked_row_is_skipped_by_the_others(in_processes):
    if connection.vendor == "sqlite":
        pytest.skip("on SQLite there is one writer at a time")
    ChainHead.objects.bulk_create([ChainHead(county="000001"), ChainHead(county="000002")])
    with atomic():
        held = locked(ChainHead.objects.filter(county="000001")).get()

    def take(number):
        with atomic():
            taken = skip_locked(ChainHead.objects.order_by("county")).first()
            time.sleep(1)
            return taken.county

    assert sorted(in_processes(2, take)) == [held.county, "000002"]
