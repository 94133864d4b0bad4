"""Pretends that a database is of a vendor that the package sends no SQL to, such as MongoDB."""

import sys
from contextlib import contextmanager
from unittest import mock

from django.db import connections


@contextmanager
def another_vendor(alias):
    """A context manager: the database has another vendor, and SQL that the package sends itself is an error."""
    connection = connections[alias]
    cursor = mock.patch.object(connection, "cursor", fail_unless_called_by_django(connection.cursor))
    with mock.patch.object(connection, "vendor", "another"), cursor:
        yield


def fail_unless_called_by_django(method):
    """Return the method, wrapped so that it fails if the package calls it. Django may call it."""

    def called(*args, **kwargs):
        caller = sys._getframe(1).f_globals["__name__"]
        assert not caller.startswith("rest_framework_simplejwt"), f"{caller} asks for SQL"
        return method(*args, **kwargs)

    return called
