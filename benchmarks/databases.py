"""The databases for benchmarks: SQLite in a file, and PostgreSQL if it is available."""

# ruff: noqa: S603, T201  # programs that print, and subprocesses that are all its own

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.environments import CHECKOUT, python_of

SERVER = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@cache
def stores() -> tuple[str, ...]:
    """Returns the available databases. In CI an unavailable server is an error, or it would be skipped unnoticed."""
    if urlsplit(SERVER).scheme in {"postgres", "postgresql"}:
        try:
            execute(python_of("plain"), SERVER)
        except subprocess.CalledProcessError as error:
            if os.environ.get("CI") == "true":
                raise
            print(f"PostgreSQL is left out, it does not answer: {error.stderr.strip().splitlines()[-1]}", flush=True)
            return (SQLITE,)
        return (SQLITE, POSTGRESQL)
    print("PostgreSQL is left out: DATABASE_URL names another database", flush=True)
    return (SQLITE,)


def execute(python: Path, url: str, *statements: str) -> None:
    """Executes SQL with another interpreter, since this one may have no driver."""
    command = [str(python), "-m", "benchmarks.work.statements", url, *statements]
    subprocess.run(command, check=True, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True)


@contextmanager
def database(store: str, name: str) -> Iterator[str]:
    """Creates an empty database, yields its URL, and drops it."""
    if store == POSTGRESQL:
        with on_server(python_of("plain"), SERVER, f"simplejwt_bench_{name}") as url:
            yield url
        return
    with TemporaryDirectory(prefix="simplejwt_bench_") as folder:
        yield f"sqlite:///{folder}/{name}.sqlite3"


@contextmanager
def on_server(python: Path, server: str, name: str, how: str = "") -> Iterator[str]:
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    execute(python, server, drop, f"CREATE DATABASE {name} {how}", "CHECKPOINT")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        execute(python, server, drop)
