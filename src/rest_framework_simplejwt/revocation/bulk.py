"""Inserts and deletes many rows with single SQL statements, or through the ORM where that SQL may not be correct."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, connections, transaction
from django.db.models import Exists, Model, OuterRef, QuerySet, signals
from django.db.models.constants import OnConflict

from .. import compiled

# The number of rows that are fetched at a time where the ORM inserts or deletes them.
FETCH_SIZE = 500


def insert_from_query(model: type[Model], names: Sequence[str], rows: QuerySet[Model, tuple[object, ...]]) -> int:
    """Inserts a row of ``model`` for each row of the query ``rows``. Returns the number of inserted rows.

    ``rows`` selects a tuple of values for the fields ``names``, and is not fetched where one statement can do it. Rows
    that violate a unique constraint are skipped, also those that another transaction inserts at the same time. The
    caller opens the transaction in the database ``rows.db``.
    """
    connection = connections[rows.db]
    if not compiled.supports_sql(connection):
        return _insert_with_orm(model, names, rows)
    quote = connection.ops.quote_name
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns = ", ".join(quote(field.column) for field in fields)
    select, params = rows.query.get_compiler(rows.db).as_sql()
    insert = connection.ops.insert_statement(on_conflict=OnConflict.IGNORE)
    suffix = connection.ops.on_conflict_suffix_sql(fields, OnConflict.IGNORE, [], [])
    with connection.cursor() as cursor:
        cursor.execute(f"{insert} {quote(model._meta.db_table)} ({columns}) {select} {suffix}", params)
        return int(cursor.rowcount)


def _insert_with_orm(model: type[Model], names: Sequence[str], rows: QuerySet[Model, tuple[object, ...]]) -> int:
    """Does what ``insert_from_query`` does, in batches of ``FETCH_SIZE`` in the order of the primary keys.

    The caller opens the transaction.
    """
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    pks = rows.order_by("pk").values_list("pk", flat=True)
    inserted = 0
    batch = list(pks[:FETCH_SIZE])
    while batch:
        values = [dict(zip((field.attname for field in fields), row, strict=True)) for row in rows.filter(pk__in=batch)]
        unique_name = next(field.attname for field in fields if field.unique)
        inserted += _insert_batch(model._base_manager.using(rows.db), values, unique_name)
        batch = list(pks.filter(pk__gt=batch[-1])[:FETCH_SIZE])
    return inserted


def _insert_batch(table: QuerySet[Model], rows: list[dict[str, object]], unique_name: str) -> int:
    """Inserts the rows in one statement, or one by one if another transaction inserted one of them first.

    Returns the number of inserted rows, which ``bulk_create(ignore_conflicts=True)`` does not.
    """
    if connections[table.db].features.uses_savepoints:
        with suppress(IntegrityError), transaction.atomic(using=table.db):
            return len(table.bulk_create(table.model(**row) for row in rows))
    return sum(table.get_or_create(row, **{unique_name: row[unique_name]})[1] for row in rows)


def delete_with_dependents(rows: QuerySet[Model], dependents: QuerySet[Model], link: str) -> int:
    """Deletes the ``rows``, and those of the ``dependents`` whose foreign key ``link`` refers to one of them.

    Returns the number of deleted ``rows``. Fetches no rows, unless other models of the project refer to them, a signal
    receiver expects their deletion, or the database is not one that the package sends SQL to. The caller
    opens the transaction in the database ``rows.db``.
    """
    if not compiled.supports_sql(connections[rows.db]) or not _can_skip_collector(rows.model, dependents.model):
        return _delete_with_orm(rows)
    if not connections[rows.db].features.can_defer_constraint_checks:
        # The dependents go first. The lock stops a row from changing in between so that it is no longer deleted.
        _lock_rows(rows)
        dependents.filter(**{f"{link}__in": rows})._raw_delete(rows.db)
        return rows._raw_delete(rows.db)
    # The rows go first. Then the dependents of exactly the deleted rows are deleted.
    deleted = rows._raw_delete(rows.db)
    existing = rows.model._base_manager.using(rows.db).filter(pk=OuterRef(f"{link}_id"))
    dependents.filter(~Exists(existing))._raw_delete(rows.db)
    return deleted


def _delete_with_orm(rows: QuerySet[Model]) -> int:
    """Deletes the rows as ``QuerySet.delete()`` does, with cascades and signals, ``FETCH_SIZE`` at a time."""
    pks = _lock_rows(rows)
    deleted = 0
    for start in range(0, len(pks), FETCH_SIZE):
        _, counts = rows.filter(pk__in=pks[start : start + FETCH_SIZE]).delete()
        deleted += counts.get(rows.model._meta.label, 0)
    return deleted


def _lock_rows(rows: QuerySet[Model]) -> list[object]:
    """Lock the rows until the transaction ends, and returns their primary keys."""
    return list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))


def _can_skip_collector(model: type[Model], dependent: type[Model]) -> bool:
    """Returns whether rows can be deleted without Django's ``Collector``, which applies cascades and sends signals.

    They can if no model but ``dependent`` refers to ``model``, no model refers to ``dependent``, and no signal
    receiver expects the deletion of either.
    """
    has_receivers = any(
        signal.has_listeners(sender)
        for signal in (signals.pre_delete, signals.post_delete)
        for sender in (model, dependent)
    )
    return _referring_models(model) <= {dependent} and not _referring_models(dependent) and not has_receivers


def _referring_models(model: type[Model]) -> set[object]:
    """Returns the models with a foreign key to ``model``, also those with ``related_name="+"``."""
    fields = model._meta.get_fields(include_hidden=True)
    return {field.related_model for field in fields if field.auto_created and not field.concrete}
