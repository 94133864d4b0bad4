"""The store of a project without revocations: it records nothing, and no token is ever revoked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from .base import Issued, RevocationStore

T = TypeVar("T")


class NonTransactional:
    """Mixin for a store without transactions: every write takes effect immediately and can't be rolled back."""

    def transact(self, work: Callable[[], T]) -> T:
        """See ``RevocationStore.transact``. Calls ``work`` once. What it wrote stays if it raises."""
        return work()

    def lasting(self, record_id: str, work: Callable[[], T]) -> T:
        """See ``RevocationStore.lasting``. Calls ``work``, since no rollback can undo what it writes."""
        return work()

    def after_commit(self, callback: Callable[[], object]) -> None:
        """See ``RevocationStore.after_commit``. Calls ``callback`` immediately."""
        callback()


class NullStore(NonTransactional):
    """Accepts every call and records nothing. Every revocation and every exchange succeeds."""

    def remember(self, issued: Issued) -> tuple[None, bool]:
        """See ``RevocationStore.remember``. Creates no record."""
        return None, False

    def revoke(self, issued: Issued) -> tuple[None, bool]:
        """See ``RevocationStore.revoke``. Every caller counts as the first."""
        return None, True

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        """See ``RevocationStore.revoke_all``. There is nothing to revoke."""
        return 0

    def exchange(self, consumed: Issued, successor: Issued, families: RevocationStore | None = None) -> bool:
        """See ``RevocationStore.exchange``. Returns True to every caller."""
        return True

    def is_revoked(self, record_id: str) -> bool:
        """See ``RevocationStore.is_revoked``. No token is."""
        return False

    def are_revoked(self, token_id: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        """See ``RevocationStore.are_revoked``. No token is; ``families`` may be a store that knows of families."""
        return False, families.is_revoked(family_id)

    def successor(self, token_id: str, successor_id: str, *, now: datetime) -> None:
        """See ``RevocationStore.successor``. No token has one."""

    def expired(self, now: datetime) -> int:
        """See ``RevocationStore.expired``. There are no records."""
        return 0

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        """See ``RevocationStore.purge``. There are no records."""
        return iter(())
