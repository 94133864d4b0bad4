"""Runs work in transactions that are retried after a conflict, and on connections that a rollback does not reach."""

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

MAX_ATTEMPTS = 5
# Seconds: the longest pause before the second attempt. It doubles before each further attempt.
MAX_FIRST_PAUSE = 0.02

_DJANGO_BEFORE_5_1 = "has no modes"

# Seconds to wait until the work has a connection of its own.
CONNECT_TIMEOUT = 0.5
# How long work on a connection of its own waits for a lock, which its caller may hold. By vendor: the statement that
# reads the current limit (``None`` where none is needed), the one that sets it, and the limit, which is the shortest
# that the database accepts or less than a second (milliseconds; seconds in MySQL).
_LOCK_TIMEOUT = {
    "postgresql": (None, "SET LOCAL lock_timeout = {}", 250),
    "mysql": ("SELECT @@innodb_lock_wait_timeout", "SET SESSION innodb_lock_wait_timeout = {}", 1),
    "sqlite": ("PRAGMA busy_timeout", "PRAGMA busy_timeout = {}", 250),
}


def run_with_retry(alias: str, work: Callable[[], T], *, writes: type[Model]) -> T:
    """Calls ``work`` in one transaction and returns its result. Tries ``MAX_ATTEMPTS`` times if there are conflicts.

    A conflict is a deadlock, a serialization failure, a ``LostInsert``, or an ``IntegrityError`` about the table of
    the model ``writes``, such as a revocation of a row that a flush deletes at the same time. Any other
    ``IntegrityError`` would happen again, so it is raised. Inside a transaction of the caller's, ``work`` runs once
    as part of it, and the caller gets the error.
    """
    connection = connections[alias]
    attempts_left = 1 if connection.in_atomic_block else MAX_ATTEMPTS
    max_pause = MAX_FIRST_PAUSE
    while True:
        attempts_left -= 1
        try:
            with _write_transaction(connection, writes):
                return work()
        except (IntegrityError, OperationalError) as error:
            is_about_table = isinstance(error, OperationalError) or writes._meta.db_table in first_line(error)
            if not attempts_left or not is_about_table or not is_conflict(error):
                raise
        # Random: transactions that deadlocked would deadlock again if they were retried at the same moment.
        time.sleep(random.uniform(0, max_pause))  # noqa: S311  # nothing is secret here
        max_pause *= 2


def try_once(alias: str, work: Callable[[], T], *, is_single_statement: bool = True) -> T | None:
    """Calls ``work`` in one transaction and returns its result, or ``None`` if another transaction conflicts with it.

    Nothing is written in that case. The first statement of ``work`` must be a write. If ``work`` is a single statement
    and no transaction is open, it runs in autocommit mode. Raises the error where the conflict has ended the caller's
    transaction.
    """
    connection = connections[alias]
    in_autocommit = is_single_statement and not connection.in_atomic_block and connection.get_autocommit()
    try:
        with nullcontext() if in_autocommit else transaction.atomic(using=alias):
            return work()
    except (IntegrityError, OperationalError) as error:
        # On MySQL a deadlock rolls back the caller's whole transaction, so no statement may follow in it.
        if not is_conflict(error) or connection.needs_rollback:
            raise
        return None


@contextmanager
def _write_transaction(connection: Any, model: type[Model]) -> Iterator[None]:
    """Opens a transaction that has the write lock from its start, on SQLite.

    There a transaction that reads first and writes later fails immediately if another one has written in between.
    """
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
                _take_write_lock(connection, model)
            yield
    finally:
        if mode is None:
            connection.transaction_mode = None


def _take_write_lock(connection: BaseDatabaseWrapper, model: type[Model]) -> None:
    """Sends an UPDATE that changes no row."""
    table = connection.ops.quote_name(model._meta.db_table)
    column = connection.ops.quote_name(str(model._meta.pk.column))
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {column} WHERE 0")  # noqa: S608  # the model's own names


def run_on_own_connection(alias: str, work: Callable[[], T], *, precondition: Callable[[], bool]) -> T:
    """Calls ``work`` so that a rollback of the caller's transaction does not undo it. Returns its result.

    Inside a transaction, ``work`` runs in another thread on a new connection, if ``precondition()``, called there,
    is true. It runs in the caller's transaction if that is false or the database is in memory; also, with a warning
    in the log, if there is no connection within ``CONNECT_TIMEOUT`` or a lock is not free. Outside a transaction it
    runs in the calling thread.
    """
    connection = connections[alias]
    if not connection.in_atomic_block:
        return work()
    if connection.vendor in _LOCK_TIMEOUT and not _is_in_memory(connection):
        try:
            result = _run_in_thread(connection, work, precondition)
        except (Error, RevocationUnavailable) as error:
            logger.warning(
                "A write could not use a connection of its own; it shares the caller's transaction, "
                "and is lost if that is rolled back",
                exc_info=error,
            )
        else:
            if result is not None:
                return result[0]
    return work()


def _is_in_memory(connection: BaseDatabaseWrapper) -> bool:
    return connection.vendor == "sqlite" and connection.is_in_memory_db()  # type: ignore[attr-defined]  # SQLite's own


def _run_in_thread(
    caller_connection: BaseDatabaseWrapper, work: Callable[[], T], precondition: Callable[[], bool]
) -> tuple[T] | None:
    """Calls ``work`` in a new thread, on a new connection. Waits for it.

    Returns its result in a tuple, or ``None`` if ``precondition()`` is false. Raises ``DatabaseError`` if no thread or
    no connection is available in time, and whatever ``work`` raises.
    """
    outcome: Future[tuple[T] | None] = Future()
    # No executor: the process would wait for its threads when it exits.
    thread = Thread(target=_run_for_future, args=(outcome, caller_connection, work, precondition), daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise DatabaseError("no thread could be started") from error
    wait([outcome], CONNECT_TIMEOUT)
    if outcome.cancel():
        raise DatabaseError(f"there was no connection within {CONNECT_TIMEOUT} seconds")
    # The work has started, and it waits for no lock for long.
    return outcome.result()


def _run_for_future(
    outcome: Future[Any], caller_connection: BaseDatabaseWrapper, *functions: Callable[[], Any]
) -> None:
    """Calls ``_run_on_new_connection`` in the new thread. Puts what it returns or raises into ``outcome``.

    ``functions`` are ``work`` and ``precondition``. If the caller has cancelled ``outcome``, neither is called.
    """
    # Raised if the caller has cancelled the future.
    with suppress(InvalidStateError):
        try:
            # Returns False if the caller has cancelled it.
            try_start = outcome.set_running_or_notify_cancel
            outcome.set_result(_run_on_new_connection(caller_connection, try_start, *functions))
        except BaseException as error:  # noqa: BLE001  # the caller raises it
            outcome.set_exception(error)


def _run_on_new_connection(
    caller_connection: BaseDatabaseWrapper,
    try_start: Callable[[], bool],
    work: Callable[[], T],
    precondition: Callable[[], bool],
) -> tuple[T] | None:
    """Returns the result of ``work`` in a tuple, or ``None`` if ``try_start()`` or ``precondition()`` is false."""
    connections[caller_connection.alias] = connection = _new_unpooled_connection(caller_connection)
    try:
        with database_outage.expect_errors(), _short_lock_timeout(connection):
            return (work(),) if try_start() and precondition() else None
    finally:
        connections.close_all()


def _new_unpooled_connection(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """Returns another connection to the same database, not from Django's pool, which may be exhausted."""
    settings = connection.settings_dict
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    return type(connection)({**settings, "OPTIONS": options}, connection.alias)


@contextmanager
def _short_lock_timeout(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Sets a short lock timeout, and restores the previous one at the end.

    A proxy such as pgbouncer may give the same server connection to another client afterwards.
    """
    read, write, limit = _LOCK_TIMEOUT[connection.vendor]
    if read is None:  # pragma: no cover  # PostgreSQL; nox -s databases
        with transaction.atomic(using=connection.alias):
            _execute(connection, write.format(limit))
            yield
        return
    previous = _execute(connection, read)[0]
    _execute(connection, write.format(limit))
    try:
        yield
    finally:
        _execute(connection, write.format(previous))


def _execute(connection: BaseDatabaseWrapper, sql: str) -> Any:
    """Executes the statement. Returns its first row, or ``None`` if it has no result set."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone() if cursor.description else None
