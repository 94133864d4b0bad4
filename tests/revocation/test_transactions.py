"""Which conflicts are tried again, and where decisions are read."""

from unittest import mock

import pytest
from django.db import IntegrityError, OperationalError, connections, router, transaction
from django.test.utils import CaptureQueriesContext

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.db_errors import LostInsert
from rest_framework_simplejwt.revocation import sql, transactions
from rest_framework_simplejwt.tokens import RefreshToken

pytestmark = pytest.mark.needs("token_blacklist")


class OfPsycopg(Exception):
    def __init__(self, sqlstate):
        super().__init__("could not serialize access")
        self.sqlstate = sqlstate


def failing(error, cause=None, times=1):
    """Work that fails so many times, and counts its attempts."""

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
    (OperationalError("could not serialize access"), OfPsycopg("40001")),
    (OperationalError("deadlock detected"), OfPsycopg("40P01")),
    (OperationalError(1213, "Deadlock found"), Exception(1213, "Deadlock found")),
    (OperationalError(1020, "Record has changed"), Exception(1020, "Record has changed")),
]
CONFLICTS = [(IntegrityError("duplicate key"), None), *DEADLOCKS]


@pytest.mark.django_db(transaction=True)
class TestConflicts:
    @pytest.mark.parametrize(("error", "cause"), [(LostInsert("duplicate key"), None), *DEADLOCKS])
    def test_who_was_slower_tries_again(self, error, cause):
        assert run(failing(error, cause, times=2)) == "done"

    def test_who_revokes_a_row_that_is_flushed_meanwhile_tries_again(self):
        table = revocation.token_store().revoked_model._meta.db_table
        error = IntegrityError(f'insert or update on table "{table}" violates foreign key constraint')
        assert run(failing(error, OfPsycopg("23503"))) == "done"

    @pytest.mark.parametrize(("error", "cause"), [(LostInsert("duplicate key"), None), DEADLOCKS[0]])
    def test_but_not_for_ever(self, error, cause):
        work = failing(error, cause, times=9)
        with pytest.raises(type(error)):
            run(work)
        assert work.attempts == transactions.MAX_ATTEMPTS

    @pytest.mark.parametrize(
        ("error", "cause"),
        [
            (OperationalError("server closed the connection unexpectedly"), OfPsycopg(None)),
            (OperationalError(2006, "Server has gone away"), Exception(2006, "Server has gone away")),
            (OperationalError("database is locked"), None),
            (IntegrityError("duplicate key, in a table of the project's own"), None),
            (IntegrityError('insert on table "token_blacklist_outstandingtoken" violates it'), OfPsycopg("23503")),
            (RuntimeError("the project's own"), None),
        ],
    )
    def test_what_is_no_conflict_is_not_tried_again(self, error, cause):
        work = failing(error, cause)
        with pytest.raises(type(error)):
            run(work)
        assert work.attempts == 1

    def test_within_the_callers_transaction_the_conflict_is_the_callers(self):
        work = failing(LostInsert("duplicate key"))
        alias = router.db_for_write(revocation.token_store().revoked_model)
        with transaction.atomic(using=alias), pytest.raises(LostInsert):
            run(work)
        assert work.attempts == 1


class ReadsFromTheReplica:
    """A replica that has heard of nothing: its tables are not even there."""

    def __init__(self, primary, replica):
        self.primary, self.replica = primary, replica

    def db_for_read(self, model, **hints):
        # Users are no decision; they may be read anywhere.
        return self.replica if model._meta.app_label.startswith("token_") else self.primary

    def db_for_write(self, model, **hints):
        return self.primary


@pytest.mark.needs("second_database")
@pytest.mark.django_db
def test_decisions_are_read_where_they_were_written(user, post, settings, simple_jwt):
    """The default database of this project is not to be touched, and complains."""
    assert "default" in connections
    settings.DATABASE_ROUTERS = [ReadsFromTheReplica(primary="accounts", replica="default")]
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
    """Of two inserts of the same row, the slower one starts again only if the other row is the reason."""

    @pytest.fixture
    def inserting(self, monkeypatch):
        def inserting(cause):
            error = IntegrityError("refused")
            error.__cause__ = cause
            rows = mock.Mock()
            rows.get_or_create.side_effect = error
            return lambda: sql._get_or_create(rows, {"jti": "x"}, {})

        return inserting

    @pytest.mark.parametrize("cause", [OfPsycopg("23505"), Exception(1062, "Duplicate entry")])
    def test_a_row_that_is_there_is_one(self, inserting, cause):
        with pytest.raises(LostInsert):
            inserting(cause)()

    @pytest.mark.parametrize("cause", [OfPsycopg("23503"), Exception(1452, "a foreign key constraint fails")])
    def test_a_user_who_is_gone_is_none(self, inserting, cause):
        with pytest.raises(IntegrityError) as caught:
            inserting(cause)()
        assert not isinstance(caught.value, LostInsert)


@pytest.mark.django_db(transaction=True)
class TestWriters:
    @pytest.fixture
    def connection(self):
        connection = connections[router.db_for_write(revocation.token_store().revoked_model)]
        if connection.vendor != "sqlite":
            pytest.skip("other databases let a reader become a writer")
        # Opening it sets the mode that the settings say.
        connection.ensure_connection()
        return connection

    @pytest.fixture
    def begun(self, connection, monkeypatch):
        def statements(mode):
            if not hasattr(connection, "transaction_mode"):
                pytest.skip("this Django has no modes")
            monkeypatch.setattr(connection, "transaction_mode", mode)
            with CaptureQueriesContext(connection) as context:
                run(lambda: None)
            assert connection.transaction_mode == mode
            return [query["sql"].split(" SET ")[0].split(' "')[0] for query in context]

        return statements

    def test_begin_as_writers(self, begun):
        assert begun(None) == ["BEGIN IMMEDIATE", "COMMIT"]

    def test_or_write_nothing_where_the_project_begins_as_a_reader(self, begun):
        assert begun("DEFERRED") == ["BEGIN DEFERRED", "UPDATE", "COMMIT"]

    def test_leave_a_stronger_mode_alone(self, begun):
        assert begun("EXCLUSIVE") == ["BEGIN EXCLUSIVE", "COMMIT"]

    def test_leave_the_mode_as_it_was_when_the_work_fails(self, connection):
        before = getattr(connection, "transaction_mode", None)
        with pytest.raises(RuntimeError):
            run(failing(RuntimeError("the project's own")))
        assert getattr(connection, "transaction_mode", None) == before


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.mark.parametrize(("error", "cause"), CONFLICTS)
    @pytest.mark.parametrize("is_one", [True, False])
    def test_a_conflict_is_no_answer(self, error, cause, is_one):
        alias = router.db_for_write(revocation.token_store().revoked_model)
        assert transactions.try_once(alias, failing(error, cause), is_single_statement=is_one) is None

    def test_another_error_is_the_callers(self):
        alias = router.db_for_write(revocation.token_store().revoked_model)
        with pytest.raises(OperationalError):
            transactions.try_once(alias, failing(OperationalError("server closed the connection")))

    def test_the_callers_transaction_goes_on_after_a_conflict(self):
        alias = router.db_for_write(revocation.token_store().revoked_model)
        with transaction.atomic(using=alias):
            assert transactions.try_once(alias, failing(IntegrityError("duplicate key"))) is None
            assert not revocation.token_store().revoked_model.objects.using(alias).exists()
