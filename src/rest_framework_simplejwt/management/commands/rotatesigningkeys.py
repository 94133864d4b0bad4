"""Bring the next key into SIGNING_KEYS_DIR, and take out those that have retired."""

from __future__ import annotations

import secrets
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.keys import files, generate
from rest_framework_simplejwt.keys.algorithms import ALLOWED_ALGORITHMS, HMAC_ALGORITHMS
from rest_framework_simplejwt.keys.directory import LOOK_EVERY
from rest_framework_simplejwt.keys.ring import BadKey
from rest_framework_simplejwt.keys.schedule import Plan, plan
from rest_framework_simplejwt.settings import api_settings

__all__ = ["Command"]

# For clocks that differ, and answers that take their time.
MARGIN = timedelta(minutes=1)
LIFETIMES = (
    "ACCESS_TOKEN_LIFETIME",
    "REFRESH_TOKEN_LIFETIME",
    "SLIDING_TOKEN_LIFETIME",
    "SLIDING_TOKEN_REFRESH_LIFETIME",
)


class Command(BaseCommand):
    help = (
        "Publishes a next signing key at once. By the clock, and without a further run, it then signs, and the one "
        "before it retires when the last of its tokens has expired. Deletes the keys that have retired."
    )
    # The first run makes the directory that a check asks for.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--algorithm", default="ES256", choices=sorted(ALLOWED_ALGORITHMS - HMAC_ALGORITHMS))
        parser.add_argument("--directory", metavar="DIR", help="by default SIGNING_KEYS_DIR")
        parser.add_argument(
            "--publish-for",
            metavar="SECONDS",
            type=_seconds,
            help="how long the next key is published before it signs; by default JWKS_MAX_AGE and a minute",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and write nothing")

    def handle(self, *args: object, **options: Any) -> None:
        directory = options["directory"] or api_settings.SIGNING_KEYS_DIR
        if not directory:
            raise CommandError("Set SIMPLE_JWT['SIGNING_KEYS_DIR'], or name a --directory.")
        folder, dry = Path(directory), options["dry_run"]
        publish_for = _publish_time() if options["publish_for"] is None else options["publish_for"]
        try:
            with nullcontext() if dry else files.locked(folder):
                planned = _planned(folder, options["algorithm"], publish_for)
                if not dry:
                    _carry_out(planned, folder)
        except ImportError as error:
            raise CommandError(f"No key can be made here: {error}.") from error
        except OSError as error:
            raise CommandError(f"{folder}: {error}.") from error
        for line in _report(planned, dry=dry):
            self.stdout.write(line)


def _seconds(text: str) -> timedelta:
    seconds = int(text)
    if seconds < 0:
        raise ArgumentTypeError("is negative")
    return timedelta(seconds=seconds)


def _publish_time() -> timedelta:
    return timedelta(seconds=api_settings.JWKS_MAX_AGE + LOOK_EVERY) + MARGIN


def _longest_lifetime() -> timedelta:
    """How long after a key has signed its last token that one may still be presented."""
    leeway = TokenBackend("HS256", leeway=api_settings.LEEWAY).get_leeway()
    longest: timedelta = max(getattr(api_settings, name) for name in LIFETIMES)
    return longest + leeway


def _planned(folder: Path, algorithm: str, publish_for: timedelta) -> Plan:
    try:
        stamps = files.stamps(folder)
    except FileNotFoundError:
        stamps = {}
    try:
        known = [files.read(folder, kid)[0] for kid, stamp in stamps.items() if files.is_whole(stamp)]
    except BadKey as error:
        raise CommandError(f"Nothing is changed, for a key of {folder} can't be read. {error}.") from error
    now = datetime.now(timezone.utc)
    return plan(
        known,
        kid=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        algorithm=algorithm,
        now=now,
        publish_for=publish_for,
        lifetime=_longest_lifetime(),
    )


def _carry_out(planned: Plan, folder: Path) -> None:
    # In this order, a run that dies on the way leaves what the next one completes.
    if planned.new is not None:
        files.add(folder, planned.new, generate.private_pem(planned.new.algorithm))
    for key in planned.changed:
        files.update(folder, key)
    for key in planned.retired:
        files.remove(folder, key.kid)


def _report(planned: Plan, *, dry: bool) -> Iterator[str]:
    if dry:
        yield "A dry run: nothing is written."
    for key in planned.retired:
        yield f"Deleted, for it has retired: {key.kid}"
    if planned.new is not None:
        yield f"New: {planned.new.kid} ({planned.new.algorithm})"
    elif planned.changed:
        yield "A next key is waiting already; changed: " + ", ".join(key.kid for key in planned.changed)
    else:
        yield "A next key is waiting already: no other is made."
    for moment, kid, what in planned.events():
        yield f"{moment.astimezone(timezone.utc).isoformat(timespec='seconds')}  {kid}  {what}"
