"""The small county, and a browser without a screen for each of its people."""

from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone

from tests import factories


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """The pages' clock stands at the factories' Monday morning, so that no due date passes while tests age."""
    monkeypatch.setattr(timezone, "now", lambda: factories.NOW)


@pytest.fixture
def w(db) -> SimpleNamespace:
    return factories.world()


@pytest.fixture
def sign_in():
    """A client signed in as somebody; sign_in(w.officer)."""

    def make(user) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def form():
    """The fields of a valid registration, as a browser sends them; values may be replaced by name."""

    def make(w: SimpleNamespace, **changes) -> dict:
        data = {
            "kind": "0905",
            "source": "06",
            "village": w.village.code,
            "found_on": "今天",
            "narrative": "两户因界桩起争执",
            "complexity": "ordinary",
            "tier": "1",
            "parties-TOTAL_FORMS": "2",
            "parties-INITIAL_FORMS": "2",
            "parties-MIN_NUM_FORMS": "0",
            "parties-MAX_NUM_FORMS": "30",
            "parties-0-side": "A",
            "parties-0-kind": "person",
            "parties-0-name": "马文林",
            "parties-1-side": "B",
            "parties-1-kind": "person",
            "parties-1-name": "王世昌",
        }
        return data | {k.replace("__", "-"): v for k, v in changes.items()}

    return make
