"""Transactions that can lose a race without failing the request."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import contextmanager, nullcontext, suppress
from threading import Thread
from typing import Any, TypeVar

from django.db import DatabaseError, Error, IntegrityError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from .. import database_outage
from ..db_errors import first_line, is_conflict
from ..exceptions import RevocationUnavailable
from ..utils import logger

T = TypeVar("T")

ATTEMPTS = 5
# Seconds to wait at the most before the second one; twice as many before each that follows.
PAUSE = 0.02

_DJANGO_BEFORE_5_1 = "has no modes"

# Seconds that a caller waits for an autonomous write to get a connection.
CONNECT_TIMEOUT = 0.5
# How long that write waits for a lock, which its caller may hold: how to read the limit and to set it, and the
# shortest one that the database knows (milliseconds, but seconds in MySQL).
_LOCK_TIMEOUT = {
    "postgresql": (None, "SET LOCAL lock_timeout = {}", 250),
    "mysql": ("SELECT @@innodb_lock_wait_timeout", "SET SESSION innodb_lock_wait_timeout = {}", 1),
    "sqlite": ("PRAGMA busy_timeout", "PRAGMA busy_timeout = {}", 250),
}


def run(alias: str, work: Callable[[], T], *, writes: type[Model]) -> T:
    """Do the ``work`` in one transaction, and again when another one got in its way.

    That is a deadlock, a serialization failure, a ``LostInsert``, or a row that a flush deleted while the work
    revoked it, in the table of the model that it ``writes``. Any other ``IntegrityError`` would come again, and so
    would what the project's own hooks did before it. Within a transaction of the caller's the work is a part of
    that, and the conflict is the caller's.
    """
    connection = connections[alias]
    attempts = 1 if connection.in_atomic_block else ATTEMPTS
    pause = PAUSE
    while True:
        attempts -= 1
        try:
            with _as_writer(connection, writes):
                return work()
        except (IntegrityError, OperationalError) as error:
            is_ours = isinstance(error, OperationalError) or writes._meta.db_table in first_line(error)
            if not attempts or not is_ours or not is_conflict(error):
                raise
        # Those who deadlocked together would do so again if they all came back at once.
        time.sleep(random.uniform(0, pause))  # noqa: S311  # nothing is secret here
        pause *= 2


def at_once(alias: str, work: Callable[[], T], *, is_one: bool = True) -> T | None:
    """Do the ``work``, which begins with a write; ``None``, and nothing done, when another transaction got in its way.

    Where it ``is_one`` statement and no transaction is open, the database makes it one by itself.
    """
    connection = connections[alias]
    alone = is_one and not connection.in_atomic_block and connection.get_autocommit()
    try:
        with nullcontext() if alone else transaction.atomic(using=alias):
            return work()
    except (IntegrityError, OperationalError) as error:
        # MySQL ends the caller's whole transaction with a deadlock: nothing can follow in it.
        if not is_conflict(error) or connection.needs_rollback:
            raise
        return None


@contextmanager
def _as_writer(connection: Any, model: type[Model]) -> Iterator[None]:
    """A transaction that begins as a writer where a reader can't become one: SQLite refuses that, without waiting."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with transaction.atomic(using=connection.alias):
            yield
        return
    connection.ensure_connection()
    mode = getattr(connection, "transaction_mode", _DJANGO_BEFORE_5_1)
    if mode is None:
        connection.transaction_mode = "IMMEDIATE"
    try:
        with transaction.atomic(using=connection.alias):
            if mode in (_DJANGO_BEFORE_5_1, "DEFERRED"):
                _write_nothing(connection, model)
            yield
    finally:
        if mode is None:
            connection.transaction_mode = None


def _write_nothing(connection: BaseDatabaseWrapper, model: type[Model]) -> None:
    table = connection.ops.quote_name(model._meta.db_table)
    column = connection.ops.quote_name(str(model._meta.pk.column))
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {column} WHERE 0")  # noqa: S608  # the model's own names


def run_autonomously(alias: str, work: Callable[[], T], *, unless: Callable[[], bool]) -> T:
    """Do the ``work`` on a connection of its own, so that a rollback of the caller's transaction leaves it done.

    Outside any transaction it is simply done. It is done within the caller's transaction on a database in
    memory, and when ``unless``, asked on that connection, answers True; and, with a warning in the log, when
    there is no connection within ``CONNECT_TIMEOUT``, or a lock is not free.
    """
    connection = connections[alias]
    if not connection.in_atomic_block:
        return work()
    if connection.vendor in _LOCK_TIMEOUT and not _in_memory(connection):
        try:
            done = _run_in_thread(connection, work, unless)
        except (Error, RevocationUnavailable) as error:
            logger.warning("A write of its own was not possible; it shares the caller's transaction", exc_info=error)
        else:
            if done is not None:
                return done[0]
    return work()


def _in_memory(connection: BaseDatabaseWrapper) -> bool:
    return connection.vendor == "sqlite" and connection.is_in_memory_db()  # type: ignore[attr-defined]  # SQLite's own


def _run_in_thread(callers: BaseDatabaseWrapper, work: Callable[[], T], unless: Callable[[], bool]) -> tuple[T] | None:
    """The result in a tuple, or ``None`` because of ``unless``. Raises ``DatabaseError`` if it was not possible."""
    attempt: Future[tuple[T] | None] = Future()
    # Not a thread of an executor: the process would wait for it when it ends.
    thread = Thread(target=_attempt, args=(attempt, callers, work, unless), daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise DatabaseError("no thread could be started") from error
    wait([attempt], CONNECT_TIMEOUT)
    if attempt.cancel():
        raise DatabaseError(f"there was no connection within {CONNECT_TIMEOUT} seconds")
    # It has begun, and waits for no lock.
    return attempt.result()


def _attempt(attempt: Future[Any], callers: BaseDatabaseWrapper, *work: Callable[[], Any]) -> None:
    # The caller may have given it up.
    with suppress(InvalidStateError):
        try:
            # False if so.
            begins = attempt.set_running_or_notify_cancel
            attempt.set_result(_work_alone(callers, begins, *work))
        except BaseException as error:  # noqa: BLE001  # the caller raises it
            attempt.set_exception(error)


def _work_alone(
    callers: BaseDatabaseWrapper, begins: Callable[[], bool], work: Callable[[], T], unless: Callable[[], bool]
) -> tuple[T] | None:
    connections[callers.alias] = connection = _unpooled(callers)
    try:
        with database_outage.expect_errors(), _short_lock_timeout(connection):
            return (work(),) if begins() and not unless() else None
    finally:
        connections.close_all()


def _unpooled(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """Another connection to the same database, past Django's pool: that may have none left."""
    settings = connection.settings_dict
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    return type(connection)({**settings, "OPTIONS": options}, connection.alias)


@contextmanager
def _short_lock_timeout(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Leaves nothing behind: the connection may be one that a proxy lends, as pgbouncer does for a transaction."""
    read, write, limit = _LOCK_TIMEOUT[connection.vendor]
    if read is None:  # pragma: no cover  # PostgreSQL; nox -s databases
        with transaction.atomic(using=connection.alias):
            _execute(connection, write.format(limit))
            yield
        return
    before = _execute(connection, read)[0]
    _execute(connection, write.format(limit))
    try:
        yield
    finally:
        _execute(connection, write.format(before))


def _execute(connection: BaseDatabaseWrapper, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone() if cursor.description else None
