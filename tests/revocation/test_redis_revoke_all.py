"""`revoke_all` in Redis: it works page by page, and no refresh can escape it."""

from datetime import timedelta

import pytest
import redis

from rest_framework_simplejwt.exceptions import RevocationUnavailable
from rest_framework_simplejwt.revocation import redis as module
from rest_framework_simplejwt.tokens import SlidingToken
from rest_framework_simplejwt.utils import datetime_to_epoch
from tests.projects.redis.store import Store
from tests.revocation.contract import HOUR, issued, now

pytestmark = [pytest.mark.needs("redis"), pytest.mark.django_db]


@pytest.fixture
def alice():
    return 1


@pytest.fixture
def store():
    yield Store("token")
    Store.empty()


@pytest.fixture
def before_first_revocation(monkeypatch):
    """Arrange a call between the read of the first page of an index and its revocation."""

    def interrupt(work):
        revoke_entries = Store._revoke_entries

        def interrupted(self, *args):
            monkeypatch.setattr(Store, "_revoke_entries", revoke_entries)
            work()
            return revoke_entries(self, *args)

        monkeypatch.setattr(Store, "_revoke_entries", interrupted)

    return interrupt


@pytest.fixture
def pages(monkeypatch):
    """The number of entries of each page, of which the largest number is set to two."""
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    sizes = []
    revoke_entries = Store._revoke_entries

    def counted(self, client, entries, *args):
        sizes.append(len(entries))
        return revoke_entries(self, client, entries, *args)

    monkeypatch.setattr(Store, "_revoke_entries", counted)
    return sizes


def remember(store, *names, owner, **changes):
    for name in names:
        store.remember(issued(name, owner=owner, **changes))


def is_locked(store, owner_pk):
    return bool(Store.client.exists(module._lock_key(store._index_key(owner_pk))))


def test_entries_are_revoked_page_by_page(store, alice, pages):
    remember(store, *"abcde", owner=alice)
    assert store.revoke_all(alice, now=now()) == 5
    assert pages == [2, 2, 1]
    assert all(map(store.is_revoked, "abcde"))


def test_no_reply_is_longer_than_a_page(store, alice, monkeypatch):
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    remember(store, *"abcdefgh", owner=alice)
    parse, longest = Store.client.parse_response, []

    def measured(*args, **kwargs):
        answer = parse(*args, **kwargs)
        longest.append(len(answer) if isinstance(answer, list) else 1)
        return answer

    monkeypatch.setattr(Store.client, "parse_response", measured)
    store.revoke_all(alice, now=now())
    assert max(longest) == 4, "two entries, each with its expiry"


def test_revoked_entries_are_removed_from_the_index(store, alice, pages):
    remember(store, *"abc", owner=alice)
    remember(store, "excluded", owner=alice, family_id="f")
    store.revoke_all(alice, now=now(), except_family="f")
    assert Store.client.zcard(store._index_key(alice)) == 1
    assert store.revoke_all(alice, now=now()) == 1
    assert not Store.client.exists(store._index_key(alice))


@pytest.mark.parametrize("excluded", ["abcd", "abc", "a", "d", "ad", "bd"])
def test_entries_of_an_excluded_family_stop_no_others(store, alice, pages, excluded):
    for name in "abcd":
        remember(store, name, owner=alice, family_id="f" if name in excluded else "g")
    assert store.revoke_all(alice, now=now(), except_family="f") == 4 - len(excluded)
    assert [store.is_revoked(name) for name in "abcd"] == [name not in excluded for name in "abcd"]


def test_two_concurrent_calls_revoke_what_the_other_excludes(store, alice, pages):
    """Two log-outs everywhere else, which exclude different families. One removes entries that the other counts on."""
    for number in range(8):
        remember(store, f"f{number}", f"g{number}", owner=alice, family_id="f" if number % 2 else "g")
    revoke_entries = store._revoke_entries
    other = Store("token")

    def revoke_after_the_other(*args):
        store._revoke_entries = revoke_entries
        other.revoke_all(alice, now=now(), except_family="g")
        return revoke_entries(*args)

    store._revoke_entries = revoke_after_the_other
    store.revoke_all(alice, now=now(), except_family="f")
    assert all(store.is_revoked(f"{name}{number}") for name in "fg" for number in range(8))


def test_indexes_are_found_page_by_page(store, monkeypatch):
    monkeypatch.setattr(module, "PAGE_SIZE", 3)
    for number in range(20):
        remember(store, f"x{number}", owner=number)
    assert store.revoke_all(None, now=now()) == 20


def test_nothing_is_recorded_for_the_owner_meanwhile(store, alice, before_first_revocation):
    remember(store, "x", owner=alice)

    def refresh():
        with pytest.raises(RevocationUnavailable):
            remember(store, "y", owner=alice)
        remember(store, "z", owner="another user")

    before_first_revocation(refresh)
    assert store.revoke_all(alice, now=now()) == 1
    remember(store, "y", owner=alice)
    assert not store.is_revoked("y")


def test_a_successor_recorded_before_is_revoked(store, alice, before_first_revocation):
    child = issued("y", owner=alice)
    remember(store, "x", owner=alice)
    store.remember(child)
    before_first_revocation(lambda: store.revoke(issued(successor=child)))
    assert store.revoke_all(alice, now=now()) == 1
    assert store.successor("x", "y", now=now()).is_revoked


@pytest.mark.parametrize("at", ["read", "revocation"])
def test_the_index_is_unlocked_after_an_error(store, alice, at, monkeypatch):
    remember(store, "x", owner=alice)

    def fail(*args, **kwargs):
        raise redis.TimeoutError

    with monkeypatch.context() as patch:
        if at == "read":
            patch.setattr(Store.client, "eval", fail)
        else:
            patch.setattr(Store, "_revoke_entries", fail)
        with pytest.raises(RevocationUnavailable):
            store.revoke_all(alice, now=now())
    assert not is_locked(store, alice)


def test_the_lock_expires_if_the_process_stops(store, alice, before_first_revocation, monkeypatch):
    remember(store, "x", owner=alice)
    lock = module._lock_key(store._index_key(alice))
    found = []
    before_first_revocation(lambda: found.append(Store.client.ttl(lock)))
    store.revoke_all(alice, now=now())
    assert 0 < found[0] <= module.INDEX_LOCK_SECONDS
    assert not is_locked(store, alice)


def test_it_raises_if_the_lock_expired_and_a_refresh_may_have_escaped(store, alice, before_first_revocation):
    remember(store, "x", owner=alice)
    before_first_revocation(lambda: Store.client.delete(module._lock_key(store._index_key(alice))))
    with pytest.raises(RevocationUnavailable):
        store.revoke_all(alice, now=now())
    assert store.revoke_all(alice, now=now()) == 0
    assert store.is_revoked("x")


class TestRefreshedSlidingToken:
    """The copy has the same id and expires later."""

    @pytest.fixture
    def revocation_expiry(self, store):
        return lambda: Store.client.expiretime(store._revocation_key("x")) - module.RETENTION_MARGIN

    def test_refreshed_before(self, store, alice, revocation_expiry):
        remember(store, "x", owner=alice)
        remember(store, "x", owner=alice, expires_at=now() + 3 * HOUR)
        store.revoke_all(alice, now=now())
        assert revocation_expiry() == pytest.approx(datetime_to_epoch(now() + 3 * HOUR), abs=2)

    def test_refreshed_meanwhile(self, store, alice, before_first_revocation):
        remember(store, "x", owner=alice)

        def refresh():
            with pytest.raises(RevocationUnavailable):
                remember(store, "x", owner=alice, expires_at=now() + 3 * HOUR)

        before_first_revocation(refresh)
        store.revoke_all(alice, now=now())

    def test_refreshed_afterwards(self, store, alice, revocation_expiry):
        """By a request that checked the revocation before `revoke_all`."""
        remember(store, "x", owner=alice)
        store.revoke_all(alice, now=now())
        remember(store, "x", owner=alice, expires_at=now() + 3 * HOUR)
        assert revocation_expiry() == pytest.approx(datetime_to_epoch(now() + 3 * HOUR), abs=2)

    def test_a_log_out_outlasts_every_possible_copy(self, user):
        token = SlidingToken.for_user(user)
        token.blacklist()
        left = timedelta(
            seconds=Store.client.ttl(Store("token")._revocation_key(token["jti"])) - module.RETENTION_MARGIN
        )
        assert left > SlidingToken.lifetime + timedelta(hours=23), "its refresh-exp, and a lifetime"
