"""Checks of ALGORITHM, its keys and JWK_URL."""

from unittest import mock

import pytest
from django.http import HttpResponse
from django.views import View
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.views import APIView

from rest_framework_simplejwt import views
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.checks import keys
from tests.key_pairs import new_private_key, pem_pair

from .urls import urls

KEY_CHECKS = {"E007", "E008", "E009", "W025", "W026", "W027", "W028", "W029", "W030", "E022", "W004"}
PRIVATE, PUBLIC = pem_pair("RS")
EC_PRIVATE, EC_PUBLIC = pem_pair("ES256")
RS256 = {"ALGORITHM": "RS256"}
PAIR = {**RS256, "SIGNING_KEY": PRIVATE, "VERIFYING_KEY": PUBLIC}
URL = "https://issuer.example/keys"


class Login(views.TokenObtainPairView):
    """A login view of the project."""


class Protected(APIView):
    authentication_classes = [JWTAuthentication]


class Plain(View):
    authentication_classes = "not a list"


@api_view()
@authentication_classes([JWTAuthentication])
def protected(request): ...


def plain(request):
    return HttpResponse()


@pytest.fixture
def key_checks(reported):
    return lambda **values: reported(**values) & KEY_CHECKS


@pytest.fixture
def serve(settings):
    """A function that makes these views the only ones in the URLs."""

    def set_urls(*mounted):
        settings.ROOT_URLCONF = urls(*mounted)

    return set_urls


class TestAlgorithm:
    @pytest.mark.parametrize("algorithm", ["none", "HS257", "rs256", "RS256 "])
    def test_an_unknown_algorithm_is_an_error(self, key_checks, algorithm):
        assert key_checks(ALGORITHM=algorithm) == {"E007"}

    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
    def test_an_hmac_algorithm_needs_no_other_setting(self, key_checks, algorithm):
        assert key_checks(ALGORITHM=algorithm) == set()

    def test_missing_cryptography_is_an_error(self, key_checks):
        with mock.patch("jwt.algorithms.has_crypto", False):
            assert key_checks(**PAIR) == {"E008"}
            assert key_checks(ALGORITHM="HS256", SIGNING_KEY="secret") == set()

    @pytest.mark.parametrize(("algorithm", "family"), [("PS512", "PS"), ("ES256", "ES256"), ("EdDSA", "Ed")])
    def test_a_matching_key_pair_is_accepted(self, key_checks, algorithm, family):
        private, public = pem_pair(family)
        assert key_checks(ALGORITHM=algorithm, SIGNING_KEY=private, VERIFYING_KEY=public) == set()

    def test_a_key_pair_of_key_objects_is_accepted(self, key_checks):
        key = new_private_key("RS")
        assert key_checks(**RS256, SIGNING_KEY=key, VERIFYING_KEY=key.public_key()) == set()


class TestSecret:
    @pytest.mark.parametrize("key", ["", b"", None, " \n", "\0"])
    def test_a_blank_secret_is_an_error(self, key_checks, key):
        assert key_checks(ALGORITHM="HS256", SIGNING_KEY=key) == {"E009"}

    @pytest.mark.parametrize("key", ["x", b"x"])
    def test_any_other_secret_is_accepted(self, key_checks, key):
        assert key_checks(ALGORITHM="HS256", SIGNING_KEY=key) == set()

    @pytest.mark.parametrize("key", [PRIVATE, PUBLIC, 5, new_private_key("RS")])
    def test_an_asymmetric_key_as_a_secret_is_a_warning(self, key_checks, key):
        assert key_checks(ALGORITHM="HS256", SIGNING_KEY=key) == {"W025"}


class TestPair:
    @pytest.mark.parametrize("key", ["junk", PUBLIC, EC_PRIVATE, PRIVATE.replace("\n", "\\n"), 5])
    def test_an_unusable_signing_key_is_a_warning(self, key_checks, key):
        assert key_checks(**PAIR | {"SIGNING_KEY": key}) == {"W025"}

    @pytest.mark.parametrize("key", ["junk", EC_PUBLIC, PUBLIC.replace("\n", "\\n"), 5])
    def test_an_unusable_verifying_key_is_a_warning(self, key_checks, key):
        assert key_checks(**PAIR | {"VERIFYING_KEY": key}) == {"W028"}

    def test_keys_of_two_pairs_are_a_warning(self, key_checks):
        assert key_checks(**PAIR | {"VERIFYING_KEY": new_private_key("RS").public_key()}) == {"W029"}

    def test_two_unusable_keys_are_two_warnings(self, key_checks):
        assert key_checks(**PAIR | {"SIGNING_KEY": "junk", "VERIFYING_KEY": "junk"}) == {"W025", "W028"}

    def test_no_message_contains_a_part_of_a_key(self, simple_jwt, messages):
        lines = [line for key in (PRIVATE, PUBLIC, EC_PUBLIC) for line in key.splitlines() if "---" not in line]
        for values in (
            {"ALGORITHM": "HS256", "SIGNING_KEY": PRIVATE},
            PAIR | {"SIGNING_KEY": PRIVATE + "x", "VERIFYING_KEY": EC_PUBLIC},
            PAIR | {"VERIFYING_KEY": new_private_key("RS").public_key()},
        ):
            simple_jwt(**values)
            text = " ".join(f"{message.msg} {message.hint}" for message in messages())
            assert not any(line in text for line in lines)


class TestMissingSigningKey:
    @pytest.mark.parametrize("key", [{}, {"SIGNING_KEY": None}, {"SIGNING_KEY": ""}])
    def test_a_service_that_issues_tokens_needs_a_signing_key(self, key_checks, serve, key):
        serve(Login.as_view())
        assert key_checks(**RS256, VERIFYING_KEY=PUBLIC, **key) == {"W026"}

    @pytest.mark.parametrize("view", [views.token_refresh, views.token_obtain_sliding, views.token_refresh_sliding])
    def test_each_view_that_issues_tokens_needs_a_signing_key(self, key_checks, serve, view):
        serve(view)
        assert key_checks(**RS256, VERIFYING_KEY=PUBLIC) == {"W026"}

    @pytest.mark.parametrize("others", [{"VERIFYING_KEY": PUBLIC}, {"JWK_URL": URL}])
    def test_a_service_that_only_verifies_needs_no_signing_key(self, key_checks, serve, others):
        serve(views.token_verify, protected, plain)
        assert key_checks(**RS256, **others) == set()

    def test_secret_key_may_be_bytes(self, key_checks, settings, serve):
        serve()
        settings.SECRET_KEY = settings.SECRET_KEY.encode()
        assert key_checks(**RS256, VERIFYING_KEY=PUBLIC) == set()


class TestMissingVerifyingKey:
    @pytest.mark.parametrize("key", [{}, {"VERIFYING_KEY": None}, {"VERIFYING_KEY": b""}])
    @pytest.mark.parametrize("view", [Protected.as_view(), protected, views.token_verify, views.token_refresh])
    def test_a_service_that_verifies_tokens_needs_a_verifying_key(self, key_checks, serve, key, view):
        serve(Plain.as_view(), view)
        assert key_checks(**RS256, SIGNING_KEY=PRIVATE, **key) == {"W027"}

    def test_a_default_authentication_class_needs_a_verifying_key(self, key_checks, serve, settings):
        serve()
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [f"{__name__}.JWTAuthentication"]}
        assert key_checks(**RS256, SIGNING_KEY=PRIVATE) == {"W027"}
        assert key_checks(**RS256, SIGNING_KEY=PRIVATE, JWK_URL=URL) == set()

    def test_a_service_that_only_issues_needs_no_verifying_key(self, key_checks, serve):
        serve(Login.as_view(), Plain.as_view(), plain)
        assert key_checks(**RS256, SIGNING_KEY=PRIVATE) == set()


class TestJWKURL:
    @pytest.mark.parametrize(
        "url",
        [
            "http://issuer.example/keys",
            "ftp://localhost/",
            "file:///keys",
            "issuer.example",
            "https://",
            "http://[",
            "http://10.0.0.1",
            "https://user:opensesame@issuer.example/",
            "https://issuer.example/ keys",
        ],
    )
    def test_an_insecure_or_invalid_url_is_a_warning(self, key_checks, url):
        assert key_checks(**PAIR | {"JWK_URL": url}) == {"W030"}

    @pytest.mark.parametrize(
        "url", [URL, "http://localhost:8000/keys", "http://127.0.0.1", "http://[::1]:80/", None, ""]
    )
    def test_a_secure_or_empty_url_is_accepted(self, key_checks, url):
        assert key_checks(**PAIR | {"JWK_URL": url}) == set()

    def test_http_is_accepted_if_it_is_allowed(self, key_checks):
        assert key_checks(**PAIR | {"JWK_URL": "http://keycloak:8080/certs", "JWK_ALLOW_HTTP": True}) == set()
        assert key_checks(**PAIR | {"JWK_URL": "ftp://keycloak/certs", "JWK_ALLOW_HTTP": True}) == {"W030"}

    def test_a_url_with_an_hmac_algorithm_is_a_warning(self, key_checks):
        assert key_checks(ALGORITHM="HS256", JWK_URL="http://issuer.example") == {"W004"}

    def test_the_verifying_key_is_not_checked_with_a_url(self, key_checks):
        assert key_checks(**PAIR | {"VERIFYING_KEY": "junk", "JWK_URL": URL}) == set()


def test_an_error_while_verifying_is_a_mismatch(key_checks):
    with mock.patch("rest_framework_simplejwt.backends.TokenBackend.decode", side_effect=AttributeError):
        assert key_checks(**PAIR) == {"W029"}


class TestRing:
    VALID = {"algorithm": "RS256", "key": PRIVATE}

    @pytest.mark.parametrize(
        "ring",
        [
            {"SIGNING_KEYS": [VALID]},
            {"VERIFYING_KEYS": [{"algorithm": "RS256", "key": PUBLIC}]},
            # The settings that the key ring replaces are not checked.
            {"SIGNING_KEYS": [VALID], "ALGORITHM": "ES256", "SIGNING_KEY": "x", "VERIFYING_KEY": "y"},
        ],
    )
    def test_a_valid_key_ring_is_accepted(self, key_checks, ring):
        assert key_checks(**ring) == set()

    @pytest.mark.parametrize(
        "keys", [[{"algorithm": "RS256", "key": PUBLIC}], [{"key": PRIVATE}], [VALID, VALID], ["x"], "x", 5, [None]]
    )
    def test_an_unreadable_key_ring_is_an_error(self, key_checks, keys):
        assert key_checks(SIGNING_KEYS=keys) == {"E022"}


class TestURLs:
    """No check raises if the URLs are broken."""

    MISSING_KEY = {**RS256, "VERIFYING_KEY": PUBLIC}

    def test_without_a_urlconf_no_view_is_found(self, settings, key_checks):
        del settings.ROOT_URLCONF
        assert key_checks(**self.MISSING_KEY) == set()

    @pytest.mark.parametrize("urlconf", ["no.such.urls", "tests.checks.raises", ("no pattern",)])
    def test_in_a_broken_urlconf_no_view_is_found(self, settings, key_checks, urlconf):
        settings.ROOT_URLCONF = urlconf
        assert key_checks(**self.MISSING_KEY) == set()

    def test_unimportable_authentication_classes_are_ignored(self, settings, key_checks):
        settings.ROOT_URLCONF = urls()
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["no.such.Class"]}
        assert key_checks(**RS256, SIGNING_KEY=PRIVATE) == set()


def test_another_secret_does_not_count_as_secret_key(simple_jwt):
    assert keys.signs_with_secret_key()
    simple_jwt(SIGNING_KEY="x")
    assert not keys.signs_with_secret_key()
