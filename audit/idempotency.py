"""Idempotency keys: a request repeated with the same key has its effect once and gets the first answer again."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit import keyring
from audit.models import StoredAnswer

KEPT = timedelta(days=90)  # a village may be offline for weeks
KEY_LIMIT = 200
_CELL = {"table": "audit_storedanswer", "column": "body_sealed"}


class KeyReused(Exception):
    """The key already stands for a request with another body; the answer is a 422, never a silent replay."""


def replay_or_run(
    *, user: Any, key: str, body_hash: str, run: Callable[[], tuple[int, str]], at: datetime | None = None
) -> tuple[int, str, bool]:
    """Status and body of the request, and whether they were replayed.

    `run` acts inside the transaction that also stores its answer, so there is never an effect without its key or a key
    without its effect; a crash leaves neither. Of two at once one runs and the other waits for its answer. Only 2xx
    answers are kept: after a refusal the same key may try again. Keys are private to their user.
    """
    if not 0 < len(key) <= KEY_LIMIT:
        raise ValueError(f"An idempotency key has 1 to {KEY_LIMIT} characters.")
    at = at or timezone.now()
    claim = StoredAnswer(
        user_id=user.pk, key=key, body_hash=body_hash, uid=uuid.uuid4(), created_at=at, expires_at=at + KEPT
    )
    with transaction.atomic():
        StoredAnswer.objects.filter(user_id=user.pk, key=key, expires_at__lte=at).delete()
        # The insert is the lock: on PostgreSQL the second of two waits here until the first commits or rolls back.
        StoredAnswer.objects.bulk_create([claim], ignore_conflicts=True)
        stored = StoredAnswer.objects.get(user_id=user.pk, key=key)
        if stored.uid != claim.uid:
            if stored.body_hash != body_hash:
                raise KeyReused(key)
            return stored.status, keyring.unseal(stored.body_sealed, uid=stored.uid, **_CELL), True
        status, text = run()
        if 200 <= status < 300:
            stored.status = status
            stored.body_sealed = keyring.seal(text, uid=stored.uid, **_CELL)
            stored.save(update_fields=["status", "body_sealed"])
        else:
            stored.delete()
        return status, text, False


def purge(*, at: datetime) -> int:
    """How many answers older than 90 days were removed."""
    return StoredAnswer.objects.filter(expires_at__lte=at).delete()[0]
