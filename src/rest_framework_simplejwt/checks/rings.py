"""The files that signing keys are in. No message says anything of a key."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from .. import state
from ..keys import files
from .keys import SIGNING_VIEWS, has_ring
from .project import mounts, written
from .registry import Finding, check


@check(
    "simplejwt.E023",
    hint="Write SIGNING_KEYS_DIR alone, the absolute path of a directory that the server's user can read; "
    "`manage.py rotatesigningkeys` makes it, and the first key.",
)
def unusable_directory() -> Iterator[Finding]:
    """``SIGNING_KEYS_DIR`` is missing, empty or can't be read, a key in it can't be, or ``SIGNING_KEYS`` is set too."""
    try:
        state.configured_keys()
    except Exception:  # noqa: BLE001  # E022 reports it
        return
    try:
        directory = state.build_key_directory()
    except ImproperlyConfigured as error:
        yield Finding(str(error))
        return
    for fault in directory.faults if directory is not None else ():
        yield Finding(f"SIMPLE_JWT['SIGNING_KEYS_DIR']: {fault}.")


@check(
    "simplejwt.W015",
    hint="Run: chmod go-rwx {file}, as the user whom the server runs as, or with that user as its owner.",
    deploy=True,
)
def readable_key_files() -> Iterator[Finding]:
    """Others on the machine may read the file of a signing key, or write to the directory of signing keys."""
    for file in _key_files():
        if _mode(file) & (stat.S_IRGRP | stat.S_IROTH):
            yield Finding(f"The signing key in {file} is readable by others than its owner.", file=str(file))
    folder = _folder()
    if folder is not None and _mode(folder) & (stat.S_IWGRP | stat.S_IWOTH):
        yield Finding(f"Others than its owner may add signing keys to {folder}.", file=str(folder))


@check(
    "simplejwt.W044",
    hint="Take {kid!r} out of VERIFYING_KEYS once each machine has the directory, and before you delete its files.",
    deploy=True,
)
def key_in_two_places() -> Iterator[Finding]:
    """A key of ``SIGNING_KEYS_DIR`` is in ``VERIFYING_KEYS`` too: without its files, it goes on verifying tokens."""
    folder = _folder()
    if folder is None:
        return
    try:
        kids = files.stamps(folder)
        _, verifying = state.configured_keys()
    except Exception:  # noqa: BLE001  # E022 and E023 report it
        return
    for kid in (key.kid for key in verifying if key.kid in kids):
        yield Finding(f"The key {kid!r} is in SIMPLE_JWT['SIGNING_KEYS_DIR'] and in ['VERIFYING_KEYS'].", kid=kid)


@check(
    "simplejwt.W045",
    hint="Write a key in SIGNING_KEYS that signs now, or run: manage.py rotatesigningkeys; or take these views away.",
)
def no_signing_key() -> Iterator[Finding]:
    """No key of the ring signs now, and views that issue tokens are mounted: they answer 503."""
    if not has_ring() or not mounts(*SIGNING_VIEWS):
        return
    try:
        ring = state.get_ring_source()
    except Exception:  # noqa: BLE001  # E022 and E023 report it
        return
    if ring is not None and ring().current(time.time()) is None:
        yield Finding("No key of SIMPLE_JWT['SIGNING_KEYS'] or ['SIGNING_KEYS_DIR'] signs now.")


def _key_files() -> Iterator[Path]:
    keys = written("SIGNING_KEYS")
    for spec in keys if isinstance(keys, (list, tuple)) else ():
        if isinstance(spec, Mapping) and isinstance(spec.get("key_file"), (str, Path)):
            yield Path(spec["key_file"])
    folder = _folder()
    if folder is not None:
        with suppress(OSError):
            # One whose name is no text is no key.
            yield from [folder / f"{files.shown(kid)}.pem" for kid in files.stamps(folder)]


def _folder() -> Path | None:
    written_path = written("SIGNING_KEYS_DIR")
    return Path(written_path) if written_path and isinstance(written_path, (str, Path)) else None


def _mode(path: Path) -> int:
    """Its permissions; none where it is not there."""
    with suppress(OSError):
        return path.stat().st_mode
    return 0
