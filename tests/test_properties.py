"""Properties of all claims and of all changed tokens."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.tokens import AccessToken, Token
from tests.key_pairs import pem_pair

# One project is enough for what no setting changes.
pytestmark = pytest.mark.needs("bare")

REGISTERED = {"exp", "iat", "nbf", "iss", "aud", "jti", "sub"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CLAIMS = st.dictionaries(st.text().filter(lambda name: name not in REGISTERED), JSON, max_size=6)
BACKENDS = [
    TokenBackend("HS256", "a secret that is longer than thirty-two bytes"),
    TokenBackend("ES256", *pem_pair("ES256")),
    TokenBackend("RS256", *pem_pair("RS")),
]
each_backend = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.algorithm)


class PlainToken(Token):
    token_type = "plain"
    lifetime = AccessToken.lifetime


@st.composite
def edits(draw):
    """Generates functions that change a token in one or a few places."""
    edits = draw(
        st.lists(st.tuples(st.sampled_from("idr"), st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4)
    )

    def apply(token):
        for kind, where, byte in edits:
            at = int(where * (len(token) - 1))
            new = bytes([byte]) if kind in "ir" else b""
            token = token[:at] + new + token[at + (kind in "dr") :]
        return token

    return apply


@each_backend
@settings(max_examples=100)
@given(claims=CLAIMS)
@example(claims={"a": "\ud800", "b": 2**100, "c": -0.0, "": [{}]})
def test_decode_returns_any_claims_that_were_encoded(backend, claims):
    assert backend.decode(backend.encode(claims)) == claims


@given(claims=CLAIMS)
def test_a_token_returns_any_claims_that_it_was_given(claims):
    token = PlainToken()
    token.payload.update({name: value for name, value in claims.items() if name != "token_type"})
    assert PlainToken(str(token)).payload == token.payload


@each_backend
@settings(max_examples=300)
@given(edit=edits())
def test_a_changed_token_is_rejected(backend, edit):
    token = backend.encode({"foo": "bar"}).encode()
    damaged = edit(token)
    if damaged != token:
        with pytest.raises(TokenBackendError):
            backend.decode(damaged)


@each_backend
def test_a_token_with_any_bit_changed_is_rejected(backend):
    token = backend.encode({"foo": "bar"}).encode()
    for at in range(len(token)):
        for bit in range(8):
            damaged = token[:at] + bytes([token[at] ^ 1 << bit]) + token[at + 1 :]
            with pytest.raises(TokenBackendError):
                backend.decode(damaged)


@given(text=st.text() | st.binary())
def test_random_text_is_rejected(text):
    with pytest.raises(TokenError):
        PlainToken(text)
