"""Transactions that can lose a race without failing the request."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from django.db import DatabaseError, IntegrityError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from ..db_errors import is_conflict
from ..exceptions import ServiceUnavailable
from ..utils import logger

T = TypeVar("T")

ATTEMPTS = 5
# Seconds to wait at the most before the second one; twice as many before each that follows.
PAUSE = 0.02

_DJANGO_BEFORE_5_1 = "has no modes"

# How long an autonomous write waits for a lock: its caller's own transaction may hold it.
_LOCK_TIMEOUT = {
    "postgresql": "SET lock_timeout = '1s'",
    "mysql": "SET SESSION innodb_lock_wait_timeout = 1",
    "sqlite": "PRAGMA busy_timeout = 1000",
}


def run(alias: str, work: Callable[[], T], *, writes: type[Model]) -> T:
    """Do the ``work`` in one transaction, and again when another one got in its way.

    Within a transaction of the caller's it is a part of that, and the conflict is the caller's.
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
            if not attempts or not is_conflict(error):
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
        if not is_conflict(error):
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

    ``unless`` is asked on that connection: what it can't work with is done within the caller's
    transaction after all, as is everything on a database in memory, and what has to wait for a
    lock that the caller may hold. Outside any transaction it is simply done.
    """
    connection = connections[alias]
    if not connection.in_atomic_block:
        return work()
    if connection.vendor in _LOCK_TIMEOUT and not _in_memory(connection):
        with ThreadPoolExecutor(max_workers=1) as elsewhere:
            done = elsewhere.submit(_attempt, alias, work, unless).result()
        if done:
            return done[0]
    return work()


def holds_back_others(alias: str) -> bool:
    """Whether a write now keeps other connections from writing until the caller's transaction ends."""
    connection = connections[alias]
    return connection.vendor == "sqlite" and connection.in_atomic_block and not _in_memory(connection)


def _in_memory(connection: BaseDatabaseWrapper) -> bool:
    return connection.vendor == "sqlite" and connection.is_in_memory_db()  # type: ignore[attr-defined]  # SQLite's own


def _attempt(alias: str, work: Callable[[], T], unless: Callable[[], bool]) -> tuple[T] | None:
    """In a thread, whose connections are its own: the result, or ``None`` if it could not be done."""
    connection = connections[alias]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_LOCK_TIMEOUT[connection.vendor])
        return None if unless() else (work(),)
    except (DatabaseError, ServiceUnavailable) as error:
        logger.warning("A write of its own was not possible; it shares the caller's transaction", exc_info=error)
        return None
    finally:
        connections.close_all()
