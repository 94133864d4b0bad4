"""Fills a table of tokens, or deletes its expired rows in one way: ``python -m benchmarks.work.flush``."""

# ruff: noqa: S608, T201  # SQL that is all its own, and output that is the answer

from __future__ import annotations

import json
import re
import sys
import time
from datetime import timedelta
from io import StringIO
from pathlib import Path

from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from benchmarks.work.filling import JTI, TEXT, series
from benchmarks.work.project import BLACKLIST_APP, set_up

# Aged: one lifetime, so the first half has expired. Mixed: several lifetimes, so every second row has expired.
_IS_EXPIRED = {"aged": "n <= {rows} / 2", "mixed": "MOD(n, 2) = 0"}
# Half of all tokens are revoked, expired or not.
_IS_REVOKED = "MOD(id, 4) < 2"


def main() -> None:
    url, way, *size = sys.argv[1:]
    set_up(url, BLACKLIST_APP)
    if way == "fill":
        fill(int(size[0]), size[1])
    else:
        print(json.dumps(measure(way)))


def fill(rows: int, layout: str) -> None:
    call_command("migrate", verbosity=0)
    vendor = connection.vendor
    is_expired = _IS_EXPIRED[layout].format(rows=rows)
    now = timezone.now()
    times = [now - timedelta(days=1), now + timedelta(days=1)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO token_blacklist_outstandingtoken (jti, token, created_at, expires_at) "
            f"{series(vendor, 1, rows)} SELECT {JTI[vendor]}, {TEXT[vendor]}, %s, "
            f"CASE WHEN {is_expired} THEN %s ELSE %s END FROM series ORDER BY n",
            [now, *times],
        )
        cursor.execute(
            "INSERT INTO token_blacklist_blacklistedtoken (token_id, blacklisted_at) "
            f"SELECT id, %s FROM token_blacklist_outstandingtoken WHERE {_IS_REVOKED} ORDER BY id",
            [now],
        )
        if vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")


def measure(way: str) -> dict[str, float]:
    """Returns the seconds, and the peak memory in MB above that of the idle, connected process."""
    connection.ensure_connection()
    idle = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    {"bare": _delete, "command": lambda: call_command("flushexpiredtokens", stdout=StringIO())}[way]()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "memory": _memory("VmHWM") - idle, "rows": _count()}


def _delete() -> None:
    now = timezone.now()
    expired = "FROM token_blacklist_outstandingtoken WHERE expires_at <= %s"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM token_blacklist_blacklistedtoken WHERE token_id IN (SELECT id {expired})", [now])
        cursor.execute(f"DELETE {expired}", [now])


def _count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM token_blacklist_outstandingtoken")
        return int(cursor.fetchone()[0])


def _memory(field: str) -> float:
    """Returns a memory field of this process in MB, as Linux reports it."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
