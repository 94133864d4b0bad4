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
    """Tokens that were issued without the profile, by token type."""
    simple_jwt(**PARTIES)
    refresh = RefreshToken.for_user(user)
    return {"access": str(refresh.access_token), "refresh": str(refresh)}


@pytest.fixture
def profiled(plain, simple_jwt):
    simple_jwt(ACCESS_TOKEN_PROFILE="rfc9068")


def header_of(token):
    return jwt.get_unverified_header(str(token))


def with_typ(token, typ):
    """The token, signed again with another `typ` in the header."""
    return state.token_backend.encode(token.payload, typ=typ)


def test_without_the_profile_the_typ_is_jwt_and_no_claims_are_added(plain):
    assert {header_of(token)["typ"] for token in plain.values()} == {"JWT"}
    assert {"sub", "client_id"}.isdisjoint(AccessToken(plain["access"]).payload.keys() - {api_settings.USER_ID_CLAIM})


def test_an_access_token_has_the_typ_and_the_claims_of_rfc_9068(profiled, user, user_id):
    text = str(RefreshToken.for_user(user).access_token)
    payload = AccessToken(text).payload
    assert header_of(text) == {"alg": "HS256", "typ": "at+jwt"}
    assert {"iss", "aud", "exp", "sub", "iat", "jti", "client_id"} <= payload.keys()
    assert (payload["iss"], payload["aud"], payload["client_id"]) == ("https://us.test", "api", "app")
    assert payload["sub"] == payload[api_settings.USER_ID_CLAIM] == user_id


def test_a_claim_that_the_project_has_set_is_not_replaced(profiled, user):
    token = AccessToken.for_user(user)
    token["client_id"] = "another"
    assert AccessToken(str(token))["client_id"] == "another"


def test_a_refresh_token_has_its_own_typ_and_a_sliding_token_has_not(profiled, user):
    assert header_of(RefreshToken.for_user(user))["typ"] == "rt+jwt"
    assert header_of(SlidingToken.for_user(user))["typ"] == "JWT"


def test_tokens_work_from_login_to_blacklist(profiled, user, post, credentials, whoami, simple_jwt):
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
    pair = post("obtain", **credentials).json()
    again = post("refresh", refresh=pair["refresh"]).json()
    assert whoami(again["access"]).status_code == 200
    assert post("verify", token=again["access"]).status_code == 200
    assert post("blacklist", refresh=again["refresh"]).status_code == 200


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_from_before_the_profile_is_refused(profiled, plain, kind):
    with pytest.raises(TokenError, match="Token has wrong type"):
        {"access": AccessToken, "refresh": RefreshToken}[kind](plain[kind])
    assert UntypedToken(plain[kind])


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_from_before_the_profile_is_accepted_while_the_profile_is_not_required(
    profiled, plain, kind, simple_jwt
):
    simple_jwt(ACCESS_TOKEN_PROFILE_REQUIRED=False)
    assert {"access": AccessToken, "refresh": RefreshToken}[kind](plain[kind])


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("typ", ["rt+jwt", "at+jwt2", "", "dpop+jwt", "logout+jwt", "application/rt+jwt"])
def test_a_token_with_another_typ_is_no_access_token(profiled, user, simple_jwt, required, typ):
    simple_jwt(ACCESS_TOKEN_PROFILE_REQUIRED=required)
    token = AccessToken(str(AccessToken.for_user(user)))
    with pytest.raises(TokenError, match="Token has wrong type"):
        AccessToken(with_typ(token, typ))


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/at+JWT"])
def test_the_typ_is_compared_as_a_media_type(profiled, user, typ):
    token = AccessToken(str(AccessToken.for_user(user)))
    assert AccessToken(with_typ(token, typ))


@pytest.mark.parametrize("claim", ["sub", "client_id", "iat", "jti"])
@pytest.mark.parametrize("value", ["missing", ["x"], None])
def test_a_claim_that_rfc_9068_requires_must_be_present_and_of_the_right_type(profiled, user, claim, value):
    token = AccessToken(str(AccessToken.for_user(user)))
    del token[claim]
    if value != "missing":
        token[claim] = value
    with pytest.raises(TokenError):
        AccessToken(with_typ(token, "at+jwt"))


def test_an_unverified_token_is_not_checked(profiled, plain):
    assert json.dumps(AccessToken(plain["access"], verify=False).payload)


class BackendWithoutTyp:
    """A project's own backend with the interface of 5.5.1."""

    def encode(self, payload):
        return f"{base64.b16encode(json.dumps(payload).encode()).decode()}.not.a.jws"

    def decode(self, token, verify=True):
        return json.loads(base64.b16decode(token.partition(".")[0]))


class BackendThatIgnoresTyp(BackendWithoutTyp):
    def encode(self, payload, **kwargs):
        return super().encode(payload)


def test_a_backend_without_typ_issues_tokens_without_the_profile(profiled, user):
    class OwnToken(AccessToken):
        _token_backend = BackendWithoutTyp()

    token = OwnToken(str(OwnToken.for_user(user)))
    assert token["token_type"] == "access"
    assert "client_id" not in token


def test_a_token_that_is_no_jws_counts_as_typ_jwt(profiled, user, simple_jwt):
    class OwnToken(AccessToken):
        _token_backend = BackendThatIgnoresTyp()

    text = str(OwnToken.for_user(user))
    with pytest.raises(TokenError, match="Token has wrong type"):
        OwnToken(text)
    simple_jwt(ACCESS_TOKEN_PROFILE_REQUIRED=False)
    assert OwnToken(text)


@pytest.mark.parametrize(("claims", "completed"), [({}, set()), ({"uid": 5}, {"uid", "sub"})])
def test_a_token_without_a_user_gets_no_sub_claim(claims, completed):
    assert profile.with_required_claims(claims, "access", user_id_claim="uid", client_id=None).keys() == completed
