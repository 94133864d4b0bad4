"""Corrects naive times (``USE_TZ = False``) that PostgreSQL shifted because it took them for local times.

The package's naive times are UTC. Where local clocks go forward, PostgreSQL reads a time within the missing hour as
one hour later: 02:30 as 03:30.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings

from ..utils import datetime_from_epoch, datetime_to_epoch

if TYPE_CHECKING:
    from .base import Successor

# The longest time by which local clocks go forward.
MAX_SHIFT = timedelta(hours=2)


def restore_times(record: Successor, *, lifetime: timedelta, now: datetime) -> Successor:
    """Returns ``record`` with the times that were originally written, if the database may have shifted them.

    ``lifetime`` is the time from issue to expiry of the token. It tells a shifted time from an original one.
    """
    if record.issued_at.tzinfo is not None:
        return record
    # Clocks of machines differ by less than this. A candidate later than that is the least likely one.
    latest = now + timedelta(minutes=10)
    candidates = sorted(_possible_originals(record.issued_at), key=lambda candidate: candidate > latest)
    for issued_at in candidates:
        expires_at = datetime_from_epoch(datetime_to_epoch(issued_at + lifetime))
        if record.expires_at in (expires_at, as_stored_by_postgresql(expires_at)):
            return replace(_with_issue_time(record, issued_at, now), expires_at=expires_at)
    # The project sets another expiry than issue time plus lifetime.
    return _with_issue_time(record, candidates[0], now)


def _with_issue_time(record: Successor, issued_at: datetime, now: datetime) -> Successor:
    """Returns ``record`` with this issue time. If it differs, ``age`` becomes the time from then to ``now``."""
    if issued_at == record.issued_at:
        return record
    return replace(record, issued_at=issued_at, age=max(now - issued_at, timedelta(0)))


def _possible_originals(stored: datetime) -> list[datetime]:
    """Returns the times that PostgreSQL may have been given where it now returns ``stored``.

    That is ``stored`` itself and, in the hour after local clocks went forward, also an earlier time.
    """
    zone = ZoneInfo(settings.TIME_ZONE)
    offset, offset_before = (
        (stored - ago).replace(tzinfo=zone).utcoffset() or timedelta(0) for ago in (timedelta(0), MAX_SHIFT)
    )
    earlier = stored - (offset - offset_before)
    return [stored, earlier] if earlier < stored and as_stored_by_postgresql(earlier) == stored else [stored]


def as_stored_by_postgresql(moment: datetime) -> datetime:
    """Returns the naive time that PostgreSQL returns after the naive time ``moment`` was written to it."""
    zone = ZoneInfo(settings.TIME_ZONE)
    return moment.replace(tzinfo=zone).astimezone(timezone.utc).astimezone(zone).replace(tzinfo=None)
