import pytest
from django.test import Client

from tests import factories


@pytest.fixture(autouse=True)
def own_addresses(settings, tmp_path):
    """This room's addresses, a page shell without the upper rooms, and a key ring of the test's own."""
    processors = settings.TEMPLATES[0]["OPTIONS"]["context_processors"]
    options = {
        **settings.TEMPLATES[0]["OPTIONS"],
        "context_processors": [name for name in processors if not name.startswith("config.")],
    }
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": options}]
    settings.ROOT_URLCONF = "tests.villages.urls"
    settings.FIELD_KEYS_FILE = tmp_path / "field_keys.json"


@pytest.fixture
def w(db):
    return factories.world()


@pytest.fixture
def sign_in():
    """A browser that is signed in as this user."""

    def client_of(user):
        client = Client()
        client.force_login(user)
        return client

    return client_of
