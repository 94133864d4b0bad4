"""A key ring whose keys are files in a directory, which is scanned for changes while the process runs."""

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

# Seconds. The second interval is for a token whose kid is unknown: its key may be a new one. It has a lower bound so
# that tokens with invented kids do not cause a scan each.
SCAN_INTERVAL = 2.0
SCAN_INTERVAL_FOR_UNKNOWN_KID = 1.0
# Seconds that a request waits for a scan at most, as the disk may not answer.
SCAN_TIMEOUT = 1.0

_StampedKey = tuple[files.Stamp, Key]


class KeyDirectory:
    """The keys in the files of the directory ``path``, plus the keys ``verifying``. One instance for all threads.

    The constructor scans the directory, and raises ``BadKey`` if it can read no key there, or if two of ``verifying``
    have the same ``kid``. Later scans run in a thread, one at a time:

    - A key is removed when one of its two files is missing.
    - A key whose files exist but can't be read is skipped, or used as it was last read.
    - While the directory can't be listed, all keys are used as they were last read.

    Each of these faults is logged once. A ``kid`` that is in both ``path`` and ``verifying`` means the key in ``path``.
    ``now`` is a monotonic clock in seconds.
    """

    def __init__(
        self, path: str | PathLike[str], *, verifying: Iterable[Key] = (), now: Callable[[], float] = time.monotonic
    ) -> None:
        """Scans the directory. Raises ``BadKey`` if it can read no key there."""
        self.path = Path(path)
        self._verifying = tuple(verifying)
        # Raises BadKey for two equal kids now. Otherwise a scan could, once a key in the directory no longer hides one.
        KeyRing(verifying=self._verifying)
        self._now = now
        self._lock = Lock()
        # None while no scan is running. Set when the scan has finished, or when requests no longer need to wait for it.
        self._running_scan: Event | None = None
        self._keys: dict[str, _StampedKey] = {}
        self._ring: KeyRing = _DirectoryRing(self, (), ())
        # What could not be read in the last scan, for system checks.
        self.faults: list[Exception] = []
        self._listing_outage = Outage(
            f"The directory of signing keys {path}",
            "the keys that were last read from it stay in use",
            started="can't be listed",
            ended="can be listed again",
        )
        self._empty_outage = Outage(
            f"The directory of signing keys {path}",
            "no token is signed or verified with a key of it",
            started="contains no key",
            ended="contains keys again",
        )
        self._key_outages: dict[str, Outage] = {}
        try:
            bad = self._scan()
        except (OSError, ValueError) as error:
            raise BadKey(f"{self.path}: {error}") from error
        if not self._keys:
            raise BadKey(f"{self.path}: {self.faults[0]}")
        self._log_faults(bad)
        forks.register(self)

    def ring(self) -> KeyRing:
        """Returns the keys as they were at most ``2 * SCAN_INTERVAL`` ago; while the disk does not answer, older ones.

        Starts a scan when the last one is ``SCAN_INTERVAL`` old. Waits for it, for ``SCAN_TIMEOUT`` at most, only when
        the last one is twice as old, as in a process that has been idle.
        """
        age = self._now() - self._scanned_at
        if age >= SCAN_INTERVAL:
            self._scan_if_older(SCAN_INTERVAL, wait=age >= 2 * SCAN_INTERVAL)
        return self._ring

    def ring_for_unknown_kid(self) -> KeyRing:
        """Returns the keys as they were at most ``SCAN_INTERVAL_FOR_UNKNOWN_KID`` ago, after a scan if necessary.

        Waits for that scan for ``SCAN_TIMEOUT`` at most, and then returns the keys that were last read.
        """
        self._scan_if_older(SCAN_INTERVAL_FOR_UNKNOWN_KID, wait=True)
        return self._ring

    def _scan_if_older(self, max_age: float, *, wait: bool) -> None:
        """Starts a scan if the last one is at least ``max_age`` seconds old and none is running.

        With ``wait``, waits for the running scan, for ``SCAN_TIMEOUT`` at most.
        """
        with self._lock:
            if self._now() - self._scanned_at < max_age:
                return
            scan = self._running_scan
            is_new = scan is None
            if scan is None:
                scan = self._running_scan = Event()
        if is_new:
            try:
                Thread(target=self._run_scan, args=(scan,), name="simplejwt-key-directory", daemon=True).start()
            except RuntimeError:
                # No thread can start, for there are too many, or the interpreter is shutting down. A deleted key must
                # be noticed nevertheless.
                self._run_scan(scan)
        if wait and not scan.wait(SCAN_TIMEOUT):
            # One request has waited in vain. The others use the last keys at once, until the disk answers.
            scan.set()
            self._listing_outage.start(TimeoutError(f"no answer within {SCAN_TIMEOUT} seconds"))

    def _run_scan(self, scan: Event) -> None:
        """Scans the directory, logs which faults are new or gone, and sets the event ``scan``. Raises nothing."""
        try:
            bad = self._scan()
            self._listing_outage.end()
            self._log_faults(bad)
        except (OSError, ValueError) as error:
            self.faults = [error]
            self._listing_outage.start(error)
        finally:
            self._running_scan = None
            scan.set()

    def _scan(self) -> dict[str, BadKey]:
        """Reads what has changed in the directory. Returns an error by ``kid`` for each key that can't be read.

        Raises ``OSError`` or ``ValueError`` if the directory can't be listed.
        """
        started_at = self._now()
        try:
            keys, bad = self._read_keys(files.list_stamps(self.path))
            if keys != self._keys:
                # A kid has one key: the one in the directory, which can sign and may retire.
                others = [key for key in self._verifying if key.kid not in keys]
                # The ring comes before the keys: a process that is forked in between sees the difference again.
                self._ring = _DirectoryRing(self, [key for _, key in keys.values()], others)
                self._keys = keys
            self.faults = [*bad.values()] if keys or bad else [BadKey("it contains no key")]
        finally:
            self._scanned_at = started_at
        return bad

    def _read_keys(self, stamps: Mapping[str, files.Stamp]) -> tuple[dict[str, _StampedKey], dict[str, BadKey]]:
        """Returns the keys to use from now on, and an error for each key that can't be read, both by ``kid``."""
        keys, bad = {}, {}
        for kid, stamp in stamps.items():
            # A key that has lost one of its files is not used as it was: it was withdrawn.
            last = self._keys.get(kid) if files.is_complete(stamp) else None
            try:
                keys[kid] = last if last and last[0] == stamp else (stamp, self._read_key(kid, stamp))
            except BadKey as error:
                if isinstance(error.__cause__, FileNotFoundError):
                    continue  # It was deleted after the directory was listed.
                bad[kid] = error
                if last:
                    # It keeps its old stamp, so that the next scan reads it again.
                    keys[kid] = last
        return keys, bad

    def _read_key(self, kid: str, stamp: files.Stamp) -> Key:
        """Returns the key of ``kid``. Raises ``BadKey`` if it can't be read.

        Raises the error in ``stamp`` first, if there is one: that file can't even be inspected.
        """
        for file in stamp:
            if isinstance(file, BadKey):
                raise file
        return files.read(self.path, kid)[1]

    def _log_faults(self, bad: Mapping[str, BadKey]) -> None:
        """Logs each new error in ``bad`` and each one that is gone, and whether the directory has become empty."""
        if self._keys:
            self._empty_outage.end()
        else:
            self._empty_outage.start(self.faults[0])
        for kid in self._key_outages.keys() - bad:
            self._key_outages.pop(kid).end()
        for kid, error in bad.items():
            if kid not in self._key_outages:
                self._key_outages[kid] = Outage(
                    f"The signing key {files.printable(kid)} in {self.path}",
                    "it is skipped, or used as it was last read",
                    started=f"can't be read ({error})",
                    ended="can be read again, or was deleted",
                )
            self._key_outages[kid].start(error)

    def reset_after_fork(self) -> None:
        self._lock, self._running_scan = Lock(), None


class _DirectoryRing(KeyRing):
    """A ring that asks its directory for new keys when it does not have a ``kid``."""

    def __init__(self, directory: KeyDirectory, signing: Iterable[Key], verifying: Iterable[Key]) -> None:
        super().__init__(signing, verifying)
        self._directory = directory

    def verifying_keys(self, kid: str | None, now: float) -> tuple[Key, ...]:
        """Returns what ``KeyRing.verifying_keys`` returns. For an unknown ``kid``, looks for new keys first.

        That may start a scan of the directory, and wait for it for ``SCAN_TIMEOUT`` at most.
        """
        found = super().verifying_keys(kid, now)
        if found or kid is None:
            return found
        return KeyRing.verifying_keys(self._directory.ring_for_unknown_kid(), kid, now)
