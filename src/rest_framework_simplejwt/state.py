"""The process-wide ``token_backend``, built from the settings and anew when they change.

Read it through the module (``state.token_backend``): a name bound by ``from`` keeps the
backend of that moment.
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

# In the order of TokenBackend's parameters.
_POSITIONAL = (
    "ALGORITHM",
    "SIGNING_KEY",
    "VERIFYING_KEY",
    "AUDIENCE",
    "ISSUER",
    "JWK_URL",
    "LEEWAY",
    "JSON_ENCODER",
)
_NAMED = (
    "JWK_TIMEOUT",
    "JWK_ALLOW_HTTP",
    "SIGNING_KEYS",
    "VERIFYING_KEYS",
    "SIGNING_KEYS_DIR",
    "VERIFIED_TOKEN_CACHE_SIZE",
)

token_backend: TokenBackend


class _TokenBackend:
    """Faster than a ``__getattr__`` of the module; a test may still patch the module's attribute."""

    def __get__(self, instance: object, owner: type) -> TokenBackend:
        return _backend.get()


class _State(ModuleType):
    token_backend = _TokenBackend()


sys.modules[__name__].__class__ = _State


def _build_backend() -> TokenBackend:
    signs_with_secret_key = (
        api_settings.ALGORITHM in HMAC_ALGORITHMS and api_settings.SIGNING_KEY == settings.SECRET_KEY
    )
    return TokenBackend(
        *[getattr(api_settings, setting) for setting in _POSITIONAL],
        jwk_timeout=api_settings.JWK_TIMEOUT,
        jwk_allow_http=api_settings.JWK_ALLOW_HTTP,
        verified_cache_size=api_settings.VERIFIED_TOKEN_CACHE_SIZE,
        ring=key_ring(),
        fallback_keys=settings.SECRET_KEY_FALLBACKS if signs_with_secret_key else (),
    )


_backend = BuiltFromSettings(_build_backend, (*_POSITIONAL, *_NAMED), django_names=["SECRET_KEY_FALLBACKS"])


@sensitive_variables()
def key_ring() -> Callable[[], KeyRing] | None:
    """Where the keys of the moment come from; ``None`` for the one of ``SIGNING_KEY`` and ``VERIFYING_KEY``.

    Raises ``ImproperlyConfigured`` that names the entry, or the directory, which can't be read.
    """
    if (directory := key_directory()) is not None:
        return directory.ring
    signing, verifying = written_keys()
    ring = KeyRing(signing, verifying)
    return (lambda: ring) if signing or verifying else None


@sensitive_variables()
def key_directory() -> KeyDirectory | None:
    """What ``SIGNING_KEYS_DIR`` leads to, read anew. Raises ``ImproperlyConfigured``."""
    if not api_settings.SIGNING_KEYS_DIR:
        return None
    signing, verifying = written_keys()
    if signing:
        raise ImproperlyConfigured("SIMPLE_JWT has both 'SIGNING_KEYS' and 'SIGNING_KEYS_DIR'.")
    try:
        return KeyDirectory(api_settings.SIGNING_KEYS_DIR, verifying=verifying)
    except (BadKey, TypeError) as error:
        raise ImproperlyConfigured(f"SIMPLE_JWT['SIGNING_KEYS_DIR']: {error}.") from error


@sensitive_variables()
def written_keys() -> tuple[list[Key], list[Key]]:
    """Those of ``SIGNING_KEYS`` and of ``VERIFYING_KEYS``. Raises ``ImproperlyConfigured``."""
    verifying = _read("VERIFYING_KEYS", api_settings.VERIFYING_KEYS, signs=False)
    signing = _read("SIGNING_KEYS", api_settings.SIGNING_KEYS, signs=True)
    try:
        KeyRing(signing, verifying)
    except BadKey as error:
        raise ImproperlyConfigured(f"SIMPLE_JWT['SIGNING_KEYS'] and ['VERIFYING_KEYS']: {error}.") from error
    return signing, verifying


def _read(setting: str, specs: Iterable[Mapping[str, object]], *, signs: bool) -> list[Key]:
    keys = []
    for number, spec in enumerate(specs or ()):
        try:
            keys.append(read_key(spec, signs=signs))
        except BadKey as error:
            raise ImproperlyConfigured(f"SIMPLE_JWT[{setting!r}][{number}]: {error}.") from error
    return keys


@sensitive_variables()
def published_keys() -> tuple[KeyPair, ...]:
    """What other services may check our tokens with: none for HMAC, nor for tokens of the issuer at ``JWK_URL``.

    Raises ``ImproperlyConfigured`` for keys that can't be read.
    """
    backend: TokenBackend = sys.modules[__name__].token_backend
    if backend.ring is not None:
        return backend.ring().published_keys(time.time())
    if backend.algorithm in HMAC_ALGORITHMS or backend.jwks_client is not None or not backend.verifying_key:
        return ()
    try:
        key = read_key({"algorithm": backend.algorithm, "key": backend.prepared_verifying_key}, signs=False)
    except Exception as error:  # PyJWT and cryptography raise what they like
        raise ImproperlyConfigured("SIMPLE_JWT['VERIFYING_KEY'] is no key that can be published.") from error
    return KeyRing((), [key]).published_keys(time.time())
