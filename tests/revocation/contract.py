"""Tests that every revocation store must pass."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from rest_framework_simplejwt.revocation import Issued
from rest_framework_simplejwt.utils import aware_utcnow
from tests.revocation.machine import check_any_sequence

HOUR = timedelta(hours=1)


def now():
    """Return the current time without microseconds, as precise as the claims of a token."""
    return aware_utcnow().replace(microsecond=0)


def issued(name="x", *, owner=None, **changes):
    values = {"issued_at": now(), "expires_at": now() + HOUR, "owner_pk": lambda: owner, "text": lambda: "t"}
    return Issued(name, **{**values, **changes})


class StoreContract:
    """A subclass defines the fixtures ``store``, ``kind`` (token or family) and ``empty``: delete all records."""

    # Whether `transact` rolls back what the work wrote before it raised.
    is_transactional = True
    # Whether expired records stay until `purge` deletes them.
    is_purged = True

    @pytest.fixture
    def committed(self):
        """A context manager that runs the callbacks of `after_commit` at its end."""
        return nullcontext

    @pytest.fixture
    def alice(self, user):
        return user.pk

    @pytest.fixture
    def bob(self, user, credentials):
        field = get_user_model().USERNAME_FIELD
        credentials[field] = credentials[field].replace("alice", "bob")
        return get_user_model().objects.create_user(**credentials).pk

    def test_an_id_that_was_not_revoked_is_not_revoked(self, store):
        assert not store.is_revoked("x")
        store.remember(issued())
        assert not store.is_revoked("x")

    def test_remembering_twice_creates_one_record(self, store, alice):
        first, again = issued(owner=alice), issued(owner=alice)
        assert store.remember(first)[1]
        assert not store.remember(again)[1]
        assert store.revoke_all(alice, now=now()) == 1

    @pytest.mark.parametrize("hours", [(1, 3), (3, 1)], ids=["lengthened", "shortened"])
    def test_a_record_keeps_the_later_of_two_expiries(self, store, hours, alice):
        for number in hours:
            store.remember(issued(owner=alice, expires_at=now() + number * HOUR))
        assert store.revoke_all(alice, now=now() + 2 * HOUR) == 1

    def test_only_the_first_revocation_is_new(self, store):
        store.remember(issued())
        _, first = store.revoke(issued())
        assert first
        assert [store.revoke(issued())[1] for _ in range(3)] == [False] * 3
        assert store.is_revoked("x")
        assert store.is_revoked("x"), "also from the cache"

    def test_later_callers_get_the_record_of_the_first(self, store):
        record, _ = store.revoke(issued())
        assert store.revoke(issued())[0] == record

    def test_an_id_without_a_record_can_be_revoked(self, store):
        assert store.revoke(issued())[1]
        assert store.is_revoked("x")

    def test_a_revocation_without_a_known_expiry_is_never_purged(self, store):
        """The expiry of its token is not known."""
        store.revoke(issued(expires_at=None, is_expiry_known=False))
        list(store.purge(now() + timedelta(days=36500), batch_size=2))
        assert store.is_revoked("x")

    def test_remembering_does_not_undo_a_revocation(self, store):
        store.revoke(issued())
        store.remember(issued(expires_at=now() + 2 * HOUR))
        assert store.is_revoked("x")
        assert not store.revoke(issued())[1]

    def test_revoking_one_id_does_not_revoke_another(self, store):
        store.remember(issued("y"))
        store.revoke(issued())
        assert not store.is_revoked("y")

    @pytest.mark.parametrize("name", ["x", "X", "é", "x" * 255, "a b:c{d}*", "%", "\\"])
    def test_an_id_is_compared_exactly(self, store, name):
        store.revoke(issued(name))
        assert store.is_revoked(name)
        assert not store.is_revoked("y")
        assert not store.is_revoked(f"{name[:-1]}?")

    def test_a_token_that_just_expired_can_be_revoked(self, store):
        """Within the leeway it is still accepted."""
        assert store.revoke(issued(expires_at=now() - timedelta(seconds=30)))[1]
        assert store.is_revoked("x")

    def test_revoking_a_recorded_token_neither_signs_it_nor_queries_its_user(self, store):
        store.remember(issued())

        def must_not_be_called():
            raise AssertionError("called although there is a record")

        store.revoke(issued(owner_pk=must_not_be_called, text=must_not_be_called))

    def consume(self, store, name="x", successor="y", **changes):
        child = issued(successor, **changes)
        store.exchange(issued(name), child)
        return child

    @pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "unknown"])
    def test_only_the_first_exchange_succeeds(self, store, alice, is_recorded):
        if is_recorded:
            store.remember(issued(owner=alice))
        assert store.exchange(issued(owner=alice), issued("y", owner=alice)) is True
        assert [store.exchange(issued(owner=alice), issued("y", owner=alice)) for _ in range(2)] == [False] * 2
        assert store.is_revoked("x")
        assert not store.is_revoked("y")
        assert store.revoke_all(alice, now=now()) == 1, "the successor is on record"

    def test_a_revoked_token_is_not_exchanged(self, store):
        store.revoke(issued())
        assert store.exchange(issued(), issued("y")) is False
        assert store.successor("x", "y", now=now()) is None

    def test_an_exchanged_token_can_not_be_revoked_again(self, store):
        self.consume(store)
        assert not store.revoke(issued())[1]

    @pytest.mark.parametrize("revoked", [set(), {"x"}, {"y"}])
    def test_are_revoked_answers_for_a_token_and_its_family(self, store, revoked):
        """Both ids are in one store here. `revocation.test_lookup` has two stores."""
        for name in revoked:
            store.revoke(issued(name))
        assert store.are_revoked("x", store, "y") == ("x" in revoked, "y" in revoked)

    def test_a_consumed_token_has_a_successor(self, store):
        store.remember(issued())
        child = self.consume(store, issued_at=now(), expires_at=now() + 2 * HOUR)
        found = store.successor("x", "y", now=now())
        assert (found.issued_at, found.expires_at) == (child.issued_at, child.expires_at)
        assert not found.is_revoked
        assert abs(found.age) < timedelta(minutes=1)

    def test_a_second_revocation_does_not_change_the_successor(self, store):
        self.consume(store)
        store.revoke(issued(successor=issued("z")))
        assert store.successor("x", "z", now=now()) is None
        assert store.successor("x", "y", now=now()) is not None

    def test_a_revoked_successor_is_reported_as_revoked(self, store):
        self.consume(store)
        store.revoke(issued("y"))
        assert store.successor("x", "y", now=now()).is_revoked

    def test_a_successor_revoked_by_revoke_all_is_reported_as_revoked(self, store, alice):
        self.consume(store, owner=alice)
        store.revoke_all(alice, now=now())
        assert store.successor("x", "y", now=now()).is_revoked

    @pytest.mark.parametrize("revoked", [False, True], ids=["not revoked", "revoked without successor"])
    def test_a_token_that_was_not_consumed_has_no_successor(self, store, revoked):
        store.remember(issued())
        if revoked:
            store.revoke(issued())
        assert store.successor("x", "y", now=now()) is None
        assert store.successor("unknown", "y", now=now()) is None

    def remember_several(self, store, alice, bob):
        for name, owner, family in [("a", alice, "f"), ("b", alice, "g"), ("c", alice, None), ("d", bob, "f")]:
            store.remember(issued(name, owner=owner, family_id=family))
        store.remember(issued("expired", owner=alice, expires_at=now()))
        store.remember(issued("without owner"))

    def revoked(self, store):
        return {name for name in ["a", "b", "c", "d", "expired", "without owner"] if store.is_revoked(name)}

    def test_revoke_all_revokes_and_counts_what_is_unexpired_and_unrevoked(self, store, alice, bob):
        self.remember_several(store, alice, bob)
        store.revoke(issued("a"))
        assert store.revoke_all(alice, now=now()) == 2
        assert self.revoked(store) == {"a", "b", "c"}

    def test_a_second_revoke_all_revokes_nothing(self, store, alice, bob):
        self.remember_several(store, alice, bob)
        assert [store.revoke_all(alice, now=now()) for _ in range(3)] == [3, 0, 0]
        assert [store.revoke(issued(name))[1] for name in "abc"] == [False] * 3

    def test_revoke_all_without_an_owner_revokes_for_all_owners(self, store, alice, bob):
        self.remember_several(store, alice, bob)
        assert store.revoke_all(None, now=now()) == 5
        assert self.revoked(store) == {"a", "b", "c", "d", "without owner"}

    def test_revoke_all_can_exclude_one_family(self, store, kind, alice, bob):
        self.remember_several(store, alice, bob)
        excluded = "f" if kind == "token" else "a"
        assert store.revoke_all(alice, now=now(), except_family=excluded) == 2
        assert self.revoked(store) == {"b", "c"}

    def test_revoke_all_for_all_owners_can_exclude_one_family(self, store, kind, alice, bob):
        self.remember_several(store, alice, bob)
        excluded = "f" if kind == "token" else "a"
        store.revoke_all(None, now=now(), except_family=excluded)
        assert self.revoked(store) == {"b", "c", "without owner"} | ({"d"} if kind == "family" else set())

    def test_revoke_all_does_not_revoke_what_is_issued_later(self, store, alice):
        store.revoke_all(alice, now=now())
        store.remember(issued(owner=alice))
        assert not store.is_revoked("x")

    def test_revoke_all_revokes_what_expires_after_now(self, store, alice):
        """``now`` is in the past by the leeway, in which such a token is still accepted."""
        for name in "xy":
            store.remember(issued(name, owner=alice, expires_at=now() - timedelta(seconds=5)))
        assert store.revoke_all(alice, now=now() - timedelta(seconds=10)) == 2

    def test_transact_and_lasting_return_the_result_of_the_work(self, store):
        assert store.transact(lambda: store.revoke(issued()))[1]
        assert store.lasting("x", lambda: store.is_revoked("x"))

    def test_work_that_raises_is_rolled_back_by_a_transactional_store(self, store):
        def fail():
            store.revoke(issued())
            raise RuntimeError

        with pytest.raises(RuntimeError):
            store.transact(fail)
        assert store.is_revoked("x") is not self.is_transactional

    def test_a_callback_is_called_after_the_commit(self, store, committed):
        calls = []
        with committed():
            store.after_commit(lambda: calls.append(1))
            assert calls == ([] if self.is_transactional else [1])
        assert calls == [1]

    def test_purge_deletes_expired_records(self, store):
        ends = {"expired": now() - timedelta(seconds=1), "expires now": now(), "unexpired": now() + HOUR}
        for name, expires_at in ends.items():
            store.revoke(issued(name, expires_at=expires_at))
        store.remember(issued("not revoked", expires_at=now() - HOUR))
        assert store.expired(now()) == (3 if self.is_purged else 0)
        assert list(store.purge(now(), batch_size=2)) == ([2, 1] if self.is_purged else [])
        assert store.expired(now()) == 0
        assert list(store.purge(now(), batch_size=2)) == []
        assert store.is_revoked("unexpired")

    def test_purge_can_be_stopped_after_any_batch(self, store):
        for name in "abc":
            store.remember(issued(name, expires_at=now()))
        next(iter(store.purge(now(), batch_size=2)), None)
        assert store.expired(now()) == (1 if self.is_purged else 0)

    def test_any_sequence_of_calls_agrees_with_the_model(self, store, kind, empty, alice, bob):
        excludable = [None, "g", "h"] if kind == "token" else [None, "a", "d"]
        check_any_sequence(store, empty, owners=[alice, bob, None], excludable=excludable, is_purged=self.is_purged)
