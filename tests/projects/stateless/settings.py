"""A service without users, database and `django.contrib.auth`, which authenticates by the token alone."""

from tests.projects.base import SECRET_KEY as SECRET_KEY

USE_TZ = True
ROOT_URLCONF = "tests.projects.stateless.urls"
INSTALLED_APPS = ["rest_framework", "rest_framework_simplejwt"]
DATABASES = {}
REST_FRAMEWORK = {
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"],
    "UNAUTHENTICATED_USER": None,
}
