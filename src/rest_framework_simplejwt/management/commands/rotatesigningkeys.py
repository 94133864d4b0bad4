"""Publishes the next key in SIGNING_KEYS_DIR, and deletes retired keys."""

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
from rest_framework_simplejwt.keys.directory import SCAN_INTERVAL
from rest_framework_simplejwt.keys.ring import BadKey
from rest_framework_simplejwt.keys.schedule import Plan, plan_rotation
from rest_framework_simplejwt.settings import api_settings

__all__ = ["Command"]

# Added to the time of publication, for clocks that differ and responses that are slow.
MARGIN = timedelta(minutes=1)
LIFETIMES = (
    "ACCESS_TOKEN_LIFETIME",
    "REFRESH_TOKEN_LIFETIME",
    "SLIDING_TOKEN_LIFETIME",
    "SLIDING_TOKEN_REFRESH_LIFETIME",
)


class Command(BaseCommand):
    help = (
        "Publishes the next signing key. Later, without another run, it becomes active, and the previous key retires "
        "once its last token has expired. Deletes the keys that have retired."
    )
    # Without checks: one of them is an error until the first run has created the directory.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares ``--algorithm``, ``--directory``, ``--publish-for`` and ``--dry-run``."""
        parser.add_argument("--algorithm", default="ES256", choices=sorted(ALLOWED_ALGORITHMS - HMAC_ALGORITHMS))
        parser.add_argument("--directory", metavar="DIR", help="by default SIGNING_KEYS_DIR")
        parser.add_argument(
            "--publish-for",
            metavar="SECONDS",
            type=_seconds,
            help="how long the next key is published before it becomes active; by default JWKS_MAX_AGE plus a minute",
        )
        parser.add_argument("--dry-run", action="store_true", help="print what would happen, and write nothing")

    def handle(self, *args: object, **options: Any) -> None:
        """Plans a rotation, writes it to the directory unless ``--dry-run`` is given, and prints it."""
        directory = options["directory"] or api_settings.SIGNING_KEYS_DIR
        if not directory:
            raise CommandError("Set SIMPLE_JWT['SIGNING_KEYS_DIR'], or write --directory DIR.")
        path, dry_run = Path(directory), options["dry_run"]
        publish_for = _default_publish_for() if options["publish_for"] is None else options["publish_for"]
        try:
            with nullcontext() if dry_run else files.locked(path):
                plan = _make_plan(path, options["algorithm"], publish_for)
                if not dry_run:
                    _execute(plan, path)
        except ImportError as error:
            raise CommandError(f"No key can be generated: {error}.") from error
        except OSError as error:
            raise CommandError(f"{path}: {error}.") from error
        for line in _report(plan, dry_run=dry_run):
            self.stdout.write(line)


def _seconds(text: str) -> timedelta:
    """Returns a command-line argument in seconds as a ``timedelta``. Raises ``ArgumentTypeError`` if it is negative."""
    seconds = int(text)
    if seconds < 0:
        raise ArgumentTypeError("is negative")
    return timedelta(seconds=seconds)


def _default_publish_for() -> timedelta:
    """Returns how long a next key is published before it becomes active, without ``--publish-for``."""
    return timedelta(seconds=api_settings.JWKS_MAX_AGE + SCAN_INTERVAL) + MARGIN


def _longest_lifetime() -> timedelta:
    """Returns how long after its last signature a key must verify: the longest token lifetime plus the leeway."""
    leeway = TokenBackend("HS256", leeway=api_settings.LEEWAY).get_leeway()
    longest: timedelta = max(getattr(api_settings, name) for name in LIFETIMES)
    return longest + leeway


def _make_plan(directory: Path, algorithm: str, publish_for: timedelta) -> Plan:
    """Plans a rotation of the keys in ``directory``, which may be missing. Writes nothing.

    Raises ``CommandError`` if a key can't be read, and ``OSError`` if the directory can't be listed.
    """
    try:
        stamps = files.list_stamps(directory)
    except FileNotFoundError:
        stamps = {}
    try:
        known = [files.read(directory, kid)[0] for kid, stamp in stamps.items() if files.is_complete(stamp)]
    except BadKey as error:
        raise CommandError(f"A key in {directory} can't be read, so nothing was changed. {error}.") from error
    now = datetime.now(timezone.utc)
    return plan_rotation(
        known,
        kid=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        algorithm=algorithm,
        now=now,
        publish_for=publish_for,
        lifetime=_longest_lifetime(),
    )


def _execute(plan: Plan, directory: Path) -> None:
    """Writes, updates and deletes the key files of ``plan``.

    Raises ``OSError``, and ``ImportError`` if a key is to be made without the package ``cryptography``.
    """
    # In this order, the next run completes a run that was interrupted.
    if plan.new is not None:
        files.add(directory, plan.new, generate.private_pem(plan.new.algorithm))
    for key in plan.changed:
        files.update(directory, key)
    for key in plan.retired:
        files.remove(directory, key.kid)


def _report(plan: Plan, *, dry_run: bool) -> Iterator[str]:
    """Yields the lines that the command prints."""
    if dry_run:
        yield "Dry run: nothing is written."
    for key in plan.retired:
        yield f"Deleted, as it has retired: {key.kid}"
    if plan.new is not None:
        yield f"New key: {plan.new.kid} ({plan.new.algorithm})"
    else:
        yield _describe_next_key(plan)
    for time, kid, event in plan.events():
        yield f"{time.astimezone(timezone.utc).isoformat(timespec='seconds')}  {kid}  {event}"


def _describe_next_key(plan: Plan) -> str:
    """Returns the line about a next key that was published by an earlier run."""
    assert plan.next_key.not_before is not None, "a next key has a time at which it becomes active"
    active_from = plan.next_key.not_before.astimezone(timezone.utc)
    text = f"The next key is already published; it becomes active at {active_from:%Y-%m-%d %H:%M:%S} UTC."
    if plan.changed:
        return f"{text} Changed: {', '.join(key.kid for key in plan.changed)}"
    return text if plan.retired else f"{text} Nothing to do."
