"""Conversions between ``datetime`` and seconds since the epoch (RFC 7519 section 2, NumericDate), and the logger."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.functional import lazy

__all__ = [
    "aware_utcnow",
    "datetime_from_epoch",
    "datetime_to_epoch",
    "format_lazy",
    "get_md5_hash_password",
    "logger",
    "make_utc",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND = timedelta(seconds=1)

logger = logging.getLogger("rest_framework_simplejwt")


def get_md5_hash_password(password: str) -> str:
    """Returns the MD5, in upper-case hex, of the password hash ``user.password``, as 5.5.1 writes it into tokens.

    It only tells whether the hash has changed; no security rests on MD5.
    """
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest().upper()


@lru_cache(maxsize=1)
def _times_are_aware() -> bool:
    """Returns whether ``USE_TZ`` is on. Cached, until ``override_settings`` changes it."""
    return settings.USE_TZ


def _forget_use_tz(*, setting: str, **kwargs: object) -> None:
    """Clears the cache of ``_times_are_aware``. Receives Django's signal ``setting_changed``."""
    if setting == "USE_TZ":
        _times_are_aware.cache_clear()


setting_changed.connect(_forget_use_tz, dispatch_uid=__name__)


def make_utc(dt: datetime) -> datetime:
    """Returns a naive ``dt`` as aware UTC if ``USE_TZ`` is on. Returns any other ``dt`` unchanged."""
    if _times_are_aware() and dt.tzinfo is None:
        return dt.replace(tzinfo=timezone.utc)
    return dt


def aware_utcnow() -> datetime:
    """Returns the current time in UTC, aware if ``USE_TZ`` is on, else naive."""
    now = datetime.now(tz=timezone.utc)
    return now if _times_are_aware() else now.replace(tzinfo=None)


def datetime_to_epoch(dt: datetime) -> int:
    """Returns the seconds since the epoch, rounded down. A naive ``dt`` counts as UTC."""
    return ((dt if dt.tzinfo is not None else dt.replace(tzinfo=timezone.utc)) - _EPOCH) // _SECOND


def seconds_since_epoch(dt: datetime) -> float:
    """Returns the seconds since the epoch, fraction included. A naive ``dt`` counts as UTC."""
    return (dt if dt.tzinfo is not None else dt.replace(tzinfo=timezone.utc)).timestamp()


def datetime_from_epoch(ts: float) -> datetime:
    """Returns the time ``ts`` seconds after the epoch in UTC, aware if ``USE_TZ`` is on, else naive.

    Raises ``ValueError``, ``OverflowError`` or ``OSError`` if ``ts`` is outside what a ``datetime`` can hold.
    """
    time = datetime.fromtimestamp(ts, tz=timezone.utc)
    return time if _times_are_aware() else time.replace(tzinfo=None)


def is_storable(text: str) -> bool:
    """Returns whether every database can store ``text``: without NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _format(s: object, *args: object, **kwargs: object) -> str:
    """Returns ``str(s).format(*args, **kwargs)``."""
    return str(s).format(*args, **kwargs)


# Returns str.format(*args, **kwargs) of its first argument, formatted each time the result is read.
format_lazy = lazy(_format, str)
