"""Neither of the two optional apps, and the core not installed as an app either."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import database

DATABASES = {"default": database("bare")}
