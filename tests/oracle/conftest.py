import pytest

from tests import factories


@pytest.fixture
def w(db):
    return factories.world()
