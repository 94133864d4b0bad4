"""Revocations are stored in Redis. Neither of the two optional apps is installed."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import INSTALLED_APPS, database

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_simplejwt"]
DATABASES = {"default": database("redis")}
# Cleared before each test, together with the store.
CACHES = {"default": {"BACKEND": "tests.projects.redis.store.Cache"}}
SIMPLE_JWT = {"REVOCATION_STORE": "tests.projects.redis.store.Store", "TOKEN_FAMILY_ENABLED": True}
