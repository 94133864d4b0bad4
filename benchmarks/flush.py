"""Checks the budget of ``flushexpiredtokens``: 50 MB above idle, and 1.3 times the time of plain DELETEs.

``python -m benchmarks.flush [--rows N] [--repeat N] [--layout aged|mixed] [--database-url URL]``. Every run
deletes from an identical copy of one table, in a process of its own, and takes turns with the other way.
"""

# ruff: noqa: S603, T201  # a program that prints, and subprocesses that are all its own

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.crew import environment
from benchmarks.databases import POSTGRESQL, SERVER, on_server, stores
from benchmarks.environments import CHECKOUT, python_of
from benchmarks.rows import Row, Target
from benchmarks.scale import Scale

NAME = "simplejwt_bench_flush"
MOST_MEMORY = 50.0
MOST_TIME = 1.3
LAYOUTS = ("aged", "mixed")

Result = dict[str, float]


@dataclass(frozen=True)
class Table:
    """A filled database, with the schema of the interpreter's package."""

    python: Path
    copy: Callable[[], AbstractContextManager[str]]


def main() -> None:
    options = _parser().parse_args()
    with _filled(Path(sys.executable), options.database_url, NAME, options.rows, options.layout) as table:
        runs = _in_turn({"bare": (table, "bare"), "command": (table, "command")}, options.repeat)
    _report(runs, options)


def measure(scale: Scale) -> list[Row]:
    return [row for store in stores() for row in _measure_on(store, scale)]


def _measure_on(store: str, scale: Scale) -> list[Row]:
    rows, repeat = (50_000, 2) if scale.quick else (1_000_000, 3)
    server = SERVER if store == POSTGRESQL else None
    with ExitStack() as stack:
        ours, published = (
            stack.enter_context(_filled(python_of(package), server, f"{NAME}_{package}", rows, "aged"))
            for package in ("ours", "published")
        )
        print(f"flush: {store}, filled with {rows:,} rows", flush=True)
        ways = {"floor": (ours, "bare"), "ours": (ours, "command"), "published": (published, "command")}
        runs = _in_turn(ways, repeat)
    print(f"flush: {store}: {runs}", flush=True)
    work = f"flush {rows // 2:,} of {rows:,} rows"
    seconds = {name: median(result["seconds"] for result in results) for name, results in runs.items()}
    memory = {name: max(result["memory"] for result in results) for name, results in runs.items()}
    in_time = Target(f"≤ {MOST_TIME}x the bare DELETE", lambda values: values["ours"] <= MOST_TIME * values["floor"])
    in_memory = Target(f"≤ {MOST_MEMORY:.0f} MB", lambda values: values["ours"] <= MOST_MEMORY)
    return [
        Row("flush", f"{work}: time", "s", seconds, store, in_time),
        Row("flush", f"{work}: memory above idle", "MB", memory, store, in_memory),
    ]


def _in_turn(ways: dict[str, tuple[Table, str]], repeat: int) -> dict[str, list[Result]]:
    runs: dict[str, list[Result]] = {name: [] for name in ways}
    for _ in range(repeat):
        for name, (table, way) in ways.items():
            with table.copy() as url:
                runs[name].append(json.loads(_run(table.python, url, way).splitlines()[-1]))
    return runs


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="outstanding tokens; half of them have expired")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each way")
    parser.add_argument("--layout", choices=LAYOUTS, default="aged", help="expired: the older half, or every other")
    parser.add_argument("--database-url", help="a server to make databases on; without it, SQLite in a file")
    return parser


@contextmanager
def _filled(python: Path, server: str | None, name: str, rows: int, layout: str) -> Iterator[Table]:
    """Fills a database in a separate process: a server copies only databases without connections."""
    if server is None:
        with TemporaryDirectory(prefix=NAME) as folder:
            file = Path(folder) / "original.sqlite3"
            _run(python, f"sqlite:///{file}", "fill", str(rows), layout)
            yield Table(python, lambda: _sqlite_copy(file))
        return
    with on_server(python, server, name) as url:
        _run(python, url, "fill", str(rows), layout)
        yield Table(python, lambda: on_server(python, server, f"{name}_copy", f"TEMPLATE {name}"))


@contextmanager
def _sqlite_copy(file: Path) -> Iterator[str]:
    copy = file.with_name("copy.sqlite3")
    shutil.copyfile(file, copy)
    os.sync()
    yield f"sqlite:///{copy}"


def _run(python: Path, url: str, way: str, *size: str) -> str:
    command = [str(python), "-m", "benchmarks.work.flush", url, way, *size]
    run = subprocess.run(command, check=True, cwd=CHECKOUT, env=environment(), stdout=subprocess.PIPE, text=True)
    return run.stdout


def _report(runs: dict[str, list[Result]], options: argparse.Namespace) -> None:
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
