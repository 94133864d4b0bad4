"""The app's configuration. An invalid grace period prevents start-up."""

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from ..settings import api_settings

__all__ = ["TokenBlacklistConfig"]


class TokenBlacklistConfig(AppConfig):
    name = "rest_framework_simplejwt.token_blacklist"
    label = "token_blacklist"
    verbose_name = _("Token Blacklist")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Raises ``ImproperlyConfigured`` if ``REFRESH_TOKEN_GRACE_PERIOD`` is invalid."""
        from .. import checks

        if not checks.is_grace_period_valid():
            raise ImproperlyConfigured(
                "SIMPLE_JWT['REFRESH_TOKEN_GRACE_PERIOD'] must be a timedelta from 0 to 5 minutes, "
                f"not {api_settings.REFRESH_TOKEN_GRACE_PERIOD!r}."
            )
