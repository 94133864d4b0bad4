"""Whether a token is looked at to let its bearer in, and what then happens while the store can't be asked."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from ..settings import api_settings

T = TypeVar("T")

_granting = ContextVar("rest_framework_simplejwt.granting", default=False)


def on_access(read: Callable[[str | bytes], T], text: str | bytes) -> T:
    """``read(text)``; ``REVOCATION_FAIL_MODE`` has a say here alone: no refresh or log-out is let through unchecked."""
    if api_settings.REVOCATION_FAIL_MODE != "open":
        return read(text)
    token = _granting.set(True)
    try:
        return read(text)
    finally:
        _granting.reset(token)


def fails_open() -> bool:
    """Whether a store that can't be asked may answer "not revoked"."""
    return _granting.get()
