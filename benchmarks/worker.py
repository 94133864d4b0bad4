"""The process of ``workers.Worker``: does the work named in each line of its input, and prints the result as a line."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import Any

from .project import set_up


def main() -> None:
    options = json.loads(sys.argv[1])
    # Standard output is for results alone: what a package prints goes to standard error.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        set_up(**options["project"])
        workload = import_module(f"benchmarks.workloads.{options['workload']}")
        print(json.dumps("ready"), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(_answer(workload.WORK, **json.loads(line))), file=answers, flush=True)


def _answer(works: dict[str, Any], work: str, count: int = 2, *, statements: bool = False) -> Any:
    function, arguments = works[work](count)
    return _statements(function, *arguments) if statements else _seconds(function, arguments)


def _seconds(function: Callable[[Any], object], arguments: list[Any]) -> float:
    """Returns the average seconds for each argument."""
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        for argument in arguments:
            function(argument)
        return (perf_counter() - start) / len(arguments)
    finally:
        gc.enable()


def _statements(function: Callable[[Any], object], first: Any, second: Any) -> list[str]:
    """Returns the statements of the second call. The first one connects and compiles queries."""
    from .wire import recorded

    function(first)
    with recorded() as statements:
        function(second)
    return statements


if __name__ == "__main__":
    main()
