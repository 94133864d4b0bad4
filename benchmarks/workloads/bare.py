"""The floor for work with a database: only the necessary statements, through Django's cursor."""

# ruff: noqa: S608  # SQL that is all its own

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

_FIELDS = [field.attname for field in User._meta.concrete_fields]
_USER = f"SELECT {', '.join(_FIELDS)} FROM auth_user WHERE id = %s"
_NOT_REVOKED = (
    " AND NOT EXISTS (SELECT 1 FROM token_blacklist_blacklistedtoken b"
    " JOIN token_blacklist_outstandingtoken o ON o.id = b.token_id WHERE o.jti = %s)"
)
_OUTSTANDING = (
    "INSERT INTO token_blacklist_outstandingtoken (user_id, jti, token, created_at, expires_at)"
    " VALUES (%s, %s, %s, %s, %s)"
)
_BLACKLIST = (
    "INSERT INTO token_blacklist_blacklistedtoken (token_id, blacklisted_at)"
    " SELECT id, %s FROM token_blacklist_outstandingtoken WHERE jti = %s"
)


def user() -> User:
    with connection.cursor() as cursor:
        cursor.execute(_USER, [1])
        return User.from_db("default", _FIELDS, cursor.fetchone())


def user_unless_revoked(jti: str) -> User:
    with connection.cursor() as cursor:
        cursor.execute(_USER + _NOT_REVOKED, [1, jti])
        return User.from_db("default", _FIELDS, cursor.fetchone())


def blacklist(jti: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_BLACKLIST, [timezone.now(), jti])
        assert cursor.rowcount == 1


def rotate(spent: str, new: str, text: str) -> None:
    """Reads the user, revokes one token and records the next, in one transaction."""
    user()
    now = timezone.now()
    record = [1, new, text, now, now]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"WITH spent AS ({_BLACKLIST}) {_OUTSTANDING}", [now, spent, *record])
            return
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute(_BLACKLIST, [now, spent])
        cursor.execute(_OUTSTANDING, record)
        cursor.execute("COMMIT")


def batch(function: Callable[..., object], arguments: list[tuple[Any, ...]]) -> tuple[Any, list[Any]]:
    return lambda each: function(*each), arguments
