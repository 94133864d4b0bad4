"""Rows written by one statement, where the ORM looks first and opens a savepoint; the constraints still decide."""

# ruff: noqa: S608  # names come from the models and are quoted, values are parameters

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model, signals
from django.utils import timezone

_VENDORS = {"sqlite", "postgresql"}


@dataclass(frozen=True)
class Tables:
    """A table of what was issued, by the unique ``key``, and of what of it was revoked, by ``link``."""

    issued: type[Model]
    key: str
    revoked: type[Model]
    link: str

    def are_written_directly(self, alias: str) -> bool:
        """Whether that is the same as saving instances: nobody listens, and the database can say what it wrote."""
        connection = connections[alias]
        listened = any(
            signal.has_listeners(model)
            for signal in (signals.pre_save, signals.post_save, signals.pre_init, signals.post_init)
            for model in (self.issued, self.revoked)
        )
        return connection.vendor in _VENDORS and connection.features.can_return_columns_from_insert and not listened


def insert(model: type[Model], values: Mapping[str, Any], alias: str) -> Any | None:
    """The new row; ``None`` if there is one already that it would conflict with."""
    connection = connections[alias]
    columns, params = _columns(model, values, connection)
    pk = _quoted(connection, model._meta.pk)
    places = ", ".join(["%s"] * len(params))
    found = _written(
        connection,
        f"INSERT INTO {_table(connection, model)} ({columns}) VALUES ({places}) ON CONFLICT DO NOTHING RETURNING {pk}",
        params,
    )
    return None if found is None else _row(model, {**values, str(model._meta.pk.attname): found[0]}, alias)


def revoke(tables: Tables, key: str, expires_at: datetime | None, alias: str) -> Any | None:
    """The revocation that this call has made.

    ``None`` if there was one, and where there is more to do: ``key`` is unknown, or on record for less long.
    """
    connection = connections[alias]
    now = timezone.now()
    sql, params = _revocation(tables, key, expires_at, now, connection)
    pk, link = tables.revoked._meta.pk, _field(tables.revoked, tables.link)
    found = _written(connection, f"{sql} RETURNING {_quoted(connection, pk)}, {_quoted(connection, link)}", params)
    if found is None:
        return None
    return _row(tables.revoked, {pk.attname: found[0], link.attname: found[1], "blacklisted_at": now}, alias)


def exchange(
    tables: Tables,
    key: str,
    expires_at: datetime | None,
    successor: Mapping[str, Any],
    alias: str,
    *,
    family: tuple[Tables, str] | None,
) -> bool:
    """Revoke ``key`` and record its ``successor``. False if nothing was done, as with ``revoke``, or if the
    ``family`` is revoked. One statement on PostgreSQL; elsewhere two, of which the first one writes: for a transaction.
    """
    connection = connections[alias]
    sql, params = _revocation(tables, key, expires_at, timezone.now(), connection, unless=family)
    columns, values = _columns(tables.issued, successor, connection)
    table = _table(connection, tables.issued)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # pragma: no cover  # it is no SQL for SQLite; nox -s databases
            casts = ", ".join(_cast(_field(tables.issued, name), connection) for name in successor)
            insertion = f"INSERT INTO {table} ({columns}) SELECT {casts} FROM spent"
            link = _quoted(connection, _field(tables.revoked, tables.link))
            cursor.execute(f"WITH spent AS ({sql} RETURNING {link}) {insertion}", [*params, *values])
            return bool(cursor.rowcount)
        cursor.execute(sql, params)
        if not cursor.rowcount:
            return False
        places = ", ".join(["%s"] * len(values))
        cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", values)
        return True


def _revocation(
    tables: Tables,
    key: str,
    expires_at: datetime | None,
    now: datetime,
    connection: BaseDatabaseWrapper,
    *,
    unless: tuple[Tables, str] | None = None,
) -> tuple[str, list[Any]]:
    moment, end = _field(tables.revoked, "blacklisted_at"), _field(tables.issued, "expires_at")
    columns = ", ".join(_quoted(connection, field) for field in (_field(tables.revoked, tables.link), moment))
    ends = _quoted(connection, end)
    sql = (
        f"INSERT INTO {_table(connection, tables.revoked)} ({columns})"
        f" SELECT {_quoted(connection, tables.issued._meta.pk)}, {_cast(moment, connection)}"
        f" FROM {_table(connection, tables.issued)}"
        f" WHERE {_quoted(connection, _field(tables.issued, tables.key))} = %s AND ({ends} IS NULL OR {ends} >= %s)"
    )
    params = [moment.get_db_prep_save(now, connection), key, end.get_db_prep_save(expires_at, connection)]
    if unless is not None:
        others, other_key = unless
        sql += f" AND NOT EXISTS ({_is_revoked(others, connection)})"
        params.append(other_key)
    return f"{sql} ON CONFLICT DO NOTHING", params


def _is_revoked(tables: Tables, connection: BaseDatabaseWrapper) -> str:
    issued, revoked = _table(connection, tables.issued), _table(connection, tables.revoked)
    pk, link = (_quoted(connection, field) for field in (tables.issued._meta.pk, _field(tables.revoked, tables.link)))
    key = _quoted(connection, _field(tables.issued, tables.key))
    return f"SELECT 1 FROM {revoked} INNER JOIN {issued} ON {revoked}.{link} = {issued}.{pk} WHERE {issued}.{key} = %s"


def _written(connection: BaseDatabaseWrapper, sql: str, params: list[Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def _row(model: type[Model], values: Mapping[str, Any], alias: str) -> Any:
    row = model(**values)
    row._state.adding, row._state.db = False, alias
    return row


def _columns(model: type[Model], values: Mapping[str, Any], connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
    fields = {name: _field(model, name) for name in values}
    columns = ", ".join(_quoted(connection, field) for field in fields.values())
    return columns, [fields[name].get_db_prep_save(value, connection) for name, value in values.items()]


def _cast(field: Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    # The type, which a SELECT of PostgreSQL's does not take from the table.
    return f"CAST(%s AS {field.cast_db_type(connection)})" if connection.vendor == "postgresql" else "%s"


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    return model._meta.get_field(name)  # type: ignore[return-value]  # a column of ours


def _table(connection: BaseDatabaseWrapper, model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _quoted(connection: BaseDatabaseWrapper, field: Any) -> str:
    return connection.ops.quote_name(field.column)
