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
from tests.key_pairs import new_private_key, pem_pair, private_key
from tests.signing_keys import put

# One project is enough for what no setting changes.
pytestmark = pytest.mark.needs("bare")

SECRET = "a secret of more than sixty-four bytes, so that it is long enough for HS512"
ALGORITHMS = {
    "HS256": None,
    "HS384": None,
    "HS512": None,
    "RS256": "RS",
    "RS384": "RS",
    "RS512": "RS",
    "PS256": "PS",
    "ES256": "ES256",
    "ES384": "ES384",
    "ES512": "ES512",
    "EdDSA": "Ed",
}


def backend_for(algorithm, **options):
    family = ALGORITHMS[algorithm]
    private, public = (SECRET, "") if family is None else pem_pair(family)
    return TokenBackend(algorithm, private, public, **options)


def seconds_from_now(seconds):
    return int(datetime.now(timezone.utc).timestamp()) + seconds


@pytest.fixture
def backend():
    return backend_for("HS256")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_claims_come_back_from_a_token_of_every_algorithm(algorithm):
    backend = backend_for(algorithm)
    token = backend.encode({"foo": "bar"})
    assert isinstance(token, str)
    assert backend.decode(token) == {"foo": "bar"}
    assert backend.decode(token.encode()) == {"foo": "bar"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_key_of_the_same_algorithm_verifies_nothing(algorithm):
    token = backend_for(algorithm).encode({"foo": "bar"})
    family = ALGORITHMS[algorithm]
    stranger = SECRET.upper() if family is None else new_private_key(family)
    with pytest.raises(TokenBackendError, match="Token is invalid"):
        TokenBackend(algorithm, stranger, stranger if family is None else stranger.public_key()).decode(token)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_alone_verifies_and_does_not_sign(algorithm):
    token = backend_for(algorithm).encode({"foo": "bar"})
    verifier = TokenBackend(algorithm, None, pem_pair(ALGORITHMS[algorithm])[1])
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
def test_an_unknown_algorithm_is_refused(algorithm):
    with pytest.raises(TokenBackendError) as caught:
        TokenBackend(algorithm, SECRET)
    assert str(caught.value) == f"Unrecognized algorithm type '{algorithm}'"


def test_an_algorithm_that_needs_cryptography_says_so(monkeypatch):
    monkeypatch.setattr(backends.algorithms, "has_crypto", False)
    with pytest.raises(TokenBackendError, match=r"^You must have cryptography installed to use RS256\.$"):
        TokenBackend("RS256", "key")
    TokenBackend("HS256", SECRET)


@pytest.mark.parametrize(("leeway", "expected"), [(None, 0), (0, 0), (5, 5), (1.5, 1.5), (timedelta(minutes=1), 60)])
def test_leeway_is_seconds_or_a_timedelta(leeway, expected):
    assert TokenBackend("HS256", SECRET, leeway=leeway).get_leeway() == timedelta(seconds=expected)


def test_leeway_of_another_type_is_refused():
    with pytest.raises(TokenBackendError) as caught:
        TokenBackend("HS256", SECRET, leeway="1").get_leeway()
    assert str(caught.value) == "Unrecognized type '<class 'str'>', 'leeway' must be of type int, float or timedelta."


def test_leeway_may_be_changed_on_a_live_backend(backend):
    token = backend.encode({"exp": seconds_from_now(-5)})
    backend.leeway = 60
    assert "exp" in backend.decode(token)


def test_an_expired_token_is_told_apart(backend):
    with pytest.raises(TokenBackendExpiredToken, match="^Token is expired$") as caught:
        backend.decode(backend.encode({"exp": seconds_from_now(-1)}))
    assert isinstance(caught.value.__cause__, claims.Expired)


@pytest.mark.parametrize(("claim", "seconds"), [("nbf", 30), ("iat", 90)])
def test_a_token_from_the_future_is_invalid(backend, claim, seconds):
    with pytest.raises(TokenBackendError, match="Token is invalid"):
        backend.decode(backend.encode({claim: seconds_from_now(seconds)}))


def test_a_token_of_a_machine_whose_clock_is_ahead_is_good_at_once(backend):
    token = backend.encode({"iat": seconds_from_now(30)})
    assert backend.decode(token) == backend.decode(token, verify=False)


def test_audience_and_issuer_are_put_in_and_required():
    ours = TokenBackend("HS256", SECRET, audience="us", issuer="me")
    assert ours.decode(ours.encode({})) == {"aud": "us", "iss": "me"}
    for theirs in (TokenBackend("HS256", SECRET, audience="them", issuer="me"), TokenBackend("HS256", SECRET)):
        with pytest.raises(TokenBackendError, match="Token is invalid"):
            ours.decode(theirs.encode({}))


def test_an_audience_nobody_asked_for_is_accepted(backend):
    token = TokenBackend("HS256", SECRET, audience=["a", "b"]).encode({})
    assert backend.decode(token) == {"aud": ["a", "b"]}


def test_encoding_leaves_the_payload_alone():
    payload = {}
    TokenBackend("HS256", SECRET, audience="us", issuer="me").encode(payload)
    assert payload == {}


def test_claims_of_another_type_need_an_encoder_for_them():
    class UUIDEncoder(json.JSONEncoder):
        def default(self, o):
            return str(o)

    value = UUID(int=1)
    backend = TokenBackend("HS256", SECRET, json_encoder=UUIDEncoder)
    assert backend.decode(backend.encode({"x": value})) == {"x": str(value)}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_claim_that_is_no_json_is_not_signed(backend, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        backend.encode({"x": value})


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
def test_a_moment_becomes_a_numeric_date(backend, claim):
    token = backend.encode({claim: datetime(2100, 1, 1, tzinfo=timezone.utc)})
    assert backend.decode(token, verify=False) == {claim: 4102444800}


def test_tokens_are_spelled_as_pyjwt_spells_them(backend):
    payload = {"b": "é", "a": [1, {"x": None}], "exp": 4102444800}
    assert backend.encode(payload) == jwt.encode(payload, SECRET, algorithm="HS256")


def test_a_backend_that_only_verifies_says_so_when_asked_to_sign():
    with pytest.raises(TokenBackendError, match="no key to sign with"):
        TokenBackend("RS256", None, pem_pair("RS")[1]).encode({})


def test_an_integer_subject_of_an_older_token_is_read(backend):
    assert backend.decode(backend.encode({"sub": 5})) == {"sub": 5}


def test_a_token_of_another_algorithm_names_the_fault(backend):
    with pytest.raises(TokenBackendError, match="Invalid algorithm specified"):
        backend.decode(jwt.encode({"foo": 1}, SECRET, algorithm="HS384"))


def test_an_unsigned_token_is_refused(backend):
    with pytest.raises(TokenBackendError, match="Invalid algorithm specified"):
        backend.decode(jwt.encode({"foo": 1}, None, algorithm="none"))


def signed(payload=None, **header):
    """A token of ours but for its header."""
    return jwt.encode(payload or {"foo": 1}, SECRET, algorithm="HS256", headers=header)


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c", "crit", "zip"])
def test_a_header_that_asks_for_more_than_a_signature_is_refused(backend, name):
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
def test_an_unencoded_payload_is_refused(backend, value):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        backend.decode(header_with("b64", value))


@pytest.mark.parametrize("name", ["typ", "cty", "kid"])
@pytest.mark.parametrize("value", [1, None, ["x"], {}])
def test_a_header_parameter_of_another_type_is_refused(backend, name, value):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        backend.decode(header_with(name, value))


def test_a_header_that_says_more_of_no_consequence_is_accepted(backend):
    assert backend.decode(signed(kid="../../dev/null", x5t="thumb", typ="at+jwt")) == {"foo": 1}


@pytest.mark.parametrize("public", ["", "no PEM", None, pem_pair("ES256")[1]])
def test_a_verifying_key_that_is_none_makes_every_token_invalid(public):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        TokenBackend("RS256", None, public).decode(backend_for("RS256").encode({}))


def test_a_subclass_may_find_its_keys_as_pem():
    class Finding(TokenBackend):
        def get_verifying_key(self, token):
            return pem_pair("RS")[1]

    assert Finding("RS256").decode(backend_for("RS256").encode({"foo": 1})) == {"foo": 1}


def test_a_public_key_is_no_hmac_secret():
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


def mangled(token):
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


@pytest.mark.parametrize("how", mangled("a.b.c"))
def test_what_is_no_token_is_invalid(backend, how):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        backend.decode(mangled(backend.encode({"foo": 1}))[how])


def other_last_character(token):
    """The same bytes, if the bits that nothing decodes to are ignored."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


@pytest.mark.parametrize(
    "spell",
    [
        other_last_character,
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
def test_a_token_has_one_spelling(backend, spell, encoding):
    token = backend.encode({"foo": 1})
    assert backend.decode(encoding(token))
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        backend.decode(encoding(spell(token)))


@pytest.mark.parametrize(
    "payload", ['{"exp": 1e999}', '{"exp": []}', '{"exp": "x"}', "[]", "1", '{"a":' * 100_000, "\xff"]
)
def test_odd_payloads_with_a_good_signature_are_invalid(backend, payload):
    token = jwt.api_jws.encode(payload.encode("latin-1"), SECRET, algorithm="HS256")
    with pytest.raises(TokenBackendError, match="Token is invalid"):
        backend.decode(token)


def test_without_verifying_a_payload_is_read_whatever_its_signature_age_and_audience():
    token = TokenBackend("HS256", SECRET.upper(), audience="them").encode({"exp": seconds_from_now(-1), "foo": 1})
    payload = TokenBackend("HS256", SECRET, audience="us", issuer="me").decode(token, verify=False)
    assert payload["foo"] == 1


def test_without_verifying_garbage_is_still_invalid(backend):
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

    def test_the_key_that_the_issuer_names_verifies(self, client):
        token = backend_for("RS256").encode({"foo": 1})
        backend = TokenBackend("RS256", jwk_url="https://issuer.test/jwks")
        client.assert_called_once_with("https://issuer.test/jwks", algorithm="RS256", timeout=2.0, allow_http=False)
        assert backend.decode(token) == {"foo": 1}
        backend.jwks_client.get_signing_key_from_jwt.assert_called_once_with(token)

    @pytest.mark.parametrize(
        "error",
        [UnknownKey("none"), jwt.PyJWKClientError("?"), jwt.DecodeError("?"), UnicodeDecodeError("u", b"", 0, 1, "")],
    )
    def test_an_issuer_without_that_key_makes_the_token_invalid(self, client, error):
        client.return_value.get_signing_key_from_jwt.side_effect = error
        with pytest.raises(TokenBackendError, match="Token is invalid") as caught:
            TokenBackend("RS256", jwk_url="https://issuer.test/jwks").decode(backend_for("RS256").encode({}))
        assert caught.value.__cause__ is error

    def test_an_issuer_that_is_down_makes_no_token_invalid(self, client):
        client.return_value.get_signing_key_from_jwt.side_effect = error = KeySetUnavailable("down")
        with pytest.raises(KeysUnavailable) as caught:
            TokenBackend("RS256", jwk_url="https://issuer.test/jwks").decode(backend_for("RS256").encode({}))
        assert caught.value.__cause__ is error

    def test_the_time_out_is_the_clients(self, client):
        TokenBackend("RS256", jwk_url="https://issuer.test/jwks", jwk_timeout=0.5)
        assert client.call_args.kwargs["timeout"] == 0.5

    def test_hmac_asks_no_issuer(self, client):
        backend = TokenBackend("HS256", SECRET, jwk_url="https://issuer.test/jwks")
        backend.decode(backend.encode({}))
        client.return_value.get_signing_key_from_jwt.assert_not_called()

    def test_garbage_costs_the_issuer_nothing(self, client):
        with pytest.raises(TokenBackendError, match="Token is invalid"):
            TokenBackend("RS256", jwk_url="https://issuer.test/jwks").decode("garbage")
        client.return_value.get_signing_key_from_jwt.assert_not_called()

    def test_nobody_is_asked_about_an_unverified_token(self, client):
        backend = TokenBackend("RS256", jwk_url="https://issuer.test/jwks")
        assert backend.decode(backend_for("RS256").encode({"foo": 1}), verify=False) == {"foo": 1}
        client.return_value.get_signing_key_from_jwt.assert_not_called()


BLANK = ["", "   ", "\n", "\ufeff", "\u00a0\u2003", "\0" * 8, b"", b" \t\r\n", b"\0" * 64, bytearray(), bytearray(b" ")]


def forged(secret):
    """A token of an HMAC that needs no more than the secret."""
    header, payload = (jwt.utils.base64url_encode(part) for part in (b'{"alg":"HS256"}', b'{"foo":1}'))
    signature = hmac.digest(secret, header + b"." + payload, "sha256")
    return b".".join((header, payload, jwt.utils.base64url_encode(signature)))


def spellings(key):
    """What may come of a blank key on its way to the HMAC."""
    return {b"", key.encode() if isinstance(key, str) else bytes(key)}


class TestBlankKey:
    """One that anybody can guess: it signs nothing, and what it has signed is good for nothing."""

    @pytest.mark.parametrize("key", BLANK, ids=repr)
    def test_is_no_secret(self, key):
        backend = TokenBackend("HS256", key)
        with pytest.raises(ImproperlyConfigured, match="signing key of HS256 is blank"):
            backend.encode({"foo": 1})
        for secret in spellings(key):
            with pytest.raises(ImproperlyConfigured, match="signing key of HS256 is blank"):
                backend.decode(forged(secret))

    @pytest.mark.parametrize("key", [lazystr(""), memoryview(b"")])
    def test_of_another_type_is_no_secret_either(self, key):
        backend = TokenBackend("HS256", key)
        with pytest.raises(TypeError):
            backend.encode({"foo": 1})
        with pytest.raises(TokenBackendError):
            backend.decode(forged(b""))

    @pytest.mark.parametrize("key", BLANK, ids=repr)
    def test_is_no_fallback(self, key):
        backend = TokenBackend("HS256", SECRET, fallback_keys=[key, None, SECRET.upper()])
        for secret in spellings(key):
            with pytest.raises(TokenBackendError, match="^Token is invalid$"):
                backend.decode(forged(secret))
        assert backend.decode(forged(SECRET.upper().encode())) == {"foo": 1}

    @pytest.mark.parametrize("key", BLANK, ids=repr)
    @pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
    def test_is_no_key_of_a_pair(self, algorithm, key):
        backend = TokenBackend(algorithm, key, pem_pair(ALGORITHMS[algorithm])[1])
        assert backend.decode(backend_for(algorithm).encode({"foo": 1})) == {"foo": 1}
        with pytest.raises(TokenBackendError, match="no key to sign with"):
            backend.encode({})
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            TokenBackend(algorithm, None, key).decode(backend_for(algorithm).encode({}))

    @pytest.mark.parametrize("key", [b"", "", b" \n", b"\0" * 64])
    @pytest.mark.parametrize("name", ["get_verifying_key", "prepared_verifying_key", "prepared_signing_key"])
    def test_is_refused_where_a_subclass_answers_with_it(self, name, key):
        answer = (lambda self, token: key) if name == "get_verifying_key" else key
        backend = type("Answering", (TokenBackend,), {name: answer})("HS256", SECRET)
        for secret in spellings(key):
            with pytest.raises(TokenBackendError, match="^Token is invalid$"):
                backend.decode(forged(secret))

    @pytest.mark.parametrize("key", [b"", b" \n", b"\0" * 64])
    def test_signs_nothing_where_it_was_patched_in(self, key):
        with mock.patch.object(TokenBackend, "prepared_signing_key", key), pytest.raises(jwt.InvalidKeyError):
            TokenBackend("HS256", SECRET).encode({})

    def test_of_hmac_is_in_no_published_set(self):
        for secret in ("", "IA"):
            with pytest.raises(ValueError, match="none of 1 keys"):
                remote.read_key_set(key_set({"kty": "oct", "k": secret, "kid": "a", "alg": "HS256"}), "HS256")


def test_the_key_set_client_is_there():
    assert backends.JWK_CLIENT_AVAILABLE
    assert issubclass(backends.PyJWKClient, KeySetClient)
    assert TokenBackend("HS256", SECRET).jwks_client is None


def remembered(backend):
    return len(backend._memo._entries)


@pytest.fixture
def passes(monkeypatch):
    """Time does, for the backends: `passes(10)`."""
    monkeypatch.setattr(backends, "time", clock := SimpleNamespace(time=time.time))

    def forward(seconds):
        then = clock.time()
        clock.time = lambda: then + seconds

    return forward


def ring_key(kid="a", secret=SECRET, *, signs=True, **role):
    return read_key({"kid": kid, "algorithm": "HS256", "key": secret, **role}, signs=signs)


class TestRememberedToken:
    """Its signature is not looked at again; everything else is."""

    @pytest.fixture
    def backend(self):
        return backend_for("HS256", verified_cache_size=10)

    @pytest.fixture
    def remember(self):
        """Have the backend decode a token of these claims, or this one, and see that it is remembered."""

        def remember(backend, token=None, **claims):
            token = token or backend.encode(claims)
            first = backend.decode(token)
            assert remembered(backend) == 1
            assert backend.decode(token) == first
            return token

        return remember

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_is_verified_once(self, algorithm, remember):
        backend = backend_for(algorithm, verified_cache_size=10)
        with mock.patch.object(backend._algorithm, "verify", wraps=backend._algorithm.verify) as verify:
            remember(backend, foo="bar")
        assert verify.call_count == 1

    def test_is_remembered_by_a_ring(self, remember):
        backend = TokenBackend("HS256", ring=lambda: ring, verified_cache_size=10)
        ring = KeyRing([ring_key()])
        with mock.patch.object(type(ring.signing_key(0)), "verify", autospec=True, return_value=True) as verify:
            remember(backend, foo="bar")
        assert verify.call_count == 1

    def test_expires(self, backend, remember, passes):
        token = remember(backend, exp=seconds_from_now(60))
        passes(61)
        with pytest.raises(TokenBackendExpiredToken, match="^Token is expired$") as caught:
            backend.decode(token)
        assert caught.value.claims == backend.decode(token, verify=False)

    def test_expires_at_its_last_second_and_not_before(self, backend, remember, passes):
        token = remember(backend, exp=int(time.time()) + 60, nested={"a": [1]})
        passes(58)
        assert backend.decode(token)
        passes(2)
        with pytest.raises(TokenBackendExpiredToken):
            backend.decode(token)

    @pytest.mark.parametrize(("claim", "seconds"), [("nbf", 30), ("iat", 90)])
    def test_may_come_to_lie_ahead(self, backend, remember, passes, claim, seconds):
        token = remember(backend, **{claim: seconds_from_now(0)})
        passes(-seconds)
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    def test_is_held_to_a_leeway_that_was_changed(self, backend, remember, passes):
        backend.leeway = 60
        token = remember(backend, exp=seconds_from_now(-5))
        backend.leeway = 0
        with pytest.raises(TokenBackendExpiredToken):
            backend.decode(token)

    @pytest.mark.parametrize("party", ["audience", "issuer"])
    def test_is_held_to_parties_that_were_changed(self, remember, party):
        backend = backend_for("HS256", verified_cache_size=10, **{party: "us"})
        token = remember(backend)
        setattr(backend, party, "them")
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    @pytest.mark.parametrize("segment", [0, 1, 2])
    def test_is_another_one_with_any_bit_changed(self, backend, remember, segment):
        token = remember(backend, foo="bar", exp=seconds_from_now(60)).encode()
        start = sum(len(part) + 1 for part in token.split(b".")[:segment])
        for at in range(start, start + len(token.split(b".")[segment])):
            for bit in range(8):
                other = bytearray(token)
                other[at] ^= 1 << bit
                with pytest.raises(TokenBackendError):
                    backend.decode(bytes(other))
        assert remembered(backend) == 1

    @pytest.mark.parametrize("longer", [b"%s=", b"%s\n", b" %s", b"%s.", b"%s\0"])
    def test_has_one_spelling_still(self, backend, remember, longer):
        token = remember(backend, foo="bar").encode()
        with pytest.raises(TokenBackendError):
            backend.decode(longer % token)

    def test_is_refused_once_the_key_of_its_ring_retires(self, remember, passes):
        ring = KeyRing([ring_key(retire_after=seconds_from_now(60))])
        backend = TokenBackend("HS256", ring=lambda: ring, verified_cache_size=10)
        token = remember(backend, foo=1)
        passes(61)
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
    def test_is_refused_once_its_ring_has_lost_the_key(self, remember, left):
        rings = [KeyRing([ring_key()])]
        backend = TokenBackend("HS256", ring=lambda: rings[-1], verified_cache_size=10)
        token = remember(backend, foo=1)
        rings.append(left())
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    def test_without_a_kid_is_refused_once_its_key_is_marked_for_that_no_more(self, remember):
        rings = [KeyRing([ring_key(accepts_no_kid=True)])]
        backend = TokenBackend("HS256", ring=lambda: rings[-1], verified_cache_size=10)
        token = remember(backend, backend_for("HS256").encode({"foo": 1}))
        rings.append(KeyRing([ring_key()]))
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    def test_is_verified_anew_by_a_key_that_was_read_anew(self, remember):
        rings = [KeyRing([ring_key()])]
        backend = TokenBackend("HS256", ring=lambda: rings[-1], verified_cache_size=10)
        token = remember(backend, foo=1)
        rings.append(KeyRing([ring_key()]))
        assert backend.decode(token) == {"foo": 1}

    @pytest.mark.parametrize("name", ["a.pem", "a.json"])
    def test_is_refused_once_its_key_directory_has_lost_a_file(self, remember, tmp_path, name):
        now = SimpleNamespace(seconds=0)
        for kid in "ab":
            put(tmp_path, kid)
        directory = KeyDirectory(tmp_path, now=lambda: now.seconds)
        backend = TokenBackend("HS256", ring=directory.ring, verified_cache_size=10)
        token = remember(backend, foo=1)
        assert jwt.get_unverified_header(token)["kid"] == "a"
        tmp_path.joinpath(name).unlink()
        now.seconds += 2 * SCAN_INTERVAL
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    @pytest.mark.parametrize("found_next", [private_key("PS").public_key(), None, "no PEM"])
    def test_is_refused_once_a_subclass_finds_another_key_or_none(self, remember, found_next):
        class Finding(TokenBackend):
            found = private_key("RS").public_key()

            def get_verifying_key(self, token):
                return self.found

        backend = Finding("RS256", pem_pair("RS")[0], verified_cache_size=10)
        token = remember(backend, foo=1)
        backend.found = found_next
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    def test_of_a_fallback_is_remembered(self, remember):
        backend = backend_for("HS256", fallback_keys=[SECRET.upper()], verified_cache_size=10)
        remember(backend, TokenBackend("HS256", SECRET.upper()).encode({"foo": 1}))

    def test_is_read_without_verifying_all_the_same(self, backend, remember, passes):
        token = remember(backend, exp=seconds_from_now(60))
        passes(61)
        assert backend.decode(token, verify=False)


class TestRememberedTokenOfARemoteIssuer:
    @pytest.fixture
    def server(self):
        with issuer() as served:
            yield served

    @pytest.fixture
    def later(self, monkeypatch):
        """Time passes for the client of the issuer's keys, and its renewal is over: `later(seconds)`."""
        clock = SimpleNamespace(now=1000.0)

        class Client(backends.PyJWKClient):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs, now=lambda: clock.now)

        monkeypatch.setattr(backends, "PyJWKClient", Client)

        def forward(seconds):
            clock.now += seconds

        return forward

    @pytest.fixture
    def backend(self, later, server):
        return TokenBackend("RS256", jwk_url=server.url, verified_cache_size=10)

    @pytest.fixture
    def token(self, backend):
        token = signed_by_issuer(foo=1)
        assert backend.decode(token) == backend.decode(token) == {"foo": 1}
        assert remembered(backend) == 1
        return token

    def renewed(self, backend, later):
        """The set is fetched again, and waited for."""
        later(2 * remote.LIFETIME)
        backend.jwks_client.get_signing_key_from_jwt(signed_by_issuer(kid="other"))

    def test_is_decided_on_by_the_set_that_was_renewed(self, backend, server, later, token):
        old = next(iter(backend._memo._entries.values())).key
        server.respond_with(key_set(jwk(private_key("RS"), "first"), jwk(private_key("PS"), "other")))
        self.renewed(backend, later)
        assert backend.decode(token) == {"foo": 1}
        assert next(iter(backend._memo._entries.values())).key is not old

    @pytest.mark.parametrize(
        "keys",
        [lambda: [jwk(private_key("PS"), "first")], lambda: [jwk(private_key("RS"), "second")]],
        ids=["another key of that kid", "another kid"],
    )
    def test_is_refused_once_the_issuer_has_withdrawn_its_key(self, backend, server, later, token, keys):
        server.respond_with(key_set(*keys(), jwk(private_key("PS"), "other")))
        self.renewed(backend, later)
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend.decode(token)

    def test_can_not_be_checked_once_the_issuer_has_been_away_for_a_day(self, backend, server, later, token):
        server.respond_with(b"", status=500)
        later(remote.USE_STALE_FOR)
        with pytest.raises(KeysUnavailable):
            backend.decode(token)


class TestSettings:
    def test_say_how_many_tokens_are_remembered(self, simple_jwt):
        assert state.token_backend._memo._size == 1024
        simple_jwt(VERIFIED_TOKEN_CACHE_SIZE=3)
        assert state.token_backend._memo._size == 3

    @pytest.mark.parametrize("keys", ["static", "remote"])
    def test_say_how_many_of_a_trusted_issuer_are(self, simple_jwt, keys):
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
    def test_of_another_key_forget_what_was_remembered(self, settings, simple_jwt, change):
        if change is TestSettings.change_the_fallbacks:
            settings.SECRET_KEY_FALLBACKS = ["an old key of the project, longer than thirty-two bytes"]
            text = TokenBackend("HS256", *settings.SECRET_KEY_FALLBACKS).encode(AccessToken().payload)
        else:
            text = str(AccessToken())
        assert AccessToken(text).payload == AccessToken(text).payload
        assert remembered(state.token_backend) == 1
        change(self, settings, simple_jwt)
        with pytest.raises(TokenError, match="^Token is invalid$"):
            AccessToken(text)
