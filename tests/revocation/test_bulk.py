"""The ORM's way to insert and delete many rows: in batches, with the right count, also if some rows exist."""

import pytest
from django.db import connections, router
from django.db.models import DateTimeField, QuerySet, Value
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.revocation import bulk
from tests.another_vendor import another_vendor, fail_unless_called_by_django
from tests.revocation.contract import issued

# The vendor is invented, so every project and server would give the same results.
pytestmark = [pytest.mark.django_db, pytest.mark.needs("full"), pytest.mark.once]

USES_SAVEPOINTS = [True, False]


@pytest.fixture
def store():
    return revocation.token_store()


@pytest.fixture
def remember(store):
    """Record this number of ids: `remember(count)`."""

    def remember_ids(count):
        for number in range(count):
            store.remember(issued(str(number)))

    return remember_ids


@pytest.fixture(params=USES_SAVEPOINTS, ids=["with savepoints", "without savepoints"])
def _another_vendor(store, request, monkeypatch):
    alias = router.db_for_write(store.revoked_model)
    monkeypatch.setattr(connections[alias].features, "uses_savepoints", request.param)
    with another_vendor(alias):
        yield


def insert_all(store):
    rows = store._issued_rows.values_list("pk", Value(timezone.now(), output_field=DateTimeField()))
    return bulk.insert_from_query(store.revoked_model, ("token", "blacklisted_at"), rows)


@pytest.mark.usefixtures("_another_vendor")
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_each_row_is_inserted_once_in_batches(store, remember, count, monkeypatch):
    monkeypatch.setattr(bulk, "FETCH_SIZE", 2)
    remember(count)
    assert insert_all(store) == count
    assert sorted(store._revoked_rows.values_list("token__jti", flat=True)) == sorted(map(str, range(count)))


@pytest.mark.usefixtures("_another_vendor")
def test_an_existing_row_stays_and_is_not_counted(store, remember, monkeypatch):
    monkeypatch.setattr(bulk, "FETCH_SIZE", 2)
    remember(5)
    existing, _ = store.revoke(issued("3"))
    assert insert_all(store) == 4
    assert insert_all(store) == 0
    assert store._revoked_rows.get(token__jti="3") == existing
    assert store._revoked_rows.count() == 5


def test_a_batch_is_one_statement_where_the_database_has_savepoints(store, remember):
    remember(3)
    alias = router.db_for_write(store.revoked_model)
    with another_vendor(alias), CaptureQueriesContext(connections[alias]) as context:
        insert_all(store)
    assert len([query for query in context if query["sql"].startswith("INSERT")]) == 1


def test_no_query_fetches_more_than_one_batch(store, remember, monkeypatch):
    monkeypatch.setattr(bulk, "FETCH_SIZE", 2)
    remember(5)
    sizes = []
    fetch = QuerySet._fetch_all

    def measured(rows):
        fetch(rows)
        sizes.append(len(rows._result_cache))

    monkeypatch.setattr(QuerySet, "_fetch_all", measured)
    with another_vendor(router.db_for_write(store.revoked_model)):
        insert_all(store)
    assert max(sizes) == 2


def test_rows_are_deleted_with_the_orm(store, remember, monkeypatch):
    monkeypatch.setattr(bulk, "FETCH_SIZE", 2)
    remember(5)
    store.revoke(issued("3"))
    rows, dependents = store._issued_rows.exclude(jti="0"), store._revoked_rows
    monkeypatch.setattr(QuerySet, "_raw_delete", fail_unless_called_by_django(QuerySet._raw_delete))
    with another_vendor(rows.db):
        assert bulk.delete_with_dependents(rows, dependents, "token") == 4
    assert (store._issued_rows.get().jti, store._revoked_rows.count()) == ("0", 0)
