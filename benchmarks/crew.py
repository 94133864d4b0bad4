"""The workers: long-lived processes, each in its package's environment, which measure in turn."""

# ruff: noqa: S603  # subprocesses that are all its own

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from statistics import median
from typing import Any

from benchmarks.environments import CHECKOUT, python_of

PATIENCE = 10


class Worker:
    """``python -m benchmarks.<module>`` in the environment of ``package``."""

    def __init__(self, package: str, module: str, *arguments: str) -> None:
        command = [str(python_of(package)), "-m", f"benchmarks.{module}", *arguments]
        self.process = subprocess.Popen(
            command, cwd=CHECKOUT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, work: str, **arguments: Any) -> Any:
        self.tell(work, **arguments)
        return self.answer()

    def tell(self, work: str, **arguments: Any) -> None:
        """Sends a request without waiting. To use several workers at once, ``tell`` all, then ``answer`` each."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"work": work, **arguments}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended with status {self.process.wait(PATIENCE)}")
        return json.loads(line)


def environment(**more: str) -> dict[str, str]:
    """Returns the environment variables, without a path that would import another package than the measured one."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more


@contextmanager
def worker(package: str, module: str, *arguments: str) -> Iterator[Worker]:
    """Starts a worker of ``benchmarks.work``."""
    employed = Worker(package, f"work.{module}", *arguments)
    try:
        yield employed
    finally:
        stop(employed.process)


def stop(process: subprocess.Popen[str]) -> None:
    """Stops a server by a signal, and a worker by closing its input."""
    if process.stdin is not None:
        # The pipe is broken if the worker stopped before it had read its input.
        with suppress(BrokenPipeError):
            process.stdin.close()
    else:
        process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def in_turn(rounds: int, works: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Returns the median of each work. Each round does every work once, so that load on the machine affects all."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(work())
    return {name: median(values) for name, values in found.items()}
