"""Make a key to sign tokens with: a private key, or a secret for HMAC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rest_framework_simplejwt.keys import files, generate
from rest_framework_simplejwt.keys.algorithms import ALLOWED_ALGORITHMS, HMAC_ALGORITHMS
from rest_framework_simplejwt.keys.ring import read_key

__all__ = ["Command"]


class Command(BaseCommand):
    help = "Makes a key for SIGNING_KEYS: a private key in PEM (PKCS8), or a random secret for HMAC; and tells its kid."
    # The settings may still lack the key that is being made.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--algorithm", required=True, choices=sorted(ALLOWED_ALGORITHMS), metavar="NAME")
        parser.add_argument("--out", metavar="FILE", type=Path, help="a file that is not there yet, instead of stdout")
        parser.add_argument("--kid", help="by default the key's RFC 7638 thumbprint, or a keyed hash of the secret")
        parser.add_argument("--passphrase-file", metavar="FILE", type=Path, help="encrypt the private key with that")

    def handle(self, *args: object, **options: Any) -> None:
        algorithm, out = options["algorithm"], options["out"]
        passphrase = _passphrase(options["passphrase_file"], algorithm)
        made = _made(algorithm, passphrase)
        spec = {"kid": options["kid"], "algorithm": algorithm, "key": made, "passphrase": passphrase}
        kid = read_key(spec, signs=True).kid
        if out is None:
            self.stdout.write(made.decode())
            self.stderr.write(f"kid: {kid}", self.style.SUCCESS)
            return
        try:
            files.create(out, made)
        except OSError as error:
            raise CommandError(f"{out} is not written: {error.strerror}.") from error
        self.stdout.write(f"kid: {kid}")


def _made(algorithm: str, passphrase: bytes | None) -> bytes:
    if algorithm in HMAC_ALGORITHMS:
        return generate.secret(algorithm).encode()
    try:
        return generate.private_pem(algorithm, passphrase)
    except ImportError as error:
        raise CommandError(f"{algorithm} needs the package cryptography.") from error


def _passphrase(file: Path | None, algorithm: str) -> bytes | None:
    """The file's content without the line break at its end."""
    if file is None:
        return None
    if algorithm in HMAC_ALGORITHMS:
        raise CommandError("A secret can't have a passphrase.")
    try:
        found = file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.") from error
    if not found:
        raise CommandError(f"{file} is empty.")
    return found
