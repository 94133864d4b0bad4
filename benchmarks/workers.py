"""The processes that do the work, one for each package, taking turns."""

# ruff: noqa: S603  # subprocesses that are all its own

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from types import TracebackType
from typing import Any

from .environments import CHECKOUT, python_of

IN_A_SECOND = {"µs": 1e6, "ms": 1e3}


class Worker:
    """``benchmarks/workloads/<workload>.py`` in the environment of a package, in a project of its own."""

    def __init__(self, package: str, workload: str, **project: Any) -> None:
        options = {"workload": workload, "project": project}
        command = [str(python_of(package)), "-m", "benchmarks.worker", json.dumps(options)]
        self._name = f"{package} {workload}"
        self._process = subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def __enter__(self) -> Worker:
        # Ready: two that migrate, or one that migrates while another is timed, would disturb each other.
        self._answer()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def seconds(self, work: str, count: int) -> float:
        """For one of ``count`` calls, on average."""
        return self._ask(work=work, count=count)

    def statements(self, work: str) -> list[str]:
        """What one call sends to its database, the commands of transactions included."""
        return self._ask(work=work, statements=True)

    def _ask(self, **question: Any) -> Any:
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self._name} ended with status {self._process.wait()}")
        return json.loads(line)


@dataclass(frozen=True)
class Turn:
    """Whose work it is, by the name of its column, and who does it."""

    name: str
    worker: Worker
    work: str


def medians(turns: Sequence[Turn], *, rounds: int, count: int, unit: str) -> dict[str, float]:
    """The median over ``rounds`` of what a call takes; in each round everyone has a turn of ``count`` calls."""
    for turn in turns:
        turn.worker.seconds(turn.work, count)
    taken: dict[str, list[float]] = {turn.name: [] for turn in turns}
    for _ in range(rounds):
        for turn in turns:
            taken[turn.name].append(turn.worker.seconds(turn.work, count))
    return {name: median(seconds) * IN_A_SECOND[unit] for name, seconds in taken.items()}
