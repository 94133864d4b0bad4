"""The statements of ``revocation.direct`` write what the ORM would write, or nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connections, router, transaction
from django.db.models import signals

from rest_framework_simplejwt import revocation, rotation, serializers
from rest_framework_simplejwt.revocation import direct
from rest_framework_simplejwt.tokens import RefreshToken
from tests.another_vendor import another_vendor
from tests.conftest import has_other_connections, written_directly
from tests.revocation import contract
from tests.revocation.contract import issued, now
from tests.revocation.test_sql import KINDS, STORES

pytestmark = [pytest.mark.django_db, pytest.mark.needs("token_blacklist")]

DAY = timedelta(days=1)


@pytest.fixture
def store(request):
    return STORES[getattr(request, "param", "token")]()


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch):
    """Stop the clock, so that two calls of ``issued`` return the same expiry."""
    moment = contract.aware_utcnow()
    monkeypatch.setattr(contract, "aware_utcnow", lambda: moment)


@pytest.fixture(autouse=True)
def _skip_where_only_the_orm_writes(request):
    is_exchanged = request.cls in (TestExchange, TestRace)
    if not is_exchanged and not written_directly(connections[alias()]):
        pytest.skip("only the ORM writes to this database")


def alias():
    return router.db_for_write(revocation.token_store().revoked_model)


def with_orm():
    return mock.patch.multiple(
        direct.Tables,
        can_insert_directly=mock.Mock(return_value=False),
        can_exchange_directly=mock.Mock(return_value=False),
    )


def rows(store):
    """Return the values of both tables, without the generated primary keys."""
    issued_rows = list(store._issued_rows.order_by("pk").values())
    keys = {row.pop("id"): row[store.id_field] for row in issued_rows}
    revoked_rows = list(store._revoked_rows.order_by("pk").values())
    for row in revoked_rows:
        del row["id"]
        row[store.link_field] = keys[row.pop(f"{store.link_field}_id")]
    return issued_rows, revoked_rows


def describe(record):
    """Return the values and the state of an instance, without generated primary keys."""
    numbered = {"id", "token_id", "family_id"} if hasattr(record, "blacklisted_at") else {"id"}
    values = {field.attname: getattr(record, field.attname) for field in record._meta.concrete_fields}
    described = {name: value for name, value in values.items() if name not in numbered}
    assert record.pk
    assert type(record)._base_manager.using(alias()).get(pk=record.pk) == record
    return type(record), described, record._state.adding, record._state.db


@pytest.fixture
def both_ways(store):
    """Return what is written and returned with direct SQL and with the ORM, at the same time: `both_ways(work)`."""

    def both_ways(work):
        moment = now()
        found = []
        for way in (mock.MagicMock(), with_orm()):
            with way, mock.patch("django.utils.timezone.now", return_value=moment), transaction.atomic(using=alias()):
                record, first = work(store)
                found.append((describe(record), first, rows(store)))
                transaction.set_rollback(True, using=alias())
        return found

    return both_ways


@pytest.mark.parametrize("store", KINDS, indirect=True)
class TestEachStore:
    @pytest.mark.parametrize("family_id", [None, "f"])
    def test_remember_writes_what_the_orm_writes(self, both_ways, user, family_id):
        new = issued(owner=user.pk, family_id=family_id, is_new=True, text=lambda: "é" * 300)
        with_sql, with_orm = both_ways(lambda store: store.remember(new))
        assert with_sql == with_orm
        assert with_sql[1]

    def test_revoke_writes_what_the_orm_writes(self, store, both_ways, user):
        store.remember(issued(owner=user.pk))
        with_sql, with_orm = both_ways(lambda store: store.revoke(issued()))
        assert with_sql == with_orm
        assert with_sql[1]

    def test_remember_and_revoke_take_one_statement_each(self, store, user, assert_statements):
        with assert_statements(1):
            store.remember(issued(owner=user.pk, is_new=True))
        with assert_statements(1):
            store.revoke(issued())

    def test_a_revocation_refers_to_its_record(self, store):
        row, _ = store.remember(issued(is_new=True))
        revoked, _ = store.revoke(issued())
        assert getattr(revoked, store.link_field) == row

    def test_an_existing_id_that_is_called_new_is_recorded_once(self, store, user):
        row, _ = store.remember(issued(owner=user.pk, is_new=True))
        again = store.remember(issued(is_new=True, expires_at=now() + DAY))
        assert again == (row, False)
        assert store._issued_rows.get().expires_at == now() + DAY

    def test_insert_changes_nothing_if_the_id_exists(self, store):
        store.remember(issued())
        before = rows(store)
        assert direct.insert(store.issued_model, store._row_values(issued()), store.alias) is None
        assert rows(store) == before

    def revoke(self, store, **changes):
        asked = issued(**changes)
        return direct.revoke(store._tables, asked.id, asked.expires_at, store.alias)

    def test_an_unknown_id_is_not_revoked_with_direct_sql(self, store):
        assert self.revoke(store) is None
        assert rows(store) == ([], [])
        assert store.revoke(issued())[1]

    def test_a_revoked_id_is_not_revoked_again(self, store):
        store.revoke(issued())
        before = rows(store)
        assert self.revoke(store) is None
        assert rows(store) == before

    def test_a_record_that_expires_earlier_gets_the_later_expiry_first(self, store):
        store.remember(issued())
        assert self.revoke(store, expires_at=now() + DAY) is None
        assert rows(store)[1] == []
        assert store.revoke(issued(expires_at=now() + DAY))[1]
        assert store._issued_rows.get().expires_at == now() + DAY

    @pytest.mark.parametrize("signal", [signals.pre_save, signals.post_save, signals.pre_init, signals.post_init])
    def test_signal_receivers_are_called_for_every_row(self, store, signal):
        received = []

        def receiver(sender, **facts):
            received.append(sender)

        for model in (store.issued_model, store.revoked_model):
            signal.connect(receiver, sender=model)
        try:
            store.remember(issued(is_new=True))
            store.revoke(issued())
        finally:
            for model in (store.issued_model, store.revoked_model):
                signal.disconnect(receiver, sender=model)
        assert {store.issued_model, store.revoked_model} <= set(received)

    def test_a_receiver_of_one_model_is_enough(self, store, assert_statements):
        received = []

        def receiver(instance, **facts):
            received.append(instance)

        signals.post_save.connect(receiver, sender=store.revoked_model)
        try:
            store.remember(issued(is_new=True))
            record, _ = store.revoke(issued())
        finally:
            signals.post_save.disconnect(receiver, sender=store.revoked_model)
        assert received == [record]


@pytest.mark.needs("token_family")
def test_the_record_of_a_family_without_expiry_covers_every_expiry():
    store = revocation.family_store()
    store.remember(issued(expires_at=None, is_new=True))
    assert direct.revoke(store._tables, "x", now() + 1000 * DAY, store.alias)


class TestExchange:
    """The token ``x`` is exchanged for ``y``."""

    @pytest.fixture(autouse=True)
    def _remembered(self, store, user):
        store.remember(issued(owner=user.pk))

    @pytest.fixture
    def exchange(self, store, user):
        """Exchange with direct SQL only. Return whether it did."""

        def exchange(consumed=None, successor=None, families=None):
            return store._exchange_directly(consumed or issued(), successor or self.successor(user), families)

        return exchange

    def successor(self, user, name="y", **changes):
        return issued(name, owner=user.pk, **{"expires_at": now() + DAY, "text": lambda: "é", **changes})

    @pytest.fixture
    def does_nothing(self, store, exchange):
        """Check that an exchange returns False and changes neither table."""

        def does_nothing(*args):
            before = rows(store)
            assert exchange(*args) is False
            assert rows(store) == before
            return True

        return does_nothing

    @pytest.mark.parametrize("family_id", [None, "f"])
    def test_writes_what_the_orm_writes(self, store, exchange, user, family_id):
        moment, found = now(), []
        new = self.successor(user, family_id=family_id)
        for work in (exchange, partial(store._exchange_with_orm, families=None)):
            with mock.patch("django.utils.timezone.now", return_value=moment), transaction.atomic(using=alias()):
                assert work(issued(family_id=family_id), new)
                found.append(rows(store))
                transaction.set_rollback(True, using=alias())
        assert found[0] == found[1]
        assert [row["jti"] for row in found[0][0]] == ["x", "y"]
        assert [row["token"] for row in found[0][1]] == ["x"]

    def test_succeeds_once(self, exchange, does_nothing, user):
        assert exchange() is True
        assert does_nothing(None, self.successor(user, "z"))

    def test_does_nothing_for_a_revoked_token(self, store, does_nothing):
        store.revoke(issued())
        assert does_nothing()

    def test_does_nothing_for_an_unknown_token(self, does_nothing):
        assert does_nothing(issued("unknown"))

    def test_does_nothing_if_the_record_expires_earlier(self, does_nothing):
        assert does_nothing(issued(expires_at=now() + DAY))

    def test_does_nothing_if_the_successor_exists(self, store, does_nothing, user):
        store.remember(issued("y"))
        assert does_nothing()

    def test_does_not_break_the_callers_transaction(self, store, does_nothing, user):
        with transaction.atomic(using=alias()):
            store.remember(issued("y"))
            assert does_nothing()
            store.remember(issued("z"))
        assert store._issued_rows.count() == 3

    @pytest.mark.django_db(transaction=True)
    def test_is_atomic_without_a_transaction_of_the_callers(self, store, does_nothing):
        store.remember(issued("y"))
        assert does_nothing()

    def test_raises_other_errors_than_conflicts(self, store, exchange):
        def spoiled(connection, key, build):
            return build().replace("INSERT", "NONSENSE")

        nonsense = mock.patch.object(direct.compiled, "cached_on", spoiled)
        with nonsense, transaction.atomic(using=alias()), pytest.raises(DatabaseError, match="nowhere|syntax"):
            exchange()

    @pytest.mark.needs("token_family")
    @pytest.mark.parametrize(("revoked", "is_done"), [("f", False), ("another", True), (None, True)])
    def test_depends_on_the_family_of_the_token(self, exchange, user, revoked, is_done):
        families = revocation.family_store()
        for family in ("f", "another"):
            families.remember(issued(family, owner=user.pk))
        if revoked:
            families.revoke(issued(revoked))
        assert exchange(issued(family_id="f"), families=families) is is_done

    def test_takes_one_statement_on_postgresql_and_two_elsewhere(self, exchange, assert_statements):
        with assert_statements(1 if connections[alias()].vendor == "postgresql" else 2):
            assert exchange()

    @pytest.mark.parametrize("table", ["issued_model", "revoked_model"])
    def test_uses_the_orm_if_there_are_signal_receivers(self, store, table, user):
        signals.post_save.connect(receiver := mock.Mock(), sender=getattr(store, table))
        try:
            assert store.exchange(issued(), self.successor(user))
        finally:
            signals.post_save.disconnect(receiver, sender=getattr(store, table))
        assert receiver.called

    def test_uses_the_orm_on_a_database_that_gets_no_sql(self, store, exchange, user):
        with another_vendor(alias()):
            assert not exchange()
            assert store.exchange(issued(), self.successor(user))


@pytest.mark.django_db(transaction=True)
class TestRace:
    @pytest.fixture(autouse=True)
    def _skip_without_connections_for_threads(self, transactional_db):
        connection = connections[alias()]
        if not has_other_connections(connection):
            pytest.skip("SQLite in memory has one connection")
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA journal_mode = WAL")

    @pytest.mark.parametrize("number", range(5))
    def test_of_two_exchanges_one_succeeds(self, store, user, number):
        store.remember(issued(owner=user.pk))
        barrier = Barrier(2)

        def exchange(name):
            try:
                connections[alias()].ensure_connection()
                barrier.wait()
                return store.exchange(issued(), issued(name, owner=user.pk))
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as threads:
            won = list(threads.map(exchange, ["y", "z"]))
        assert sorted(won) == [False, True]
        assert [row["jti"] for row in rows(store)[0]] == ["x", "yz"[won.index(True)]]
        assert len(rows(store)[1]) == 1


@pytest.mark.django_db(transaction=True)
def test_a_refresh_of_a_user_who_is_deleted_meanwhile_writes_nothing(user, post, simple_jwt, store):
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
    text = str(RefreshToken.for_user(user))

    def refresh(presented, **kwargs):
        get_user_model().objects.all().delete()
        return rotation.refresh(presented, **kwargs)

    with mock.patch.object(serializers, "rotation", mock.Mock(wraps=rotation, refresh=refresh)):
        answer = post("refresh", refresh=text)
    assert (answer.status_code, answer.json()["code"]) == (401, "no_active_account")
    issued_rows, revoked_rows = rows(store)
    assert ([row["jti"] for row in issued_rows], revoked_rows) == ([RefreshToken(text)["jti"]], [])
