"""The JWS Compact Serialization (RFC 7515 section 7.1) to the letter: one header, payload and signature, one text.

ECDSA ends it there: for each signature (r, s) anybody can compute (r, n - s), which is as good, and other libraries
issue either. What a token is called by is its ``jti``, never its text.
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from functools import lru_cache
from math import isinf
from typing import Any, NamedTuple, NoReturn

from ._types import JSONObject

# Extensions, which change what a signature means, and we know none (RFC 7515 section 4.1.11, RFC 7797).
_EXTENSIONS = frozenset({"crit", "b64", "zip"})
# A token that says where its own key is asks to be trusted on its word (RFC 8725 section 3.10).
_KEYS_OF_ITS_OWN = frozenset({"jku", "jwk", "x5u", "x5c"})

# The two alphabets of RFC 4648; what belongs to the other one becomes a character of neither.
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")


# Levels of arrays and objects, the outermost included. Copying and encoding recurse, so depth must have a bound.
MAX_DEPTH = 100

# Bytes. Longer headers are not cached, so that the cache has a bound too.
_LONGEST_CACHED_HEADER = 1024


class Malformed(ValueError):
    """No compact JWS around a JSON object, or one that we must not understand. The text names the rule it broke."""


class Compact(NamedTuple):
    """A token taken apart; base64url still stands in each of the segments."""

    header: bytes
    payload: bytes
    signature: bytes
    # Header and payload, as they were signed.
    signing_input: bytes


class Header(NamedTuple):
    """What a header says that we can follow. ``alg`` may be anything that JSON holds."""

    alg: object
    kid: str | None
    typ: str


def ascii_of(token: str | bytes, errors: str = "strict") -> bytes:
    """The token's bytes. Raises ``Malformed``; ``errors`` is as for ``str.encode``."""
    if isinstance(token, bytes):
        return token
    if not isinstance(token, str):
        raise Malformed("a token is a text")
    try:
        return token.encode("ascii", errors)
    except UnicodeEncodeError as error:
        raise Malformed("a token is ASCII text") from error


def take_apart(token: str | bytes) -> Compact:
    """The three segments. Raises ``Malformed``."""
    text = token if type(token) is bytes else ascii_of(token)
    segments = text.split(b".", 3)
    if len(segments) != 3:
        raise Malformed("a token has three segments")
    header, payload, signature = segments
    return Compact(header, payload, signature, text[: -len(signature) - 1])


def unverified_payload(token: str | bytes) -> JSONObject:
    """The claims of a token whose third segment may be anything, such as a dummy. Raises ``Malformed``."""
    # What is not ASCII becomes a character that the first two segments can't have.
    segments = ascii_of(token, errors="replace").split(b".", 2)
    if len(segments) != 3:
        raise Malformed("a token has three segments")
    json_object(segments[0])
    return json_object(segments[1])


def join(header: bytes, payload: bytes, signature: bytes) -> str:
    return b".".join((header, payload, base64url_encode(signature))).decode()


def base64url_encode(data: bytes) -> bytes:
    """Without padding (RFC 7515 section 2)."""
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def base64url_decode(segment: bytes) -> bytes:
    """Raises ``Malformed`` for padding, other characters, and bits that decode to nothing."""
    padded = segment.translate(_FROM_URL) + b"==="[: -len(segment) % 4]
    try:
        data = a2b_base64(padded)
    except ValueError as error:
        raise Malformed("a segment is base64url") from error
    # Python's decoder skips what it does not know; a second spelling would get round any list of texts.
    if b2a_base64(data, newline=False) != padded:
        raise Malformed("a segment is base64url without padding, spare bits or other characters")
    return data


def json_object(segment: bytes) -> JSONObject:
    """The JSON object in a segment. Raises ``Malformed`` as ``text_in`` and ``object_of``."""
    return object_of(text_in(segment))


def text_in(segment: bytes) -> str:
    """The text in a segment. Raises ``Malformed``."""
    try:
        return base64url_decode(segment).decode()
    except UnicodeDecodeError as error:
        raise Malformed("a segment is JSON in UTF-8") from error


def object_of(text: str) -> JSONObject:
    """The JSON object that ``text`` is. Raises ``Malformed``, also for a name that stands twice (RFC 7519 sec. 4)."""
    try:
        value = _flat_object(text) or _JSON.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed("a segment is JSON in UTF-8") from error
    except RecursionError as error:
        raise Malformed("a segment is nested too deeply") from error
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed("a number is too long") from error
    if not isinstance(value, dict):
        raise Malformed("a segment is a JSON object")
    # Each level has a bracket: without that many there is nothing to measure.
    if text.count("{") + text.count("[") > MAX_DEPTH and is_too_deep(value):
        raise Malformed("a segment is nested too deeply")
    return value


def is_too_deep(value: object) -> bool:
    """Whether arrays and objects are nested more than ``MAX_DEPTH`` levels. Does not recurse."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        children = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
        level = [child for child in children if isinstance(child, (dict, list, tuple))]
        if not level:
            return False
    return True


def _flat_object(text: str) -> JSONObject | None:
    """Faster: ``None`` unless it is seen at a glance that no name stands twice, and no white space around it."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    value, end = _FLAT.raw_decode(text)
    # Each member has a colon: there are as many as names, so that each has a name of its own.
    return value if end == len(text) and text.count(":") == len(value) else None


def _without_duplicates(pairs: list[tuple[str, object]]) -> JSONObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a name stands twice in one JSON object")
    return found


def _finite(number: str) -> float:
    value = float(number)
    if isinf(value):
        raise Malformed("a number is too large")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed("JSON has neither NaN nor infinity")


_FLAT = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)
_JSON = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_float=_finite, parse_constant=_refuse_constant)


def read_header(segment: bytes, *, keys_published: bool = False) -> Header:
    """The header in a segment. Raises ``Malformed`` as ``json_object`` and ``check_header``."""
    read = cached_header if len(segment) <= _LONGEST_CACHED_HEADER else cached_header.__wrapped__
    return read(segment, keys_published=keys_published)


# Few issuers, few keys: a header is nearly always one that was read before.
@lru_cache(maxsize=64)
def cached_header(segment: bytes, *, keys_published: bool) -> Header:
    header = json_object(segment)
    check_header(header, keys_published=keys_published)
    return Header(header.get("alg"), header.get("kid"), header.get("typ", "JWT"))


def check_header(header: Mapping[str, object], *, keys_published: bool) -> None:
    """Raise ``Malformed`` for a header that asks for something we don't do.

    Where its issuer publishes keys, hints at where to find them are ignored instead of refused.
    """
    if not _EXTENSIONS.isdisjoint(header):
        raise Malformed("the header asks for an extension")
    if not keys_published and not _KEYS_OF_ITS_OWN.isdisjoint(header):
        raise Malformed("the header names a key of its own")
    for name in ("typ", "cty", "kid"):
        if name in header and not isinstance(header[name], str):
            raise Malformed(f"{name!r} in the header is no string")
