"""The base class of the commands that delete expired tokens and families."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import connections, router

from .base import RevocationStore
from .sql import SQLStore

BATCH_SIZE = 10_000
# SQLite writes every index page that a batch changes. Ids are random, so ten times the rows change hardly more pages.
SQLITE_BATCH_SIZE = 100_000
MAX_BATCH_SIZE = 100_000
# With SQLite's default of 2,000 KiB those pages would be written several times in one batch.
SQLITE_CACHE_KIB = 24_000

# The exit status that shells use for a process that SIGINT ended: 128 plus the number of the signal.
EXIT_INTERRUPTED = 130


class FlushCommand(BaseCommand):
    """Deletes from a store what expired by ``cutoff()``.

    It can be interrupted after any batch, and several can run at the same time. A subclass sets ``noun``, the plural
    of what is deleted, for messages, and defines ``store()``, ``sql_store()`` and ``cutoff()``.
    """

    noun: ClassVar[str]
    _deleted_count: int

    def store(self) -> RevocationStore:
        """Returns the store to delete from if no database is named."""
        raise NotImplementedError

    def sql_store(self) -> SQLStore:
        """Returns the store of the app's own tables, to delete from if a database is named."""
        raise NotImplementedError

    def cutoff(self) -> datetime:
        """Returns the latest expiry that is deleted."""
        raise NotImplementedError

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options. Django calls this method with the command's parser."""
        parser.add_argument(
            "--batch-size",
            type=int,
            metavar="N",
            help=f"rows to delete in one transaction, {BATCH_SIZE} by default, or {SQLITE_BATCH_SIZE} on SQLite",
        )
        parser.add_argument("--sleep", type=float, metavar="SECONDS", default=0, help="seconds between batches")
        parser.add_argument("--dry-run", action="store_true", help="count what has expired, and delete nothing")
        parser.add_argument(
            "--database",
            metavar="ALIAS",
            help="delete from the tables in this database, instead of the one that the router names for writes",
        )

    def handle(self, *args: object, **options: Any) -> None:
        """Deletes what has expired, or count it with ``--dry-run``. Raises ``CommandError`` for an invalid option."""
        sql_store, database = self.sql_store(), options.get("database")
        self._check_database(sql_store, database)
        alias = database or sql_store.alias
        batch_size = _validate_batch_size(options.get("batch_size"), connections[alias].vendor)
        pause = _validate_pause(options.get("sleep"))
        count_expired, purge = self._choose_operations(sql_store, database)
        cutoff = self.cutoff()
        if options.get("dry_run"):
            self.stdout.write(f"Expired {self.noun} to delete: {count_expired(cutoff)}.")
            return
        with _larger_sqlite_cache(alias):
            self._delete_batches(purge(cutoff, batch_size=batch_size), partial(count_expired, cutoff), pause)

    def _check_database(self, sql_store: SQLStore, database: str | None) -> None:
        """Raises ``CommandError`` if the named database is unknown or does not have the tables."""
        if database is None:
            return
        if database not in connections:
            known = ", ".join(connections)
            raise CommandError(f"Unknown database {database!r}. Use one of DATABASES: {known}.")
        if not router.allow_migrate_model(database, sql_store.issued_model):
            raise CommandError(
                f"The database {database!r} has no table of {self.noun}: the router does not allow it. "
                "Use a database whose tables the router allows, or leave --database out."
            )

    def _choose_operations(
        self, sql_store: SQLStore, database: str | None
    ) -> tuple[Callable[..., int], Callable[..., Iterator[int]]]:
        """Returns the methods ``expired`` and ``purge`` of the store to delete from."""
        if database is None:
            store = self.store()
            return store.expired, store.purge
        return partial(sql_store.expired, using=database), partial(sql_store.purge, using=database)

    def _delete_batches(self, batches: Iterator[int], count_expired: Callable[[], int], pause: float) -> None:
        """Consume ``batches``, which yields the size of each deleted batch. Prints the progress and the total.

        Exits with ``EXIT_INTERRUPTED`` on Ctrl+C.
        """
        self._deleted_count = 0
        try:
            # Counting may take long. Only a progress bar and the pauses need it.
            total = count_expired() if pause or self.stdout.isatty() else 0
            with _progress_bar(self.stdout, f"Expired {self.noun}", total) as advance:
                for size in batches:
                    self._deleted_count += size
                    advance(size)
                    if pause and self._deleted_count < total:
                        time.sleep(pause)
        except KeyboardInterrupt:
            self._print_total("Interrupted. ")
            raise SystemExit(EXIT_INTERRUPTED) from None
        self._print_total()

    def _print_total(self, prefix: str = "") -> None:
        """Prints ``prefix`` and the number of what was deleted."""
        self.stdout.write(f"{prefix}Expired {self.noun} deleted: {self._deleted_count}.")


def _validate_batch_size(value: object, vendor: str) -> int:
    """Returns the value, or the default of the vendor for ``None``. Raises ``CommandError`` if it is invalid."""
    if value is None:
        return SQLITE_BATCH_SIZE if vendor == "sqlite" else BATCH_SIZE
    if not isinstance(value, int) or not 1 <= value <= MAX_BATCH_SIZE:
        raise CommandError(f"--batch-size must be a whole number from 1 to {MAX_BATCH_SIZE}, not {value!r}.")
    return value


def _validate_pause(value: object) -> float:
    """Returns the number of seconds, 0 for ``None``. Raises ``CommandError`` if it is invalid."""
    if value is None:
        return 0
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise CommandError(f"--sleep must be a number of seconds, zero or more, not {value!r}.")
    return value


@contextmanager
def _larger_sqlite_cache(alias: str) -> Iterator[None]:
    """Enlarge the page cache of this connection, if the database is SQLite, and restores its size at the end."""
    if connections[alias].vendor != "sqlite":
        yield
        return
    with connections[alias].cursor() as cursor:
        (previous,) = cursor.execute("PRAGMA cache_size").fetchone()
        # SQLite takes a negative number as KiB.
        cursor.execute(f"PRAGMA cache_size = -{SQLITE_CACHE_KIB}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA cache_size = {previous}")


@contextmanager
def _progress_bar(out: OutputWrapper, label: str, total: int) -> Iterator[Callable[[int], object]]:
    """Yields a function to call with the size of each batch. It draws on a terminal, if rich is installed."""
    if not out.isatty():
        yield lambda size: None
        return
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield lambda size: None
        return
    # Django's OutputWrapper appends a newline to everything by default.
    file: Any = SimpleNamespace(write=partial(out.write, ending=""), flush=out.flush, isatty=out.isatty)
    with Progress(console=Console(file=file), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda size: progress.advance(task, size)
