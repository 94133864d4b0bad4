"""The two stores in SQL keep the contract, in few statements, and hold nothing more than they were told."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import router

from rest_framework_simplejwt import revocation
from tests.another_vendor import another_vendor
from tests.revocation.contract import HOUR, StoreContract, issued, now

pytestmark = pytest.mark.django_db

FIND = {"token": revocation.token_store, "family": revocation.family_store}
KINDS = [
    pytest.param("token", marks=pytest.mark.needs("token_blacklist")),
    pytest.param("family", marks=pytest.mark.needs("token_family")),
]


class SQLContract(StoreContract):
    """With the store's tables, whatever stands before them."""

    @pytest.fixture
    def tables(self, kind):
        return FIND[kind]()

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

    def test_the_records_are_rows(self, store, alice):
        row, made = store.remember(issued(owner=alice))
        assert made
        assert store.remember(issued()) == (row, False)
        assert (getattr(row, store.id_field), row.user_id, row.expires_at - row.created_at) == ("x", alice, HOUR)
        revoked, first = store.revoke(issued())
        assert first
        assert [store.revoke(issued()) for _ in range(3)] == [(revoked, False)] * 3
        assert getattr(revoked, store.link_field) == row

    def test_the_answer_says_how_long_a_row_is_kept(self, store):
        store.remember(issued())
        row, _ = store.remember(issued(expires_at=now() + 2 * HOUR))
        assert row.expires_at == store._issued_rows.get().expires_at

    def test_the_age_of_a_successor_counts_from_when_it_was_issued(self, store):
        self.consume(store, issued_at=now())
        found = store.successor("x", "y", now=now() + timedelta(seconds=9))
        assert timedelta(seconds=9) <= found.age < timedelta(minutes=1)

    def test_a_successor_that_a_faster_clock_has_issued_is_new(self, store):
        self.consume(store, issued_at=now() + timedelta(seconds=9))
        assert store.successor("x", "y", now=now()).age == timedelta(0)

    @pytest.mark.parametrize("count", [1, 7])
    def test_to_revoke_many_takes_as_many_statements_as_one(self, store, count, alice, assert_statements):
        for number in range(count):
            store.remember(issued(str(number), owner=alice))
        with assert_statements(3):
            assert store.revoke_all(alice, now=now()) == count


@pytest.mark.needs("full")
@pytest.mark.once
@pytest.mark.parametrize("kind", KINDS)
class TestSQLStoreOfAnotherVendor(SQLContract):
    """Where it goes through the ORM alone."""

    @pytest.fixture
    def store(self, tables, alias):
        with another_vendor(alias):
            yield tables


@pytest.mark.needs("token_family")
def test_a_family_that_has_no_end_is_revoked_with_all_of_its_user(user):
    store = revocation.family_store()
    store.remember(issued(owner=user.pk, expires_at=None))
    assert store.revoke_all(user.pk, now=now()) == 1
    assert store.is_revoked("x")


@pytest.mark.needs("token_family")
def test_a_family_that_has_no_end_is_never_purged():
    store = revocation.family_store()
    store.remember(issued(expires_at=None))
    store.remember(issued())
    store.revoke(issued())
    assert store.expired(now() + 1000 * HOUR) == 0
    assert list(store.purge(now() + 1000 * HOUR, batch_size=1)) == []
    assert store.is_revoked("x")
