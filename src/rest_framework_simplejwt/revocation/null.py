"""The store of a project that remembers nothing: no token is ever revoked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from .base import Issued, RevocationStore

T = TypeVar("T")


class Untransacted:
    """For a store whose writes no transaction holds back."""

    def transact(self, work: Callable[[], T]) -> T:
        return work()

    def lasting(self, key: str, work: Callable[[], T]) -> T:
        return work()

    def after_commit(self, callback: Callable[[], object]) -> None:
        callback()


class NullStore(Untransacted):
    def remember(self, issued: Issued) -> tuple[None, bool]:
        return None, False

    def revoke(self, issued: Issued) -> tuple[None, bool]:
        return None, True

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        return 0

    def exchange(self, consumed: Issued, successor: Issued) -> bool:
        return True

    def is_revoked(self, key: str) -> bool:
        return False

    def are_revoked(self, key: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        return False, families.is_revoked(family_id)

    def successor(self, key: str, successor_key: str, *, now: datetime) -> None:
        return None

    def expired(self, now: datetime) -> int:
        return 0

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        return iter(())
