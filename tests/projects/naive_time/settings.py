"""``USE_TZ = False``, in a time zone that is not UTC."""

from tests.projects.base import database
from tests.projects.full.settings import *  # noqa: F403

DATABASES = {"default": database("naive_time")}
USE_TZ = False
