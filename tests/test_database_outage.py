"""While statements fail as on an unavailable database: 503, and one line in the log."""

import logging
import sys
from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.core.signals import got_request_exception
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connections,
    router,
    transaction,
)

from rest_framework_simplejwt import database_outage, exceptions, revocation
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.revocation import transactions
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

PACKAGE = "rest_framework_simplejwt"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_outage():
    database_outage.end_outage()
    database_outage.end_outage(writes=True)


@pytest.fixture
def client(client):
    """Returns a response 500, as a server does, where Django's test client would raise the exception."""
    client.raise_request_exception = False
    return client


@pytest.fixture
def failing():
    """A context in which each statement, or each with a keyword, raises an error."""

    @contextmanager
    def failing(error, keyword=""):
        def fail(execute, sql, *rest):
            # Not the savepoints that Django sets around a view under ATOMIC_REQUESTS.
            if keyword in sql and "SAVEPOINT" not in sql:
                raise error
            return execute(sql, *rest)

        with connections[router.db_for_write(get_user_model())].execute_wrapper(fail):
            yield

    return failing


def driver_error(kind, code):
    error = kind("from the driver")
    error.__cause__ = Exception(code)
    return error


def deadlock():
    return driver_error(OperationalError, 1213)


CONNECTION_LOST = OperationalError("server closed the connection unexpectedly")


def is_unavailable(answer):
    return answer.status_code == 503 and answer["Retry-After"] == "1"


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, PACKAGE)
    return lambda: [
        (record.levelname, record.getMessage(), record.exc_info and record.exc_info[1])
        for record in caplog.records
        if "database" in record.getMessage()
    ]


@pytest.fixture
def send_all(user, post, whoami, credentials, simple_jwt):
    """Sends each kind of request, with tokens that were issued before, and returns the responses by name."""
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        TOKEN_FAMILY_ENABLED=revocation.can_revoke_families(),
        AUTH_TOKEN_CLASSES=(f"{PACKAGE}.tokens.AccessToken", f"{PACKAGE}.tokens.SlidingToken"),
    )
    refresh, sliding = RefreshToken.for_user(user), SlidingToken.for_user(user)
    access = refresh.access_token
    requests = {
        "request": lambda: whoami(access),
        "sliding request": lambda: whoami(sliding),
        "login": lambda: post("obtain", **credentials),
        "sliding login": lambda: post("obtain sliding", **credentials),
        "verify": lambda: post("verify", token=str(refresh)),
        "sliding refresh": lambda: post("refresh sliding", token=str(sliding)),
        "refresh": lambda: post("refresh", refresh=str(refresh)),
    }
    if revocation.can_revoke_tokens() and api_settings.REVOCATION_STORE is None:
        requests["logout"] = lambda: post("blacklist", refresh=str(RefreshToken()))
    return lambda: {name: send() for name, send in requests.items()}


@pytest.mark.parametrize(
    "error", [CONNECTION_LOST, InterfaceError("connection already closed")], ids=["lost", "closed"]
)
def test_each_request_is_answered_503_and_the_cause_is_logged_once(send_all, failing, lines, error):
    with failing(error):
        answers = {**send_all(), **send_all()}
    assert {name for name, answer in answers.items() if not is_unavailable(answer)} == set()
    outage = ("ERROR", "The database does not answer; requests that need it are answered 503", error)
    assert lines() == [outage]
    answers = send_all()
    assert {name for name, answer in answers.items() if answer.status_code != 200} == set(), "nothing was consumed"
    assert [line[:2] for line in lines()[1:]] == [("INFO", "The database answers again")]


def test_each_failed_request_sends_got_request_exception(user, post, credentials, failing):
    told = []

    def receiver(sender, request, **kwargs):
        told.append((request.path, sys.exc_info()[1]))

    got_request_exception.connect(receiver)
    try:
        with failing(CONNECTION_LOST):
            for _ in range(2):
                post("obtain", **credentials)
    finally:
        got_request_exception.disconnect(receiver)
    assert told == [("/token/", CONNECTION_LOST)] * 2


@pytest.mark.parametrize("endpoint", ["obtain", "obtain sliding"])
@pytest.mark.needs("token_blacklist", "no users_plain")
def test_a_login_that_can_not_save_last_login_records_no_token(user, post, credentials, failing, simple_jwt, endpoint):
    simple_jwt(UPDATE_LAST_LOGIN=True)
    with failing(CONNECTION_LOST, "UPDATE"):
        assert is_unavailable(post(endpoint, **credentials))
    assert not revocation.token_store()._issued_rows.exists()


@pytest.mark.needs("bare")
@pytest.mark.parametrize("kind", ["request", "login"])
def test_a_request_and_a_login_each_end_the_outage(user, post, whoami, credentials, failing, lines, kind):
    access = AccessToken.for_user(user)
    send = {"request": lambda: whoami(access), "login": lambda: post("obtain", **credentials)}[kind]
    with failing(CONNECTION_LOST):
        assert is_unavailable(send())
    assert send().status_code == 200
    assert [line[0] for line in lines()] == ["ERROR", "INFO"]


@pytest.mark.needs("token_blacklist", "no redis")
def test_an_outage_of_a_read_only_database_is_logged_once(send_all, failing, lines):
    error = OperationalError("attempt to write a readonly database")
    with failing(error, "INSERT"):
        answers = [send_all() for _ in range(2)]
    assert {answer["request"].status_code for answer in answers} == {200}
    assert all(is_unavailable(answer["login"]) for answer in answers)
    outage = ("ERROR", "The database does not answer; log-ins, refreshes and log-outs are answered 503", error)
    assert lines() == [outage]
    send_all()
    assert [line[0] for line in lines()] == ["ERROR", "INFO"]


def test_an_error_in_the_statement_is_raised_unchanged(user, client, post, credentials, failing):
    client.raise_request_exception = True
    with failing(ProgrammingError("syntax error")), pytest.raises(ProgrammingError):
        post("obtain", **credentials)
    with failing(driver_error(DatabaseError, "wrong")), pytest.raises(DatabaseError):
        JWTAuthentication().get_user(AccessToken.for_user(user))


def test_get_user_raises_service_unavailable(user, failing):
    token = AccessToken.for_user(user)
    with failing(CONNECTION_LOST), pytest.raises(exceptions.ServiceUnavailable) as caught:
        JWTAuthentication().get_user(token)
    assert caught.value.__cause__ is CONNECTION_LOST
    assert isinstance(caught.value, OperationalError), "as it was to callers of 5.5.1"


@pytest.mark.needs("token_blacklist", "no redis")
class TestStore:
    @pytest.fixture(autouse=True)
    def _no_pause(self, monkeypatch):
        monkeypatch.setattr(transactions, "MAX_FIRST_PAUSE", 0)

    @pytest.fixture
    def token(self, user):
        return RefreshToken.for_user(user)

    def test_a_token_that_is_verified_without_a_view_raises_revocation_unavailable(self, token, failing):
        text = str(token)
        for call in (lambda: RefreshToken(text), token.blacklist):
            with failing(CONNECTION_LOST), pytest.raises(exceptions.RevocationUnavailable) as caught:
                call()
            assert caught.value.__cause__ is CONNECTION_LOST
            assert isinstance(caught.value, OperationalError)

    @pytest.mark.parametrize("error", [deadlock(), IntegrityError("from the driver")], ids=["deadlock", "row"])
    def test_a_conflict_in_a_transaction_is_raised_unchanged(self, token, failing, error):
        alias = revocation.token_store().alias
        with (
            failing(error, "INSERT"),
            pytest.raises(type(error)),
            transaction.atomic(using=alias),
        ):
            revocation.token_store().transact(token.blacklist)

    @pytest.mark.django_db(transaction=True)
    def test_a_conflict_that_persists_is_answered_503(self, token, post, failing, monkeypatch):
        def fail(*args, **kwargs):
            raise deadlock()

        with pytest.raises(exceptions.RevocationUnavailable):
            revocation.token_store().transact(fail)
        with failing(deadlock(), "INSERT"):
            assert is_unavailable(post("blacklist", refresh=str(token)))
        assert post("blacklist", refresh=str(token)).status_code == 200
