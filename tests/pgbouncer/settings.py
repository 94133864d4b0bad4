"""A project that detects reuse inside its own transactions, with only as many connections as these need."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, FAMILY_APP, database

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "rest_framework_simplejwt",
    BLACKLIST_APP,
    FAMILY_APP,
]
MIDDLEWARE = []
DATABASES = {"default": database("pgbouncer")}
SIMPLE_JWT = {
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "TOKEN_FAMILY_ENABLED": True,
    "TOKEN_FAMILY_BLACKLIST_ON_REUSE": True,
}
