"""What every store promises, asked of each that this project has."""

from datetime import timedelta

import pytest
from django.db import router, transaction

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.cache import blacklist_cache
from rest_framework_simplejwt.revocation import Issued
from rest_framework_simplejwt.revocation.cached import CachedStore
from rest_framework_simplejwt.revocation.null import NullStore
from rest_framework_simplejwt.utils import aware_utcnow

pytestmark = pytest.mark.django_db

STORES = {
    "tokens": (revocation.token_store, "CACHE_BLACKLISTED_REFRESH_TOKENS", "token_blacklist"),
    "families": (revocation.family_store, "CACHE_BLACKLISTED_FAMILIES", "token_family"),
}


def kinds(*, cached=(True, False)):
    return [
        pytest.param(kind, cache, marks=pytest.mark.needs(app), id=f"{kind}{' cached' if cache else ''}")
        for kind, (_, _, app) in STORES.items()
        for cache in cached
    ]


@pytest.fixture
def store(kind, cache, simple_jwt):
    find, setting, _ = STORES[kind]
    simple_jwt(**{setting: cache})
    return find()


def alias(store):
    return router.db_for_write(getattr(store, "_store", store).revoked_model)


def issued(name="x", **changes):
    now = aware_utcnow()
    values = {"issued_at": now, "expires_at": now + timedelta(hours=1), "owner_pk": lambda: None, "text": lambda: "t"}
    return Issued(name, **{**values, **changes})


@pytest.mark.parametrize(("kind", "cache"), kinds())
class TestEveryStore:
    def test_what_nobody_revoked_is_not_revoked(self, store):
        assert not store.is_revoked("x")
        store.remember(issued())
        assert not store.is_revoked("x")

    def test_remembering_twice_makes_one_record(self, store):
        record, made = store.remember(issued())
        assert made
        assert store.remember(issued()) == (record, False)

    def test_revoking_is_first_exactly_once(self, store):
        store.remember(issued())
        record, first = store.revoke(issued())
        assert first
        assert [store.revoke(issued()) for _ in range(3)] == [(record, False)] * 3
        assert store.is_revoked("x")
        assert store.is_revoked("x"), "also when it is cached"

    def test_what_was_never_remembered_can_be_revoked(self, store):
        assert store.revoke(issued())[1]
        assert store.is_revoked("x")

    def test_others_stay_as_they_are(self, store):
        store.remember(issued("y"))
        store.revoke(issued())
        assert not store.is_revoked("y")

    def test_a_known_token_costs_no_signature_and_no_user(self, store):
        store.remember(issued())

        def unasked():
            raise AssertionError("asked for nothing")

        store.revoke(issued(owner_pk=unasked, text=unasked))

    def test_what_is_rolled_back_never_happened(self, store):
        def roll_back():
            with store.atomic():
                store.revoke(issued())
                raise RuntimeError

        with pytest.raises(RuntimeError):
            roll_back()
        assert not store.is_revoked("x")

    def test_a_callback_waits_for_the_commit(self, store, django_capture_on_commit_callbacks):
        calls = []
        with django_capture_on_commit_callbacks(using=alias(store), execute=True):
            store.after_commit(lambda: calls.append(1))
            assert calls == []
        assert calls == [1]

    def test_the_purge_takes_what_has_expired(self, store):
        now = aware_utcnow()
        for name, age in {"old": 1, "due": 0, "live": -1}.items():
            store.revoke(issued(name, expires_at=now - timedelta(seconds=age)))
        assert store.purge(now) == 2
        assert store.purge(now) == 0
        assert store.is_revoked("live")


@pytest.mark.parametrize(("kind", "cache"), kinds(cached=[True]))
class TestCachedStore:
    @pytest.fixture
    def cached(self, kind):
        return {
            "tokens": blacklist_cache.is_refresh_token_blacklisted,
            "families": blacklist_cache.is_token_family_blacklisted,
        }[kind]

    def test_the_cache_answers_for_what_it_holds(self, store, cached, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(using=alias(store), execute=True):
            store.revoke(issued())
        assert cached("x")
        store._store.revoked_model.objects.all().delete()
        assert store.is_revoked("x")

    def test_a_miss_asks_the_store_and_is_filled(self, store, cached, django_capture_on_commit_callbacks):
        store._store.revoke(issued())
        with django_capture_on_commit_callbacks(using=alias(store), execute=True):
            assert store.is_revoked("x")
        assert cached("x")

    def test_nothing_is_cached_before_the_commit(self, store, cached):
        store.revoke(issued())
        assert not cached("x")

    def test_a_cache_that_fails_does_not_know(self, store, caplog, django_capture_on_commit_callbacks):
        def fails(key):
            raise ConnectionError("no route to cache")

        broken = CachedStore(store._store, holds=fails, add=fails)
        with django_capture_on_commit_callbacks(using=alias(store), execute=True):
            assert broken.revoke(issued())[1]
        assert broken.is_revoked("x")
        assert not broken.is_revoked("y")
        assert set(caplog.messages) == {"The cache of revoked tokens failed; asking the store instead"}


@pytest.mark.parametrize(("kind", "cache"), kinds(cached=[True]))
@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_cached_either(store):
    def roll_back():
        with transaction.atomic(using=alias(store)):
            store.revoke(issued())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        roll_back()
    assert not store.is_revoked("x")


class TestNullStore:
    def test_it_remembers_nothing(self):
        store = NullStore()
        with store.atomic():
            assert store.remember(issued()) == (None, False)
            assert store.revoke(issued()) == (None, True)
        assert not store.is_revoked("x")
        assert store.purge(aware_utcnow()) == 0

    def test_nothing_is_committed_at_once(self):
        calls = []
        NullStore().after_commit(lambda: calls.append(1))
        assert calls == [1]

    @pytest.mark.needs("no token_blacklist")
    def test_it_stands_in_for_the_blacklist(self):
        assert isinstance(revocation.token_store(), NullStore)

    @pytest.mark.needs("no token_family")
    def test_it_stands_in_for_families(self):
        assert isinstance(revocation.family_store(), NullStore)
