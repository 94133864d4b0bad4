"""`revoke_all` in Redis: a page at a time, and nobody can outrun it."""

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
def meanwhile(monkeypatch):
    """Do something between the look into an index and the first revocation of what was found: `meanwhile(work)`."""

    def interrupt(work):
        bury = Store._revoke_entries

        def interrupted(self, *args):
            monkeypatch.setattr(Store, "_revoke_entries", bury)
            work()
            return bury(self, *args)

        monkeypatch.setattr(Store, "_revoke_entries", interrupted)

    return interrupt


@pytest.fixture
def pages(monkeypatch):
    """How many entries each page has, of two at the most."""
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    sizes = []
    bury = Store._revoke_entries

    def counted(self, client, entries, *args):
        sizes.append(len(entries))
        return bury(self, client, entries, *args)

    monkeypatch.setattr(Store, "_revoke_entries", counted)
    return sizes


def remember(store, *names, owner, **changes):
    for name in names:
        store.remember(issued(name, owner=owner, **changes))


def is_held(store, owner_pk):
    return bool(Store.client.exists(module._lock_key(store._index_key(owner_pk))))


def test_many_are_revoked_a_page_at_a_time(store, alice, pages):
    remember(store, *"abcde", owner=alice)
    assert store.revoke_all(alice, now=now()) == 5
    assert pages == [2, 2, 1]
    assert all(map(store.is_revoked, "abcde"))


def test_no_answer_is_longer_than_a_page(store, alice, monkeypatch):
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


def test_what_is_revoked_is_dropped_from_the_index(store, alice, pages):
    remember(store, *"abc", owner=alice)
    remember(store, "spared", owner=alice, family_id="f")
    store.revoke_all(alice, now=now(), except_family="f")
    assert Store.client.zcard(store._index_key(alice)) == 1
    assert store.revoke_all(alice, now=now()) == 1
    assert not Store.client.exists(store._index_key(alice))


@pytest.mark.parametrize("spared", ["abcd", "abc", "a", "d", "ad", "bd"])
def test_a_family_that_is_spared_holds_up_nothing(store, alice, pages, spared):
    for name in "abcd":
        remember(store, name, owner=alice, family_id="f" if name in spared else "g")
    assert store.revoke_all(alice, now=now(), except_family="f") == 4 - len(spared)
    assert [store.is_revoked(name) for name in "abcd"] == [name not in spared for name in "abcd"]


def test_two_at_once_miss_nothing_that_the_other_spares(store, alice, pages):
    """Each is somebody who logs out everywhere else; what one of them drops is what the other has counted."""
    for number in range(8):
        remember(store, f"f{number}", f"g{number}", owner=alice, family_id="f" if number % 2 else "g")
    bury = store._revoke_entries
    other = Store("token")

    def overtaken(*args):
        store._revoke_entries = bury
        other.revoke_all(alice, now=now(), except_family="g")
        return bury(*args)

    store._revoke_entries = overtaken
    store.revoke_all(alice, now=now(), except_family="f")
    assert all(store.is_revoked(f"{name}{number}") for name in "fg" for number in range(8))


def test_indexes_are_looked_for_a_few_keys_at_a_time(store, monkeypatch):
    monkeypatch.setattr(module, "PAGE_SIZE", 3)
    for number in range(20):
        remember(store, f"x{number}", owner=number)
    assert store.revoke_all(None, now=now()) == 20


def test_nothing_is_remembered_of_an_owner_meanwhile(store, alice, meanwhile):
    remember(store, "x", owner=alice)

    def refresh():
        with pytest.raises(RevocationUnavailable):
            remember(store, "y", owner=alice)
        remember(store, "z", owner="somebody else")

    meanwhile(refresh)
    assert store.revoke_all(alice, now=now()) == 1
    remember(store, "y", owner=alice)
    assert not store.is_revoked("y")


def test_a_refresh_that_had_recorded_its_successor_is_caught(store, alice, meanwhile):
    child = issued("y", owner=alice)
    remember(store, "x", owner=alice)
    store.remember(child)
    meanwhile(lambda: store.revoke(issued(successor=child)))
    assert store.revoke_all(alice, now=now()) == 1
    assert store.successor("x", "y", now=now()).is_revoked


@pytest.mark.parametrize("at", ["the look", "the revocation"])
def test_the_owner_is_let_go_when_it_fails(store, alice, at, monkeypatch):
    remember(store, "x", owner=alice)

    def fail(*args, **kwargs):
        raise redis.TimeoutError

    with monkeypatch.context() as patch:
        if at == "the look":
            patch.setattr(Store.client, "eval", fail)
        else:
            patch.setattr(Store, "_revoke_entries", fail)
        with pytest.raises(RevocationUnavailable):
            store.revoke_all(alice, now=now())
    assert not is_held(store, alice)


def test_the_owner_is_let_go_after_a_while_when_the_process_is_gone(store, alice, meanwhile, monkeypatch):
    remember(store, "x", owner=alice)
    hold = module._lock_key(store._index_key(alice))
    found = []
    meanwhile(lambda: found.append(Store.client.ttl(hold)))
    store.revoke_all(alice, now=now())
    assert 0 < found[0] <= module.INDEX_LOCK_SECONDS
    assert not is_held(store, alice)


def test_it_says_so_when_it_was_stopped_for_so_long_that_a_refresh_may_have_escaped(store, alice, meanwhile):
    remember(store, "x", owner=alice)
    meanwhile(lambda: Store.client.delete(module._lock_key(store._index_key(alice))))
    with pytest.raises(RevocationUnavailable):
        store.revoke_all(alice, now=now())
    assert store.revoke_all(alice, now=now()) == 0
    assert store.is_revoked("x")


class TestASlidingTokenThatIsRefreshed:
    """Its copy bears the same id, and lasts longer."""

    @pytest.fixture
    def lasts_until(self, store):
        return lambda: Store.client.expiretime(store._revocation_key("x")) - module.RETENTION_MARGIN

    def test_before(self, store, alice, lasts_until):
        remember(store, "x", owner=alice)
        remember(store, "x", owner=alice, expires_at=now() + 3 * HOUR)
        store.revoke_all(alice, now=now())
        assert lasts_until() == pytest.approx(datetime_to_epoch(now() + 3 * HOUR), abs=2)

    def test_meanwhile(self, store, alice, meanwhile):
        remember(store, "x", owner=alice)

        def refresh():
            with pytest.raises(RevocationUnavailable):
                remember(store, "x", owner=alice, expires_at=now() + 3 * HOUR)

        meanwhile(refresh)
        store.revoke_all(alice, now=now())

    def test_afterwards(self, store, alice, lasts_until):
        """By who had seen before that it was not revoked."""
        remember(store, "x", owner=alice)
        store.revoke_all(alice, now=now())
        remember(store, "x", owner=alice, expires_at=now() + 3 * HOUR)
        assert lasts_until() == pytest.approx(datetime_to_epoch(now() + 3 * HOUR), abs=2)

    def test_a_log_out_lasts_as_long_as_any_copy_can(self, user):
        token = SlidingToken.for_user(user)
        token.blacklist()
        left = timedelta(
            seconds=Store.client.ttl(Store("token")._revocation_key(token["jti"])) - module.RETENTION_MARGIN
        )
        assert left > SlidingToken.lifetime + timedelta(hours=23), "its refresh-exp, and a lifetime"
