"""The app's configuration: wrong family settings stop the project from starting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from ..settings import api_settings


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_lifetime(value: Any) -> bool:
    return value is None or (isinstance(value, timedelta) and value > timedelta(0))


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_positive_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


_RULES = {
    "TOKEN_FAMILY_ENABLED": (_is_switch, "True or False"),
    "TOKEN_FAMILY_CHECK_ON_ACCESS": (_is_switch, "True or False"),
    "TOKEN_FAMILY_BLACKLIST_ON_REUSE": (_is_switch, "True or False"),
    "TOKEN_FAMILY_LIFETIME": (_is_lifetime, "a timedelta above zero, or None"),
    "TOKEN_FAMILY_CLAIM": (_is_name, "a string that is not empty"),
    "TOKEN_FAMILY_EXPIRATION_CLAIM": (_is_name, "a string that is not empty"),
    "CACHE_BLACKLISTED_FAMILIES": (_is_switch, "True or False"),
    "CACHE_TTL_BLACKLISTED_FAMILIES": (_is_positive_number, "a whole number of seconds above zero"),
    "CACHE_KEY_PREFIX_BLACKLISTED_FAMILIES": (_is_name, "a string that is not empty"),
}


class TokenFamilyConfig(AppConfig):
    name = "rest_framework_simplejwt.token_family"
    label = "token_family"
    verbose_name = _("Token Family")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        for name, (is_sound, expected) in _RULES.items():
            value = getattr(api_settings, name)
            if not is_sound(value):
                raise ImproperlyConfigured(f"SIMPLE_JWT[{name!r}] must be {expected}, not {value!r}.")
        self._check_claims_are_distinct()

    @staticmethod
    def _check_claims_are_distinct() -> None:
        taken = {"exp", "iat", "nbf", "iss", "aud", "sub", "jti"} | {
            getattr(api_settings, name)
            for name in ("TOKEN_TYPE_CLAIM", "JTI_CLAIM", "USER_ID_CLAIM", "SLIDING_TOKEN_REFRESH_EXP_CLAIM")
        }
        for name in ("TOKEN_FAMILY_CLAIM", "TOKEN_FAMILY_EXPIRATION_CLAIM"):
            claim = getattr(api_settings, name)
            if claim in taken:
                raise ImproperlyConfigured(f"SIMPLE_JWT[{name!r}] is {claim!r}, a claim that has another meaning.")
            taken.add(claim)
