"""What the views cost that write or ask the database, in time and in statements.

Targets on statements are promises: ``python -m benchmarks`` fails when one of them is broken.
"""

# ruff: noqa: S603, T201  # a program that prints, and whose subprocesses are all its own

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from .authenticate import BLACKLIST
from .databases import database as new_database
from .databases import stores
from .environments import python_of
from .rows import Row, Target, faster
from .scale import Scale
from .workers import Turn, Worker, medians

FAMILY = "rest_framework_simplejwt.token_family"
STATEMENTS, IN_ALL = "statements", "statements in all"
_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
_ROTATION = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}


@dataclass(frozen=True)
class Endpoint:
    """One request to a view. ``times``: the minimum speed relative to the published package, for each database.

    ``most``: how many statements it may send there, counted in ``unit``.
    """

    work: str
    key: str
    floor: str | None = None
    times: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    unit: str = IN_ALL


@dataclass(frozen=True)
class Project:
    """The settings and apps for a group of endpoints, and one worker for each package."""

    name: str
    jwt: dict[str, Any]
    apps: list[str]
    endpoints: list[Endpoint]


def _on_both(number: float) -> dict[str, float]:
    return {"SQLite": number, "PostgreSQL": number}


_ROTATES = {"times": {"SQLite": 2.5, "PostgreSQL": 3.5}, "most": {"SQLite": 6, "PostgreSQL": 3}}


PROJECTS = [
    Project(
        "rotation",
        _ROTATION,
        [BLACKLIST],
        [
            Endpoint("refresh, rotation + blacklist", "refresh", "floor rotate", **_ROTATES),
            Endpoint("blacklist one token", "blacklist", "floor blacklist", _on_both(2), _on_both(3)),
            Endpoint("obtain a pair, blacklist app", "obtain", None, _on_both(1), _on_both(3), STATEMENTS),
        ],
    ),
    Project(
        "family",
        {**_ROTATION, "TOKEN_FAMILY_ENABLED": True},
        [BLACKLIST, FAMILY],
        [
            Endpoint("refresh, with families", "refresh", "floor rotate", **_ROTATES),
            Endpoint("obtain a pair, blacklist and family", "obtain", None, _on_both(1), _on_both(3), STATEMENTS),
        ],
    ),
    # These endpoints use different tokens, so they share a worker.
    Project(
        "plain",
        {"AUTH_TOKEN_CLASSES": ["rest_framework_simplejwt.tokens.SlidingToken"]},
        [BLACKLIST],
        [
            Endpoint("refresh without rotation, blacklist app", "refresh", "floor user", _on_both(2), _on_both(2)),
            Endpoint("GET with a sliding token, blacklist app", "get", "floor user", _on_both(2.5), _on_both(2)),
        ],
    ),
]


def measure(scale: Scale) -> list[Row]:
    return [row for database in stores() for project in PROJECTS for row in _rows(project, database, scale)]


def _rows(project: Project, database: str, scale: Scale) -> Iterator[Row]:
    with ExitStack() as stack:
        workers = {}
        for package in _able(project):
            url = stack.enter_context(new_database(database, f"{project.name}_{package}"))
            worker = Worker(package, "endpoints", database=url, apps=project.apps, jwt=project.jwt)
            workers[package] = stack.enter_context(worker)
        for endpoint in project.endpoints:
            print(f"  {endpoint.work}, {database}", flush=True)
            yield from _of(endpoint, database, workers, scale)


def _able(project: Project) -> list[str]:
    """Returns the packages that have the project's apps."""
    code = f"from importlib.util import find_spec; raise SystemExit(not all(map(find_spec, {project.apps})))"
    able = [name for name in ("ours", "published") if not subprocess.run([str(python_of(name)), "-c", code]).returncode]
    if "published" not in able:
        print(f"  {project.name}: the published package has no such app; ours alone", flush=True)
    return able


def _of(endpoint: Endpoint, database: str, workers: dict[str, Worker], scale: Scale) -> Iterator[Row]:
    turns = [Turn(package, worker, endpoint.key) for package, worker in workers.items()]
    turns += [Turn("floor", workers["ours"], endpoint.floor)] if endpoint.floor else []
    counts = {"rounds": 3, "count": 10} if scale.quick else {"rounds": 21, "count": 30}
    values = medians(turns, **counts, unit="ms")
    is_comparable = endpoint.times and "published" in values
    target = faster(endpoint.times[database]) if is_comparable else None
    yield Row("endpoints", endpoint.work, "ms", values, database, target)
    statements = {turn.name: turn.worker.statements(turn.work) for turn in turns}
    yield _count(endpoint, database, statements)


def _count(endpoint: Endpoint, database: str, statements: dict[str, list[str]]) -> Row:
    values = {name: float(_number(sent, endpoint.unit)) for name, sent in statements.items()}
    return Row(
        "endpoints", endpoint.work, endpoint.unit, values, database, at_most(endpoint.most[database]), statements
    )


def _number(statements: list[str], unit: str) -> int:
    return len([each for each in statements if unit == IN_ALL or not each.startswith(_TRANSACTION)])


def at_most(number: float) -> Target:
    return Target(f"≤ {number:g}", lambda values: values["ours"] <= number)
