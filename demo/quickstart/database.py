"""The demo's database file: created for each run. A file of another program is never deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.token_family.models import TokenFamily
from rest_framework_simplejwt.tokens import RefreshToken

# The application_id in the header of an SQLite file (file format, section 1.3) marks files of the demo.
MARK = b"SJWT"
MARK_AT = slice(68, 72)


class DatabaseFileError(Exception):
    """Raised if the file can't be created again; ``str(error)`` says why."""


def create_database(path: Path) -> None:
    """Creates an empty database at ``path``. Raises ``DatabaseFileError`` if the file there is not one of the demo."""
    try:
        if path.exists() and not _is_demo_file(path):
            raise DatabaseFileError(
                f"{path} was not made by this demo, so it stays; name another file in DEMO_DATABASE."
            )
        for suffix in ("", "-journal", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA application_id = {int.from_bytes(MARK, 'big')}")
    except (OSError, sqlite3.Error) as error:
        raise DatabaseFileError(f"{path} can't be made anew ({error}); name another file in DEMO_DATABASE.") from error


def _is_demo_file(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(MARK_AT.stop)
    return header[MARK_AT] == MARK or not header


def expire(refresh_tokens: Iterable[str]) -> None:
    """Sets the expiry of the records of these tokens and families to one day ago."""
    yesterday = timezone.now() - timedelta(days=1)
    for text in refresh_tokens:
        token = RefreshToken(text, verify=False)
        OutstandingToken.objects.filter(jti=token["jti"]).update(expires_at=yesterday)
        TokenFamily.objects.filter(family_id=token["family_id"]).update(expires_at=yesterday)
