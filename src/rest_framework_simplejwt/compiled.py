"""Queries that every request sends: the ORM compiles each of them once for a connection, and not at each request.

Where the result could differ from that of the ORM, the query goes through the ORM each time.
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

# Other vendors may have another SQL dialect, or none, as MongoDB. There, every query goes through the ORM.
_VENDORS = {"sqlite", "postgresql", "mysql"}

# The attribute of a connection for what was compiled for it: database converters belong to one connection.
_CACHE_ATTRIBUTE = "_simplejwt_compiled"
# The value that a query is compiled with, to find the position of the parameter that changes.
_PLACEHOLDER = "simplejwt"

# The members that manager.filter(...).first() uses. If a project has overridden one, the ORM is used.
_MANAGER_MEMBERS = ("all", "db", "filter", "get_queryset")
_QUERYSET_MEMBERS = {
    name: member for name, member in vars(QuerySet).items() if isinstance(member, (FunctionType, property))
}


def supports_sql(connection: BaseDatabaseWrapper) -> bool:
    """Returns whether the package may send SQL of its own there: to SQLite, PostgreSQL, MySQL and MariaDB."""
    return connection.vendor in _VENDORS


def first(manager: Manager[M], name: str, value: object) -> M | None:
    """Returns ``manager.filter(**{name: value}).first()``, from the database that the manager and the routers choose.

    Sends a statement that is compiled once, if that gives the same result. ``name`` may be a look-up.
    """
    # An instance may have members of its own too, such as those that a test has patched.
    field = _plain_field(manager, name) if vars(manager).keys().isdisjoint(_MANAGER_MEMBERS) else None
    if field is not None and supports_sql(connection := connections[manager.db]):
        try:
            query = cached_on(
                connection, (manager, name), lambda: _compile_row_query(manager, field, value, connection)
            )
        except EmptyResultSet:
            return None
        if query is not None and query.accepts(value):
            return query.fetch(value, connection)
    return manager.filter(**{name: value}).first()


def exist(
    queries: Sequence[Callable[[str], QuerySet[Model]]], texts: Sequence[str], *, alias: str, key: object
) -> list[bool]:
    """Returns for each query whether it finds a row for the text at the same position. Sends one statement.

    ``queries`` are functions that return the query set for a text. Its SQL must be the same for every text, apart from
    one parameter that is the text itself. ``alias`` is the database. ``key`` is a hashable that identifies ``queries``:
    callers with an equal key share one compiled statement.
    """
    connection = connections[alias]
    if not supports_sql(connection):
        return [query(text).exists() for query, text in zip(queries, texts, strict=True)]
    sql, params = cached_on(connection, key, lambda: _compile_exist(queries, alias))
    remaining = iter(texts)
    with connection.cursor() as cursor:
        cursor.execute(sql, [next(remaining) if param == _PLACEHOLDER else param for param in params])
        return [bool(found) for found in cursor.fetchone()]


def cached_on(connection: BaseDatabaseWrapper, key: object, compile_it: Callable[[], T]) -> T:
    """Returns the result of ``compile_it()``, which is called once for each ``connection`` and hashable ``key``."""
    cache: dict[object, Any] = vars(connection).setdefault(_CACHE_ATTRIBUTE, {})
    if key not in cache:
        cache[key] = compile_it()
    return cache[key]  # type: ignore[no-any-return]  # compile_it() returned it


def _compile_exist(queries: Sequence[Callable[[str], QuerySet[Model]]], alias: str) -> tuple[str, list[Any]]:
    """Returns the SQL of ``exist`` and its parameters, with ``_PLACEHOLDER`` in place of each text."""
    compiled = [query(_PLACEHOLDER).query.exists().get_compiler(alias).as_sql() for query in queries]
    return (
        f"SELECT {', '.join(f'EXISTS ({sql})' for sql, _ in compiled)}",
        [param for _, params in compiled for param in params],
    )


@lru_cache(maxsize=64)
def _plain_field(manager: Manager[Model], name: str) -> AnyField | None:
    """Returns the field ``name`` of the manager's model if a query by it can be compiled once, else ``None``.

    The field must be unique and no relation, with Django's own ``exact`` lookup; the model must have one table; and
    neither the manager nor its query set may override a member that the query uses.
    """
    if any(getattr(type(manager), member, None) is not getattr(Manager, member) for member in _MANAGER_MEMBERS):
        return None
    options = manager.model._meta
    if any(getattr(type(manager.all()), name) is not member for name, member in _QUERYSET_MEMBERS.items()):
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
class _RowQuery(Generic[M]):
    """The SQL that selects one row of a model by ``field``, and what builds an instance from that row."""

    from_db: Callable[..., M]
    field: AnyField
    sql: str
    # Of the columns, in the order of the SELECT.
    attribute_names: tuple[str, ...]
    compiler: SQLCompiler
    converters: Any

    def accepts(self, value: object) -> bool:
        """Returns whether the column can hold ``value``: databases raise an error for an integer that is too large."""
        if not isinstance(value, int):
            return True
        try:
            low, high = self.compiler.connection.ops.integer_field_range(self.field.get_internal_type())
        except KeyError:
            return False  # The field's type is one of the project's own.
        return low is None or low <= value <= high

    def fetch(self, value: object, connection: BaseDatabaseWrapper) -> M | None:
        """Returns the instance with that ``value``, or ``None`` if there is none."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, (_to_parameter(self.field, value, connection),))
            row = cursor.fetchone()
        if row is None:
            return None
        (converted,) = self.compiler.apply_converters([row], self.converters) if self.converters else [row]
        return self.from_db(connection.alias, self.attribute_names, converted)


def _compile_row_query(
    manager: Manager[M], field: AnyField, value: object, connection: BaseDatabaseWrapper
) -> _RowQuery[M] | None:
    """Compiles ``manager.filter(field=value)``, to be sent later with other values.

    Returns ``None`` if the SQL has any parameter but ``value``, as for a field that compares an expression. Raises
    ``EmptyResultSet`` if no row can match.
    """
    rows = manager.filter(**{field.name: value}).order_by()
    compiler = rows.query.get_compiler(connection=connection)
    sql, params = compiler.as_sql()
    if tuple(params) != (_to_parameter(field, value, connection),):
        return None
    columns = [column for column, _, _ in compiler.select]
    names = tuple(column.target.attname for column in columns)
    return _RowQuery(
        _instance_builder(manager.model, rows), field, sql, names, compiler, compiler.get_converters(columns)
    )


def _instance_builder(model: type[M], rows: Any) -> Callable[..., M]:
    """Returns ``model.from_db``, with the fetch mode of the query set ``rows`` where Django (6.1 on) would pass it."""
    from_db = model.from_db
    takes_fetch_mode = hasattr(rows, "_fetch_mode") and (
        func_supports_parameter(from_db, "fetch_mode") or func_accepts_kwargs(from_db)
    )
    return partial(from_db, fetch_mode=rows._fetch_mode) if takes_fetch_mode else from_db


def _to_parameter(field: AnyField, value: object, connection: BaseDatabaseWrapper) -> Any:
    """Returns ``value`` as the field passes it to the database driver."""
    return field.get_db_prep_value(field.get_prep_value(value), connection, prepared=True)
