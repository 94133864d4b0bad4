"""A cache in front of a store: the contract holds, and the cache is never more than a shortcut."""

import pytest
from django.core.cache import cache
from django.db import transaction

from rest_framework_simplejwt.cache import blacklist_cache
from rest_framework_simplejwt.revocation.cached import CachedStore
from tests.revocation.contract import issued, now
from tests.revocation.test_redis import RedisContract
from tests.revocation.test_sql import FIND, KINDS, SQLContract

pytestmark = pytest.mark.django_db

HOLDS = {
    "token": blacklist_cache.is_refresh_token_blacklisted,
    "family": blacklist_cache.is_token_family_blacklisted,
}
ADD = {"token": blacklist_cache.add_refresh_token, "family": blacklist_cache.add_token_family}
DROP = {
    "token": blacklist_cache.delete_refresh_token_from_cache,
    "family": blacklist_cache.delete_family_from_cache,
}


@pytest.fixture
def cached(kind):
    return HOLDS[kind]


@pytest.fixture
def caching(simple_jwt):
    simple_jwt(CACHE_BLACKLISTED_REFRESH_TOKENS=True, CACHE_BLACKLISTED_FAMILIES=True)


@pytest.mark.parametrize("kind", KINDS)
class TestBeforeSQL(SQLContract):
    @pytest.fixture
    def store(self, kind, tables, caching):
        store = FIND[kind]()
        assert isinstance(store, CachedStore)
        return store

    def test_the_cache_answers_for_what_it_holds(self, store, empty, cached, committed):
        with committed():
            store.revoke(issued())
        assert cached("x")
        empty()
        assert store.is_revoked("x")

    def test_a_miss_asks_the_store_and_is_filled(self, store, tables, cached, committed):
        tables.revoke(issued())
        with committed():
            assert store.is_revoked("x")
        assert cached("x")

    def test_what_was_revoked_with_all_others_is_found_and_cached(self, store, cached, committed, alice):
        store.remember(issued(owner=alice))
        assert not store.is_revoked("x")
        store.revoke_all(alice, now=now())
        with committed():
            assert store.is_revoked("x")
        assert cached("x")

    def test_nothing_is_cached_before_the_commit(self, store, cached):
        store.revoke(issued())
        assert not cached("x")

    def test_what_is_not_revoked_is_never_cached(self, store, cached, committed):
        with committed():
            assert not store.is_revoked("x")
        assert not cached("x")

    def test_a_cache_that_fails_does_not_know(self, store, tables, committed, caplog):
        def fails(key):
            raise ConnectionError("no route to cache")

        assert not store.is_revoked("z"), "and so the outage of an earlier test is over"
        broken = CachedStore(tables, is_cached=fails, add_to_cache=fails)
        with committed():
            assert broken.revoke(issued())[1]
        assert broken.is_revoked("x")
        assert not broken.is_revoked("y")
        assert caplog.messages == ["The cache of revoked tokens does not answer; the store is asked instead"]

    @pytest.mark.django_db(transaction=True)
    def test_what_is_rolled_back_is_not_cached_either(self, store, alias):
        def roll_back():
            with transaction.atomic(using=alias):
                store.revoke(issued())
                raise RuntimeError

        with pytest.raises(RuntimeError):
            roll_back()
        assert not store.is_revoked("x")


@pytest.mark.needs("redis")
class TestBeforeRedis(RedisContract):
    @pytest.fixture
    def store(self, redis_store, kind):
        return CachedStore(redis_store, is_cached=HOLDS[kind], add_to_cache=ADD[kind])

    @pytest.fixture
    def empty(self, redis_store):
        def both():
            redis_store.empty()
            cache.clear()

        return both

    def test_the_cache_answers_for_what_it_holds(self, store, redis_store):
        store.revoke(issued())
        redis_store.empty()
        assert store.is_revoked("x")

    def test_the_store_answers_for_what_the_cache_has_dropped(self, store, kind):
        store.revoke(issued())
        assert DROP[kind]("x")
        assert not HOLDS[kind]("x")
        assert store.is_revoked("x")
