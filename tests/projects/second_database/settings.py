"""Users and tokens are in a second database (a file with SQLite). The tests may not use the default one."""

from tests.projects.base import database
from tests.projects.full.settings import *  # noqa: F403

DATABASES = {"default": database("second_database_default"), "accounts": database("second_database", in_memory=False)}
DATABASE_ROUTERS = ["tests.projects.second_database.router.AccountsRouter"]
