"""PyJWT's algorithms, by name (RFC 7518 section 3.1); for HMAC our own, which does the key's part of the work once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, lru_cache
from hmac import compare_digest
from typing import Any

from jwt import InvalidKeyError, algorithms
from jwt.algorithms import Algorithm

HMAC_ALGORITHMS = frozenset({"HS256", "HS384", "HS512"})
ALLOWED_ALGORITHMS = HMAC_ALGORITHMS | algorithms.requires_cryptography


def is_blank(key: object) -> bool:
    """Whether a key is text, or bytes, of nothing but white space, byte order marks and NULs: anybody can guess it.

    A secret of NULs is the empty one, which HMAC fills up with them.
    """
    if isinstance(key, (bytes, bytearray)):
        key = key.decode(errors="replace")
    return isinstance(key, str) and all(character.isspace() or character in "\0\ufeff" for character in key)


_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class HMAC(algorithms.HMACAlgorithm):
    """As in RFC 2104 section 4: the hash goes on from where it was after the key's block, inner and outer.

    Raises ``jwt.InvalidKeyError`` for a blank key, whatever has let it through.
    """

    def sign(self, msg: bytes, key: bytes) -> bytes:
        begun_inner, begun_outer = _begun(self.hash_alg, key)
        inner, outer = begun_inner.copy(), begun_outer.copy()
        inner.update(msg)
        outer.update(inner.digest())
        return outer.digest()  # type: ignore[no-any-return]  # a hash of hashlib

    def verify(self, msg: bytes, key: bytes, sig: bytes) -> bool:
        return compare_digest(sig, self.sign(msg, key))


@lru_cache(maxsize=64)
def _begun(new_hash: Callable[..., Any], key: bytes) -> tuple[Any, Any]:
    if is_blank(key):
        raise InvalidKeyError("an HMAC key must not be blank")
    size = new_hash().block_size
    block = (new_hash(key).digest() if len(key) > size else key).ljust(size, b"\0")
    return new_hash(block.translate(_INNER)), new_hash(block.translate(_OUTER))


@cache
def algorithm_of(name: str) -> Algorithm:
    """Raises ``KeyError`` for one that is unknown, or needs the ``cryptography`` package where that is missing."""
    return {
        **algorithms.get_default_algorithms(),
        "HS256": HMAC(hashlib.sha256),
        "HS384": HMAC(hashlib.sha384),
        "HS512": HMAC(hashlib.sha512),
    }[name]
