import sqlite3

import pytest
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)

from rest_framework_simplejwt import db_errors


def driver_error(*args, **codes):
    error = Exception(*args)
    vars(error).update(codes)
    return error


@pytest.mark.parametrize(
    ("cause", "is_duplicate"),
    [
        (driver_error(sqlstate="23505"), True),
        (driver_error(1062, "Duplicate entry"), True),
        (sqlite3.IntegrityError("UNIQUE constraint failed: token_blacklist_outstandingtoken.jti"), True),
        (driver_error(sqlstate="23503"), False),
        (driver_error(1452, "a foreign key constraint fails"), False),
        (sqlite3.IntegrityError("FOREIGN KEY constraint failed"), False),
    ],
)
def test_a_duplicate_is_recognized_on_each_database(cause, is_duplicate):
    error = IntegrityError(*cause.args)
    error.__cause__ = cause
    assert db_errors.is_duplicate(error) is is_duplicate


@pytest.mark.parametrize(
    ("cause", "missing"),
    [
        (driver_error(sqlstate="42703"), "column"),
        (driver_error(pgcode="42P01"), "table"),
        (driver_error(1054, "Unknown column"), "column"),
        (driver_error(1146, "Table doesn't exist"), "table"),
        (sqlite3.OperationalError("no such column: x"), "column"),
        (sqlite3.OperationalError("table t has no column named x"), "column"),
        (sqlite3.OperationalError("no such table: t"), "table"),
        (sqlite3.OperationalError("database is locked"), None),
        (driver_error("no such table", sqlstate="40001"), None),
    ],
)
def test_a_missing_table_or_column_is_recognized_on_each_database(cause, missing):
    error = DatabaseError(*cause.args)
    error.__cause__ = cause
    assert db_errors.is_missing_table(error) is (missing == "table")
    assert db_errors.is_missing_column(error) is (missing == "column")


@pytest.mark.parametrize(
    ("kind", "cause", "is_outage"),
    [
        (OperationalError, driver_error("connection refused", sqlstate=None), True),
        (OperationalError, driver_error("too many connections", sqlstate="53300"), True),
        (OperationalError, driver_error("canceling statement due to statement timeout", sqlstate="57014"), True),
        (OperationalError, driver_error("canceling statement due to lock timeout", sqlstate="55P03"), True),
        (OperationalError, driver_error("deadlock detected", sqlstate="40P01"), True),
        (InternalError, driver_error("cannot execute INSERT in a read-only transaction", sqlstate="25006"), True),
        (InternalError, driver_error("current transaction is aborted", sqlstate="25P02"), False),
        (OperationalError, driver_error(2006, "Server has gone away"), True),
        (OperationalError, driver_error(1205, "Lock wait timeout exceeded"), True),
        (OperationalError, driver_error(1290, "The server is running with the --read-only option"), True),
        (OperationalError, driver_error(1054, "Unknown column"), False),
        (OperationalError, driver_error(1267, "Illegal mix of collations"), False),
        (InterfaceError, driver_error(0, ""), True),
        (OperationalError, sqlite3.OperationalError("database is locked"), True),
        (OperationalError, sqlite3.OperationalError("attempt to write a readonly database"), True),
        (OperationalError, sqlite3.OperationalError("no such table: t"), False),
        (OperationalError, sqlite3.OperationalError('near "NO": syntax error'), False),
        (InterfaceError, sqlite3.InterfaceError("Error binding parameter 0 - probably unsupported type."), False),
        (ProgrammingError, driver_error("syntax error", sqlstate="42601"), False),
        (DataError, driver_error("integer out of range", sqlstate="22003"), False),
        (OSError, None, False),
    ],
)
def test_an_outage_is_told_from_a_wrong_statement(kind, cause, is_outage):
    error = kind(*getattr(cause, "args", ()))
    error.__cause__ = cause
    assert db_errors.is_outage(error) is is_outage


@pytest.mark.parametrize("code", [1267, 3988])
def test_text_that_the_character_set_lacks_is_unstorable(code):
    error = OperationalError()
    error.__cause__ = driver_error(code, "")
    assert db_errors.is_unstorable(error)
