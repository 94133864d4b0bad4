"""What becomes of a time without a zone (``USE_TZ = False``) in a database that takes it for a local one.

Ours are UTC. PostgreSQL moves those that local time leaves out, where clocks go forward: 02:30 is read as 03:30.
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

# By how much a time can be moved.
LONGEST_MOVE = timedelta(hours=2)


def restored(record: Successor, *, lifetime: timedelta, now: datetime) -> Successor:
    """The record with the times that were written, where a database may have moved them.

    The token was issued to expire after its ``lifetime``, which tells a moved time from one that was written so.
    """
    if record.issued_at.tzinfo is not None:
        return record
    # What would lie further ahead than clocks differ comes last.
    latest = now + timedelta(minutes=10)
    moments = sorted(_possible_originals(record.issued_at), key=lambda moment: moment > latest)
    for issued_at in moments:
        expires_at = datetime_from_epoch(datetime_to_epoch(issued_at + lifetime))
        if record.expires_at in (expires_at, as_stored(expires_at)):
            return replace(_issued(record, issued_at, now), expires_at=expires_at)
    # The project has an expiry of its own.
    return _issued(record, moments[0], now)


def _issued(record: Successor, issued_at: datetime, now: datetime) -> Successor:
    if issued_at == record.issued_at:
        return record
    return replace(record, issued_at=issued_at, age=max(now - issued_at, timedelta(0)))


def _possible_originals(read: datetime) -> list[datetime]:
    """What may have been written where ``read`` is read: mostly that, and for one hour of the year an earlier time."""
    zone = ZoneInfo(settings.TIME_ZONE)
    offset, before = (
        (read - ago).replace(tzinfo=zone).utcoffset() or timedelta(0) for ago in (timedelta(0), LONGEST_MOVE)
    )
    earlier = read - (offset - before)
    return [read, earlier] if earlier < read and as_stored(earlier) == read else [read]


def as_stored(moment: datetime) -> datetime:
    """What PostgreSQL answers with when it was given the naive ``moment``."""
    zone = ZoneInfo(settings.TIME_ZONE)
    return moment.replace(tzinfo=zone).astimezone(timezone.utc).astimezone(zone).replace(tzinfo=None)
