import pytest
from django.core.cache import caches

from rest_framework_simplejwt.cache import BlacklistCache, blacklist_cache

KINDS = {
    "token": ("add_refresh_token", "is_refresh_token_blacklisted", "delete_refresh_token_from_cache", "sjwt_brt"),
    "family": ("add_token_family", "is_token_family_blacklisted", "delete_family_from_cache", "sjwt_btf"),
}


@pytest.fixture(params=KINDS)
def kind(request):
    add, contains, delete, prefix = KINDS[request.param]
    return (*(getattr(blacklist_cache, name) for name in (add, contains, delete)), prefix)


def test_an_id_is_in_the_cache_until_it_is_deleted(kind):
    add, contains, delete, _ = kind
    assert contains("x") is False
    add("x")
    assert contains("x") is True
    assert delete("x") is True
    assert contains("x") is False
    assert delete("x") is False


def test_cache_keys_start_with_the_prefix(kind):
    add, _, _, prefix = kind
    add("x")
    assert caches["default"].get(f"{prefix}:x") is not None


def test_entries_expire_after_the_configured_time(kind, simple_jwt):
    add, contains, _, _ = kind
    simple_jwt(CACHE_TTL_BLACKLISTED_REFRESH_TOKENS=0, CACHE_TTL_BLACKLISTED_FAMILIES=0)
    add("x")
    assert not contains("x")


def test_prefixes_and_the_cache_are_settings(simple_jwt, settings):
    settings.CACHES = {
        **settings.CACHES,
        "other": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "other"},
    }
    simple_jwt(
        SJWT_CACHE_NAME="other",
        CACHE_KEY_PREFIX_BLACKLISTED_REFRESH_TOKENS="t",
        CACHE_KEY_PREFIX_BLACKLISTED_FAMILIES="f",
    )
    blacklist_cache.add_refresh_token("x")
    blacklist_cache.add_token_family("y")
    assert caches["other"].get("t:x")
    assert caches["other"].get("f:y")
    assert blacklist_cache.cache is caches["other"]


def test_each_kind_has_its_own_switch(simple_jwt):
    def switches():
        return blacklist_cache.is_refresh_tokens_cache_enabled, blacklist_cache.is_families_cache_enabled

    assert switches() == (False, False)
    simple_jwt(CACHE_BLACKLISTED_REFRESH_TOKENS=True)
    assert switches() == (True, False)
    simple_jwt(CACHE_BLACKLISTED_REFRESH_TOKENS=False, CACHE_BLACKLISTED_FAMILIES=True)
    assert switches() == (False, True)


def test_the_module_has_one_instance():
    assert isinstance(blacklist_cache, BlacklistCache)
