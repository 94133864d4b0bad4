"""Which conflicts are retried, how transactions start, and which database revocations are read from."""

from unittest import mock

import pytest
from django.db import IntegrityError, OperationalError, connections, router, transaction
from django.test.utils import CaptureQueriesContext

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.db_errors import LostInsert
from rest_framework_simplejwt.revocation import sql, transactions
from rest_framework_simplejwt.tokens import RefreshToken

pytestmark = pytest.mark.needs("token_blacklist")


class PsycopgError(Exception):
    def __init__(self, sqlstate):
        super().__init__("could not serialize access")
        self.sqlstate = sqlstate


def raising_work(error, cause=None, times=1):
    """Return a function that raises ``times`` times and counts its calls in ``attempts``."""

    def work():
        work.attempts += 1
        if work.attempts <= times:
            raise error from cause
        return "done"

    work.attempts = 0
    return work


def run(work):
    store = revocation.token_store()
    return transactions.run_with_retry(store.alias, work, writes=store.revoked_model)


DEADLOCKS = [
    (OperationalError("could not serialize access"), PsycopgError("40001")),
    (OperationalError("deadlock detected"), PsycopgError("40P01")),
    (OperationalError(1213, "Deadlock found"), Exception(1213, "Deadlock found")),
    (OperationalError(1020, "Record has changed"), Exception(1020, "Record has changed")),
]
CONFLICTS = [(IntegrityError("duplicate key"), None), *DEADLOCKS]


@pytest.mark.django_db(transaction=True)
class TestConflicts:
    @pytest.mark.parametrize(("error", "cause"), [(LostInsert("duplicate key"), None), *DEADLOCKS])
    def test_a_conflict_is_retried(self, error, cause):
        assert run(raising_work(error, cause, times=2)) == "done"

    def test_a_revocation_of_a_row_that_is_flushed_meanwhile_is_retried(self):
        table = revocation.token_store().revoked_model._meta.db_table
        error = IntegrityError(f'insert or update on table "{table}" violates foreign key constraint')
        assert run(raising_work(error, PsycopgError("23503"))) == "done"

    @pytest.mark.parametrize(("error", "cause"), [(LostInsert("duplicate key"), None), DEADLOCKS[0]])
    def test_the_number_of_attempts_is_limited(self, error, cause):
        work = raising_work(error, cause, times=9)
        with pytest.raises(type(error)):
            run(work)
        assert work.attempts == transactions.MAX_ATTEMPTS

    @pytest.mark.parametrize(
        ("error", "cause"),
        [
            (OperationalError("server closed the connection unexpectedly"), PsycopgError(None)),
            (OperationalError(2006, "Server has gone away"), Exception(2006, "Server has gone away")),
            (OperationalError("database is locked"), None),
            (IntegrityError("duplicate key, in a table of the project's own"), None),
            (IntegrityError('insert on table "token_blacklist_outstandingtoken" violates it'), PsycopgError("23503")),
            (RuntimeError("the project's own"), None),
        ],
    )
    def test_another_error_is_not_retried(self, error, cause):
        work = raising_work(error, cause)
        with pytest.raises(type(error)):
            run(work)
        assert work.attempts == 1

    def test_a_conflict_inside_the_callers_transaction_is_raised(self):
        work = raising_work(LostInsert("duplicate key"))
        alias = router.db_for_write(revocation.token_store().revoked_model)
        with transaction.atomic(using=alias), pytest.raises(LostInsert):
            run(work)
        assert work.attempts == 1


class ReplicaRouter:
    """Reads the package's models from a replica, which does not even have their tables."""

    def __init__(self, primary, replica):
        self.primary, self.replica = primary, replica

    def db_for_read(self, model, **hints):
        # Users may be read from either.
        return self.replica if model._meta.app_label.startswith("token_") else self.primary

    def db_for_write(self, model, **hints):
        return self.primary


@pytest.mark.needs("second_database")
@pytest.mark.django_db
def test_revocations_are_read_from_the_database_they_are_written_to(user, post, settings, simple_jwt):
    """A query to the default database of this project is an error."""
    assert "default" in connections
    settings.DATABASE_ROUTERS = [ReplicaRouter(primary="accounts", replica="default")]
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        TOKEN_FAMILY_ENABLED=True,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
    )
    old = str(RefreshToken.for_user(user))
    new = post("refresh", refresh=old).json()["refresh"]
    assert post("verify", token=new).status_code == 200
    assert post("refresh", refresh=old).status_code == 401
    assert post("refresh", refresh=new).json()["detail"] == "Token family is blacklisted"
    other = str(RefreshToken.for_user(user))
    assert post("blacklist", refresh=other).status_code == 200
    assert post("verify", token=other).status_code == 401


class TestLostInsert:
    """An insert is retried if it conflicts with an existing row, and not for another reason."""

    @pytest.fixture
    def insert_that_fails(self, monkeypatch):
        def insert_that_fails(cause):
            error = IntegrityError("refused")
            error.__cause__ = cause
            rows = mock.Mock()
            rows.get_or_create.side_effect = error
            return lambda: sql._get_or_create(rows, {"jti": "x"}, {})

        return insert_that_fails

    @pytest.mark.parametrize("cause", [PsycopgError("23505"), Exception(1062, "Duplicate entry")])
    def test_an_existing_row_raises_lost_insert(self, insert_that_fails, cause):
        with pytest.raises(LostInsert):
            insert_that_fails(cause)()

    @pytest.mark.parametrize("cause", [PsycopgError("23503"), Exception(1452, "a foreign key constraint fails")])
    def test_a_missing_user_does_not_raise_lost_insert(self, insert_that_fails, cause):
        with pytest.raises(IntegrityError) as caught:
            insert_that_fails(cause)()
        assert not isinstance(caught.value, LostInsert)


@pytest.mark.django_db(transaction=True)
class TestWriteTransaction:
    @pytest.fixture
    def connection(self):
        connection = connections[router.db_for_write(revocation.token_store().revoked_model)]
        if connection.vendor != "sqlite":
            pytest.skip("only SQLite refuses a write after a read")
        # Opening the connection sets the mode of the settings.
        connection.ensure_connection()
        return connection

    @pytest.fixture
    def statements_in_mode(self, connection, monkeypatch):
        def statements(mode):
            if not hasattr(connection, "transaction_mode"):
                pytest.skip("this Django has no modes")
            monkeypatch.setattr(connection, "transaction_mode", mode)
            with CaptureQueriesContext(connection) as context:
                run(lambda: None)
            assert connection.transaction_mode == mode
            return [query["sql"].split(" SET ")[0].split(' "')[0] for query in context]

        return statements

    def test_begins_with_the_write_lock(self, statements_in_mode):
        assert statements_in_mode(None) == ["BEGIN IMMEDIATE", "COMMIT"]

    def test_takes_the_write_lock_in_the_deferred_mode_of_a_project(self, statements_in_mode):
        assert statements_in_mode("DEFERRED") == ["BEGIN DEFERRED", "UPDATE", "COMMIT"]

    def test_keeps_a_stronger_mode(self, statements_in_mode):
        assert statements_in_mode("EXCLUSIVE") == ["BEGIN EXCLUSIVE", "COMMIT"]

    def test_restores_the_mode_after_an_error(self, connection):
        before = getattr(connection, "transaction_mode", None)
        with pytest.raises(RuntimeError):
            run(raising_work(RuntimeError("the project's own")))
        assert getattr(connection, "transaction_mode", None) == before


@pytest.mark.django_db(transaction=True)
class TestTryOnce:
    @pytest.mark.parametrize(("error", "cause"), CONFLICTS)
    @pytest.mark.parametrize("is_single_statement", [True, False])
    def test_a_conflict_returns_none(self, error, cause, is_single_statement):
        alias = router.db_for_write(revocation.token_store().revoked_model)
        assert transactions.try_once(alias, raising_work(error, cause), is_single_statement=is_single_statement) is None

    def test_another_error_is_raised(self):
        alias = router.db_for_write(revocation.token_store().revoked_model)
        with pytest.raises(OperationalError):
            transactions.try_once(alias, raising_work(OperationalError("server closed the connection")))

    def test_the_callers_transaction_stays_usable_after_a_conflict(self):
        alias = router.db_for_write(revocation.token_store().revoked_model)
        with transaction.atomic(using=alias):
            assert transactions.try_once(alias, raising_work(IntegrityError("duplicate key"))) is None
            assert not revocation.token_store().revoked_model.objects.using(alias).exists()
