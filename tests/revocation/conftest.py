"""Fixtures for tests in which Redis is unavailable."""

from datetime import timedelta

import pytest

from rest_framework_simplejwt.revocation import redis as module
from rest_framework_simplejwt.revocation.redis import RedisStore
from rest_framework_simplejwt.tokens import RefreshToken, SlidingToken

PACKAGE = "rest_framework_simplejwt"


@pytest.fixture
def use_redis(simple_jwt):
    """Use RedisStore with its own client on the server of a URL: `use_redis(url)`."""
    clients = []

    def connect(url):
        simple_jwt(
            REVOCATION_STORE=f"{PACKAGE}.revocation.redis.RedisStore",
            REVOCATION_REDIS_URL=url,
            ROTATE_REFRESH_TOKENS=True,
            BLACKLIST_AFTER_ROTATION=True,
            REFRESH_TOKEN_GRACE_PERIOD=timedelta(minutes=5),
            AUTH_TOKEN_CLASSES=(f"{PACKAGE}.tokens.AccessToken", f"{PACKAGE}.tokens.SlidingToken"),
        )
        clients.append(RedisStore("token").client)

    yield connect
    for client in clients:
        client.close()
    module._build_client.cache_clear()
    module._outage.end()


@pytest.fixture
def issue(user, simple_jwt):
    """Issue a token of each kind and return the encoded tokens by name. The access token has the family claim."""
    simple_jwt(TOKEN_FAMILY_CHECK_ON_ACCESS=True)

    def issue_each_kind():
        refresh, sliding = RefreshToken.for_user(user), SlidingToken.for_user(user)
        return {"refresh": str(refresh), "access": str(refresh.access_token), "sliding": str(sliding)}

    return issue_each_kind


@pytest.fixture
def send_all(post, whoami, credentials):
    """Send a login and each request that takes one of these tokens. Return the responses by name: `send_all(texts)`."""

    def send(texts):
        return {
            "access": whoami(texts["access"]),
            "sliding": whoami(texts["sliding"]),
            "login": post("obtain", **credentials),
            "refresh": post("refresh", refresh=texts["refresh"]),
            "verify": post("verify", token=texts["refresh"]),
            "log out": post("blacklist", refresh=texts["refresh"]),
            "log out family": post("blacklist family", refresh=texts["refresh"]),
            "refresh sliding": post("refresh sliding", token=texts["sliding"]),
        }

    return send
