"""The demo's settings: SQLite, the loopback interface, and all ways of revoking tokens enabled."""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

# New keys for each run. The command passes them to the server process that it starts.
SECRET_KEY = os.environ.get("DEMO_SECRET_KEY") or get_random_secret_key()
SIGNING_KEY = os.environ.get("DEMO_SIGNING_KEY") or secrets.token_urlsafe(64)
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
# The server uses plain HTTP and accepts only connections from this machine.
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
    # Ten seconds are right for a real client. The tour waits until the period is over, so it is shorter.
    "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=2),
    "STORE_OUTSTANDING_TOKENS": "none",
    "TOKEN_FAMILY_ENABLED": True,
    "TOKEN_FAMILY_CHECK_ON_ACCESS": True,
    "TOKEN_FAMILY_BLACKLIST_ON_REUSE": True,
}

# Django logs refusals as warnings, and half of the steps are refusals. Only errors are logged here.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler", "level": "ERROR"}},
    "root": {"handlers": ["stderr"]},
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("django", "django.server")},
}
