import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from villages.passwords import initial_password

pytestmark = pytest.mark.django_db


def refusals(password, user):
    try:
        validate_password(password, user)
    except ValidationError as error:
        return {item.code for item in error.error_list}
    return set()


@pytest.mark.parametrize(
    "password",
    ["liujianjun2026A!", "Officer-2026", "Tianzhu-2026!", "SongShan-2026a", "Shimen-Jingwu-12A", "Jiufen-Tiaojie-1A"],
)
def test_passwords_made_of_what_everybody_knows_are_refused(w, password):
    w.officer.name = "刘建军"
    assert refusals(password, w.officer) & {"password_context", "password_too_similar"}


@pytest.mark.parametrize("password", ["雪山下的Horse跑得慢7", "Kx7-quiet-Lantern-rain", "a" * 20 + "B7" + "梅朵" * 21])
def test_long_passwords_with_words_of_ones_own_are_taken(w, password):
    assert refusals(password, w.officer) == set()


@pytest.mark.parametrize("password", ["Aa1!aaa", "password", "12345678"])
def test_short_and_common_ones_are_refused(w, password):
    assert refusals(password, w.officer)


@pytest.mark.parametrize(("profile", "refused"), [("mlps", True), ("demo", True), ("asvs", False)])
def test_complexity_is_asked_for_by_the_police_profile(w, settings, profile, refused):
    settings.POLICY_PROFILE = profile
    assert ("password_complexity" in refusals("quietlanternrainfall", w.officer)) is refused


def test_initial_passwords_pass_every_check_and_differ(w):
    made = {initial_password() for _n in range(200)}
    assert len(made) == 200
    assert all(not refusals(password, w.officer) for password in made)
