"""The demo's settings: SQLite, loopback, and every way of revoking a token switched on."""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

# Keys of their own for each run; the server's process is handed those of the command that starts it.
SECRET_KEY = os.environ.get("DEMO_SECRET_KEY") or get_random_secret_key()
SIGNING_KEY = os.environ.get("DEMO_SIGNING_KEY") or secrets.token_urlsafe(64)
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
# It is served in plain HTTP, to this machine alone.
SILENCED_SYSTEM_CHECKS = [f"security.{warning}" for warning in ("W004", "W008", "W012", "W016", "W018")]
ROOT_URLCONF = "config.urls"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ.get("DEMO_DATABASE") or BASE_DIR / "demo.sqlite3").resolve(),
    }
}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "rest_framework_simplejwt.token_family",
    "quickstart",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
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

SIMPLE_JWT = {
    "SIGNING_KEY": SIGNING_KEY,
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    # Ten seconds suit a real client; here, somebody waits until they are over.
    "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=2),
    "STORE_OUTSTANDING_TOKENS": "none",
    "TOKEN_FAMILY_ENABLED": True,
    "TOKEN_FAMILY_CHECK_ON_ACCESS": True,
    "TOKEN_FAMILY_BLACKLIST_ON_REUSE": True,
}

# Half of the steps are refusals, which Django logs as warnings: only what breaks is logged here.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler", "level": "ERROR"}},
    "root": {"handlers": ["stderr"]},
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("django", "django.server")},
}
