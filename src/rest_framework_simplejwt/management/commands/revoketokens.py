"""End tokens from the command line: a user's, a family's, one, or all."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rest_framework_simplejwt import sessions
from rest_framework_simplejwt.revocation import can_revoke_families, can_revoke_tokens


class Command(BaseCommand):
    help = "Revokes refresh and sliding tokens, and token families."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--user", metavar="NAME", help="everything of this user, named as at log-in")
        what.add_argument("--family", metavar="ID", help="this token family")
        what.add_argument("--jti", metavar="ID", help="this token")
        what.add_argument("--all", action="store_true", help="everything of everybody")

    def handle(self, *args: Any, **options: Any) -> None:
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

    def _require(self, remembered: bool, what: str) -> None:
        if not remembered:
            raise CommandError(f"This project does not remember {what}: install the app, or set REVOCATION_STORE.")

    def _report_one(self, what: str, first: bool) -> None:
        self.stdout.write(f"The {what} is revoked." if first else f"The {what} had been revoked before.")


def _user(name: str) -> Any:
    model = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist as error:
        raise CommandError(f"There is no user {name!r}.") from error
