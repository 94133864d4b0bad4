"""A fixture for every test: fails if the package logs a token, a key or a password that the test used."""

import logging
from unittest import mock

import pytest
from django.conf import settings

from rest_framework_simplejwt.backends import TokenBackend

PASSWORD = " correct horse battery staple "


class LineCollector(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter())
        self.lines = []

    def emit(self, record):
        # Includes the traceback, if there is one.
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def _fail_if_a_secret_is_logged(caplog):
    secrets = set()

    def recording(method, secret_of):
        def recorded(self, *args, **kwargs):
            result = method(self, *args, **kwargs)
            secrets.add(secret_of(result, *args))
            return result

        return recorded

    logger, collector = logging.getLogger("rest_framework_simplejwt"), LineCollector()
    level = logger.level
    logger.addHandler(collector)
    logger.setLevel(logging.DEBUG)
    # `caplog` captures the same records as without this fixture: warnings, or the level that a test sets.
    caplog_level = caplog.handler.level
    caplog.handler.setLevel(logging.WARNING)
    try:
        with (
            mock.patch.object(TokenBackend, "encode", recording(TokenBackend.encode, lambda token, *_: token)),
            mock.patch.object(TokenBackend, "decode", recording(TokenBackend.decode, lambda _, token, *__: token)),
        ):
            yield
    finally:
        logger.removeHandler(collector)
        logger.setLevel(level)
        caplog.handler.setLevel(caplog_level)
    logged = "\n".join(collector.lines)
    texts = {secret.decode("latin-1") if isinstance(secret, bytes) else str(secret) for secret in secrets}
    # Only a real signature is secret. Shorter texts are malformed tokens of a test.
    signatures = {text.rpartition(".")[2] for text in texts if len(text) > 60}
    found = {signature for signature in signatures if len(signature) > 20 and signature in logged}
    assert not found, "a token was logged"
    assert settings.SECRET_KEY not in logged
    assert PASSWORD.strip() not in logged
