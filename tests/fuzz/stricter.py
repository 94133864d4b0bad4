"""The rules by which this package rejects tokens that PyJWT accepts, each with a test for tokens that break it."""

import json
import math
import re

import jwt

from tests.input.table import base64url

MAX_NUMERIC_DATE = 253_402_300_799
MAX_DEPTH = 100


def broken_rules(token):
    """Returns the names of the rules that ``token``, which PyJWT accepts, breaks."""
    return {name for name, is_broken in RULES.items() if is_broken(ParsedToken(token))}


class ParsedToken:
    """A token that PyJWT can read."""

    def __init__(self, token):
        self.segments = (token if isinstance(token, bytes) else token.encode()).split(b".")
        self.header_text, self.payload_text = (jwt.utils.base64url_decode(part) for part in self.segments[:2])
        self.header, self.payload = json.loads(self.header_text), json.loads(self.payload_text)

    def numeric_dates(self):
        return {name: self.payload[name] for name in ("exp", "nbf", "iat") if name in self.payload}


def _has_another_encoding(token):
    return any(base64url(jwt.utils.base64url_decode(part)) != part for part in token.segments)


def _has_duplicate_names(token):
    found = []

    def look(pairs):
        found.append(len(dict(pairs)) != len(pairs))
        return dict(pairs)

    for text in (token.header_text, token.payload_text):
        json.loads(text, object_pairs_hook=look)
    return any(found)


def _is_not_json(token):
    found = []

    def no_float(text):
        found.append(math.isinf(float(text)))
        return 0.0

    for text in (token.header_text, token.payload_text):
        json.loads(text, parse_constant=lambda name: found.append(True), parse_float=no_float)
    return any(found)


def _has_invalid_numeric_date(token):
    return any(
        isinstance(value, bool) or not isinstance(value, (int, float)) for value in token.numeric_dates().values()
    )


def _has_time_out_of_range(token):
    numbers = {name: value for name, value in token.numeric_dates().items() if isinstance(value, (int, float))}
    return any(value > MAX_NUMERIC_DATE or (value < 0 and name != "exp") for name, value in numbers.items())


def _is_nested_too_deeply(token):
    def depth(text):
        levels = [0]
        # Ignores brackets in strings.
        for bracket in re.sub(rb'"(\\.|[^"\\])*"', b"", text):
            levels.append(levels[-1] + (bracket in b"[{") - (bracket in b"]}"))
        return max(levels)

    return max(depth(token.header_text), depth(token.payload_text)) > MAX_DEPTH


def _is_not_utf_8(token):
    for text in (token.header_text, token.payload_text):
        try:
            text.decode()
        except UnicodeDecodeError:
            return True
        if json.detect_encoding(text) != "utf-8":
            return True
    return False


RULES = {
    "RFC 7515 section 2: base64url without padding, in its only encoding": _has_another_encoding,
    "RFC 7519 section 4, RFC 7515 section 4: names in claims and header are unique": _has_duplicate_names,
    "RFC 8259 section 6: JSON has no NaN, no infinity, and numbers that can be read": _is_not_json,
    "RFC 7515 section 4.1.11, RFC 7797: no extension is understood": lambda token: bool(
        {"crit", "b64", "zip"} & token.header.keys()
    ),
    "RFC 8725 section 3.10: the header does not say where its key is": lambda token: bool(
        {"jku", "jwk", "x5u", "x5c"} & token.header.keys()
    ),
    "RFC 7515 sections 4.1.4, 4.1.9 and 4.1.10: kid, typ and cty are strings": lambda token: any(
        not isinstance(token.header.get(name, ""), str) for name in ("kid", "typ", "cty")
    ),
    "RFC 7519 section 2: a NumericDate is a number": _has_invalid_numeric_date,
    "A time is between the epoch and the year 9999": _has_time_out_of_range,
    "RFC 8259 section 8.1: JSON is UTF-8, without a byte order mark": _is_not_utf_8,
    # In nbf, for example: PyJWT removes the fraction.
    "RFC 7519 section 2: a NumericDate may have a fraction": lambda token: any(
        isinstance(value, float) for value in token.numeric_dates().values()
    ),
    "RFC 8259 section 9: the depth of nesting has a limit": _is_nested_too_deeply,
}
