"""What a revocation store promises, and what it is told about a token or a family."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from .local_times import LONGEST_MOVE

T = TypeVar("T")

# A record outlives its token by the leeway and by this many seconds: clocks differ.
SLACK = 600


def earliest_live_expiry(now: datetime, *, leeway: timedelta) -> datetime:
    """Whatever expired at this moment or before is rejected by every machine, however their clocks differ."""
    return now - leeway - timedelta(seconds=SLACK) - (LONGEST_MOVE if now.tzinfo is None else timedelta(0))


@dataclass(frozen=True)
class Issued:
    """A token or family as a store records it.

    ``text`` and ``owner_pk`` are called only when a new record is made: a token that is known
    costs no signature and no look-up of its user. ``successor`` is what a refresh turns the
    token into, when that is why it is revoked. Without ``expires_at`` it must be remembered as
    long as anybody could present it.
    """

    id: str
    issued_at: datetime
    expires_at: datetime | None
    owner_pk: Callable[[], object]
    text: Callable[[], str] | None = None
    family_id: str | None = None
    successor: Issued | None = None
    # Its id was drawn just now: a store that trusts in that need not look whether it is known.
    is_new: bool = False
    # Until when a family without an end must be remembered on account of this token.
    family_needed_until: datetime | None = None
    # False if only the id is known: a record that is there keeps its expiry.
    is_end_known: bool = True


def overrides(store: object, ours: type, *names: str) -> bool:
    """Whether the ``store`` is of a project's subclass of ``ours`` that has its own methods under any of ``names``."""
    return any(getattr(type(store), name) is not getattr(ours, name) for name in names)


@dataclass(frozen=True)
class Successor:
    """What a token was turned into: when, how long ago by the store's own clock, and whether it is revoked by now."""

    issued_at: datetime
    expires_at: datetime
    age: timedelta
    is_revoked: bool


class RevocationStore(Protocol):
    """Remembers what was issued and what was revoked, by id.

    The records in the answers are the store's own kind, rows in SQL. A store that can't be
    asked raises ``RevocationUnavailable``: it never guesses.
    """

    def remember(self, issued: Issued) -> tuple[Any, bool]:
        """The record of what was issued, and whether this call made it.

        A record that is there is kept until the later of the two expiries.
        """

    def revoke(self, issued: Issued) -> tuple[Any, bool]:
        """The record of the revocation, and True for exactly one caller, ever.

        Across threads, processes and machines; the others lost the race. What was never
        remembered can be revoked all the same.
        """

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        """Revoke what was remembered of that owner, or with ``None`` of everybody, and is alive at ``now``.

        How many that were. In SQL the number of statements does not grow with theirs.
        """

    def exchange(self, consumed: Issued, successor: Issued) -> bool:
        """Revoke the token ``consumed`` and record its ``successor``, both or neither. True for exactly one caller.

        False if the token was revoked before, by whomever; nothing is recorded then.
        """

    def is_revoked(self, key: str) -> bool: ...

    def are_revoked(self, key: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        """Whether the token ``key`` is revoked, and whether its family in the store ``families`` is.

        In one question, if both stores keep their records in one place. The second answer means nothing if the
        first is True.
        """

    def successor(self, key: str, successor_key: str, *, now: datetime) -> Successor | None:
        """What a refresh turned ``key`` into; ``None`` if it was revoked otherwise, or not at all."""

    def expired(self, now: datetime) -> int:
        """How many records had expired by ``now``."""

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        """Forget what had expired by ``now``, a batch at a time; the size of each. It may be left at any time."""

    def transact(self, work: Callable[[], T]) -> T:
        """Do all the ``work``, or when it raises none of it; once more if another transaction got in its way."""

    def lasting(self, key: str, work: Callable[[], T]) -> T:
        """Do the ``work``, on the record of ``key``, so that it outlives a transaction that may be rolled back."""

    def after_commit(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once what was written so far can't be rolled back any more."""
