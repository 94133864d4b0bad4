"""With RACE_ISOLATION the whole suite runs at that isolation level; this makes sure that it does."""

import pytest
from django.conf import settings
from django.db import connection

from . import tasks

LEVEL = {
    "postgresql": "SHOW transaction_isolation",
    "mysql": "SELECT LOWER(REPLACE(@@tx_isolation, '-', ' '))",
}


@pytest.mark.skipif(not settings.ISOLATION, reason="RACE_ISOLATION is not set")
def test_every_racer_is_at_that_level(threads, processes):
    for crew in (threads, processes):
        assert set(crew.each(tasks.ask, LEVEL[connection.vendor])) == {settings.ISOLATION}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="WAL is SQLite's")
def test_every_racer_writes_ahead(threads, processes):
    for crew in (threads, processes):
        assert set(crew.each(tasks.ask, "PRAGMA journal_mode")) == {"wal"}
