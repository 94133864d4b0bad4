"""Writes rows with one statement where the ORM needs a SELECT and a savepoint; unique constraints decide conflicts."""

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
    """The model of issued tokens or families with its unique ``id_field``, and the model of their revocations.

    ``link_field`` is the one-to-one field of ``revoked_model`` to ``issued_model``.
    """

    issued_model: type[Model]
    id_field: str
    revoked_model: type[Model]
    link_field: str

    def can_insert_directly(self, alias: str) -> bool:
        """Returns whether ``insert`` and ``revoke`` do the same in this database as saving model instances."""
        connection = connections[alias]
        has_returning = connection.vendor in _VENDORS and connection.features.can_return_columns_from_insert
        return has_returning and not self._have_signal_receivers()

    def can_exchange_directly(self, alias: str) -> bool:
        """Returns whether ``exchange`` does the same in this database as saving model instances."""
        return compiled.supports_sql(connections[alias]) and not self._have_signal_receivers()

    def _have_signal_receivers(self) -> bool:
        """Returns whether the project receives signals of the two models. The statements of this module send none."""
        return any(
            signal.has_listeners(model)
            for signal in (signals.pre_save, signals.post_save, signals.pre_init, signals.post_init)
            for model in (self.issued_model, self.revoked_model)
        )


def insert(model: type[M], values: Mapping[str, object], alias: str) -> M | None:
    """Inserts a row and returns its instance, or ``None`` if it conflicts with an existing row."""
    connection = connections[alias]
    sql = _insert_if_absent_sql(connection, model, tuple(values))
    returned = _execute_returning(connection, sql, _db_values(connection, model, values))
    return (
        None
        if returned is None
        else _build_instance(model, {**values, str(model._meta.pk.attname): returned[0]}, alias)
    )


def revoke(tables: Tables, record_id: str, expires_at: datetime | None, alias: str) -> Model | None:
    """Revokes a recorded token or family and returns the revocation.

    Returns ``None``, and writes nothing, if it is already revoked, is not on record, or its record expires before
    ``expires_at``.
    """
    connection = connections[alias]
    now = timezone.now()
    params = _revoke_params(connection, tables, record_id, expires_at, now)
    returned = _execute_returning(connection, _revoke_returning_sql(connection, tables), params)
    if returned is None:
        return None
    pk, link = tables.revoked_model._meta.pk, _get_field(tables.revoked_model, tables.link_field)
    values = {pk.attname: returned[0], link.attname: returned[1], "blacklisted_at": now}
    return _build_instance(tables.revoked_model, values, alias)


def exchange(
    tables: Tables,
    record_id: str,
    expires_at: datetime | None,
    successor: Mapping[str, object],
    alias: str,
    *,
    family: tuple[Tables, str] | None = None,
) -> bool:
    """Revokes a recorded token and inserts the row of its successor, from these field values. Returns whether it did.

    Returns False, and writes nothing, if the token was revoked, is not on record or is on record with an earlier
    expiry, and if its ``family`` was revoked: the tables of families, and its id. Sends one statement on PostgreSQL,
    and elsewhere two, for which the caller opens a transaction. Raises ``IntegrityError`` if another transaction
    inserted the revocation or the successor at the same time; on MySQL also if the token was already revoked.
    """
    connection = connections[alias]
    families, family_params = (family[0], [family[1]]) if family else (None, [])
    params = [*_revoke_params(connection, tables, record_id, expires_at, timezone.now()), *family_params]
    names, values = tuple(successor), _db_values(connection, tables.issued_model, successor)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # pragma: no cover  # it is no SQL for SQLite; nox -s databases
            cursor.execute(_exchange_sql(connection, tables, names, families), [*params, *values])
            return bool(cursor.rowcount)
        cursor.execute(_revoke_sql(connection, tables, families), params)
        if not cursor.rowcount:
            return False
        cursor.execute(_insert_sql(connection, tables.issued_model, names), values)
        return True


SqlBuilder = Callable[..., str]


def _built_once_per_connection(build: SqlBuilder) -> SqlBuilder:
    """Decorate a function that returns SQL: cache its result on the connection, by its other arguments."""

    @wraps(build)
    def cached(connection: BaseDatabaseWrapper, *arguments: Hashable) -> str:
        return compiled.cached_on(connection, (build, *arguments), lambda: build(connection, *arguments))

    return cached


@_built_once_per_connection
def _insert_sql(connection: BaseDatabaseWrapper, model: type[Model], names: tuple[str, ...]) -> str:
    """Returns the SQL that inserts one row. Its parameters are the values of the fields ``names``."""
    placeholders = ", ".join(["%s"] * len(names))
    columns = _column_list(connection, model, names)
    return f"INSERT INTO {_quoted_table(connection, model)} ({columns}) VALUES ({placeholders})"


@_built_once_per_connection
def _insert_if_absent_sql(connection: BaseDatabaseWrapper, model: type[Model], names: tuple[str, ...]) -> str:
    """Returns the SQL for SQLite and PostgreSQL that inserts one row unless it conflicts with an existing row.

    Its parameters are the values of the fields ``names``. The statement returns the new primary key, or no row on a
    conflict.
    """
    pk = _quoted_column(connection, model._meta.pk)
    return f"{_insert_sql(connection, model, names)} ON CONFLICT DO NOTHING RETURNING {pk}"


@_built_once_per_connection
def _revoke_sql(connection: BaseDatabaseWrapper, tables: Tables, families: Tables | None = None) -> str:
    """Returns the SQL that revokes one id if its record expires no earlier than a given time.

    With ``families`` also only if a family is not revoked. Its parameters are those of ``_revoke_params``, then the id
    of the family.
    """
    revoked_at = _get_field(tables.revoked_model, "blacklisted_at")
    expires_at = _quoted_column(connection, _get_field(tables.issued_model, "expires_at"))
    # MySQL has no ON CONFLICT clause. There a second revocation is an IntegrityError.
    on_conflict = "" if connection.vendor == "mysql" else " ON CONFLICT DO NOTHING"
    unless_revoked = "" if families is None else f" AND NOT EXISTS ({_select_revocation_sql(connection, families)})"
    return (
        f"INSERT INTO {_quoted_table(connection, tables.revoked_model)}"
        f" ({_column_list(connection, tables.revoked_model, (tables.link_field, 'blacklisted_at'))})"
        f" SELECT {_quoted_column(connection, tables.issued_model._meta.pk)}, {_placeholder(connection, revoked_at)}"
        f" FROM {_quoted_table(connection, tables.issued_model)}"
        f" WHERE {_quoted_column(connection, _get_field(tables.issued_model, tables.id_field))} = %s"
        f" AND ({expires_at} IS NULL OR {expires_at} >= %s)"
        f"{unless_revoked}{on_conflict}"
    )


@_built_once_per_connection
def _revoke_returning_sql(connection: BaseDatabaseWrapper, tables: Tables) -> str:
    """Returns ``_revoke_sql``, which also returns the primary key and the link of the new revocation."""
    fields = tables.revoked_model._meta.pk, _get_field(tables.revoked_model, tables.link_field)
    columns = ", ".join(_quoted_column(connection, field) for field in fields)
    return f"{_revoke_sql(connection, tables)} RETURNING {columns}"


@_built_once_per_connection
def _exchange_sql(
    connection: BaseDatabaseWrapper, tables: Tables, names: tuple[str, ...], families: Tables | None
) -> str:  # pragma: no cover  # it is no SQL for SQLite; nox -s databases
    """Returns the PostgreSQL statement that revokes one id as ``_revoke_sql`` does and, if it did, inserts a row.

    Its parameters are those of ``_revoke_sql``, then the values of the fields ``names`` of the row.
    """
    link = _quoted_column(connection, _get_field(tables.revoked_model, tables.link_field))
    values = ", ".join(_placeholder(connection, _get_field(tables.issued_model, name)) for name in names)
    columns = _column_list(connection, tables.issued_model, names)
    return (
        f"WITH consumed AS ({_revoke_sql(connection, tables, families)} RETURNING {link})"
        f" INSERT INTO {_quoted_table(connection, tables.issued_model)} ({columns})"
        f" SELECT {values} FROM consumed"
    )


def _select_revocation_sql(connection: BaseDatabaseWrapper, tables: Tables) -> str:
    """Returns the SQL that finds the revocation of one id, which is its only parameter."""
    issued, revoked = _quoted_table(connection, tables.issued_model), _quoted_table(connection, tables.revoked_model)
    pk = _quoted_column(connection, tables.issued_model._meta.pk)
    link = _quoted_column(connection, _get_field(tables.revoked_model, tables.link_field))
    record_id = _quoted_column(connection, _get_field(tables.issued_model, tables.id_field))
    return (
        f"SELECT 1 FROM {revoked} INNER JOIN {issued} ON {revoked}.{link} = {issued}.{pk}"
        f" WHERE {issued}.{record_id} = %s"
    )


def _revoke_params(
    connection: BaseDatabaseWrapper, tables: Tables, record_id: str, expires_at: datetime | None, now: datetime
) -> list[Any]:
    """Returns the parameters of ``_revoke_sql``.

    ``now`` becomes the time of the revocation. A record that expires before ``expires_at`` is not revoked; if that is
    ``None``, only a record without an expiry is.
    """
    revoked_at = _get_field(tables.revoked_model, "blacklisted_at")
    expiry = _get_field(tables.issued_model, "expires_at")
    return [
        revoked_at.get_db_prep_save(now, connection),
        record_id,
        expiry.get_db_prep_save(expires_at, connection),
    ]


def _execute_returning(connection: BaseDatabaseWrapper, sql: str, params: list[Any]) -> tuple[Any, ...] | None:
    """Executes a statement with a RETURNING clause. Returns the first returned row, or ``None`` if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def _build_instance(model: type[M], values: Mapping[str, object], alias: str) -> M:
    """Returns a model instance for a row that is already in the database."""
    instance = model(**values)
    instance._state.adding, instance._state.db = False, alias
    return instance


def _db_values(connection: BaseDatabaseWrapper, model: type[Model], values: Mapping[str, object]) -> list[Any]:
    """Returns the values as the database driver takes them."""
    return [_get_field(model, name).get_db_prep_save(value, connection) for name, value in values.items()]


def _column_list(connection: BaseDatabaseWrapper, model: type[Model], names: tuple[str, ...]) -> str:
    """Returns the quoted columns of the fields ``names``, separated by commas."""
    return ", ".join(_quoted_column(connection, _get_field(model, name)) for name in names)


def _placeholder(connection: BaseDatabaseWrapper, field: AnyField) -> str:
    """Returns the placeholder of a value in a SELECT list. PostgreSQL does not infer its type from the column there."""
    return f"CAST(%s AS {field.cast_db_type(connection)})" if connection.vendor == "postgresql" else "%s"


def _get_field(model: type[Model], name: str) -> AnyField:
    return model._meta.get_field(name)  # type: ignore[return-value]  # a column of ours


def _quoted_table(connection: BaseDatabaseWrapper, model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _quoted_column(connection: BaseDatabaseWrapper, field: AnyField) -> str:
    return connection.ops.quote_name(str(field.column))
