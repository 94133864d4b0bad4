"""A store with a cache of revoked ids in front of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from ..utils import logger
from .base import Issued, RevocationStore


class CachedStore:
    """Answers "revoked" from the cache; everything else is the store's to say.

    A cache that fails counts as one that does not know, and is logged.
    """

    def __init__(self, store: RevocationStore, *, holds: Callable[[str], bool], add: Callable[[str], None]) -> None:
        self._store = store
        self._holds = holds
        self._add = add

    def remember(self, issued: Issued) -> tuple[Any, bool]:
        return self._store.remember(issued)

    def revoke(self, issued: Issued) -> tuple[Any, bool]:
        record, first = self._store.revoke(issued)
        # Not before the commit: what is rolled back was never revoked.
        self._store.after_commit(lambda: self._try(self._add, issued.id))
        return record, first

    def is_revoked(self, key: str) -> bool:
        if self._try(self._holds, key):
            return True
        revoked = self._store.is_revoked(key)
        if revoked:
            self._store.after_commit(lambda: self._try(self._add, key))
        return revoked

    def purge(self, now: datetime) -> int:
        return self._store.purge(now)

    def atomic(self) -> AbstractContextManager[Any]:
        return self._store.atomic()

    def after_commit(self, callback: Callable[[], object]) -> None:
        self._store.after_commit(callback)

    @staticmethod
    def _try(ask: Callable[[str], bool | None], key: str) -> bool | None:
        try:
            return ask(key)
        except Exception:  # noqa: BLE001  # each cache client raises errors of its own
            logger.warning("The cache of revoked tokens failed; asking the store instead", exc_info=True)
            return None
