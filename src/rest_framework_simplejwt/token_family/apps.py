"""The app's configuration. Invalid settings of families prevent start-up."""

from __future__ import annotations

from collections.abc import Callable

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

__all__ = ["TokenFamilyConfig"]

# The system checks have the rules of these settings, but only report them. With an invalid one, families could be lost.
_SETTINGS = (
    "TOKEN_FAMILY_ENABLED",
    "TOKEN_FAMILY_CHECK_ON_ACCESS",
    "TOKEN_FAMILY_BLACKLIST_ON_REUSE",
    "TOKEN_FAMILY_LIFETIME",
    "TOKEN_FAMILY_CLAIM",
    "TOKEN_FAMILY_EXPIRATION_CLAIM",
    "CACHE_BLACKLISTED_FAMILIES",
    "CACHE_TTL_BLACKLISTED_FAMILIES",
    "CACHE_KEY_PREFIX_BLACKLISTED_FAMILIES",
)


class TokenFamilyConfig(AppConfig):
    name = "rest_framework_simplejwt.token_family"
    label = "token_family"
    verbose_name = _("Token Family")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Raises ``ImproperlyConfigured`` if a setting of families is invalid."""
        from .. import checks
        from ..checks.project import configured

        for name in _SETTINGS:
            if expected := checks.unmet_expectation(name):
                raise ImproperlyConfigured(f"SIMPLE_JWT[{name!r}] must be {expected}, not {configured(name)!r}.")
        self._check_claims_are_distinct(configured)

    @staticmethod
    def _check_claims_are_distinct(configured: Callable[[str], object]) -> None:
        """Raises ``ImproperlyConfigured`` if a claim of families has the name of another claim.

        ``configured`` returns the value of a setting by its name.
        """
        # Not api_settings: an app whose ready() is called later may still change the settings.
        taken = {"exp", "iat", "nbf", "iss", "aud", "sub", "jti"} | {
            configured(name)
            for name in ("TOKEN_TYPE_CLAIM", "JTI_CLAIM", "USER_ID_CLAIM", "SLIDING_TOKEN_REFRESH_EXP_CLAIM")
        }
        for name in ("TOKEN_FAMILY_CLAIM", "TOKEN_FAMILY_EXPIRATION_CLAIM"):
            claim = configured(name)
            if claim in taken:
                raise ImproperlyConfigured(
                    f"SIMPLE_JWT[{name!r}] is {claim!r}, a claim that is already in use. Choose another name."
                )
            taken.add(claim)
