"""Password hashes across an upgrade of their parameters: the salt may stay, and ``KeepsSalt`` makes it so."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.hashers import check_password, get_hasher, identify_hasher, make_password, must_update_salt

__all__ = ["KeepsSalt"]


def lasting_salt(encoded: str) -> str | None:
    """The salt of a password hash, which is drawn anew with each password.

    ``None`` for a hash that has none, or none that Django would keep, and for what is no hash
    of a hasher in ``PASSWORD_HASHERS``, such as an unusable password.
    """
    try:
        hasher = identify_hasher(encoded)
        salt = hasher.decode(encoded)["salt"]
        return None if must_update_salt(salt, hasher.salt_entropy) else salt
    except (ValueError, TypeError, LookupError, AssertionError, NotImplementedError):
        return None


class KeepsSalt:
    """For a user model: an upgrade of a password's hash keeps its salt, so that tokens survive it.

    Write ``class User(KeepsSalt, AbstractUser)``. Django draws a new salt when it hashes a
    password anew with the parameters, or the hasher, of today. ``keyed_fingerprint`` could not
    tell that from a new password. A salt that Django holds to be too short, or that the
    hasher does not take (bcrypt makes its own), is drawn anew all the same.
    """

    # Of the user model, whose own types would conflict with narrower ones here.
    password: Any
    _password: Any
    save: Any

    def check_password(self, raw_password: str | None) -> bool:
        """Whether the password is right; a hash that is out of date is then replaced."""
        return check_password(raw_password, self.password, self._upgrade)

    async def acheck_password(self, raw_password: str | None) -> bool:
        """As ``check_password``, in a thread: hashing is slow on purpose."""
        return await sync_to_async(self.check_password)(raw_password)

    def _upgrade(self, raw_password: str) -> None:
        self.password = rehash(raw_password, self.password)
        # An upgrade is no change of password, of which a project would hear.
        self._password = None
        self.save(update_fields=["password"])


def rehash(raw_password: str, encoded: str) -> str:
    """A hash of today of the same password, with the salt of ``encoded`` if it may stay."""
    salt = lasting_salt(encoded)
    try:
        upgraded = get_hasher().encode(raw_password, salt) if salt is not None else ""
    except (ValueError, TypeError):
        upgraded = ""
    return upgraded if salt is not None and lasting_salt(upgraded) == salt else make_password(raw_password)
