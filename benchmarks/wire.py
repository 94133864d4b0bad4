"""Records what the database driver sends: Django's log lacks statements of raw cursors and some COMMITs."""

# ruff: noqa: S608  # no SQL is made here, only shortened

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

from django.db import connection

# A line for each message of the protocol; a query may have several lines itself.
_MESSAGE = re.compile(r"^F\t\d+\t(\w+)\t?(.*?)(?=^[FB]\t\d+\t|\Z)", re.MULTILINE | re.DOTALL)
_NAMES = re.compile(r'"([^"]*)"')
_LITERAL = re.compile(r"'(?:[^']|'')*'(?:::\w+)?|(?<=[\s(=,])-?\d+(?:\.\d+)?\b|(?<=[\s(=,])[%$?]\w*")
_COLUMNS = re.compile(r'\bSELECT (?:(?!SELECT|FROM).){40,}? FROM "?(?=\w)')


@contextmanager
def recorded() -> Iterator[list[str]]:
    """The statements and the commands of transactions, each of which is a round trip; with ``?`` for each value."""
    connection.ensure_connection()
    raw: list[str] = []
    readable: list[str] = []
    with {"sqlite": _sqlite, "postgresql": _postgresql}[connection.vendor](raw):
        yield readable
    readable += map(_readable, raw)


@contextmanager
def _sqlite(statements: list[str]) -> Iterator[None]:
    connection.connection.set_trace_callback(statements.append)
    try:
        yield
    finally:
        connection.connection.set_trace_callback(None)


@contextmanager
def _postgresql(statements: list[str]) -> Iterator[None]:
    from psycopg.pq import Trace

    pgconn = connection.connection.pgconn
    with TemporaryFile() as trace:
        pgconn.trace(trace.fileno())
        pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield
        finally:
            pgconn.untrace()
        trace.seek(0)
        statements += _of_messages(trace.read().decode())


def _of_messages(trace: str) -> Iterator[str]:
    """Simple queries, and executions of prepared statements under their text, or their name if they are older."""
    texts: dict[str, str] = {}
    bound = ""
    for kind, content in _MESSAGE.findall(trace):
        if kind == "Query":
            yield content.strip()[1:-1]
        elif kind == "Parse":
            name, text = re.match(r'"([^"]*)" "(.*)" \d', content.strip(), re.DOTALL).groups()
            texts[name] = text
        elif kind == "Bind":
            _portal, bound = _NAMES.findall(content)[:2]
        elif kind == "Execute":
            yield texts.get(bound, f"EXECUTE {bound}")


def _readable(statement: str) -> str:
    if statement.split(None, 1)[0] in ("SAVEPOINT", "RELEASE", "ROLLBACK"):
        return re.sub(r' "?s\d+_x\d+"?', "", statement)
    text = _LITERAL.sub("?", " ".join(statement.split()))
    return _COLUMNS.sub(lambda found: "SELECT … FROM " + '"' * found[0].endswith('"'), text)
