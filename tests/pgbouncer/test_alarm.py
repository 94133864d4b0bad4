"""Reuse is detected inside a project's own transactions while every connection of a small pool is in use."""

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
def use_pgbouncer():
    settings = connection.settings_dict
    direct = settings["HOST"], settings["PORT"]
    with pgbouncer(f"postgres://{settings['USER']}@{direct[0]}:{direct[1] or 5432}/", size=SIZE, idle=600) as url:
        settings["HOST"], settings["PORT"] = url.rpartition("@")[2].rstrip("/").split(":")
        yield
        connections.close_all()
    settings["HOST"], settings["PORT"] = direct


@contextmanager
def use_djangos_pool():
    options = connection.settings_dict["OPTIONS"]
    # Longer than the test may take, so a wait for a connection makes it fail.
    options["pool"] = {"min_size": SIZE, "max_size": SIZE, "timeout": 20}
    yield
    connections.close_all()
    connection.close_pool()
    del options["pool"]


@pytest.fixture(params=[use_pgbouncer, use_djangos_pool])
def pool(request, transactional_db):
    connections.close_all()
    with request.param():
        yield request.param
    connections.close_all()


def run_in_threads(count, work):
    """Call ``work(number, meet)`` in ``count`` threads and return the results. ``meet()`` waits for all threads."""
    barrier, answers = threading.Barrier(count, timeout=15), {}

    def run(number):
        try:
            answers[number] = work(number, barrier.wait)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return [answers[number] for number in range(count)]


def session_state():
    """Return the settings of each connection in the pool, with the id of its server process."""

    def read_settings(number, meet):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SESSION_STATE)
            found = cursor.fetchall()
            meet()
        return found

    return {tuple(row) for rows in run_in_threads(SIZE, read_settings) for row in rows}


def consumed_tokens(count):
    user = get_user_model().objects.create_user("alice")
    tokens = [RefreshToken.for_user(user) for _ in range(count)]
    for token in tokens:
        rotation.refresh(rotation.present(RefreshToken, str(token)))
    return tokens


def reuse(token, meet=lambda: None):
    """Present a consumed token inside a transaction. Return how many seconds that took."""
    with transaction.atomic():
        get_user_model().objects.count()
        meet()
        start = time.monotonic()
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, str(token))
        return time.monotonic() - start


def is_family_revoked(token):
    return revocation.family_store().is_revoked(token["family_id"])


def test_an_exhausted_pool_does_not_delay_an_alarm(pool):
    """There are as many transactions as connections, and reuse in each of them."""
    tokens = consumed_tokens(SIZE)
    connections.close_all()
    durations = run_in_threads(SIZE, lambda number, meet: reuse(tokens[number], meet))
    assert all(is_family_revoked(token) for token in tokens)
    print("seconds:", durations)
    # A wait for the pool would take 20 seconds or more. A busy machine may take some seconds.
    assert max(durations) < 5


def test_the_alarm_leaves_no_setting_on_a_connection(pool):
    tokens = consumed_tokens(3)
    connections.close_all()
    before = session_state()
    for token in tokens:
        with transaction.atomic():
            reuse(token)
            transaction.set_rollback(True)
    connections.close_all()
    assert all(is_family_revoked(token) for token in tokens), "a rollback does not undo the alarm"
    connections.close_all()
    assert session_state() == before
    assert len({pid for pid, _, _ in before}) == SIZE
