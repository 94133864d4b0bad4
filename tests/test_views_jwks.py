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
def fetch():
    """A browser's client, CSRF protection and all, which knows no database."""
    client = Client(enforce_csrf_checks=True)
    return lambda method="get", **headers: getattr(client, method)(PATH, **headers)


def kids(response):
    return [key["kid"] for key in response.json()["keys"]]


class TestAnswer:
    def test_the_key_that_signed_a_token_is_in_it(self, ring, fetch):
        response = fetch()
        (key,) = response.json()["keys"]
        assert response.status_code == 200
        assert response["Content-Type"] == "application/jwk-set+json"
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["kid"], key["use"], key["alg"]) == ("ours", "sig", "ES256")
        assert AccessToken(str(AccessToken()))

    def test_current_next_and_former_keys_are_in_it_and_retired_ones_are_not(self, simple_jwt, fetch):
        signing = [
            spec(kid="current"),
            spec("RS256", pem_pair("RS")[0], kid="next", not_before=time.time() + 60),
            spec("EdDSA", pem_pair("Ed")[0], kid="retired", retire_after=time.time() - 60),
        ]
        simple_jwt(SIGNING_KEYS=signing, VERIFYING_KEYS=[spec("PS256", pem_pair("PS")[0], kid="former")])
        response = fetch()
        assert kids(response) == ["current", "next", "former"]
        assert not any({"d", "p", "q", "dp", "dq", "qi", "k"} & set(key) for key in response.json()["keys"])

    def test_a_verifying_key_of_the_old_settings_is_in_it(self, simple_jwt, fetch):
        simple_jwt(ALGORITHM="ES256", SIGNING_KEY=PRIVATE, VERIFYING_KEY=PUBLIC)
        (key,) = fetch().json()["keys"]
        assert len(key["kid"]) == 43
        assert key["alg"] == "ES256"

    def test_with_nothing_to_publish_it_is_an_empty_set(self, fetch):
        assert fetch().content == b'{"keys":[]}'

    def test_keys_that_can_not_be_read_are_no_empty_set(self, simple_jwt, fetch):
        simple_jwt(SIGNING_KEYS=[spec(key="no PEM")])
        with pytest.raises(ImproperlyConfigured):
            fetch()


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
    def test_no_hmac_key_is_ever_in_it(self, simple_jwt, settings, fetch, shape):
        simple_jwt(**SHAPES[shape])
        response = fetch()
        assert kids(response) == (["pair"] if "pair" in shape else [])
        assert not any(key["kty"] == "oct" or "k" in key for key in response.json()["keys"])
        everything = response.content + repr(response.headers).encode()
        for secret in (SECRET, settings.SECRET_KEY):
            forms = (secret.encode(), hashlib.sha256(secret.encode()).hexdigest().encode())
            assert not any(form in everything for form in forms)

    def test_a_secret_that_verifies_as_a_pair_is_refused(self, simple_jwt, fetch):
        simple_jwt(ALGORITHM="ES256", SIGNING_KEY=SECRET, VERIFYING_KEY=SECRET)
        with pytest.raises(ImproperlyConfigured) as caught:
            fetch()
        assert SECRET not in str(caught.value)


class TestHTTP:
    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
    def test_it_is_read_only(self, fetch, method):
        response = fetch(method)
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"

    def test_head_is_get_without_a_body(self, ring, fetch):
        head, get = fetch("head"), fetch()
        assert head.content == b""
        assert head.status_code == 200
        assert head.headers == get.headers

    @pytest.mark.parametrize("seconds", [300, 5])
    def test_it_may_be_kept_for_a_while(self, simple_jwt, fetch, seconds):
        if seconds != 300:
            simple_jwt(JWKS_MAX_AGE=seconds)
        assert fetch()["Cache-Control"] == f"public, max-age={seconds}"

    def test_what_has_not_changed_is_not_sent_again(self, ring, fetch):
        first = fetch()
        assert first["ETag"].startswith('"')
        for known in (first["ETag"], f'"other", {first["ETag"]}', f"W/{first['ETag']}", "*"):
            again = fetch(HTTP_IF_NONE_MATCH=known)
            assert (again.status_code, again.content) == (304, b"")
            assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], first["Cache-Control"])

    def test_another_set_has_another_etag(self, simple_jwt, ring, fetch):
        first = fetch()
        simple_jwt(SIGNING_KEYS=[spec(kid="new")])
        second = fetch(HTTP_IF_NONE_MATCH=first["ETag"])
        assert second.status_code == 200
        assert second["ETag"] != first["ETag"]

    def test_neither_session_nor_credentials_matter(self, ring, fetch):
        # A session's cookie would need the database, and a bad token be refused.
        response = fetch(HTTP_COOKIE="sessionid=0123456789abcdefghijklmnopqrstuv", HTTP_AUTHORIZATION="Bearer garbage")
        assert response.status_code == 200
        assert not response.cookies
        assert "Vary" not in response

    def test_the_defaults_of_the_project_do_not_apply(self, settings, fetch):
        settings.REST_FRAMEWORK = {
            "DEFAULT_AUTHENTICATION_CLASSES": ["no.such.Class"],
            "DEFAULT_PERMISSION_CLASSES": ["no.such.Class"],
            "DEFAULT_THROTTLE_CLASSES": ["no.such.Class"],
            "DEFAULT_RENDERER_CLASSES": ["no.such.Class"],
        }
        assert json.loads(fetch(HTTP_ACCEPT="text/html").content) == {"keys": []}

    def test_a_site_that_asks_everybody_to_log_in_does_not_ask_here(self):
        assert views.jwks.login_required is False

    def test_csrf_protection_does_not_stand_in_for_the_405(self, settings, fetch):
        settings.MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]
        assert fetch("post").status_code == 405

    def test_no_transaction_is_opened_for_it(self):
        assert views.jwks._non_atomic_requests >= {"default"}
