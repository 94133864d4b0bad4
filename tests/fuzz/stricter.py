"""What PyJWT accepts and we refuse: each rule, and how a token that breaks it is told."""

import json
import math
import re

import jwt

from tests.input.table import base64url

MAX_NUMERIC_DATE = 253_402_300_799
MAX_DEPTH = 100


def stricter(token):
    """The names of the rules that ``token``, which PyJWT accepts, breaks."""
    return {name for name, is_broken in RULES.items() if is_broken(Taken(token))}


class Taken:
    """A token that PyJWT can read."""

    def __init__(self, token):
        self.segments = (token if isinstance(token, bytes) else token.encode()).split(b".")
        self.header_text, self.payload_text = (jwt.utils.base64url_decode(part) for part in self.segments[:2])
        self.header, self.payload = json.loads(self.header_text), json.loads(self.payload_text)

    def numeric_dates(self):
        return {name: self.payload[name] for name in ("exp", "nbf", "iat") if name in self.payload}


def _has_two_spellings(token):
    return any(base64url(jwt.utils.base64url_decode(part)) != part for part in token.segments)


def _names_one_thing_twice(token):
    found = []

    def look(pairs):
        found.append(len(dict(pairs)) != len(pairs))
        return dict(pairs)

    for text in (token.header_text, token.payload_text):
        json.loads(text, object_pairs_hook=look)
    return any(found)


def _is_no_json(token):
    found = []

    def no_float(text):
        found.append(math.isinf(float(text)))
        return 0.0

    for text in (token.header_text, token.payload_text):
        json.loads(text, parse_constant=lambda name: found.append(True), parse_float=no_float)
    return any(found)


def _is_no_numeric_date(token):
    return any(
        isinstance(value, bool) or not isinstance(value, (int, float)) for value in token.numeric_dates().values()
    )


def _is_out_of_range(token):
    numbers = {name: value for name, value in token.numeric_dates().items() if isinstance(value, (int, float))}
    return any(value > MAX_NUMERIC_DATE or (value < 0 and name != "exp") for name, value in numbers.items())


def _is_nested_too_deeply(token):
    def depth(text):
        levels = [0]
        # Without what stands in strings.
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
    "RFC 7515 section 2: base64url without padding, and one spelling": _has_two_spellings,
    "RFC 7519 section 4: claim names are unique, as those of the header (RFC 7515 section 4)": _names_one_thing_twice,
    "RFC 8259 section 6: JSON has no NaN, no infinity, and numbers that can be read": _is_no_json,
    "RFC 7515 section 4.1.11, RFC 7797: no extension is understood": lambda token: bool(
        {"crit", "b64", "zip"} & token.header.keys()
    ),
    "RFC 8725 section 3.10: no header says where its own key is": lambda token: bool(
        {"jku", "jwk", "x5u", "x5c"} & token.header.keys()
    ),
    "RFC 7515 sections 4.1.4, 4.1.9 and 4.1.10: kid, typ and cty are strings": lambda token: any(
        not isinstance(token.header.get(name, ""), str) for name in ("kid", "typ", "cty")
    ),
    "RFC 7519 section 2: a NumericDate is a number": _is_no_numeric_date,
    "A time before the epoch, or after the year 9999, is no time of a token": _is_out_of_range,
    "RFC 8259 section 8.1: JSON is UTF-8, without a byte order mark": _is_not_utf_8,
    # As nbf is: PyJWT cuts the fraction off.
    "RFC 7519 section 2: a NumericDate may have a fraction": lambda token: any(
        isinstance(value, float) for value in token.numeric_dates().values()
    ),
    "RFC 8259 section 9: the depth of nesting has a limit": _is_nested_too_deeply,
}
