"""Which tests run in which project, and what they all use."""

import gc
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connections, router
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from rest_framework.test import APIClient

from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.revocation import can_revoke_families, can_revoke_tokens
from rest_framework_simplejwt.settings import api_settings
from tests.log_guard import PASSWORD, _fail_if_a_secret_is_logged  # noqa: F401  # the guard watches every test

# Environments of their own: `nox -l` lists them.
collect_ignore = ["compat", "interop", "pgbouncer", "projects", "races", "rotations", "upgrade"]

hypothesis_settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
hypothesis_settings.load_profile("suite")


def project_traits():
    """What `needs` can ask for: an app's label, the project's name, Django's own user model, or a store's presence."""
    *_, project, _ = django_settings.SETTINGS_MODULE.split(".")
    traits = {project, *(app.label for app in apps.get_app_configs())}
    if django_settings.AUTH_USER_MODEL == "auth.User":
        traits.add("django's user")
    if can_revoke_tokens():
        traits.add("revocation")
    if can_revoke_families():
        traits.add("families")
    return traits


def has_other_connections(connection):
    """Whether rows are seen by other connections: those of a server, or of a file. Does not ask the code under test."""
    return connection.vendor != "sqlite" or Path(connection.settings_dict["NAME"]).is_file()


def written_directly(connection):
    """Whether the store sends its own INSERT statements to this database, and needs no ORM for them."""
    return connection.vendor in {"sqlite", "postgresql"} and connection.features.can_return_columns_from_insert


def uses_database(item):
    return item.get_closest_marker("django_db") is not None or not {"db", "transactional_db"}.isdisjoint(
        item.fixturenames
    )


def runs_here(item, traits):
    # Only the databases of this project differ from those of `full`.
    if "second_database" in traits and not uses_database(item):
        return False
    wanted = {name for marker in item.iter_markers("needs") for name in marker.args}
    return all((name.removeprefix("no ") in traits) is not name.startswith("no ") for name in wanted)


def pytest_collection_modifyitems(config, items):
    traits = project_traits()
    elsewhere = [item for item in items if not runs_here(item, traits)]
    items[:] = [item for item in items if runs_here(item, traits)]
    config.hook.pytest_deselected(items=elsewhere)
    # Tables live where the router puts them: touching another database is an error.
    aliases = [alias for alias in django_settings.DATABASES if alias != "default"] or ["default"]
    for item in items:
        if uses_database(item):
            marker = item.get_closest_marker("django_db")
            kwargs = {**(marker.kwargs if marker else {}), "databases": aliases}
            item.add_marker(pytest.mark.django_db(**kwargs), append=False)


def pytest_collection_finish():
    # Modules and tests stay until the end, so the garbage collector does not have to look at them again and again.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _clean_cache():
    cache.clear()


@pytest.fixture
def simple_jwt(settings):
    """Change some of SIMPLE_JWT for one test: `simple_jwt(LEEWAY=10)`."""

    def change(**values):
        settings.SIMPLE_JWT = {**getattr(settings, "SIMPLE_JWT", {}), **values}

    return change


@pytest.fixture
def clock():
    """Set the clock forward, for every token made or read from then on: `clock(seconds=10)`."""
    now = tokens.aware_utcnow
    passed = timedelta(0)

    def forward(**kwargs):
        nonlocal passed
        passed += timedelta(**kwargs)

    with mock.patch("rest_framework_simplejwt.tokens.aware_utcnow", lambda: now() + passed):
        yield forward


@pytest.fixture
def received(django_capture_on_commit_callbacks):
    """What the receivers of a signal were told, once `with received(signal) as calls:` has been left."""

    @contextmanager
    def listening(signal):
        calls = []

        def receiver(sender, **facts):
            facts.pop("signal")
            calls.append({"sender": sender, **facts})

        signal.connect(receiver, weak=False)
        try:
            alias = router.db_for_write(get_user_model())
            with django_capture_on_commit_callbacks(using=alias, execute=True):
                yield calls
        finally:
            signal.disconnect(receiver)

    return listening


@pytest.fixture
def credentials():
    field = get_user_model().USERNAME_FIELD
    return {field: "alice@example.com" if field == "email" else "alice", "password": PASSWORD}


@pytest.fixture
def user(db, credentials):
    return get_user_model().objects.create_user(**credentials)


@pytest.fixture
def user_id(user):
    """The user's id as it stands in claims."""
    return str(getattr(user, api_settings.USER_ID_FIELD))


@pytest.fixture
def assert_statements():
    """Within `with assert_statements(n):` the database is sent n of them, savepoints not counted."""

    @contextmanager
    def asserting(expected):
        with CaptureQueriesContext(connections[router.db_for_write(get_user_model())]) as context:
            yield
        sent = [query["sql"] for query in context if "SAVEPOINT" not in query["sql"]]
        assert len(sent) == expected, "\n".join(sent)

    return asserting


@pytest.fixture
def post(client):
    """POST JSON to one of the token endpoints: `post("refresh", refresh=...)`."""
    paths = {
        "obtain": "/token/",
        "refresh": "/token/refresh/",
        "verify": "/token/verify/",
        "blacklist": "/token/blacklist/",
        "blacklist family": "/token/family/blacklist/",
        "obtain sliding": "/token/sliding/",
        "refresh sliding": "/token/sliding/refresh/",
    }
    return lambda endpoint, **body: client.post(paths[endpoint], body)


@pytest.fixture
def client():
    return APIClient()


@pytest.fixture
def whoami(client):
    """GET the protected view with a token: `whoami(access)`."""
    return lambda token, scheme="Bearer", path="/whoami/": client.get(path, HTTP_AUTHORIZATION=f"{scheme} {token}")
