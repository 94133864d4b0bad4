"""A revocation store with a cache of revoked ids in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from ..outage import Outage
from .base import Issued, RevocationStore, Successor

T = TypeVar("T")

_outage = Outage("The cache of revoked tokens", "the store is asked instead")


class CachedStore:
    """Answers "revoked" from a cache if the id is cached, and asks ``store`` in every other case.

    ``is_cached`` and ``add_to_cache`` read and write the cache. Whatever they raise is logged once per outage and
    counts as "not cached".
    """

    def __init__(
        self, store: RevocationStore, *, is_cached: Callable[[str], bool], add_to_cache: Callable[[str], None]
    ) -> None:
        """Put a cache in front of ``store``. Both functions take the id of a token or family."""
        self._store = store
        self._is_cached = is_cached
        self._add_to_cache = add_to_cache

    def remember(self, issued: Issued) -> tuple[Any, bool]:
        """See ``RevocationStore.remember``. Does not use the cache."""
        return self._store.remember(issued)

    def revoke(self, issued: Issued) -> tuple[Any, bool]:
        """See ``RevocationStore.revoke``. Adds the id to the cache after the commit, also if it was already revoked."""
        record, is_first = self._store.revoke(issued)
        self._add_after_commit(issued.id)
        return record, is_first

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        """See ``RevocationStore.revoke_all``. Caches no id: ``is_revoked`` adds each when it is first asked for."""
        return self._store.revoke_all(owner_pk, now=now, except_family=except_family)

    def is_revoked(self, record_id: str) -> bool:
        """See ``RevocationStore.is_revoked``. Asks the store only if the id is not cached, and caches a "revoked"."""
        if self._call_cache(self._is_cached, record_id):
            return True
        is_revoked = self._store.is_revoked(record_id)
        if is_revoked:
            self._add_after_commit(record_id)
        return is_revoked

    def exchange(self, consumed: Issued, successor: Issued, families: RevocationStore | None = None) -> bool:
        """See ``RevocationStore.exchange``. Adds the id to the cache after the commit, if this call consumed it."""
        is_first = self._store.exchange(consumed, successor, families)
        if is_first:
            self._add_after_commit(consumed.id)
        return is_first

    def are_revoked(self, token_id: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        """See ``RevocationStore.are_revoked``. Asks no store if the token is cached, and caches a revoked token.

        A revoked family is cached only if ``families`` is itself a ``CachedStore``.
        """
        if self._call_cache(self._is_cached, token_id):
            return True, False
        is_token_revoked, is_family_revoked = self._store.are_revoked(token_id, families, family_id)
        if is_token_revoked:
            self._add_after_commit(token_id)
        return is_token_revoked, is_family_revoked

    def successor(self, token_id: str, successor_id: str, *, now: datetime) -> Successor | None:
        """See ``RevocationStore.successor``. Does not use the cache."""
        return self._store.successor(token_id, successor_id, now=now)

    def expired(self, now: datetime) -> int:
        """See ``RevocationStore.expired``. Does not use the cache."""
        return self._store.expired(now)

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        """See ``RevocationStore.purge``. Leaves the cache as it is: its entries expire by themselves."""
        return self._store.purge(now, batch_size=batch_size)

    def transact(self, work: Callable[[], T]) -> T:
        """See ``RevocationStore.transact``."""
        return self._store.transact(work)

    def lasting(self, record_id: str, work: Callable[[], T]) -> T:
        """See ``RevocationStore.lasting``."""
        return self._store.lasting(record_id, work)

    def after_commit(self, callback: Callable[[], object]) -> None:
        """See ``RevocationStore.after_commit``."""
        self._store.after_commit(callback)

    def _add_after_commit(self, record_id: str) -> None:
        """Adds the id to the cache when the current transaction is committed; immediately if there is none."""
        # A revocation that is rolled back must not stay in the cache.
        self._store.after_commit(lambda: self._call_cache(self._add_to_cache, record_id))

    @staticmethod
    def _call_cache(operation: Callable[[str], bool | None], record_id: str) -> bool | None:
        """Returns ``operation(record_id)``, or ``None`` if it raises, which is logged once per outage."""
        try:
            result = operation(record_id)
        except Exception as error:  # noqa: BLE001  # each cache client raises errors of its own
            _outage.start(error)
            return None
        _outage.end()
        return result
