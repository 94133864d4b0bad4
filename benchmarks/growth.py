"""Queries on tables of 10,000, 100,000 and 1,000,000 outstanding tokens."""

# ruff: noqa: T201  # a program that prints

from __future__ import annotations

import time
from contextlib import ExitStack

from benchmarks.crew import Worker, in_turn, worker
from benchmarks.databases import database, stores
from benchmarks.program import run
from benchmarks.rows import Row, Target, faster
from benchmarks.scale import Scale

PACKAGES = ("ours", "published")
# For each work: its name in the worker, how often a round does it, and its target for a million rows.
WORKS = {
    "RefreshToken(text)": ("read", 400, faster(3)),
    "refresh, rotation and blacklist": ("refresh", 60, None),
    "admin, first page of the token list": (
        "first_page",
        8,
        Target("≤ 30 ms at 1,000,000 rows", lambda values: values["ours"] <= 30),
    ),
    "admin, search by a jti": (
        "search",
        8,
        Target("≤ 20 ms at 1,000,000 rows", lambda values: values["ours"] <= 20),
    ),
}


def measure(scale: Scale) -> list[Row]:
    return [row for store in stores() for row in _measure_on(store, scale)]


def _measure_on(store: str, scale: Scale) -> list[Row]:
    sizes = (1_000, 10_000) if scale.quick else (10_000, 100_000, 1_000_000)
    rows, first = [], 1
    with ExitStack() as stack:
        workers = {
            package: stack.enter_context(
                worker(package, "growth", stack.enter_context(database(store, f"growth_{package}")))
            )
            for package in PACKAGES
        }
        for size in sizes:
            for package, employed in workers.items():
                _grow(package, employed, store, first, size)
            first = size + 1
            rows += [_row(work, workers, store, size, scale) for work in WORKS]
    return rows


def _grow(package: str, employed: Worker, store: str, first: int, size: int) -> None:
    start = time.perf_counter()
    there = employed.ask("grow", first=first, last=size)
    print(f"growth: {store}, {package}: {there:,} rows after {time.perf_counter() - start:.0f} s", flush=True)


def _row(work: str, workers: dict[str, Worker], store: str, size: int, scale: Scale) -> Row:
    name, count, target = WORKS[work]
    rounds = 3 if scale.quick else 7
    turns = {
        package: lambda employed=employed: 1000 * employed.ask(name, count=count)
        for package, employed in workers.items()
    }
    in_turn(1, turns)  # imports, templates, caches
    values = in_turn(rounds, turns)
    print(f"growth: {store}, {size:,} rows, {work}: {values} ms", flush=True)
    return Row("growth", f"{work}, {size:,} rows", "ms", values, store, target if size == 1_000_000 else None)


if __name__ == "__main__":
    run(measure)
