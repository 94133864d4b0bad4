"""The measured Django project: that of ``startproject``, with what the work needs."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import dj_database_url
import django
from django.conf import settings

BLACKLIST_APP = "rest_framework_simplejwt.token_blacklist"
JWT = {
    # Longer than any run.
    "ACCESS_TOKEN_LIFETIME": timedelta(days=1),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}


def set_up(url: str, *apps: str, **more: Any) -> None:
    """Sets up Django with a persistent connection and without logging."""
    settings.configure(
        **{
            "ALLOWED_HOSTS": ["*"],
            "DATABASES": {"default": dj_database_url.parse(url, conn_max_age=None)},
            "INSTALLED_APPS": ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", *apps],
            "USE_TZ": True,
            "SECRET_KEY": "only-measuring" * 4,
            "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
            "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
            "REST_FRAMEWORK": {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]},
            "SIMPLE_JWT": JWT,
            "LOGGING_CONFIG": None,
            **more,
        }
    )
    logging.getLogger().addHandler(logging.NullHandler())
    django.setup()
