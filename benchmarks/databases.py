"""Empty databases to measure on: SQLite files, and databases on the PostgreSQL server that ``DATABASE_URL`` names."""

# ruff: noqa: S603, T201  # a program that prints, and whose SQL and subprocesses are all its own

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from .environments import CHECKOUT, python_of

SERVER = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")


@cache
def databases() -> tuple[str, ...]:
    """Those that can be measured on here. In CI PostgreSQL must be one of them."""
    answer = _ask_server("SELECT 1") if SERVER.startswith("postgres") else None
    if answer is not None and answer.returncode == 0:
        return ("SQLite", "PostgreSQL")
    if os.environ.get("CI") == "true":
        sys.exit("PostgreSQL does not answer at DATABASE_URL, and CI measures on it")
    print("PostgreSQL does not answer at DATABASE_URL: measured on SQLite alone", flush=True)
    return ("SQLite",)


def server_version() -> str:
    return _ask_server("SHOW server_version", check=True).stdout.strip()


@contextmanager
def empty(database: str, name: str) -> Iterator[str]:
    """The URL of a database of that kind which nobody else uses, and which is gone afterwards."""
    if database == "SQLite":
        with TemporaryDirectory(prefix="simplejwt_bench_") as folder:
            yield f"sqlite:///{Path(folder) / name}.sqlite3"
        return
    name = f"simplejwt_bench_{name}_{os.getpid()}"
    _ask_server(f"CREATE DATABASE {name}", check=True)
    try:
        yield urlsplit(SERVER)._replace(path=f"/{name}").geturl()
    finally:
        _ask_server(f"DROP DATABASE {name} WITH (FORCE)", check=True)


def _ask_server(statement: str, *, check: bool = False) -> subprocess.CompletedProcess[str]:
    """In an environment that has a driver: this one may have none."""
    code = f"from benchmarks import databases; databases.ask({SERVER!r}, {statement!r})"
    command = [str(python_of("plain")), "-c", code]
    return subprocess.run(command, cwd=CHECKOUT, check=check, capture_output=True, text=True)


def ask(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True, connect_timeout=5) as server:
        cursor = server.execute(statement)
        if cursor.description:
            print(cursor.fetchone()[0])
