"""The protocol of a worker: it reads requests and prints results, both as lines of JSON."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any


def listen(works: dict[str, Callable[..., Any]]) -> None:
    # What a package prints must not appear among the results.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        arguments = json.loads(line)
        work = works[arguments.pop("work")]
        answers.write(json.dumps(work(**arguments)) + "\n")
        answers.flush()


def timed(call: Callable[[Any], Any], each: Sequence[Any], seconds: float = 60.0) -> float:
    """Returns the seconds per call, for as many of ``each`` as fit into ``seconds``, at least one."""
    gc.collect()
    gc.disable()
    try:
        done, start = 0, time.perf_counter()
        for argument in each:
            call(argument)
            done += 1
            now = time.perf_counter()
            if now - start > seconds:
                break
        return (now - start) / done
    finally:
        gc.enable()
