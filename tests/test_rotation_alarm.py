"""The alarm: reuse of a refresh token revokes its family, even if the caller's transaction is rolled back."""

import threading
from unittest import mock

import pytest
from django.db import DatabaseError, connections, router, transaction
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from rest_framework_simplejwt import revocation, rotation, signals, tokens
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.cache import blacklist_cache
from rest_framework_simplejwt.exceptions import InvalidToken, RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.revocation import transactions
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from tests.conftest import has_other_connections
from tests.test_rotation import ROTATION, present_and_refresh

pytestmark = [pytest.mark.django_db, pytest.mark.needs("token_blacklist", "token_family")]


@pytest.fixture(autouse=True)
def _rotation(simple_jwt):
    simple_jwt(**ROTATION, TOKEN_FAMILY_CHECK_ON_ACCESS=True)


@pytest.fixture
def consumed(user):
    """The text of a consumed refresh token, and the pair that the refresh issued."""
    text = str(RefreshToken.for_user(user))
    return text, present_and_refresh(text)


def reuse(text, request=None):
    """Present the consumed or revoked refresh token in ``text``, which must be rejected."""
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.present(RefreshToken, text, request)


def assert_family_is_revoked(pair):
    with pytest.raises(TokenError, match="Token family is blacklisted"):
        RefreshToken(pair.refresh)
    with pytest.raises(TokenError, match="Token family is blacklisted"):
        AccessToken(pair.access)


@pytest.fixture
def database_alias(transactional_db):
    """The database of the tokens, whose rows several connections can see; skips SQLite in memory, which has one."""
    alias = router.db_for_write(tokens.OutstandingToken)
    if not has_other_connections(connections[alias]):
        pytest.skip("SQLite in memory has one connection")
    if connections[alias].vendor == "sqlite":
        with connections[alias].cursor() as cursor:
            cursor.execute("PRAGMA journal_mode = WAL")
    return alias


class ProjectView(APIView):
    """A refresh view of a project: validates our serializer and raises its error, inside an atomic request."""

    authentication_classes = (JWTAuthentication,)

    def post(self, request):
        serializer = TokenRefreshSerializer(data=request.data, context={"request": request})
        try:
            serializer.is_valid(raise_exception=True)
        except TokenError as error:
            raise InvalidToken(error.args[0]) from error
        return Response(serializer.validated_data)


def test_the_alarm_is_committed_although_an_atomic_request_is_rolled_back(
    database_alias, consumed, settings, monkeypatch
):
    text, pair = consumed
    monkeypatch.setitem(connections[database_alias].settings_dict, "ATOMIC_REQUESTS", True)
    with transaction.atomic(using=database_alias):
        response = ProjectView.as_view()(APIRequestFactory().post("/", {"refresh": text}))
        assert response.status_code == 401
        assert connections[database_alias].needs_rollback
    assert_family_is_revoked(pair)


def test_the_alarm_is_committed_although_the_callers_transaction_is_rolled_back(database_alias, consumed, user):
    text, pair = consumed

    def roll_back():
        with transaction.atomic(using=database_alias):
            if connections[database_alias].vendor != "sqlite":
                # SQLite allows one writer at a time: the alarm could not write while the caller does.
                user.set_password("a password that is rolled back")
                user.save()
            reuse(text)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        roll_back()
    assert_family_is_revoked(pair)
    user.refresh_from_db()
    assert not user.check_password("a password that is rolled back")


def test_a_family_started_in_the_same_transaction_is_revoked_within_it(database_alias, user):
    with transaction.atomic(using=database_alias):
        text = str(RefreshToken.for_user(user))
        pair = present_and_refresh(text)
        reuse(text)
        assert_family_is_revoked(pair)
    assert_family_is_revoked(pair)


def test_an_alarm_that_would_wait_for_the_callers_lock_shares_its_transaction(database_alias, consumed, caplog):
    text, pair = consumed
    with transaction.atomic(using=database_alias):
        # The caller has inserted the row that the other connection would insert, and may still roll it back.
        savepoint = transaction.savepoint(using=database_alias)
        RefreshToken(pair.refresh).blacklist_family()
        reuse(text)
        assert transaction.savepoint_commit(savepoint, using=database_alias) is None
    assert_family_is_revoked(pair)
    assert "shares the caller's transaction" in caplog.text


def reuse_and_roll_back(alias, text):
    with transaction.atomic(using=alias):
        reuse(text)
        transaction.set_rollback(True, using=alias)


LOCK_TIMEOUT_QUERY = {
    "postgresql": "SHOW lock_timeout",
    "mysql": "SELECT @@innodb_lock_wait_timeout",
    "sqlite": "PRAGMA busy_timeout",
}


def lock_timeout(connection):
    with connection.cursor() as cursor:
        cursor.execute(LOCK_TIMEOUT_QUERY[connection.vendor])
        return cursor.fetchone()[0]


def test_the_alarm_does_not_change_the_lock_timeout_of_its_connection(database_alias, consumed, monkeypatch):
    """A pool or a proxy gives the connection to another caller, who may have to wait for a lock."""
    timeouts, unpooled = [], transactions._new_unpooled_connection

    def open_connection(connection):
        opened = unpooled(connection)
        timeouts.append(lock_timeout(opened))
        close = opened.close

        def record_and_close():
            timeouts.append(lock_timeout(opened))
            close()

        opened.close = record_and_close
        return opened

    monkeypatch.setattr(transactions, "_new_unpooled_connection", open_connection)
    text, pair = consumed
    reuse_and_roll_back(database_alias, text)
    assert_family_is_revoked(pair)
    assert len(timeouts) == 2
    assert timeouts[0] == timeouts[1]


def test_the_alarm_opens_a_connection_outside_of_the_pool(database_alias, monkeypatch):
    options = connections[database_alias].settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "pool", {"max_size": 1})
    unpooled = transactions._new_unpooled_connection(connections[database_alias])
    assert "pool" not in unpooled.settings_dict["OPTIONS"]
    assert unpooled.settings_dict["NAME"] == connections[database_alias].settings_dict["NAME"]


def test_the_alarm_shares_the_callers_transaction_if_connecting_times_out(
    database_alias, consumed, monkeypatch, caplog
):
    """A proxy has no free connection if all of its clients wait for their alarms."""
    text, pair = consumed
    closed, available = threading.Event(), threading.Event()
    unpooled = transactions._new_unpooled_connection

    def open_late(connection):
        available.wait(10)
        opened = unpooled(connection)
        close = opened.close
        opened.close = lambda: (close(), closed.set())
        return opened

    monkeypatch.setattr(transactions, "_new_unpooled_connection", open_late)
    monkeypatch.setattr(transactions, "CONNECT_TIMEOUT", 0.02)
    reuse_and_roll_back(database_alias, text)
    available.set()
    assert closed.wait(10)
    assert "shares the caller's transaction" in caplog.text
    assert present_and_refresh(pair.refresh), "the family was revoked after the timeout"


@pytest.mark.parametrize(
    "broken",
    [
        mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start new thread")),
        mock.patch.object(transactions, "_new_unpooled_connection", side_effect=DatabaseError("too many connections")),
    ],
    ids=["no thread", "no connection"],
)
def test_the_alarm_shares_the_callers_transaction_if_it_cannot_connect(database_alias, consumed, caplog, broken):
    text, pair = consumed
    with broken, transaction.atomic(using=database_alias):
        reuse(text)
    assert "shares the caller's transaction" in caplog.text
    assert_family_is_revoked(pair)


def test_an_error_raised_by_the_project_reaches_the_caller(database_alias, consumed, monkeypatch):
    text, _ = consumed
    monkeypatch.setattr(RefreshToken, "blacklist_family", mock.Mock(side_effect=ValueError("an error of the project")))
    with transaction.atomic(using=database_alias), pytest.raises(ValueError, match="an error of the project"):
        rotation.present(RefreshToken, text)


def test_a_revocation_that_is_rolled_back_does_not_revoke_the_family(database_alias, user):
    """The token was revoked in the transaction that is rolled back, so no other connection saw it revoked."""
    token = RefreshToken.for_user(user)
    with transaction.atomic(using=database_alias):
        token.blacklist()
        reuse(str(token))
        assert revocation.family_store().is_revoked(token["family_id"])
        transaction.set_rollback(True, using=database_alias)
    assert present_and_refresh(str(token))


def test_a_revocation_that_only_the_cache_holds_does_not_revoke_the_family(user, simple_jwt):
    simple_jwt(CACHE_BLACKLISTED_REFRESH_TOKENS=True)
    token = RefreshToken.for_user(user)
    blacklist_cache.add_refresh_token(token["jti"])
    reuse(str(token))
    blacklist_cache.delete_refresh_token_from_cache(token["jti"])
    assert present_and_refresh(str(token))


def test_repeated_reuse_is_logged_and_signalled_once(consumed, received, caplog):
    text, _ = consumed
    request = APIRequestFactory().post("/")
    with received(signals.refresh_token_reused) as reused, received(signals.family_revoked) as revoked:
        reuse(text, request)
        for _ in range(3):
            reuse(text, request)
    token = RefreshToken(text, verify=False)
    facts = {"family_id": token["family_id"], "jti": token["jti"], "user_id": token[api_settings.USER_ID_CLAIM]}
    assert reused == [{"sender": RefreshToken, **facts, "request": request}]
    assert revoked == [{"sender": RefreshToken, "family_id": token["family_id"], "reason": "reuse"}]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert text not in caplog.text
    for fact in facts.values():
        assert fact in caplog.text


def test_a_line_break_in_a_claim_does_not_forge_a_log_line(user, caplog):
    token = RefreshToken.for_user(user)
    token[api_settings.USER_ID_CLAIM] = f"{user.pk}\nCRITICAL a forged line"
    text = str(token)
    token.blacklist()
    reuse(text)
    assert "\n" not in caplog.messages[0]


def test_a_receiver_that_raises_stops_neither_the_alarm_nor_a_refresh(consumed, user):
    def broken(**kwargs):
        raise RuntimeError("an error of a receiver")

    for signal in (signals.token_refreshed, signals.refresh_token_reused, signals.family_revoked):
        signal.connect(broken)
    try:
        text, pair = consumed
        reuse(text)
        assert_family_is_revoked(pair)
        assert present_and_refresh(str(RefreshToken.for_user(user)))
    finally:
        for signal in (signals.token_refreshed, signals.refresh_token_reused, signals.family_revoked):
            signal.disconnect(broken)


def test_an_error_that_is_no_conflict_is_not_retried(db):
    def raise_database_error():
        attempts.append(1)
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT nonsense FROM nowhere")

    attempts = []
    alias = router.db_for_write(tokens.OutstandingToken)
    with pytest.raises(Exception, match="nowhere"):
        transactions.run_with_retry(alias, raise_database_error, writes=tokens.OutstandingToken)
    assert attempts == [1]
