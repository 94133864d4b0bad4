"""The command that keeps a store's tables small: its options, its progress and its count."""

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
# SQLite writes and syncs each page of an index that a batch touches, and ids are random: ten times
# the rows touch hardly more pages.
SQLITE_BATCH_SIZE = 100_000
LARGEST_BATCH = 100_000
# In KiB. With SQLite's own 2 MB those pages are written several times in one batch.
SQLITE_CACHE = 24_000

# As shells count: 128, and the number of SIGINT.
INTERRUPTED = 130


class FlushCommand(BaseCommand):
    """Deletes what had expired by ``cutoff()`` from a store. It may be interrupted, and run twice at once.

    A subclass says what ``noun`` is deleted, of which ``store()``, and which ``tables()`` are
    meant when a database is named.
    """

    noun: ClassVar[str]
    _deleted: int

    def store(self) -> RevocationStore:
        raise NotImplementedError

    def tables(self) -> SQLStore:
        raise NotImplementedError

    def cutoff(self) -> datetime:
        raise NotImplementedError

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--batch-size",
            type=int,
            metavar="N",
            help=f"rows to delete in one transaction, {BATCH_SIZE} by default, or {SQLITE_BATCH_SIZE} on SQLite",
        )
        parser.add_argument("--sleep", type=float, metavar="SECONDS", default=0, help="seconds between batches")
        parser.add_argument("--dry-run", action="store_true", help="count what has expired, and delete nothing")
        parser.add_argument(
            "--database", metavar="ALIAS", help="flush the tables in this database, not where the router writes to"
        )

    def handle(self, *args: object, **options: Any) -> None:
        tables, database = self.tables(), options.get("database")
        self._check(tables, database)
        alias = database or tables.alias
        batch_size = _batch_size(options.get("batch_size"), connections[alias].vendor)
        pause = _pause(options.get("sleep"))
        expired, purge = self._work(tables, database)
        cutoff = self.cutoff()
        if options.get("dry_run"):
            self.stdout.write(f"Expired {self.noun} to delete: {expired(cutoff)}.")
            return
        with _room_for_indexes(alias):
            self._flush(purge(cutoff, batch_size=batch_size), partial(expired, cutoff), pause)

    def _check(self, tables: SQLStore, database: str | None) -> None:
        if database is None:
            return
        if database not in connections:
            known = ", ".join(connections)
            raise CommandError(f"There is no database {database!r} in DATABASES; there is: {known}.")
        if not router.allow_migrate_model(database, tables.issued_model):
            raise CommandError(f"Expired {self.noun} are not in the database {database!r}: the router keeps them out.")

    def _work(self, tables: SQLStore, database: str | None) -> tuple[Callable[..., int], Callable[..., Iterator[int]]]:
        """How to count what has expired, and how to delete it."""
        if database is None:
            store = self.store()
            return store.expired, store.purge
        return partial(tables.expired, using=database), partial(tables.purge, using=database)

    def _flush(self, batches: Iterator[int], expired: Callable[[], int], pause: float) -> None:
        self._deleted = 0
        try:
            # Counting takes a while: for who wants to see how far it is, or has the time.
            total = expired() if pause or self.stdout.isatty() else 0
            with _progress_bar(self.stdout, f"Expired {self.noun}", total) as advance:
                for size in batches:
                    self._deleted += size
                    advance(size)
                    if pause and self._deleted < total:
                        time.sleep(pause)
        except KeyboardInterrupt:
            self._report("Interrupted. ")
            raise SystemExit(INTERRUPTED) from None
        self._report()

    def _report(self, prefix: str = "") -> None:
        self.stdout.write(f"{prefix}Expired {self.noun} deleted: {self._deleted}.")


def _batch_size(given: object, vendor: str) -> int:
    if given is None:
        return SQLITE_BATCH_SIZE if vendor == "sqlite" else BATCH_SIZE
    if not isinstance(given, int) or not 1 <= given <= LARGEST_BATCH:
        raise CommandError(f"--batch-size must be a whole number from 1 to {LARGEST_BATCH}, not {given!r}.")
    return given


def _pause(given: object) -> float:
    if given is None:
        return 0
    if not isinstance(given, (int, float)) or not math.isfinite(given) or given < 0:
        raise CommandError(f"--sleep must be a number of seconds, zero or more, not {given!r}.")
    return given


@contextmanager
def _room_for_indexes(alias: str) -> Iterator[None]:
    """A larger page cache, where it is the process's own."""
    if connections[alias].vendor != "sqlite":
        yield
        return
    with connections[alias].cursor() as cursor:
        (before,) = cursor.execute("PRAGMA cache_size").fetchone()
        cursor.execute(f"PRAGMA cache_size = -{SQLITE_CACHE}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA cache_size = {before}")


@contextmanager
def _progress_bar(out: OutputWrapper, label: str, total: int) -> Iterator[Callable[[int], object]]:
    """What is called with the size of each batch, and draws only on a terminal, with rich installed."""
    if not out.isatty():
        yield lambda size: None
        return
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield lambda size: None
        return
    # Django's wrapper ends whatever is written to it with a new line.
    file: Any = SimpleNamespace(write=partial(out.write, ending=""), flush=out.flush, isatty=out.isatty)
    with Progress(console=Console(file=file), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda size: progress.advance(task, size)
