"""Revokes tokens and token families: of a user, one by its id, or all."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rest_framework_simplejwt import sessions
from rest_framework_simplejwt.revocation import can_revoke_families, can_revoke_tokens

__all__ = ["Command"]


class Command(BaseCommand):
    help = "Revokes refresh and sliding tokens, and token families."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares ``--user``, ``--family``, ``--jti`` and ``--all``. Exactly one of them is required."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--user", metavar="NAME", help="all tokens and families of the user with this login name")
        what.add_argument("--family", metavar="ID", help="the family with this id")
        what.add_argument("--jti", metavar="ID", help="the token with this id")
        what.add_argument("--all", action="store_true", help="all tokens and families of all users")

    def handle(self, *args: object, **options: Any) -> None:
        """Revokes what ``--user``, ``--family``, ``--jti`` or ``--all`` names, and prints the result.

        Raises ``CommandError`` if this project has no store for tokens or families, or if there is no such user. An id
        that is not on record is revoked too, and one that was already revoked is no error.
        """
        if options["family"] is not None:
            self._require(can_revoke_families(), "families")
            self._report_one("family", sessions.revoke_family(options["family"]))
        elif options["jti"] is not None:
            self._require(can_revoke_tokens(), "tokens")
            self._report_one("token", sessions.revoke_token(options["jti"]))
        else:
            self._require(can_revoke_tokens() or can_revoke_families(), "tokens or families")
            revoked = sessions.revoke_everything() if options["all"] else sessions.revoke_all(_user(options["user"]))
            self.stdout.write(f"Revoked: {revoked.tokens} tokens, {revoked.families} families.")

    def _require(self, is_recorded: bool, what: str) -> None:
        """Raises ``CommandError`` unless ``is_recorded``. ``what``, such as ``"tokens"``, is a part of its text."""
        if not is_recorded:
            raise CommandError(f"This project does not record {what}: install their app, or set REVOCATION_STORE.")

    def _report_one(self, what: str, is_new: bool) -> None:
        """Prints that the token or family is revoked. ``is_new`` is false if it was revoked before."""
        self.stdout.write(f"The {what} is revoked." if is_new else f"The {what} was already revoked.")


def _user(name: str) -> AbstractBaseUser:
    """Returns the user with the login name ``name``. Raises ``CommandError`` if there is none."""
    model = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist as error:
        raise CommandError(f"There is no user {name!r}.") from error
