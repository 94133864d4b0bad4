"""Rows written by one statement, where the ORM looks first and opens a savepoint; the constraints still decide."""

# ruff: noqa: S608  # names come from the models and are quoted, values are parameters

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, signals
from django.utils import timezone

from .. import compiled
from ..compiled import AnyField

M = TypeVar("M", bound=Model)

_VENDORS = {"sqlite", "postgresql"}


@dataclass(frozen=True)
class Tables:
    """A table of what was issued, by the unique ``key``, and of what of it was revoked, by ``link``."""

    issued: type[Model]
    key: str
    revoked: type[Model]
    link: str

    def are_written_directly(self, alias: str) -> bool:
        """Whether ``insert`` and ``revoke`` do the same there as saving instances."""
        connection = connections[alias]
        can_tell = connection.vendor in _VENDORS and connection.features.can_return_columns_from_insert
        return can_tell and not self._are_listened_to()

    def are_exchanged_directly(self, alias: str) -> bool:
        """Whether ``exchange`` does the same there as saving instances."""
        return compiled.supports_sql(connections[alias]) and not self._are_listened_to()

    def _are_listened_to(self) -> bool:
        return any(
            signal.has_listeners(model)
            for signal in (signals.pre_save, signals.post_save, signals.pre_init, signals.post_init)
            for model in (self.issued, self.revoked)
        )


def insert(model: type[M], values: Mapping[str, object], alias: str) -> M | None:
    """The new row; ``None`` if there is one already that it would conflict with."""
    connection = connections[alias]
    sql = _insertion_unless_there(connection, model, tuple(values))
    found = _written(connection, sql, _prepared(connection, model, values))
    return None if found is None else _row(model, {**values, str(model._meta.pk.attname): found[0]}, alias)


def revoke(tables: Tables, key: str, expires_at: datetime | None, alias: str) -> Model | None:
    """The revocation that this call has made.

    ``None`` if there was one, and where there is more to do: ``key`` is unknown, or on record for less long.
    """
    connection = connections[alias]
    now = timezone.now()
    params = _revocation_params(connection, tables, key, expires_at, now)
    found = _written(connection, _revocation_returned(connection, tables), params)
    if found is None:
        return None
    pk, link = tables.revoked._meta.pk, _field(tables.revoked, tables.link)
    return _row(tables.revoked, {pk.attname: found[0], link.attname: found[1], "blacklisted_at": now}, alias)


def exchange(
    tables: Tables, key: str, expires_at: datetime | None, successor: Mapping[str, object], alias: str
) -> bool:
    """Revoke ``key`` and insert the row of its ``successor``. False where ``revoke`` would return ``None``.

    Writes both or nothing: one statement on PostgreSQL; elsewhere two, which need a transaction. Raises
    ``IntegrityError`` if another transaction was faster, on MySQL also if ``key`` was revoked before.
    """
    connection = connections[alias]
    params = _revocation_params(connection, tables, key, expires_at, timezone.now())
    names, values = tuple(successor), _prepared(connection, tables.issued, successor)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # pragma: no cover  # it is no SQL for SQLite; nox -s databases
            cursor.execute(_exchange(connection, tables, names), [*params, *values])
            return bool(cursor.rowcount)
        cursor.execute(_revocation(connection, tables), params)
        if not cursor.rowcount:
            return False
        cursor.execute(_insertion(connection, tables.issued, names), values)
        return True


Sql = Callable[..., str]


def _once(build: Sql) -> Sql:
    """The SQL that ``build`` answers with, built once for a connection and the same arguments."""

    @wraps(build)
    def built(connection: BaseDatabaseWrapper, *arguments: Hashable) -> str:
        return compiled.cached_on(connection, (build, *arguments), lambda: build(connection, *arguments))

    return built


@_once
def _insertion(connection: BaseDatabaseWrapper, model: type[Model], names: tuple[str, ...]) -> str:
    places = ", ".join(["%s"] * len(names))
    return f"INSERT INTO {_table(connection, model)} ({_columns(connection, model, names)}) VALUES ({places})"


@_once
def _insertion_unless_there(connection: BaseDatabaseWrapper, model: type[Model], names: tuple[str, ...]) -> str:
    pk = _quoted(connection, model._meta.pk)
    return f"{_insertion(connection, model, names)} ON CONFLICT DO NOTHING RETURNING {pk}"


@_once
def _revocation(connection: BaseDatabaseWrapper, tables: Tables) -> str:
    """Of one key, which must be on record until the given moment."""
    moment, end = _field(tables.revoked, "blacklisted_at"), _quoted(connection, _field(tables.issued, "expires_at"))
    # MySQL has no such clause: there a second revocation is an error.
    unless_there = "" if connection.vendor == "mysql" else " ON CONFLICT DO NOTHING"
    return (
        f"INSERT INTO {_table(connection, tables.revoked)}"
        f" ({_columns(connection, tables.revoked, (tables.link, 'blacklisted_at'))})"
        f" SELECT {_quoted(connection, tables.issued._meta.pk)}, {_cast(connection, moment)}"
        f" FROM {_table(connection, tables.issued)}"
        f" WHERE {_quoted(connection, _field(tables.issued, tables.key))} = %s AND ({end} IS NULL OR {end} >= %s)"
        f"{unless_there}"
    )


@_once
def _revocation_returned(connection: BaseDatabaseWrapper, tables: Tables) -> str:
    columns = ", ".join(
        _quoted(connection, field) for field in (tables.revoked._meta.pk, _field(tables.revoked, tables.link))
    )
    return f"{_revocation(connection, tables)} RETURNING {columns}"


@_once
def _exchange(
    connection: BaseDatabaseWrapper, tables: Tables, names: tuple[str, ...]
) -> str:  # pragma: no cover  # it is no SQL for SQLite; nox -s databases
    link = _quoted(connection, _field(tables.revoked, tables.link))
    casts = ", ".join(_cast(connection, _field(tables.issued, name)) for name in names)
    return (
        f"WITH consumed AS ({_revocation(connection, tables)} RETURNING {link})"
        f" INSERT INTO {_table(connection, tables.issued)} ({_columns(connection, tables.issued, names)})"
        f" SELECT {casts} FROM consumed"
    )


def _revocation_params(
    connection: BaseDatabaseWrapper, tables: Tables, key: str, expires_at: datetime | None, now: datetime
) -> list[Any]:
    moment, end = _field(tables.revoked, "blacklisted_at"), _field(tables.issued, "expires_at")
    return [moment.get_db_prep_save(now, connection), key, end.get_db_prep_save(expires_at, connection)]


def _written(connection: BaseDatabaseWrapper, sql: str, params: list[Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def _row(model: type[M], values: Mapping[str, object], alias: str) -> M:
    row = model(**values)
    row._state.adding, row._state.db = False, alias
    return row


def _prepared(connection: BaseDatabaseWrapper, model: type[Model], values: Mapping[str, object]) -> list[Any]:
    return [_field(model, name).get_db_prep_save(value, connection) for name, value in values.items()]


def _columns(connection: BaseDatabaseWrapper, model: type[Model], names: tuple[str, ...]) -> str:
    return ", ".join(_quoted(connection, _field(model, name)) for name in names)


def _cast(connection: BaseDatabaseWrapper, field: AnyField) -> str:
    # The type, which a SELECT of PostgreSQL's does not take from the table.
    return f"CAST(%s AS {field.cast_db_type(connection)})" if connection.vendor == "postgresql" else "%s"


def _field(model: type[Model], name: str) -> AnyField:
    return model._meta.get_field(name)  # type: ignore[return-value]  # a column of ours


def _table(connection: BaseDatabaseWrapper, model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _quoted(connection: BaseDatabaseWrapper, field: AnyField) -> str:
    return connection.ops.quote_name(str(field.column))
