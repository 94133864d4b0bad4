"""The settings of a service whose keys are in SIGNING_KEYS_DIR and rotate every few seconds."""

import os
from datetime import timedelta

SECRET_KEY = "the-secret-key-of-the-test-projects-is-64-characters-long-like-so"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "tests.rotations.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "rest_framework_simplejwt",
]
MIDDLEWARE = []
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}

# Tokens must outlive two rotations, and keys must retire within a run.
LIFETIME = timedelta(seconds=10)

SIMPLE_JWT = {
    "SIGNING_KEYS_DIR": os.environ.get("ROTATIONS_DIR"),
    "ACCESS_TOKEN_LIFETIME": LIFETIME,
    "REFRESH_TOKEN_LIFETIME": LIFETIME,
    "SLIDING_TOKEN_LIFETIME": LIFETIME,
    "SLIDING_TOKEN_REFRESH_LIFETIME": LIFETIME,
}
