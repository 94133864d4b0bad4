"""Tells from a database error, of any vendor, what went wrong."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DataError, Error, IntegrityError, InterfaceError, OperationalError

# Strings are SQLSTATEs of PostgreSQL, integers are error numbers of MySQL and MariaDB.
# Another transaction came first: serialization failure, deadlock, and MariaDB's "record has changed since last read".
_CONFLICTS: set[str | int] = {"40001", "40P01", 1213, 1020}
_DUPLICATE: set[str | int] = {"23505", 1062}
_MISSING_TABLE: set[str | int] = {"42P01", 1146}
_MISSING_COLUMN: set[str | int] = {"42703", 1054}
# The text has a character that the column's character set lacks.
_UNSTORABLE: set[str | int] = {1267, 1271, 3988}
# Outages for which psycopg raises neither OperationalError nor InterfaceError: a transaction that is read-only, as on
# a standby, and one that was idle for too long.
_OUTAGES: set[str | int] = {"25006", "25P03"}
# SQLite has one code for all errors in a statement, so the text tells them apart.
_DUPLICATE_IN_SQLITE = ("UNIQUE constraint failed",)
_MISSING_TABLE_IN_SQLITE = ("no such table",)
_MISSING_COLUMN_IN_SQLITE = ("no such column", "has no column named")
_WRONG_STATEMENT_IN_SQLITE = ("no such", "has no column named", "syntax error", "binding parameter")


class LostInsert(OperationalError):
    """Another transaction inserted the same row, which this one can't see: it must be rolled back and retried."""


def is_conflict(error: Exception) -> bool:
    """Returns whether the statement failed because of a lock or a row of another transaction."""
    return isinstance(error, (IntegrityError, LostInsert)) or not _CONFLICTS.isdisjoint(_error_codes(error))


def is_duplicate(error: IntegrityError) -> bool:
    """Returns whether a unique constraint was violated, and not a foreign key or another constraint."""
    return _has_code_or_text(error, _DUPLICATE, _DUPLICATE_IN_SQLITE)


def is_outage(error: Exception) -> bool:
    """Returns whether the database is unavailable, overloaded, locked or read-only: the statement may succeed later."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return not (is_unstorable(error) or _has_code_or_text(error, _MISSING_COLUMN, _WRONG_STATEMENT_IN_SQLITE))
    return not _OUTAGES.isdisjoint(_error_codes(error))


def is_unstorable(error: Exception) -> bool:
    """Returns whether the statement contains a value that the column can't hold."""
    return isinstance(error, DataError) or not _UNSTORABLE.isdisjoint(_error_codes(error))


def is_missing_table(error: Error) -> bool:
    """Returns whether the statement names a table that the database does not have."""
    return _has_code_or_text(error, _MISSING_TABLE, _MISSING_TABLE_IN_SQLITE)


def is_missing_column(error: Error) -> bool:
    """Returns whether the statement names a column that its table does not have."""
    return _has_code_or_text(error, _MISSING_COLUMN, _MISSING_COLUMN_IN_SQLITE)


def first_line(error: Error) -> str:
    """Returns the first line of the error's text, which is safe to log.

    PostgreSQL quotes the statement in the lines that follow, and a token may be in it.
    """
    return str(error).partition("\n")[0]


def _has_code_or_text(error: Exception, codes: set[str | int], sqlite_texts: tuple[str, ...]) -> bool:
    """Returns whether the error has one of the ``codes``, or comes from SQLite and contains one of the texts."""
    if not codes.isdisjoint(_error_codes(error)):
        return True
    is_sqlite = type(error.__cause__).__module__.startswith("sqlite3")
    return is_sqlite and any(text in str(error) for text in sqlite_texts)


def _error_codes(error: Exception) -> Iterator[str | int]:
    """Yields the codes of the database driver's exception, which is the cause of Django's."""
    cause = error.__cause__
    codes = (getattr(cause, "sqlstate", None), getattr(cause, "pgcode", None), *getattr(cause, "args", ())[:1])
    return (code for code in codes if isinstance(code, (str, int)))
