"""A project whose settings are not complete when they are loaded: an app fetches the rest when the project starts."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, INSTALLED_APPS, database

# The package's apps come first: they are ready before the one that fills the settings.
INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_simplejwt", BLACKLIST_APP, "tests.projects.late_settings"]
ROOT_URLCONF = "tests.projects.throttled.urls"
DATABASES = {"default": database("late_settings")}
SIMPLE_JWT = {"ALGORITHM": "HS256"}
