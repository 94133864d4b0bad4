"""The system checks of ``SIMPLE_JWT``: they report wrong settings before the server takes traffic.

Each check is one function. The modules group the checks by subject, and ``CHECKS`` finds them by id.
An error reports a setting that can't work or that protects nothing. Errors stop ``migrate`` and
``runserver``, so a setting that worked with 5.5.1 is reported as a warning at most. Security advice runs
with ``check --deploy`` only, and checks that query a database run with ``check --database`` only.
"""

from __future__ import annotations

# Importing these modules registers their checks with Django.
from . import advice, caches, generated, imports, keys, names, revocation, rings, tables, trust
from .registry import CHECKS, Check
from .shapes import is_grace_period_valid, unmet_expectation

__all__ = [
    "CHECKS",
    "Check",
    "advice",
    "caches",
    "generated",
    "imports",
    "is_grace_period_valid",
    "keys",
    "names",
    "revocation",
    "rings",
    "tables",
    "trust",
    "unmet_expectation",
]
