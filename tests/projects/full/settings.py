"""All apps and features enabled, with ATOMIC_REQUESTS."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, FAMILY_APP, INSTALLED_APPS, database

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_simplejwt", BLACKLIST_APP, FAMILY_APP]
DATABASES = {"default": {**database("full"), "ATOMIC_REQUESTS": True}}
SIMPLE_JWT = {"TOKEN_FAMILY_ENABLED": True}
