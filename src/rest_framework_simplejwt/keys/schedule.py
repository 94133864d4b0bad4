"""Which key of a directory signs from when on, and when the one before it retires.

Knows no Django, and neither clock nor files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from .files import Metadata

_EVER = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Plan:
    """What to write and delete, and how it will be then: ``keys`` are those that are left, ``changed`` some of them."""

    keys: tuple[Metadata, ...]
    new: Metadata | None
    changed: tuple[Metadata, ...]
    retired: tuple[Metadata, ...]

    def events(self) -> Iterator[tuple[datetime, str, str]]:
        """When what happens to which ``kid``, in the order of time; what has always been so is left out."""
        found = []
        for key in self.keys:
            steps = ((key.created_at, "is published"), (key.not_before, "signs"), (key.retire_after, "retires"))
            found += [(moment, key.kid, what) for moment, what in steps if moment is not None]
        yield from sorted(found, key=lambda event: event[0])


def _starts(key: Metadata) -> datetime:
    return key.not_before or _EVER


def plan(
    known: Iterable[Metadata], *, kid: str, algorithm: str, now: datetime, publish_for: timedelta, lifetime: timedelta
) -> Plan:
    """The next key signs once it has been public for ``publish_for``; the one before retires a ``lifetime`` later.

    While one waits for its turn already there is no new one. When none signs now, the next does at once.
    """
    known = sorted(known, key=lambda key: key.kid)
    retired = tuple(key for key in known if key.retire_after is not None and key.retire_after <= now)
    alive = {key.kid: key for key in known if key not in retired}
    # As KeyRing.current() has it.
    current = max((key for key in alive.values() if _starts(key) <= now), key=_starts, default=None)
    waiting = min((key for key in alive.values() if _starts(key) > now), key=_starts, default=None)
    floor = now.replace(microsecond=0)
    turn = floor if current is None else _turn_after(current, now + publish_for)
    new = None if waiting is not None else Metadata(kid, algorithm, created_at=floor, not_before=turn)
    following = waiting or new
    assert following is not None
    if waiting is not None and current is None:
        following = replace(following, not_before=floor)
    planned = {**alive, following.kid: following}
    for key in alive.values():
        if _starts(key) <= now:
            last = _starts(following) if key is current else floor
            planned[key.kid] = replace(key, retire_after=_retirement(key, last + lifetime, signs=key is current))
    changed = tuple(key for key in planned.values() if key.kid in alive and key != alive[key.kid])
    return Plan(tuple(planned.values()), new, changed, retired)


def _turn_after(current: Metadata, moment: datetime) -> datetime:
    """A whole second: the first of two that begin at once would go on signing."""
    whole = moment.replace(microsecond=0) + timedelta(seconds=bool(moment.microsecond))
    return max(whole, _starts(current) + timedelta(seconds=1))


def _retirement(key: Metadata, needed: datetime, *, signs: bool) -> datetime:
    """What stands there is left alone, unless the key still signs tokens that would outlive it."""
    if key.retire_after is None or (signs and key.retire_after < needed):
        return needed
    return key.retire_after
