"""Checks of key rings: the files of signing keys and the keys in them. No message contains a key or a part of one."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from .. import state
from ..keys import files
from .keys import SIGNING_VIEWS, has_key_ring
from .project import configured, has_route_to
from .registry import Finding, check


@check(
    "simplejwt.E023",
    hint="Set SIGNING_KEYS_DIR to the absolute path of a directory that the server's user can read, and remove "
    "SIGNING_KEYS. `manage.py rotatesigningkeys` creates the directory and the first key.",
)
def unusable_directory() -> Iterator[Finding]:
    """``SIGNING_KEYS_DIR`` or a key in it can't be read, the directory is empty, or ``SIGNING_KEYS`` is set too."""
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
    hint="Run `chmod go-rwx {file}` as the user who runs the server, or make that user its owner.",
    deploy=True,
)
def readable_key_files() -> Iterator[Finding]:
    """Other users of the machine can read the file of a signing key, or write to the directory of signing keys."""
    for file in _key_files():
        if _mode(file) & (stat.S_IRGRP | stat.S_IROTH):
            yield Finding(f"The signing key in {file} is readable by users other than its owner.", file=str(file))
    directory = _signing_keys_dir()
    if directory is not None and _mode(directory) & (stat.S_IWGRP | stat.S_IWOTH):
        yield Finding(f"Users other than its owner can add signing keys to {directory}.", file=str(directory))


@check(
    "simplejwt.W044",
    hint="Remove {kid!r} from VERIFYING_KEYS after each machine has the directory, and before you delete its files.",
    deploy=True,
)
def key_in_directory_and_settings() -> Iterator[Finding]:
    """A key is both in ``SIGNING_KEYS_DIR`` and in ``VERIFYING_KEYS``: without its files it still verifies tokens."""
    directory = _signing_keys_dir()
    if directory is None:
        return
    try:
        kids = files.list_stamps(directory)
        _, verifying = state.configured_keys()
    except Exception:  # noqa: BLE001  # E022 and E023 report it
        return
    for kid in (key.kid for key in verifying if key.kid in kids):
        yield Finding(
            f"The key {kid!r} is both in SIMPLE_JWT['SIGNING_KEYS_DIR'] and in ['VERIFYING_KEYS']: if you delete its "
            "files, it still verifies tokens.",
            kid=kid,
        )


@check(
    "simplejwt.W045",
    hint="Add a key to SIGNING_KEYS that is active now, or run `manage.py rotatesigningkeys`; or remove the views that "
    "issue tokens.",
)
def no_active_key() -> Iterator[Finding]:
    """No key of the key ring is active, and your URLs have views that issue tokens: they answer 503."""
    if not has_key_ring() or not has_route_to(*SIGNING_VIEWS):
        return
    try:
        ring = state.get_ring_source()
    except Exception:  # noqa: BLE001  # E022 and E023 report it
        return
    if ring is not None and ring().signing_key(time.time()) is None:
        yield Finding("No key of SIMPLE_JWT['SIGNING_KEYS'] or ['SIGNING_KEYS_DIR'] is active: no token can be issued.")


def _key_files() -> Iterator[Path]:
    """Yields the path of each ``key_file`` in ``SIGNING_KEYS``, and of each private key in ``SIGNING_KEYS_DIR``."""
    keys = configured("SIGNING_KEYS")
    for spec in keys if isinstance(keys, (list, tuple)) else ():
        if isinstance(spec, Mapping) and isinstance(spec.get("key_file"), (str, Path)):
            yield Path(spec["key_file"])
    directory = _signing_keys_dir()
    if directory is not None:
        with suppress(OSError):
            # A file whose name can't be decoded is not the file of a key.
            yield from [directory / f"{files.printable(kid)}.pem" for kid in files.list_stamps(directory)]


def _signing_keys_dir() -> Path | None:
    """Returns ``SIGNING_KEYS_DIR`` as a path, or ``None`` if it is empty or not a path."""
    path = configured("SIGNING_KEYS_DIR")
    return Path(path) if path and isinstance(path, (str, Path)) else None


def _mode(path: Path) -> int:
    """Returns the mode bits of the file, or 0 if it does not exist or can't be read."""
    with suppress(OSError):
        return path.stat().st_mode
    return 0
