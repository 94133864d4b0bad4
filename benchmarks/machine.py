"""The machine of a measurement, and the versions of the software."""

# ruff: noqa: S603  # subprocesses that are all its own

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from .databases import POSTGRESQL, SERVER, stores
from .environments import CHECKOUT, PACKAGES, python_of

_DISTRIBUTIONS = {
    "ours": "djangorestframework-simplejwt",
    "published": "djangorestframework-simplejwt",
    "knox": "django-rest-knox",
    "ninja": "django-ninja-jwt",
}
_COMMON = {"Django": "django", "DRF": "djangorestframework", "PyJWT": "pyjwt", "cryptography": "cryptography"}


def machine() -> dict[str, str]:
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "CPU": f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown",
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release().split('-')[0]}",
    }


def versions() -> dict[str, str]:
    found = {"Python": _ask("plain", "import platform; print(platform.python_version())")}
    found |= {name: _version("plain", distribution) for name, distribution in _COMMON.items()}
    found["SQLite"] = _ask("plain", "import sqlite3; print(sqlite3.sqlite_version)")
    if POSTGRESQL in stores():
        code = f"import psycopg; print(psycopg.connect({SERVER!r}).execute('SHOW server_version').fetchone()[0])"
        found["PostgreSQL"] = _ask("plain", code)
    return found | {
        package: f"{_DISTRIBUTIONS[package]} {_version(package, _DISTRIBUTIONS[package])}"
        for package in PACKAGES
        if package in _DISTRIBUTIONS
    }


def _version(package: str, distribution: str) -> str:
    return _ask(package, f"from importlib.metadata import version; print(version({distribution!r}))")


def _ask(package: str, code: str) -> str:
    command = [str(python_of(package)), "-c", code]
    return subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
