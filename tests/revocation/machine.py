"""Any sequence of calls to a store, compared with a model of it in two dicts and a set."""

from datetime import timedelta
from functools import partial

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from rest_framework_simplejwt.revocation import Issued
from rest_framework_simplejwt.utils import aware_utcnow

NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f"])
# The first is over, within any leeway.
HOURS = st.sampled_from([timedelta(seconds=-30), timedelta(hours=1), timedelta(hours=3)])


def successor_of(name):
    return f"{name}'"


def ask_in_any_order(store, empty, **knowledge):
    machine = partial(StoreMachine, store, empty, **knowledge)
    # A failure is shown as it was found: to shrink it takes minutes where each step is a query.
    brief = settings(max_examples=20, stateful_step_count=30, phases=[Phase.generate])
    run_state_machine_as_test(machine, settings=brief)


class StoreMachine(RuleBasedStateMachine):
    def __init__(self, store, empty, *, owners, exceptions, is_purged):
        super().__init__()
        self.store, self.empty = store, empty
        self.owners, self.exceptions, self.is_purged = owners, exceptions, is_purged
        self.empty()
        self.now = aware_utcnow().replace(microsecond=0)
        self.ends = {}
        self.remembered = {}
        self.revoked = set()
        self.consumed = set()

    def teardown(self):
        for name in self.ends:
            self.ask(name)
        self.empty()

    def facts(self, name):
        """An id has the same owner and family, whoever asks."""
        number = "abcdef".index(name[0])
        return self.owners[number % 3], [None, "g", "h"][number // 2]

    def issued(self, name, lasting, successor=None):
        owner, family = self.facts(name)
        values = {"owner_pk": lambda: owner, "text": lambda: "t", "family_id": family, "successor": successor}
        return Issued(name, self.now, self.now + lasting, **values)

    def keep_until(self, name, end):
        self.ends[name] = max(end, self.ends.get(name, end))

    @rule(name=NAMES, lasting=HOURS)
    def remember(self, name, lasting):
        _, made = self.store.remember(self.issued(name, lasting))
        assert made is (name not in self.remembered) or name in self.revoked
        self.remembered[name] = max(self.now + lasting, self.remembered.get(name, self.now + lasting))
        self.keep_until(name, self.now + lasting)

    @rule(name=NAMES, lasting=HOURS)
    def revoke(self, name, lasting):
        _, first = self.store.revoke(self.issued(name, lasting))
        assert first is (name not in self.revoked)
        self.revoked.add(name)
        self.keep_until(name, self.now + lasting)

    @rule(name=NAMES, lasting=HOURS)
    def consume(self, name, lasting):
        """As a refresh does: both or neither, and only when nobody was faster."""
        if name in self.revoked:
            return
        child = self.issued(successor_of(name), lasting)

        def exchange():
            self.store.remember(child)
            return self.store.revoke(self.issued(name, timedelta(hours=1), child))

        assert self.store.transact(exchange)[1]
        self.revoked.add(name)
        self.consumed.add(name)
        self.remembered[child.id] = max(child.expires_at, self.remembered.get(child.id, child.expires_at))
        self.keep_until(name, self.now + timedelta(hours=1))
        self.keep_until(child.id, child.expires_at)

    @rule(name=NAMES)
    def revoke_the_successor(self, name):
        self.revoke(successor_of(name), timedelta(hours=1))

    @rule(name=NAMES)
    def ask(self, name):
        assert self.store.is_revoked(name) is (name in self.revoked)

    @rule(name=NAMES)
    def ask_for_the_successor(self, name):
        found = self.store.successor(name, successor_of(name), now=self.now)
        if name in self.consumed:
            assert found.is_revoked is (successor_of(name) in self.revoked)
            assert found.issued_at == self.now
        elif successor_of(name) not in self.ends:
            assert found is None

    @rule(owner=st.integers(0, 2), exception=st.integers(0, 2))
    def revoke_all(self, owner, exception):
        owner_pk, spared = self.owners[owner], self.exceptions[exception]
        hit = {
            name
            for name, end in self.remembered.items()
            if end > self.now
            and name not in self.revoked
            and (owner_pk is None or self.facts(name)[0] == owner_pk)
            and (spared is None or spared not in (name, self.facts(name)[1]))
        }
        assert self.store.revoke_all(owner_pk, now=self.now, except_family=spared) == len(hit)
        self.revoked |= hit

    @rule(size=st.integers(1, 3))
    def purge(self, size):
        if not self.is_purged:
            return
        gone = {name for name, end in self.ends.items() if end <= self.now}
        assert self.store.expired(self.now) == len(gone)
        assert sum(self.store.purge(self.now, batch_size=size)) == len(gone)
        self.revoked -= gone
        self.consumed -= {name for name in self.consumed if {name, successor_of(name)} & gone}
        for name in gone:
            del self.ends[name]
            self.remembered.pop(name, None)
