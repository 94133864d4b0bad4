"""The alarm outlives what surrounds it, and tells those who listen."""

import pytest
from django.db import connections, router, transaction
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from rest_framework_simplejwt import rotation, signals, tokens
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.revocation import transactions
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

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
    if transactions._in_memory(connections[alias]):
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
        transactions.run(alias, fails, writes=tokens.OutstandingToken)
    assert attempts == [1]
