"""What every store promises; a subclass says which ``store`` is asked."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from rest_framework_simplejwt.revocation import Issued
from rest_framework_simplejwt.utils import aware_utcnow
from tests.revocation.machine import ask_in_any_order

HOUR = timedelta(hours=1)


def now():
    """A whole second: as exact as a token's claims."""
    return aware_utcnow().replace(microsecond=0)


def issued(name="x", *, owner=None, **changes):
    values = {"issued_at": now(), "expires_at": now() + HOUR, "owner_pk": lambda: owner, "text": lambda: "t"}
    return Issued(name, **{**values, **changes})


class StoreContract:
    """A subclass has the fixtures ``store``, ``kind`` (token or family), and ``empty``, to forget everything."""

    # Whether `transact` takes back what was done before the work failed.
    is_transactional = True
    # Whether what has expired stays until it is purged.
    is_purged = True

    @pytest.fixture
    def committed(self):
        """Within `with committed():` a transaction is committed."""
        return nullcontext

    @pytest.fixture
    def alice(self, user):
        return user.pk

    @pytest.fixture
    def bob(self, user, credentials):
        field = get_user_model().USERNAME_FIELD
        credentials[field] = credentials[field].replace("alice", "bob")
        return get_user_model().objects.create_user(**credentials).pk

    def test_what_nobody_revoked_is_not_revoked(self, store):
        assert not store.is_revoked("x")
        store.remember(issued())
        assert not store.is_revoked("x")

    def test_remembering_twice_makes_one_record(self, store, alice):
        first, again = issued(owner=alice), issued(owner=alice)
        assert store.remember(first)[1]
        assert not store.remember(again)[1]
        assert store.revoke_all(alice, now=now()) == 1

    @pytest.mark.parametrize("hours", [(1, 3), (3, 1)], ids=["lengthened", "shortened"])
    def test_a_record_lasts_until_the_later_of_two_ends(self, store, hours, alice):
        for number in hours:
            store.remember(issued(owner=alice, expires_at=now() + number * HOUR))
        assert store.revoke_all(alice, now=now() + 2 * HOUR) == 1

    def test_revoking_is_first_exactly_once(self, store):
        store.remember(issued())
        _, first = store.revoke(issued())
        assert first
        assert [store.revoke(issued())[1] for _ in range(3)] == [False] * 3
        assert store.is_revoked("x")
        assert store.is_revoked("x"), "also when it is cached"

    def test_who_is_not_first_is_shown_the_winners_record(self, store):
        record, _ = store.revoke(issued())
        assert store.revoke(issued())[0] == record

    def test_what_was_never_remembered_can_be_revoked(self, store):
        assert store.revoke(issued())[1]
        assert store.is_revoked("x")

    def test_what_was_revoked_by_its_id_alone_stays_revoked(self, store):
        """Nobody knows how long its token lasts."""
        store.revoke(issued(expires_at=None, is_expiry_known=False))
        list(store.purge(now() + timedelta(days=36500), batch_size=2))
        assert store.is_revoked("x")

    def test_remembering_does_not_revive(self, store):
        store.revoke(issued())
        store.remember(issued(expires_at=now() + 2 * HOUR))
        assert store.is_revoked("x")
        assert not store.revoke(issued())[1]

    def test_others_stay_as_they_are(self, store):
        store.remember(issued("y"))
        store.revoke(issued())
        assert not store.is_revoked("y")

    @pytest.mark.parametrize("name", ["x", "X", "é", "x" * 255, "a b:c{d}*", "%", "\\"])
    def test_an_id_is_taken_to_the_letter(self, store, name):
        store.revoke(issued(name))
        assert store.is_revoked(name)
        assert not store.is_revoked("y")
        assert not store.is_revoked(f"{name[:-1]}?")

    def test_what_has_expired_a_moment_ago_can_be_revoked(self, store):
        """The leeway may let its bearer in still."""
        assert store.revoke(issued(expires_at=now() - timedelta(seconds=30)))[1]
        assert store.is_revoked("x")

    def test_a_known_token_costs_no_signature_and_no_user(self, store):
        store.remember(issued())

        def unasked():
            raise AssertionError("asked for nothing")

        store.revoke(issued(owner_pk=unasked, text=unasked))

    def consume(self, store, name="x", successor="y", **changes):
        child = issued(successor, **changes)
        store.exchange(issued(name), child)
        return child

    @pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "unknown"])
    def test_a_token_is_exchanged_once(self, store, alice, is_recorded):
        if is_recorded:
            store.remember(issued(owner=alice))
        assert store.exchange(issued(owner=alice), issued("y", owner=alice)) is True
        assert [store.exchange(issued(owner=alice), issued("y", owner=alice)) for _ in range(2)] == [False] * 2
        assert store.is_revoked("x")
        assert not store.is_revoked("y")
        assert store.revoke_all(alice, now=now()) == 1, "the successor is on record"

    def test_a_token_that_was_revoked_is_not_exchanged(self, store):
        store.revoke(issued())
        assert store.exchange(issued(), issued("y")) is False
        assert store.successor("x", "y", now=now()) is None

    def test_an_exchanged_token_can_not_be_revoked_once_more(self, store):
        self.consume(store)
        assert not store.revoke(issued())[1]

    @pytest.mark.parametrize("revoked", [set(), {"x"}, {"y"}])
    def test_one_question_answers_for_a_token_and_its_family(self, store, revoked):
        """Both are in one store here; `revocation.test_lookup` asks two."""
        for name in revoked:
            store.revoke(issued(name))
        assert store.are_revoked("x", store, "y") == ("x" in revoked, "y" in revoked)

    def test_what_was_consumed_has_a_successor(self, store):
        store.remember(issued())
        child = self.consume(store, issued_at=now(), expires_at=now() + 2 * HOUR)
        found = store.successor("x", "y", now=now())
        assert (found.issued_at, found.expires_at) == (child.issued_at, child.expires_at)
        assert not found.is_revoked
        assert abs(found.age) < timedelta(minutes=1)

    def test_the_first_to_consume_names_the_successor(self, store):
        self.consume(store)
        store.revoke(issued(successor=issued("z")))
        assert store.successor("x", "z", now=now()) is None
        assert store.successor("x", "y", now=now()) is not None

    def test_a_successor_that_was_revoked_says_so(self, store):
        self.consume(store)
        store.revoke(issued("y"))
        assert store.successor("x", "y", now=now()).is_revoked

    def test_a_successor_that_was_revoked_with_all_others_says_so(self, store, alice):
        self.consume(store, owner=alice)
        store.revoke_all(alice, now=now())
        assert store.successor("x", "y", now=now()).is_revoked

    @pytest.mark.parametrize("revoked", [False, True], ids=["not at all", "otherwise"])
    def test_what_was_not_consumed_has_no_successor(self, store, revoked):
        store.remember(issued())
        if revoked:
            store.revoke(issued())
        assert store.successor("x", "y", now=now()) is None
        assert store.successor("never heard of", "y", now=now()) is None

    def remember_some(self, store, alice, bob):
        for name, owner, family in [("a", alice, "f"), ("b", alice, "g"), ("c", alice, None), ("d", bob, "f")]:
            store.remember(issued(name, owner=owner, family_id=family))
        store.remember(issued("expired", owner=alice, expires_at=now()))
        store.remember(issued("nobody's"))

    def revoked(self, store):
        return {name for name in ["a", "b", "c", "d", "expired", "nobody's"] if store.is_revoked(name)}

    def test_all_of_an_owner_that_is_alive_is_revoked_and_counted(self, store, alice, bob):
        self.remember_some(store, alice, bob)
        store.revoke(issued("a"))
        assert store.revoke_all(alice, now=now()) == 2
        assert self.revoked(store) == {"a", "b", "c"}

    def test_there_is_nothing_left_to_revoke_a_second_time(self, store, alice, bob):
        self.remember_some(store, alice, bob)
        assert [store.revoke_all(alice, now=now()) for _ in range(3)] == [3, 0, 0]
        assert [store.revoke(issued(name))[1] for name in "abc"] == [False] * 3

    def test_everybodys_is_revoked_when_no_owner_is_named(self, store, alice, bob):
        self.remember_some(store, alice, bob)
        assert store.revoke_all(None, now=now()) == 5
        assert self.revoked(store) == {"a", "b", "c", "d", "nobody's"}

    def test_one_family_may_be_spared(self, store, kind, alice, bob):
        self.remember_some(store, alice, bob)
        spared = "f" if kind == "token" else "a"
        assert store.revoke_all(alice, now=now(), except_family=spared) == 2
        assert self.revoked(store) == {"b", "c"}

    def test_one_family_may_be_spared_of_everybodys(self, store, kind, alice, bob):
        self.remember_some(store, alice, bob)
        spared = "f" if kind == "token" else "a"
        store.revoke_all(None, now=now(), except_family=spared)
        assert self.revoked(store) == {"b", "c", "nobody's"} | ({"d"} if kind == "family" else set())

    def test_what_comes_later_is_not_revoked(self, store, alice):
        store.revoke_all(alice, now=now())
        store.remember(issued(owner=alice))
        assert not store.is_revoked("x")

    def test_what_expired_after_the_moment_named_is_revoked_too(self, store, alice):
        """A moment within the leeway: its bearer would be let in still."""
        for name in "xy":
            store.remember(issued(name, owner=alice, expires_at=now() - timedelta(seconds=5)))
        assert store.revoke_all(alice, now=now() - timedelta(seconds=10)) == 2

    def test_work_has_a_result(self, store):
        assert store.transact(lambda: store.revoke(issued()))[1]
        assert store.lasting("x", lambda: store.is_revoked("x"))

    def test_work_that_fails_is_rolled_back_where_that_can_be(self, store):
        def fail():
            store.revoke(issued())
            raise RuntimeError

        with pytest.raises(RuntimeError):
            store.transact(fail)
        assert store.is_revoked("x") is not self.is_transactional

    def test_a_callback_waits_for_the_commit(self, store, committed):
        calls = []
        with committed():
            store.after_commit(lambda: calls.append(1))
            assert calls == ([] if self.is_transactional else [1])
        assert calls == [1]

    def test_the_purge_takes_what_has_expired(self, store):
        ends = {"old": now() - timedelta(seconds=1), "due": now(), "live": now() + HOUR}
        for name, expires_at in ends.items():
            store.revoke(issued(name, expires_at=expires_at))
        store.remember(issued("merely remembered", expires_at=now() - HOUR))
        assert store.expired(now()) == (3 if self.is_purged else 0)
        assert list(store.purge(now(), batch_size=2)) == ([2, 1] if self.is_purged else [])
        assert store.expired(now()) == 0
        assert list(store.purge(now(), batch_size=2)) == []
        assert store.is_revoked("live")

    def test_the_purge_may_be_left_at_any_time(self, store):
        for name in "abc":
            store.remember(issued(name, expires_at=now()))
        next(iter(store.purge(now(), batch_size=2)), None)
        assert store.expired(now()) == (1 if self.is_purged else 0)

    def test_in_any_order_it_answers_as_a_plain_set_would(self, store, kind, empty, alice, bob):
        exceptions = [None, "g", "h"] if kind == "token" else [None, "a", "d"]
        ask_in_any_order(store, empty, owners=[alice, bob, None], exceptions=exceptions, is_purged=self.is_purged)
