"""System checks: what is wrong with the settings, said before the server takes traffic.

Each check is a function in one of these modules, by subject; ``CHECKS`` has them by their id.
An error is what can't work, or protects nothing; it stops ``migrate`` and ``runserver``, so what
worked until now is a warning at most. Advice on security comes with ``check --deploy``,
and what asks a database runs with ``check --database``.
"""

from __future__ import annotations

# Importing them registers them.
from . import advice, caches, generated, imports, keys, names, revocation, rings, tables, trust
from .registry import CHECKS, Check
from .shapes import complaint, grace_period_is_sound

__all__ = [
    "CHECKS",
    "Check",
    "advice",
    "caches",
    "complaint",
    "generated",
    "grace_period_is_sound",
    "imports",
    "keys",
    "names",
    "revocation",
    "rings",
    "tables",
    "trust",
]
