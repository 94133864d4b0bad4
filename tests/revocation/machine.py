"""Compares random sequences of calls to a store with a model of it, made of dicts and sets."""

from datetime import timedelta
from functools import partial

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from rest_framework_simplejwt.revocation import Issued
from rest_framework_simplejwt.utils import aware_utcnow

NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f"])
# The first one has expired, but less than a leeway ago.
LIFETIMES = st.sampled_from([timedelta(seconds=-30), timedelta(hours=1), timedelta(hours=3)])


def successor_of(name):
    return f"{name}'"


def check_any_sequence(store, empty, **parameters):
    machine = partial(StoreMachine, store, empty, **parameters)
    # No shrinking of a failure: it takes minutes, since each step is a query.
    limits = settings(max_examples=20, stateful_step_count=30, phases=[Phase.generate])
    run_state_machine_as_test(machine, settings=limits)


class StoreMachine(RuleBasedStateMachine):
    def __init__(self, store, empty, *, owners, excludable, is_purged):
        super().__init__()
        self.store, self.empty = store, empty
        self.owners, self.excludable, self.is_purged = owners, excludable, is_purged
        self.empty()
        self.now = aware_utcnow().replace(microsecond=0)
        self.expiries = {}
        self.remembered = {}
        self.revoked = set()
        self.consumed = set()

    def teardown(self):
        for name in self.expiries:
            self.check_is_revoked(name)
        self.empty()

    def owner_and_family(self, name):
        """Return the owner and the family of an id, always the same ones."""
        number = "abcdef".index(name[0])
        return self.owners[number % 3], [None, "g", "h"][number // 2]

    def issued(self, name, lifetime, successor=None):
        owner, family = self.owner_and_family(name)
        values = {"owner_pk": lambda: owner, "text": lambda: "t", "family_id": family, "successor": successor}
        return Issued(name, self.now, self.now + lifetime, **values)

    def set_latest_expiry(self, name, expiry):
        self.expiries[name] = max(expiry, self.expiries.get(name, expiry))

    @rule(name=NAMES, lifetime=LIFETIMES)
    def remember(self, name, lifetime):
        _, is_created = self.store.remember(self.issued(name, lifetime))
        assert is_created is (name not in self.remembered) or name in self.revoked
        self.remembered[name] = max(self.now + lifetime, self.remembered.get(name, self.now + lifetime))
        self.set_latest_expiry(name, self.now + lifetime)

    @rule(name=NAMES, lifetime=LIFETIMES)
    def revoke(self, name, lifetime):
        _, is_first = self.store.revoke(self.issued(name, lifetime))
        assert is_first is (name not in self.revoked)
        self.revoked.add(name)
        self.set_latest_expiry(name, self.now + lifetime)

    @rule(name=NAMES, lifetime=LIFETIMES)
    def consume(self, name, lifetime):
        """Record a successor and revoke the token in one transaction, as a refresh does."""
        if name in self.revoked:
            return
        child = self.issued(successor_of(name), lifetime)

        def exchange():
            self.store.remember(child)
            return self.store.revoke(self.issued(name, timedelta(hours=1), child))

        assert self.store.transact(exchange)[1]
        self.revoked.add(name)
        self.consumed.add(name)
        self.remembered[child.id] = max(child.expires_at, self.remembered.get(child.id, child.expires_at))
        self.set_latest_expiry(name, self.now + timedelta(hours=1))
        self.set_latest_expiry(child.id, child.expires_at)

    @rule(name=NAMES)
    def revoke_successor(self, name):
        self.revoke(successor_of(name), timedelta(hours=1))

    @rule(name=NAMES)
    def check_is_revoked(self, name):
        assert self.store.is_revoked(name) is (name in self.revoked)

    @rule(name=NAMES)
    def check_successor(self, name):
        found = self.store.successor(name, successor_of(name), now=self.now)
        if name in self.consumed:
            assert found.is_revoked is (successor_of(name) in self.revoked)
            assert found.issued_at == self.now
        elif successor_of(name) not in self.expiries:
            assert found is None

    @rule(owner=st.integers(0, 2), excluded_index=st.integers(0, 2))
    def revoke_all(self, owner, excluded_index):
        owner_pk, excluded = self.owners[owner], self.excludable[excluded_index]
        expected = {
            name
            for name, expiry in self.remembered.items()
            if expiry > self.now
            and name not in self.revoked
            and (owner_pk is None or self.owner_and_family(name)[0] == owner_pk)
            and (excluded is None or excluded not in (name, self.owner_and_family(name)[1]))
        }
        assert self.store.revoke_all(owner_pk, now=self.now, except_family=excluded) == len(expected)
        self.revoked |= expected

    @rule(size=st.integers(1, 3))
    def purge(self, size):
        if not self.is_purged:
            return
        expired = {name for name, expiry in self.expiries.items() if expiry <= self.now}
        assert self.store.expired(self.now) == len(expired)
        assert sum(self.store.purge(self.now, batch_size=size)) == len(expired)
        self.revoked -= expired
        self.consumed -= {name for name in self.consumed if {name, successor_of(name)} & expired}
        for name in expired:
            del self.expiries[name]
            self.remembered.pop(name, None)
