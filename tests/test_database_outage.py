"""A database that is unavailable, played by errors of its statements: 503, and one line in the log."""

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
def _answered():
    database_outage.answered()
    database_outage.answered(writes=True)


@pytest.fixture
def client(client):
    """Answers as a server does, where Django's test client raises what error trackers are told of."""
    client.raise_request_exception = False
    return client


@pytest.fixture
def failing():
    """Meanwhile each statement, or each with that keyword, is answered with the error."""

    @contextmanager
    def failing(error, keyword=""):
        def fail(execute, sql, *rest):
            # Not what Django sends around a view of the project's own, in its atomic requests.
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


AWAY = OperationalError("server closed the connection unexpectedly")


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
def asked(user, post, whoami, credentials, simple_jwt):
    """What a client can ask for, with tokens of before."""
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        TOKEN_FAMILY_ENABLED=revocation.can_revoke_families(),
        AUTH_TOKEN_CLASSES=(f"{PACKAGE}.tokens.AccessToken", f"{PACKAGE}.tokens.SlidingToken"),
    )
    refresh, sliding = RefreshToken.for_user(user), SlidingToken.for_user(user)
    access = refresh.access_token
    questions = {
        "request": lambda: whoami(access),
        "sliding request": lambda: whoami(sliding),
        "login": lambda: post("obtain", **credentials),
        "sliding login": lambda: post("obtain sliding", **credentials),
        "verify": lambda: post("verify", token=str(refresh)),
        "sliding refresh": lambda: post("refresh sliding", token=str(sliding)),
        "refresh": lambda: post("refresh", refresh=str(refresh)),
    }
    if revocation.can_revoke_tokens() and api_settings.REVOCATION_STORE is None:
        questions["logout"] = lambda: post("blacklist", refresh=str(RefreshToken()))
    return lambda: {name: ask() for name, ask in questions.items()}


@pytest.mark.parametrize("error", [AWAY, InterfaceError("connection already closed")], ids=["lost", "closed"])
def test_everything_that_needs_it_is_answered_503_and_the_cause_logged_once(asked, failing, lines, error):
    with failing(error):
        answers = {**asked(), **asked()}
    assert {name for name, answer in answers.items() if not is_unavailable(answer)} == set()
    away = ("ERROR", "The database does not answer; requests that need it are answered 503", error)
    assert lines() == [away]
    answers = asked()
    assert {name for name, answer in answers.items() if answer.status_code != 200} == set(), "nothing was consumed"
    assert [line[:2] for line in lines()[1:]] == [("INFO", "The database answers again")]


def test_error_trackers_are_told_of_each_request(user, post, credentials, failing):
    told = []

    def receiver(sender, request, **kwargs):
        told.append((request.path, sys.exc_info()[1]))

    got_request_exception.connect(receiver)
    try:
        with failing(AWAY):
            for _ in range(2):
                post("obtain", **credentials)
    finally:
        got_request_exception.disconnect(receiver)
    assert told == [("/token/", AWAY)] * 2


@pytest.mark.parametrize("endpoint", ["obtain", "obtain sliding"])
@pytest.mark.needs("token_blacklist", "no users_plain")
def test_a_login_whose_time_can_not_be_recorded_leaves_no_token(user, post, credentials, failing, simple_jwt, endpoint):
    simple_jwt(UPDATE_LAST_LOGIN=True)
    with failing(AWAY, "UPDATE"):
        assert is_unavailable(post(endpoint, **credentials))
    assert not revocation.token_store()._issued_rows.exists()


@pytest.mark.needs("bare")
@pytest.mark.parametrize("ask", ["request", "login"])
def test_either_finds_out_that_it_answers_again(user, post, whoami, credentials, failing, lines, ask):
    access = AccessToken.for_user(user)
    asked = {"request": lambda: whoami(access), "login": lambda: post("obtain", **credentials)}[ask]
    with failing(AWAY):
        assert is_unavailable(asked())
    assert asked().status_code == 200
    assert [line[0] for line in lines()] == ["ERROR", "INFO"]


@pytest.mark.needs("token_blacklist", "no redis")
def test_a_database_that_only_reads_is_logged_once(asked, failing, lines):
    error = OperationalError("attempt to write a readonly database")
    with failing(error, "INSERT"):
        answers = [asked() for _ in range(2)]
    assert {answer["request"].status_code for answer in answers} == {200}
    assert all(is_unavailable(answer["login"]) for answer in answers)
    away = ("ERROR", "The database does not answer; log-ins, refreshes and log-outs are answered 503", error)
    assert lines() == [away]
    asked()
    assert [line[0] for line in lines()] == ["ERROR", "INFO"]


def test_an_error_that_is_the_projects_own_mistake_stays_one(user, client, post, credentials, failing):
    client.raise_request_exception = True
    with failing(ProgrammingError("syntax error")), pytest.raises(ProgrammingError):
        post("obtain", **credentials)
    with failing(driver_error(DatabaseError, "wrong")), pytest.raises(DatabaseError):
        JWTAuthentication().get_user(AccessToken.for_user(user))


def test_who_looks_a_user_up_is_told_the_same(user, failing):
    token = AccessToken.for_user(user)
    with failing(AWAY), pytest.raises(exceptions.ServiceUnavailable) as caught:
        JWTAuthentication().get_user(token)
    assert caught.value.__cause__ is AWAY
    assert isinstance(caught.value, OperationalError), "as it was to callers of 5.5.1"


@pytest.mark.needs("token_blacklist", "no redis")
class TestStore:
    @pytest.fixture(autouse=True)
    def _no_pause(self, monkeypatch):
        monkeypatch.setattr(transactions, "MAX_FIRST_PAUSE", 0)

    @pytest.fixture
    def token(self, user):
        return RefreshToken.for_user(user)

    def test_a_token_that_is_read_directly_raises_what_it_does_with_redis(self, token, failing):
        text = str(token)
        for ask in (lambda: RefreshToken(text), token.blacklist):
            with failing(AWAY), pytest.raises(exceptions.RevocationUnavailable) as caught:
                ask()
            assert caught.value.__cause__ is AWAY
            assert isinstance(caught.value, OperationalError)

    @pytest.mark.parametrize("error", [deadlock(), IntegrityError("from the driver")], ids=["deadlock", "row"])
    def test_a_conflict_in_a_transaction_is_left_to_who_began_it(self, token, failing, error):
        alias = revocation.token_store().alias
        with (
            failing(error, "INSERT"),
            pytest.raises(type(error)),
            transaction.atomic(using=alias),
        ):
            revocation.token_store().transact(token.blacklist)

    @pytest.mark.django_db(transaction=True)
    def test_a_conflict_that_does_not_end_is_answered_503(self, token, post, failing, monkeypatch):
        def fail(*args, **kwargs):
            raise deadlock()

        with pytest.raises(exceptions.RevocationUnavailable):
            revocation.token_store().transact(fail)
        with failing(deadlock(), "INSERT"):
            assert is_unavailable(post("blacklist", refresh=str(token)))
        assert post("blacklist", refresh=str(token)).status_code == 200
