"""The two SQL stores pass the tests of every store; and tests of their rows and numbers of statements."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import router

from rest_framework_simplejwt import revocation
from tests.another_vendor import another_vendor
from tests.revocation.contract import HOUR, StoreContract, issued, now

pytestmark = pytest.mark.django_db

STORES = {"token": revocation.token_store, "family": revocation.family_store}
KINDS = [
    pytest.param("token", marks=pytest.mark.needs("token_blacklist")),
    pytest.param("family", marks=pytest.mark.needs("token_family")),
]


class SQLContract(StoreContract):
    """Tests of a store in SQL, with or without a cache in front of it."""

    @pytest.fixture
    def tables(self, kind):
        return STORES[kind]()

    @pytest.fixture
    def alias(self, tables):
        return router.db_for_write(tables.revoked_model)

    @pytest.fixture
    def empty(self, tables):
        def delete_rows():
            tables._revoked_rows.delete()
            tables._issued_rows.delete()

        return delete_rows

    @pytest.fixture
    def committed(self, alias, django_capture_on_commit_callbacks):
        return partial(django_capture_on_commit_callbacks, using=alias, execute=True)


@pytest.mark.parametrize("kind", KINDS)
class TestSQLStore(SQLContract):
    @pytest.fixture
    def store(self, tables):
        return tables

    def test_records_are_model_instances(self, store, alice):
        row, is_created = store.remember(issued(owner=alice))
        assert is_created
        assert store.remember(issued()) == (row, False)
        assert (getattr(row, store.id_field), row.user_id, row.expires_at - row.created_at) == ("x", alice, HOUR)
        revoked, is_first = store.revoke(issued())
        assert is_first
        assert [store.revoke(issued()) for _ in range(3)] == [(revoked, False)] * 3
        assert getattr(revoked, store.link_field) == row

    def test_remember_returns_the_expiry_of_the_row(self, store):
        store.remember(issued())
        row, _ = store.remember(issued(expires_at=now() + 2 * HOUR))
        assert row.expires_at == store._issued_rows.get().expires_at

    def test_the_age_of_a_successor_is_the_time_since_its_issue(self, store):
        self.consume(store, issued_at=now())
        found = store.successor("x", "y", now=now() + timedelta(seconds=9))
        assert timedelta(seconds=9) <= found.age < timedelta(minutes=1)

    def test_the_age_of_a_successor_is_never_negative(self, store):
        self.consume(store, issued_at=now() + timedelta(seconds=9))
        assert store.successor("x", "y", now=now()).age == timedelta(0)

    @pytest.mark.parametrize("count", [1, 7])
    def test_revoke_all_takes_the_same_number_of_statements_for_any_number_of_rows(
        self, store, count, alice, assert_statements
    ):
        for number in range(count):
            store.remember(issued(str(number), owner=alice))
        with assert_statements(3):
            assert store.revoke_all(alice, now=now()) == count


@pytest.mark.needs("full")
@pytest.mark.once
@pytest.mark.parametrize("kind", KINDS)
class TestSQLStoreOfAnotherVendor(SQLContract):
    """The store uses the ORM alone there."""

    @pytest.fixture
    def store(self, tables, alias):
        with another_vendor(alias):
            yield tables


@pytest.mark.needs("token_family")
def test_revoke_all_revokes_a_family_without_expiry(user):
    store = revocation.family_store()
    store.remember(issued(owner=user.pk, expires_at=None))
    assert store.revoke_all(user.pk, now=now()) == 1
    assert store.is_revoked("x")


@pytest.mark.needs("token_family")
def test_a_family_without_expiry_is_never_purged():
    store = revocation.family_store()
    store.remember(issued(expires_at=None))
    store.remember(issued())
    store.revoke(issued())
    assert store.expired(now() + 1000 * HOUR) == 0
    assert list(store.purge(now() + 1000 * HOUR, batch_size=1)) == []
    assert store.is_revoked("x")
