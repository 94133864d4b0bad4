"""The core app: installing it is optional, and brings the translations, the checks and the commands."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

__all__ = ["SimpleJWTConfig"]


class SimpleJWTConfig(AppConfig):
    name = "rest_framework_simplejwt"
    verbose_name = _("JSON Web Tokens")

    def ready(self) -> None:
        from . import checks  # noqa: F401  # importing it registers them
