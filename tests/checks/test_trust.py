"""Checks of TRUSTED_ISSUERS."""

from unittest import mock

import pytest

from rest_framework_simplejwt.settings import api_settings
from tests.key_pairs import pem_pair, private_key

PRIVATE, PUBLIC = pem_pair("RS")
SECRET = "a secret of one issuer, which is longer than 32 bytes"
URL = "https://issuer.example/jwks.json"
NAMED = {"issuer": "https://issuer.example/", "audience": "us"}
REMOTE = {**NAMED, "jwk_url": URL, "algorithms": ["RS256", "ES256"]}
STATIC = {**NAMED, "keys": [{"algorithm": "RS256", "key": PUBLIC}], "algorithms": ["RS256"]}
SHARED = {**NAMED, "keys": [{"algorithm": "HS256", "key": SECRET}], "algorithms": ["HS256"]}


def without(entry, name):
    return {key: value for key, value in entry.items() if key != name}


@pytest.fixture
def trust_errors(simple_jwt, messages):
    """A function that sets these entries and returns the messages of E024."""

    def tell(*entries, **values):
        simple_jwt(TRUSTED_ISSUERS=list(entries), **values)
        return [message.msg for message in messages() if message.id == "simplejwt.E024"]

    return tell


@pytest.mark.parametrize(
    "entry",
    [
        REMOTE,
        STATIC,
        SHARED,
        {**REMOTE, "audience": ["us", "them"], "claims": {"sub": "user_id"}},
        {**REMOTE, "jwk_url": "http://localhost:8000/jwks", "algorithms": ("EdDSA",), "claims": {}},
        {**STATIC, "keys": ({"algorithm": "RS256", "key": private_key("RS"), "kid": "x"},)},
        # One key for two algorithms.
        {**STATIC, "keys": [{"algorithm": name, "key": PUBLIC} for name in ("RS256", "PS256")]}
        | {"algorithms": ["RS256", "PS256"]},
    ],
)
def test_a_valid_entry_is_accepted(trust_errors, entry):
    assert trust_errors(entry) == []


def test_no_entries_are_accepted(reported):
    assert "E024" not in reported(TRUSTED_ISSUERS=None)


@pytest.mark.parametrize(
    ("entry", "message_start"),
    [
        ("https://issuer.example/", "it is not a dict"),
        (without(REMOTE, "issuer"), "it needs an issuer"),
        ({**REMOTE, "issuer": ["https://issuer.example/"]}, "it needs an issuer"),
        (without(REMOTE, "audience"), "it needs an audience"),
        ({**REMOTE, "audience": []}, "it needs an audience"),
        ({**REMOTE, "audience": ["us", None]}, "it needs an audience"),
        (without(REMOTE, "algorithms"), "it needs algorithms"),
        ({**REMOTE, "algorithms": []}, "it needs algorithms"),
        ({**REMOTE, "algorithms": "RS256"}, "it needs algorithms"),
        ({**REMOTE, "algorithms": ["RS256", "none"]}, "it needs algorithms"),
        ({**REMOTE, "algorithms": ["RS256", ["ES256"]]}, "it needs algorithms"),
        ({**REMOTE, "audiance": "us"}, "'audiance' is unknown, did you mean 'audience'"),
        ({**REMOTE, "paint": "red"}, "'paint' is unknown."),
        ({**REMOTE, 5: 5}, "'5' is unknown."),
        (without(REMOTE, "jwk_url"), "it needs either a jwk_url or keys"),
        ({**STATIC, "keys": []}, "it needs either a jwk_url or keys"),
        ({**REMOTE, **STATIC}, "it needs either a jwk_url or keys"),
        ({**REMOTE, "algorithms": ["RS256", "HS256"]}, "it has a jwk_url and an HMAC algorithm"),
        ({**REMOTE, "jwk_url": "http://issuer.example/"}, "its jwk_url is not allowed"),
        ({**REMOTE, "jwk_url": "https://[::1"}, "its jwk_url is not allowed"),
        ({**REMOTE, "jwk_url": 5}, "its jwk_url is not allowed"),
        ({**STATIC, "keys": {"algorithm": "RS256", "key": PUBLIC}}, "its keys are not a list"),
        ({**STATIC, "keys": [PUBLIC]}, "its keys[0]: it is not a dict"),
        ({**STATIC, "keys": [{"algorithm": "RS256", "key": "junk"}]}, "its keys[0]: it can't be read"),
        ({**STATIC, "keys": [{"algorithm": ["RS256"], "key": PUBLIC}]}, "its keys[0]: "),
        ({**STATIC, "algorithms": ["PS256"]}, "its keys[0] is for RS256, which is not one of its algorithms"),
        ({**SHARED, "keys": [{"algorithm": "HS256", "key": PUBLIC}]}, "its keys[0]: it can't be read"),
        ({**STATIC, "keys": STATIC["keys"] * 2}, "its keys: two keys have the kid"),
        ({**REMOTE, "claims": [("sub", "user_id")]}, "its claims must be a dict"),
        ({**REMOTE, "claims": {"sub": None}}, "its claims must be a dict"),
        ({**REMOTE, "claims": {"sub": "user_id", "oid": "user_id"}}, "its claims map two claims to one name"),
        ({**REMOTE, "claims": {"tenant": "iss"}}, "its claims map two claims to one name, or a claim to one of"),
    ],
)
def test_an_invalid_entry_is_reported_with_its_index(trust_errors, entry, message_start):
    [message] = trust_errors({**SHARED, "issuer": "valid"}, entry)
    assert message.startswith(f"SIMPLE_JWT['TRUSTED_ISSUERS'][1]: {message_start}")
    assert "BEGIN" not in message


def test_each_invalid_entry_is_reported(trust_errors):
    assert len(trust_errors("x", REMOTE, {}, STATIC)) == 3


def test_two_entries_of_one_issuer_are_an_error(trust_errors):
    [message] = trust_errors(REMOTE, {**STATIC, "issuer": "other"}, STATIC)
    assert message.startswith("SIMPLE_JWT['TRUSTED_ISSUERS'][2]: another entry has the same")


@pytest.mark.parametrize("own", [NAMED["issuer"], ["x", NAMED["issuer"]]])
def test_our_own_issuer_in_an_entry_is_an_error(trust_errors, own):
    [message] = trust_errors(REMOTE, ISSUER=own)
    assert "this project's own ISSUER" in message
    for own in ("another", None, 5):
        assert trust_errors(REMOTE, ISSUER=own) == []


def test_a_secret_of_this_project_in_an_entry_is_an_error(trust_errors, settings):
    settings.SECRET_KEY_FALLBACKS = ["a secret that we had once, and which is long enough"]
    for secret in (settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS[0], SECRET.encode()):
        [message] = trust_errors({**SHARED, "keys": [{"algorithm": "HS256", "key": secret}]}, SIGNING_KEY=SECRET)
        assert "a secret of this project" in message
        assert str(secret) not in message
    assert trust_errors(SHARED, SIGNING_KEY=None) == []


def test_missing_cryptography_is_an_error(trust_errors):
    with mock.patch("jwt.algorithms.has_crypto", False):
        [message] = trust_errors(REMOTE)
    assert message.endswith("You must have cryptography installed to use RS256.")


@pytest.mark.parametrize("value", [{"issuer": "x"}, "x", 5])
def test_anything_but_a_list_is_an_error(reported, value):
    assert "E024" in reported(TRUSTED_ISSUERS=value)


class TestAmbiguousUsers:
    MAPPED = {**REMOTE, "claims": {"sub": api_settings.USER_ID_CLAIM}}
    OTHER = {**SHARED, "issuer": "other", "claims": {"uid": api_settings.USER_ID_CLAIM}}

    def test_two_issuers_that_set_the_user_id_claim_are_a_warning(self, reported):
        assert "W016" in reported(TRUSTED_ISSUERS=[self.MAPPED, self.OTHER])

    def test_user_from_claims_resolves_the_ambiguity(self, reported):
        assert "W016" not in reported(TRUSTED_ISSUERS=[self.MAPPED, self.OTHER], USER_FROM_CLAIMS="builtins.dict")

    @pytest.mark.parametrize("other", [{**OTHER, "claims": {"uid": "x"}}, without(OTHER, "claims"), "x"])
    def test_one_issuer_that_sets_the_user_id_claim_is_accepted(self, reported, other):
        assert "W016" not in reported(TRUSTED_ISSUERS=[self.MAPPED, other])
