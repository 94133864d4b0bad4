import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest_framework_simplejwt import jws
from rest_framework_simplejwt.jws import Malformed

# One project is enough for what no setting changes.
pytestmark = pytest.mark.needs("bare")

# RFC 7515 appendix A.1: the header holds a line break, as a foreign one may.
RFC_7515_A_1 = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)


@pytest.mark.parametrize("encoding", [str, str.encode])
def test_the_rfcs_example_is_taken_apart(encoding):
    parts = jws.take_apart(encoding(RFC_7515_A_1))
    assert jws.json_object(parts.header) == {"typ": "JWT", "alg": "HS256"}
    assert jws.json_object(parts.payload) == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    signature = jws.base64url_decode(parts.signature)
    assert signature[:4] == bytes([116, 24, 223, 180])
    assert parts.signing_input.decode() == RFC_7515_A_1.rpartition(".")[0]
    assert jws.join(parts.header, parts.payload, signature) == RFC_7515_A_1


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c.d", "a.b.c.", "é.b.c", "\ud800", None, 5, ["a.b.c"], b"\xff.."]
)
def test_what_is_no_compact_jws_is_malformed(token):
    with pytest.raises(Malformed):
        jws.json_object(jws.take_apart(token).header)


HEADER, PAYLOAD, _ = RFC_7515_A_1.split(".")


@pytest.mark.parametrize("signature", ["", "dummy", "a.b", "é\n"])
def test_unverified_a_signature_may_be_anything(signature):
    assert jws.unverified_payload(f"{HEADER}.{PAYLOAD}.{signature}")["iss"] == "joe"


@pytest.mark.parametrize(
    "token",
    [f"{HEADER}.{PAYLOAD}", f"x.{PAYLOAD}.", f"W10.{PAYLOAD}.", f".{PAYLOAD}.", f"{HEADER}.W10.", f"{HEADER}.."],
)
def test_unverified_the_rest_is_json_still(token):
    with pytest.raises(Malformed):
        jws.unverified_payload(token)


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64url_comes_back(data):
    assert jws.base64url_decode(jws.base64url_encode(data)) == data


# A second spelling of what "YQ", "YWI" or "YWJj" say, or of nothing at all.
@pytest.mark.parametrize(
    "segment",
    ["YQ==", "YR", "YWJ", "YW\nJj", " YWJj", "YWJj ", "YWJj=", "YW+/", "Y", "YW.Jj", "YW!Jj", "=", "YWJj====", "\0"],
)
def test_there_is_no_second_spelling(segment):
    with pytest.raises(Malformed):
        jws.base64url_decode(segment.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "1",
        "null",
        '"a"',
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": 1, "a": 2}',
        '{"a": {"b": 1, "b": 1}}',
        '{"a": [{"b": 1, "b": 1}]}',
        '{"a": 1} {}',
        '\ufeff{"a": 1}',
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        "[" * 10_000,
        '{"a": ' + "9" * 5000 + "}",
    ],
    ids=range(19),
)
@pytest.mark.parametrize("space", ["", " ", "\r\n\t"])
def test_what_is_no_json_object_is_malformed(text, space):
    """White space around it takes the other of two ways through the decoder."""
    for spaced in (text, space + text, text + space, space + text + space):
        with pytest.raises(Malformed):
            jws.json_object(jws.base64url_encode(spaced.encode()))


@pytest.mark.parametrize("space", [" ", "\n", "\r\n\t"])
@pytest.mark.parametrize("flat", ['{"a":1}', '{"a":1.5e3,"b":null}', "{}"])
def test_white_space_around_json_is_no_matter(flat, space):
    for spaced in (space + flat, flat + space, space + flat + space):
        assert jws.json_object(jws.base64url_encode(spaced.encode())) == json.loads(flat)


@pytest.mark.parametrize("stray", ["\u00a0", "\u2028", "\f", "\v", "\0"])
def test_what_json_takes_for_no_white_space_is_malformed(stray):
    for spaced in (stray + '{"a":1}', '{"a":1}' + stray, '{"a":' + stray + "1}"):
        with pytest.raises(Malformed):
            jws.json_object(jws.base64url_encode(spaced.encode()))


# As they are spelled; the last one is "a" again.
names = st.sampled_from(['"a"', '"b"', '"a:"', '":"', r'"\""', r'"\u0061"'])
members = st.deferred(lambda: st.lists(st.tuples(names, values), max_size=3))
values = st.sampled_from(["1", '"1"', '":"', "null", '["a"]']) | members.map(lambda found: in_json(found))


def in_json(found, *, colon=":"):
    return "{" + ",".join(f"{name}{colon}{value}" for name, value in found) + "}"


@given(members, st.sampled_from([":", ": ", " : ", "\t:"]), st.sampled_from(["", " ", "\n"]))
def test_a_name_that_stands_twice_is_found_wherever_colons_are(found, colon, space):
    text = space + in_json(found, colon=colon) + space
    twice = []
    json.loads(text, object_pairs_hook=lambda pairs: twice.append(len(dict(pairs)) != len(pairs)))
    segment = jws.base64url_encode(text.encode())
    if any(twice):
        with pytest.raises(Malformed):
            jws.json_object(segment)
    else:
        assert jws.json_object(segment) == json.loads(text)


@pytest.mark.parametrize("data", [b"\xff", b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', '{"a": 1}'.encode("utf-16")])
def test_json_is_utf_8(data):
    with pytest.raises(Malformed):
        jws.json_object(jws.base64url_encode(data))


def test_a_token_may_be_of_a_kind_of_bytes():
    class Raw(bytes):
        pass

    assert jws.take_apart(Raw(RFC_7515_A_1.encode())) == jws.take_apart(RFC_7515_A_1)


@pytest.mark.parametrize("value", [1.5, 1e308, -0.0, "é", "\ud800", [{}], {"a": {"a": 1}}])
def test_any_other_json_comes_back(value):
    assert jws.json_object(jws.base64url_encode(json.dumps({"a": value}).encode())) == {"a": value}


def test_hints_at_published_keys_are_ignored_where_keys_are_published():
    header = {"jku": "https://issuer.test/keys", "x5u": "https://issuer.test/cert"}
    jws.check_header(header, keys_published=True)
    with pytest.raises(Malformed):
        jws.check_header(header, keys_published=False)
    with pytest.raises(Malformed):
        jws.check_header({"crit": ["exp"]}, keys_published=True)


@pytest.mark.parametrize("nested", ["[%s]", '{"a": %s}', '[1, "[", {"b": %s}, []]'])
def test_json_has_a_greatest_depth(nested):
    """Whether or not a string in it holds brackets as well."""
    levels = nested.count("%s") + nested.count("{") * nested.startswith("[1")

    def text(depth):
        value = "[]"
        for _ in range((depth - 2) // levels):
            value = nested % value
        return json.dumps({"[[[{{{" * 100: json.loads(value)})

    assert jws.object_of(text(jws.MAX_DEPTH))
    for depth in (jws.MAX_DEPTH + levels, 5 * jws.MAX_DEPTH, 100_000):
        with pytest.raises(Malformed, match="too deeply"):
            jws.object_of('{"a": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}")
    with pytest.raises(Malformed, match="too deeply"):
        jws.object_of(text(jws.MAX_DEPTH + levels))


def test_a_long_header_is_read_and_not_remembered():
    jws.cached_header.cache_clear()
    for length, remembered in ((10, 1), (5000, 1)):
        segment = jws.base64url_encode(json.dumps({"alg": "HS256", "kid": "k" * length}).encode())
        assert jws.read_header(segment) == jws.Header("HS256", "k" * length, "JWT")
        assert jws.cached_header.cache_info().currsize == remembered
