"""Keeps the salt of a password hash when Django upgrades the hash, so that tokens bound to the password stay valid."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.hashers import check_password, get_hasher, identify_hasher, make_password, must_update_salt

__all__ = ["KeepsSalt"]


def reusable_salt(encoded: str) -> str | None:
    """Returns the salt of a password hash. Each new password gets a new salt, so the salt identifies the password.

    Returns ``None`` if the hash has no salt, if the salt is so short that Django would replace it, and for a text
    that is not a hash by one of ``PASSWORD_HASHERS``, such as an unusable password.
    """
    try:
        hasher = identify_hasher(encoded)
        salt = hasher.decode(encoded)["salt"]
        return None if must_update_salt(salt, hasher.salt_entropy) else salt
    except (ValueError, TypeError, LookupError, AssertionError, NotImplementedError):
        return None


class KeepsSalt:
    """Mixin for a user model: an upgrade of a password's hash keeps its salt, so that tokens survive it.

    Write ``class User(KeepsSalt, AbstractUser)``. At a login Django upgrades a hash that was made with an older hasher
    or with fewer iterations, and draws a new salt, which ``keyed_fingerprint`` can't tell from a new password. A new
    salt is still drawn where Django considers the old one too short, or where the new hasher does not accept it
    (bcrypt makes its own).
    """

    # Any, because narrower types conflict with those of the user model.
    password: Any
    _password: Any
    save: Any

    def check_password(self, raw_password: str | None) -> bool:
        """Returns whether the password is right. If so, and the hash is outdated, replaces and saves the hash."""
        return check_password(raw_password, self.password, self._upgrade)

    async def acheck_password(self, raw_password: str | None) -> bool:
        """Returns what ``check_password`` returns. Runs it in a thread, because hashing takes long on purpose."""
        return await sync_to_async(self.check_password)(raw_password)

    def _upgrade(self, raw_password: str) -> None:
        """Replaces the outdated hash and saves the user. Called by ``check_password`` with the right password."""
        self.password = rehash(raw_password, self.password)
        # Else AbstractBaseUser.save() would call password_changed(), and the password has not changed.
        self._password = None
        self.save(update_fields=["password"])


def rehash(raw_password: str, encoded: str) -> str:
    """Returns a hash of ``raw_password`` by the preferred hasher, with the salt of the hash ``encoded`` if possible."""
    salt = reusable_salt(encoded)
    try:
        upgraded = get_hasher().encode(raw_password, salt) if salt is not None else ""
    except (ValueError, TypeError):
        upgraded = ""
    return upgraded if salt is not None and reusable_salt(upgraded) == salt else make_password(raw_password)
