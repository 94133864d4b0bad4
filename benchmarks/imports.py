"""Imports: the time and the modules that a project with HS256 needs when it starts."""

# ruff: noqa: S603, T201  # a program that prints, and whose subprocesses are all its own

from __future__ import annotations

import json
import subprocess
from statistics import median

from .environments import CHECKOUT, python_of
from .rows import Row
from .scale import Scale

_UNITS = {"ms": "ms", "modules": "modules", "cryptography": "loads cryptography"}
_PACKAGES = ("ours", "published")


def measure(scale: Scale) -> list[Row]:
    return [row for module in ("authentication", "views") for row in _rows(module, 2 if scale.quick else 15)]


def _rows(module: str, rounds: int) -> list[Row]:
    work = f"`import rest_framework_simplejwt.{module}`"
    print(f"  {work}", flush=True)
    taken: dict[str, list[dict[str, float]]] = {package: [_import(package, module)] for package in _PACKAGES}
    for _ in range(rounds):
        for package, runs in taken.items():
            runs.append(_import(package, module))
    # The first run of each only fills the file system's cache.
    return [
        Row("imports", work, unit, {name: median(run[key] for run in runs[1:]) for name, runs in taken.items()})
        for key, unit in _UNITS.items()
    ]


def _import(package: str, module: str) -> dict[str, float]:
    program = "benchmarks.workloads.imports"
    command = [str(python_of(package)), "-m", program, f"rest_framework_simplejwt.{module}"]
    return json.loads(subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True).stdout)
