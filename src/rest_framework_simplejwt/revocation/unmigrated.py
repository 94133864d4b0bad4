"""Answers 503, and logs once what to run, while database tables lack a column or table that this version needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TypeVar, cast

from django.db import Error
from django.db.models import Model

from .. import database_outage
from ..db_errors import first_line, is_missing_column, is_missing_table
from ..exceptions import RevocationDatabaseUnavailable, RevocationUnavailable
from ..utils import logger

F = TypeVar("F", bound=Callable[..., object])

# The names of the methods that never write, and of those that may not have to.
_READING_METHODS = {"is_revoked", "are_revoked", "successor", "_is_recorded"}
_MAYBE_READING_METHODS = {*_READING_METHODS, "remember"}

# By app label: the error that was logged.
_logged_errors: dict[str, Error] = {}


def translates_database_errors(method: F) -> F:
    """Decorate a method of a store: it raises ``RevocationUnavailable`` if a table or column is missing.

    Only if that belongs to one of the ``models`` of this store or of a store among the arguments. A signal receiver of
    the project may miss others; that error is raised as it is. Raises ``RevocationDatabaseUnavailable`` if the
    database is unavailable. Sends no statement of its own, since the transaction may be broken.
    """

    name = method.__name__

    @wraps(method)
    def wrapper(self: object, *args: object, **kwargs: object) -> object:
        """Calls ``method``. Translates a database error that it raises; if it raises none, an outage has ended."""
        try:
            result = method(self, *args, **kwargs)
        except Error as error:
            stores = (self, *args, *kwargs.values())
            label = _find_outdated_app(error, [model for store in stores for model in getattr(store, "models", ())])
            if label is None:
                writes = name not in _READING_METHODS
                database_outage.raise_if_outage(error, RevocationDatabaseUnavailable, writes=writes)
                raise
            _log_once(label, error)
            raise RevocationUnavailable() from error
        database_outage.end_outage(writes=name not in _MAYBE_READING_METHODS)
        return result

    return cast("F", wrapper)


def reset_logged_errors() -> None:
    """Makes the next error of each app be logged again."""
    _logged_errors.clear()


def _find_outdated_app(error: Error, models: Iterable[type[Model]]) -> str | None:
    """Returns the label of the app whose table or column the error says is missing, or ``None`` if it says another."""
    if not (is_missing_table(error) or is_missing_column(error)):
        return None
    text = first_line(error)
    for model in models:
        # In an INSERT, MySQL names only the column.
        columns = [f"'{field.column}'" for field in model._meta.concrete_fields]
        if model._meta.db_table in text or any(column in text for column in columns):
            return model._meta.app_label
    return None


def _log_once(label: str, error: Error) -> None:
    """Logs at ERROR which app to migrate, with the first line of ``error``.

    Once for each app, whatever the error, until ``reset_logged_errors`` is called.
    """
    if _logged_errors.setdefault(label, error) is error:
        logger.error(
            "The tables of %(app)s are older than this code; run: python manage.py migrate %(app)s (%(error)s)",
            {"app": label, "error": first_line(error)},
        )
