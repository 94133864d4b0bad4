"""Generates HMAC secrets and private keys.

Raises ``ImportError`` where the package ``cryptography`` is needed and not installed.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from .algorithms import HMAC_ALGORITHMS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_CURVES = {
    "ES256": "SECP256R1",
    "ES256K": "SECP256K1",
    "ES384": "SECP384R1",
    "ES512": "SECP521R1",
    "ES521": "SECP521R1",
}


def secret(algorithm: str) -> str:
    """Returns random bytes in base64url, as many as the hash of an HMAC algorithm has (RFC 7518 section 3.2)."""
    assert algorithm in HMAC_ALGORITHMS
    return secrets.token_urlsafe(int(algorithm.removeprefix("HS")) // 8)


def private_pem(algorithm: str, passphrase: bytes | None = None) -> bytes:
    """Returns a new private key in PEM (PKCS8), encrypted if there is a passphrase. An RSA key has 3072 bits."""
    from cryptography.hazmat.primitives import serialization

    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    pem: bytes = _private_key(algorithm).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    return pem


def _private_key(algorithm: str) -> PrivateKeyTypes:
    """Returns a new private key object: Ed25519 for ``EdDSA``, one on the curve of an ``ES...`` algorithm, or RSA.

    Every other ``algorithm`` gets an RSA key of 3072 bits.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in _CURVES:
        return ec.generate_private_key(getattr(ec, _CURVES[algorithm])())
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)
