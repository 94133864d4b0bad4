"""A refresh that finds out by spending a token whether it was revoked answers as one that had asked first."""

from datetime import timedelta

import pytest

from rest_framework_simplejwt import rotation, tokens
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.revocation.sql import SQLStore
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.tokens import RefreshToken

pytestmark = [pytest.mark.django_db, pytest.mark.needs("token_blacklist", "token_family")]


@pytest.fixture(autouse=True)
def _rotating(simple_jwt):
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        TOKEN_FAMILY_ENABLED=True,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
    )


@pytest.fixture
def token(user):
    return RefreshToken.for_user(user)


def family_is_revoked(token):
    return tokens.BlacklistedTokenFamily.objects.filter(family__family_id=token["family_id"]).exists()


def is_spent(token):
    return tokens.BlacklistedToken.objects.filter(token__jti=token["jti"]).exists()


@pytest.fixture
def exchanged(monkeypatch):
    """What the store was asked to do in one go, and what it said."""
    calls, exchange = [], SQLStore.exchange

    def spy(self, *args):
        calls.append(exchange(self, *args))
        return calls[-1]

    monkeypatch.setattr(SQLStore, "exchange", spy)
    return calls


def test_a_good_token_is_spent_in_one_go(token, post, exchanged):
    answer = post("refresh", refresh=str(token))
    assert answer.status_code == 200
    assert is_spent(token)
    record = tokens.OutstandingToken.objects.get(jti=RefreshToken(answer.json()["refresh"])["jti"])
    assert record.token == answer.json()["refresh"]
    assert exchanged in ([True], [])  # by the ORM on MariaDB


def test_a_revoked_one_sounds_the_alarm(token, post):
    token.blacklist()
    answer = post("refresh", refresh=str(token))
    assert (answer.status_code, answer.json()["detail"]) == (401, "Token is blacklisted")
    assert family_is_revoked(token)


def test_one_of_a_revoked_family_spends_nothing(token, post):
    token.blacklist_family()
    answer = post("refresh", refresh=str(token))
    assert (answer.status_code, answer.json()["detail"]) == (401, "Token family is blacklisted")
    assert not is_spent(token)
    assert tokens.OutstandingToken.objects.count() == 1


def test_one_that_is_not_on_record_is_good_once(token, post):
    tokens.OutstandingToken.objects.all().delete()
    assert post("refresh", refresh=str(token)).status_code == 200
    assert post("refresh", refresh=str(token)).json()["detail"] == "Token is blacklisted"


@pytest.mark.parametrize("way", ["delete", "deactivate"])
def test_a_revoked_token_of_nobody_sounds_the_alarm(token, user, post, way):
    if way == "deactivate" and not hasattr(user, "is_active"):
        pytest.skip("these users can't be inactive")
    token.blacklist()
    if way == "delete":
        user.delete()
    else:
        user.is_active = False
        user.save()
    assert post("refresh", refresh=str(token)).json()["detail"] == "Token is blacklisted"
    assert family_is_revoked(token)


def test_a_good_token_of_nobody_is_not_spent(token, user, post):
    user.delete()
    assert post("refresh", refresh=str(token)).json()["code"] == "no_active_account"
    assert not is_spent(token)


def test_a_revoked_token_is_refused_as_that_whatever_else_is_wrong(token, post):
    token.blacklist()
    token["token_type"] = "another"
    assert post("refresh", refresh=str(token)).json()["detail"] == "Token is blacklisted"
    assert family_is_revoked(token)


def test_a_token_without_a_family_is_told_apart(user, simple_jwt, post, caplog):
    simple_jwt(TOKEN_FAMILY_ENABLED=False)
    without = RefreshToken.for_user(user)
    revoked = RefreshToken.for_user(user)
    revoked.blacklist()
    assert post("refresh", refresh=str(revoked)).status_code == 401
    simple_jwt(TOKEN_FAMILY_ENABLED=True)
    assert post("refresh", refresh=str(without)).status_code == 200
    assert "A refresh token without a family was accepted" in caplog.text


class TestWhoIsAskedFirst:
    """Projects with a say of their own have it before anything is spent."""

    @pytest.fixture
    def refresh(self, token, exchanged):
        def refreshed(token_class=RefreshToken, serializer_class=TokenRefreshSerializer):
            kind = type("Serializer", (serializer_class,), {"token_class": token_class})
            serializer = kind(data={"refresh": str(token)})
            serializer.is_valid(raise_exception=True)
            return exchanged

        return refreshed

    @pytest.mark.parametrize("name", ["verify", "check_blacklist", "blacklist", "outstand"])
    def test_a_token_class(self, refresh, name):
        called = []

        def hook(self):
            called.append(name)
            return getattr(RefreshToken, name)(self)

        assert refresh(type("Own", (RefreshToken,), {name: hook})) == []
        assert called

    @pytest.mark.parametrize("name", ["check_user", "get_user"])
    def test_a_serializer(self, refresh, name):
        def hook(self, token):
            return getattr(TokenRefreshSerializer, name)(self, token)

        assert refresh(serializer_class=type("Own", (TokenRefreshSerializer,), {name: hook})) == []

    def test_a_password_that_may_have_changed(self, simple_jwt, user, post, exchanged):
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        assert post("refresh", refresh=str(RefreshToken.for_user(user))).status_code == 200
        assert exchanged == []

    @pytest.mark.parametrize("name", ["CACHE_BLACKLISTED_REFRESH_TOKENS", "CACHE_BLACKLISTED_FAMILIES"])
    def test_a_cache(self, refresh, simple_jwt, name):
        simple_jwt(**{name: True})
        assert refresh() == []


def test_who_presents_a_token_in_code_is_told_at_once(token):
    token.blacklist()
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.present(RefreshToken, str(token))


def test_settling_what_was_settled_asks_nothing(token, assert_statements):
    presented = rotation.present(RefreshToken, str(token))
    with assert_statements(0):
        rotation.settle(presented)


def test_settling_tells_of_a_revoked_family(token):
    presented = rotation.present(RefreshToken, str(token), at_once=True)
    token.blacklist_family()
    if presented.is_open:
        with pytest.raises(TokenError, match="Token family is blacklisted"):
            rotation.settle(presented)


def test_within_the_grace_period_settling_is_content(token, simple_jwt):
    simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=timedelta(seconds=10))
    presented = rotation.present(RefreshToken, str(token), at_once=True)
    rotation.refresh(rotation.present(RefreshToken, str(token)))
    rotation.settle(presented)
