import re
from pathlib import Path

import pytest

from rest_framework_simplejwt import rotation, signals
from rest_framework_simplejwt.revocation import sql, transactions
from rest_framework_simplejwt.tokens import RefreshToken, SlidingToken

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("endpoint", "kind"), [("obtain", RefreshToken), ("obtain sliding", SlidingToken)])
def test_a_login_sends_token_issued(post, user, credentials, received, endpoint, kind):
    with received(signals.token_issued) as calls:
        post(endpoint, **credentials)
    (call,) = calls
    assert (call["sender"], call["user"]) == (kind, user)
    assert call["token"].token_type == kind.token_type
    assert call["request"].path.startswith("/token/")


def test_a_refused_login_sends_nothing(post, user, credentials, received):
    with received(signals.token_issued) as calls:
        post("obtain", **{**credentials, "password": "wrong"})
    assert calls == []


def test_a_refresh_without_rotation_sends_token_refreshed(post, user, received):
    token = RefreshToken.for_user(user)
    with received(signals.token_refreshed) as calls:
        post("refresh", refresh=str(token))
    (call,) = calls
    assert call["token"].payload == token.payload
    assert call["replayed"] is False


@pytest.mark.needs("revocation")
class TestTokenRevoked:
    def test_it_is_sent_once_for_a_token(self, user, received):
        token = RefreshToken.for_user(user)
        with received(signals.token_revoked) as calls:
            token.blacklist()
            token.blacklist()
        assert calls == [{"sender": RefreshToken, "jti": token["jti"], "token": token}]

    def test_it_is_not_sent_for_a_token_that_a_refresh_consumes(self, user, received, simple_jwt):
        simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
        with received(signals.token_revoked) as calls:
            rotation.rotate(RefreshToken.for_user(user))
        assert calls == []

    @pytest.mark.needs("token_blacklist")
    def test_it_is_not_sent_for_a_revocation_that_is_rolled_back(self, user, received):
        from django.db import transaction

        token = RefreshToken.for_user(user)

        def roll_back():
            with transaction.atomic(using=token.outstand()[0]._state.db):
                token.blacklist()
                raise RuntimeError

        with received(signals.token_revoked) as calls, pytest.raises(RuntimeError):
            roll_back()
        assert calls == []


@pytest.mark.needs("revocation", "families")
def test_family_revoked_is_sent_once_for_a_family(user, received, simple_jwt):
    simple_jwt(TOKEN_FAMILY_ENABLED=True)
    token = RefreshToken.for_user(user)
    with received(signals.family_revoked) as calls:
        token.blacklist_family()
        token.blacklist_family()
    assert calls == [{"sender": RefreshToken, "family_id": token["family_id"], "reason": "revoked"}]


@pytest.mark.needs("token_blacklist", "token_family")
@pytest.mark.parametrize(
    "name", ["token_issued", "token_refreshed", "token_revoked", "family_revoked", "refresh_token_reused"]
)
def test_the_docs_list_the_arguments_of_each_signal(post, user, credentials, received, simple_jwt, name):
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        TOKEN_FAMILY_ENABLED=True,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
    )
    page = Path("docs/explanation/rotation.md").read_text()
    (arguments,) = re.findall(rf"^\| `{name}` \| (.*?) \|", page, re.MULTILINE)
    with received(getattr(signals, name)) as calls:
        token = post("obtain", **credentials).json()["refresh"]
        post("refresh", refresh=token)
        RefreshToken.for_user(user).blacklist()
        post("refresh", refresh=token)
    assert [set(call) - {"sender"} for call in calls] == [set(re.findall(r"`(\w+)`", arguments))]


def test_the_docs_state_the_number_of_attempts_and_rounds():
    page = Path("docs/explanation/rotation.md").read_text()
    assert f"{transactions.MAX_ATTEMPTS} attempts in all" in page
    assert f"After {sql.MAX_ROUNDS} rounds it gives up" in page
