import hmac
import time
from datetime import timedelta
from unittest import mock

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured

from rest_framework_simplejwt import state
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.keys.ring import thumbprint
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken
from tests.key_pairs import pem_pair

KEY = "another signing key, which is longer than 32 bytes"
OLD_KEY = f"an old {KEY}"

# Tokens without a kid, signed with KEY and with OLD_KEY. They expire in 2100.
CLAIMS = {"foo": 1, "exp": 4102444800}
TOKEN_OF_KEY = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJmb28iOjEsImV4cCI6NDEwMjQ0NDgwMH0."
    "g9YXh_n5pn5XJ1g4pWY8TkZpYVoyyMkyEsFAPTwCnEI"
)
TOKEN_OF_OLD_KEY = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJmb28iOjEsImV4cCI6NDEwMjQ0NDgwMH0."
    "gJK32PWq11Sg2Kvwb5wytzuBWn3mS6MblS3EKNbXoeY"
)


def test_the_backend_is_built_from_the_settings(simple_jwt):
    simple_jwt(ALGORITHM="HS512", SIGNING_KEY=KEY * 2, AUDIENCE="aud", ISSUER="iss", LEEWAY=timedelta(seconds=3))
    backend = state.token_backend
    assert (backend.algorithm, backend.signing_key) == ("HS512", KEY * 2)
    assert (backend.audience, backend.issuer) == ("aud", "iss")
    assert backend.get_leeway() == timedelta(seconds=3)


def test_jwk_timeout_is_passed_to_the_client(simple_jwt):
    simple_jwt(ALGORITHM="RS256", JWK_URL="https://issuer.test/jwks", JWK_TIMEOUT=0.5)
    with mock.patch("rest_framework_simplejwt.backends.PyJWKClient") as client:
        assert state.token_backend.jwks_client is client.return_value
    client.assert_called_once_with("https://issuer.test/jwks", algorithm="RS256", timeout=0.5, allow_http=False)


def test_jwk_allow_http_is_passed_to_the_client(simple_jwt):
    with mock.patch("rest_framework_simplejwt.backends.PyJWKClient") as client:
        for allowed in (True, False):
            simple_jwt(ALGORITHM="RS256", JWK_URL="http://keycloak:8080/certs", JWK_ALLOW_HTTP=allowed)
            assert state.token_backend.jwks_client is client.return_value
            assert client.call_args.kwargs["allow_http"] is allowed


def test_the_backend_is_built_once_for_the_same_settings():
    assert state.token_backend is state.token_backend


def change_by_override(simple_jwt, monkeypatch):
    simple_jwt(SIGNING_KEY=KEY)


def change_by_assignment(simple_jwt, monkeypatch):
    monkeypatch.setattr(api_settings, "SIGNING_KEY", KEY)


def change_by_editing(simple_jwt, monkeypatch):
    simple_jwt()
    api_settings.user_settings["SIGNING_KEY"] = KEY


@pytest.mark.parametrize("change", [change_by_override, change_by_assignment, change_by_editing])
def test_a_changed_setting_replaces_the_backend_everywhere(simple_jwt, monkeypatch, change):
    old, text = state.token_backend, str(AccessToken())
    change(simple_jwt, monkeypatch)
    assert state.token_backend is not old
    assert TokenBackend("HS256", KEY).decode(str(AccessToken()))
    with pytest.raises(Exception, match="Token is invalid"):
        AccessToken(text)


def test_the_backend_may_be_patched():
    with mock.patch("rest_framework_simplejwt.state.token_backend", TokenBackend("HS256", KEY)) as patched:
        assert AccessToken().token_backend is patched
    assert AccessToken().token_backend is not patched


def test_an_unknown_attribute_raises():
    with pytest.raises(AttributeError, match="nothing"):
        state.nothing  # noqa: B018


def spec(algorithm="HS256", key=KEY, **more):
    return {"algorithm": algorithm, "key": key, **more}


class TestRing:
    def test_it_is_built_from_the_settings(self, simple_jwt):
        theirs = spec("RS256", pem_pair("RS")[1], kid="theirs")
        simple_jwt(SIGNING_KEYS=[spec("ES256", pem_pair("ES256")[0], kid="ours")], VERIFYING_KEYS=[theirs])
        ring, now = state.token_backend.ring(), time.time()
        assert ring.signing_key(now).kid == "ours"
        assert [key.kid for key in ring.published_keys(now)] == ["ours", "theirs"]
        assert state.token_backend.decode(str(AccessToken()))

    def test_by_default_there_is_no_ring(self):
        assert state.get_ring_source() is None
        assert state.token_backend.ring is None

    def test_it_is_built_once_for_the_same_settings(self, simple_jwt):
        simple_jwt(SIGNING_KEYS=[spec()])
        assert state.token_backend.ring() is state.token_backend.ring()

    def test_a_ring_may_have_no_signing_keys(self, simple_jwt):
        simple_jwt(VERIFYING_KEYS=[spec("RS256", pem_pair("RS")[1], kid="theirs")])
        token = jwt.encode(CLAIMS, pem_pair("RS")[0], algorithm="RS256", headers={"kid": "theirs"})
        assert state.token_backend.decode(token) == CLAIMS
        with pytest.raises(TokenBackendError, match="no key to sign with"):
            str(AccessToken())

    @pytest.mark.parametrize(
        ("values", "entry"),
        [
            ({"SIGNING_KEYS": [spec(), spec(algorithm="none")]}, r"SIMPLE_JWT\['SIGNING_KEYS'\]\[1\]: its algorithm"),
            ({"VERIFYING_KEYS": [spec(key="")]}, r"SIMPLE_JWT\['VERIFYING_KEYS'\]\[0\]: it needs exactly one of"),
            ({"SIGNING_KEYS": [spec("RS256", pem_pair("RS")[1])]}, r"\['SIGNING_KEYS'\]\[0\]: it is a public key"),
            ({"SIGNING_KEYS": [spec()], "VERIFYING_KEYS": [spec()]}, r"\['VERIFYING_KEYS'\]: two keys have the kid"),
        ],
    )
    def test_an_invalid_entry_is_named(self, simple_jwt, values, entry):
        simple_jwt(**values)
        with pytest.raises(ImproperlyConfigured, match=entry) as caught:
            state.token_backend  # noqa: B018
        assert KEY not in str(caught.value)


def build_rs256_token():
    return jwt.encode(CLAIMS, pem_pair("RS")[0], algorithm="RS256")


RS256 = {"ALGORITHM": "RS256", "SIGNING_KEY": pem_pair("RS")[0], "VERIFYING_KEY": pem_pair("RS")[1]}
NEW = spec("ES256", pem_pair("ES256")[0], kid="new")
OLD = {
    "HS256": (TOKEN_OF_KEY, {"SIGNING_KEY": KEY}, spec(kid="old", accepts_no_kid=True)),
    "RS256": (build_rs256_token(), RS256, spec("RS256", pem_pair("RS")[0], kid="old", accepts_no_kid=True)),
}


class TestMigrationToARing:
    @pytest.mark.parametrize("algorithm", OLD)
    def test_older_tokens_stay_valid_in_each_step(self, simple_jwt, algorithm):
        token, before, old = OLD[algorithm]
        steps = (
            before,
            {**before, "SIGNING_KEYS": [old]},
            {**before, "SIGNING_KEYS": [{**old, "not_before": 1}, {**NEW, "not_before": time.time() + 60}]},
            {**before, "SIGNING_KEYS": [{**old, "not_before": 1}, {**NEW, "not_before": time.time() - 60}]},
            {"SIGNING_KEYS": [NEW], "VERIFYING_KEYS": [{**old, "retire_after": time.time() + 60}]},
        )
        issued = []
        for step in steps:
            simple_jwt(**step)
            issued.append(state.token_backend.encode(CLAIMS))
            if "SIGNING_KEYS" in step:
                assert all(state.token_backend.decode(each) == CLAIMS for each in (token, *issued))
        algorithms = [jwt.get_unverified_header(each)["alg"] for each in issued]
        assert algorithms == [algorithm] * 3 + ["ES256"] * 2

    @pytest.mark.parametrize("algorithm", OLD)
    def test_older_tokens_become_invalid_with_their_key(self, simple_jwt, algorithm):
        token, _, old = OLD[algorithm]
        for values in (
            {"VERIFYING_KEYS": [{**old, "retire_after": time.time() - 1}]},
            {"VERIFYING_KEYS": [{**old, "accepts_no_kid": False}]},
            {},
        ):
            simple_jwt(**{"SIGNING_KEYS": [NEW], "VERIFYING_KEYS": [], **values})
            with pytest.raises(TokenBackendError, match="Token is invalid"):
                state.token_backend.decode(token)

    def test_signing_key_is_ignored_with_a_ring(self, simple_jwt):
        simple_jwt(SIGNING_KEY=KEY, SIGNING_KEYS=[NEW])
        with pytest.raises(TokenBackendError, match="Token is invalid"):
            state.token_backend.decode(TOKEN_OF_KEY)


class TestFallbacks:
    def test_tokens_of_a_former_secret_key_stay_valid(self, settings):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = KEY, ["?" * 64, OLD_KEY]
        assert state.token_backend.decode(TOKEN_OF_KEY) == state.token_backend.decode(TOKEN_OF_OLD_KEY) == CLAIMS
        assert TokenBackend("HS256", KEY).decode(state.token_backend.encode(CLAIMS)) == CLAIMS

    def test_without_fallbacks_they_are_rejected(self, settings):
        settings.SECRET_KEY = KEY
        with pytest.raises(TokenBackendError, match="Token is invalid"):
            state.token_backend.decode(TOKEN_OF_OLD_KEY)

    @pytest.mark.parametrize("values", [{"SIGNING_KEY": KEY}, {"SIGNING_KEYS": [spec(kid="a", accepts_no_kid=True)]}])
    def test_fallbacks_are_ignored_with_another_signing_key(self, simple_jwt, settings, values):
        settings.SECRET_KEY_FALLBACKS = [OLD_KEY]
        simple_jwt(**values)
        assert state.token_backend.decode(TOKEN_OF_KEY) == CLAIMS
        with pytest.raises(TokenBackendError, match="Token is invalid"):
            state.token_backend.decode(TOKEN_OF_OLD_KEY)

    def test_a_blank_fallback_does_not_verify(self, settings):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = KEY, ["", b"", " \n", OLD_KEY]
        assert state.token_backend.decode(TOKEN_OF_OLD_KEY) == CLAIMS
        assert state.token_backend.decode(TOKEN_OF_KEY) == CLAIMS
        header, payload, _ = TOKEN_OF_KEY.split(".")
        message = f"{header}.{payload}".encode()
        signature = jwt.utils.base64url_encode(hmac.digest(b"", message, "sha256")).decode()
        with pytest.raises(TokenBackendError, match="Token is invalid"):
            state.token_backend.decode(f"{header}.{payload}.{signature}")

    def test_fallbacks_are_ignored_with_a_key_pair(self, simple_jwt, settings):
        settings.SECRET_KEY_FALLBACKS = [OLD_KEY]
        simple_jwt(ALGORITHM="RS256", VERIFYING_KEY=pem_pair("RS")[1])
        assert state.token_backend.decode(build_rs256_token()) == CLAIMS


class TestPublishedKeys:
    def test_a_ring_publishes_its_key_pairs_that_have_not_retired(self, simple_jwt):
        entries = [
            spec(kid="secret"),
            spec("ES256", pem_pair("ES256")[0], kid="current"),
            spec("RS256", pem_pair("RS")[0], kid="next", not_before=time.time() + 60),
            spec("EdDSA", pem_pair("Ed")[0], kid="retired", retire_after=time.time() - 60),
        ]
        simple_jwt(SIGNING_KEYS=entries, VERIFYING_KEYS=[spec("PS256", pem_pair("PS")[1], kid="former")])
        assert [key.kid for key in state.published_keys()] == ["current", "next", "former"]

    def test_without_a_ring_verifying_key_is_published(self, simple_jwt):
        simple_jwt(**RS256)
        (key,) = state.published_keys()
        assert (key.algorithm, key.private) == ("RS256", None)
        assert key.kid == thumbprint(key.jwk)

    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"VERIFYING_KEY": pem_pair("RS")[1]},
            {"ALGORITHM": "RS256", "SIGNING_KEY": pem_pair("RS")[0]},
            {**RS256, "JWK_URL": "https://issuer.test/jwks"},
            {"SIGNING_KEYS": [spec()]},
        ],
        ids=["HMAC", "HMAC, and a key that it ignores", "no verifying key", "another issuer", "a ring of secrets"],
    )
    def test_nothing_is_published_without_a_public_key_of_the_project(self, simple_jwt, values):
        simple_jwt(**values)
        assert state.published_keys() == ()

    @pytest.mark.parametrize("key", ["no PEM", pem_pair("Ed")[1], pem_pair("ES256")[1]])
    def test_an_unusable_verifying_key_is_rejected(self, simple_jwt, key):
        simple_jwt(ALGORITHM="RS256", VERIFYING_KEY=key)
        with pytest.raises(ImproperlyConfigured, match=r"SIMPLE_JWT\['VERIFYING_KEY'\] can't be published"):
            state.published_keys()
