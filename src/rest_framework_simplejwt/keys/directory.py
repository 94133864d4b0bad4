"""The ring of the keys in a directory, which is looked at again while the process runs.

Knows no Django.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from threading import Event, Lock, Thread

from .. import forks
from ..outage import Outage
from . import files
from .ring import BadKey, Key, KeyRing

# Seconds. A kid that is not there may be of a key that has just come; forged ones must not cost a look each.
LOOK_EVERY = 2.0
LOOK_FOR_A_KID_EVERY = 1.0
# How long requests wait for a look, if they must: a disk may hang.
PATIENCE = 1.0

_Known = tuple[files.Stamp, Key]


class KeyDirectory:
    """The keys of the files in ``path``, and those of ``verifying`` besides. One for all threads.

    Reads the directory before it returns, and raises ``BadKey`` if no key of it can be read. Later looks run
    in a thread of their own, one at a time. A key is removed when one of its two files is gone. A key whose files
    are there and can't be read is skipped, or stays as it was if it was read before; all keys stay as they were while
    the directory can't be listed. Each fault is logged once. Where ``path`` and ``verifying`` have the same ``kid``,
    the key in ``path`` is used. ``now`` is a clock that never goes back, in seconds.
    """

    def __init__(
        self, path: str | PathLike[str], *, verifying: Iterable[Key] = (), now: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = Path(path)
        self._verifying = tuple(verifying)
        # Raises now what it would raise later, when a key that hides one of two equal kids is removed.
        KeyRing(verifying=self._verifying)
        self._now = now
        self._lock = Lock()
        # Set once nobody needs to wait for the look that is under way.
        self._under_way: Event | None = None
        self._known: dict[str, _Known] = {}
        self._ring: KeyRing = _Ring(self, (), ())
        # What could not be read at the last look.
        self.faults: list[Exception] = []
        self._unlisted = Outage(f"The directory of signing keys {path}", "what was read of it before stays in use")
        self._empty = Outage(
            f"The directory of signing keys {path}",
            "none of its keys signs or verifies",
            started="has no key in it",
            ended="has keys again",
        )
        self._bad: dict[str, Outage] = {}
        # Not logged: what is raised says it.
        try:
            bad = self._look()
        except (OSError, ValueError) as error:
            raise BadKey(f"{self.path}: {error}") from error
        if not self._known:
            raise BadKey(f"{self.path}: {self.faults[0]}")
        self._log(bad)
        forks.register(self)

    def ring(self) -> KeyRing:
        """The keys as they were four seconds ago, or later; only while the disk does not answer, older.

        A look begins when the last one is two seconds old. A request waits for it only where none was made for four
        seconds, as in an idle process, and ``PATIENCE`` at the most.
        """
        age = self._now() - self._looked
        if age >= LOOK_EVERY:
            self._look_again(LOOK_EVERY, waits=age >= 2 * LOOK_EVERY)
        return self._ring

    def ring_looked_at_again(self) -> KeyRing:
        """The keys as they were one second ago, or later. Waits for them as ``ring`` does."""
        self._look_again(LOOK_FOR_A_KID_EVERY, waits=True)
        return self._ring

    def _look_again(self, max_age: float, *, waits: bool) -> None:
        with self._lock:
            if self._now() - self._looked < max_age:
                return
            look = self._under_way
            begins = look is None
            if look is None:
                look = self._under_way = Event()
        if begins:
            try:
                Thread(target=self._run, args=(look,), name="simplejwt-key-directory", daemon=True).start()
            except RuntimeError:
                # No more threads, or the interpreter is about to end: a deleted key must be noticed all the same.
                self._run(look)
        if waits and not look.wait(PATIENCE):
            # One has waited in vain: the others go on with the keys of before until the disk answers.
            look.set()
            self._unlisted.start(TimeoutError(f"no answer within {PATIENCE} seconds"))

    def _run(self, look: Event) -> None:
        try:
            bad = self._look()
            self._unlisted.end()
            self._log(bad)
        except (OSError, ValueError) as error:
            self.faults = [error]
            self._unlisted.start(error)
        finally:
            self._under_way = None
            look.set()

    def _look(self) -> dict[str, BadKey]:
        """Why which key can't be read, by ``kid``. Raises ``OSError`` or ``ValueError`` if none can be listed."""
        began = self._now()
        try:
            known, bad = self._read(files.stamps(self.path))
            if known != self._known:
                # A kid is one key: that of the directory, which can sign and may have an end.
                others = [key for key in self._verifying if key.kid not in known]
                # In this order: a process that is forked in between finds the difference once more.
                self._ring = _Ring(self, [key for _, key in known.values()], others)
                self._known = known
            self.faults = [*bad.values()] if known or bad else [BadKey("there is no key in it")]
        finally:
            self._looked = began
        return bad

    def _read(self, stamps: Mapping[str, files.Stamp]) -> tuple[dict[str, _Known], dict[str, BadKey]]:
        """What is known from now on, and why which key can't be read."""
        known, bad = {}, {}
        for kid, stamp in stamps.items():
            # With one of its files, a key was taken away.
            before = self._known.get(kid) if files.is_whole(stamp) else None
            try:
                known[kid] = before if before and before[0] == stamp else (stamp, self._read_key(kid, stamp))
            except BadKey as error:
                if isinstance(error.__cause__, FileNotFoundError):
                    continue  # Deleted since.
                bad[kid] = error
                if before:
                    # With the stamp of then: it is read again at the next look.
                    known[kid] = before
        return known, bad

    def _read_key(self, kid: str, stamp: files.Stamp) -> Key:
        for file in stamp:
            if isinstance(file, BadKey):
                raise file
        return files.read(self.path, kid)[1]

    def _log(self, bad: Mapping[str, BadKey]) -> None:
        if self._known:
            self._empty.end()
        else:
            self._empty.start(self.faults[0])
        for kid in self._bad.keys() - bad:
            self._bad.pop(kid).end()
        for kid, error in bad.items():
            if kid not in self._bad:
                self._bad[kid] = Outage(
                    f"The signing key {files.shown(kid)} in {self.path}",
                    "it is skipped, or stays as it was if it was read before",
                    started=f"can't be read ({error})",
                    ended="can be read again, or is gone",
                )
            self._bad[kid].start(error)

    def reset_after_fork(self) -> None:
        self._lock, self._under_way = Lock(), None


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
