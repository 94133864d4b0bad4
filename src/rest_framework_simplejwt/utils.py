"""Time as JWT counts it (RFC 7519 section 2, NumericDate), and what has no better home."""

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
    """The upper-case hex MD5 of a password *hash*: a fingerprint for the revoke claim.

    MD5 guards nothing here, it only tells two stored hashes apart.
    """
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest().upper()


@lru_cache(maxsize=1)
def _times_are_aware() -> bool:
    return settings.USE_TZ


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "USE_TZ":
        _times_are_aware.cache_clear()


setting_changed.connect(_forget, dispatch_uid=__name__)


def make_utc(dt: datetime) -> datetime:
    """A naive ``dt`` as aware UTC under ``USE_TZ``, anything else unchanged."""
    if _times_are_aware() and dt.tzinfo is None:
        return dt.replace(tzinfo=timezone.utc)
    return dt


def aware_utcnow() -> datetime:
    """Now in UTC: aware under ``USE_TZ``, naive without it."""
    now = datetime.now(tz=timezone.utc)
    return now if _times_are_aware() else now.replace(tzinfo=None)


def datetime_to_epoch(dt: datetime) -> int:
    """Whole seconds since the epoch. A naive ``dt`` is taken as UTC."""
    return ((dt if dt.tzinfo is not None else dt.replace(tzinfo=timezone.utc)) - _EPOCH) // _SECOND


def seconds_since_epoch(dt: datetime) -> float:
    """With their fraction. A naive ``dt`` is taken as UTC."""
    return (dt if dt.tzinfo is not None else dt.replace(tzinfo=timezone.utc)).timestamp()


def datetime_from_epoch(ts: float) -> datetime:
    """The UTC moment ``ts`` seconds after the epoch: aware under ``USE_TZ``, naive without.

    Raises ``ValueError``, ``OverflowError`` or ``OSError`` for what no ``datetime`` can hold.
    """
    moment = datetime.fromtimestamp(ts, tz=timezone.utc)
    return moment if _times_are_aware() else moment.replace(tzinfo=None)


def is_storable(text: str) -> bool:
    """Whether every database takes ``text``: PostgreSQL has no NUL, UTF-8 no lone surrogate."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _format(s: object, *args: object, **kwargs: object) -> str:
    return str(s).format(*args, **kwargs)


format_lazy = lazy(_format, str)
