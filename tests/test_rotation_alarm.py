"""The alarm outlives what surrounds it, and tells those who listen."""

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

pytestmark = [pytest.mark.django_db, pytest.mark.needs("token_blacklist", "token_family")]


@pytest.fixture(autouse=True)
def _rotating(simple_jwt):
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        TOKEN_FAMILY_ENABLED=True,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
        TOKEN_FAMILY_CHECK_ON_ACCESS=True,
    )


@pytest.fixture
def stolen(user):
    """A spent token's text, and the pair that somebody else has by now."""
    text = str(RefreshToken.for_user(user))
    return text, rotation.refresh(rotation.present(RefreshToken, text))


def replay(text, request=None):
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.present(RefreshToken, text, request)


def family_is_revoked(pair):
    with pytest.raises(TokenError, match="Token family is blacklisted"):
        RefreshToken(pair.refresh)
    with pytest.raises(TokenError, match="Token family is blacklisted"):
        AccessToken(pair.access)
    return True


@pytest.fixture
def server_database(transactional_db):
    """Rows that other connections see: a server, or a file; SQLite in memory has no other connections."""
    alias = router.db_for_write(tokens.OutstandingToken)
    if not has_other_connections(connections[alias]):
        pytest.skip("SQLite in memory has one connection")
    if connections[alias].vendor == "sqlite":
        with connections[alias].cursor() as cursor:
            cursor.execute("PRAGMA journal_mode = WAL")
    return alias


class ProjectsOwnView(APIView):
    """As projects write them: the serializer inside, the refusal raised, the request atomic."""

    authentication_classes = (JWTAuthentication,)

    def post(self, request):
        serializer = TokenRefreshSerializer(data=request.data, context={"request": request})
        try:
            serializer.is_valid(raise_exception=True)
        except TokenError as error:
            raise InvalidToken(error.args[0]) from error
        return Response(serializer.validated_data)


def test_it_outlives_an_atomic_request_of_the_projects_own(server_database, stolen, settings, monkeypatch):
    text, pair = stolen
    monkeypatch.setitem(connections[server_database].settings_dict, "ATOMIC_REQUESTS", True)
    with transaction.atomic(using=server_database):
        answer = ProjectsOwnView.as_view()(APIRequestFactory().post("/", {"refresh": text}))
        assert answer.status_code == 401
        assert connections[server_database].needs_rollback
    assert family_is_revoked(pair)


def test_it_outlives_a_transaction_of_the_projects_own(server_database, stolen, user):
    text, pair = stolen

    def roll_back():
        with transaction.atomic(using=server_database):
            if connections[server_database].vendor != "sqlite":
                # SQLite has one writer at a time, so there the caller's own writes come after.
                user.set_password("the project writes, and takes it back")
                user.save()
            replay(text)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        roll_back()
    assert family_is_revoked(pair)
    user.refresh_from_db()
    assert not user.check_password("the project writes, and takes it back")


def test_a_family_founded_in_the_same_transaction_is_revoked_within_it(server_database, user):
    with transaction.atomic(using=server_database):
        text = str(RefreshToken.for_user(user))
        pair = rotation.refresh(rotation.present(RefreshToken, text))
        replay(text)
        assert family_is_revoked(pair)
    assert family_is_revoked(pair)


def test_what_has_to_wait_for_the_caller_shares_its_transaction(server_database, stolen, caplog):
    text, pair = stolen
    with transaction.atomic(using=server_database):
        # The caller has the row that the other connection would make, and may yet take it back.
        savepoint = transaction.savepoint(using=server_database)
        RefreshToken(pair.refresh).blacklist_family()
        replay(text)
        assert transaction.savepoint_commit(savepoint, using=server_database) is None
    assert family_is_revoked(pair)
    assert "shares the caller's transaction" in caplog.text


def replay_and_roll_back(alias, text):
    with transaction.atomic(using=alias):
        replay(text)
        transaction.set_rollback(True, using=alias)


LIMIT_OF_WAITING = {
    "postgresql": "SHOW lock_timeout",
    "mysql": "SELECT @@innodb_lock_wait_timeout",
    "sqlite": "PRAGMA busy_timeout",
}


def limit_of(connection):
    with connection.cursor() as cursor:
        cursor.execute(LIMIT_OF_WAITING[connection.vendor])
        return cursor.fetchone()[0]


def test_the_connection_that_it_borrows_comes_back_as_it_was(server_database, stolen, monkeypatch):
    """A pool or a proxy hands it to somebody else, who may have to wait for a lock."""
    limits, unpooled = [], transactions._new_unpooled_connection

    def borrowed(connection):
        lent = unpooled(connection)
        limits.append(limit_of(lent))
        close = lent.close

        def come_back():
            limits.append(limit_of(lent))
            close()

        lent.close = come_back
        return lent

    monkeypatch.setattr(transactions, "_new_unpooled_connection", borrowed)
    text, pair = stolen
    replay_and_roll_back(server_database, text)
    assert family_is_revoked(pair)
    assert len(limits) == 2
    assert limits[0] == limits[1]


def test_it_asks_no_pool_for_a_connection(server_database, monkeypatch):
    options = connections[server_database].settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "pool", {"max_size": 1})
    unpooled = transactions._new_unpooled_connection(connections[server_database])
    assert "pool" not in unpooled.settings_dict["OPTIONS"]
    assert unpooled.settings_dict["NAME"] == connections[server_database].settings_dict["NAME"]


def test_where_no_connection_comes_in_time_it_shares_the_callers_transaction(
    server_database, stolen, monkeypatch, caplog
):
    """As behind a proxy whose connections all belong to callers that wait for their alarms."""
    text, pair = stolen
    ended, comes = threading.Event(), threading.Event()
    unpooled = transactions._new_unpooled_connection

    def late(connection):
        comes.wait(10)
        found = unpooled(connection)
        close = found.close
        found.close = lambda: (close(), ended.set())
        return found

    monkeypatch.setattr(transactions, "_new_unpooled_connection", late)
    monkeypatch.setattr(transactions, "CONNECT_TIMEOUT", 0.02)
    replay_and_roll_back(server_database, text)
    comes.set()
    assert ended.wait(10)
    assert "shares the caller's transaction" in caplog.text
    assert rotation.refresh(rotation.present(RefreshToken, pair.refresh)), "nobody revoked the family afterwards"


@pytest.mark.parametrize(
    "broken",
    [
        mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start new thread")),
        mock.patch.object(transactions, "_new_unpooled_connection", side_effect=DatabaseError("too many connections")),
    ],
    ids=["no thread", "no connection"],
)
def test_without_a_connection_it_shares_the_callers_transaction(server_database, stolen, caplog, broken):
    text, pair = stolen
    with broken, transaction.atomic(using=server_database):
        replay(text)
    assert "shares the caller's transaction" in caplog.text
    assert family_is_revoked(pair)


def test_an_error_of_the_projects_own_reaches_the_caller(server_database, stolen, monkeypatch):
    text, _ = stolen
    monkeypatch.setattr(RefreshToken, "blacklist_family", mock.Mock(side_effect=ValueError("the project's own")))
    with transaction.atomic(using=server_database), pytest.raises(ValueError, match="the project's own"):
        rotation.present(RefreshToken, text)


def test_a_revocation_that_is_taken_back_ends_no_family(server_database, user):
    """The token was revoked in the transaction that is rolled back: nobody else ever saw that."""
    token = RefreshToken.for_user(user)
    with transaction.atomic(using=server_database):
        token.blacklist()
        replay(str(token))
        assert revocation.family_store().is_revoked(token["family_id"])
        transaction.set_rollback(True, using=server_database)
    assert rotation.refresh(rotation.present(RefreshToken, str(token)))


def test_a_revocation_that_only_the_cache_remembers_ends_no_family(user, simple_jwt):
    simple_jwt(CACHE_BLACKLISTED_REFRESH_TOKENS=True)
    token = RefreshToken.for_user(user)
    blacklist_cache.add_refresh_token(token["jti"])
    replay(str(token))
    blacklist_cache.delete_refresh_token_from_cache(token["jti"])
    assert rotation.refresh(rotation.present(RefreshToken, str(token)))


def test_it_is_told_once(stolen, received, caplog):
    text, _ = stolen
    request = APIRequestFactory().post("/")
    with received(signals.refresh_token_reused) as reused, received(signals.family_revoked) as revoked:
        replay(text, request)
        for _ in range(3):
            replay(text, request)
    spent = RefreshToken(text, verify=False)
    facts = {"family_id": spent["family_id"], "jti": spent["jti"], "user_id": spent[api_settings.USER_ID_CLAIM]}
    assert reused == [{"sender": RefreshToken, **facts, "request": request}]
    assert revoked == [{"sender": RefreshToken, "family_id": spent["family_id"], "reason": "reuse"}]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert text not in caplog.text
    for fact in facts.values():
        assert fact in caplog.text


def test_a_claim_forges_no_line_of_the_log(user, caplog):
    token = RefreshToken.for_user(user)
    token[api_settings.USER_ID_CLAIM] = f"{user.pk}\nCRITICAL all is well"
    text = str(token)
    token.blacklist()
    replay(text)
    assert "\n" not in caplog.messages[0]


def test_receivers_that_raise_break_nothing(stolen, user):
    def broken(**kwargs):
        raise RuntimeError("a receiver of the project's own")

    for signal in (signals.token_refreshed, signals.refresh_token_reused, signals.family_revoked):
        signal.connect(broken)
    try:
        text, pair = stolen
        replay(text)
        assert family_is_revoked(pair)
        assert rotation.refresh(rotation.present(RefreshToken, str(RefreshToken.for_user(user))))
    finally:
        for signal in (signals.token_refreshed, signals.refresh_token_reused, signals.family_revoked):
            signal.disconnect(broken)


def test_nothing_else_than_a_conflict_is_tried_again(db):
    def fails():
        attempts.append(1)
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT nonsense FROM nowhere")

    attempts = []
    alias = router.db_for_write(tokens.OutstandingToken)
    with pytest.raises(Exception, match="nowhere"):
        transactions.run_with_retry(alias, fails, writes=tokens.OutstandingToken)
    assert attempts == [1]
