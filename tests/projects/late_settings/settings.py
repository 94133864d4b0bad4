"""A project whose settings are completed by an app when the project starts."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, INSTALLED_APPS, database

# The package's apps come first, so their ready() runs before the settings are complete.
INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_simplejwt", BLACKLIST_APP, "tests.projects.late_settings"]
ROOT_URLCONF = "tests.projects.throttled.urls"
DATABASES = {"default": database("late_settings")}
SIMPLE_JWT = {"ALGORITHM": "HS256"}
