"""Limits these long tables to a few projects, and counts the inputs that were sent."""

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models

from tests.input.table import sent

if settings.SETTINGS_MODULE.split(".")[-2] not in {"bare", "full", "users_uuid"}:
    collect_ignore_glob = ["test_*"]


def pytest_terminal_summary(terminalreporter):
    if sent:
        terminalreporter.write_line(
            f"{sum(sent.values())} invalid inputs to {len(sent)} endpoints: none may be accepted or answered 500"
        )


@pytest.fixture(autouse=True)
def _access_tokens_have_families(simple_jwt):
    simple_jwt(TOKEN_FAMILY_CHECK_ON_ACCESS=True)


@pytest.fixture
def user(db, credentials):
    """A user with the id 1, which a conversion of invalid ids to integers would find."""
    model = get_user_model()
    key = {"pk": 1} if isinstance(model._meta.pk, models.IntegerField) else {}
    return model.objects.create_user(**credentials, **key)
