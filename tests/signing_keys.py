"""Writes directories of signing keys without the code under test."""

import json
from datetime import datetime, timedelta, timezone
from functools import cache

from rest_framework_simplejwt.keys import generate

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


@cache
def pem(kid):
    """A private key, the same one for each call with that `kid`."""
    return generate.private_pem("ES256")


def put(folder, kid, *, material=None, **metadata):
    """Write both files of a key. Times in the metadata may be `datetime` objects."""
    content = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in metadata.items()}
    folder.joinpath(f"{kid}.pem").write_bytes(material or pem(kid))
    folder.joinpath(f"{kid}.json").write_text(json.dumps({"kid": kid, "algorithm": "ES256", **content}))


def file_contents(folder):
    """The content of each file by its name, the lock file excluded."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != ".lock"}
