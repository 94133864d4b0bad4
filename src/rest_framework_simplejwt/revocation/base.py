"""The protocol of revocation stores, and the values that they take and return."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from .local_times import MAX_SHIFT

T = TypeVar("T")

# Seconds, besides the leeway, that a record stays after its token expired: the clocks of two machines differ.
RETENTION_MARGIN = 600


def expiry_cutoff(now: datetime, *, leeway: timedelta) -> datetime:
    """Returns the latest expiry at which every machine already rejects a token, even one whose clock is slow.

    Records with this expiry or an earlier one can be deleted. ``now`` may be naive (UTC) or aware; so is the result.
    """
    shift = MAX_SHIFT if now.tzinfo is None else timedelta(0)
    return now - leeway - timedelta(seconds=RETENTION_MARGIN) - shift


@dataclass(frozen=True)
class Issued:
    """A token or a family, as it is passed to a store to be recorded or revoked.

    ``owner_pk`` (the primary key of the user, or ``None``) and ``text`` (the encoded token) are functions. A store
    calls them only when it creates a record, because they may sign the token or query the user.
    """

    # The ``jti`` of a token, or the id of a family.
    id: str
    issued_at: datetime
    # ``None``: it does not expire, or its expiry is not known.
    expires_at: datetime | None
    owner_pk: Callable[[], object]
    text: Callable[[], str] | None = None
    family_id: str | None = None
    # The token that replaces this one, if this one is revoked by a refresh.
    successor: Issued | None = None
    # True if the id was generated just now. A store may then insert without looking for a record first.
    is_new: bool = False
    # For a family that does not expire: how long it must stay on record because of this token.
    family_needed_until: datetime | None = None
    # False if only the id is known. An existing record then keeps its expiry.
    is_expiry_known: bool = True


def overrides(store: object, base: type, *names: str) -> bool:
    """Returns whether the class of ``store`` overrides any of the methods ``names`` of ``base``."""
    return any(getattr(type(store), name) is not getattr(base, name) for name in names)


@dataclass(frozen=True)
class Successor:
    """The token that replaced a consumed refresh token.

    ``age`` is the time since it was issued; a store that has a clock of its own measures it by that.
    """

    issued_at: datetime
    expires_at: datetime
    age: timedelta
    is_revoked: bool


class RevocationStore(Protocol):
    """Records which tokens, or which families, were issued and which of them were revoked. One store has one kind.

    The first item of the pairs that ``remember`` and ``revoke`` return is the store's own record: a model instance
    in SQL. Every method raises ``RevocationUnavailable`` if the database or the Redis server is unavailable; a store
    never guesses an answer. Stores can be shared between threads.
    """

    def remember(self, issued: Issued) -> tuple[Any, bool]:
        """Records an issued token or family. Returns the record, and whether this call created it.

        An existing record keeps the later of the two expiries.
        """

    def revoke(self, issued: Issued) -> tuple[Any, bool]:
        """Revokes a token or family, whether or not it is on record. Returns the revocation, and whether it is new.

        The second value is True for exactly one caller across all threads, processes and machines.
        """

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        """Revokes everything on record of one owner, or of all owners if ``owner_pk`` is ``None``.

        Skips what expired by ``now`` and what belongs to the family ``except_family``. Returns the number of new
        revocations. In SQL the number of statements does not depend on the number of records.
        """

    def exchange(self, consumed: Issued, successor: Issued, families: RevocationStore | None = None) -> bool:
        """Consumes a refresh token: revokes ``consumed`` and records its ``successor``, both or neither.

        Returns True for exactly one caller. Returns False, and records nothing, if the token was already revoked, and
        if its family in the store ``families`` is revoked by now, where one statement can tell.
        """

    def is_revoked(self, record_id: str) -> bool:
        """Returns whether the token or family with this id is revoked. False for an id that is not on record."""

    def are_revoked(self, token_id: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        """Returns whether the token is revoked, and whether its family in the store ``families`` is.

        Asks once if both stores use the same database or server. If the token is revoked, the second value is
        unspecified.
        """

    def successor(self, token_id: str, successor_id: str, *, now: datetime) -> Successor | None:
        """Returns the successor of a consumed token.

        ``successor_id`` is the id that a refresh of ``token_id`` derives for its successor. Returns ``None`` if the
        token was not consumed, or if its successor has another id. A store may look up either id. ``now`` is only
        for the ``age`` of the successor; a store with a clock of its own ignores it.
        """

    def expired(self, now: datetime) -> int:
        """Returns the number of records that expired by ``now``."""

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        """Deletes the records that expired by ``now``, and yields the size of each deleted batch.

        Each batch is one transaction. The caller may stop after any batch.
        """

    def transact(self, work: Callable[[], T]) -> T:
        """Calls ``work`` in a transaction and returns its result. If it raises, the transaction is rolled back.

        If another transaction conflicts with it, ``work`` may be called several times.
        """

    def lasting(self, record_id: str, work: Callable[[], T]) -> T:
        """Calls ``work`` so that a rollback of the caller's transaction does not undo what it writes.

        ``record_id`` is the record that ``work`` is about. If only the caller's transaction can see that record, or the
        database does not allow it, ``work`` is part of that transaction after all. Returns the result of ``work``.
        """

    def after_commit(self, callback: Callable[[], object]) -> None:
        """Calls ``callback`` after the current transaction is committed; immediately if there is none."""
