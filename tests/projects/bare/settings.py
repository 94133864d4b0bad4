"""Neither the two optional apps nor the core app are installed."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import database

DATABASES = {"default": database("bare")}
