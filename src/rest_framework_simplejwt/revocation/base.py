"""What a revocation store promises, and what it is told about a token or a family."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Issued:
    """A token or family as a store records it.

    ``text`` and ``owner_pk`` are called only when a new record is made: a token that is known
    costs no signature and no look-up of its user.
    """

    id: str
    issued_at: datetime
    expires_at: datetime | None
    owner_pk: Callable[[], Any]
    text: Callable[[], str] | None = None


class RevocationStore(Protocol):
    """Remembers what was issued and what was revoked, by id.

    The records in the answers are the store's own kind, rows in SQL.
    """

    def remember(self, issued: Issued) -> tuple[Any, bool]:
        """The record of what was issued, and whether this call made it."""

    def revoke(self, issued: Issued) -> tuple[Any, bool]:
        """The record of the revocation, and True for exactly one caller, ever.

        Across threads, processes and machines; the others lost the race. What was never
        remembered can be revoked all the same.
        """

    def is_revoked(self, key: str) -> bool: ...

    def purge(self, now: datetime) -> int:
        """Forget what had expired by ``now``; how many records that were."""

    def atomic(self) -> AbstractContextManager[Any]:
        """Within it, either every write is kept or, when it is left by an exception, none."""

    def after_commit(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once what was written so far can't be rolled back any more."""
