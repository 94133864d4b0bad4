"""A store with a cache of revoked ids in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from ..outage import Outage
from .base import Issued, RevocationStore, Successor

T = TypeVar("T")

_outage = Outage("The cache of revoked tokens", "the store is asked instead")


class CachedStore:
    """Answers "revoked" from the cache; everything else is the store's to say.

    A cache that fails counts as one that does not know.
    """

    def __init__(self, store: RevocationStore, *, holds: Callable[[str], bool], add: Callable[[str], None]) -> None:
        self._store = store
        self._holds = holds
        self._add = add

    def remember(self, issued: Issued) -> tuple[Any, bool]:
        return self._store.remember(issued)

    def revoke(self, issued: Issued) -> tuple[Any, bool]:
        record, first = self._store.revoke(issued)
        self._add_after_commit(issued.id)
        return record, first

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        return self._store.revoke_all(owner_pk, now=now, except_family=except_family)

    def is_revoked(self, key: str) -> bool:
        if self._try(self._holds, key):
            return True
        revoked = self._store.is_revoked(key)
        if revoked:
            self._add_after_commit(key)
        return revoked

    def exchange(self, consumed: Issued, successor: Issued) -> bool:
        is_first = self._store.exchange(consumed, successor)
        self._add_after_commit(consumed.id)
        return is_first

    def are_revoked(self, key: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        if self._try(self._holds, key):
            return True, False
        token, family = self._store.are_revoked(key, families, family_id)
        if token:
            self._add_after_commit(key)
        return token, family

    def successor(self, key: str, successor_key: str, *, now: datetime) -> Successor | None:
        return self._store.successor(key, successor_key, now=now)

    def expired(self, now: datetime) -> int:
        return self._store.expired(now)

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        return self._store.purge(now, batch_size=batch_size)

    def transact(self, work: Callable[[], T]) -> T:
        return self._store.transact(work)

    def lasting(self, key: str, work: Callable[[], T]) -> T:
        return self._store.lasting(key, work)

    def after_commit(self, callback: Callable[[], object]) -> None:
        self._store.after_commit(callback)

    def _add_after_commit(self, key: str) -> None:
        # Not before the commit: what is rolled back was never revoked.
        self._store.after_commit(lambda: self._try(self._add, key))

    @staticmethod
    def _try(ask: Callable[[str], bool | None], key: str) -> bool | None:
        try:
            answer = ask(key)
        except Exception as error:  # noqa: BLE001  # each cache client raises errors of its own
            _outage.start(error)
            return None
        _outage.end()
        return answer
