"""Runs one section as a program, and prints its rows."""

# ruff: noqa: T201  # a program that prints

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable

from benchmarks import report
from benchmarks.rows import Row
from benchmarks.scale import Scale


def run(measure: Callable[[Scale], list[Row]]) -> None:
    parser = argparse.ArgumentParser(description=sys.modules[measure.__module__].__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything")
    options = parser.parse_args()
    # A polite kill unwinds too: servers are stopped and databases dropped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    for row in measure(Scale(quick=options.quick)):
        print(report.line(row))
