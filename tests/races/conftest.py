"""Fixtures of the race tests: crews of threads and processes, and new tokens."""

from itertools import cycle, islice, product

import pytest
from django.conf import settings as django_settings
from django.db import connection

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.tokens import RefreshToken

from . import crew, rendezvous, tasks

ON_REDIS = django_settings.STORE == "redis"

# Another isolation level only changes whether conflicts are detected, so fewer rounds are enough.
ROUNDS = 10 if django_settings.ISOLATION else 50
FEW = 10


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        set_journal_mode("WAL")
        connection.close()


@pytest.fixture(scope="session", autouse=True)
def _rendezvous():
    rendezvous.install()


@pytest.fixture(autouse=True)
def _empty_redis(transactional_db):
    if ON_REDIS:
        revocation.token_store().empty()
    yield
    if ON_REDIS:
        revocation.token_store().empty()


@pytest.fixture(scope="session")
def sixteen_threads(django_db_setup):
    threads = crew.threads(16)
    yield threads
    threads.stop()


@pytest.fixture(scope="session")
def eight_processes(django_db_setup):
    processes = crew.processes(8)
    yield processes
    processes.stop()


@pytest.fixture
def threads(sixteen_threads, transactional_db):
    return sixteen_threads


@pytest.fixture
def processes(eight_processes, transactional_db, settings):
    """Processes with the current settings. A fixture that changes the settings must be requested first."""
    eight_processes.each(tasks.configure, settings.SIMPLE_JWT)
    return eight_processes


@pytest.fixture
def ids(user):
    """Return the ids on record as issued to the user: `ids()`."""

    def recorded():
        if ON_REDIS:
            return revocation.token_store().recorded(user.pk)
        from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

        return set(OutstandingToken.objects.filter(user=user).values_list("jti", flat=True))

    return recorded


@pytest.fixture
def new_token(user):
    """Return a refresh token of a new login: `new_token()`."""
    return lambda: RefreshToken.for_user(user)


def turns(*crews, rounds=ROUNDS):
    """Yield for each round a crew, in turns, and whether its racers meet after the check of the token."""
    return islice(cycle(product(crews, (True, False))), rounds)


def is_family_revoked(token):
    return revocation.family_store().is_revoked(token.get_family_id())


def set_journal_mode(mode):
    """Set SQLite's journal mode, which is stored in the file. No other connection may be open."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA journal_mode={mode}")
            assert cursor.fetchone()[0].upper() == mode
