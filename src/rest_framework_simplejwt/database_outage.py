"""Answers 503 while the database is unavailable, and logs each outage once with its cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connections

from .db_errors import is_conflict, is_outage
from .exceptions import DatabaseUnavailable
from .outage import Outage

_outage = Outage("The database", "requests that need it are answered 503")
# Apart from _outage: a database that is read-only or full still answers reads.
_write_outage = Outage("The database", "log-ins, refreshes and log-outs are answered 503")

_errors_expected = ContextVar("rest_framework_simplejwt.outage_expected", default=False)


def raise_if_outage(
    error: Exception, kind: type[DatabaseUnavailable] = DatabaseUnavailable, *, writes: bool = False
) -> None:
    """Logs the outage and raises ``kind`` from ``error`` if ``error`` means that the database is unavailable.

    ``writes`` says whether the failed statement was to write. Returns for any other error; within ``expect_errors``;
    and for a conflict inside a transaction, which whoever began the transaction can retry.
    """
    if isinstance(error, DatabaseUnavailable) or not is_outage(error) or _errors_expected.get():
        return
    if not (is_conflict(error) and _in_transaction()):
        (_write_outage if writes else _outage).start(error)
        raise kind() from error


@contextmanager
def expect_errors() -> Iterator[None]:
    """Makes ``raise_if_outage`` do nothing within this context, whose caller handles the database's own errors."""
    token = _errors_expected.set(True)
    try:
        yield
    finally:
        _errors_expected.reset(token)


def end_outage(*, writes: bool = False) -> None:
    """Ends the outage of the database and logs that, if one was on. Calls it after a successful statement.

    ``writes`` says whether the statement wrote: outages of reads and of writes are apart.
    """
    (_write_outage if writes else _outage).end()


def _in_transaction() -> bool:
    """Returns whether the current thread has an open transaction on any database."""
    return any(connection.in_atomic_block for connection in connections.all(initialized_only=True))
