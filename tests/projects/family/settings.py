"""Families alone, without the blacklist."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import FAMILY_APP, INSTALLED_APPS, database

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_simplejwt", FAMILY_APP]
DATABASES = {"default": database("family")}
SIMPLE_JWT = {"TOKEN_FAMILY_ENABLED": True}
