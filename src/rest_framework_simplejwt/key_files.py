"""A key of a directory: ``<kid>.pem``, the private key in PKCS8, and ``<kid>.json``, which says when it is used.

Knows no Django. A key is there while both of its files are, so that either file takes it away.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

from .keys import BadKey, Key, read_key

_MOMENTS = ("created_at", "not_before", "retire_after")
_SUFFIXES = (".pem", ".json")

# For each of the two files, what changes when its content does.
Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Metadata:
    """What stands in the JSON, its moments aware of their zone. ``None``: from the start, or for ever."""

    kid: str
    algorithm: str
    created_at: datetime | None = None
    not_before: datetime | None = None
    retire_after: datetime | None = None
    accepts_no_kid: bool = False

    def as_json(self) -> bytes:
        """The text of the file; moments in ISO 8601."""
        return json.dumps(asdict(self), indent=2, default=datetime.isoformat).encode() + b"\n"


_NAMES = {each.name for each in fields(Metadata)}


def parse(text: bytes) -> Metadata:
    """Raises ``ValueError`` for what is no such text; an unknown name is no such text: it may be a typo."""
    written = json.loads(text)
    if not isinstance(written, dict) or written.keys() - _NAMES or not {"kid", "algorithm"} <= written.keys():
        raise ValueError(f"not a JSON object of {', '.join(sorted(_NAMES))}")
    if not isinstance(written.get("accepts_no_kid", False), bool):
        raise ValueError("accepts_no_kid is neither true nor false")
    return Metadata(**{**written, **{name: _moment(written.get(name)) for name in _MOMENTS}})


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    # Python 3.10 does not know the Z.
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return found


def stamps(folder: Path) -> dict[str, Stamp]:
    """The ``kid`` of each key that is there, in order. Other files do not matter. Raises ``OSError``."""
    found: dict[str, tuple[int, int, int]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIXES) and not entry.name.startswith("."):
                # It may have been deleted since.
                with suppress(FileNotFoundError):
                    stat = entry.stat()
                    found[entry.name] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    kids = sorted(name.removesuffix(".pem") for name in found if name.endswith(".pem"))
    return {kid: (found[f"{kid}.pem"], found[f"{kid}.json"]) for kid in kids if f"{kid}.json" in found}


def read(folder: Path, kid: str) -> tuple[Metadata, Key]:
    """Raises ``BadKey`` that names the file which can't be read, and why."""
    try:
        metadata = parse((folder / f"{kid}.json").read_bytes())
        material = (folder / f"{kid}.pem").read_bytes()
        if metadata.kid != kid:
            raise ValueError("the kid in it is not that of the file's name")
        spec = {name: value for name, value in vars(metadata).items() if name != "created_at"}
        return metadata, read_key({**spec, "key": material}, signs=True)
    # cryptography raises what it likes.
    except Exception as error:
        reason = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise BadKey(f"{kid}.pem and {kid}.json: {reason}") from error


def add(folder: Path, metadata: Metadata, pem: bytes) -> None:
    """The key is there once all of it is."""
    _replace(folder / f"{metadata.kid}.pem", pem)
    update(folder, metadata)


def update(folder: Path, metadata: Metadata) -> None:
    _replace(folder / f"{metadata.kid}.json", metadata.as_json())


def remove(folder: Path, kid: str) -> None:
    for suffix in (".json", ".pem"):
        (folder / f"{kid}{suffix}").unlink(missing_ok=True)


def create(path: Path, content: bytes) -> None:
    """A file that only its owner may read, from the first byte on. Raises ``FileExistsError``, ``OSError``."""
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise


def _replace(path: Path, content: bytes) -> None:
    """Whoever looks finds the old content or the new one, also after a power cut."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    create(draft, content)
    try:
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder, with mode 0700, where there is none; one process at a time is inside."""
    # Here, for it is not there on Windows, where keys are only read.
    import fcntl

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
