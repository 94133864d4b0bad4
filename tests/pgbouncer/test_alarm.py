"""Reuse inside a project's own transactions, where every connection of a small pool is taken."""

import threading
import time
from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction

from rest_framework_simplejwt import revocation, rotation
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError
from rest_framework_simplejwt.tokens import RefreshToken

from .proxy import pgbouncer

SIZE = 4
SESSION_STATE = "SELECT pg_backend_pid(), name, setting FROM pg_settings WHERE source = 'session' OR name ~ 'timeout'"


@contextmanager
def behind_pgbouncer():
    settings = connection.settings_dict
    direct = settings["HOST"], settings["PORT"]
    with pgbouncer(f"postgres://{settings['USER']}@{direct[0]}:{direct[1] or 5432}/", size=SIZE, idle=600) as url:
        settings["HOST"], settings["PORT"] = url.rpartition("@")[2].rstrip("/").split(":")
        yield
        connections.close_all()
    settings["HOST"], settings["PORT"] = direct


@contextmanager
def with_djangos_pool():
    options = connection.settings_dict["OPTIONS"]
    # Longer than the test may take: who waits for a connection fails it.
    options["pool"] = {"min_size": SIZE, "max_size": SIZE, "timeout": 20}
    yield
    connections.close_all()
    connection.close_pool()
    del options["pool"]


@pytest.fixture(params=[behind_pgbouncer, with_djangos_pool])
def pool(request, transactional_db):
    connections.close_all()
    with request.param():
        yield request.param
    connections.close_all()


def together(count, work):
    """What ``work(number, meet)`` answers in so many threads, each with connections of its own."""
    door, answers = threading.Barrier(count, timeout=15), {}

    def run(number):
        try:
            answers[number] = work(number, door.wait)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return [answers[number] for number in range(count)]


def session_state():
    """The settings of each connection in the pool, by its process."""

    def look(number, meet):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SESSION_STATE)
            found = cursor.fetchall()
            meet()
        return found

    return {tuple(row) for rows in together(SIZE, look) for row in rows}


def spent_tokens(count):
    user = get_user_model().objects.create_user("alice")
    tokens = [RefreshToken.for_user(user) for _ in range(count)]
    for token in tokens:
        rotation.refresh(rotation.present(RefreshToken, str(token)))
    return tokens


def replay(token, meet=lambda: None):
    """How long it took, in seconds, inside a transaction that commits."""
    with transaction.atomic():
        get_user_model().objects.count()
        meet()
        began = time.monotonic()
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, str(token))
        return time.monotonic() - began


def is_ended(token):
    return revocation.family_store().is_revoked(token["family_id"])


def test_an_exhausted_pool_holds_no_alarm_up(pool):
    """As many transactions as there are connections, and a reuse in each of them."""
    tokens = spent_tokens(SIZE)
    connections.close_all()
    took = together(SIZE, lambda number, meet: replay(tokens[number], meet))
    assert all(is_ended(token) for token in tokens)
    print("seconds:", took)
    # Not a measurement: what waits for the pool takes 20 seconds or more, and a busy machine some.
    assert max(took) < 5


def test_no_setting_stays_on_a_connection(pool):
    tokens = spent_tokens(3)
    connections.close_all()
    before = session_state()
    for token in tokens:
        with transaction.atomic():
            replay(token)
            transaction.set_rollback(True)
    connections.close_all()
    assert all(is_ended(token) for token in tokens), "the alarm outlives a rollback"
    connections.close_all()
    assert session_state() == before
    assert len({pid for pid, _, _ in before}) == SIZE
