"""Plans a key rotation: when which key of a directory becomes active, and when which retires.

Neither reads the clock nor touches files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from .files import Metadata

_ALWAYS = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Plan:
    """What a rotation changes in a directory. A new key and changed ones are to be written, retired ones deleted."""

    # All keys after the rotation, ``new`` and ``changed`` among them.
    keys: tuple[Metadata, ...]
    # The next key to become active, or the one that becomes active now.
    next_key: Metadata
    # ``next_key`` if it must be made; ``None`` if it is in the directory already.
    new: Metadata | None
    changed: tuple[Metadata, ...]
    retired: tuple[Metadata, ...]

    def events(self) -> Iterator[tuple[datetime, str, str]]:
        """Yields each known time at which something happens, the ``kid`` and what happens, ordered by time."""
        found = []
        for key in self.keys:
            steps = (
                (key.created_at, "is published"),
                (key.not_before, "becomes active"),
                (key.retire_after, "retires"),
            )
            found += [(time, key.kid, event) for time, event in steps if time is not None]
        yield from sorted(found, key=lambda event: event[0])


def plan_rotation(
    known: Iterable[Metadata], *, kid: str, algorithm: str, now: datetime, publish_for: timedelta, lifetime: timedelta
) -> Plan:
    """Returns what a rotation at ``now`` changes in a directory with the keys ``known``. Writes nothing.

    The next key is the first one that is published and not yet active, which keeps its activation time. If there is
    none, it is a new key with ``kid`` and ``algorithm``, active after ``publish_for``. If no key signs now, the next
    key becomes active at once. The key that signs now retires ``lifetime`` after the next key becomes active, or later
    if its metadata says so. Any other active key without a retirement time retires ``lifetime`` after ``now``. Keys
    whose retirement time has come are in ``Plan.retired``.
    """
    known = sorted(known, key=lambda key: key.kid)
    retired = tuple(key for key in known if key.retire_after is not None and key.retire_after <= now)
    remaining = {key.kid: key for key in known if key not in retired}
    # The same choice as in KeyRing.signing_key().
    signing = max((key for key in remaining.values() if _active_from(key) <= now), key=_active_from, default=None)
    published = min((key for key in remaining.values() if _active_from(key) > now), key=_active_from, default=None)
    this_second = now.replace(microsecond=0)
    activation = this_second if signing is None else _activation_after(signing, now + publish_for)
    new = None if published is not None else Metadata(kid, algorithm, created_at=this_second, not_before=activation)
    next_key = published or new
    assert next_key is not None
    if published is not None and signing is None:
        next_key = replace(next_key, not_before=this_second)
    planned = {**remaining, next_key.kid: next_key}
    for key in remaining.values():
        if _active_from(key) <= now:
            last_signature = _active_from(next_key) if key is signing else this_second
            retirement = _retirement(key, last_signature + lifetime, signs=key is signing)
            planned[key.kid] = replace(key, retire_after=retirement)
    changed = tuple(key for key in planned.values() if key.kid in remaining and key != remaining[key.kid])
    return Plan(tuple(planned.values()), next_key, new, changed, retired)


def _active_from(key: Metadata) -> datetime:
    """Returns the time from which ``key`` can sign: ``_ALWAYS`` if it has no ``not_before``."""
    return key.not_before or _ALWAYS


def _activation_after(signing: Metadata, earliest: datetime) -> datetime:
    """Returns the first whole second from ``earliest`` on that is later than the activation of the ``signing`` key.

    If two keys became active at the same time, the older one would go on signing.
    """
    whole = earliest.replace(microsecond=0) + timedelta(seconds=bool(earliest.microsecond))
    return max(whole, _active_from(signing) + timedelta(seconds=1))


def _retirement(key: Metadata, last_expiry: datetime, *, signs: bool) -> datetime:
    """Returns when ``key`` retires: at ``last_expiry``, the expiry of its last token, or when its metadata says so.

    An earlier time in the metadata of the key that signs now is not kept: it will sign tokens that expire later.
    """
    if key.retire_after is None or (signs and key.retire_after < last_expiry):
        return last_expiry
    return key.retire_after
