"""What the two optional apps' migrations have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AddField, AddIndex, AlterField, RemoveField
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import BigAutoField, Model

from ..compiled import AnyField

# How many rows are read and written at a time.
BATCH = 1000
LARGEST_AUTO_FIELD = 2**31 - 1

Derive = Callable[[Any, BaseDatabaseWrapper], object]


class AddIndexOnline(AddIndex):
    """Adds an index without blocking writers, on PostgreSQL; for a migration with ``atomic = False``.

    A concurrent build waits for every open transaction of the server. An empty table gets a plain
    index, which waits for none but those that write to it: a new tenant or a test database is made
    while others work. An index of that name on the table is replaced: an interrupted concurrent
    build leaves an invalid one.
    """

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        connection = schema_editor.connection
        if connection.vendor != "postgresql" or connection.in_atomic_block:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model: type[Model] = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(connection.alias, model):
            return
        if schema_editor.collect_sql:
            # sqlmigrate prints statements for any table, and asks none.
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}")
            schema_editor.add_index(model, self.index, concurrently=True)
            return
        concurrently = _has_row(connection, model)
        for index in _indexes(connection, model, self.index.name):
            schema_editor.execute(f"DROP INDEX {'CONCURRENTLY ' if concurrently else ''}{index}")
        schema_editor.add_index(model, self.index, concurrently=concurrently)


class KeepsRows(Operation):
    """Leaves a column as wide as it is while rows do not fit the narrower one of an older migration.

    Such rows exist only after ``migrate`` went back. They would stop it with an error, on SQLite
    also where an operation on another column copies the table.
    """

    model_name: str

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        states = self._widened(app_label, schema_editor, from_state, to_state)
        super().database_forwards(app_label, schema_editor, *states)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        states = self._widened(app_label, schema_editor, from_state, to_state)
        super().database_backwards(app_label, schema_editor, *states)

    def _widened(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, *states: ProjectState
    ) -> Iterator[ProjectState]:
        for state in states:
            model: type[Model] = state.apps.get_model(app_label, self.model_name)
            asks = not schema_editor.collect_sql and self.allow_migrate_model(schema_editor.connection.alias, model)
            wide = _wide_fields(schema_editor.connection, model) if asks else {}
            widened = state.clone() if wide else state
            for name, field in wide.items():
                widened.alter_field(app_label, model._meta.model_name, name, field, preserve_default=True)
            yield widened


class AddFieldKeepingRows(KeepsRows, AddField):
    """``AddField`` that ``KeepsRows``."""


class AlterFieldKeepingRows(KeepsRows, AlterField):
    """``AlterField`` that ``KeepsRows``."""


class RemoveDerivedField(KeepsRows, RemoveField):
    """``RemoveField`` whose column comes back with ``derive(value of source, connection)`` in each row."""

    def __init__(self, model_name: str, name: str, source: str, derive: Derive) -> None:
        self.source = source
        self.derive = derive
        super().__init__(model_name, name)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        from_state, to_state = self._widened(app_label, schema_editor, from_state, to_state)
        strict: type[Model] = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, strict):
            return
        field: Any = strict._meta.get_field(self.name)
        nullable = type(field)(null=True)
        middle = to_state.clone()
        middle.alter_field(app_label, self.model_name_lower, self.name, nullable, preserve_default=True)
        loose: type[Model] = middle.apps.get_model(app_label, self.model_name)
        schema_editor.add_field(from_state.apps.get_model(app_label, self.model_name), loose._meta.get_field(self.name))
        fill_column(schema_editor, loose, self.name, self.source, self.derive)
        schema_editor.alter_field(loose, loose._meta.get_field(self.name), field)


def fill_column(
    schema_editor: BaseDatabaseSchemaEditor, model: type[Model], name: str, source: str, derive: Derive
) -> None:
    """Write ``derive(value of source, connection)`` where the column ``name`` is NULL, ``BATCH`` rows at a time."""
    if schema_editor.collect_sql:
        return
    connection = schema_editor.connection
    quote, pk, field = connection.ops.quote_name, model._meta.pk, model._meta.get_field(name)
    update = f"UPDATE {quote(model._meta.db_table)} SET {quote(field.column)} = %s WHERE {quote(pk.column)} = %s"  # noqa: S608  # the model's own names
    rows = model._base_manager.using(connection.alias).filter(**{f"{name}__isnull": True}).order_by("pk")
    batch = list(rows.values_list("pk", source)[:BATCH])
    while batch:
        with connection.cursor() as cursor:
            cursor.executemany(
                update, [(field.get_db_prep_save(derive(value, connection), connection), key) for key, value in batch]
            )
        batch = list(rows.filter(pk__gt=batch[-1][0]).values_list("pk", source)[:BATCH])


def _wide_fields(connection: BaseDatabaseWrapper, model: type[Model]) -> dict[str, AnyField]:
    """The fields that have to be wider than ``model`` says, by name."""
    wide: dict[str, AnyField] = {}
    for field in model._meta.local_concrete_fields:
        column = connection.ops.quote_name(field.column)
        if field.primary_key and not isinstance(field, BigAutoField):
            condition, wider = f"{column} > {LARGEST_AUTO_FIELD}", BigAutoField(primary_key=True, serialize=False)
        elif field.name in ("user", "created_at") and not field.null:
            condition, wider = f"{column} IS NULL", field.clone()
            wider.null = True
        else:
            continue
        if _has_row(connection, model, condition):
            wide[field.name] = wider
    return wide


def _has_row(connection: BaseDatabaseWrapper, model: type[Model], condition: str | None = None) -> bool:
    # Through the ORM: each database has its own way to ask for one row.
    rows = model._base_manager.using(connection.alias).order_by()
    return (rows if condition is None else rows.extra(where=[condition])).exists()  # noqa: S610  # our own text


def _indexes(connection: BaseDatabaseWrapper, model: type[Model], name: str) -> list[str]:
    """The index of that name on this table, quoted and with its schema: a search path may lead to another's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(nspname) || '.' || quote_ident(relname) FROM pg_index"
            " JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE indrelid = %s::regclass AND relname = %s",
            [connection.ops.quote_name(model._meta.db_table), name],
        )
        return [index for (index,) in cursor.fetchall()]
