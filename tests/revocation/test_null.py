"""NullStore records nothing and accepts every call."""

import pytest

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.revocation.null import NullStore
from tests.revocation.contract import issued, now


def test_it_records_nothing():
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


def test_callbacks_are_called_immediately():
    calls = []
    NullStore().after_commit(lambda: calls.append(1))
    assert calls == [1]


@pytest.mark.needs("no revocation")
def test_it_is_the_token_store_without_the_app():
    assert isinstance(revocation.token_store(), NullStore)


@pytest.mark.needs("no families")
def test_it_is_the_family_store_without_the_app():
    assert isinstance(revocation.family_store(), NullStore)
