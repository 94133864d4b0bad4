"""A database that is unavailable: 503 for the requests that need it, and one line in the log with its cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connections

from .db_errors import is_conflict, is_outage
from .exceptions import DatabaseUnavailable
from .outage import Outage

_outage = Outage("The database", "requests that need it are answered 503")
# Apart: a read-only database, or a full one, still answers those who read.
_outage_of_writes = Outage("The database", "log-ins, refreshes and log-outs are answered 503")

_expected = ContextVar("rest_framework_simplejwt.outage_expected", default=False)


def raise_if_outage(
    error: Exception, kind: type[DatabaseUnavailable] = DatabaseUnavailable, *, writes: bool = False
) -> None:
    """Log ``error`` and raise a ``kind`` in its place if it is an outage of the database.

    A conflict with another transaction is none inside a transaction: whoever began that can retry it.
    """
    if isinstance(error, DatabaseUnavailable) or not is_outage(error) or _expected.get():
        return
    if not (is_conflict(error) and _in_transaction()):
        (_outage_of_writes if writes else _outage).failed(error)
        raise kind() from error


@contextmanager
def expected() -> Iterator[None]:
    """For statements that may fail, and have somebody who deals with that: the error stays what it is."""
    token = _expected.set(True)
    try:
        yield
    finally:
        _expected.reset(token)


def answered(*, writes: bool = False) -> None:
    """Note that the database has answered, or written: the next outage is logged again."""
    (_outage_of_writes if writes else _outage).over()


def _in_transaction() -> bool:
    return any(connection.in_atomic_block for connection in connections.all(initialized_only=True))
