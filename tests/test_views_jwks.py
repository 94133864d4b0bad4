import hashlib
import json
import time

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from rest_framework_simplejwt import views
from rest_framework_simplejwt.tokens import AccessToken
from tests.key_pairs import pem_pair

PATH = "/.well-known/jwks.json"
SECRET = "an HMAC secret that nobody else may see, of more than sixty-four bytes in all"
PRIVATE, PUBLIC = pem_pair("ES256")


def spec(algorithm="ES256", key=PRIVATE, **more):
    return {"algorithm": algorithm, "key": key, **more}


@pytest.fixture
def ring(simple_jwt):
    simple_jwt(SIGNING_KEYS=[spec(kid="ours")])


@pytest.fixture
def fetch_keys():
    """Requests the keys with a client that enforces CSRF protection, without access to a database."""
    client = Client(enforce_csrf_checks=True)
    return lambda method="get", **headers: getattr(client, method)(PATH, **headers)


def kids_in(response):
    return [key["kid"] for key in response.json()["keys"]]


class TestResponse:
    def test_it_contains_the_key_that_signed_a_token(self, ring, fetch_keys):
        response = fetch_keys()
        (key,) = response.json()["keys"]
        assert response.status_code == 200
        assert response["Content-Type"] == "application/jwk-set+json"
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["kid"], key["use"], key["alg"]) == ("ours", "sig", "ES256")
        assert AccessToken(str(AccessToken()))

    def test_it_contains_current_next_and_former_keys_but_no_retired_ones(self, simple_jwt, fetch_keys):
        signing = [
            spec(kid="current"),
            spec("RS256", pem_pair("RS")[0], kid="next", not_before=time.time() + 60),
            spec("EdDSA", pem_pair("Ed")[0], kid="retired", retire_after=time.time() - 60),
        ]
        simple_jwt(SIGNING_KEYS=signing, VERIFYING_KEYS=[spec("PS256", pem_pair("PS")[0], kid="former")])
        response = fetch_keys()
        assert kids_in(response) == ["current", "next", "former"]
        assert not any({"d", "p", "q", "dp", "dq", "qi", "k"} & set(key) for key in response.json()["keys"])

    def test_it_contains_the_verifying_key_setting(self, simple_jwt, fetch_keys):
        simple_jwt(ALGORITHM="ES256", SIGNING_KEY=PRIVATE, VERIFYING_KEY=PUBLIC)
        (key,) = fetch_keys().json()["keys"]
        assert len(key["kid"]) == 43
        assert key["alg"] == "ES256"

    def test_without_public_keys_it_is_an_empty_set(self, fetch_keys):
        assert fetch_keys().content == b'{"keys":[]}'

    def test_unreadable_keys_raise_instead_of_an_empty_set(self, simple_jwt, fetch_keys):
        simple_jwt(SIGNING_KEYS=[spec(key="no PEM")])
        with pytest.raises(ImproperlyConfigured):
            fetch_keys()


SHAPES = {
    "the secret key": {},
    "a secret": {"SIGNING_KEY": SECRET},
    "a secret in bytes": {"SIGNING_KEY": SECRET.encode(), "ALGORITHM": "HS512"},
    "a secret in the public key's place": {"SIGNING_KEY": SECRET, "VERIFYING_KEY": SECRET},
    "a ring of secrets": {"SIGNING_KEYS": [spec(name, SECRET, kid=name) for name in ("HS256", "HS384", "HS512")]},
    "a secret that verifies": {"VERIFYING_KEYS": [spec("HS256", SECRET)]},
    "a secret to come": {"SIGNING_KEYS": [spec("HS256", SECRET, not_before=10_000_000_000)]},
    "a secret beside a pair": {"SIGNING_KEYS": [spec(kid="pair"), spec("HS256", SECRET, accepts_no_kid=True)]},
    "a pair beside a secret": {
        "SIGNING_KEY": SECRET,
        "SIGNING_KEYS": [spec("HS256", SECRET, kid="secret")],
        "VERIFYING_KEYS": [spec(key=PUBLIC, kid="pair")],
    },
    "a secret from a callable": {"SIGNING_KEYS": [{"algorithm": "HS256", "key_callable": lambda: SECRET}]},
}


class TestSecrets:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_no_hmac_key_is_published(self, simple_jwt, settings, fetch_keys, shape):
        simple_jwt(**SHAPES[shape])
        response = fetch_keys()
        assert kids_in(response) == (["pair"] if "pair" in shape else [])
        assert not any(key["kty"] == "oct" or "k" in key for key in response.json()["keys"])
        everything = response.content + repr(response.headers).encode()
        for secret in (SECRET, settings.SECRET_KEY):
            forms = (secret.encode(), hashlib.sha256(secret.encode()).hexdigest().encode())
            assert not any(form in everything for form in forms)

    def test_a_secret_as_verifying_key_is_rejected(self, simple_jwt, fetch_keys):
        simple_jwt(ALGORITHM="ES256", SIGNING_KEY=SECRET, VERIFYING_KEY=SECRET)
        with pytest.raises(ImproperlyConfigured) as caught:
            fetch_keys()
        assert SECRET not in str(caught.value)


class TestHTTP:
    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
    def test_it_is_read_only(self, fetch_keys, method):
        response = fetch_keys(method)
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"

    def test_head_returns_the_headers_without_a_body(self, ring, fetch_keys):
        head, get = fetch_keys("head"), fetch_keys()
        assert head.content == b""
        assert head.status_code == 200
        assert head.headers == get.headers

    @pytest.mark.parametrize("seconds", [300, 5])
    def test_it_may_be_cached_for_jwks_max_age(self, simple_jwt, fetch_keys, seconds):
        if seconds != 300:
            simple_jwt(JWKS_MAX_AGE=seconds)
        assert fetch_keys()["Cache-Control"] == f"public, max-age={seconds}"

    def test_an_unchanged_set_is_answered_304(self, ring, fetch_keys):
        first = fetch_keys()
        assert first["ETag"].startswith('"')
        for known in (first["ETag"], f'"other", {first["ETag"]}', f"W/{first['ETag']}", "*"):
            again = fetch_keys(HTTP_IF_NONE_MATCH=known)
            assert (again.status_code, again.content) == (304, b"")
            assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], first["Cache-Control"])

    def test_another_set_has_another_etag(self, simple_jwt, ring, fetch_keys):
        first = fetch_keys()
        simple_jwt(SIGNING_KEYS=[spec(kid="new")])
        second = fetch_keys(HTTP_IF_NONE_MATCH=first["ETag"])
        assert second.status_code == 200
        assert second["ETag"] != first["ETag"]

    def test_neither_session_nor_credentials_are_read(self, ring, fetch_keys):
        # Reading the session would need the database, and the malformed token would be refused.
        response = fetch_keys(
            HTTP_COOKIE="sessionid=0123456789abcdefghijklmnopqrstuv", HTTP_AUTHORIZATION="Bearer garbage"
        )
        assert response.status_code == 200
        assert not response.cookies
        assert "Vary" not in response

    def test_the_defaults_of_drf_do_not_apply(self, settings, fetch_keys):
        settings.REST_FRAMEWORK = {
            "DEFAULT_AUTHENTICATION_CLASSES": ["no.such.Class"],
            "DEFAULT_PERMISSION_CLASSES": ["no.such.Class"],
            "DEFAULT_THROTTLE_CLASSES": ["no.such.Class"],
            "DEFAULT_RENDERER_CLASSES": ["no.such.Class"],
        }
        assert json.loads(fetch_keys(HTTP_ACCEPT="text/html").content) == {"keys": []}

    def test_it_is_exempt_from_login_required_middleware(self):
        assert views.jwks.login_required is False

    def test_it_is_exempt_from_csrf_protection(self, settings, fetch_keys):
        settings.MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]
        assert fetch_keys("post").status_code == 405

    def test_it_is_exempt_from_atomic_requests(self):
        assert views.jwks._non_atomic_requests >= {"default"}
