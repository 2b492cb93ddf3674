"""One key sent by two processes at the same moment: one case, one answer."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connections
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from disputes.models import Dispute
from tests.api.conftest import registration
from tests.factories import world
from tests.faults.processes import together


@pytest.mark.django_db(transaction=True)
def test_the_same_key_from_four_processes_makes_one_case() -> None:
    token, body = Token.objects.create(user=world().assistant).key, registration()

    def post(number: int) -> tuple[int, str, str]:
        client = APIClient(headers={"Authorization": f"Token {token}", "Idempotency-Key": "village-offline-7"})
        answer = client.post("/api/v1/disputes/", body, format="json")
        connections.close_all()
        return answer.status_code, answer.headers.get("Idempotent-Replayed", ""), answer.content.decode()

    answers = together(4, post)
    assert [status for status, _replayed, _content in answers] == [201] * 4, answers
    assert Counter(replayed for _status, replayed, _content in answers) == {"": 1, "true": 3}
    assert len({content for _status, _replayed, content in answers}) == 1
    assert Dispute.objects.count() == 1
