"""The project in a process that pytest has not set up: importing it is enough, and once is enough for its forks."""

import os

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.races.settings")
    django.setup()

from . import tasks, victim  # noqa: F401

# What is imported on first use is imported now, and nobody connected to: there is no signature to go on with.
tasks.store_of("token")
tasks.refresh("not a token")
