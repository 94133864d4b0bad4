"""Users and tokens live in a second database, in a file if it is SQLite; the default one must not be touched."""

from tests.projects.base import database
from tests.projects.full.settings import *  # noqa: F403

DATABASES = {"default": database("second_database_default"), "accounts": database("second_database", in_memory=False)}
DATABASE_ROUTERS = ["tests.projects.second_database.router.AccountsRouter"]
