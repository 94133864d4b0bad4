"""For the tables of invalid input: signs exact texts, sends them to each endpoint, and judges the responses."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections import Counter
from dataclasses import dataclass

from django.conf import settings
from rest_framework.exceptions import NotAuthenticated
from rest_framework.test import APIClient

from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

# The number of inputs sent in this run, by endpoint, for the terminal's summary.
sent = Counter()

HEADER = '{"alg":"HS256","typ":"JWT"}'

# Values for a claim, as JSON text. None is valid for a claim that must be a string or a NumericDate.
ODD = {
    "missing": None,
    "null": "null",
    "true": "true",
    "false": "false",
    "list": "[1]",
    "empty list": "[]",
    "object": '{"a": 1}',
    "NaN": "NaN",
    "infinity": "Infinity",
    "negative infinity": "-Infinity",
    "infinity by exponent": "1e999",
    "huge": str(10**20),
    "as large as a hash": str(2**200),
    "of 5000 digits": "9" * 5000,
    "nested": "[" * 10_000 + "]" * 10_000,
}
NUMBERS = {"negative": "-5", "zero": "0", "float": "1.5", "tiny": "5e-324"}
TEXTS = {
    "empty": '""',
    "with NUL": '"a\\u0000b"',
    "NUL": '"\\u0000"',
    "surrogate": '"\\ud800"',
    "too long": json.dumps("x" * 256),
    "far too long": json.dumps("x" * 5000),
}
LATER = str(int(time.time()) + 86_400)


def base64url(data):
    return urlsafe_b64encode(data.encode(errors="surrogatepass") if isinstance(data, str) else data).rstrip(b"=")


def mac(signing_input, key, digest=hashlib.sha256):
    return base64url(hmac.new(key, signing_input, digest).digest())


def sign(payload, header=HEADER, key=None, digest=hashlib.sha256):
    """Returns a token with exactly this header and payload, both JSON text or bytes, and a valid signature."""
    signing_input = b".".join((base64url(header), base64url(payload)))
    return b".".join((signing_input, mac(signing_input, key or settings.SECRET_KEY.encode(), digest))).decode("ascii")


def with_claim(payload, claim, value):
    """Returns the payload as JSON, with `value` (JSON text) for one claim, or without the claim for `None`."""
    claims = {name: json.dumps(known) for name, known in payload.items() if name != claim}
    if value is not None:
        claims[claim] = value
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in claims.items()) + "}"


@dataclass(frozen=True)
class Surface:
    """An endpoint that takes a token of the class `kind`, in the body's `field`, or in the header without one."""

    name: str
    path: str
    kind: type
    field: str | None = None

    def send(self, client, token):
        sent[self.name] += 1
        if self.field is None:
            return client.get(self.path, HTTP_AUTHORIZATION=f"Bearer {token}")
        return client.post(self.path, json.dumps({self.field: token}), content_type="application/json")


SURFACES = {
    surface.name: surface
    for surface in [
        Surface("authenticate", "/whoami/", AccessToken),
        Surface("authenticate, stateless", "/stateless/", AccessToken),
        Surface("refresh", "/token/refresh/", RefreshToken, "refresh"),
        Surface("blacklist", "/token/blacklist/", RefreshToken, "refresh"),
        Surface("blacklist family", "/token/family/blacklist/", RefreshToken, "refresh"),
        Surface("verify", "/token/verify/", RefreshToken, "token"),
        Surface("verify access", "/token/verify/", AccessToken, "token"),
        Surface("refresh sliding", "/token/sliding/refresh/", SlidingToken, "token"),
    ]
}


def client():
    return APIClient(raise_request_exception=False)


def verdict(response):
    """Returns what is wrong with the response to an invalid input; ``None`` for a correct refusal."""
    if response.status_code >= 500 and response.status_code != 501:
        return f"{response.status_code}"
    if response.status_code < 400:
        return f"accepted: {response.status_code}"
    if response["Content-Type"] != "application/json":
        return f"answered in {response['Content-Type']}"
    # Without a token in the header, DRF refuses the request.
    if response.status_code == 401 and not {"detail", "code"} <= response.json().keys():
        unseen = response.json() == {"detail": NotAuthenticated.default_detail}
        return None if unseen else f"401 without detail and code: {response.content!r}"
    if response.status_code == 401 and "WWW-Authenticate" not in response:
        return "401 without a challenge"
    return None
