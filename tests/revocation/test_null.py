"""The store of a project that remembers nothing: what of the contract can hold without a memory."""

import pytest

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.revocation.null import NullStore
from tests.revocation.contract import issued, now


def test_it_remembers_nothing():
    store = NullStore()
    assert store.remember(issued()) == (None, False)
    assert store.transact(lambda: store.revoke(issued())) == (None, True)
    assert store.lasting("x", lambda: store.revoke(issued())) == (None, True)
    assert store.exchange(issued(), issued()) is True
    assert not store.is_revoked("x")
    assert store.successor("x", "y", now=now()) is None
    assert store.revoke_all(None, now=now()) == 0
    assert store.expired(now()) == 0
    assert list(store.purge(now(), batch_size=1)) == []


def test_nothing_waits_for_a_commit():
    calls = []
    NullStore().after_commit(lambda: calls.append(1))
    assert calls == [1]


@pytest.mark.needs("no revocation")
def test_it_stands_in_for_the_blacklist():
    assert isinstance(revocation.token_store(), NullStore)


@pytest.mark.needs("no families")
def test_it_stands_in_for_families():
    assert isinstance(revocation.family_store(), NullStore)
