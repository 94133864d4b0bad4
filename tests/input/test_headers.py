"""Tokens with a header that asks for another verification, and tokens in another encoding, sent to every endpoint."""

import hashlib
import json

import jwt
import pytest
from django.conf import settings

from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from tests.input.table import HEADER, SURFACES, base64url, client, mac, sign, verdict
from tests.key_pairs import pem_pair, private_key

pytestmark = pytest.mark.django_db

each_surface = pytest.mark.parametrize("name", SURFACES)


def payload_for(surface, user):
    if surface.kind is AccessToken:
        return json.dumps(RefreshToken.for_user(user).access_token.payload)
    return json.dumps(surface.kind.for_user(user).payload)


def unsigned(payload, header):
    return b".".join((base64url(header), base64url(payload), b"")).decode()


def header(**parameters):
    return json.dumps({"alg": "HS256", "typ": "JWT", **parameters})


def other_algorithms(payload):
    for alg in ("none", "None", "NONE", "nOnE", "", "hs256", "HS257", "HS256 ", "HS256\0"):
        yield f"{alg!r} unsigned", unsigned(payload, header(alg=alg))
        yield f"{alg!r} signed", sign(payload, header(alg=alg))
    for alg in (None, 1, True, ["HS256"], {"HS256": 1}):
        yield f"{alg!r}", sign(payload, header(alg=alg))
    for alg in ("RS256", "ES256", "PS256", "EdDSA", "HS384", "HS512"):
        yield f"{alg} for our HMAC", sign(payload, header(alg=alg))
    for alg, digest in (("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
        yield f"{alg} with our key", sign(payload, header(alg=alg), digest=digest)
        yield f"{alg} under HS256", sign(payload, digest=digest)
    yield "unsigned under HS256", unsigned(payload, HEADER)
    yield "missing", sign(payload, '{"typ":"JWT"}')
    yield "twice", sign(payload, '{"alg":"none","alg":"HS256","typ":"JWT"}')
    yield "twice the other way", sign(payload, '{"alg":"HS256","alg":"none","typ":"JWT"}')


def other_keys(payload):
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private_key("RS").public_key()))
    for name, key in {"empty": b"", "NUL": b"\0", "null": b"null", "zero": b"0", "undefined": b"undefined"}.items():
        for kid in ("../../../dev/null", "/dev/null", "' UNION SELECT '' --", "", "a" * 5000, "\0", "; true", "x\r\ny"):
            yield f"{name} key, kid {kid[:20]!r}", sign(payload, header(kid=kid), key or b"\0" * 32)
    for name, value in {
        "jku": "https://attacker.test/keys",
        "x5u": "https://attacker.test/cert",
        "jwk": jwk,
        "x5c": ["MIIB"],
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
    }.items():
        yield f"{name}, another key", sign(payload, header(**{name: value}), b"an attacker's own key of some length")
        # With the signing key too: no issued token has such a header.
        yield f"{name}, our key", sign(payload, header(**{name: value}))
    forged = jwt.encode(json.loads(payload), private_key("RS"), algorithm="RS256", headers={"jwk": jwk})
    yield "a key of its own", forged


def invalid_headers(payload):
    odd = [("kid", None), ("kid", 1), ("kid", ["a"]), ("kid", {}), ("typ", None), ("typ", 1), ("typ", []), ("cty", 1)]
    odd += [("crit", None), ("crit", []), ("crit", "exp"), ("crit", {}), ("b64", True), ("b64", None), ("zip", None)]
    for name, value in odd:
        yield f"{name} {value!r}", sign(payload, header(**{name: value}))
    for text in ("", "{}", "[]", "1", "null", '"HS256"', "{", HEADER + HEADER, "\ufeff" + HEADER, "[" * 10_000):
        yield f"header {text[:30]!r}", sign(payload, text)
    yield "header in utf-16", sign(payload, HEADER.encode("utf-16"))
    yield "header with a surrogate", sign(payload, header().replace("JWT", "\ud800"))


STRAYS = [*"%+/*!é~=", "==", "\\", '"', ",", "\0", "\n", "\r\n", "\t", "\x0b", "\u2028"]


def other_encodings(payload):
    good = sign(payload)
    first, second, third = good.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield "spare bits", good[:-1] + alphabet[alphabet.index(good[-1]) ^ 1]
    for stray in STRAYS:
        yield f"{stray!r} within", f"{first}.{second[:5]}{stray}{second[5:]}.{third}"
        yield f"{stray!r} before a dot", f"{first}{stray}.{second}.{third}"
        # White space around a token is ignored, both in a header and in a field.
        if not stray.isspace():
            yield f"{stray!r} at the end", good + stray
            yield f"{stray!r} before all", stray + good
    yield "padded", ".".join(part + "=" * (-len(part) % 4) for part in good.split("."))
    yield "five segments", f"{good}.{first}.{second}"
    yield "a dot more", f"{good}."
    yield "a dot before", f".{good}"
    yield "two segments", f"{first}.{second}"
    yield "no payload", f"{first}..{third}"
    yield "another case", good.swapcase()
    yield "cut", good[:-1]
    yield "doubled", good + good
    yield "signature of another", f"{first}.{second}.{mac(b'x', settings.SECRET_KEY.encode()).decode()}"
    yield "JSON serialization", json.dumps({"protected": first, "payload": second, "signature": third})


@each_surface
@pytest.mark.parametrize("trick", [other_algorithms, other_keys, invalid_headers, other_encodings])
def test_a_token_with_another_header_or_encoding_is_refused(user, name, trick):
    surface, http = SURFACES[name], client()
    payload = payload_for(surface, user)
    faults = {row: verdict(surface.send(http, token)) for row, token in trick(payload)}
    assert not {row: fault for row, fault in faults.items() if fault}


@each_surface
def test_a_public_key_is_not_used_as_hmac_secret(user, name, simple_jwt):
    private, public = pem_pair("RS")
    simple_jwt(ALGORITHM="RS256", SIGNING_KEY=private, VERIFYING_KEY=public)
    surface, http = SURFACES[name], client()
    payload = payload_for(surface, user)
    for key in (public, public.strip(), private):
        for text in (HEADER, header(alg="RS256"), header(alg="HS512")):
            assert verdict(surface.send(http, sign(payload, text, key.encode()))) is None


@each_surface
def test_a_long_token_is_refused(user, name):
    surface, http = SURFACES[name], client()
    payload = payload_for(surface, user)
    long = sign(payload[:-1] + f', "a": "{"x" * 8000}"}}')
    assert verdict(surface.send(http, long)) is None
    assert verdict(surface.send(http, "x" * 1_000_000)) is None
    assert verdict(surface.send(http, sign("1" * 750_000))) is None
