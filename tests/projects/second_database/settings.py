"""Users and tokens live in a second database; the default one must not be touched."""

from tests.projects.base import database
from tests.projects.full.settings import *  # noqa: F403

DATABASES = {"default": database("second_database_default"), "accounts": database("second_database")}
DATABASE_ROUTERS = ["tests.projects.second_database.router.AccountsRouter"]
