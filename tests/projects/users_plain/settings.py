"""A minimal user model with its own columns, without an ``is_active`` field and permissions."""

from tests.projects.base import database
from tests.projects.full.settings import *  # noqa: F403
from tests.projects.full.settings import INSTALLED_APPS

INSTALLED_APPS = [*(app for app in INSTALLED_APPS if app != "django.contrib.admin"), "tests.projects.users_plain"]
AUTH_USER_MODEL = "users_plain.User"
DATABASES = {"default": database("users_plain")}
