"""The process-wide ``token_backend``, which is rebuilt when its settings change, and the configured keys.

Always read it as ``state.token_backend``: ``from .state import token_backend`` binds a backend that a later change of
the settings does not replace.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

from .backends import TokenBackend
from .keys.algorithms import HMAC_ALGORITHMS
from .keys.directory import KeyDirectory
from .keys.ring import BadKey, Key, KeyPair, KeyRing, read_key
from .settings import api_settings
from .settings_cache import BuiltFromSettings

__all__ = ["token_backend"]

# Passed to TokenBackend by position, in this order.
_POSITIONAL_SETTINGS = (
    "ALGORITHM",
    "SIGNING_KEY",
    "VERIFYING_KEY",
    "AUDIENCE",
    "ISSUER",
    "JWK_URL",
    "LEEWAY",
    "JSON_ENCODER",
)
# The other settings that the backend is built from.
_OTHER_SETTINGS = (
    "JWK_TIMEOUT",
    "JWK_ALLOW_HTTP",
    "SIGNING_KEYS",
    "VERIFYING_KEYS",
    "SIGNING_KEYS_DIR",
    "VERIFIED_TOKEN_CACHE_SIZE",
)

token_backend: TokenBackend


def _build_backend() -> TokenBackend:
    """Returns a new ``TokenBackend`` with the present settings.

    Raises ``ImproperlyConfigured`` or ``TokenBackendError`` if they are not valid.
    """
    signs_with_secret_key = (
        api_settings.ALGORITHM in HMAC_ALGORITHMS and api_settings.SIGNING_KEY == settings.SECRET_KEY
    )
    return TokenBackend(
        *[getattr(api_settings, setting) for setting in _POSITIONAL_SETTINGS],
        jwk_timeout=api_settings.JWK_TIMEOUT,
        jwk_allow_http=api_settings.JWK_ALLOW_HTTP,
        verified_cache_size=api_settings.VERIFIED_TOKEN_CACHE_SIZE,
        ring=get_ring_source(),
        fallback_keys=settings.SECRET_KEY_FALLBACKS if signs_with_secret_key else (),
    )


class _StateModule(ModuleType):
    # Faster than ``__getattr__`` of the module, and tests can still patch the name.
    token_backend = BuiltFromSettings(
        _build_backend, (*_POSITIONAL_SETTINGS, *_OTHER_SETTINGS), django_names=["SECRET_KEY_FALLBACKS"]
    )


sys.modules[__name__].__class__ = _StateModule


@sensitive_variables()
def get_ring_source() -> Callable[[], KeyRing] | None:
    """Returns a function that returns the current ``KeyRing``, or ``None`` if no key ring is configured.

    The keys are those of ``SIGNING_KEYS_DIR``, or of ``SIGNING_KEYS`` and ``VERIFYING_KEYS``. Raises
    ``ImproperlyConfigured`` that names the invalid entry or the directory.
    """
    if (directory := build_key_directory()) is not None:
        return directory.ring
    signing, verifying = configured_keys()
    ring = KeyRing(signing, verifying)
    return (lambda: ring) if signing or verifying else None


@sensitive_variables()
def build_key_directory() -> KeyDirectory | None:
    """Reads ``SIGNING_KEYS_DIR`` and returns a new ``KeyDirectory``, or ``None`` if the setting is empty.

    Raises ``ImproperlyConfigured`` if the directory can't be read, or if ``SIGNING_KEYS`` is set too.
    """
    if not api_settings.SIGNING_KEYS_DIR:
        return None
    signing, verifying = configured_keys()
    if signing:
        raise ImproperlyConfigured("SIMPLE_JWT has both 'SIGNING_KEYS' and 'SIGNING_KEYS_DIR'. Remove one of them.")
    try:
        return KeyDirectory(api_settings.SIGNING_KEYS_DIR, verifying=verifying)
    except (BadKey, TypeError) as error:
        raise ImproperlyConfigured(f"SIMPLE_JWT['SIGNING_KEYS_DIR']: {error}.") from error


@sensitive_variables()
def configured_keys() -> tuple[list[Key], list[Key]]:
    """Returns the parsed keys of ``SIGNING_KEYS``, and those of ``VERIFYING_KEYS``.

    Raises ``ImproperlyConfigured`` that names the invalid entry.
    """
    verifying = _read_keys("VERIFYING_KEYS", api_settings.VERIFYING_KEYS, signs=False)
    signing = _read_keys("SIGNING_KEYS", api_settings.SIGNING_KEYS, signs=True)
    try:
        KeyRing(signing, verifying)
    except BadKey as error:
        raise ImproperlyConfigured(f"SIMPLE_JWT['SIGNING_KEYS'] and ['VERIFYING_KEYS']: {error}.") from error
    return signing, verifying


def _read_keys(setting: str, specs: Iterable[Mapping[str, object]], *, signs: bool) -> list[Key]:
    """Returns the keys that ``specs`` describe. Raises ``ImproperlyConfigured`` that names the invalid entry."""
    keys = []
    for number, spec in enumerate(specs or ()):
        try:
            keys.append(read_key(spec, signs=signs))
        except BadKey as error:
            raise ImproperlyConfigured(f"SIMPLE_JWT[{setting!r}][{number}]: {error}.") from error
    return keys


@sensitive_variables()
def published_keys() -> tuple[KeyPair, ...]:
    """Returns the public keys that verify this project's tokens, for the JWKS endpoint (RFC 7517).

    Empty with HMAC, whose keys are secret, and with ``JWK_URL``, where another issuer publishes the keys. Raises
    ``ImproperlyConfigured`` for a key that can't be read.
    """
    backend: TokenBackend = sys.modules[__name__].token_backend
    if backend.ring is not None:
        return backend.ring().published_keys(time.time())
    if backend.algorithm in HMAC_ALGORITHMS or backend.jwks_client is not None or not backend.verifying_key:
        return ()
    try:
        key = read_key({"algorithm": backend.algorithm, "key": backend.prepared_verifying_key}, signs=False)
    except Exception as error:  # PyJWT and cryptography raise errors of many kinds
        raise ImproperlyConfigured(
            "SIMPLE_JWT['VERIFYING_KEY'] can't be published: it must be a public key."
        ) from error
    return KeyRing((), [key]).published_keys(time.time())
