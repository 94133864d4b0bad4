"""The codec and PyJWT accept the same tokens, except for listed rules; each rule has an example."""

import json
import time

import jwt
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import targets
from tests.fuzz.stricter import RULES, broken_rules
from tests.input.table import base64url

pytestmark = pytest.mark.needs("bare")

NOW = int(time.time())

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
moments = st.one_of(
    st.integers(NOW - 10_000, NOW + 10_000),
    st.integers(NOW - 100, NOW + 100),
    st.sampled_from([0, -1, 2**63, 10**400, 253_402_300_799, 253_402_300_800, str(NOW + 9000), float(NOW + 9000)]),
    json_values,
)
payloads = st.fixed_dictionaries(
    {}, optional={"exp": moments, "nbf": moments, "iat": moments, "sub": json_values, "a": json_values}
)
headers = st.fixed_dictionaries(
    {"alg": st.sampled_from(["HS256"] * 8 + ["none", "HS512", "hs256", None, []])},
    optional=dict.fromkeys(("typ", "kid", "cty", "crit", "b64", "zip", "jku", "jwk", "x"), json_values),
)


def sign_segments(header, payload):
    """Returns a token with this header and payload as bytes, signed with the signing key."""
    message = base64url(header) + b"." + base64url(payload)
    algorithm = jwt.algorithms.get_default_algorithms()["HS256"]
    return message + b"." + base64url(algorithm.sign(message, settings.SECRET_KEY.encode()))


@st.composite
def json_texts(draw, objects):
    """Generates the JSON of an object, sometimes with white space or a duplicate name, or not valid JSON."""
    text = json.dumps(draw(objects))
    twist = draw(st.sampled_from(["none"] * 6 + ["space", "twice", "array", "break"]))
    twisted = {"none": text, "space": f" {text}\n", "twice": text[:-1] + ', "a": 1, "a": 2}', "array": f"[{text}]"}
    return twisted.get(twist, text[:-1]).encode()


@st.composite
def changed_tokens(draw, tokens):
    token = draw(tokens)
    place = draw(st.integers(0, len(token)))
    kind = draw(st.sampled_from(["none"] * 4 + ["cut", "put", "pad"]))
    put = draw(st.sampled_from([b"=", b".", b" ", b"\n", b"A", b"+", b"\xff", b"-"]))
    return {
        "none": token,
        "cut": token[:place] + token[place + 1 :],
        "put": token[:place] + put + token[place:],
        "pad": token + b"=" * (-len(token.rpartition(b".")[2]) % 4),
    }[kind]


@given(changed_tokens(st.builds(sign_segments, json_texts(headers), json_texts(payloads))), st.booleans())
def test_the_codecs_agree_except_for_the_listed_rules(token, as_text):
    targets.decode(token.decode("latin-1") if as_text else token)


def token_with_claims(**claims):
    return sign_segments(b'{"alg":"HS256"}', json.dumps({"exp": NOW + 9000, **claims}).encode())


def token_with_header(header):
    return sign_segments(json.dumps({"alg": "HS256", **header}).encode(), b"{}")


EXAMPLES = [
    (0, token_with_claims() + b"="),
    (1, sign_segments(b'{"alg":"HS256"}', b'{"a":1,"a":2}')),
    (2, token_with_claims(a=float("nan"))),
    (2, sign_segments(b'{"alg":"HS256"}', b'{"a":1e999}')),
    (3, token_with_header({"zip": "DEF"})),
    (4, token_with_header({"jku": "https://attacker.test"})),
    (5, token_with_header({"typ": 1})),
    (6, token_with_claims(exp=str(NOW + 9000))),
    (6, token_with_claims(iat=True)),
    (7, token_with_claims(iat=-1)),
    (7, token_with_claims(exp=253_402_300_800)),
    (8, sign_segments('{"alg":"HS256"}'.encode("utf-16"), b"{}")),
    (8, sign_segments(b'{"alg":"HS256"}', '{"a":1}'.encode("utf-8-sig"))),
    (9, token_with_claims(nbf=time.time() + 0.9)),
    (10, sign_segments(b'{"alg":"HS256"}', b'{"a":' + b"[" * 100 + b"]" * 100 + b"}")),
]


@pytest.mark.parametrize(("rule", "token"), EXAMPLES)
def test_only_pyjwt_accepts_each_example(rule, token):
    if rule == 9:
        # Later in the current second.
        token = token_with_claims(nbf=int(time.time()) + 0.999)
    assert targets.is_accepted_by_pyjwt(token)
    assert targets.decode_or_none(targets.BACKEND, token) is None
    assert broken_rules(token) == {list(RULES)[rule]}


def test_iat_may_be_slightly_in_the_future():
    token = token_with_claims(iat=int(time.time()) + 30)
    assert targets.decode(token)
    with pytest.raises(jwt.ImmatureSignatureError):
        targets.strict_pyjwt_decode(token)
    assert not targets.decode(token_with_claims(iat=int(time.time()) + 90))


def test_each_listed_rule_has_an_example():
    assert {rule for rule, _ in EXAMPLES} == set(range(len(RULES)))
