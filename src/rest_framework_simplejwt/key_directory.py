"""The ring of the keys in a directory, which is looked at again while the process runs.

Knows no Django.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from threading import Lock

from . import key_files
from .keys import BadKey, Key, KeyRing
from .outage import Outage

# Seconds. A kid that is not there may be of a key that has just come; forged ones must not cost a look each.
LOOK_EVERY = 2.0
LOOK_FOR_A_KID_EVERY = 1.0
# How long a request waits for another's look, if it must: a disk may hang.
PATIENCE = 1.0


class KeyDirectory:
    """The keys of the files in ``path``, and those of ``verifying`` besides.

    Raises ``BadKey`` while no key of it can be read. Later, a key whose files can't be read stays as it
    was, and so do all when the directory can't be; that is logged once. A key whose files are gone is
    gone at the next look, whatever else is wrong. ``now`` is a clock that never goes back, in seconds.
    """

    def __init__(
        self, path: str | PathLike[str], *, verifying: Iterable[Key] = (), now: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = Path(path)
        self._verifying = tuple(verifying)
        self._now = now
        self._outage = Outage(f"The directory of signing keys {path}", "what was read of it before stays in use")
        self._one_at_a_time = Lock()
        self._known: dict[str, tuple[key_files.Stamp, Key]] = {}
        self._ring: KeyRing = _Ring(self, (), ())
        # What could not be read at the last look.
        self.faults: list[Exception] = []
        self._look()
        if not self._known:
            # Not logged: what is raised says it.
            raise BadKey(f"{self.path}: {self.faults[0]}")
        self._log()

    def ring(self) -> KeyRing:
        """The keys as they were four seconds ago, or later. Of threads that come when a look is due, one looks.

        The others wait for it only in a process that has been idle for longer than that.
        """
        age = self._now() - self._looked
        if age < LOOK_EVERY:
            return self._ring
        return self._looked_at(LOOK_EVERY, wait=PATIENCE if age >= 2 * LOOK_EVERY else 0)

    def ring_looked_at_again(self) -> KeyRing:
        """The keys as they were one second ago, or later."""
        return self._looked_at(LOOK_FOR_A_KID_EVERY, wait=PATIENCE)

    def _looked_at(self, max_age: float, *, wait: float) -> KeyRing:
        if self._now() - self._looked >= max_age and self._one_at_a_time.acquire(timeout=wait):
            try:
                # Another thread may have been faster.
                if self._now() - self._looked >= max_age:
                    self._look()
                    self._log()
            finally:
                self._one_at_a_time.release()
        return self._ring

    def _look(self) -> None:
        began = self._now()
        self.faults = []
        try:
            known = self._read(key_files.stamps(self.path))
            if known != self._known:
                self._ring = _Ring(self, [key for _, key in known.values()], self._verifying)
                self._known = known
            if not known and not self.faults:
                raise BadKey("there is no key in it")
        except (OSError, BadKey) as error:
            self.faults.append(error)
        self._looked = began

    def _log(self) -> None:
        if self.faults:
            self._outage.failed(self.faults[0])
        else:
            self._outage.over()

    def _read(self, stamps: dict[str, key_files.Stamp]) -> dict[str, tuple[key_files.Stamp, Key]]:
        found = {}
        for kid, stamp in stamps.items():
            before = self._known.get(kid)
            if before is not None and before[0] == stamp:
                found[kid] = before
                continue
            try:
                found[kid] = stamp, key_files.read(self.path, kid)[1]
            except BadKey as error:
                self.faults.append(error)
                if before is not None:
                    # With the stamp of then: it is read again at the next look.
                    found[kid] = before
        return found


class _Ring(KeyRing):
    """Looks at its directory again for the sake of a ``kid`` that it does not have."""

    def __init__(self, directory: KeyDirectory, signing: Iterable[Key], verifying: Iterable[Key]) -> None:
        super().__init__(signing, verifying)
        self._directory = directory

    def verifying(self, kid: str | None, now: float) -> tuple[Key, ...]:
        found = super().verifying(kid, now)
        if found or kid is None:
            return found
        return KeyRing.verifying(self._directory.ring_looked_at_again(), kid, now)
