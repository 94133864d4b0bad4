import hmac
import json
import time
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from unittest import mock
from uuid import UUID

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import lazystr

from rest_framework_simplejwt import backends, claims, state, trust
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    KeysUnavailable,
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from rest_framework_simplejwt.keys import remote
from rest_framework_simplejwt.keys.directory import SCAN_INTERVAL, KeyDirectory
from rest_framework_simplejwt.keys.remote import KeySetClient, KeySetUnavailable, UnknownKey
from rest_framework_simplejwt.keys.ring import KeyRing, read_key
from rest_framework_simplejwt.tokens import AccessToken
from tests.issuer import issuer, jwk, key_set
from tests.issuer import signed as signed_by_issuer
from tests.key_pairs import FAMILIES, SECRET, keys_of, new_private_key, pem_pair, private_key
from tests.signing_keys import put

# One project is enough for what no setting changes.
pytestmark = pytest.mark.needs("bare")


def backend_for(algorithm, **options):
    return TokenBackend(algorithm, *keys_of(algorithm), **options)


def seconds_from_now(seconds):
    return int(datetime.now(timezone.utc).timestamp()) + seconds


@pytest.fixture
def backend():
    return backend_for("HS256")


@pytest.mark.parametrize("algorithm", FAMILIES)
def test_decode_returns_the_encoded_claims_for_every_algorithm(algorithm):
    backend = backend_for(algorithm)
    token = backend.encode({"foo": "bar"})
    assert isinstance(token, str)
    assert backend.decode(token) == {"foo": "bar"}
    assert backend.decode(token.encode()) == {"foo": "bar"}


@pytest.mark.parametrize("algorithm", FAMILIES)
def test_another_key_of_the_same_algorithm_does_not_verify(algorithm):
    token = backend_for(algorithm).encode({"foo": "bar"})
    family = FAMILIES[algorithm]
    stranger = SECRET.upper() if family is None else new_private_key(family)
    with pytest.raises(TokenBackendError, match="Token is invalid"):
        TokenBackend(algorithm, stranger, stranger if family is None else stranger.public_key()).decode(token)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_alone_verifies_but_does_not_sign(algorithm):
    token = backend_for(algorithm).encode({"foo": "bar"})
    verifier = TokenBackend(algorithm, None, pem_pair(FAMILIES[algorithm])[1])
    assert verifier.decode(token) == {"foo": "bar"}
    assert verifier.prepared_signing_key is None


def test_the_arguments_may_be_given_by_position():
    backend = TokenBackend("HS256", SECRET, "", "aud", "iss", None, 10, json.JSONEncoder)
    assert backend.decode(backend.encode({})) == {"aud": "aud", "iss": "iss"}
    assert backend.get_leeway() == timedelta(seconds=10)


def test_hmac_ignores_the_verifying_key():
    backend = TokenBackend("HS256", SECRET, "something else")
    assert backend.prepared_verifying_key == backend.prepared_signing_key
    assert backend.decode(backend.encode({"foo": 1})) == {"foo": 1}


@pytest.mark.parametrize("algorithm", ["none", "oienarst oieanrsto i", "hs256", ""])
def test_an_unknown_algorithm_is_rejected(algorithm):
    with pytest.raises(TokenBackendError) as caught:
        TokenBackend(algorithm, SECRET)
    assert str(caught.value) == f"Unrecognized algorithm type '{algorithm}'"


def test_an_algorithm_that_needs_cryptography_is_rejected_without_it(monkeypatch):
    monkeypatch.setattr(backends.algorithms, "has_crypto", False)
    with pytest.raises(TokenBackendError, match=r"^You must have cryptography installed to use RS256\.$"):
        TokenBackend("RS256", "key")
    TokenBackend("HS256", SECRET)


@pytest.mark.parametrize(("leeway", "expected"), [(None, 0), (0, 0), (5, 5), (1.5, 1.5), (timedelta(minutes=1), 60)])
def test_leeway_is_seconds_or_a_timedelta(leeway, expected):
    assert TokenBackend("HS256", SECRET, leeway=leeway).get_leeway() == timedelta(seconds=expected)


def test_leeway_of_another_type_is_rejected():
    with pytest.raises(TokenBackendError) as caught:
        TokenBackend("HS256", SECRET, leeway="1").get_leeway()
    assert str(caught.value) == "Unrecognized type '<class 'str'>', 'leeway' must be of type int, float or timedelta."


def test_leeway_may_be_changed_on_a_live_backend(backend):
    token = backend.encode({"exp": seconds_from_now(-5)})
    backend.leeway = 60
    assert "exp" in backend.decode(token)


def test_an_expired_token_has_its_own_exception(backend):
    with pytest.raises(TokenBackendExpiredToken, match="^Token is expired$") as caught:
        backend.decode(backend.encode({"exp": seconds_from_now(-1)}))
    assert isinstance(caught.value.__cause__, claims.Expired)


@pytest.mark.parametrize(("claim", "seconds"), [("nbf", 30), ("iat", 90)])
def test_a_token_from_the_future_is_invalid(backend, claim, seconds):
    with pytest.raises(TokenBackendError, match="Token is invalid"):
        backend.decode(backend.encode({claim: seconds_from_now(seconds)}))


def test_a_token_issued_by_a_faster_clock_is_valid(backend):
    token = backend.encode({"iat": seconds_from_now(30)})
    assert backend.decode(token) == backend.decode(token, verify=False)


def test_audience_and_issuer_are_written_and_required():
    ours = TokenBackend("HS256", SECRET, audience="us", issuer="me")
    assert ours.decode(ours.encode({})) == {"aud": "us", "iss": "me"}
    for theirs in (TokenBackend("HS256", SECRET, audience="them", issuer="me"), TokenBackend("HS256", SECRET)):
        with pytest.raises(TokenBackendError, match="Token is invalid"):
            ours.decode(theirs.encode({}))


def test_an_audience_is_ignored_if_none_is_configured(backend):
    token = TokenBackend("HS256", SECRET, audience=["a", "b"]).encode({})
    assert backend.decode(token) == {"aud": ["a", "b"]}


def test_encode_does_not_change_the_payload():
    payload = {}
    TokenBackend("HS256", SECRET, audience="us", issuer="me").encode(payload)
    assert payload == {}


def test_claims_of_other_types_are_encoded_by_json_encoder():
    class UUIDEncoder(json.JSONEncoder):
        def default(self, o):
            return str(o)

    value = UUID(int=1)
    backend = TokenBackend("HS256", SECRET, json_encoder=UUIDEncoder)
    assert backend.decode(backend.encode({"x": value})) == {"x": str(value)}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_not_encoded(backend, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        backend.encode({"x": value})


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
def test_a_datetime_becomes_a_numeric_date(backend, claim):
    token = backend.encode({claim: datetime(2100, 1, 1, tzinfo=timezone.utc)})
    assert backend.decode(token, verify=False) == {claim: 4102444800}


def test_tokens_are_encoded_as_pyjwt_encodes_them(backend):
    payload = {"b": "é", "a": [1, {"x": None}], "exp": 4102444800}
    assert backend.encode(payload) == jwt.encode(payload, SECRET, algorithm="HS256")


def test_a_backend_without_a_signing_key_does_not_sign():
    with pytest.raises(TokenBackendError, match="no key to sign with"):
        TokenBackend("RS256", None, pem_pair("RS")[1]).encode({})


def test_an_integer_subject_is_accepted(backend):
    assert backend.decode(backend.encode({"sub": 5})) == {"sub": 5}


def test_another_algorithm_has_its_own_message(backend):
    with pytest.raises(TokenBackendError, match="Invalid algorithm specified"):
        backend.decode(jwt.encode({"foo": 1}, SECRET, algorithm="HS384"))


def test_an_unsigned_token_is_rejected(backend):
    with pytest.raises(TokenBackendError, match="Invalid algorithm specified"):
        backend.decode(jwt.encode({"foo": 1}, None, algorithm="none"))


def signed(payload=None, **header):
    """Returns a token with these claims and more header parameters, signed with SECRET."""
    return jwt.encode(payload or {"foo": 1}, SECRET, algorithm="HS256", headers=header)


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c", "crit", "zip"])
def test_a_header_with_an_extension_or_a_key_is_rejected(backend, name):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        backend.decode(header_with(name, ["exp"]))


def header_with(name, value):
    header, payload = (
        jwt.utils.base64url_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", name: value}, {"foo": 1})
    )
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = jwt.utils.base64url_encode(algorithm.sign(header + b"." + payload, SECRET.encode()))
    return b".".join((header, payload, signature))


@pytest.mark.parametrize("value", [True, False])
def test_an_unencoded_payload_is_rejected(backend, value):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        backend.decode(header_with("b64", value))


@pytest.mark.parametrize("name", ["typ", "cty", "kid"])
@pytest.mark.parametrize("value", [1, None, ["x"], {}])
def test_a_header_parameter_of_another_type_is_rejected(backend, name, value):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        backend.decode(header_with(name, value))


def test_other_header_parameters_are_ignored(backend):
    assert backend.decode(signed(kid="../../dev/null", x5t="thumb", typ="at+jwt")) == {"foo": 1}


@pytest.mark.parametrize("public", ["", "no PEM", None, pem_pair("ES256")[1]])
def test_an_unusable_verifying_key_makes_every_token_invalid(public):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        TokenBackend("RS256", None, public).decode(backend_for("RS256").encode({}))


def test_an_override_of_get_verifying_key_may_return_a_pem():
    class Finding(TokenBackend):
        def get_verifying_key(self, token):
            return pem_pair("RS")[1]

    assert Finding("RS256").decode(backend_for("RS256").encode({"foo": 1})) == {"foo": 1}


def test_a_public_key_is_not_used_as_hmac_secret():
    public = pem_pair("RS")[1]
    header, payload = (
        jwt.utils.base64url_encode(json.dumps(part).encode()) for part in ({"alg": "HS256"}, {"admin": True})
    )
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        header + b"." + payload, public.encode()
    )
    forged = b".".join((header, payload, jwt.utils.base64url_encode(signature)))
    with pytest.raises(TokenBackendError, match="Invalid algorithm specified"):
        TokenBackend("RS256", None, public).decode(forged)


def malformed_versions(token):
    header, payload, signature = token.split(".")
    return {
        "empty": "",
        "word": "garbage",
        "two segments": f"{header}.{payload}",
        "four segments": f"{token}.x",
        "no signature": f"{header}.{payload}.",
        "other payload": f"{header}.{jwt.utils.base64url_encode(b'{}').decode()}.{signature}",
        "not base64": f"{header}.{payload}.!!!",
        "not ascii": f"{token}é",
        "header is no object": f"{jwt.utils.base64url_encode(b'[]').decode()}.{payload}.{signature}",
    }


@pytest.mark.parametrize("how", malformed_versions("a.b.c"))
def test_a_malformed_token_is_invalid(backend, how):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        backend.decode(malformed_versions(backend.encode({"foo": 1}))[how])


def change_spare_bits(token):
    """Changes the bits of the last character that a lenient base64url decoder ignores."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


@pytest.mark.parametrize(
    "spell",
    [
        change_spare_bits,
        lambda token: f"{token}=",
        lambda token: f"{token}\n",
        lambda token: f" {token}",
        lambda token: token.replace(".", ".\n"),
        lambda token: token[:30] + "!" + token[30:],
        lambda token: f"{token}.",
        lambda token: f"{token}\ud800",
    ],
)
@pytest.mark.parametrize("encoding", [str, lambda token: token.encode(errors="replace")], ids=["str", "bytes"])
def test_another_encoding_of_a_token_is_rejected(backend, spell, encoding):
    token = backend.encode({"foo": 1})
    assert backend.decode(encoding(token))
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        backend.decode(encoding(spell(token)))


@pytest.mark.parametrize(
    "payload", ['{"exp": 1e999}', '{"exp": []}', '{"exp": "x"}', "[]", "1", '{"a":' * 100_000, "\xff"]
)
def test_malformed_payloads_with_a_valid_signature_are_invalid(backend, payload):
    token = jwt.api_jws.encode(payload.encode("latin-1"), SECRET, algorithm="HS256")
    with pytest.raises(TokenBackendError, match="Token is invalid"):
        backend.decode(token)


def test_without_verify_signature_expiry_and_parties_are_not_checked():
    token = TokenBackend("HS256", SECRET.upper(), audience="them").encode({"exp": seconds_from_now(-1), "foo": 1})
    payload = TokenBackend("HS256", SECRET, audience="us", issuer="me").decode(token, verify=False)
    assert payload["foo"] == 1


def test_without_verify_a_malformed_token_is_still_invalid(backend):
    with pytest.raises(TokenBackendError, match="Token is invalid"):
        backend.decode("garbage", verify=False)


def test_a_key_is_parsed_once():
    backend = backend_for("RS256")
    algorithm = backend._algorithm
    with mock.patch.object(algorithm, "prepare_key", wraps=algorithm.prepare_key) as parser:
        for _ in range(3):
            backend.decode(backend.encode({}))
    assert parser.call_count == 2


class TestKeysOfARemoteIssuer:
    @pytest.fixture
    def client(self):
        with mock.patch("rest_framework_simplejwt.backends.PyJWKClient", spec=backends.PyJWKClient) as client_class:
            client_class.return_value.get_signing_key_from_jwt.return_value.key = private_key("RS").public_key()
            yield client_class

    def test_the_published_key_verifies(self, client):
        token = backend_for("RS256").encode({"foo": 1})
        backend = TokenBackend("RS256", jwk_url="https://issuer.test/jwks")
        client.assert_called_once_with("https://issuer.test/jwks", algorithm="RS256", timeout=2.0, allow_http=False)
        assert backend.decode(token) == {"foo": 1}
        backend.jwks_client.get_signing_key_from_jwt.assert_called_once_with(token)

    @pytest.mark.parametrize(
        "error",
        [UnknownKey("none"), jwt.PyJWKClientError("?"), jwt.DecodeError("?"), UnicodeDecodeError("u", b"", 0, 1, "")],
    )
    def test_a_key_that_is_not_published_makes_the_token_invalid(self, client, error):
        client.return_value.get_signing_key_from_jwt.side_effect = error
        with pytest.raises(TokenBackendError, match="Token is invalid") as caught:
            TokenBackend("RS256", jwk_url="https://issuer.test/jwks").decode(backend_for("RS256").encode({}))
        assert caught.value.__cause__ is error

    def test_an_unavailable_issuer_raises_keys_unavailable(self, client):
        client.return_value.get_signing_key_from_jwt.side_effect = error = KeySetUnavailable("down")
        with pytest.raises(KeysUnavailable) as caught:
            TokenBackend("RS256", jwk_url="https://issuer.test/jwks").decode(backend_for("RS256").encode({}))
        assert caught.value.__cause__ is error

    def test_the_timeout_is_passed_to_the_client(self, client):
        TokenBackend("RS256", jwk_url="https://issuer.test/jwks", jwk_timeout=0.5)
        assert client.call_args.kwargs["timeout"] == 0.5

    def test_hmac_does_not_fetch_keys(self, client):
        backend = TokenBackend("HS256", SECRET, jwk_url="https://issuer.test/jwks")
        backend.decode(backend.encode({}))
        client.return_value.get_signing_key_from_jwt.assert_not_called()

    def test_a_malformed_token_does_not_fetch_keys(self, client):
        with pytest.raises(TokenBackendError, match="Token is invalid"):
            TokenBackend("RS256", jwk_url="https://issuer.test/jwks").decode("garbage")
        client.return_value.get_signing_key_from_jwt.assert_not_called()

    def test_without_verify_no_keys_are_fetched(self, client):
        backend = TokenBackend("RS256", jwk_url="https://issuer.test/jwks")
        assert backend.decode(backend_for("RS256").encode({"foo": 1}), verify=False) == {"foo": 1}
        client.return_value.get_signing_key_from_jwt.assert_not_called()


BLANK = ["", "   ", "\n", "\ufeff", "\u00a0\u2003", "\0" * 8, b"", b" \t\r\n", b"\0" * 64, bytearray(), bytearray(b" ")]


def forged(secret):
    """Returns a token signed by HMAC with any secret, also with one that libraries reject."""
    header, payload = (jwt.utils.base64url_encode(part) for part in (b'{"alg":"HS256"}', b'{"foo":1}'))
    signature = hmac.digest(secret, header + b"." + payload, "sha256")
    return b".".join((header, payload, jwt.utils.base64url_encode(signature)))


def possible_secrets(key):
    """Returns the secrets that a blank key could become if it were not rejected."""
    return {b"", key.encode() if isinstance(key, str) else bytes(key)}


class TestBlankKey:
    """A blank key, which anybody can guess, does not sign, and a token signed with it is invalid."""

    @pytest.mark.parametrize("key", BLANK, ids=repr)
    def test_is_not_an_hmac_secret(self, key):
        backend = TokenBackend("HS256", key)
        with pytest.raises(ImproperlyConfigured, match="signing key of HS256 is blank"):
            backend.encode({"foo": 1})
        for secret in possible_secrets(key):
            with pytest.raises(ImproperlyConfigured, match="signing key of HS256 is blank"):
                backend.decode(forged(secret))

    @pytest.mark.parametrize("key", [lazystr(""), memoryview(b"")])
    def test_of_another_type_is_not_an_hmac_secret(self, key):
        backend = TokenBackend("HS256", key)
        with pytest.raises(TypeError):
            backend.encode({"foo": 1})
        with pytest.raises(TokenBackendError):
            backend.decode(forged(b""))

    @pytest.mark.parametrize("key", BLANK, ids=repr)
    def test_is_not_a_fallback_key(self, key):
        backend = TokenBackend("HS256", SECRET, fallback_keys=[key, None, SECRET.upper()])
        for secret in possible_secrets(key):
            with pytest.raises(TokenBackendError, match="^Token is invalid$"):
                backend.decode(forged(secret))
        assert backend.decode(forged(SECRET.upper().encode())) == {"foo": 1}

    @pytest.mark.parametrize("key", BLANK, ids=repr)
    @pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
    def test_is_not_a_key_of_a_pair(self, algorithm, key):
        backend = TokenBackend(algorithm, key, pem_pair(FAMILIES[algorithm])[1])
        assert backend.decode(backend_for(algorithm).encode({"foo": 1})) == {"foo": 1}
        with pytest.raises(TokenBackendError, match="no key to sign with"):
            backend.encode({})
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            TokenBackend(algorithm, None, key).decode(backend_for(algorithm).encode({}))

    @pytest.mark.parametrize("key", [b"", "", b" \n", b"\0" * 64])
    @pytest.mark.parametrize("name", ["get_verifying_key", "prepared_verifying_key", "prepared_signing_key"])
    def test_is_rejected_if_a_subclass_returns_it(self, name, key):
        answer = (lambda self, token: key) if name == "get_verifying_key" else key
        backend = type("Answering", (TokenBackend,), {name: answer})("HS256", SECRET)
        for secret in possible_secrets(key):
            with pytest.raises(TokenBackendError, match="^Token is invalid$"):
                backend.decode(forged(secret))

    @pytest.mark.parametrize("key", [b"", b" \n", b"\0" * 64])
    def test_does_not_sign_if_a_test_patches_it_in(self, key):
        with mock.patch.object(TokenBackend, "prepared_signing_key", key), pytest.raises(jwt.InvalidKeyError):
            TokenBackend("HS256", SECRET).encode({})

    def test_of_hmac_is_rejected_in_a_published_key_set(self):
        for secret in ("", "IA"):
            with pytest.raises(ValueError, match="none of 1 keys"):
                remote.read_key_set(key_set({"kty": "oct", "k": secret, "kid": "a", "alg": "HS256"}), "HS256")


def test_the_key_set_client_has_the_names_of_5_5_1():
    assert backends.JWK_CLIENT_AVAILABLE
    assert issubclass(backends.PyJWKClient, KeySetClient)
    assert TokenBackend("HS256", SECRET).jwks_client is None


def cached_tokens(backend):
    return len(backend._memo._entries)


@pytest.fixture
def advance_time(monkeypatch):
    """Sets the clock of all backends forward: `advance_time(10)` by ten seconds."""
    monkeypatch.setattr(backends, "time", clock := SimpleNamespace(time=time.time))

    def forward(seconds):
        then = clock.time()
        clock.time = lambda: then + seconds

    return forward


def ring_key(kid="a", secret=SECRET, *, signs=True, **role):
    return read_key({"kid": kid, "algorithm": "HS256", "key": secret, **role}, signs=signs)


class TestCachedToken:
    """A cached token: its signature is not verified again, and everything else is."""

    @pytest.fixture
    def backend(self):
        return backend_for("HS256", verified_cache_size=10)

    @pytest.fixture
    def decode_and_cache(self):
        """Decodes a token, or a new one with these claims, asserts that it is cached, and returns it."""

        def decode_and_cache(backend, token=None, **claims):
            token = token or backend.encode(claims)
            first = backend.decode(token)
            assert cached_tokens(backend) == 1
            assert backend.decode(token) == first
            return token

        return decode_and_cache

    @pytest.mark.parametrize("algorithm", FAMILIES)
    def test_is_not_verified_again(self, algorithm, decode_and_cache):
        backend = backend_for(algorithm, verified_cache_size=10)
        with mock.patch.object(backend._algorithm, "verify", wraps=backend._algorithm.verify) as verify:
            decode_and_cache(backend, foo="bar")
        assert verify.call_count == 1

    def test_of_a_ring_is_not_verified_again(self, decode_and_cache):
        backend = TokenBackend("HS256", ring=lambda: ring, verified_cache_size=10)
        ring = KeyRing([ring_key()])
        with mock.patch.object(type(ring.signing_key(0)), "verify", autospec=True, return_value=True) as verify:
            decode_and_cache(backend, foo="bar")
        assert verify.call_count == 1

    def test_expires(self, backend, decode_and_cache, advance_time):
        token = decode_and_cache(backend, exp=seconds_from_now(60))
        advance_time(61)
        with pytest.raises(TokenBackendExpiredToken, match="^Token is expired$") as caught:
            backend.decode(token)
        assert caught.value.claims == backend.decode(token, verify=False)

    def test_expires_exactly_at_exp(self, backend, decode_and_cache, advance_time):
        token = decode_and_cache(backend, exp=int(time.time()) + 60, nested={"a": [1]})
        advance_time(58)
        assert backend.decode(token)
        advance_time(2)
        with pytest.raises(TokenBackendExpiredToken):
            backend.decode(token)

    @pytest.mark.parametrize(("claim", "seconds"), [("nbf", 30), ("iat", 90)])
    def test_is_invalid_after_the_clock_is_set_back(self, backend, decode_and_cache, advance_time, claim, seconds):
        token = decode_and_cache(backend, **{claim: seconds_from_now(0)})
        advance_time(-seconds)
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    def test_is_checked_with_a_changed_leeway(self, backend, decode_and_cache, advance_time):
        backend.leeway = 60
        token = decode_and_cache(backend, exp=seconds_from_now(-5))
        backend.leeway = 0
        with pytest.raises(TokenBackendExpiredToken):
            backend.decode(token)

    @pytest.mark.parametrize("party", ["audience", "issuer"])
    def test_is_checked_with_a_changed_audience_or_issuer(self, decode_and_cache, party):
        backend = backend_for("HS256", verified_cache_size=10, **{party: "us"})
        token = decode_and_cache(backend)
        setattr(backend, party, "them")
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    @pytest.mark.parametrize("segment", [0, 1, 2])
    def test_is_not_found_for_a_token_with_one_bit_changed(self, backend, decode_and_cache, segment):
        token = decode_and_cache(backend, foo="bar", exp=seconds_from_now(60)).encode()
        start = sum(len(part) + 1 for part in token.split(b".")[:segment])
        for at in range(start, start + len(token.split(b".")[segment])):
            for bit in range(8):
                other = bytearray(token)
                other[at] ^= 1 << bit
                with pytest.raises(TokenBackendError):
                    backend.decode(bytes(other))
        assert cached_tokens(backend) == 1

    @pytest.mark.parametrize("longer", [b"%s=", b"%s\n", b" %s", b"%s.", b"%s\0"])
    def test_is_not_found_for_another_encoding(self, backend, decode_and_cache, longer):
        token = decode_and_cache(backend, foo="bar").encode()
        with pytest.raises(TokenBackendError):
            backend.decode(longer % token)

    def test_is_rejected_after_its_key_has_retired(self, decode_and_cache, advance_time):
        ring = KeyRing([ring_key(retire_after=seconds_from_now(60))])
        backend = TokenBackend("HS256", ring=lambda: ring, verified_cache_size=10)
        token = decode_and_cache(backend, foo=1)
        advance_time(61)
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    @pytest.mark.parametrize(
        "left",
        [
            lambda: KeyRing([ring_key("b")]),
            lambda: KeyRing([], [ring_key("b", accepts_no_kid=True)]),
            lambda: KeyRing([ring_key(secret=SECRET.upper())]),
            lambda: KeyRing([ring_key("b", retire_after=0), ring_key("c")]),
        ],
        ids=["another kid", "one for tokens without a kid", "another key of that kid", "none"],
    )
    def test_is_rejected_after_its_key_left_the_ring(self, decode_and_cache, left):
        rings = [KeyRing([ring_key()])]
        backend = TokenBackend("HS256", ring=lambda: rings[-1], verified_cache_size=10)
        token = decode_and_cache(backend, foo=1)
        rings.append(left())
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    def test_without_a_kid_is_rejected_after_accepts_no_kid_is_off(self, decode_and_cache):
        rings = [KeyRing([ring_key(accepts_no_kid=True)])]
        backend = TokenBackend("HS256", ring=lambda: rings[-1], verified_cache_size=10)
        token = decode_and_cache(backend, backend_for("HS256").encode({"foo": 1}))
        rings.append(KeyRing([ring_key()]))
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    def test_is_verified_again_after_its_key_is_read_again(self, decode_and_cache):
        rings = [KeyRing([ring_key()])]
        backend = TokenBackend("HS256", ring=lambda: rings[-1], verified_cache_size=10)
        token = decode_and_cache(backend, foo=1)
        rings.append(KeyRing([ring_key()]))
        assert backend.decode(token) == {"foo": 1}

    @pytest.mark.parametrize("name", ["a.pem", "a.json"])
    def test_is_rejected_after_a_file_of_its_key_is_deleted(self, decode_and_cache, tmp_path, name):
        now = SimpleNamespace(seconds=0)
        for kid in "ab":
            put(tmp_path, kid)
        directory = KeyDirectory(tmp_path, now=lambda: now.seconds)
        backend = TokenBackend("HS256", ring=directory.ring, verified_cache_size=10)
        token = decode_and_cache(backend, foo=1)
        assert jwt.get_unverified_header(token)["kid"] == "a"
        tmp_path.joinpath(name).unlink()
        now.seconds += 2 * SCAN_INTERVAL
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    @pytest.mark.parametrize("found_next", [private_key("PS").public_key(), None, "no PEM"])
    def test_is_rejected_after_a_subclass_returns_another_key(self, decode_and_cache, found_next):
        class Finding(TokenBackend):
            found = private_key("RS").public_key()

            def get_verifying_key(self, token):
                return self.found

        backend = Finding("RS256", pem_pair("RS")[0], verified_cache_size=10)
        token = decode_and_cache(backend, foo=1)
        backend.found = found_next
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    def test_of_a_fallback_key_is_cached(self, decode_and_cache):
        backend = backend_for("HS256", fallback_keys=[SECRET.upper()], verified_cache_size=10)
        decode_and_cache(backend, TokenBackend("HS256", SECRET.upper()).encode({"foo": 1}))

    def test_can_still_be_decoded_without_verify(self, backend, decode_and_cache, advance_time):
        token = decode_and_cache(backend, exp=seconds_from_now(60))
        advance_time(61)
        assert backend.decode(token, verify=False)


class TestCachedTokenOfARemoteIssuer:
    @pytest.fixture
    def server(self):
        with issuer() as served:
            yield served

    @pytest.fixture
    def advance_client_time(self, monkeypatch):
        """Sets the clock of the client that fetches the issuer's keys forward: `advance_client_time(seconds)`."""
        clock = SimpleNamespace(now=1000.0)

        class Client(backends.PyJWKClient):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs, now=lambda: clock.now)

        monkeypatch.setattr(backends, "PyJWKClient", Client)

        def forward(seconds):
            clock.now += seconds

        return forward

    @pytest.fixture
    def backend(self, advance_client_time, server):
        return TokenBackend("RS256", jwk_url=server.url, verified_cache_size=10)

    @pytest.fixture
    def token(self, backend):
        token = signed_by_issuer(foo=1)
        assert backend.decode(token) == backend.decode(token) == {"foo": 1}
        assert cached_tokens(backend) == 1
        return token

    def fetch_keys_again(self, backend, advance_client_time):
        """Fetches the issuer's keys again and waits for them."""
        advance_client_time(2 * remote.LIFETIME)
        backend.jwks_client.get_signing_key_from_jwt(signed_by_issuer(kid="other"))

    def test_is_verified_again_after_the_keys_are_fetched_again(self, backend, server, advance_client_time, token):
        old = next(iter(backend._memo._entries.values())).key
        server.respond_with(key_set(jwk(private_key("RS"), "first"), jwk(private_key("PS"), "other")))
        self.fetch_keys_again(backend, advance_client_time)
        assert backend.decode(token) == {"foo": 1}
        assert next(iter(backend._memo._entries.values())).key is not old

    @pytest.mark.parametrize(
        "keys",
        [lambda: [jwk(private_key("PS"), "first")], lambda: [jwk(private_key("RS"), "second")]],
        ids=["another key of that kid", "another kid"],
    )
    def test_is_rejected_after_the_issuer_withdraws_its_key(self, backend, server, advance_client_time, token, keys):
        server.respond_with(key_set(*keys(), jwk(private_key("PS"), "other")))
        self.fetch_keys_again(backend, advance_client_time)
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    def test_raises_keys_unavailable_after_a_day_of_outage(self, backend, server, advance_client_time, token):
        server.respond_with(b"", status=500)
        advance_client_time(remote.USE_STALE_FOR)
        with pytest.raises(KeysUnavailable):
            backend.decode(token)


class TestSettings:
    def test_set_the_number_of_cached_tokens(self, simple_jwt):
        assert state.token_backend._memo._size == 1024
        simple_jwt(VERIFIED_TOKEN_CACHE_SIZE=3)
        assert state.token_backend._memo._size == 3

    @pytest.mark.parametrize("keys", ["static", "remote"])
    def test_set_the_number_of_cached_tokens_of_a_trusted_issuer(self, simple_jwt, keys):
        source = {
            "static": {"keys": [{"algorithm": "RS256", "key": pem_pair("RS")[1]}]},
            "remote": {"jwk_url": "https://a.example/jwks"},
        }
        entry = {"issuer": "https://a.example/", "audience": "us", "algorithms": ["RS256"], **source[keys]}
        simple_jwt(VERIFIED_TOKEN_CACHE_SIZE=3, TRUSTED_ISSUERS=[entry])
        (trusted,) = trust.trusted_issuers().values()
        assert [backend._memo._size for backend in trusted.backends.values()] == [3]

    def change_the_signing_key(self, settings, simple_jwt):
        simple_jwt(SIGNING_KEY=SECRET)

    def change_the_secret_key(self, settings, simple_jwt):
        settings.SECRET_KEY = SECRET

    def change_the_fallbacks(self, settings, simple_jwt):
        settings.SECRET_KEY_FALLBACKS = []

    @pytest.mark.parametrize("change", [change_the_signing_key, change_the_secret_key, change_the_fallbacks])
    def test_of_another_key_clear_the_cache(self, settings, simple_jwt, change):
        if change is TestSettings.change_the_fallbacks:
            settings.SECRET_KEY_FALLBACKS = ["an old key of the project, longer than thirty-two bytes"]
            text = TokenBackend("HS256", *settings.SECRET_KEY_FALLBACKS).encode(AccessToken().payload)
        else:
            text = str(AccessToken())
        assert AccessToken(text).payload == AccessToken(text).payload
        assert cached_tokens(state.token_backend) == 1
        change(self, settings, simple_jwt)
        with pytest.raises(TokenError, match="^Token is invalid$"):
            AccessToken(text)
