"""dj-rest-auth with its tokens in cookies."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, INSTALLED_APPS, database

INSTALLED_APPS = [*INSTALLED_APPS, BLACKLIST_APP, "dj_rest_auth"]
ROOT_URLCONF = "tests.compat.dj_rest_auth.urls"
DATABASES = {"default": database("dj_rest_auth")}
REST_FRAMEWORK = {
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "DEFAULT_AUTHENTICATION_CLASSES": ("dj_rest_auth.jwt_auth.JWTCookieAuthentication",),
}
REST_AUTH = {
    "USE_JWT": True,
    "TOKEN_MODEL": None,
    "JWT_AUTH_COOKIE": "access",
    "JWT_AUTH_REFRESH_COOKIE": "refresh",
    "JWT_AUTH_HTTPONLY": True,
}
SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}
