"""Many rows in one statement, where the ORM would fetch them first; through the ORM where the SQL is not certain."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, connections, transaction
from django.db.models import Exists, Model, OuterRef, QuerySet, signals
from django.db.models.constants import OnConflict

from .. import compiled

# How many rows are inserted or deleted at a time where they have to be fetched.
COLLECTED = 500


def insert_from(model: type[Model], names: Sequence[str], rows: QuerySet[Model, tuple[object, ...]]) -> int:
    """In a transaction: insert the values of ``rows``, by ``names``. Returns how many rows are new.

    Rows that exist already, or are inserted meanwhile by others, stay as they are: the unique constraint decides.
    """
    connection = connections[rows.db]
    if not compiled.supports_sql(connection):
        return _insert_fetched(model, names, rows)
    quote = connection.ops.quote_name
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns = ", ".join(quote(field.column) for field in fields)
    select, params = rows.query.get_compiler(rows.db).as_sql()
    insert = connection.ops.insert_statement(on_conflict=OnConflict.IGNORE)
    suffix = connection.ops.on_conflict_suffix_sql(fields, OnConflict.IGNORE, [], [])
    with connection.cursor() as cursor:
        cursor.execute(f"{insert} {quote(model._meta.db_table)} ({columns}) {select} {suffix}", params)
        return int(cursor.rowcount)


def _insert_fetched(model: type[Model], names: Sequence[str], rows: QuerySet[Model, tuple[object, ...]]) -> int:
    """Through the ORM, a few at a time, in the order of their keys."""
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    pks = rows.order_by("pk").values_list("pk", flat=True)
    inserted = 0
    batch = list(pks[:COLLECTED])
    while batch:
        found = [dict(zip((field.attname for field in fields), row, strict=True)) for row in rows.filter(pk__in=batch)]
        unique = next(field.attname for field in fields if field.unique)
        inserted += _insert_batch(model._base_manager.using(rows.db), found, unique)
        batch = list(pks.filter(pk__gt=batch[-1])[:COLLECTED])
    return inserted


def _insert_batch(table: QuerySet[Model], rows: list[dict[str, object]], unique: str) -> int:
    """All at once, or one by one if another transaction was faster with one of them.

    ``bulk_create(ignore_conflicts=True)`` would not say how many of them are new.
    """
    if connections[table.db].features.uses_savepoints:
        with suppress(IntegrityError), transaction.atomic(using=table.db):
            return len(table.bulk_create(table.model(**row) for row in rows))
    return sum(table.get_or_create(row, **{unique: row[unique]})[1] for row in rows)


def delete_rows(rows: QuerySet[Model], dependents: QuerySet[Model], link: str) -> int:
    """In a transaction: delete the ``rows`` and those of the ``dependents`` whose ``link`` they are; how many rows.

    Without fetching any, unless the project has more that hangs on these rows, or the package may not send SQL.
    """
    if not compiled.supports_sql(connections[rows.db]) or not _is_known(rows.model, dependents.model):
        return _collect_and_delete(rows)
    if not connections[rows.db].features.can_defer_constraint_checks:
        # Locked until the end: a row that does not match any more by then must keep its dependents.
        _lock(rows)
        dependents.filter(**{f"{link}__in": rows})._raw_delete(rows.db)
        return rows._raw_delete(rows.db)
    # The rows first: which of them matched in the end decides which dependents go.
    deleted = rows._raw_delete(rows.db)
    left = rows.model._base_manager.using(rows.db).filter(pk=OuterRef(f"{link}_id"))
    dependents.filter(~Exists(left))._raw_delete(rows.db)
    return deleted


def _collect_and_delete(rows: QuerySet[Model]) -> int:
    """Django's own way, with all that the project expects of it; a few at a time, since it holds them in memory."""
    pks = _lock(rows)
    deleted = 0
    for start in range(0, len(pks), COLLECTED):
        _, counts = rows.filter(pk__in=pks[start : start + COLLECTED]).delete()
        deleted += counts.get(rows.model._meta.label, 0)
    return deleted


def _lock(rows: QuerySet[Model]) -> list[object]:
    """The keys of the rows, which nobody else can change until the transaction ends."""
    return list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))


def _is_known(model: type[Model], dependent: type[Model]) -> bool:
    """Whether only ``dependent`` refers to ``model``, and nobody listens for deletions of either."""
    listened = any(
        signal.has_listeners(sender)
        for signal in (signals.pre_delete, signals.post_delete)
        for sender in (model, dependent)
    )
    return _referrers(model) <= {dependent} and not _referrers(dependent) and not listened


def _referrers(model: type[Model]) -> set[object]:
    """Also by a foreign key without a way back, ``related_name="+"``."""
    fields = model._meta.get_fields(include_hidden=True)
    return {field.related_model for field in fields if field.auto_created and not field.concrete}
