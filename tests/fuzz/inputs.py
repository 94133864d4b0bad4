"""Nearly valid tokens: changed, spliced, or signed with invalid headers and claims. Reproducible by seed."""

import json
import random

from tests.input.table import HEADER, base64url, sign

NOW = 1_900_000_000
NAMES = (
    "exp",
    "iat",
    "nbf",
    "jti",
    "token_type",
    "user_id",
    "sub",
    "aud",
    "iss",
    "family_id",
    "family_exp",
    "a",
    "",
    "é",
)
TEXTS = (
    "",
    "1",
    "access",
    "refresh",
    "sliding",
    "a" * 32,
    "x" * 256,
    "\0",
    "\ud800",
    "é",
    "-1",
    "01",
    " 1",
    "1.0",
    "true",
)
WORDS = (
    "null",
    "true",
    "false",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-0",
    "1E400",
    "0x1",
    "01",
    "+1",
    "1.",
    ".5",
    "''",
)
NUMBERS = (0, 1, -1, NOW, -NOW, 2**31, 2**53, 2**63, 2**64, 10**20, 2**200, 1.5, 1e308, 5e-324)
HEADERS = ("alg", "typ", "kid", "crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "cty", "x5t")
ALGORITHMS = ("HS256", "HS384", "HS512", "none", "None", "RS256", "ES256", "hs256", "", "HS256\0")
STRAY = b"=.\n\r \t\0+/%-_~!\x80\xff"
JSON_CHANGES = ("", "}", ",", '"', "\\", "\ud800", "\ufeff", "//", "[", "\0")


class Inputs:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def token(self):
        make = self.random.choices(
            (self.valid, self.changed, self.invalid_claims, self.invalid_header, self.spliced), (1, 4, 5, 3, 1)
        )
        return make[0]()

    def valid(self):
        return sign(json.dumps(self.claims())).encode()

    def claims(self):
        """Returns the claims of an access token that has not expired. Of its user ids, only 1 exists."""
        claims = {
            "token_type": "access",
            "exp": NOW * 2,
            "iat": 1_600_000_000,
            "jti": f"{self.random.getrandbits(128):032x}",
        }
        return claims | {"user_id": self.random.choice(("1", 1, "2", "nobody"))}

    def changed(self):
        token = bytearray(self.valid())
        for _ in range(self.random.choice((1, 1, 1, 2, 4, 16))):
            at = self.random.randrange(len(token) or 1)
            self.random.choice((self._flip, self._insert, self._drop, self._swap, self._repeat))(token, at)
        return bytes(token)

    def _flip(self, token, at):
        token[at : at + 1] = bytes([(token[at] if token else 0) ^ 1 << self.random.randrange(8)])

    def _insert(self, token, at):
        token[at:at] = bytes([self.random.choice(STRAY)])

    def _drop(self, token, at):
        del token[at : at + self.random.choice((1, 1, 1, 40))]

    def _swap(self, token, at):
        token[at:] = token[at:].swapcase()

    def _repeat(self, token, at):
        token[at:at] = token[at : at + self.random.randrange(1, 60)]

    def invalid_claims(self):
        pairs = [(name, json.dumps(value)) for name, value in self.claims().items()]
        for _ in range(self.random.choice((1, 1, 2, 5))):
            edit = self.random.random()
            at = self.random.randrange(len(pairs) or 1)
            if edit < 0.15 and pairs:
                del pairs[at]
            elif edit < 0.25 and pairs:
                pairs.insert(at, self.random.choice(pairs))
            elif edit < 0.6 and pairs:
                pairs[at] = (pairs[at][0], self.json())
            else:
                pairs.insert(at, (self.random.choice(NAMES), self.json()))
        text = "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}"
        return sign(self._changed_json(text)).encode()

    def _changed_json(self, text):
        kind = self.random.random()
        if kind < 0.9:
            return text
        if kind < 0.93:
            return text.encode("utf-16")
        at = self.random.randrange(len(text))
        return text[:at] + self.random.choice(JSON_CHANGES) + text[at + 1 :]

    def invalid_header(self):
        header = {"alg": "HS256", "typ": "JWT"}
        for _ in range(self.random.choice((1, 1, 2))):
            name = self.random.choice(HEADERS)
            header[name] = self.random.choice(ALGORITHMS) if name == "alg" else self.random.choice(TEXTS)
        text = json.dumps(header)
        if self.random.random() < 0.3:
            text = f"{text[:-1]},{json.dumps(self.random.choice(HEADERS))}:{self.json()}}}"
        return sign(json.dumps(self.claims()), self._changed_json(text)).encode()

    def spliced(self):
        segments = [self.random.choice(self.token_parts()) for _ in range(self.random.choice((1, 2, 3, 3, 3, 4, 5)))]
        return b".".join(segments)

    def token_parts(self):
        return [
            *self.valid().split(b"."),
            base64url(HEADER),
            b"",
            b"e30",
            self.random.randbytes(self.random.randrange(60)),
        ]

    def json(self, depth=0):
        kind = self.random.random()
        if kind < 0.35:
            return json.dumps(self.random.choice(TEXTS))
        if kind < 0.65:
            return str(self.random.choice(NUMBERS))
        if kind < 0.85 or depth > 3:
            return self.random.choice(WORDS)
        if kind < 0.87:
            return "[" * 2000 + "]" * 2000
        inner = [self.json(depth + 1) for _ in range(self.random.randrange(4))]
        if kind < 0.94:
            return f"[{','.join(inner)}]"
        return "{" + ",".join(f"{json.dumps(self.random.choice(NAMES))}:{value}" for value in inner) + "}"

    def header(self):
        """Returns an ``Authorization`` header, usually a valid scheme and a token."""
        scheme = self.random.choice((b"Bearer", b"Bearer", b"Bearer", b"bearer", b"JWT", b"", b"Bearer,", b"\xff"))
        gap = self.random.choice((b" ", b" ", b" ", b"  ", b"\t", b"", b",", b"\0"))
        rest = self.random.choice((b"", b"", b"", b"", b" ", b" x", b", Bearer x"))
        return scheme + gap + self.token() + rest
