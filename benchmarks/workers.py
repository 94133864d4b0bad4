"""The processes that do the work of one call, one for each package, taking turns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import crew

IN_A_SECOND = {"µs": 1e6, "ms": 1e3}


class Worker(crew.Worker):
    """``benchmarks/workloads/<workload>.py`` in the environment of a package, in a project of its own."""

    def __init__(self, package: str, workload: str, **project: Any) -> None:
        super().__init__(package, "worker", json.dumps({"workload": workload, "project": project}))

    def __enter__(self) -> Worker:
        # Ready: two that migrate, or one that migrates while another is timed, would disturb each other.
        self.answer()
        return self

    def __exit__(self, *raised: object) -> None:
        crew.stop(self.process)

    def seconds(self, work: str, count: int) -> float:
        """For one of ``count`` calls, on average."""
        return self.ask(work, count=count)

    def statements(self, work: str) -> list[str]:
        """What one call sends to its database, the commands of transactions included."""
        return self.ask(work, statements=True)


@dataclass(frozen=True)
class Turn:
    """Whose work it is, by the name of its column, and who does it."""

    name: str
    worker: Worker
    work: str


def medians(turns: Sequence[Turn], *, rounds: int, count: int, unit: str) -> dict[str, float]:
    """The median over ``rounds`` of what a call takes; in each round everyone has a turn of ``count`` calls."""
    works = {turn.name: partial(turn.worker.seconds, turn.work, count) for turn in turns}
    # Once for nothing: what is compiled or connected once is not what a call takes.
    crew.in_turn(1, works)
    return {name: seconds * IN_A_SECOND[unit] for name, seconds in crew.in_turn(rounds, works).items()}
