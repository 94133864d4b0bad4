"""Every racer uses the isolation level RACE_ISOLATION, if that is set."""

import pytest
from django.conf import settings
from django.db import connection

from . import tasks

LEVEL = {
    "postgresql": "SHOW transaction_isolation",
    "mysql": "SELECT LOWER(REPLACE(@@tx_isolation, '-', ' '))",
}


@pytest.mark.skipif(not settings.ISOLATION, reason="RACE_ISOLATION is not set")
def test_every_racer_uses_the_isolation_level(threads, processes):
    for crew in (threads, processes):
        assert set(crew.each(tasks.query, LEVEL[connection.vendor])) == {settings.ISOLATION}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="WAL is SQLite's")
def test_every_racer_uses_the_write_ahead_log(threads, processes):
    for crew in (threads, processes):
        assert set(crew.each(tasks.query, "PRAGMA journal_mode")) == {"wal"}
