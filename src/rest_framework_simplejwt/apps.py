"""The core app. Installing it is optional; it adds the translations, the system checks and the commands."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

__all__ = ["SimpleJWTConfig"]


class SimpleJWTConfig(AppConfig):
    name = "rest_framework_simplejwt"
    verbose_name = _("JSON Web Tokens")

    def ready(self) -> None:
        """Registers the system checks."""
        from . import checks  # noqa: F401  # the import registers the checks
