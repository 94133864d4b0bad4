"""Authentication of a request: from the header to a user, with and without a database, and in other packages."""

# ruff: noqa: T201  # a program that prints

from __future__ import annotations

from contextlib import ExitStack

from .core import SIGHTS, algorithms
from .databases import database as new_database
from .databases import stores
from .rows import Row, Target, faster
from .scale import Scale
from .workers import Turn, Worker, medians

BLACKLIST = "rest_framework_simplejwt.token_blacklist"

# A new token, and one from the memo.
_STATELESS = {"HS256": (4, 9), "RS256": (2, 13), "ES256": (1.35, 22)}
_STATEFUL = {"SQLite": 6, "PostgreSQL": 4}
# By the name of the column: the package whose environment it runs in, and the apps there.
_PEERS = {
    "ninja": ("ninja", "ninja stateful", []),
    "knox": ("knox", "knox", ["knox"]),
    "DRF token": ("plain", "DRF token", ["rest_framework.authtoken"]),
    "session": ("plain", "session", ["django.contrib.sessions"]),
}


def measure(scale: Scale) -> list[Row]:
    rows = [row for algorithm in algorithms(scale) for row in _stateless(algorithm, scale)]
    for database in stores():
        rows += [_stateful(database, scale), _sliding(database, scale)]
    return rows


def _stateless(algorithm: str, scale: Scale) -> list[Row]:
    rows = []
    with ExitStack() as stack:
        ours, published = (
            stack.enter_context(Worker(package, "authenticate", algorithm=algorithm))
            for package in ("ours", "published")
        )
        # Starting the workers of other packages takes too long for a quick run.
        peers = [] if scale.quick else [stack.enter_context(Worker("ninja", "authenticate", algorithm=algorithm))]
        for (key, sight), times in zip(SIGHTS.items(), _STATELESS[algorithm], strict=True):
            work = f"stateless, {sight}, {algorithm}"
            print(f"  {work}", flush=True)
            turns = [Turn("ours", ours, f"stateless {key}"), Turn("published", published, f"stateless {key}")]
            turns += [Turn("ninja", ninja, "ninja stateless") for ninja in peers if key == "again"]
            turns += [Turn("floor", ours, f"floor {key}")]
            # An RSA signature takes 20 times as long to make as to verify, and each first sight needs one.
            count = 200 if (algorithm, key) == ("RS256", "first") else 1000
            values = medians(turns, **_counts(scale, count), unit="µs")
            rows.append(Row("authenticate", work, "µs", values, target=faster(times)))
    return rows


def _stateful(database: str, scale: Scale) -> Row:
    with ExitStack() as stack:

        def turn(name: str, package: str, work: str, apps: list[str]) -> Turn:
            url = stack.enter_context(new_database(database, f"authenticate_{name.lower().replace(' ', '_')}"))
            project = {"database": url, "apps": apps}
            return Turn(name, stack.enter_context(Worker(package, "authenticate", **project)), work)

        turns = [turn(package, package, "stateful", []) for package in ("ours", "published")]
        turns += [] if scale.quick else [turn(name, *peer) for name, peer in _PEERS.items()]
        turns.append(Turn("floor", turns[0].worker, "floor stateful"))
        return _row("user row, HS256", database, turns, scale, faster(_STATEFUL[database]))


def _sliding(database: str, scale: Scale) -> Row:
    jwt = {"AUTH_TOKEN_CLASSES": ["rest_framework_simplejwt.tokens.SlidingToken"]}
    with ExitStack() as stack:

        def turn(package: str) -> Turn:
            project = {
                "database": stack.enter_context(new_database(database, f"sliding_{package}")),
                "apps": [BLACKLIST],
            }
            worker = stack.enter_context(Worker(package, "authenticate", jwt=jwt, **project))
            return Turn(package, worker, "sliding")

        turns = [turn("ours"), turn("published")]
        turns.append(Turn("floor", turns[0].worker, "floor sliding"))
        return _row("sliding token, blacklist app", database, turns, scale)


def _row(work: str, database: str, turns: list[Turn], scale: Scale, target: Target | None = None) -> Row:
    print(f"  {work}, {database}", flush=True)
    values = medians(turns, **_counts(scale, 300), unit="µs")
    statements = {turn.name: turn.worker.statements(turn.work) for turn in turns}
    return Row("authenticate", work, "µs", values, database, target, statements)


def _counts(scale: Scale, count: int) -> dict[str, int]:
    return {"rounds": 5, "count": 100} if scale.quick else {"rounds": 21, "count": count}
