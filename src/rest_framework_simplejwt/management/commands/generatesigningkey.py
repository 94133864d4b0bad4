"""Generates a signing key: a private key, or a secret for HMAC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rest_framework_simplejwt.keys import files, generate
from rest_framework_simplejwt.keys.algorithms import ALLOWED_ALGORITHMS, HMAC_ALGORITHMS
from rest_framework_simplejwt.keys.ring import read_key

__all__ = ["Command"]


class Command(BaseCommand):
    help = "Generates a private key in PEM (PKCS8), or a random secret for HMAC, for SIGNING_KEYS, and prints its kid."
    # Without checks: the settings may name the key that is to be generated, and an error would stop the command.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares ``--algorithm``, ``--out``, ``--kid`` and ``--passphrase-file``."""
        parser.add_argument("--algorithm", required=True, choices=sorted(ALLOWED_ALGORITHMS), metavar="NAME")
        parser.add_argument(
            "--out", metavar="FILE", type=Path, help="a new file to write the key to; by default stdout"
        )
        parser.add_argument("--kid", help="by default the key's RFC 7638 thumbprint, or a keyed hash of the secret")
        parser.add_argument(
            "--passphrase-file", metavar="FILE", type=Path, help="encrypt the private key with the content of this file"
        )

    def handle(self, *args: object, **options: Any) -> None:
        """Writes a new key to ``--out`` or to stdout, and prints its ``kid``. Raises ``CommandError``."""
        algorithm, out = options["algorithm"], options["out"]
        passphrase = _read_passphrase(options["passphrase_file"], algorithm)
        key = _generate(algorithm, passphrase)
        spec = {"kid": options["kid"], "algorithm": algorithm, "key": key, "passphrase": passphrase}
        kid = read_key(spec, signs=True).kid
        if out is None:
            self.stdout.write(key.decode())
            self.stderr.write(f"kid: {kid}", self.style.SUCCESS)
            return
        try:
            files.create_private(out, key)
        except OSError as error:
            raise CommandError(f"The key can't be written to {out}: {error.strerror}.") from error
        self.stdout.write(f"kid: {kid}")


def _generate(algorithm: str, passphrase: bytes | None) -> bytes:
    """Returns a new secret, or a new private key in PEM, encrypted if there is a ``passphrase``.

    A secret is never encrypted. Raises ``CommandError`` if a private key needs the package ``cryptography``.
    """
    if algorithm in HMAC_ALGORITHMS:
        return generate.secret(algorithm).encode()
    try:
        return generate.private_pem(algorithm, passphrase)
    except ImportError as error:
        raise CommandError(f"{algorithm} needs the package cryptography.") from error


def _read_passphrase(file: Path | None, algorithm: str) -> bytes | None:
    """Returns the content of ``file`` without line breaks at its end. Raises ``CommandError``."""
    if file is None:
        return None
    if algorithm in HMAC_ALGORITHMS:
        raise CommandError("A secret can't have a passphrase. Leave --passphrase-file out.")
    try:
        passphrase = file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.") from error
    if not passphrase:
        raise CommandError(f"{file} is empty.")
    return passphrase
