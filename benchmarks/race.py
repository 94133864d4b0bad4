"""Eight clients that refresh at the same time: all with one token, and each with its own."""

# ruff: noqa: T201  # a program that prints

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from statistics import median

from benchmarks.crew import Worker, worker
from benchmarks.databases import database, stores
from benchmarks.program import run
from benchmarks.rows import Row, Target
from benchmarks.scale import Scale

PACKAGES = ("ours", "published")
CLIENTS = 8
# The delay before the clients start, by which each has received its request.
HEAD_START = 0.02
LONGEST = 60.0


def measure(scale: Scale) -> list[Row]:
    return [row for store in stores() for row in _measure_on(store, scale)]


def _measure_on(store: str, scale: Scale) -> list[Row]:
    with ExitStack() as stack:
        crews = {}
        for package in PACKAGES:
            url = stack.enter_context(database(store, f"race_{package}"))
            crews[package] = [stack.enter_context(worker(package, "race", url)) for _ in range(CLIENTS)]
            crews[package][0].ask("prepare")
            _contest(crews[package])
        return [*_one_token(store, crews, 10 if scale.quick else 100), *_own_tokens(store, crews, scale)]


def _one_token(store: str, crews: dict[str, list[Worker]], contests: int) -> list[Row]:
    winners: dict[str, list[int]] = {package: [] for package in crews}
    errors = Counter[str]()
    end, done = time.monotonic() + LONGEST, 0
    while done < contests and time.monotonic() < end:
        for package, crew in crews.items():
            statuses = _contest(crew)
            winners[package].append(statuses.count(200))
            errors[package] += sum(status >= 500 for status in statuses)
        done += 1
    print(f"race: {store}, {done} contests for one token: winners {winners}, errors {dict(errors)}", flush=True)
    work = f"{CLIENTS} clients with one token, {done} times"
    most = {package: float(max(found)) for package, found in winners.items()}
    target = Target("1", lambda values: values["ours"] == 1)
    share = {package: 100 * errors[package] / (done * CLIENTS) for package in crews}
    return [
        Row("race", f"{work}: most winners", "winners", most, store, target),
        Row("race", f"{work}: answered 5xx", "%", share, store),
    ]


def _contest(crew: list[Worker]) -> list[int]:
    text, at = crew[0].ask("token"), time.time() + HEAD_START
    for client in crew:
        client.tell("post", text=text, at=at)
    return [client.answer() for client in crew]


def _own_tokens(store: str, crews: dict[str, list[Worker]], scale: Scale) -> list[Row]:
    rounds, seconds = (2, 1.0) if scale.quick else (5, 3.0)
    rates: dict[str, list[float]] = {package: [] for package in crews}
    total: dict[str, Counter[str]] = {package: Counter() for package in crews}
    for _ in range(rounds):
        for package, crew in crews.items():
            statuses, took = _rotate(crew, seconds)
            rates[package].append(statuses["200"] / took)
            total[package] += statuses
    print(f"race: {store}, own tokens: {total}, {rates}", flush=True)
    work = f"{CLIENTS} clients, each with its own tokens"
    share = {
        package: 100 * sum(count for status, count in found.items() if status >= "500") / found.total()
        for package, found in total.items()
    }
    medians = {package: median(found) for package, found in rates.items()}
    return [
        Row("race", f"{work}: refreshes", "refreshes/s", medians, store),
        Row("race", f"{work}: answered 5xx", "%", share, store),
    ]


def _rotate(crew: list[Worker], seconds: float) -> tuple[Counter[str], float]:
    """Returns how often each status was answered, and the time of the slowest client."""
    texts = [crew[0].ask("token") for _ in crew]
    at = time.time() + HEAD_START
    for client, text in zip(crew, texts, strict=True):
        client.tell("rotate", text=text, at=at, seconds=seconds)
    found = sum((Counter(client.answer()) for client in crew), Counter[str]())
    return found, time.time() - at


if __name__ == "__main__":
    run(measure)
