"""Tokens that nobody has seen yet, and requests that carry them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django.conf import settings
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory


def backend() -> Any:
    """One of our own that only signs: what the project's backend remembers is not touched."""
    from rest_framework_simplejwt.backends import TokenBackend

    jwt = settings.SIMPLE_JWT
    return TokenBackend(jwt["ALGORITHM"], jwt["SIGNING_KEY"], jwt.get("VERIFYING_KEY", ""))


def claims(lifetime: int = 3600) -> dict[str, Any]:
    """Those of an access token of the first user."""
    now = int(time.time())
    return {"token_type": "access", "exp": now + lifetime, "iat": now, "jti": uuid4().hex, "user_id": "1"}


def access(count: int, lifetime: int = 3600) -> list[str]:
    signer = backend()
    return [signer.encode(claims(lifetime)) for _ in range(count)]


def forged(count: int) -> list[str]:
    """Each with the signature of its neighbour: well-formed, and of the right length for every algorithm."""
    tokens = [token.rpartition(".") for token in access(count)]
    return [
        f"{signed}.{signature}"
        for (signed, _, _), (_, _, signature) in zip(tokens, [*tokens[1:], tokens[0]], strict=True)
    ]


def requests(tokens: Iterable[str], scheme: str = "Bearer") -> list[Request]:
    """As DRF hands them to an authentication."""
    factory = APIRequestFactory()
    return [Request(factory.get("/", HTTP_AUTHORIZATION=f"{scheme} {token}")) for token in tokens]
