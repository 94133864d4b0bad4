"""No line that the package logs, at any level, in any test, holds a token, a key or a password that the test used."""

import logging
from unittest import mock

import pytest
from django.conf import settings

from rest_framework_simplejwt.backends import TokenBackend

PASSWORD = " correct horse battery staple "


class Listener(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter())
        self.lines = []

    def emit(self, record):
        # With the traceback, if it has one.
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def _nothing_secret_is_logged(caplog):
    secrets = set()

    def noting(method, secret_of):
        def noted(self, *args, **kwargs):
            result = method(self, *args, **kwargs)
            secrets.add(secret_of(result, *args))
            return result

        return noted

    logger, listener = logging.getLogger("rest_framework_simplejwt"), Listener()
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    # As without the guard: a test sees warnings, or what it asks for.
    seen = caplog.handler.level
    caplog.handler.setLevel(logging.WARNING)
    try:
        with (
            mock.patch.object(TokenBackend, "encode", noting(TokenBackend.encode, lambda token, *_: token)),
            mock.patch.object(TokenBackend, "decode", noting(TokenBackend.decode, lambda _, token, *__: token)),
        ):
            yield
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
        caplog.handler.setLevel(seen)
    logged = "\n".join(listener.lines)
    texts = {secret.decode("latin-1") if isinstance(secret, bytes) else str(secret) for secret in secrets}
    # A signature is what makes a token one. Shorter ones are the made-up tokens of a test, and its dummies.
    signatures = {text.rpartition(".")[2] for text in texts if len(text) > 60}
    found = {signature for signature in signatures if len(signature) > 20 and signature in logged}
    assert not found, "a token was logged"
    assert settings.SECRET_KEY not in logged
    assert PASSWORD.strip() not in logged
