"""The store of a project that remembers nothing: no token is ever revoked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime

from .base import Issued


class NullStore:
    def remember(self, issued: Issued) -> tuple[None, bool]:
        return None, False

    def revoke(self, issued: Issued) -> tuple[None, bool]:
        return None, True

    def is_revoked(self, key: str) -> bool:
        return False

    def purge(self, now: datetime) -> int:
        return 0

    def atomic(self) -> nullcontext[None]:
        return nullcontext()

    def after_commit(self, callback: Callable[[], object]) -> None:
        callback()
