"""Users who log in with their e-mail address, are identified by a slug, and keep the salt of their password.

Their primary key is a relation.
"""

from tests.projects.base import database
from tests.projects.full.settings import *  # noqa: F403
from tests.projects.full.settings import INSTALLED_APPS, SIMPLE_JWT

INSTALLED_APPS = [*INSTALLED_APPS, "tests.projects.users_email"]
AUTH_USER_MODEL = "users_email.User"
SIMPLE_JWT = {**SIMPLE_JWT, "USER_ID_FIELD": "slug"}
DATABASES = {"default": database("users_email")}
