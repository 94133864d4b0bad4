"""The statements that stand in for the ORM write what it would write, or nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
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
from tests.revocation.test_sql import FIND, KINDS

pytestmark = [pytest.mark.django_db, pytest.mark.needs("token_blacklist")]

DAY = timedelta(days=1)


@pytest.fixture
def store(request):
    return FIND[getattr(request, "param", "token")]()


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch):
    """A token that is named twice expires at one time, also when a second begins between the two."""
    moment = contract.aware_utcnow()
    monkeypatch.setattr(contract, "aware_utcnow", lambda: moment)


@pytest.fixture(autouse=True)
def _directly(request):
    is_exchanged = request.cls in (TestExchange, TestRace)
    if not is_exchanged and not written_directly(connections[alias()]):
        pytest.skip("the ORM writes here")


def alias():
    return router.db_for_write(revocation.token_store().revoked_model)


def through_the_orm():
    return mock.patch.multiple(
        direct.Tables,
        can_insert_directly=mock.Mock(return_value=False),
        can_exchange_directly=mock.Mock(return_value=False),
    )


def rows(store):
    """Every column of both tables but those that the database numbers."""
    of_issued = list(store._issued_rows.order_by("pk").values())
    keys = {row.pop("id"): row[store.id_field] for row in of_issued}
    of_revoked = list(store._revoked_rows.order_by("pk").values())
    for row in of_revoked:
        del row["id"]
        row[store.link_field] = keys[row.pop(f"{store.link_field}_id")]
    return of_issued, of_revoked


def as_told(record):
    """What an instance says of itself, and of what it refers to."""
    numbered = {"id", "token_id", "family_id"} if hasattr(record, "blacklisted_at") else {"id"}
    values = {field.attname: getattr(record, field.attname) for field in record._meta.concrete_fields}
    told = {name: value for name, value in values.items() if name not in numbered}
    assert record.pk
    assert type(record)._base_manager.using(alias()).get(pk=record.pk) == record
    return type(record), told, record._state.adding, record._state.db


@pytest.fixture
def both_ways(store):
    """What is written, and answered, directly and through the ORM, at one moment."""

    def both_ways(work):
        moment = now()
        found = []
        for way in (mock.MagicMock(), through_the_orm()):
            with way, mock.patch("django.utils.timezone.now", return_value=moment), transaction.atomic(using=alias()):
                record, first = work(store)
                found.append((as_told(record), first, rows(store)))
                transaction.set_rollback(True, using=alias())
        return found

    return both_ways


@pytest.mark.parametrize("store", KINDS, indirect=True)
class TestEachStore:
    @pytest.mark.parametrize("family_id", [None, "f"])
    def test_remembers_as_the_orm_does(self, both_ways, user, family_id):
        new = issued(owner=user.pk, family_id=family_id, is_new=True, text=lambda: "é" * 300)
        directly, through_the_orm = both_ways(lambda store: store.remember(new))
        assert directly == through_the_orm
        assert directly[1]

    def test_revokes_as_the_orm_does(self, store, both_ways, user):
        store.remember(issued(owner=user.pk))
        directly, through_the_orm = both_ways(lambda store: store.revoke(issued()))
        assert directly == through_the_orm
        assert directly[1]

    def test_remembers_and_revokes_in_one_statement_each(self, store, user, assert_statements):
        with assert_statements(1):
            store.remember(issued(owner=user.pk, is_new=True))
        with assert_statements(1):
            store.revoke(issued())

    def test_a_record_refers_to_what_it_is_of(self, store):
        row, _ = store.remember(issued(is_new=True))
        revoked, _ = store.revoke(issued())
        assert getattr(revoked, store.link_field) == row

    def test_an_id_that_was_not_new_after_all_is_remembered_once(self, store, user):
        row, _ = store.remember(issued(owner=user.pk, is_new=True))
        again = store.remember(issued(is_new=True, expires_at=now() + DAY))
        assert again == (row, False)
        assert store._issued_rows.get().expires_at == now() + DAY

    def test_nothing_is_inserted_beside_what_is_there(self, store):
        store.remember(issued())
        before = rows(store)
        assert direct.insert(store.issued_model, store._row_values(issued()), store.alias) is None
        assert rows(store) == before

    def revoke(self, store, **changes):
        asked = issued(**changes)
        return direct.revoke(store._tables, asked.id, asked.expires_at, store.alias)

    def test_what_is_unknown_is_not_revoked_in_one_statement(self, store):
        assert self.revoke(store) is None
        assert rows(store) == ([], [])
        assert store.revoke(issued())[1]

    def test_what_is_revoked_is_not_revoked_again(self, store):
        store.revoke(issued())
        before = rows(store)
        assert self.revoke(store) is None
        assert rows(store) == before

    def test_what_is_on_record_for_less_long_is_lengthened_first(self, store):
        store.remember(issued())
        assert self.revoke(store, expires_at=now() + DAY) is None
        assert rows(store)[1] == []
        assert store.revoke(issued(expires_at=now() + DAY))[1]
        assert store._issued_rows.get().expires_at == now() + DAY

    @pytest.mark.parametrize("signal", [signals.pre_save, signals.post_save, signals.pre_init, signals.post_init])
    def test_who_listens_hears_of_every_row(self, store, signal):
        heard = []

        def receiver(sender, **facts):
            heard.append(sender)

        for model in (store.issued_model, store.revoked_model):
            signal.connect(receiver, sender=model)
        try:
            store.remember(issued(is_new=True))
            store.revoke(issued())
        finally:
            for model in (store.issued_model, store.revoked_model):
                signal.disconnect(receiver, sender=model)
        assert {store.issued_model, store.revoked_model} <= set(heard)

    def test_a_listener_to_one_table_is_enough(self, store, assert_statements):
        heard = []

        def receiver(instance, **facts):
            heard.append(instance)

        signals.post_save.connect(receiver, sender=store.revoked_model)
        try:
            store.remember(issued(is_new=True))
            record, _ = store.revoke(issued())
        finally:
            signals.post_save.disconnect(receiver, sender=store.revoked_model)
        assert heard == [record]


@pytest.mark.needs("token_family")
def test_a_family_without_end_is_on_record_for_longer_than_any():
    store = revocation.family_store()
    store.remember(issued(expires_at=None, is_new=True))
    assert direct.revoke(store._tables, "x", now() + 1000 * DAY, store.alias)


class TestExchange:
    """Of the token ``x`` for ``y``."""

    @pytest.fixture(autouse=True)
    def _remembered(self, store, user):
        store.remember(issued(owner=user.pk))

    @pytest.fixture
    def exchange(self, store, user):
        """Exchanges directly, or not at all."""

        def exchange(consumed=None, successor=None):
            return store._exchange_directly(consumed or issued(), successor or self.successor(user))

        return exchange

    def successor(self, user, name="y", **changes):
        return issued(name, owner=user.pk, **{"expires_at": now() + DAY, "text": lambda: "é", **changes})

    @pytest.fixture
    def does_nothing(self, store, exchange):
        """Whether it returns False, and neither table has changed."""

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
        for work in (exchange, store._exchange_with_orm):
            with mock.patch("django.utils.timezone.now", return_value=moment), transaction.atomic(using=alias()):
                assert work(issued(family_id=family_id), new)
                found.append(rows(store))
                transaction.set_rollback(True, using=alias())
        assert found[0] == found[1]
        assert [row["jti"] for row in found[0][0]] == ["x", "y"]
        assert [row["token"] for row in found[0][1]] == ["x"]

    def test_happens_once(self, exchange, does_nothing, user):
        assert exchange() is True
        assert does_nothing(None, self.successor(user, "z"))

    def test_is_refused_for_a_token_that_was_revoked(self, store, does_nothing):
        store.revoke(issued())
        assert does_nothing()

    def test_is_refused_for_a_token_that_is_unknown(self, does_nothing):
        assert does_nothing(issued("unknown"))

    def test_is_refused_for_a_token_on_record_for_less_long(self, does_nothing):
        assert does_nothing(issued(expires_at=now() + DAY))

    def test_is_not_made_with_a_successor_that_is_there(self, store, does_nothing, user):
        store.remember(issued("y"))
        assert does_nothing()

    def test_leaves_a_transaction_of_the_callers_usable(self, store, does_nothing, user):
        with transaction.atomic(using=alias()):
            store.remember(issued("y"))
            assert does_nothing()
            store.remember(issued("z"))
        assert store._issued_rows.count() == 3

    @pytest.mark.django_db(transaction=True)
    def test_is_all_or_nothing_by_itself(self, store, does_nothing):
        store.remember(issued("y"))
        assert does_nothing()

    def test_raises_what_is_no_conflict(self, store, exchange):
        def spoiled(connection, key, build):
            return build().replace("INSERT", "NONSENSE")

        nonsense = mock.patch.object(direct.compiled, "kept", spoiled)
        with nonsense, transaction.atomic(using=alias()), pytest.raises(DatabaseError, match="nowhere|syntax"):
            exchange()

    def test_is_one_statement_or_two(self, exchange, assert_statements):
        with assert_statements(1 if connections[alias()].vendor == "postgresql" else 2):
            assert exchange()

    @pytest.mark.parametrize("table", ["issued_model", "revoked_model"])
    def test_goes_through_the_orm_where_somebody_listens(self, store, table, user):
        signals.post_save.connect(receiver := mock.Mock(), sender=getattr(store, table))
        try:
            assert store.exchange(issued(), self.successor(user))
        finally:
            signals.post_save.disconnect(receiver, sender=getattr(store, table))
        assert receiver.called

    def test_goes_through_the_orm_where_the_package_sends_no_sql(self, store, exchange, user):
        with another_vendor(alias()):
            assert not exchange()
            assert store.exchange(issued(), self.successor(user))


@pytest.mark.django_db(transaction=True)
class TestRace:
    @pytest.fixture(autouse=True)
    def _served(self, transactional_db):
        connection = connections[alias()]
        if not has_other_connections(connection):
            pytest.skip("SQLite in memory has one connection")
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA journal_mode = WAL")

    @pytest.mark.parametrize("number", range(5))
    def test_of_two_exchanges_one_succeeds(self, store, user, number):
        store.remember(issued(owner=user.pk))
        door = Barrier(2)

        def exchange(name):
            try:
                connections[alias()].ensure_connection()
                door.wait()
                return store.exchange(issued(), issued(name, owner=user.pk))
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as threads:
            won = list(threads.map(exchange, ["y", "z"]))
        assert sorted(won) == [False, True]
        assert [row["jti"] for row in rows(store)[0]] == ["x", "yz"[won.index(True)]]
        assert len(rows(store)[1]) == 1


@pytest.mark.django_db(transaction=True)
def test_who_was_deleted_meanwhile_gets_nothing_and_loses_nothing(user, post, simple_jwt, store):
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
    text = str(RefreshToken.for_user(user))

    def refresh(presented, **kwargs):
        get_user_model().objects.all().delete()
        return rotation.refresh(presented, **kwargs)

    with mock.patch.object(serializers, "rotation", mock.Mock(wraps=rotation, refresh=refresh)):
        answer = post("refresh", refresh=text)
    assert (answer.status_code, answer.json()["code"]) == (401, "no_active_account")
    of_issued, of_revoked = rows(store)
    assert ([row["jti"] for row in of_issued], of_revoked) == ([RefreshToken(text)["jti"]], [])
