"""What is built from settings is built again after a change of one of them, and only then."""

import pytest

from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.settings_cache import BuiltFromSettings

pytestmark = pytest.mark.needs("bare")


@pytest.fixture
def built():
    return BuiltFromSettings(object, ["LEEWAY"], django_names=["SECRET_KEY_FALLBACKS"])


def test_it_is_built_once(built):
    assert built.get() is built.get()


def test_a_change_builds_it_again(built, simple_jwt, settings):
    first = built.get()
    simple_jwt(LEEWAY=3)
    second = built.get()
    settings.SECRET_KEY_FALLBACKS = ["an older secret, long enough for every algorithm: 0123456789abcdef"]
    assert len({first, second, built.get()}) == 3


def test_a_change_of_another_setting_or_to_an_equal_value_does_not(built, simple_jwt):
    first = built.get()
    simple_jwt(AUDIENCE="other", LEEWAY=0)
    assert built.get() is first


def test_a_setting_that_changes_during_the_build_is_noticed(simple_jwt):
    values = []

    def build():
        values.append(api_settings.LEEWAY)
        if len(values) == 1:
            api_settings.LEEWAY = 5
        return values[-1]

    built = BuiltFromSettings(build, ["LEEWAY"])
    simple_jwt(LEEWAY=1)
    built.get()
    try:
        assert built.get() == 5
    finally:
        del api_settings.LEEWAY


def test_an_error_is_raised_each_time(simple_jwt):
    def build():
        raise ValueError("unusable")

    built = BuiltFromSettings(build, ["LEEWAY"])
    for _ in range(2):
        with pytest.raises(ValueError, match="unusable"):
            built.get()
