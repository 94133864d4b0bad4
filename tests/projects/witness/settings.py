"""A project as it was written for 5.5.1: with only its requirement changed, all of it must go on working."""

from datetime import timedelta

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, INSTALLED_APPS, database

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_simplejwt", BLACKLIST_APP, "tests.projects.witness"]
ROOT_URLCONF = "tests.projects.witness.urls"
DATABASES = {"default": database("witness")}

REST_FRAMEWORK = {
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "DEFAULT_AUTHENTICATION_CLASSES": ("tests.projects.witness.authentication.CookieOrHeaderAuthentication",),
    "DEFAULT_PERMISSION_CLASSES": ("rest_framework.permissions.IsAuthenticated",),
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": True,
    "AUTH_HEADER_TYPES": ("Bearer", "JWT"),
    "AUTH_TOKEN_CLASSES": (
        "rest_framework_simplejwt.tokens.AccessToken",
        "tests.projects.witness.tokens.DeviceToken",
    ),
    "ISSUER": "witness",
    "AUDIENCE": ["web", "app"],
    "LEEWAY": 5,
    "TOKEN_OBTAIN_SERIALIZER": "tests.projects.witness.serializers.LoginSerializer",
}
