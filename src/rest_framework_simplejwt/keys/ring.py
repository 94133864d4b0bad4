"""Our own keys: secrets and key pairs, read once; and the ring that says which one signs and which verify.

Knows no Django. Moments are seconds since the epoch.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from jwt import PyJWTError
from jwt.algorithms import Algorithm
from jwt.utils import base64url_encode

from .._types import JSONObject
from .algorithms import ALLOWED_ALGORITHMS, HMAC_ALGORITHMS, algorithm_of, is_blank

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

# The key type, and the curves, that an algorithm works with: RFC 7518 section 3.1, RFC 8037.
_FIT: dict[str, tuple[str, tuple[str, ...] | None]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", ("P-256",)),
    "ES256K": ("EC", ("secp256k1",)),
    "ES384": ("EC", ("P-384",)),
    **dict.fromkeys(("ES512", "ES521"), ("EC", ("P-521",))),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
}
# The members that a thumbprint is made of (RFC 7638 section 3.2, RFC 8037 section 2).
_REQUIRED = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}

_SPEC = {
    "kid",
    "algorithm",
    "key",
    "key_file",
    "key_callable",
    "passphrase",
    "not_before",
    "retire_after",
    "accepts_no_kid",
}


class BadKey(ValueError):
    """A key that can't be read or used. The text says what is wrong, and nothing of the key."""


def fits(jwk: Mapping[str, object], algorithm: str) -> bool:
    """Whether the public key in ``jwk`` is of the type, and on the curve, that ``algorithm`` works with."""
    if algorithm not in _FIT:
        return False
    key_type, curves = _FIT[algorithm]
    return jwk.get("kty") == key_type and (curves is None or jwk.get("crv") in curves)


def thumbprint(jwk: JSONObject) -> str:
    """The SHA-256 thumbprint of a public key (RFC 7638), base64url without padding."""
    members = {name: jwk[name] for name in _REQUIRED[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    return base64url_encode(hashlib.sha256(canonical).digest()).decode()


@dataclass(frozen=True)
class Role:
    """When a key is used, and whether it also verifies tokens that name no key.

    It signs from ``not_before`` on, and verifies until ``retire_after``. Before, it is already
    published, and verifies what a machine with a faster clock has signed.
    """

    not_before: float = -inf
    retire_after: float = inf
    accepts_no_kid: bool = False


@dataclass(frozen=True, eq=False)
class Key:
    """One key for one algorithm."""

    algorithm: str
    kid: str
    role: Role = field(default_factory=Role)

    @property
    def can_sign(self) -> bool:
        raise NotImplementedError

    def sign(self, message: bytes) -> bytes:
        raise NotImplementedError

    def verify(self, message: bytes, signature: bytes) -> bool:
        raise NotImplementedError

    @property
    def implementation(self) -> Algorithm:
        return algorithm_of(self.algorithm)


@dataclass(frozen=True, eq=False)
class Secret(Key):
    """For HMAC. It has no public part, and so no way into a published set."""

    secret: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if is_blank(self.secret):
            raise BadKey("it is a blank secret")

    @property
    def can_sign(self) -> bool:
        return True

    def sign(self, message: bytes) -> bytes:
        return self.implementation.sign(message, self.secret)

    def verify(self, message: bytes, signature: bytes) -> bool:
        return self.implementation.verify(message, self.secret, signature)


@dataclass(frozen=True, eq=False)
class KeyPair(Key):
    """For everything else. ``private`` is ``None`` where this service only verifies."""

    public: PublicKeyTypes | None = field(default=None, repr=False)
    private: PrivateKeyTypes | None = field(default=None, repr=False)

    @property
    def can_sign(self) -> bool:
        return self.private is not None

    def sign(self, message: bytes) -> bytes:
        return self.implementation.sign(message, self.private)

    def verify(self, message: bytes, signature: bytes) -> bool:
        return self.implementation.verify(message, self.public, signature)

    @property
    def jwk(self) -> JSONObject:
        """The public part as it is published (RFC 7517 section 4)."""
        return {**public_jwk(self.public, self.algorithm), "kid": self.kid, "use": "sig", "alg": self.algorithm}


def public_jwk(public: object, algorithm: str) -> JSONObject:
    """The members that make up a public key, and no others."""
    exported = algorithm_of(algorithm).to_jwk(public, as_dict=True)
    return {name: exported[name] for name in _REQUIRED[exported["kty"]]}


def document(keys: Iterable[KeyPair]) -> dict[str, list[JSONObject]]:
    """A JWK Set (RFC 7517 section 5) of the public parts."""
    return {"keys": [key.jwk for key in keys]}


class KeyRing:
    """The keys of one service. Raises ``BadKey`` when two of them have one ``kid``.

    ``signing`` take turns: the one that became active last signs, and the others verify until
    they retire, as all of ``verifying`` do.
    """

    def __init__(self, signing: Iterable[Key] = (), verifying: Iterable[Key] = ()) -> None:
        self._signing = tuple(signing)
        self._all = (*self._signing, *verifying)
        kids = [key.kid for key in self._all]
        for kid in kids:
            if kids.count(kid) > 1:
                raise BadKey(f"two keys have the kid {kid!r}")

    def current(self, now: float) -> Key | None:
        """The one that signs; of two that became active at once, the first. ``None``: this service only verifies."""
        active = [key for key in self._signing if key.role.not_before <= now < key.role.retire_after]
        return max(active, key=lambda key: key.role.not_before, default=None)

    def verifying(self, kid: str | None, now: float) -> tuple[Key, ...]:
        """The key of that ``kid``; for a token that names none, all that are marked for it."""
        return tuple(
            key
            for key in self._all
            if now < key.role.retire_after and (key.role.accepts_no_kid if kid is None else key.kid == kid)
        )

    def published(self, now: float) -> tuple[KeyPair, ...]:
        """What other services may see: next, current and retired key pairs, until they retire."""
        return tuple(key for key in self._all if isinstance(key, KeyPair) and now < key.role.retire_after)


def read_key(spec: Mapping[str, object], *, signs: bool) -> Key:
    """The key that an entry of ``SIGNING_KEYS`` (``signs``) or ``VERIFYING_KEYS`` describes.

    Raises ``BadKey``. Of a private key that is only to verify, the public part is kept.
    """
    if not isinstance(spec, Mapping):
        raise BadKey("it is no dict")
    if strangers := spec.keys() - _SPEC:
        raise BadKey(f"it has the unknown {sorted(map(str, strangers))}")
    algorithm = spec.get("algorithm")
    if not isinstance(algorithm, str) or algorithm not in ALLOWED_ALGORITHMS:
        raise BadKey(f"its algorithm is none of {sorted(ALLOWED_ALGORITHMS)}")
    kid = spec.get("kid")
    if kid is not None and (not isinstance(kid, str) or not kid):
        raise BadKey("its kid is no string, or empty")
    role = Role(_moment(spec, "not_before", -inf), _moment(spec, "retire_after", inf), bool(spec.get("accepts_no_kid")))
    material, passphrase = _material(spec), spec.get("passphrase")
    try:
        if algorithm in HMAC_ALGORITHMS:
            return _secret(algorithm, kid, role, material)
        return _pair(algorithm, kid, role, material, passphrase, signs=signs)
    except (PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise error if isinstance(error, BadKey) else BadKey(f"it can't be read as a key for {algorithm}") from error


def _moment(spec: Mapping[str, object], name: str, default: float) -> float:
    value = spec.get(name)
    if value is None:
        return default
    # A datetime without a zone is the machine's time, which is hardly meant.
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.timestamp()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < inf:
        with suppress(OverflowError):
            return float(value)
    raise BadKey(f"its {name} is neither a datetime with a time zone nor seconds since the epoch")


def _material(spec: Mapping[str, object]) -> object:
    given = [name for name in _SOURCES if spec.get(name)]
    if len(given) != 1:
        raise BadKey(f"it needs one of {', '.join(_SOURCES)}")
    material = _SOURCES[given[0]](spec[given[0]])
    # An empty file would be an HMAC secret that everybody knows.
    if not material or is_blank(material):
        raise BadKey(f"its {given[0]} is empty or blank")
    return material


def _in_file(path: Any) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError, TypeError) as error:
        # Not "from error": it quotes the path, where somebody may have put the key itself.
        raise BadKey(f"its key_file can't be read: {type(error).__name__}") from None


def _answer_of(found: Any) -> object:
    try:
        call = resolve_name(found) if isinstance(found, str) else found
    except (ImportError, AttributeError, ValueError) as error:
        raise BadKey(f"its key_callable can't be found: {type(error).__name__}") from None
    try:
        return call()
    except Exception as error:
        raise BadKey(f"its key_callable can't be called: {type(error).__name__}") from error


_SOURCES: dict[str, Callable[[Any], object]] = {
    "key": lambda key: key,
    "key_file": _in_file,
    "key_callable": _answer_of,
}


def _secret(algorithm: str, kid: str | None, role: Role, material: object) -> Secret:
    secret = algorithm_of(algorithm).prepare_key(material)
    # Unlike a thumbprint, it tells no more of a guessable secret than a token does.
    own = base64url_encode(hmac.digest(secret, b"rest_framework_simplejwt.kid", "sha256")).decode()
    return Secret(algorithm, kid or own, role, secret)


def _pair(algorithm: str, kid: str | None, role: Role, material: object, passphrase: object, *, signs: bool) -> KeyPair:
    found = _loaded(material, passphrase)
    private = found if hasattr(found, "public_key") else None
    public = found.public_key() if private is not None else found
    if signs and private is None:
        raise BadKey("it is a public key, and can't sign")
    jwk = public_jwk(public, algorithm)
    if not fits(jwk, algorithm):
        raise BadKey(f"it is on another curve than that of {algorithm}")
    return KeyPair(algorithm, kid or thumbprint(jwk), role, public, private if signs else None)


def _loaded(material: object, passphrase: Any) -> Any:
    if not isinstance(material, (str, bytes)):
        return material
    # Here, so that HMAC does without the package.
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

    text = material.encode() if isinstance(material, str) else material
    if b"PUBLIC KEY" in text:
        return load_pem_public_key(text)
    return load_pem_private_key(text, passphrase.encode() if isinstance(passphrase, str) else passphrase)
