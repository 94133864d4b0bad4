"""Users whose primary key is a UUID and is not named ``id``."""

from tests.projects.base import database
from tests.projects.full.settings import *  # noqa: F403
from tests.projects.full.settings import INSTALLED_APPS, SIMPLE_JWT

INSTALLED_APPS = [*INSTALLED_APPS, "tests.projects.users_uuid"]
AUTH_USER_MODEL = "users_uuid.User"
SIMPLE_JWT = {**SIMPLE_JWT, "USER_ID_FIELD": "uuid", "USER_ID_CLAIM": "sub"}
DATABASES = {"default": database("users_uuid")}
