"""Tables that are older than this code: a request is answered 503, and the process logs once what to run."""

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

# The methods that only read, and with the one that may find that there is nothing to write.
_READS = {"is_revoked", "are_revoked", "successor", "_is_recorded"}
_MAY_READ = {*_READS, "remember"}

# By app label, the error that was logged.
_logged: dict[str, Error] = {}


def explained(method: F) -> F:
    """Decorate a method of a store: it raises ``RevocationUnavailable`` where a statement misses a table or column.

    Only of a model in the ``models`` of that store, or of a store among the arguments: a project's
    own signal receiver may miss others. It raises the same during an outage of the database.
    Sends no statement itself, as the transaction may be broken.
    """

    name = method.__name__

    @wraps(method)
    def explaining(self: object, *args: object, **kwargs: object) -> object:
        try:
            answer = method(self, *args, **kwargs)
        except Error as error:
            stores = (self, *args, *kwargs.values())
            label = _label(error, [model for store in stores for model in getattr(store, "models", ())])
            if label is None:
                database_outage.raise_if_outage(error, RevocationDatabaseUnavailable, writes=name not in _READS)
                raise
            _log(label, error)
            raise RevocationUnavailable() from error
        database_outage.end_outage(writes=name not in _MAY_READ)
        return answer

    return cast("F", explaining)


def forget() -> None:
    """Log each app again."""
    _logged.clear()


def _label(error: Error, models: Iterable[type[Model]]) -> str | None:
    """The label of the app whose table is missing or lacks a column."""
    if not (is_missing_table(error) or is_missing_column(error)):
        return None
    text = first_line(error)
    for model in models:
        # MySQL names only the column of an INSERT.
        names = [f"'{field.column}'" for field in model._meta.concrete_fields]
        if model._meta.db_table in text or any(name in text for name in names):
            return model._meta.app_label
    return None


def _log(label: str, error: Error) -> None:
    if _logged.setdefault(label, error) is error:
        logger.error(
            "The tables of %(app)s are older than this code; run: python manage.py migrate %(app)s (%(error)s)",
            {"app": label, "error": first_line(error)},
        )
