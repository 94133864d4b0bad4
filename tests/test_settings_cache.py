"""A value that is built from settings is rebuilt after a change of one of them, and only then."""

import pytest

from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.settings_cache import BuiltFromSettings

pytestmark = pytest.mark.needs("bare")


@pytest.fixture
def cache():
    return BuiltFromSettings(object, ["LEEWAY"], django_names=["SECRET_KEY_FALLBACKS"])


def test_the_value_is_built_once(cache):
    assert cache.get() is cache.get()


def test_a_changed_setting_rebuilds_the_value(cache, simple_jwt, settings):
    first = cache.get()
    simple_jwt(LEEWAY=3)
    second = cache.get()
    settings.SECRET_KEY_FALLBACKS = ["an older secret, long enough for every algorithm: 0123456789abcdef"]
    assert len({first, second, cache.get()}) == 3


def test_another_setting_or_an_equal_value_does_not_rebuild(cache, simple_jwt):
    first = cache.get()
    simple_jwt(AUDIENCE="other", LEEWAY=0)
    assert cache.get() is first


def test_a_setting_that_changes_during_the_build_is_noticed(simple_jwt):
    values = []

    def build():
        values.append(api_settings.LEEWAY)
        if len(values) == 1:
            api_settings.LEEWAY = 5
        return values[-1]

    cache = BuiltFromSettings(build, ["LEEWAY"])
    simple_jwt(LEEWAY=1)
    cache.get()
    try:
        assert cache.get() == 5
    finally:
        del api_settings.LEEWAY


def test_an_error_is_raised_each_time(simple_jwt):
    def build():
        raise ValueError("unusable")

    cache = BuiltFromSettings(build, ["LEEWAY"])
    for _ in range(2):
        with pytest.raises(ValueError, match="unusable"):
            cache.get()
