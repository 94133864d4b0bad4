"""djoser with its JWT endpoints."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, INSTALLED_APPS, database

INSTALLED_APPS = [*INSTALLED_APPS, BLACKLIST_APP, "djoser"]
ROOT_URLCONF = "tests.compat.djoser.urls"
DATABASES = {"default": database("djoser")}
REST_FRAMEWORK = {
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "DEFAULT_AUTHENTICATION_CLASSES": ("rest_framework_simplejwt.authentication.JWTAuthentication",),
}
SIMPLE_JWT = {"AUTH_HEADER_TYPES": ("JWT",)}
