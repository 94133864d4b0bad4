"""The settings and URLs of a service that only verifies tokens, without a database, users or a private key.

5.5.1 runs with them.
"""

from django.urls import path

from tests.key_pairs import pem_pair

SECRET_KEY = "the-secret-key-of-the-stateless-service-is-more-than-64-characters-long-too"
USE_TZ = True
DATABASES = {}
INSTALLED_APPS = ["rest_framework", "rest_framework_simplejwt"]
ROOT_URLCONF = "tests.checks.stateless"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"],
    "UNAUTHENTICATED_USER": None,
}
SIMPLE_JWT = {"ALGORITHM": "RS256", "VERIFYING_KEY": pem_pair("RS")[1], "AUTH_COOKIE": "access"}


def __getattr__(name):
    if name != "urlpatterns":
        raise AttributeError(name)
    # Imported here, because the settings are not loaded yet when this module is imported.
    from rest_framework_simplejwt.views import TokenRefreshView, TokenVerifyView

    return [path("refresh/", TokenRefreshView.as_view()), path("verify/", TokenVerifyView.as_view())]
