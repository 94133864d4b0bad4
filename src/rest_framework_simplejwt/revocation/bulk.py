"""Many rows in one statement: what the ORM's own ways would fetch first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.models import Exists, Model, OuterRef, QuerySet, signals
from django.db.models.constants import OnConflict

# How many rows are deleted at a time where they have to be fetched.
COLLECTED = 500


def insert_from(model: type[Model], names: Sequence[str], rows: QuerySet[Any, Any]) -> int:
    """``INSERT ... SELECT``; rows that are there already, or come to be meanwhile, stay. How many are new."""
    connection = connections[rows.db]
    quote = connection.ops.quote_name
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns = ", ".join(quote(field.column) for field in fields)
    select, params = rows.query.get_compiler(rows.db).as_sql()
    insert = connection.ops.insert_statement(on_conflict=OnConflict.IGNORE)
    suffix = connection.ops.on_conflict_suffix_sql(fields, OnConflict.IGNORE, [], [])
    with connection.cursor() as cursor:
        cursor.execute(f"{insert} {quote(model._meta.db_table)} ({columns}) {select} {suffix}", params)
        return int(cursor.rowcount)


def delete_rows(rows: QuerySet[Any], dependents: QuerySet[Any], link: str) -> int:
    """In a transaction: delete the ``rows`` and those of the ``dependents`` whose ``link`` they are; how many rows.

    Without fetching any, unless the project has more that hangs on these rows.
    """
    if not _is_known(rows.model, dependents.model):
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


def _collect_and_delete(rows: QuerySet[Any]) -> int:
    """Django's own way, with all that the project expects of it; a few at a time, since it holds them in memory."""
    pks = _lock(rows)
    deleted = 0
    for start in range(0, len(pks), COLLECTED):
        _, counts = rows.filter(pk__in=pks[start : start + COLLECTED]).delete()
        deleted += counts.get(rows.model._meta.label, 0)
    return deleted


def _lock(rows: QuerySet[Any]) -> list[Any]:
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


def _referrers(model: type[Model]) -> set[Any]:
    """Also by a foreign key without a way back, ``related_name="+"``."""
    fields = model._meta.get_fields(include_hidden=True)
    return {field.related_model for field in fields if field.auto_created and not field.concrete}
