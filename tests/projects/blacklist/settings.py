"""The blacklist alone, installed by the path of its AppConfig."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import INSTALLED_APPS, database

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_simplejwt.token_blacklist.apps.TokenBlacklistConfig"]
DATABASES = {"default": database("blacklist")}
