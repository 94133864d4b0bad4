"""Our own keys, secrets and key pairs, and the key ring, which knows at what time which of them sign and verify.

All times are in seconds since the epoch.
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
from .algorithms import ALLOWED_ALGORITHMS, HMAC_ALGORITHMS, get_algorithm, is_blank

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

# The key type of each algorithm, and its curves (RFC 7518 section 3.1, RFC 8037).
_KEY_TYPES: dict[str, tuple[str, tuple[str, ...] | None]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", ("P-256",)),
    "ES256K": ("EC", ("secp256k1",)),
    "ES384": ("EC", ("P-384",)),
    **dict.fromkeys(("ES512", "ES521"), ("EC", ("P-521",))),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
}
# By key type, the members of a public key, from which a thumbprint is made (RFC 7638 section 3.2, RFC 8037 section 2).
_PUBLIC_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}

# What an entry of SIGNING_KEYS or VERIFYING_KEYS may contain.
_SPEC_NAMES = {
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
    """A key can't be read or used. The text says what is wrong, and quotes nothing of the key."""


def fits(jwk: Mapping[str, object], algorithm: str) -> bool:
    """Returns whether the type and the curve of a public key are those that ``algorithm`` needs."""
    if algorithm not in _KEY_TYPES:
        return False
    key_type, curves = _KEY_TYPES[algorithm]
    return jwk.get("kty") == key_type and (curves is None or jwk.get("crv") in curves)


def thumbprint(jwk: JSONObject) -> str:
    """Returns the SHA-256 thumbprint of a public key (RFC 7638), in base64url without padding."""
    members = {name: jwk[name] for name in _PUBLIC_MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    return base64url_encode(hashlib.sha256(canonical).digest()).decode()


@dataclass(frozen=True)
class Role:
    """When a key is used, and whether it also verifies tokens without a ``kid``.

    A key can sign from ``not_before`` on, and retires at ``retire_after``. Before ``not_before`` it is published and
    verifies tokens already: a machine whose clock is fast may sign with it.
    """

    not_before: float = -inf
    retire_after: float = inf
    accepts_no_kid: bool = False


@dataclass(frozen=True, eq=False)
class Key:
    """A key for one algorithm. Subclasses define ``can_sign``, ``sign`` and ``verify``."""

    algorithm: str
    kid: str
    role: Role = field(default_factory=Role)

    @property
    def can_sign(self) -> bool:
        """Whether this key can sign. Otherwise it can only verify."""
        raise NotImplementedError

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of ``message`` (RFC 7518 section 3). Calls it only if ``can_sign`` is true."""
        raise NotImplementedError

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Returns whether ``signature`` was made by this key for ``message``."""
        raise NotImplementedError

    @property
    def implementation(self) -> Algorithm:
        """PyJWT's object for the algorithm of this key."""
        return get_algorithm(self.algorithm)


@dataclass(frozen=True, eq=False)
class Secret(Key):
    """A key for HMAC. It has no public part, so it is never published. Raises ``BadKey`` for a blank secret."""

    secret: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        """Raises ``BadKey`` for a blank secret."""
        if is_blank(self.secret):
            raise BadKey("its secret is blank")

    @property
    def can_sign(self) -> bool:
        return True

    def sign(self, message: bytes) -> bytes:
        return self.implementation.sign(message, self.secret)

    def verify(self, message: bytes, signature: bytes) -> bool:
        return self.implementation.verify(message, self.secret, signature)


@dataclass(frozen=True, eq=False)
class KeyPair(Key):
    """A key for the other algorithms. ``private`` is ``None`` if this service only verifies with it."""

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
        """The public part as a JWK (RFC 7517 section 4), as it is published."""
        return {**public_jwk(self.public, self.algorithm), "kid": self.kid, "use": "sig", "alg": self.algorithm}


def public_jwk(public: object, algorithm: str) -> JSONObject:
    """Returns the JWK members that define a public key, and no others."""
    exported = get_algorithm(algorithm).to_jwk(public, as_dict=True)
    return {name: exported[name] for name in _PUBLIC_MEMBERS[exported["kty"]]}


def jwk_set(keys: Iterable[KeyPair]) -> dict[str, list[JSONObject]]:
    """Returns a JWK Set (RFC 7517 section 5) of the public parts of ``keys``."""
    return {"keys": [key.jwk for key in keys]}


class KeyRing:
    """All keys of a service: ``signing`` may sign and verify, ``verifying`` only verify.

    Raises ``BadKey`` if two keys have the same ``kid``. Methods take the current time as ``now``.
    """

    def __init__(self, signing: Iterable[Key] = (), verifying: Iterable[Key] = ()) -> None:
        """Raises ``BadKey`` if two keys have the same ``kid``."""
        self._signing = tuple(signing)
        self._all = (*self._signing, *verifying)
        kids = [key.kid for key in self._all]
        for kid in kids:
            if kids.count(kid) > 1:
                raise BadKey(f"two keys have the kid {kid!r}")

    def signing_key(self, now: float) -> Key | None:
        """Returns the active key, or ``None`` if no key may sign now.

        Of several, it is the one with the latest ``not_before``, and of those the first.
        """
        candidates = [key for key in self._signing if key.role.not_before <= now < key.role.retire_after]
        return max(candidates, key=lambda key: key.role.not_before, default=None)

    def verifying_keys(self, kid: str | None, now: float) -> tuple[Key, ...]:
        """Returns the keys that may verify a token with that ``kid``: at most one. Retired keys are left out.

        For a token without one, ``kid`` is ``None``, and all keys with ``accepts_no_kid`` are returned.
        """
        return tuple(
            key
            for key in self._all
            if now < key.role.retire_after and (key.role.accepts_no_kid if kid is None else key.kid == kid)
        )

    def published_keys(self, now: float) -> tuple[KeyPair, ...]:
        """Returns the key pairs whose public part other services may see: all that have not retired."""
        return tuple(key for key in self._all if isinstance(key, KeyPair) and now < key.role.retire_after)


def read_key(spec: Mapping[str, object], *, signs: bool) -> Key:
    """Returns the key that an entry of ``SIGNING_KEYS`` (``signs=True``) or ``VERIFYING_KEYS`` describes.

    With ``signs=False``, only the public part of a private key is kept. Raises ``BadKey`` if the entry is not valid,
    if the key can't be read, and if ``signs`` is true and the key is a public one.
    """
    if not isinstance(spec, Mapping):
        raise BadKey("it is not a dict")
    if unknown := spec.keys() - _SPEC_NAMES:
        raise BadKey(f"it has unknown names, {sorted(map(str, unknown))}; use some of {sorted(_SPEC_NAMES)}")
    algorithm = spec.get("algorithm")
    if not isinstance(algorithm, str) or algorithm not in ALLOWED_ALGORITHMS:
        raise BadKey(f"its algorithm must be one of {sorted(ALLOWED_ALGORITHMS)}")
    kid = spec.get("kid")
    if kid is not None and (not isinstance(kid, str) or not kid):
        raise BadKey("its kid must be a non-empty string")
    role = Role(
        not_before=_read_time(spec, "not_before", -inf),
        retire_after=_read_time(spec, "retire_after", inf),
        accepts_no_kid=bool(spec.get("accepts_no_kid")),
    )
    material, passphrase = _read_material(spec), spec.get("passphrase")
    try:
        if algorithm in HMAC_ALGORITHMS:
            return _make_secret(algorithm, kid, role, material)
        return _make_key_pair(algorithm, kid, role, material, passphrase, signs=signs)
    except (PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise error if isinstance(error, BadKey) else BadKey(f"it can't be read as a key for {algorithm}") from error


def _read_time(spec: Mapping[str, object], name: str, default: float) -> float:
    """Returns the time in ``spec[name]``, which is an aware ``datetime`` or a number. Raises ``BadKey``."""
    value = spec.get(name)
    if value is None:
        return default
    # A naive datetime would be in the local time of the machine, which is probably not what the project means.
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.timestamp()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < inf:
        with suppress(OverflowError):
            return float(value)
    raise BadKey(f"its {name} must be a datetime with a time zone, or a number of seconds since the epoch")


def _read_material(spec: Mapping[str, object]) -> object:
    """Returns the key's text, bytes or object from the one source that ``spec`` names. Raises ``BadKey``."""
    given = [name for name in _SOURCES if spec.get(name)]
    if len(given) != 1:
        raise BadKey(f"it needs exactly one of {', '.join(_SOURCES)}")
    material = _SOURCES[given[0]](spec[given[0]])
    # An empty file would be the empty HMAC secret, which anybody can guess.
    if not material or is_blank(material):
        raise BadKey(f"its {given[0]} is empty or blank")
    return material


def _read_file(path: Any) -> bytes:
    """Returns the content of the file at ``path``. Raises ``BadKey`` if it can't be read."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError, TypeError) as error:
        # Not "from error": its text quotes the path, and the path may be the key itself, put there by mistake.
        raise BadKey(f"its key_file can't be read: {type(error).__name__}") from None


def _call(function: Any) -> object:
    """Returns what ``function`` returns; it is an object or its dotted path. Raises ``BadKey`` if the call fails."""
    try:
        callable_ = resolve_name(function) if isinstance(function, str) else function
    except (ImportError, AttributeError, ValueError) as error:
        raise BadKey(f"its key_callable can't be found: {type(error).__name__}") from None
    try:
        return callable_()
    except Exception as error:
        raise BadKey(f"its key_callable can't be called: {type(error).__name__}") from error


_SOURCES: dict[str, Callable[[Any], object]] = {
    "key": lambda key: key,
    "key_file": _read_file,
    "key_callable": _call,
}


def _make_secret(algorithm: str, kid: str | None, role: Role, material: object) -> Secret:
    """Returns a ``Secret``. With ``kid=None``, its ``kid`` is a keyed hash of the secret.

    Raises ``BadKey`` for a blank secret, and what PyJWT raises for material that is not an HMAC key, such as a PEM.
    """
    secret = get_algorithm(algorithm).prepare_key(material)
    # Not a thumbprint: the kid is public. A keyed hash reveals no more of the secret than the tokens do.
    default_kid = base64url_encode(hmac.digest(secret, b"rest_framework_simplejwt.kid", "sha256")).decode()
    return Secret(algorithm, kid or default_kid, role, secret)


def _make_key_pair(
    algorithm: str, kid: str | None, role: Role, material: object, passphrase: object, *, signs: bool
) -> KeyPair:
    """Returns a ``KeyPair``, with the private part only if it ``signs``.

    With ``kid=None``, its ``kid`` is the thumbprint (RFC 7638). Raises ``BadKey`` for a curve that ``algorithm`` does
    not use, or if the key ``signs`` and is a public one; and what PyJWT and ``cryptography`` raise for material that
    they can't read.
    """
    key = _load_key(material, passphrase)
    private = key if hasattr(key, "public_key") else None
    public = key.public_key() if private is not None else key
    if signs and private is None:
        raise BadKey("it is a public key, and signing needs the private key")
    jwk = public_jwk(public, algorithm)
    if not fits(jwk, algorithm):
        raise BadKey(f"its curve is not the one of {algorithm}")
    return KeyPair(algorithm, kid or thumbprint(jwk), role, public, private if signs else None)


def _load_key(material: object, passphrase: Any) -> Any:
    """Returns a key object of ``cryptography`` for a PEM text. Any other ``material`` is returned as it is.

    Raises ``ValueError`` or ``TypeError`` for a text that is not a PEM key, or a wrong ``passphrase``.
    """
    if not isinstance(material, (str, bytes)):
        return material
    # Imported here, so that HMAC works without the package.
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

    text = material.encode() if isinstance(material, str) else material
    if b"PUBLIC KEY" in text:
        return load_pem_public_key(text)
    return load_pem_private_key(text, passphrase.encode() if isinstance(passphrase, str) else passphrase)
