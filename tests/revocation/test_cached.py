"""A store with a cache in front of it passes the tests of every store; and tests of the cache."""

import pytest
from django.core.cache import cache
from django.db import transaction

from rest_framework_simplejwt.cache import blacklist_cache
from rest_framework_simplejwt.revocation.cached import CachedStore
from tests.revocation.contract import issued, now
from tests.revocation.test_redis import RedisContract
from tests.revocation.test_sql import KINDS, STORES, SQLContract

# A cache in front of a store knows neither users nor times: one kind of user is enough.
pytestmark = [pytest.mark.django_db, pytest.mark.needs("django's user")]

IS_CACHED = {
    "token": blacklist_cache.is_refresh_token_blacklisted,
    "family": blacklist_cache.is_token_family_blacklisted,
}
ADD_TO_CACHE = {"token": blacklist_cache.add_refresh_token, "family": blacklist_cache.add_token_family}
REMOVE_FROM_CACHE = {
    "token": blacklist_cache.delete_refresh_token_from_cache,
    "family": blacklist_cache.delete_family_from_cache,
}


@pytest.fixture
def is_cached(kind):
    return IS_CACHED[kind]


@pytest.fixture
def cache_enabled(simple_jwt):
    simple_jwt(CACHE_BLACKLISTED_REFRESH_TOKENS=True, CACHE_BLACKLISTED_FAMILIES=True)


@pytest.mark.parametrize("kind", KINDS)
class TestBeforeSQL(SQLContract):
    @pytest.fixture
    def store(self, kind, tables, cache_enabled):
        store = STORES[kind]()
        assert isinstance(store, CachedStore)
        return store

    def test_a_cached_id_is_revoked_without_the_store(self, store, empty, is_cached, committed):
        with committed():
            store.revoke(issued())
        assert is_cached("x")
        empty()
        assert store.is_revoked("x")

    def test_an_id_that_is_not_cached_is_looked_up_and_cached(self, store, tables, is_cached, committed):
        tables.revoke(issued())
        with committed():
            assert store.is_revoked("x")
        assert is_cached("x")

    def test_an_id_revoked_by_revoke_all_is_looked_up_and_cached(self, store, is_cached, committed, alice):
        store.remember(issued(owner=alice))
        assert not store.is_revoked("x")
        store.revoke_all(alice, now=now())
        with committed():
            assert store.is_revoked("x")
        assert is_cached("x")

    def test_nothing_is_cached_before_the_commit(self, store, is_cached):
        store.revoke(issued())
        assert not is_cached("x")

    def test_an_unrevoked_id_is_never_cached(self, store, is_cached, committed):
        with committed():
            assert not store.is_revoked("x")
        assert not is_cached("x")

    def test_the_store_decides_while_the_cache_fails(self, store, tables, committed, caplog):
        def fails(key):
            raise ConnectionError("no route to cache")

        assert not store.is_revoked("z"), "this ends the outage that an earlier test started"
        broken = CachedStore(tables, is_cached=fails, add_to_cache=fails)
        with committed():
            assert broken.revoke(issued())[1]
        assert broken.is_revoked("x")
        assert not broken.is_revoked("y")
        assert caplog.messages == ["The cache of revoked tokens does not answer; the store is asked instead"]

    @pytest.mark.django_db(transaction=True)
    def test_a_revocation_that_is_rolled_back_is_not_cached(self, store, alias):
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
        return CachedStore(redis_store, is_cached=IS_CACHED[kind], add_to_cache=ADD_TO_CACHE[kind])

    @pytest.fixture
    def empty(self, redis_store):
        def empty_both():
            redis_store.empty()
            cache.clear()

        return empty_both

    def test_a_cached_id_is_revoked_without_the_store(self, store, redis_store):
        store.revoke(issued())
        redis_store.empty()
        assert store.is_revoked("x")

    def test_an_id_that_left_the_cache_is_looked_up_in_the_store(self, store, kind):
        store.revoke(issued())
        assert REMOVE_FROM_CACHE[kind]("x")
        assert not IS_CACHED[kind]("x")
        assert store.is_revoked("x")
