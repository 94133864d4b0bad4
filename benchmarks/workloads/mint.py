"""Creates new tokens, and requests that present them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django.conf import settings
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory


def backend() -> Any:
    """Returns a separate backend for signing, so that the memo of the project's backend does not change."""
    from rest_framework_simplejwt.backends import TokenBackend

    jwt = settings.SIMPLE_JWT
    return TokenBackend(jwt["ALGORITHM"], jwt["SIGNING_KEY"], jwt.get("VERIFYING_KEY", ""))


def claims(lifetime: int = 3600) -> dict[str, Any]:
    """Returns the claims of an access token of the first user."""
    now = int(time.time())
    return {"token_type": "access", "exp": now + lifetime, "iat": now, "jti": uuid4().hex, "user_id": "1"}


def access(count: int, lifetime: int = 3600) -> list[str]:
    signer = backend()
    return [signer.encode(claims(lifetime)) for _ in range(count)]


def forged(count: int) -> list[str]:
    """Returns tokens with each other's signatures, which are well-formed and of the right length."""
    tokens = [token.rpartition(".") for token in access(count)]
    return [
        f"{signed}.{signature}"
        for (signed, _, _), (_, _, signature) in zip(tokens, [*tokens[1:], tokens[0]], strict=True)
    ]


def requests(tokens: Iterable[str], scheme: str = "Bearer") -> list[Request]:
    """Returns requests as DRF passes them to an authentication class."""
    factory = APIRequestFactory()
    return [Request(factory.get("/", HTTP_AUTHORIZATION=f"{scheme} {token}")) for token in tokens]
