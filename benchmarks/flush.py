"""Whether ``flushexpiredtokens`` keeps to its budget: 50 MB above idle, 1.3 times the time of bare DELETEs.

``python -m benchmarks.flush [--rows N] [--repeat N] [--layout aged|mixed] [--database-url URL]``. Every run
deletes from an identical copy of one table, in a process of its own, and takes turns with the other way.
"""

# ruff: noqa: S603, S608, T201  # a program that prints, and whose SQL and subprocesses are all its own

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

NAME = "simplejwt_flush_bench"
WAYS = ("bare", "command")
MOST_MEMORY = 50.0
MOST_TIME = 1.3

# About as long as a refresh token with a few claims; random, as signatures are.
_TEXT = {
    "sqlite": "hex(randomblob(150))",
    "postgresql": "md5(random()::text) || repeat(md5(random()::text) || md5(random()::text), 4)",
}
_JTI = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "md5(random()::text || n)"}
_SERIES = {
    "sqlite": "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {rows})",
    "postgresql": "WITH series AS (SELECT generate_series(1, {rows}) AS n)",
}
# Aged: tokens of one lifetime, so that the first half has expired. Mixed: of several, every other one.
_IS_EXPIRED = {"aged": "n <= {rows} / 2", "mixed": "MOD(n, 2) = 0"}
# Half of all, whether expired or not.
_IS_REVOKED = "MOD(id, 4) < 2"


def main() -> None:
    options = _parser().parse_args()
    if options.way:
        print(json.dumps(_measure(options.way, options.database_url)))
        return
    with tempfile.TemporaryDirectory(prefix=NAME) as folder, _original(options, Path(folder)) as copy:
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(options.repeat):
            for way in WAYS:
                with copy() as url:
                    runs[way].append(_measure_elsewhere(way, url))
    _report(runs, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="outstanding tokens; half of them have expired")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each way")
    parser.add_argument("--layout", choices=_IS_EXPIRED, default="aged", help="expired: the older half, or every other")
    parser.add_argument("--database-url", help="a server to make databases on; without it, SQLite in a file")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    return parser


@contextmanager
def _original(options: argparse.Namespace, folder: Path) -> Iterator[Callable[[], Any]]:
    """A filled database, of which the result makes copies."""
    if options.database_url is None:
        file = folder / "original.sqlite3"
        _fill_elsewhere(f"sqlite:///{file}", options)
        yield lambda: _sqlite_copy(file)
        return
    server = options.database_url
    with _database(server, NAME) as url:
        _fill_elsewhere(url, options)
        yield lambda: _database(server, f"{NAME}_copy", f"TEMPLATE {NAME}")


@contextmanager
def _sqlite_copy(file: Path) -> Iterator[str]:
    copy = file.with_name("copy.sqlite3")
    shutil.copyfile(file, copy)
    os.sync()
    yield f"sqlite:///{copy}"


@contextmanager
def _database(server: str, name: str, how: str = "") -> Iterator[str]:
    _execute_on(server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} {how}", "CHECKPOINT")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        _execute_on(server, f"DROP DATABASE {name}")


def _execute_on(url: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        for statement in statements:
            server.execute(statement)


def _fill_elsewhere(url: str, options: argparse.Namespace) -> None:
    """In a process of its own: this one's settings stay unset, and the server's template unconnected."""
    code = f"from benchmarks import flush; flush.fill({url!r}, {options.rows}, {options.layout!r})"
    subprocess.run([sys.executable, "-c", code], check=True)


def _measure_elsewhere(way: str, url: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.flush", "--way", way, "--database-url", url]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def _set_up(url: str) -> None:
    import dj_database_url

    settings.configure(
        DATABASES={"default": dj_database_url.parse(url)},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "rest_framework_simplejwt.token_blacklist",
        ],
        USE_TZ=True,
        SECRET_KEY="only-measuring" * 4,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()


def fill(url: str, rows: int, layout: str) -> None:
    _set_up(url)
    call_command("migrate", verbosity=0)
    vendor = connection.vendor
    series, is_expired = _SERIES[vendor].format(rows=rows), _IS_EXPIRED[layout].format(rows=rows)
    now = timezone.now()
    times = [now - timedelta(days=1), now + timedelta(days=1)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO token_blacklist_outstandingtoken (jti, token, created_at, expires_at) "
            f"{series} SELECT {_JTI[vendor]}, {_TEXT[vendor]}, %s, CASE WHEN {is_expired} THEN %s ELSE %s END "
            "FROM series ORDER BY n",
            [now, *times],
        )
        cursor.execute(
            "INSERT INTO token_blacklist_blacklistedtoken (token_id, blacklisted_at) "
            f"SELECT id, %s FROM token_blacklist_outstandingtoken WHERE {_IS_REVOKED} ORDER BY id",
            [now],
        )
        if vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")


def _measure(way: str, url: str) -> dict[str, float]:
    """Seconds, and MB at the peak above what the process had when it was connected and idle."""
    _set_up(url)
    connection.ensure_connection()
    idle = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    {"bare": _delete, "command": lambda: call_command("flushexpiredtokens", stdout=StringIO())}[way]()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "memory": _memory("VmHWM") - idle, "rows": _count()}


def _delete() -> None:
    now = timezone.now()
    expired = "FROM token_blacklist_outstandingtoken WHERE expires_at <= %s"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM token_blacklist_blacklistedtoken WHERE token_id IN (SELECT id {expired})", [now])
        cursor.execute(f"DELETE {expired}", [now])


def _count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM token_blacklist_outstandingtoken")
        return int(cursor.fetchone()[0])


def _memory(field: str) -> float:
    """In MB, from what Linux says about this process."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def _report(runs: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> None:
    vendor = urlsplit(options.database_url or "sqlite:").scheme
    print(f"{options.rows} rows, half of them expired ({options.layout}), on {vendor}; median of {options.repeat}")
    print(f"{'':>8} {'seconds':>8} {'MB above idle':>14} {'rows left':>10}   each run's seconds")
    for way, results in runs.items():
        seconds, memory = (median(result[name] for result in results) for name in ("seconds", "memory"))
        each = " ".join(f"{result['seconds']:.2f}" for result in results)
        print(f"{way:>8} {seconds:>8.2f} {memory:>14.1f} {results[0]['rows']:>10}   {each}")
    ratios = [command["seconds"] / bare["seconds"] for bare, command in zip(*runs.values(), strict=True)]
    peak = max(result["memory"] for result in runs["command"])
    print(f"time: {median(ratios):.2f} of bare (limit {MOST_TIME}); memory: {peak:.1f} MB (limit {MOST_MEMORY:.0f})")
    if median(ratios) > MOST_TIME or peak > MOST_MEMORY:
        sys.exit("over budget")


if __name__ == "__main__":
    main()
