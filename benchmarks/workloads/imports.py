"""Measures an import in a new process: ``python -m benchmarks.workloads.imports MODULE``."""

# ruff: noqa: T201  # a program that prints

from __future__ import annotations

import json
import sys
from importlib import import_module
from time import perf_counter

from ..project import set_up


def main() -> None:
    set_up()
    # Every project loads these modules of DRF, so they do not count.
    for module in ("authentication", "generics", "serializers", "views"):
        import_module(f"rest_framework.{module}")
    before = set(sys.modules)
    start = perf_counter()
    import_module(sys.argv[1])
    seconds = perf_counter() - start
    new = set(sys.modules) - before
    print(json.dumps({"ms": seconds * 1e3, "modules": len(new), "cryptography": int("cryptography" in sys.modules)}))


if __name__ == "__main__":
    main()
