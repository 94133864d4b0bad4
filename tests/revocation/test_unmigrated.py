"""While the tables are older than the code, requests are answered 503, and one log line says what to run."""

import logging

import pytest
from django.db import DatabaseError, connections, transaction
from django.db.models import signals

from rest_framework_simplejwt import exceptions, revocation
from rest_framework_simplejwt.revocation import unmigrated
from rest_framework_simplejwt.tokens import RefreshToken
from tests.migrating import _migrate  # noqa: F401  # a fixture
from tests.revocation.contract import issued, now

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _settings(simple_jwt):
    unmigrated.reset_logged_errors()
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)


@pytest.fixture
def lines(caplog):
    """Return the messages that were logged at ERROR so far: `lines()`."""
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.ERROR and record.name == "rest_framework_simplejwt"
    ]


def is_unavailable(answer):
    return answer.status_code == 503 and answer.json()["code"] == "revocation_unavailable"


class TestRequests:
    @pytest.mark.needs("token_blacklist")
    def test_a_missing_column_is_answered_503_and_logged_once(self, migrate, post, credentials, user, lines):
        refreshes = [post("obtain", **credentials).json()["refresh"] for _ in range(2)]
        unknown = str(RefreshToken())
        migrate("token_blacklist", "0014")
        for _ in range(2):
            assert is_unavailable(post("obtain", **credentials))
            assert is_unavailable(post("refresh", refresh=refreshes[0]))
            assert is_unavailable(post("blacklist", refresh=unknown))
        (line,) = lines()
        assert "python manage.py migrate token_blacklist" in line
        assert "\n" not in line
        migrate("token_blacklist", "0015")
        assert post("obtain", **credentials).status_code == 200
        assert post("refresh", refresh=refreshes[0]).status_code == 200, "the 503 did not consume it"
        assert post("blacklist", refresh=refreshes[1]).status_code == 200
        assert post("blacklist", refresh=unknown).status_code == 200
        assert len(lines()) == 1

    @pytest.mark.needs("token_family")
    def test_missing_tables_of_families_are_answered_503(
        self, migrate, post, credentials, user, lines, simple_jwt, whoami
    ):
        simple_jwt(TOKEN_FAMILY_CHECK_ON_ACCESS=True)
        pair = post("obtain", **credentials).json()
        migrate("token_family", None)
        for _ in range(2):
            assert is_unavailable(post("obtain", **credentials))
            assert is_unavailable(post("refresh", refresh=pair["refresh"]))
            assert is_unavailable(post("blacklist family", refresh=pair["refresh"]))
            assert is_unavailable(whoami(pair["access"]))
        (line,) = lines()
        assert "python manage.py migrate token_family" in line
        migrate("token_family", "0003")
        assert post("obtain", **credentials).status_code == 200
        assert post("refresh", refresh=pair["refresh"]).status_code == 200


@pytest.mark.needs("token_blacklist")
class TestSQLStore:
    @pytest.fixture
    def store(self):
        return revocation.token_store()

    @pytest.fixture
    def connection(self, store):
        return connections[store.alias]

    def test_each_method_that_a_request_calls_raises(self, migrate, store, lines):
        migrate("token_blacklist", None)
        for call in (
            lambda: store.remember(issued()),
            lambda: store.revoke(issued()),
            lambda: store.is_revoked("x"),
            lambda: store.successor("x", "y", now=now()),
            lambda: store.revoke_all(None, now=now()),
            lambda: store._is_recorded("x"),
            lambda: store.exchange(issued(), issued("y")),
            lambda: store.are_revoked("x", store, "y"),
        ):
            with pytest.raises(exceptions.RevocationUnavailable):
                call()
        assert len(lines()) == 1

    def test_no_statement_is_sent_after_the_error(self, migrate, store, connection):
        migrate("token_blacklist", "0014")
        statements = []

        def record_statement(execute, sql, *rest):
            statements.append(sql)
            return execute(sql, *rest)

        with (
            pytest.raises(exceptions.RevocationUnavailable),
            transaction.atomic(using=store.alias),
            connection.execute_wrapper(record_statement),
        ):
            store.remember(issued())
        assert len([sql for sql in statements if "SAVEPOINT" not in sql]) == 1

    def test_other_errors_are_raised_unchanged(self, store, connection, lines):
        def fail(execute, sql, *rest):
            return execute(f"NO {sql}", *rest)

        with pytest.raises(DatabaseError), connection.execute_wrapper(fail):
            store.is_revoked("x")
        assert lines() == []

    def test_an_error_about_a_table_of_the_project_is_raised_unchanged(self, store, connection, lines):
        def receive(**kwargs):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM tables_of_the_project")

        signals.post_save.connect(receive, sender=store.issued_model)
        try:
            with pytest.raises(DatabaseError, match="tables_of_the_project"):
                store.remember(issued())
        finally:
            signals.post_save.disconnect(receive, sender=store.issued_model)
        assert lines() == []
