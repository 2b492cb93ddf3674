"""A small county, a client per person, and the body of a registration."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from tests import factories
from villages.models import User

Client = Callable[[User], APIClient]


@pytest.fixture
def w(db: None) -> SimpleNamespace:
    return factories.world()


@pytest.fixture
def api() -> Client:
    """A client that carries the person's token, as a program would."""

    def client(user: User) -> APIClient:
        token, _made = Token.objects.get_or_create(user=user)
        made = APIClient()
        made.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
        return made

    return client


def registration(**other: Any) -> dict[str, Any]:
    """A body that POST /disputes/ takes."""
    return {
        "village": "620623103201",
        "type_l1": "09",
        "type_l2": "0905",
        "source": "06",
        "found_on": str(timezone.localdate()),
        "narrative": "两户夏季草场相邻，界桩被洪水冲走，对约12亩草场归属有争议。",
        "parties": [
            {"side": "A", "name": "马文林", "phone": "13812346021", "id_number": "620699197401010018"},
            {"side": "B", "name": "王世昌", "phone": "13912344417", "address": "石门村三社9号"},
        ],
        **other,
    }
