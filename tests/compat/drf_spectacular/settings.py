"""drf-spectacular's schema of all endpoints of the package."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, FAMILY_APP, INSTALLED_APPS, database

INSTALLED_APPS = [*INSTALLED_APPS, BLACKLIST_APP, FAMILY_APP, "drf_spectacular"]
ROOT_URLCONF = "tests.compat.drf_spectacular.urls"
DATABASES = {"default": database("drf_spectacular")}
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "TOKEN_FAMILY_ENABLED": True}
