"""The process-wide ``token_backend``, built from the settings and anew when they change.

Read it through the module (``state.token_backend``): a name bound by ``from`` keeps the
backend of that moment.
"""

from __future__ import annotations

from .backends import TokenBackend
from .settings import api_settings

# In the order of TokenBackend's parameters; the last one is passed by its name.
_BACKEND_SETTINGS = (
    "ALGORITHM",
    "SIGNING_KEY",
    "VERIFYING_KEY",
    "AUDIENCE",
    "ISSUER",
    "JWK_URL",
    "LEEWAY",
    "JSON_ENCODER",
    "JWK_TIMEOUT",
)

token_backend: TokenBackend

_current: tuple[tuple[object, ...], TokenBackend] | None = None


def __getattr__(name: str) -> TokenBackend:
    if name != "token_backend":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    global _current
    values = tuple([getattr(api_settings, setting) for setting in _BACKEND_SETTINGS])
    if _current is None or _current[0] != values:
        *positional, jwk_timeout = values
        _current = values, TokenBackend(*positional, jwk_timeout=jwk_timeout)
    return _current[1]
