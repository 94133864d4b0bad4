"""The Django project of a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

SECRET = "measured-with-a-secret-of-64-characters-which-is-long-enough-all"
NAME, PASSWORD = "ada", "correct horse battery staple"


def set_up(
    database: str = "sqlite://:memory:",
    apps: Sequence[str] = (),
    algorithm: str = "HS256",
    jwt: dict[str, Any] | None = None,
) -> None:
    """Sets up Django with tables and the user ``NAME`` in ``database``; ``jwt`` are settings besides the keys."""
    import dj_database_url

    tokens = {**keys(algorithm), **(jwt or {})}
    settings.configure(
        SECRET_KEY=SECRET,
        DATABASES={"default": dj_database_url.parse(database)},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", *apps],
        SIMPLE_JWT=tokens,
        NINJA_JWT=tokens,
        # Only the measured packages run their migrations; the tables of Django are created directly.
        MIGRATION_MODULES=dict.fromkeys(("contenttypes", "auth", "sessions")),
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        # A fast hash: a slow one would take nearly all of the time of a login.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        REST_FRAMEWORK={"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]},
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    _sign_up()


def keys(algorithm: str) -> dict[str, Any]:
    """Returns the settings of an algorithm, with a new key pair."""
    if algorithm == "HS256":
        return {"ALGORITHM": algorithm, "SIGNING_KEY": SECRET}
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    pem = serialization.Encoding.PEM
    private = rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())
    signing = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    verifying = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {"ALGORITHM": algorithm, "SIGNING_KEY": signing.decode(), "VERIFYING_KEY": verifying.decode()}


def _sign_up() -> None:
    from django.contrib.auth.models import User

    if not User.objects.filter(username=NAME).exists():
        User.objects.create_user(NAME, password=PASSWORD)
