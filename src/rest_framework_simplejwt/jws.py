"""The JWS Compact Serialization (RFC 7515 section 7.1), strictly: one text for each header, payload and signature.

A token is still identified by its ``jti``, never by its text: from one ECDSA signature (r, s) anybody can compute a
second valid one, (r, n - s).
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from functools import lru_cache
from math import isinf
from typing import Any, NamedTuple, NoReturn

from ._types import JSONObject

# Header parameters that change what a signature means. We support none (RFC 7515 section 4.1.11, RFC 7797).
_EXTENSIONS = frozenset({"crit", "b64", "zip"})
# Header parameters that say where the key is. An attacker would name their own key (RFC 8725 section 3.10).
_KEY_LOCATIONS = frozenset({"jku", "jwk", "x5u", "x5c"})

# The two alphabets of RFC 4648. _FROM_URL maps characters of the other alphabet, and padding, to an invalid one.
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")


# Levels of arrays and objects, the outermost included. Copying and encoding recurse, so depth must have a bound.
MAX_DEPTH = 100

# Bytes. Longer headers are not cached, which bounds the memory of the cache.
_MAX_CACHED_HEADER = 1024


class Malformed(ValueError):
    """The token is not a JSON object in a compact JWS, or its header asks for something unsupported.

    The text says what is wrong, and quotes nothing of the token.
    """


class Compact(NamedTuple):
    """The three segments of a token, still in base64url."""

    header: bytes
    payload: bytes
    signature: bytes
    # Header, dot and payload: the bytes that were signed.
    signing_input: bytes


class Header(NamedTuple):
    """The header parameters that we use. ``alg`` may be any JSON value; ``typ`` is ``"JWT"`` where it is missing."""

    alg: object
    kid: str | None
    typ: str


def to_ascii(token: str | bytes, errors: str = "strict") -> bytes:
    """Returns the bytes of a token. ``errors`` is as in ``str.encode``. Raises ``Malformed``."""
    if isinstance(token, bytes):
        return token
    if not isinstance(token, str):
        raise Malformed("the token is neither str nor bytes")
    try:
        return token.encode("ascii", errors)
    except UnicodeEncodeError as error:
        raise Malformed("the token is not ASCII") from error


def split_compact(token: str | bytes) -> Compact:
    """Splits a token into its three segments, without decoding them. Raises ``Malformed`` unless there are three."""
    text = token if type(token) is bytes else to_ascii(token)
    segments = text.split(b".", 3)
    if len(segments) != 3:
        raise Malformed("the token does not have three segments")
    header, payload, signature = segments
    return Compact(header, payload, signature, text[: -len(signature) - 1])


def unverified_payload(token: str | bytes) -> JSONObject:
    """Returns the claims of a token and verifies nothing. The third segment may be any text.

    Raises ``Malformed`` if the header or the payload is not a JSON object.
    """
    # A character outside ASCII becomes "?", which base64url does not have.
    segments = to_ascii(token, errors="replace").split(b".", 2)
    if len(segments) != 3:
        raise Malformed("the token does not have three segments")
    decode_object(segments[0])
    return decode_object(segments[1])


def join_compact(header: bytes, payload: bytes, signature: bytes) -> str:
    """Returns the token with these three parts.

    ``header`` and ``payload`` are segments in base64url, ``signature`` is raw bytes.
    """
    return b".".join((header, payload, base64url_encode(signature))).decode()


def base64url_encode(data: bytes) -> bytes:
    """Returns ``data`` in base64url without padding (RFC 7515 section 2)."""
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def base64url_decode(segment: bytes) -> bytes:
    """Returns the bytes that ``segment`` holds in base64url without padding (RFC 7515 section 2).

    Raises ``Malformed`` for padding, for characters outside the alphabet, and if unused bits are not zero.
    """
    padded = segment.translate(_FROM_URL) + b"==="[: -len(segment) % 4]
    try:
        data = a2b_base64(padded)
    except ValueError as error:
        raise Malformed("a segment is not base64url") from error
    # Python's decoder skips invalid characters. With two spellings of one token, a list of token texts blocks only one.
    if b2a_base64(data, newline=False) != padded:
        raise Malformed("a segment has padding, unused bits or characters that are not base64url")
    return data


def decode_object(segment: bytes) -> JSONObject:
    """Returns the JSON object in a segment. Raises ``Malformed`` for any other segment."""
    return parse_object(decode_text(segment))


def decode_text(segment: bytes) -> str:
    """Returns the UTF-8 text in a segment. Raises ``Malformed`` for any other segment."""
    try:
        return base64url_decode(segment).decode()
    except UnicodeDecodeError as error:
        raise Malformed("a segment is not UTF-8") from error


def parse_object(text: str) -> JSONObject:
    """Parses a text as a JSON object, and returns it.

    Raises ``Malformed`` for other JSON, for a name that occurs twice in one object (RFC 7519 section 4), for NaN,
    infinity and numbers that are too large, and for more than ``MAX_DEPTH`` levels.
    """
    try:
        value = _parse_flat_object(text) or _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed("a segment is not JSON") from error
    except RecursionError as error:
        raise Malformed("a segment is nested too deeply") from error
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed("a number has too many digits") from error
    if not isinstance(value, dict):
        raise Malformed("a segment is not a JSON object")
    # Each level has an opening bracket, so with few of them the depth need not be measured.
    if text.count("{") + text.count("[") > MAX_DEPTH and is_too_deep(value):
        raise Malformed("a segment is nested too deeply")
    return value


def is_too_deep(value: object) -> bool:
    """Returns whether arrays and objects are nested more than ``MAX_DEPTH`` levels. Does not recurse."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        children = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
        level = [child for child in children if isinstance(child, (dict, list, tuple))]
        if not level:
            return False
    return True


def _parse_flat_object(text: str) -> JSONObject | None:
    """Parses an object without nested objects, faster than ``_DECODER`` does.

    Returns ``None`` if ``text`` is something else, may contain a name twice, or starts or ends with white space.
    """
    if not (text.startswith("{") and text.endswith("}")):
        return None
    value, end = _FLAT_DECODER.raw_decode(text)
    # Each member has a colon. A name that occurs twice leaves fewer members in the dict than colons in the text.
    return value if end == len(text) and text.count(":") == len(value) else None


def _reject_duplicates(pairs: list[tuple[str, object]]) -> JSONObject:
    """Returns the members of a JSON object as a dict. Raises ``Malformed`` if a name occurs twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a name occurs twice in one JSON object")
    return found


def _parse_finite_float(number: str) -> float:
    """Returns the float that ``number`` is the text of. Raises ``Malformed`` if it is too large."""
    value = float(number)
    if isinf(value):
        raise Malformed("a number is too large")
    return value


def _reject_constant(name: str) -> NoReturn:
    """Raises ``Malformed``. Python's decoder calls it for ``NaN`` and ``Infinity``, which JSON does not have."""
    raise Malformed("a number is NaN or infinite")


_FLAT_DECODER = json.JSONDecoder(parse_float=_parse_finite_float, parse_constant=_reject_constant)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_reject_duplicates, parse_float=_parse_finite_float, parse_constant=_reject_constant
)


def read_header(segment: bytes, *, keys_published: bool = False) -> Header:
    """Decodes the header segment of a token, checks it with ``check_header``, and returns the parameters in use.

    Raises ``Malformed`` if the segment is not a JSON object, or is one that ``check_header`` rejects.
    """
    read = cached_header if len(segment) <= _MAX_CACHED_HEADER else cached_header.__wrapped__
    return read(segment, keys_published=keys_published)


# There are few issuers and few keys, so most tokens have a header that was read before.
@lru_cache(maxsize=64)
def cached_header(segment: bytes, *, keys_published: bool) -> Header:
    """Returns what ``read_header`` returns, from a cache.

    Calls it only for a segment of up to ``_MAX_CACHED_HEADER`` bytes.
    """
    header = decode_object(segment)
    check_header(header, keys_published=keys_published)
    return Header(header.get("alg"), header.get("kid"), header.get("typ", "JWT"))


def check_header(header: Mapping[str, object], *, keys_published: bool) -> None:
    """Raises ``Malformed`` for a header with an extension, the location of a key, or a value of a wrong type.

    With ``keys_published``, the issuer publishes its keys at a URL that we have configured. Its tokens may say where
    the keys are, and this is ignored.
    """
    if not _EXTENSIONS.isdisjoint(header):
        raise Malformed("the header has an extension that is not supported")
    if not keys_published and not _KEY_LOCATIONS.isdisjoint(header):
        raise Malformed("the header says where the key is")
    for name in ("typ", "cty", "kid"):
        if name in header and not isinstance(header[name], str):
            raise Malformed(f"{name!r} in the header is not a string")
