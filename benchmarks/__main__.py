"""Runs all benchmarks, compared with other packages: ``python -m benchmarks [--quick] [--only SECTION ...]``.

Needs Python 3.11 and ``uv``: the measured packages are installed into separate environments. Times are only
reported. It fails only if a view sends more statements than promised.
"""

# ruff: noqa: T201  # a program that prints

from __future__ import annotations

import argparse
import signal
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from . import plots, report
from .rows import Row
from .scale import Scale

SECTIONS = ("core", "authenticate", "endpoints", "imports", "served", "growth", "race", "flush")
QUICK = ("core", "authenticate", "endpoints")


def main() -> None:
    options = _parser().parse_args()
    # A polite kill unwinds too: workers end and databases are dropped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    folder = options.output or (None if options.quick or options.only else Path(__file__).parent)
    rows: list[Row] = []
    for section in options.only or (QUICK if options.quick else SECTIONS):
        rows += _measured(section, Scale(quick=options.quick))
        # Written after each section, so that a later failure loses nothing.
        if folder is not None:
            report.write(rows, folder)
            plots.write(rows, folder / "plots")
    broken = [row for row in rows if row.unit.startswith("statements") and report.is_met(row) is False]
    if broken:
        sys.exit("\n".join(["too many statements:", *map(report.line, broken)]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)} with small counts; writes nothing")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--output", type=Path, help="folder for results.md and plots/; a full run's is benchmarks/")
    return parser


def _measured(section: str, scale: Scale) -> list[Row]:
    if find_spec(f"benchmarks.{section}") is None:
        print(f"{section}: there is no such section yet", flush=True)
        return []
    module = import_module(f"benchmarks.{section}")
    if not hasattr(module, "measure"):
        print(f"{section}: a program of its own, python -m benchmarks.{section}", flush=True)
        return []
    print(f"{section}: {module.__doc__.splitlines()[0]}", flush=True)
    start = time.monotonic()
    rows = module.measure(scale)
    for row in rows:
        print(report.line(row))
        if row.unit.startswith("statements"):
            print(report.statements(row))
    print(f"{section}: {time.monotonic() - start:.0f} s", flush=True)
    return rows


if __name__ == "__main__":
    main()
