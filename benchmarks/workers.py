"""Worker processes, one for each package, which measure calls in turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import crew

IN_A_SECOND = {"µs": 1e6, "ms": 1e3}


class Worker(crew.Worker):
    """A process for ``benchmarks/workloads/<workload>.py``, in the environment of a package and a new project."""

    def __init__(self, package: str, workload: str, **project: Any) -> None:
        super().__init__(package, "worker", json.dumps({"workload": workload, "project": project}))

    def __enter__(self) -> Worker:
        # Waits until it is ready: migrations would disturb the measurement of another worker.
        self.answer()
        return self

    def __exit__(self, *raised: object) -> None:
        crew.stop(self.process)

    def seconds(self, work: str, count: int) -> float:
        """Returns the average seconds of ``count`` calls."""
        return self.ask(work, count=count)

    def statements(self, work: str) -> list[str]:
        """Returns the statements that one call sends, including transaction commands."""
        return self.ask(work, statements=True)


@dataclass(frozen=True)
class Turn:
    """The name of a column, and the worker and work that are measured for it."""

    name: str
    worker: Worker
    work: str


def medians(turns: Sequence[Turn], *, rounds: int, count: int, unit: str) -> dict[str, float]:
    """Returns the median seconds of a call over ``rounds``. In each round every worker does ``count`` calls."""
    works = {turn.name: partial(turn.worker.seconds, turn.work, count) for turn in turns}
    # One call is not measured: it connects and compiles queries.
    crew.in_turn(1, works)
    return {name: seconds * IN_A_SECOND[unit] for name, seconds in crew.in_turn(rounds, works).items()}
