"""A table of every error response of the package: how to provoke it, and its content. Several test files use it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import OperationalError, connections, router
from rest_framework.test import APIClient

from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

PASSWORD = "a long enough password"


@dataclass
class World:
    """What a refusal needs: a client, a user, and the function `change`, which changes SIMPLE_JWT."""

    change: Callable[..., None]
    client: APIClient = field(default_factory=partial(APIClient, raise_request_exception=False))

    def __post_init__(self):
        self.user = get_user_model().objects.create_user(username="alice", password=PASSWORD)

    def get(self, token, path="/whoami/"):
        return self.client.get(path, HTTP_AUTHORIZATION=f"Bearer {token}")

    def post(self, path, **body):
        return self.client.post(f"/token/{path}", body)

    def delete_user(self):
        self.user.delete()

    def change_password(self):
        self.user.set_password("another")
        self.user.save()


def without(token, *claims):
    for claim in claims:
        del token[claim]
    return str(token)


def token_before_change(world, change, make=AccessToken):
    """Returns a token that was issued before `change(world)`."""
    token = str(make.for_user(world.user))
    change(world)
    return token


def deactivate(world):
    world.user.is_active = False
    world.user.save()


def revoked_token(world):
    token = RefreshToken.for_user(world.user)
    token.blacklist()
    return str(token)


def token_before_new_password(world, make=AccessToken):
    world.change(CHECK_REVOKE_TOKEN=True)
    return token_before_change(world, World.change_password, make)


def token_with_unavailable_keys(world):
    token = str(AccessToken.for_user(world.user))
    world.change(ALGORITHM="RS256", SIGNING_KEY=None, JWK_URL="https://127.0.0.1:1/jwks.json")
    # The header has RS256, so that the key set is fetched.
    return f"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.{token.split('.', 1)[1]}"


def refresh_token_without_active_key(world):
    """Returns a valid refresh token, after the key ring has lost its active key."""
    key = {"kid": "a", "algorithm": "HS256", "key": "a secret of an HMAC that is long enough"}
    world.change(SIGNING_KEYS=[key])
    token = str(RefreshToken.for_user(world.user))
    world.change(SIGNING_KEYS=[{**key, "not_before": 32_503_680_000}])
    return token


def refresh_token_with_unavailable_redis(world):
    token = str(RefreshToken.for_user(world.user))
    world.change(
        REVOCATION_STORE="rest_framework_simplejwt.revocation.redis.RedisStore",
        REVOCATION_REDIS_URL="redis://127.0.0.1:1/0",
        TOKEN_FAMILY_ENABLED=False,
    )
    return token


def login_with_unavailable_database(world):
    def fail(*statement):
        raise OperationalError("server closed the connection unexpectedly")

    with connections[router.db_for_write(get_user_model())].execute_wrapper(fail):
        return world.post("", username="alice", password=PASSWORD)


def refresh_token_without_family(world):
    world.change(TOKEN_FAMILY_ENABLED=False)
    token = str(RefreshToken.for_user(world.user))
    world.change(TOKEN_FAMILY_ENABLED=True)
    return token


@dataclass(frozen=True)
class Refusal:
    name: str
    status: int
    code: str
    detail: str
    provoke: Callable[[World], Any]
    # An error of DRF, whose body has no code.
    is_plain: bool = False

    @property
    def body(self):
        return {"detail": self.detail} if self.is_plain else {"detail": self.detail, "code": self.code}


INVALID = "Token is invalid"
NO_USER_ID = "Token contained no recognizable user identification"
NO_ACTIVE_ACCOUNT = "No active account found for the given token."
PASSWORD_CHANGED = "The user's password has been changed."
UNAVAILABLE = "Tokens can't be checked at the moment, try again"

REFUSALS = [
    Refusal(
        "a header of three words",
        401,
        "bad_authorization_header",
        "Authorization header must contain two space-delimited values",
        lambda w: w.get("a b"),
    ),
    Refusal(
        "a request with a malformed token",
        401,
        "token_not_valid",
        "Given token not valid for any token type",
        lambda w: w.get("x.y.z"),
    ),
    Refusal("a request without a user id", 401, "token_not_valid", NO_USER_ID, lambda w: w.get(AccessToken())),
    Refusal(
        "a stateless request without a user id",
        401,
        "token_not_valid",
        NO_USER_ID,
        lambda w: w.get(AccessToken(), "/stateless/"),
    ),
    Refusal(
        "a request of a deleted user",
        401,
        "user_not_found",
        "User not found",
        lambda w: w.get(token_before_change(w, World.delete_user)),
    ),
    Refusal(
        "a request of an inactive user",
        401,
        "user_inactive",
        "User is inactive",
        lambda w: w.get(token_before_change(w, deactivate)),
    ),
    Refusal(
        "a request with a token from before the new password",
        401,
        "password_changed",
        PASSWORD_CHANGED,
        lambda w: w.get(token_before_new_password(w)),
    ),
    Refusal(
        "a request while the keys are unavailable",
        503,
        "keys_unavailable",
        UNAVAILABLE,
        lambda w: w.get(token_with_unavailable_keys(w)),
    ),
    Refusal(
        "a wrong password",
        401,
        "no_active_account",
        "No active account found with the given credentials",
        lambda w: w.post("", username="alice", password="wrong"),
    ),
    Refusal(
        "a login while the database is unavailable",
        503,
        "service_unavailable",
        UNAVAILABLE,
        login_with_unavailable_database,
    ),
    Refusal(
        "a login without an active key",
        503,
        "keys_unavailable",
        UNAVAILABLE,
        lambda w: (refresh_token_without_active_key(w), w.post("", username="alice", password=PASSWORD))[1],
    ),
    Refusal(
        "a refresh without an active key",
        503,
        "keys_unavailable",
        UNAVAILABLE,
        lambda w: w.post("refresh/", refresh=refresh_token_without_active_key(w)),
    ),
    Refusal(
        "a body that is not JSON",
        400,
        "parse_error",
        "",
        lambda w: w.client.generic("POST", "/token/", b"{", "application/json"),
        True,
    ),
    Refusal(
        "a body in another charset",
        415,
        "unsupported_media_type",
        'Unsupported charset "latin-1" in request Content-Type header. Send UTF-8.',
        lambda w: w.client.generic("POST", "/token/", b"{}", "application/json; charset=latin-1"),
        True,
    ),
    Refusal(
        "a body that is too large",
        413,
        "request_too_large",
        "Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE.",
        lambda w: w.client.generic("POST", "/token/", b" " * 2_621_441, "application/json"),
    ),
    Refusal(
        "a refresh with a malformed token",
        401,
        "token_not_valid",
        INVALID,
        lambda w: w.post("refresh/", refresh="x.y.z"),
    ),
    Refusal(
        "a refresh with a revoked token",
        401,
        "token_not_valid",
        "Token is blacklisted",
        lambda w: w.post("refresh/", refresh=revoked_token(w)),
    ),
    Refusal(
        "a refresh without an id",
        401,
        "token_not_valid",
        "Token has no id",
        lambda w: w.post("refresh/", refresh=without(RefreshToken.for_user(w.user), "jti")),
    ),
    Refusal(
        "a refresh of a deleted user",
        401,
        "no_active_account",
        NO_ACTIVE_ACCOUNT,
        lambda w: w.post("refresh/", refresh=token_before_change(w, World.delete_user, RefreshToken)),
    ),
    Refusal(
        "a refresh with a token from before the new password",
        401,
        "password_changed",
        PASSWORD_CHANGED,
        lambda w: w.post("refresh/", refresh=token_before_new_password(w, RefreshToken)),
    ),
    Refusal(
        "a sliding refresh of an inactive user",
        401,
        "no_active_account",
        NO_ACTIVE_ACCOUNT,
        lambda w: w.post("sliding/refresh/", token=token_before_change(w, deactivate, SlidingToken)),
    ),
    Refusal(
        "a refresh while Redis is unavailable",
        503,
        "revocation_unavailable",
        UNAVAILABLE,
        lambda w: w.post("refresh/", refresh=refresh_token_with_unavailable_redis(w)),
    ),
    Refusal(
        "a verification of a malformed token",
        401,
        "token_not_valid",
        INVALID,
        lambda w: w.post("verify/", token="x.y.z"),
    ),
    Refusal(
        "a log-out with a malformed token",
        401,
        "token_not_valid",
        INVALID,
        lambda w: w.post("blacklist/", refresh="x.y.z"),
    ),
    Refusal(
        "the revocation of a family without families",
        501,
        "token_family_not_configured",
        "Token family is not configured",
        lambda w: (w.change(TOKEN_FAMILY_ENABLED=False), w.post("family/blacklist/", refresh="x"))[1],
    ),
    Refusal(
        "the revocation of a missing family",
        400,
        "token_has_no_family",
        "Token has no family ID",
        lambda w: w.post("family/blacklist/", refresh=refresh_token_without_family(w)),
    ),
]
