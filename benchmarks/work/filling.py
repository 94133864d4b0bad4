"""Lets the database itself generate rows, a million in a few seconds."""

from __future__ import annotations

# As long as a refresh token with a few claims, and random like a signature.
TEXT = {
    "sqlite": "hex(randomblob(150))",
    "postgresql": "md5(random()::text) || repeat(md5(random()::text) || md5(random()::text), 4)",
}
JTI = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "md5(random()::text || n)"}
_SERIES = {
    "sqlite": "WITH RECURSIVE series(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM series WHERE n < {last})",
    "postgresql": "WITH series AS (SELECT generate_series({first}, {last}) AS n)",
}


def series(vendor: str, first: int, last: int) -> str:
    """Returns the start of an INSERT ... SELECT: a table ``series`` whose ``n`` counts from ``first`` to ``last``."""
    return _SERIES[vendor].format(first=first, last=last)
