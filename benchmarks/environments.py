"""The measured packages, each in a separate environment with the same Django, DRF and PyJWT."""

# ruff: noqa: S603, S607  # subprocesses that are all its own

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import gettempdir

# Outside the checkout, and kept for the next run.
FOLDER = Path(os.environ.get("BENCHMARK_ENVIRONMENTS", Path(gettempdir()) / "simplejwt-benchmarks"))
CHECKOUT = Path(__file__).parent.parent

COMMON = ["django~=5.2.0", "djangorestframework>=3.16", "pyjwt>=2.15", "cryptography>=42"]
COMMON += ["dj-database-url>=2.2", "psycopg[binary]", "gunicorn>=22"]

# `plain` is DRF alone: its TokenAuthentication, Django's sessions, and no authentication at all.
PACKAGES = {
    "ours": ["-e", str(CHECKOUT)],
    "published": ["djangorestframework-simplejwt==5.5.1"],
    "knox": ["django-rest-knox"],
    "ninja": ["django-ninja-jwt"],
    "plain": [],
}


def python_of(package: str) -> Path:
    """Returns the interpreter of the environment with ``package``, which the first call creates."""
    folder = FOLDER / package
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", "3.11", str(folder)], check=True)
        command = ["uv", "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*command, *PACKAGES[package], *COMMON], check=True)
    return python
