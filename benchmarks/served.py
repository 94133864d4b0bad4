"""Requests per second of a trivial view on gunicorn, with each authentication and without one.

Two workers of class gthread with one thread each: unlike sync ones they keep connections, so that it is
authentication that is measured and not TCP. All servers run, and are loaded in turn.
"""

# ruff: noqa: S603, T201  # a program that prints, and subprocesses that are all its own

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from statistics import median

from benchmarks.crew import environment, in_turn, stop
from benchmarks.databases import database, stores
from benchmarks.environments import CHECKOUT, python_of
from benchmarks.load import CLIENT, CONNECTIONS, Visit, load
from benchmarks.program import run
from benchmarks.rows import Row, Target
from benchmarks.scale import Scale

PACKAGES = ("ours", "published", "knox", "ninja", "plain")
PATIENCE = 30
# Seconds. A worker imports the modules of a view at its first request.
WARM = 2
GUNICORN = ["-k", "gthread", "--workers", "2", "--threads", "1", "--keep-alive", "60", "--log-level", "warning"]
# A worker that is awake accepts whatever comes, at times every connection, while the other has nothing to do:
# neither may have many more than its half.
GUNICORN += ["--worker-connections", str(CONNECTIONS // 2 + 2)]

NEAR_NONE = Target("≥ 0.9 of no authentication", lambda values: values["ours"] >= 0.9 * values["floor"])
FASTER = Target("≥ 1.6x", lambda values: values["ours"] >= 1.6 * values["published"])

# A server's paths, with the headers that each takes.
Server = dict[str, Visit]


def measure(scale: Scale) -> list[Row]:
    print(f"served: loaded by {CLIENT}, {CONNECTIONS} kept connections; gunicorn {' '.join(GUNICORN)}", flush=True)
    with ExitStack() as stack:
        servers = {
            store: {package: stack.enter_context(_server(package, store)) for package in PACKAGES} for store in stores()
        }
        # Ten seconds each, in short turns, so that load on the machine affects all.
        rounds, seconds = (3, 1) if scale.quick else (5, 2)
        turns = partial(_turns, rounds=rounds, seconds=seconds)
        return [
            *_noise(next(iter(servers.values()))["ours"], rounds, seconds),
            *_stateless(next(iter(servers.values())), turns),
            *(row for store, found in servers.items() for row in _stateful(store, found, turns)),
        ]


def _noise(server: Server, rounds: int, seconds: float) -> list[Row]:
    """Returns the difference between two measurements of the same view. Smaller differences are not significant."""
    load(server["none"], WARM)
    found: list[tuple[float, float]] = []
    for _ in range(max(5, rounds)):
        found.append((load(server["none"], seconds), load(server["none"], seconds)))
    pairs = ", ".join(f"{first:,.0f} and {second:,.0f}" for first, second in found)
    print(f"served: no authentication twice, requests/s: {pairs}", flush=True)
    first, second = (median(each) for each in zip(*found, strict=True))
    work = "noise: no authentication against itself"
    return [
        Row("served", f"{work}, medians", "%", {"floor": 100 * abs(first / second - 1)}),
        Row("served", f"{work}, widest pair", "%", {"floor": max(100 * abs(a / b - 1) for a, b in found)}),
    ]


def _stateless(servers: dict[str, Server], turns: Callable[..., dict[str, float]]) -> list[Row]:
    none = {"floor": servers["ours"]["none"]}
    packages = ("ours", "published", "ninja")
    same, distinct = ({package: servers[package][path] for package in packages} for path in ("stateless", "distinct"))
    found = turns("no authentication", {**none, **{name: servers[name]["none"] for name in ("published", "ninja")}})
    return [
        Row("served", "no authentication, on each one's server", "requests/s", found),
        Row("served", "stateless, HS256, the same token", "requests/s", turns("same", none | same), target=NEAR_NONE),
        Row(
            "served",
            "stateless, HS256, 1,000 distinct tokens",
            "requests/s",
            turns("distinct", none | distinct),
            target=NEAR_NONE,
        ),
    ]


def _stateful(store: str, servers: dict[str, Server], turns: Callable[..., dict[str, float]]) -> list[Row]:
    visits = {package: servers[package]["stateful"] for package in ("ours", "published", "knox", "ninja")}
    plain = {name: servers["plain"][name] for name in ("token", "session")}
    found = turns(f"stateful, {store}", {"floor": servers["ours"]["none"]} | visits | plain)
    token, session = found.pop("token"), found.pop("session")
    return [
        Row("served", "stateful, HS256, with the user's row", "requests/s", found, store, FASTER),
        Row("served", "stateful, DRF's TokenAuthentication", "requests/s", {"plain": token}, store),
        Row("served", "stateful, Django's sessions", "requests/s", {"plain": session}, store),
    ]


def _turns(work: str, visits: Server, *, rounds: int, seconds: float) -> dict[str, float]:
    for visit in visits.values():
        load(visit, WARM)
    values = in_turn(rounds, {name: partial(load, visit, seconds) for name, visit in visits.items()})
    print(f"served: {work}: " + ", ".join(f"{name} {value:,.0f}/s" for name, value in values.items()), flush=True)
    return values


@contextmanager
def _server(package: str, store: str) -> Iterator[Server]:
    with database(store, f"served_{package}") as url, closing(socket.socket()) as listener:
        variables = environment(BENCHMARK_PACKAGE=package, BENCHMARK_DATABASE=url)
        command = [str(python_of(package)), "-m"]
        filled = [*command, "benchmarks.work.served"]
        output = subprocess.run(filled, check=True, cwd=CHECKOUT, env=variables, stdout=subprocess.PIPE).stdout
        # The open socket is passed on, so that no other process can take the port.
        listener.bind(("127.0.0.1", 0))
        port, descriptor = listener.getsockname()[1], listener.fileno()
        served = [*command, "gunicorn", *GUNICORN, "--bind", f"fd://{descriptor}", "benchmarks.work.served:application"]
        process = subprocess.Popen(served, cwd=CHECKOUT, env=variables, pass_fds=[descriptor], text=True)
        try:
            yield _visits(port, json.loads(output.splitlines()[-1]), process)
        finally:
            stop(process)


def _visits(port: int, headers: dict[str, list[list[str]]], process: subprocess.Popen[str]) -> Server:
    visits = {"none": Visit(port, "/none")}
    for name, found in headers.items():
        path = "stateless" if name == "distinct" else name
        visits[name] = Visit(port, f"/{path}", tuple((header, value) for header, value in found))
    _wait_for(port, process)
    return visits


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{process.args} did not begin to listen")


if __name__ == "__main__":
    run(measure)
