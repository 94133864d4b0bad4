"""The floor for the codec: base64, JSON and the signature, without any other check."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

from django.conf import settings

_HEADER = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")


def encode(claims: dict[str, Any]) -> str:
    payload = urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).rstrip(b"=")
    signed = _HEADER + b"." + payload
    signature = hmac.digest(settings.SIMPLE_JWT["SIGNING_KEY"].encode(), signed, "sha256")
    return (signed + b"." + urlsafe_b64encode(signature).rstrip(b"=")).decode()


def decoder() -> Callable[[str], dict[str, Any]]:
    is_good = {"HS256": _hmac, "RS256": _rsa, "ES256": _ecdsa}[settings.SIMPLE_JWT["ALGORITHM"]]()

    def decode(token: str) -> dict[str, Any]:
        signed, _, signature = token.encode().rpartition(b".")
        is_good(_bytes(signature), signed)
        return json.loads(_bytes(signed.partition(b".")[2]))

    return decode


def recall(token: str) -> Callable[[str], dict[str, Any]]:
    """Measures what a known token needs: finding it in a dictionary, and reading the clock."""
    known = {token: decoder()(token)}

    def decode(token: str) -> dict[str, Any]:
        claims = known[token]
        assert claims["exp"] > time.time()
        return claims

    return decode


def _bytes(segment: bytes) -> bytes:
    return urlsafe_b64decode(segment + b"==")


def _hmac() -> Callable[[bytes, bytes], object]:
    key = settings.SIMPLE_JWT["SIGNING_KEY"].encode()

    def verify(signature: bytes, signed: bytes) -> None:
        assert hmac.compare_digest(hmac.digest(key, signed, "sha256"), signature)

    return verify


def _rsa() -> Callable[[bytes, bytes], object]:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    key = _public_key()
    return lambda signature, signed: key.verify(signature, signed, PKCS1v15(), SHA256())


def _ecdsa() -> Callable[[bytes, bytes], object]:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    key, read = _public_key(), int.from_bytes

    def verify(signature: bytes, signed: bytes) -> None:
        der = encode_dss_signature(read(signature[:32], "big"), read(signature[32:], "big"))
        key.verify(der, signed, ECDSA(SHA256()))

    return verify


def _public_key() -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(settings.SIMPLE_JWT["VERIFYING_KEY"].encode())
