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
        return work()

    def lasting(self, record_id: str, work: Callable[[], T]) -> T:
        return work()

    def after_commit(self, callback: Callable[[], object]) -> None:
        callback()


class NullStore(NonTransactional):
    """Accepts every call and records nothing. Every revocation and every exchange succeeds."""

    def remember(self, issued: Issued) -> tuple[None, bool]:
        return None, False

    def revoke(self, issued: Issued) -> tuple[None, bool]:
        return None, True

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        return 0

    def exchange(self, consumed: Issued, successor: Issued) -> bool:
        return True

    def is_revoked(self, record_id: str) -> bool:
        return False

    def are_revoked(self, token_id: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        return False, families.is_revoked(family_id)

    def successor(self, token_id: str, successor_id: str, *, now: datetime) -> None:
        return None

    def expired(self, now: datetime) -> int:
        return 0

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        return iter(())
