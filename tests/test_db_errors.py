import sqlite3

import pytest
from django.db import DatabaseError, IntegrityError

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
def test_each_database_says_in_its_own_way_what_is_a_duplicate(cause, is_duplicate):
    error = IntegrityError(*cause.args)
    error.__cause__ = cause
    assert db_errors.is_duplicate(error) is is_duplicate


@pytest.mark.parametrize(
    ("cause", "misses"),
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
def test_each_database_says_in_its_own_way_what_is_missing(cause, misses):
    error = DatabaseError(*cause.args)
    error.__cause__ = cause
    assert db_errors.misses_table(error) is (misses == "table")
    assert db_errors.misses_column(error) is (misses == "column")
