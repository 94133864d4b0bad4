"""The JWS Compact Serialization (RFC 7515 section 7.1) to the letter: one token has one spelling."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from math import isinf
from typing import Any, NoReturn

# Extensions, which change what a signature means, and we know none (RFC 7515 section 4.1.11, RFC 7797).
_EXTENSIONS = frozenset({"crit", "b64", "zip"})
# A token that says where its own key is asks to be trusted on its word (RFC 8725 section 3.10).
_KEYS_OF_ITS_OWN = frozenset({"jku", "jwk", "x5u", "x5c"})


class Malformed(ValueError):
    """No compact JWS around a JSON object, or one that we must not understand. The text names the rule it broke."""


@dataclass(frozen=True)
class Compact:
    """A token taken apart: base64url still stands in ``header`` and ``payload``, not in ``signature``."""

    header: bytes
    payload: bytes
    signature: bytes

    @property
    def signing_input(self) -> bytes:
        return self.header + b"." + self.payload


def take_apart(token: str | bytes) -> Compact:
    """The three segments. Raises ``Malformed``."""
    if isinstance(token, str):
        try:
            token = token.encode("ascii")
        except UnicodeEncodeError as error:
            raise Malformed("a token is ASCII text") from error
    if not isinstance(token, bytes):
        raise Malformed("a token is a text")
    segments = token.split(b".")
    if len(segments) != 3:
        raise Malformed("a token has three segments")
    header, payload, signature = segments
    return Compact(header, payload, base64url_decode(signature))


def join(header: bytes, payload: bytes, signature: bytes) -> str:
    return b".".join((header, payload, base64url_encode(signature))).decode()


def base64url_encode(data: bytes) -> bytes:
    """Without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=")


def base64url_decode(segment: bytes) -> bytes:
    """Raises ``Malformed`` for padding, other characters, and bits that decode to nothing."""
    try:
        data = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except ValueError as error:
        raise Malformed("a segment is base64url") from error
    # Python's decoder skips what it does not know; a second spelling would get round any list of tokens.
    if base64url_encode(data) != segment:
        raise Malformed("a segment is base64url without padding, spare bits or other characters")
    return data


def json_object(segment: bytes) -> dict[str, Any]:
    """The JSON object in a segment. Raises ``Malformed``, also for a name that stands twice (RFC 7519 section 4)."""
    try:
        value = json.loads(
            base64url_decode(segment).decode(),
            object_pairs_hook=_without_duplicates,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Malformed("a segment is JSON in UTF-8") from error
    except RecursionError as error:
        raise Malformed("a segment is nested too deeply") from error
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed("a number is too long") from error
    if not isinstance(value, dict):
        raise Malformed("a segment is a JSON object")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
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


def check_header(header: dict[str, Any], *, keys_published: bool) -> None:
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
