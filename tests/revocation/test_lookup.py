"""``Lookup`` asks the stores once, and in one statement for a token and its family if one database has both."""

from unittest import mock

import pytest

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.cache import blacklist_cache
from rest_framework_simplejwt.revocation import Lookup
from tests.revocation.contract import issued

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def stores(monkeypatch):
    """Two mock stores, in which nothing is revoked. They record the calls."""
    tokens, families = mock.Mock(), mock.Mock()
    tokens.is_revoked.return_value = families.is_revoked.return_value = False
    tokens.are_revoked.return_value = (False, False)
    monkeypatch.setattr(revocation, "token_store", lambda: tokens)
    monkeypatch.setattr(revocation, "family_store", lambda: families)
    return tokens, families


@pytest.mark.needs("full")
@pytest.mark.parametrize(
    ("ids", "calls"),
    [
        (("x", "f"), ["tokens.are_revoked"]),
        (("x", None), ["tokens.is_revoked"]),
        ((None, "f"), ["families.is_revoked"]),
        ((None, None), []),
    ],
)
def test_the_stores_are_called_once(stores, ids, calls):
    parent = mock.Mock()
    parent.attach_mock(stores[0], "tokens")
    parent.attach_mock(stores[1], "families")
    lookup = Lookup(*ids)
    for _ in range(2):
        assert (lookup.is_token_revoked, lookup.is_family_revoked) == (False, False)
    assert [name for name, _, _ in parent.mock_calls] == calls


@pytest.mark.needs("token_blacklist", "token_family")
class TestSQLStores:
    @pytest.fixture(autouse=True)
    def _records(self):
        revocation.token_store().remember(issued("x"))
        revocation.family_store().remember(issued("f"))

    def look_up(self):
        lookup = Lookup("x", "f")
        return lookup.is_token_revoked, lookup.is_family_revoked

    @pytest.mark.parametrize("revoked", [(False, False), (True, False), (False, True), (True, True)])
    def test_one_statement_reads_both_tables(self, revoked, assert_statements):
        for store, key, is_revoked in zip(
            (revocation.token_store(), revocation.family_store()), "xf", revoked, strict=True
        ):
            if is_revoked:
                store.revoke(issued(key))
        assert self.look_up() == revoked
        with assert_statements(1 if not revoked[0] else 2):
            assert self.look_up() == revoked

    def test_a_cached_token_needs_no_statement(self, simple_jwt, assert_statements):
        simple_jwt(CACHE_BLACKLISTED_REFRESH_TOKENS=True)
        blacklist_cache.add_refresh_token("x")
        with assert_statements(0):
            assert Lookup("x", "f").is_token_revoked

    def test_a_cached_family_needs_no_statement_of_its_own(self, simple_jwt, assert_statements):
        simple_jwt(CACHE_BLACKLISTED_FAMILIES=True)
        blacklist_cache.add_token_family("f")
        with assert_statements(1):
            assert self.look_up() == (False, True)

    def test_families_in_another_store_are_asked_separately(self, monkeypatch):
        tokens, families = revocation.token_store(), mock.Mock()
        families.is_revoked.return_value = True
        assert tokens.are_revoked("x", families, "f") == (False, True)
        families.is_revoked.assert_called_once_with("f")
