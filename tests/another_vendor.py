"""A database of a vendor that the package writes no SQL for; it may speak none, as MongoDB does."""

import sys
from contextlib import contextmanager
from unittest import mock

from django.db import connections


@contextmanager
def another_vendor(alias):
    """Meanwhile the database is said to be another's, and the package's own SQL fails."""
    connection = connections[alias]
    cursor = mock.patch.object(connection, "cursor", for_the_orm(connection.cursor))
    with mock.patch.object(connection, "vendor", "another"), cursor:
        yield


def for_the_orm(method):
    """The method, which fails when the package calls it and not Django."""

    def called(*args, **kwargs):
        caller = sys._getframe(1).f_globals["__name__"]
        assert not caller.startswith("rest_framework_simplejwt"), f"{caller} asks for SQL"
        return method(*args, **kwargs)

    return called
