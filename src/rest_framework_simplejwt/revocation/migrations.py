"""Operations of the two optional apps' migrations."""

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

# The number of rows that are read and written at a time.
BATCH_SIZE = 1000
MAX_AUTO_FIELD = 2**31 - 1

Derive = Callable[[Any, BaseDatabaseWrapper], object]


class AddIndexOnline(AddIndex):
    """Adds an index on PostgreSQL without blocking writers. The migration must have ``atomic = False``.

    An empty table gets a plain index: a concurrent build would wait for every open transaction of the server, which
    delays new tenants and test databases. An existing index of that name on the table is replaced, because an
    interrupted concurrent build leaves an invalid one. Other databases get a plain index.
    """

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Creates the index. Called by ``migrate``, and by ``sqlmigrate``, for which the SQL is only printed."""
        connection = schema_editor.connection
        if connection.vendor != "postgresql" or connection.in_atomic_block:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model: type[Model] = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(connection.alias, model):
            return
        if schema_editor.collect_sql:
            # sqlmigrate only prints SQL. It must be right for any table, and nothing may be queried.
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}")
            schema_editor.add_index(model, self.index, concurrently=True)
            return
        concurrently = _has_row(connection, model)
        for index in _find_indexes(connection, model, self.index.name):
            schema_editor.execute(f"DROP INDEX {'CONCURRENTLY ' if concurrently else ''}{index}")
        schema_editor.add_index(model, self.index, concurrently=concurrently)


class WithoutNarrowing(Operation):
    """Mixin: leaves a column as wide as it is, or nullable, while rows do not fit the stricter column of a migration.

    Only after a backwards ``migrate`` can there be such rows. The operation would fail on them; on SQLite also an
    operation on another column, because it copies the whole table.
    """

    model_name: str

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Applies the operation, between states that ``_widen_states`` has adapted. Called by ``migrate``."""
        states = self._widen_states(app_label, schema_editor, from_state, to_state)
        super().database_forwards(app_label, schema_editor, *states)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Reverses the operation, but leaves a column wider, or nullable, while existing rows need that.

        Called by ``migrate``, and by ``sqlmigrate``, for which the rows are not looked at.
        """
        states = self._widen_states(app_label, schema_editor, from_state, to_state)
        super().database_backwards(app_label, schema_editor, *states)

    def _widen_states(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, *states: ProjectState
    ) -> Iterator[ProjectState]:
        """Yields each state, or a copy of it in which the fields are wide enough for the existing rows."""
        for state in states:
            model: type[Model] = state.apps.get_model(app_label, self.model_name)
            alias = schema_editor.connection.alias
            can_query = not schema_editor.collect_sql and self.allow_migrate_model(alias, model)
            wide_fields = _find_wide_fields(schema_editor.connection, model) if can_query else {}
            widened = state.clone() if wide_fields else state
            for name, field in wide_fields.items():
                widened.alter_field(app_label, model._meta.model_name, name, field, preserve_default=True)
            yield widened


class AddFieldWithoutNarrowing(WithoutNarrowing, AddField):
    """``AddField`` that does not narrow other columns whose rows would not fit."""


class AlterFieldWithoutNarrowing(WithoutNarrowing, AlterField):
    """``AlterField`` that does not narrow columns whose rows would not fit."""


class RemoveDerivedField(WithoutNarrowing, RemoveField):
    """``RemoveField`` that restores the column backwards: to ``derive(value of source, connection)`` in each row."""

    def __init__(self, model_name: str, name: str, source: str, derive: Derive) -> None:
        """Take the model and the field to remove, and the field ``source`` of the same model that ``derive`` reads."""
        self.source = source
        self.derive = derive
        super().__init__(model_name, name)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Adds the column again and fills it. Called by ``migrate``; ``to_state`` is the state with the column."""
        from_state, to_state = self._widen_states(app_label, schema_editor, from_state, to_state)
        final_model: type[Model] = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, final_model):
            return
        # Added as a nullable column, then filled, then altered to what it was.
        final_field: Any = final_model._meta.get_field(self.name)
        nullable_state = to_state.clone()
        nullable_state.alter_field(
            app_label, self.model_name_lower, self.name, type(final_field)(null=True), preserve_default=True
        )
        nullable_model: type[Model] = nullable_state.apps.get_model(app_label, self.model_name)
        nullable_field: Any = nullable_model._meta.get_field(self.name)
        schema_editor.add_field(from_state.apps.get_model(app_label, self.model_name), nullable_field)
        fill_column(schema_editor, nullable_model, self.name, self.source, self.derive)
        schema_editor.alter_field(nullable_model, nullable_field, final_field)


def fill_column(
    schema_editor: BaseDatabaseSchemaEditor, model: type[Model], name: str, source: str, derive: Derive
) -> None:
    """Sets the column ``name`` to ``derive(value of source, connection)`` where it is NULL, in batches of rows."""
    if schema_editor.collect_sql:
        return
    connection = schema_editor.connection
    quote, pk, field = connection.ops.quote_name, model._meta.pk, model._meta.get_field(name)
    update = f"UPDATE {quote(model._meta.db_table)} SET {quote(field.column)} = %s WHERE {quote(pk.column)} = %s"  # noqa: S608  # the model's own names
    rows = model._base_manager.using(connection.alias).filter(**{f"{name}__isnull": True}).order_by("pk")
    batch = list(rows.values_list("pk", source)[:BATCH_SIZE])
    while batch:
        with connection.cursor() as cursor:
            cursor.executemany(
                update, [(field.get_db_prep_save(derive(value, connection), connection), key) for key, value in batch]
            )
        batch = list(rows.filter(pk__gt=batch[-1][0]).values_list("pk", source)[:BATCH_SIZE])


def _find_wide_fields(connection: BaseDatabaseWrapper, model: type[Model]) -> dict[str, AnyField]:
    """Returns by name the fields that must be wider, or nullable, than ``model`` says, because of existing rows."""
    wide_fields: dict[str, AnyField] = {}
    for field in model._meta.local_concrete_fields:
        column = connection.ops.quote_name(field.column)
        if field.primary_key and not isinstance(field, BigAutoField):
            condition, wider = f"{column} > {MAX_AUTO_FIELD}", BigAutoField(primary_key=True, serialize=False)
        elif field.name in ("user", "created_at") and not field.null:
            condition, wider = f"{column} IS NULL", field.clone()
            wider.null = True
        else:
            continue
        if _has_row(connection, model, condition):
            wide_fields[field.name] = wider
    return wide_fields


def _has_row(connection: BaseDatabaseWrapper, model: type[Model], condition: str | None = None) -> bool:
    """Returns whether the table has a row; with ``condition``, an SQL text, whether it has one that meets it."""
    # Through the ORM: the SQL for "at least one row" differs between databases.
    rows = model._base_manager.using(connection.alias).order_by()
    return (rows if condition is None else rows.extra(where=[condition])).exists()  # noqa: S610  # our own text


def _find_indexes(connection: BaseDatabaseWrapper, model: type[Model], name: str) -> list[str]:
    """Returns the index of that name on this table, if any, quoted and with its schema.

    Without the schema, PostgreSQL's search path could lead to an index of another schema.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(nspname) || '.' || quote_ident(relname) FROM pg_index"
            " JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE indrelid = %s::regclass AND relname = %s",
            [connection.ops.quote_name(model._meta.db_table), name],
        )
        return [index for (index,) in cursor.fetchall()]
