import base64
import json

import jwt
import pytest

from rest_framework_simplejwt import profile, state
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken, UntypedToken

pytestmark = pytest.mark.django_db

PARTIES = {"ISSUER": "https://us.test", "AUDIENCE": "api", "CLIENT_ID": "app"}


@pytest.fixture
def plain(simple_jwt, user):
    """Tokens from before, by their kind."""
    simple_jwt(**PARTIES)
    refresh = RefreshToken.for_user(user)
    return {"access": str(refresh.access_token), "refresh": str(refresh)}


@pytest.fixture
def profiled(plain, simple_jwt):
    simple_jwt(ACCESS_TOKEN_PROFILE="rfc9068")


def header_of(token):
    return jwt.get_unverified_header(str(token))


def retyped(token, typ):
    """A token of ours with another header, or none."""
    return state.token_backend.encode(token.payload, typ=typ)


def test_without_a_profile_all_are_plain(plain):
    assert {header_of(token)["typ"] for token in plain.values()} == {"JWT"}
    assert {"sub", "client_id"}.isdisjoint(AccessToken(plain["access"]).payload.keys() - {api_settings.USER_ID_CLAIM})


def test_an_access_token_is_as_the_standard_wants_it(profiled, user, user_id):
    text = str(RefreshToken.for_user(user).access_token)
    payload = AccessToken(text).payload
    assert header_of(text) == {"alg": "HS256", "typ": "at+jwt"}
    assert {"iss", "aud", "exp", "sub", "iat", "jti", "client_id"} <= payload.keys()
    assert (payload["iss"], payload["aud"], payload["client_id"]) == ("https://us.test", "api", "app")
    assert payload["sub"] == payload[api_settings.USER_ID_CLAIM] == user_id


def test_a_claim_of_the_projects_own_stays(profiled, user):
    token = AccessToken.for_user(user)
    token["client_id"] = "another"
    assert AccessToken(str(token))["client_id"] == "another"


def test_a_refresh_token_says_that_it_is_one(profiled, user):
    assert header_of(RefreshToken.for_user(user))["typ"] == "rt+jwt"
    assert header_of(SlidingToken.for_user(user))["typ"] == "JWT"


def test_the_whole_journey(profiled, user, post, credentials, whoami, simple_jwt):
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
    pair = post("obtain", **credentials).json()
    again = post("refresh", refresh=pair["refresh"]).json()
    assert whoami(again["access"]).status_code == 200
    assert post("verify", token=again["access"]).status_code == 200
    assert post("blacklist", refresh=again["refresh"]).status_code == 200


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_plain_token_is_refused(profiled, plain, kind):
    with pytest.raises(TokenError, match="Token has wrong type"):
        {"access": AccessToken, "refresh": RefreshToken}[kind](plain[kind])
    assert UntypedToken(plain[kind])


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_but_not_in_the_window_of_migration(profiled, plain, kind, simple_jwt):
    simple_jwt(ACCESS_TOKEN_PROFILE_REQUIRED=False)
    assert {"access": AccessToken, "refresh": RefreshToken}[kind](plain[kind])


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("typ", ["rt+jwt", "at+jwt2", "", "dpop+jwt", "logout+jwt", "application/rt+jwt"])
def test_a_token_of_another_type_is_no_access_token(profiled, user, simple_jwt, required, typ):
    simple_jwt(ACCESS_TOKEN_PROFILE_REQUIRED=required)
    token = AccessToken(str(AccessToken.for_user(user)))
    with pytest.raises(TokenError, match="Token has wrong type"):
        AccessToken(retyped(token, typ))


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/at+JWT"])
def test_the_type_is_a_media_type(profiled, user, typ):
    token = AccessToken(str(AccessToken.for_user(user)))
    assert AccessToken(retyped(token, typ))


@pytest.mark.parametrize("claim", ["sub", "client_id", "iat", "jti"])
@pytest.mark.parametrize("value", ["missing", ["x"], None])
def test_what_the_standard_requires_must_be_there(profiled, user, claim, value):
    token = AccessToken(str(AccessToken.for_user(user)))
    del token[claim]
    if value != "missing":
        token[claim] = value
    with pytest.raises(TokenError):
        AccessToken(retyped(token, "at+jwt"))


def test_one_that_was_only_read_is_not_looked_at(profiled, plain):
    assert json.dumps(AccessToken(plain["access"], verify=False).payload)


class OfBefore:
    """A backend as 5.5.1 describes it, and as a project may have written it."""

    def encode(self, payload):
        return f"{base64.b16encode(json.dumps(payload).encode()).decode()}.of.a.kind.of.its.own"

    def decode(self, token, verify=True):
        return json.loads(base64.b16decode(token.partition(".")[0]))


class PassesAllOn(OfBefore):
    def encode(self, payload, **kwargs):
        return super().encode(payload)


def test_tokens_of_a_backend_that_writes_no_type_are_as_without_a_profile(profiled, user):
    class Mine(AccessToken):
        _token_backend = OfBefore()

    token = Mine(str(Mine.for_user(user)))
    assert token["token_type"] == "access"
    assert "client_id" not in token


def test_a_token_whose_header_can_not_be_read_is_plain(profiled, user, simple_jwt):
    class Mine(AccessToken):
        _token_backend = PassesAllOn()

    text = str(Mine.for_user(user))
    with pytest.raises(TokenError, match="Token has wrong type"):
        Mine(text)
    simple_jwt(ACCESS_TOKEN_PROFILE_REQUIRED=False)
    assert Mine(text)


@pytest.mark.parametrize(("claims", "completed"), [({}, set()), ({"uid": 5}, {"uid", "sub"})])
def test_a_token_of_nobody_has_no_subject(claims, completed):
    assert profile.complete(claims, "access", user_id_claim="uid", client_id=None).keys() == completed
