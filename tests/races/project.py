"""Sets the project up in a process without pytest, when it is imported. Forks of that process inherit it."""

import os

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.races.settings")
    django.setup()

from . import tasks, victim  # noqa: F401

# Imports now what is otherwise imported on first use. It opens no connection, since the token is malformed.
tasks.store_of("token")
tasks.refresh("not a token")
