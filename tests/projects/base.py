"""What the test projects have in common; each is this, with its own apps and a few settings."""

import os
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import dj_database_url

SECRET_KEY = "the-secret-key-of-the-test-projects-is-64-characters-long-like-so"
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
ROOT_URLCONF = "tests.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"

BLACKLIST_APP = "rest_framework_simplejwt.token_blacklist"
FAMILY_APP = "rest_framework_simplejwt.token_family"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "rest_framework",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
REST_FRAMEWORK = {"TEST_REQUEST_DEFAULT_FORMAT": "json"}


def database(name: str, *, in_memory: bool = True) -> dict[str, Any]:
    """A database for one project: on the server that DATABASE_URL names, or SQLite, in memory or in a file."""
    settings: dict[str, Any] = dict(dj_database_url.parse(os.environ.get("DATABASE_URL", "sqlite://:memory:")))
    file = str(Path(gettempdir()) / f"test_simplejwt_{name}_{os.getpid()}.sqlite3")
    settings["TEST"] = {
        "NAME": (file if not in_memory else None) if "sqlite" in settings["ENGINE"] else f"test_simplejwt_{name}",
        "DEPENDENCIES": [],
    }
    return settings
