import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest_framework_simplejwt import jws
from rest_framework_simplejwt.jws import Malformed

# No setting changes this, so one project is enough.
pytestmark = pytest.mark.needs("bare")

# RFC 7515 appendix A.1. The JSON of its header contains a line break.
RFC_7515_A_1 = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)


@pytest.mark.parametrize("encoding", [str, str.encode])
def test_the_example_of_rfc_7515_is_split_and_decoded(encoding):
    parts = jws.split_compact(encoding(RFC_7515_A_1))
    assert jws.decode_object(parts.header) == {"typ": "JWT", "alg": "HS256"}
    assert jws.decode_object(parts.payload) == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    signature = jws.base64url_decode(parts.signature)
    assert signature[:4] == bytes([116, 24, 223, 180])
    assert parts.signing_input.decode() == RFC_7515_A_1.rpartition(".")[0]
    assert jws.join_compact(parts.header, parts.payload, signature) == RFC_7515_A_1


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c.d", "a.b.c.", "é.b.c", "\ud800", None, 5, ["a.b.c"], b"\xff.."]
)
def test_anything_but_a_compact_jws_is_malformed(token):
    with pytest.raises(Malformed):
        jws.decode_object(jws.split_compact(token).header)


HEADER, PAYLOAD, _ = RFC_7515_A_1.split(".")


@pytest.mark.parametrize("signature", ["", "dummy", "a.b", "é\n"])
def test_an_unverified_signature_may_be_any_text(signature):
    assert jws.unverified_payload(f"{HEADER}.{PAYLOAD}.{signature}")["iss"] == "joe"


@pytest.mark.parametrize(
    "token",
    [f"{HEADER}.{PAYLOAD}", f"x.{PAYLOAD}.", f"W10.{PAYLOAD}.", f".{PAYLOAD}.", f"{HEADER}.W10.", f"{HEADER}.."],
)
def test_an_unverified_token_still_needs_json_objects(token):
    with pytest.raises(Malformed):
        jws.unverified_payload(token)


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64url_round_trip(data):
    assert jws.base64url_decode(jws.base64url_encode(data)) == data


# Each would decode to the same bytes as "YQ", "YWI" or "YWJj" in a lenient decoder, or is no base64url at all.
@pytest.mark.parametrize(
    "segment",
    ["YQ==", "YR", "YWJ", "YW\nJj", " YWJj", "YWJj ", "YWJj=", "YW+/", "Y", "YW.Jj", "YW!Jj", "=", "YWJj====", "\0"],
)
def test_a_second_spelling_of_the_same_bytes_is_malformed(segment):
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
def test_anything_but_a_json_object_is_malformed(text, space):
    """With white space around it, the text is parsed by the other of the two decoders."""
    for spaced in (text, space + text, text + space, space + text + space):
        with pytest.raises(Malformed):
            jws.decode_object(jws.base64url_encode(spaced.encode()))


@pytest.mark.parametrize("space", [" ", "\n", "\r\n\t"])
@pytest.mark.parametrize("flat", ['{"a":1}', '{"a":1.5e3,"b":null}', "{}"])
def test_white_space_around_json_is_ignored(flat, space):
    for spaced in (space + flat, flat + space, space + flat + space):
        assert jws.decode_object(jws.base64url_encode(spaced.encode())) == json.loads(flat)


@pytest.mark.parametrize("stray", ["\u00a0", "\u2028", "\f", "\v", "\0"])
def test_characters_that_json_does_not_count_as_white_space_are_malformed(stray):
    for spaced in (stray + '{"a":1}', '{"a":1}' + stray, '{"a":' + stray + "1}"):
        with pytest.raises(Malformed):
            jws.decode_object(jws.base64url_encode(spaced.encode()))


# In JSON text. The last one is another spelling of "a".
names = st.sampled_from(['"a"', '"b"', '"a:"', '":"', r'"\""', r'"\u0061"'])
members = st.deferred(lambda: st.lists(st.tuples(names, values), max_size=3))
values = st.sampled_from(["1", '"1"', '":"', "null", '["a"]']) | members.map(lambda found: in_json(found))


def in_json(found, *, colon=":"):
    return "{" + ",".join(f"{name}{colon}{value}" for name, value in found) + "}"


@given(members, st.sampled_from([":", ": ", " : ", "\t:"]), st.sampled_from(["", " ", "\n"]))
def test_a_name_that_occurs_twice_is_malformed_wherever_colons_are(found, colon, space):
    text = space + in_json(found, colon=colon) + space
    twice = []
    json.loads(text, object_pairs_hook=lambda pairs: twice.append(len(dict(pairs)) != len(pairs)))
    segment = jws.base64url_encode(text.encode())
    if any(twice):
        with pytest.raises(Malformed):
            jws.decode_object(segment)
    else:
        assert jws.decode_object(segment) == json.loads(text)


@pytest.mark.parametrize("data", [b"\xff", b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', '{"a": 1}'.encode("utf-16")])
def test_json_in_another_encoding_than_utf_8_is_malformed(data):
    with pytest.raises(Malformed):
        jws.decode_object(jws.base64url_encode(data))


def test_a_token_may_be_a_subclass_of_bytes():
    class Raw(bytes):
        pass

    assert jws.split_compact(Raw(RFC_7515_A_1.encode())) == jws.split_compact(RFC_7515_A_1)


@pytest.mark.parametrize("value", [1.5, 1e308, -0.0, "é", "\ud800", [{}], {"a": {"a": 1}}])
def test_any_other_json_value_is_decoded(value):
    assert jws.decode_object(jws.base64url_encode(json.dumps({"a": value}).encode())) == {"a": value}


def test_the_location_of_a_key_is_ignored_only_where_the_issuer_publishes_keys():
    header = {"jku": "https://issuer.test/keys", "x5u": "https://issuer.test/cert"}
    jws.check_header(header, keys_published=True)
    with pytest.raises(Malformed):
        jws.check_header(header, keys_published=False)
    with pytest.raises(Malformed):
        jws.check_header({"crit": ["exp"]}, keys_published=True)


@pytest.mark.parametrize("nested", ["[%s]", '{"a": %s}', '[1, "[", {"b": %s}, []]'])
def test_json_that_is_nested_too_deeply_is_malformed(nested):
    """Brackets within a string do not count."""
    levels = nested.count("%s") + nested.count("{") * nested.startswith("[1")

    def text(depth):
        value = "[]"
        for _ in range((depth - 2) // levels):
            value = nested % value
        return json.dumps({"[[[{{{" * 100: json.loads(value)})

    assert jws.parse_object(text(jws.MAX_DEPTH))
    for depth in (jws.MAX_DEPTH + levels, 5 * jws.MAX_DEPTH, 100_000):
        with pytest.raises(Malformed, match="too deeply"):
            jws.parse_object('{"a": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}")
    with pytest.raises(Malformed, match="too deeply"):
        jws.parse_object(text(jws.MAX_DEPTH + levels))


def test_a_long_header_is_read_and_not_cached():
    jws.cached_header.cache_clear()
    for length, cached in ((10, 1), (5000, 1)):
        segment = jws.base64url_encode(json.dumps({"alg": "HS256", "kid": "k" * length}).encode())
        assert jws.read_header(segment) == jws.Header("HS256", "k" * length, "JWT")
        assert jws.cached_header.cache_info().currsize == cached
