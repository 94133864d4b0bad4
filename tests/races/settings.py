"""A project on the database DATABASE_URL. RACE_STORE ("sql" or "redis") says where its revocations are."""

import atexit
import os
import shutil
import tempfile

import dj_database_url

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, FAMILY_APP

STORE = os.environ.get("RACE_STORE", "sql")
ISOLATION = os.environ.get("RACE_ISOLATION")
# Processes of racers inherit this.
RUN = os.environ.setdefault("RACE_RUN", str(os.getpid()))

if "DATABASE_URL" not in os.environ:
    folder = tempfile.mkdtemp(prefix="simplejwt_races_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DATABASE_URL"] = f"sqlite:///{folder}/db.sqlite3"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "rest_framework_simplejwt",
    *([BLACKLIST_APP, FAMILY_APP] if STORE == "sql" else []),
]
MIDDLEWARE = []


def database():
    # A racer keeps its connection, so that a race does not include the connection to the database.
    settings = dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=None)
    name = "test_simplejwt_races"
    if "sqlite" in settings["ENGINE"]:
        name = f"{settings['NAME']}.{name}"
        settings["OPTIONS"] = {"timeout": 20}
    settings["TEST"] = {"NAME": name}
    if ISOLATION:
        settings["OPTIONS"] = {**settings.get("OPTIONS", {}), "isolation_level": isolation_level(settings["ENGINE"])}
    return settings


def isolation_level(engine):
    if "postgresql" not in engine:
        return ISOLATION
    from psycopg import IsolationLevel

    return IsolationLevel[ISOLATION.upper().replace(" ", "_")]


DATABASES = {"default": database()}

SIMPLE_JWT = {
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "TOKEN_FAMILY_ENABLED": True,
    "TOKEN_FAMILY_BLACKLIST_ON_REUSE": True,
}
if STORE == "redis":
    SIMPLE_JWT["REVOCATION_STORE"] = "tests.races.store.PatientRedisStore"
    SIMPLE_JWT["REVOCATION_REDIS_URL"] = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/8")

# The alarm is logged hundreds of times. Tests of the log use pytest's capture.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"nowhere": {"class": "logging.NullHandler"}},
    "root": {"handlers": ["nowhere"]},
}
