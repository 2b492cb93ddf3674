import pytest

from tests.factories import world


@pytest.fixture
def w(db):
    return world()
