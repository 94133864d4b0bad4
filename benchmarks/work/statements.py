"""SQL for a PostgreSQL server, outside any transaction: ``python -m benchmarks.work.statements URL [SQL ...]``."""

from __future__ import annotations

import sys

import psycopg


def main() -> None:
    url, *statements = sys.argv[1:]
    with psycopg.connect(url, autocommit=True, connect_timeout=3) as server:
        for statement in statements:
            server.execute(statement.encode())


if __name__ == "__main__":
    main()
