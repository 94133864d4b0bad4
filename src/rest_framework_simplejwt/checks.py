"""System checks: what is wrong with the settings, said before the server takes traffic. Ids are never reused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from .revocation import blacklist_installed
from .settings import api_settings

LONGEST_GRACE_PERIOD = timedelta(minutes=5)


def grace_period_is_sound() -> bool:
    period = api_settings.REFRESH_TOKEN_GRACE_PERIOD
    return isinstance(period, timedelta) and timedelta(0) <= period <= LONGEST_GRACE_PERIOD


@register
def check_grace_period(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    if grace_period_is_sound():
        return []
    return [
        Error(
            "SIMPLE_JWT['REFRESH_TOKEN_GRACE_PERIOD'] must be a timedelta from 0 to 5 minutes.",
            hint="Write timedelta(seconds=10): long enough for a retry, too short for a thief to count on.",
            id="simplejwt.E001",
        )
    ]


@register
def check_choices(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    rows = [
        ("STORE_OUTSTANDING_TOKENS", ("full", "none"), "simplejwt.E002"),
        ("REVOCATION_FAIL_MODE", ("closed", "open"), "simplejwt.E003"),
    ]
    return [
        Error(f"SIMPLE_JWT[{name!r}] must be one of {choices}.", hint=f"Write {choices[0]!r}.", id=check_id)
        for name, choices, check_id in rows
        if getattr(api_settings, name) not in choices
    ]


@register(Tags.security, deploy=True)
def check_stored_texts(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    stores = blacklist_installed() and api_settings.REVOCATION_STORE is None
    if not stores or api_settings.STORE_OUTSTANDING_TOKENS != "full":
        return []
    return [
        checks.Warning(
            "The table of outstanding tokens holds their texts: whoever reads it can use them.",
            hint="Set SIMPLE_JWT['STORE_OUTSTANDING_TOKENS'] = 'none', unless your own code reads that column.",
            id="simplejwt.W001",
        )
    ]
