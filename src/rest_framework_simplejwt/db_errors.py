"""What a database's error means: the codes and texts by which each of them says it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DataError, Error, IntegrityError, InterfaceError, OperationalError

# Another transaction was faster: serialization failure and deadlock, in PostgreSQL's SQLSTATEs and
# MySQL's numbers, and MariaDB's "record has changed since last read".
_CONFLICTS: set[str | int] = {"40001", "40P01", 1213, 1020}
_DUPLICATE: set[str | int] = {"23505", 1062}
_MISSING_TABLE: set[str | int] = {"42P01", 1146}
_MISSING_COLUMN: set[str | int] = {"42703", 1054}
# Text in a character set that the column does not have.
_UNFIT: set[str | int] = {1267, 1271, 3988}
# What psycopg has another class for: a read-only transaction, as on a standby, and one that was idle for too long.
_OUTAGES: set[str | int] = {"25006", "25P03"}
# SQLite has one code for all mistakes in a statement, and a text for each.
_DUPLICATE_IN_SQLITE = ("UNIQUE constraint failed",)
_MISSING_TABLE_IN_SQLITE = ("no such table",)
_MISSING_COLUMN_IN_SQLITE = ("no such column", "has no column named")
_MISTAKES_IN_SQLITE = ("no such", "has no column named", "syntax error", "binding parameter")


class LostInsert(OperationalError):
    """Another transaction inserted the same row, and this one can't see it: it must begin again."""


def is_conflict(error: Exception) -> bool:
    """Whether another transaction got in the way, by its lock or by its row."""
    return isinstance(error, (IntegrityError, LostInsert)) or not _CONFLICTS.isdisjoint(_codes(error))


def is_duplicate(error: IntegrityError) -> bool:
    """Whether a unique constraint refused the row; not a foreign key, nor another constraint."""
    return _says(error, _DUPLICATE, _DUPLICATE_IN_SQLITE)


def is_outage(error: Exception) -> bool:
    """Whether the database is unavailable, overloaded, locked or read-only: the same statement may succeed later."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return not (is_unfit(error) or _says(error, _MISSING_COLUMN, _MISTAKES_IN_SQLITE))
    return not _OUTAGES.isdisjoint(_codes(error))


def is_unfit(error: Exception) -> bool:
    """Whether a value of the statement is one that the column can't hold."""
    return isinstance(error, DataError) or not _UNFIT.isdisjoint(_codes(error))


def misses_table(error: Error) -> bool:
    """Whether the statement names a table that the database does not have."""
    return _says(error, _MISSING_TABLE, _MISSING_TABLE_IN_SQLITE)


def misses_column(error: Error) -> bool:
    """Whether the statement names a column that its table does not have."""
    return _says(error, _MISSING_COLUMN, _MISSING_COLUMN_IN_SQLITE)


def first_line(error: Error) -> str:
    """What is wrong. PostgreSQL quotes the statement in the lines that follow, and a token may be in it."""
    return str(error).partition("\n")[0]


def _says(error: Exception, codes: set[str | int], texts_of_sqlite: tuple[str, ...]) -> bool:
    if not codes.isdisjoint(_codes(error)):
        return True
    is_sqlite = type(error.__cause__).__module__.startswith("sqlite3")
    return is_sqlite and any(text in str(error) for text in texts_of_sqlite)


def _codes(error: Exception) -> Iterator[str | int]:
    """What the driver's exception calls the error: PostgreSQL's SQLSTATE, MySQL's number."""
    cause = error.__cause__
    codes = (getattr(cause, "sqlstate", None), getattr(cause, "pgcode", None), *getattr(cause, "args", ())[:1])
    return (code for code in codes if isinstance(code, (str, int)))
