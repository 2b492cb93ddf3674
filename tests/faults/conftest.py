import pytest

from tests.factories import world


@pytest.fixture
def w(transactional_db):
    return world()
