"""The two files of a key in a directory: ``<kid>.pem``, the private key (PKCS8), and ``<kid>.json``, its metadata.

The metadata say when the key can sign and when it retires. Both files must exist: a key is withdrawn by deleting
either of them.
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

_TIMES = ("created_at", "not_before", "retire_after")
_SUFFIXES = (".pem", ".json")

# Bytes, more than the largest key needs.
MAX_SIZE = 65_536

# For each file of a key: its modification time, size and inode, which change with its content; or why they are unknown.
Stamp = tuple[tuple[int, int, int] | BadKey, ...]


@dataclass(frozen=True)
class Metadata:
    """The content of a ``.json`` file. Its times have a time zone.

    A key can sign from ``not_before`` on (``None``: always), and retires at ``retire_after`` (``None``: never).
    """

    kid: str
    algorithm: str
    created_at: datetime | None = None
    not_before: datetime | None = None
    retire_after: datetime | None = None
    accepts_no_kid: bool = False

    def to_json(self) -> bytes:
        """Returns the text of the file, with times in ISO 8601."""
        return json.dumps(asdict(self), indent=2, default=datetime.isoformat).encode() + b"\n"


_NAMES = {each.name for each in fields(Metadata)}


def parse_metadata(text: bytes) -> Metadata:
    """Parses the content of a ``.json`` file. Raises ``ValueError``, also for an unknown name, which may be a typo."""
    content = json.loads(text)
    if not isinstance(content, dict) or content.keys() - _NAMES or not {"kid", "algorithm"} <= content.keys():
        raise ValueError(f"it must be a JSON object with kid, algorithm, and none but {', '.join(sorted(_NAMES))}")
    if not isinstance(content.get("accepts_no_kid", False), bool):
        raise ValueError("accepts_no_kid must be true or false")
    return Metadata(**{**content, **{name: _parse_time(content.get(name)) for name in _TIMES}})


def _parse_time(text: str | None) -> datetime | None:
    """Returns the time in an ISO 8601 text, and ``None`` for ``None``. Raises ``ValueError`` without a time zone."""
    if text is None:
        return None
    # fromisoformat() of Python 3.10 does not accept "Z".
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return time


def list_stamps(directory: Path) -> dict[str, Stamp]:
    """Returns by ``kid`` the stamp of each key in a directory, in alphabetical order. Raises ``OSError``.

    A stamp differs from an earlier one if a file of the key has changed. A key with one file only is left out, unless
    that file is faulty: a directory or a pipe, say, or impossible to inspect. Files with other suffixes and hidden
    files are ignored.
    """
    found: dict[str, tuple[int, int, int] | BadKey] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIXES) and not entry.name.startswith("."):
                # It may have been deleted after the directory was listed.
                with suppress(FileNotFoundError):
                    found[entry.name] = _file_stamp(entry)
    kids = sorted({name.rpartition(".")[0] for name in found})
    stamps = {kid: tuple(found[name] for suffix in _SUFFIXES if (name := kid + suffix) in found) for kid in kids}
    return {kid: stamp for kid, stamp in stamps.items() if is_complete(stamp) or isinstance(stamp[0], BadKey)}


def is_complete(stamp: Stamp) -> bool:
    """Returns whether both files of the key with this stamp exist."""
    return len(stamp) == len(_SUFFIXES)


def printable(name: str) -> str:
    """Returns the name of a file with escapes for bytes that are not text, which a file name may contain."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _file_stamp(entry: os.DirEntry[str]) -> tuple[int, int, int] | BadKey:
    """Returns the modification time, size and inode of a file, or a ``BadKey`` that says why they can't be read.

    Raises ``FileNotFoundError`` if the file has been deleted.
    """
    try:
        status = entry.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        return BadKey(f"{printable(entry.name)}: {_reason(error)}")
    return status.st_mtime_ns, status.st_size, status.st_ino


def read(directory: Path, kid: str) -> tuple[Metadata, Key]:
    """Returns the metadata and the key of ``kid``. Raises ``BadKey``, which names the files and says what is wrong."""
    try:
        # A file name that is not text can't be the kid of a token.
        kid.encode()
        metadata = parse_metadata(_read_bounded(directory / f"{kid}.json"))
        material = _read_bounded(directory / f"{kid}.pem")
        if metadata.kid != kid:
            raise ValueError("the kid in the .json file differs from the file name")
        spec = {name: value for name, value in vars(metadata).items() if name != "created_at"}
        return metadata, read_key({**spec, "key": material}, signs=True)
    # cryptography may raise any exception.
    except Exception as error:
        raise BadKey(f"{printable(kid)}.pem and {printable(kid)}.json: {_reason(error)}") from error


def _read_bounded(path: Path) -> bytes:
    """Reads a file of up to ``MAX_SIZE`` bytes, without waiting for a pipe. Raises ``OSError`` and ``ValueError``."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        content = file.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        raise ValueError(f"one of the files has more than {MAX_SIZE} bytes")
    return content


def _reason(error: Exception) -> str:
    """Returns a text for ``error`` that quotes nothing of a key.

    It is the text of the operating system or of a ``ValueError``. For any other error it is the name of the class.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, ValueError) else type(error).__name__


def add(directory: Path, metadata: Metadata, pem: bytes) -> None:
    """Writes both files of a key, the metadata last, so that no reader sees half a key. Raises ``OSError``."""
    _replace_atomically(directory / f"{metadata.kid}.pem", pem)
    update(directory, metadata)


def update(directory: Path, metadata: Metadata) -> None:
    """Writes the ``.json`` file of a key. Raises ``OSError``."""
    _replace_atomically(directory / f"{metadata.kid}.json", metadata.to_json())


def remove(directory: Path, kid: str) -> None:
    """Deletes the files of a key, the metadata first. Does nothing for a file that is missing. Raises ``OSError``."""
    for suffix in (".json", ".pem"):
        (directory / f"{kid}{suffix}").unlink(missing_ok=True)


def create_private(path: Path, content: bytes) -> None:
    """Creates a file that only its owner may read (mode 0600). Leaves no file behind if writing fails.

    Raises ``FileExistsError`` and other ``OSError``.
    """
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise


def _replace_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that readers see either the old content or the new one, even after a power failure."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    create_private(draft, content)
    try:
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the lock of a directory, which one process at a time can hold. Waits for the lock.

    Creates the directory, with mode 0700, if it does not exist. Raises ``OSError``, and ``ImportError`` on Windows.
    """
    # Windows has no fcntl. Imported here, because keys can be read there.
    import fcntl

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
