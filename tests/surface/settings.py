"""A project with everything that the published package has: translations, admin and blacklist."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, INSTALLED_APPS, SECRET_KEY, database

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_simplejwt", BLACKLIST_APP]
DATABASES = {"default": database("surface")}
# The published package's prepared_verifying_key raises with the empty default, although HMAC does not use it.
SIMPLE_JWT = {"VERIFYING_KEY": SECRET_KEY}
