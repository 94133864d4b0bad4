"""A project written for 5.5.1 that throttles its logins with its own throttles."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, INSTALLED_APPS, database

INSTALLED_APPS = [*INSTALLED_APPS, BLACKLIST_APP]
ROOT_URLCONF = "tests.projects.throttled.urls"
DATABASES = {"default": database("throttled")}
REST_FRAMEWORK = {
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "DEFAULT_THROTTLE_RATES": {"login": "2/day", "anon": "3/day", "user": None},
}
