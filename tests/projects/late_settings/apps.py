from datetime import timedelta

from django.apps import AppConfig
from django.conf import settings

KEY = "a key that a secrets manager hands out, of more than 32 bytes"


class Vault(AppConfig):
    name = "tests.projects.late_settings"

    def ready(self):
        settings.SIMPLE_JWT["SIGNING_KEY"] = KEY
        settings.SIMPLE_JWT.update(
            AUDIENCE="late",
            ISSUER="vault",
            LEEWAY=30,
            ACCESS_TOKEN_LIFETIME=timedelta(minutes=1),
            REFRESH_TOKEN_LIFETIME=timedelta(hours=2),
            SLIDING_TOKEN_LIFETIME=timedelta(minutes=3),
            ROTATE_REFRESH_TOKENS=True,
            UPDATE_LAST_LOGIN=True,
            JTI_CLAIM="id",
            TOKEN_TYPE_CLAIM="kind",
            AUTH_HEADER_TYPES=("JWT",),
        )
