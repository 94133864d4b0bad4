"""Whether a token is looked at to let its bearer in, and what then happens while the store can't be asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from ..settings import api_settings

_granting = ContextVar("rest_framework_simplejwt.granting", default=False)


@contextmanager
def _granted() -> Iterator[None]:
    token = _granting.set(True)
    try:
        yield
    finally:
        _granting.reset(token)


_NOTHING = nullcontext()


def on_access() -> AbstractContextManager[None]:
    """Within it, ``REVOCATION_FAIL_MODE`` has its say: a refresh or a log-out is never let through unchecked."""
    return _granted() if api_settings.REVOCATION_FAIL_MODE == "open" else _NOTHING


def fails_open() -> bool:
    """Whether a store that can't be asked may answer "not revoked"."""
    return _granting.get()
