"""The signature algorithms by name (RFC 7518 section 3.1): PyJWT's, with a faster HMAC."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from jwt import InvalidKeyError, algorithms
from jwt.algorithms import Algorithm

HMAC_ALGORITHMS = frozenset({"HS256", "HS384", "HS512"})
ALLOWED_ALGORITHMS = HMAC_ALGORITHMS | algorithms.requires_cryptography


def is_blank(key: object) -> bool:
    """Returns whether a key is text or bytes without any character but white space, byte order marks and NULs.

    Such a key is easy to guess. An HMAC key of NULs equals the empty key, because HMAC pads keys with NULs.
    """
    if isinstance(key, (bytes, bytearray)):
        key = key.decode(errors="replace")
    return isinstance(key, str) and all(character.isspace() or character in "\0\ufeff" for character in key)


class CachedHMAC(algorithms.HMACAlgorithm):
    """PyJWT's HMAC, which hashes each of the last 64 keys only once. Raises ``jwt.InvalidKeyError`` for a blank key."""

    def sign(self, msg: bytes, key: bytes) -> bytes:
        """Returns the MAC of ``msg``. Raises ``jwt.InvalidKeyError`` for a blank key."""
        mac = _keyed_mac(self.hash_alg, key).copy()
        mac.update(msg)
        return mac.digest()

    def verify(self, msg: bytes, key: bytes, sig: bytes) -> bool:
        """Returns whether ``sig`` is the MAC of ``msg``. Compares in constant time."""
        return hmac.compare_digest(sig, self.sign(msg, key))


@lru_cache(maxsize=64)
def _keyed_mac(new_hash: Callable[[], Any], key: bytes) -> hmac.HMAC:
    """Returns the HMAC of an empty message. A caller must update a copy of it, never the object itself."""
    if is_blank(key):
        raise InvalidKeyError("an HMAC key must not be blank")
    return hmac.new(key, None, new_hash().name)


@cache
def get_algorithm(name: str) -> Algorithm:
    """Returns the algorithm called ``name``.

    Raises ``KeyError`` if there is none, or if it needs the ``cryptography`` package and that is not installed.
    """
    return {
        **algorithms.get_default_algorithms(),
        "HS256": CachedHMAC(hashlib.sha256),
        "HS384": CachedHMAC(hashlib.sha384),
        "HS512": CachedHMAC(hashlib.sha512),
    }[name]
