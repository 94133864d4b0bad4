"""For tests of a project whose Redis can't be asked."""

from datetime import timedelta

import pytest

from rest_framework_simplejwt.revocation import redis as module
from rest_framework_simplejwt.revocation.redis import RedisStore
from rest_framework_simplejwt.tokens import RefreshToken, SlidingToken

PACKAGE = "rest_framework_simplejwt"


@pytest.fixture
def on(simple_jwt):
    """The store as a project has it, its own client included, on the server of that URL."""
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
    module._outage.over()


@pytest.fixture
def issue(user, simple_jwt):
    """New tokens of each kind, as texts; the access token carries its family."""
    simple_jwt(TOKEN_FAMILY_CHECK_ON_ACCESS=True)

    def of_each_kind():
        refresh, sliding = RefreshToken.for_user(user), SlidingToken.for_user(user)
        return {"refresh": str(refresh), "access": str(refresh.access_token), "sliding": str(sliding)}

    return of_each_kind


@pytest.fixture
def asked(post, whoami, credentials):
    """The answers to everything that can be asked with these tokens, by what was asked."""

    def ask(texts):
        return {
            "access": whoami(texts["access"]),
            "sliding": whoami(texts["sliding"]),
            "login": post("obtain", **credentials),
            "refresh": post("refresh", refresh=texts["refresh"]),
            "verify": post("verify", token=texts["refresh"]),
            "log out": post("blacklist", refresh=texts["refresh"]),
            "log the family out": post("blacklist family", refresh=texts["refresh"]),
            "refresh sliding": post("refresh sliding", token=texts["sliding"]),
        }

    return ask
