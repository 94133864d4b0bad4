"""The algorithm and its keys."""

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

OURS = {"E007", "E008", "E009", "W025", "W026", "W027", "W028", "W029", "W030", "E022", "W004"}
PRIVATE, PUBLIC = pem_pair("RS")
EC_PRIVATE, EC_PUBLIC = pem_pair("ES256")
RS256 = {"ALGORITHM": "RS256"}
PAIR = {**RS256, "SIGNING_KEY": PRIVATE, "VERIFYING_KEY": PUBLIC}
URL = "https://issuer.example/keys"


class Login(views.TokenObtainPairView):
    """A project's own."""


class Protected(APIView):
    authentication_classes = [JWTAuthentication]


class Plain(View):
    authentication_classes = "of another kind"


@api_view()
@authentication_classes([JWTAuthentication])
def protected(request): ...


def plain(request):
    return HttpResponse()


@pytest.fixture
def told(ids):
    return lambda **values: ids(**values) & OURS


@pytest.fixture
def serve(settings):
    """Mount these views alone."""

    def mount(*mounted):
        settings.ROOT_URLCONF = urls(*mounted)

    return mount


class TestAlgorithm:
    @pytest.mark.parametrize("algorithm", ["none", "HS257", "rs256", "RS256 "])
    def test_an_unknown_one_is_an_error(self, told, algorithm):
        assert told(ALGORITHM=algorithm) == {"E007"}

    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
    def test_an_hmac_one_is_sound_by_itself(self, told, algorithm):
        assert told(ALGORITHM=algorithm) == set()

    def test_one_that_needs_cryptography_needs_it(self, told):
        with mock.patch("jwt.algorithms.has_crypto", False):
            assert told(**PAIR) == {"E008"}
            assert told(ALGORITHM="HS256", SIGNING_KEY="secret") == set()

    @pytest.mark.parametrize(("algorithm", "family"), [("PS512", "PS"), ("ES256", "ES256"), ("EdDSA", "Ed")])
    def test_a_pair_is_sound(self, told, algorithm, family):
        private, public = pem_pair(family)
        assert told(ALGORITHM=algorithm, SIGNING_KEY=private, VERIFYING_KEY=public) == set()

    def test_a_pair_may_be_objects_and_of_few_bits(self, told):
        key = new_private_key("RS")
        assert told(**RS256, SIGNING_KEY=key, VERIFYING_KEY=key.public_key()) == set()


class TestSecret:
    @pytest.mark.parametrize("key", ["", b"", None, " \n", "\0"])
    def test_an_empty_one_is_an_error(self, told, key):
        assert told(ALGORITHM="HS256", SIGNING_KEY=key) == {"E009"}

    @pytest.mark.parametrize("key", ["x", b"x"])
    def test_any_other_signs(self, told, key):
        assert told(ALGORITHM="HS256", SIGNING_KEY=key) == set()

    @pytest.mark.parametrize("key", [PRIVATE, PUBLIC, 5, new_private_key("RS")])
    def test_but_one_that_is_of_another_algorithm_is_a_warning(self, told, key):
        assert told(ALGORITHM="HS256", SIGNING_KEY=key) == {"W025"}


class TestPair:
    @pytest.mark.parametrize("key", ["junk", PUBLIC, EC_PRIVATE, PRIVATE.replace("\n", "\\n"), 5])
    def test_a_signing_key_that_does_not_sign_is_a_warning(self, told, key):
        assert told(**PAIR | {"SIGNING_KEY": key}) == {"W025"}

    @pytest.mark.parametrize("key", ["junk", EC_PUBLIC, PUBLIC.replace("\n", "\\n"), 5])
    def test_a_verifying_key_that_does_not_load_is_a_warning(self, told, key):
        assert told(**PAIR | {"VERIFYING_KEY": key}) == {"W028"}

    def test_keys_of_two_pairs_are_a_warning(self, told):
        assert told(**PAIR | {"VERIFYING_KEY": new_private_key("RS").public_key()}) == {"W029"}

    def test_both_may_be_wrong(self, told):
        assert told(**PAIR | {"SIGNING_KEY": "junk", "VERIFYING_KEY": "junk"}) == {"W025", "W028"}

    def test_nothing_of_a_key_is_told(self, simple_jwt, messages):
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
    def test_a_service_that_issues_tokens_needs_one(self, told, serve, key):
        serve(Login.as_view())
        assert told(**RS256, VERIFYING_KEY=PUBLIC, **key) == {"W026"}

    @pytest.mark.parametrize("view", [views.token_refresh, views.token_obtain_sliding, views.token_refresh_sliding])
    def test_each_view_that_signs_needs_one(self, told, serve, view):
        serve(view)
        assert told(**RS256, VERIFYING_KEY=PUBLIC) == {"W026"}

    @pytest.mark.parametrize("others", [{"VERIFYING_KEY": PUBLIC}, {"JWK_URL": URL}])
    def test_a_service_that_only_verifies_needs_none(self, told, serve, others):
        serve(views.token_verify, protected, plain)
        assert told(**RS256, **others) == set()

    def test_the_secret_key_may_be_bytes(self, told, settings, serve):
        serve()
        settings.SECRET_KEY = settings.SECRET_KEY.encode()
        assert told(**RS256, VERIFYING_KEY=PUBLIC) == set()


class TestMissingVerifyingKey:
    @pytest.mark.parametrize("key", [{}, {"VERIFYING_KEY": None}, {"VERIFYING_KEY": b""}])
    @pytest.mark.parametrize("view", [Protected.as_view(), protected, views.token_verify, views.token_refresh])
    def test_a_service_that_verifies_tokens_needs_one(self, told, serve, key, view):
        serve(Plain.as_view(), view)
        assert told(**RS256, SIGNING_KEY=PRIVATE, **key) == {"W027"}

    def test_so_does_one_that_does_by_default(self, told, serve, settings):
        serve()
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [f"{__name__}.JWTAuthentication"]}
        assert told(**RS256, SIGNING_KEY=PRIVATE) == {"W027"}
        assert told(**RS256, SIGNING_KEY=PRIVATE, JWK_URL=URL) == set()

    def test_a_service_that_only_issues_needs_none(self, told, serve):
        serve(Login.as_view(), Plain.as_view(), plain)
        assert told(**RS256, SIGNING_KEY=PRIVATE) == set()


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
    def test_an_insecure_one_is_a_warning(self, told, url):
        assert told(**PAIR | {"JWK_URL": url}) == {"W030"}

    @pytest.mark.parametrize(
        "url", [URL, "http://localhost:8000/keys", "http://127.0.0.1", "http://[::1]:80/", None, ""]
    )
    def test_any_other_is_left_alone(self, told, url):
        assert told(**PAIR | {"JWK_URL": url}) == set()

    def test_http_may_be_allowed(self, told):
        assert told(**PAIR | {"JWK_URL": "http://keycloak:8080/certs", "JWK_ALLOW_HTTP": True}) == set()
        assert told(**PAIR | {"JWK_URL": "ftp://keycloak/certs", "JWK_ALLOW_HTTP": True}) == {"W030"}

    def test_it_is_ignored_with_a_secret(self, told):
        assert told(ALGORITHM="HS256", JWK_URL="http://issuer.example") == {"W004"}

    def test_the_verifying_key_is_not_needed_then(self, told):
        assert told(**PAIR | {"VERIFYING_KEY": "junk", "JWK_URL": URL}) == set()


def test_a_key_that_fails_at_the_last_moment_is_a_mismatch(told):
    with mock.patch("rest_framework_simplejwt.backends.TokenBackend.decode", side_effect=AttributeError):
        assert told(**PAIR) == {"W029"}


class TestRing:
    GOOD = {"algorithm": "RS256", "key": PRIVATE}

    @pytest.mark.parametrize(
        "ring",
        [
            {"SIGNING_KEYS": [GOOD]},
            {"VERIFYING_KEYS": [{"algorithm": "RS256", "key": PUBLIC}]},
            # What it stands in for is not looked at.
            {"SIGNING_KEYS": [GOOD], "ALGORITHM": "ES256", "SIGNING_KEY": "x", "VERIFYING_KEY": "y"},
        ],
    )
    def test_a_sound_one_is_left_alone(self, told, ring):
        assert told(**ring) == set()

    @pytest.mark.parametrize(
        "keys", [[{"algorithm": "RS256", "key": PUBLIC}], [{"key": PRIVATE}], [GOOD, GOOD], ["x"], "x", 5, [None]]
    )
    def test_one_that_can_not_be_read_is_an_error(self, told, keys):
        assert told(SIGNING_KEYS=keys) == {"E022"}


class TestURLs:
    """What is mounted, whatever is wrong with the URLs."""

    MISSING_KEY = {**RS256, "VERIFYING_KEY": PUBLIC}

    def test_without_a_urlconf_nothing_is(self, settings, told):
        del settings.ROOT_URLCONF
        assert told(**self.MISSING_KEY) == set()

    @pytest.mark.parametrize("urlconf", ["no.such.urls", "tests.checks.raises", ("no pattern",)])
    def test_in_a_broken_one_nothing_is(self, settings, told, urlconf):
        settings.ROOT_URLCONF = urlconf
        assert told(**self.MISSING_KEY) == set()

    def test_broken_authentication_classes_authenticate_nobody(self, settings, told):
        settings.ROOT_URLCONF = urls()
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["no.such.Class"]}
        assert told(**RS256, SIGNING_KEY=PRIVATE) == set()


def test_another_secret_is_not_the_secret_key(simple_jwt):
    assert keys.signs_with_secret_key()
    simple_jwt(SIGNING_KEY="x")
    assert not keys.signs_with_secret_key()
