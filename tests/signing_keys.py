"""Directories of signing keys, written by hand."""

import json
from datetime import datetime, timedelta, timezone
from functools import cache

from rest_framework_simplejwt.keys import generate

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


@cache
def pem(kid):
    return generate.private_pem("ES256")


def put(folder, kid, *, material=None, **metadata):
    """Write both files of a key, its moments given as `datetime`."""
    moments = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in metadata.items()}
    folder.joinpath(f"{kid}.pem").write_bytes(material or pem(kid))
    folder.joinpath(f"{kid}.json").write_text(json.dumps({"kid": kid, "algorithm": "ES256", **moments}))


def file_names(folder):
    """The content of each file by its name, but not of the lock."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != ".lock"}
