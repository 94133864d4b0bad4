"""A key of a directory: ``<kid>.pem``, the private key in PKCS8, and ``<kid>.json``, which says when it is used.

Knows no Django. A key is there while both of its files are, so that either file takes it away.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

from .ring import BadKey, Key, read_key

_MOMENTS = ("created_at", "not_before", "retire_after")
_SUFFIXES = (".pem", ".json")

# More than the largest key has. In bytes.
MAX_SIZE = 65_536

# For each of a key's files, what changes when its content does, or why that can't be told.
Stamp = tuple[tuple[int, int, int] | BadKey, ...]


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
    """The ``kid`` of each key that is there, in order; and of each bad file that is alone. Raises ``OSError``.

    A file is bad if it is a directory or a pipe, say, or can't be asked what it is. Other files do not matter.
    """
    found: dict[str, tuple[int, int, int] | BadKey] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIXES) and not entry.name.startswith("."):
                # It may have been deleted since.
                with suppress(FileNotFoundError):
                    found[entry.name] = _stamp(entry)
    kids = sorted({name.rpartition(".")[0] for name in found})
    known = {kid: tuple(found[name] for suffix in _SUFFIXES if (name := kid + suffix) in found) for kid in kids}
    return {kid: stamp for kid, stamp in known.items() if is_whole(stamp) or isinstance(stamp[0], BadKey)}


def is_whole(stamp: Stamp) -> bool:
    """Whether both files of the key are there."""
    return len(stamp) == len(_SUFFIXES)


def shown(name: str) -> str:
    """The name of a file as a text, which it need not be."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _stamp(entry: os.DirEntry[str]) -> tuple[int, int, int] | BadKey:
    """Raises ``FileNotFoundError``."""
    try:
        found = entry.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a regular file")
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        return BadKey(f"{shown(entry.name)}: {_reason(error)}")
    return found.st_mtime_ns, found.st_size, found.st_ino


def read(folder: Path, kid: str) -> tuple[Metadata, Key]:
    """Raises ``BadKey`` that names the file which can't be read, and why."""
    try:
        # A kid that is no text can't be the kid of a token.
        kid.encode()
        metadata = parse(_content(folder / f"{kid}.json"))
        material = _content(folder / f"{kid}.pem")
        if metadata.kid != kid:
            raise ValueError("the kid in it is not that of the file's name")
        spec = {name: value for name, value in vars(metadata).items() if name != "created_at"}
        return metadata, read_key({**spec, "key": material}, signs=True)
    # cryptography raises what it likes.
    except Exception as error:
        raise BadKey(f"{shown(kid)}.pem and {shown(kid)}.json: {_reason(error)}") from error


def _content(path: Path) -> bytes:
    """Neither waits for what a pipe may bring, nor reads what has no end. Raises ``OSError``, ``ValueError``."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        content = file.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        raise ValueError(f"a file of it has more than {MAX_SIZE} bytes")
    return content


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, ValueError) else type(error).__name__


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
