"""``REVOCATION_FAIL_MODE``: whether a request is authenticated while the revocation store is unavailable."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from ..settings import api_settings

T = TypeVar("T")

_assumes_not_revoked = ContextVar("rest_framework_simplejwt.assumes_not_revoked", default=False)


def verify_for_access(verify: Callable[[str | bytes], T], text: str | bytes) -> T:
    """Returns ``verify(text)``, under ``REVOCATION_FAIL_MODE``.

    In the mode "open", an unavailable store counts as "not revoked" during this call. Only the authentication of
    requests uses this: refreshes and log-outs always need the store.
    """
    if api_settings.REVOCATION_FAIL_MODE != "open":
        return verify(text)
    reset_token = _assumes_not_revoked.set(True)
    try:
        return verify(text)
    finally:
        _assumes_not_revoked.reset(reset_token)


def may_assume_not_revoked() -> bool:
    """Returns whether an unavailable store must answer "not revoked" instead of raising ``RevocationUnavailable``."""
    return _assumes_not_revoked.get()
