"""Queries that every request sends: the ORM compiles each once for a connection, and only the value changes.

Where that might not be the same as asking the ORM anew, it is asked anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import FunctionType
from typing import Any, Generic, TypeAlias, TypeVar

from django.core.exceptions import EmptyResultSet, FieldDoesNotExist
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Manager, Model, QuerySet, lookups
from django.db.models.sql.compiler import SQLCompiler
from django.utils.inspect import func_accepts_kwargs, func_supports_parameter

T = TypeVar("T")
M = TypeVar("M", bound=Model)
AnyField: TypeAlias = "Field[Any, Any]"

# Other databases may speak another SQL, or none as MongoDB does: there the ORM is asked each time.
_VENDORS = {"sqlite", "postgresql", "mysql"}

# The attribute of a connection that keeps what was compiled for it: converters belong to one connection.
_KEPT = "_simplejwt_compiled"
_HOLE = "simplejwt"

# What a look-up goes through of a manager and of its query set; nobody may have overridden it.
_OF_MANAGER = ("all", "db", "filter", "get_queryset")
_OF_QUERYSET = {name: member for name, member in vars(QuerySet).items() if isinstance(member, (FunctionType, property))}


def takes_sql(connection: BaseDatabaseWrapper) -> bool:
    """Whether the package may send its own SQL: to the databases that it is tested with."""
    return connection.vendor in _VENDORS


def first(manager: Manager[M], name: str, value: object) -> M | None:
    """``manager.filter(name=value).first()``, on the database that the manager and the routers say."""
    # Not those of one instance either, which a test may have patched.
    field = _plain_field(manager, name) if vars(manager).keys().isdisjoint(_OF_MANAGER) else None
    if field is not None and takes_sql(connection := connections[manager.db]):
        try:
            look_up = kept(connection, (manager, name), lambda: _compiled(manager, field, value, connection))
        except EmptyResultSet:
            return None
        if look_up is not None and look_up.takes(value):
            return look_up.row(value, connection)
    return manager.filter(**{name: value}).first()


def exist(
    queries: Sequence[Callable[[str], QuerySet[Model]]], texts: Sequence[str], *, alias: str, key: object
) -> list[bool]:
    """``query(text).exists()`` of each query with its text, in one statement.

    The ``key`` stands for the queries: under one key only the texts differ.
    """
    connection = connections[alias]
    if not takes_sql(connection):
        return [query(text).exists() for query, text in zip(queries, texts, strict=True)]
    sql, params = kept(connection, key, lambda: _existence(queries, alias))
    remaining = iter(texts)
    with connection.cursor() as cursor:
        cursor.execute(sql, [next(remaining) if param == _HOLE else param for param in params])
        return [bool(found) for found in cursor.fetchone()]


def kept(connection: BaseDatabaseWrapper, key: object, compile_it: Callable[[], T]) -> T:
    """What ``compile_it`` answered with, the first time for this connection."""
    found: dict[object, Any] = vars(connection).setdefault(_KEPT, {})
    if key not in found:
        found[key] = compile_it()
    return found[key]  # type: ignore[no-any-return]  # what was compiled under that key


def _existence(queries: Sequence[Callable[[str], QuerySet[Model]]], alias: str) -> tuple[str, list[Any]]:
    found = [query(_HOLE).query.exists().get_compiler(alias).as_sql() for query in queries]
    return (
        f"SELECT {', '.join(f'EXISTS ({sql})' for sql, _ in found)}",
        [param for _, params in found for param in params],
    )


@lru_cache(maxsize=64)
def _plain_field(manager: Manager[Model], name: str) -> AnyField | None:
    """The field, if it finds one row at the most, in one table, as Django itself would go about it."""
    if any(getattr(type(manager), asked, None) is not getattr(Manager, asked) for asked in _OF_MANAGER):
        return None
    options = manager.model._meta
    if any(getattr(type(manager.all()), name) is not member for name, member in _OF_QUERYSET.items()):
        return None
    if options.parents or options.concrete_model is not manager.model:
        return None
    try:
        field = options.pk if name == "pk" else options.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, Field) or not field.unique or field.is_relation:
        return None
    return field if field.get_lookup("exact").__module__ == lookups.__name__ else None


@dataclass(frozen=True)
class _LookUp(Generic[M]):
    """The SQL for one row of a model, and what makes an instance of that row."""

    from_db: Callable[..., M]
    field: AnyField
    sql: str
    names: tuple[str, ...]
    compiler: SQLCompiler
    converters: Any

    def takes(self, value: object) -> bool:
        """Whether the column can hold it: databases have an error for an integer that is too large."""
        if not isinstance(value, int):
            return True
        try:
            low, high = self.compiler.connection.ops.integer_field_range(self.field.get_internal_type())
        except KeyError:
            return False  # of a type of the project's own
        return low is None or low <= value <= high

    def row(self, value: object, connection: BaseDatabaseWrapper) -> M | None:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, (_prepared(self.field, value, connection),))
            found = cursor.fetchone()
        if found is None:
            return None
        (converted,) = self.compiler.apply_converters([found], self.converters) if self.converters else [found]
        return self.from_db(connection.alias, self.names, converted)


def _compiled(
    manager: Manager[M], field: AnyField, value: object, connection: BaseDatabaseWrapper
) -> _LookUp[M] | None:
    """``None`` where the column's SQL is more than the value in its place."""
    rows = manager.filter(**{field.name: value}).order_by()
    compiler = rows.query.get_compiler(connection=connection)
    sql, params = compiler.as_sql()
    if tuple(params) != (_prepared(field, value, connection),):
        return None
    columns = [column for column, _, _ in compiler.select]
    names = tuple(column.target.attname for column in columns)
    return _LookUp(_from_db(manager.model, rows), field, sql, names, compiler, compiler.get_converters(columns))


def _from_db(model: type[M], rows: Any) -> Callable[..., M]:
    """With the fetch mode that Django hands over from 6.1 on, to a model of the project's own if that takes it."""
    from_db = model.from_db
    takes_it = hasattr(rows, "_fetch_mode") and (
        func_supports_parameter(from_db, "fetch_mode") or func_accepts_kwargs(from_db)
    )
    return partial(from_db, fetch_mode=rows._fetch_mode) if takes_it else from_db


def _prepared(field: AnyField, value: object, connection: BaseDatabaseWrapper) -> Any:
    return field.get_db_prep_value(field.get_prep_value(value), connection, prepared=True)
