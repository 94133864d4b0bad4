from pathlib import Path

import pytest
from django.conf import settings

from rest_framework_simplejwt.checks import CHECKS

# Most checks read only `SIMPLE_JWT`: one project is enough for them, and `full` has most of what they look at.
# The tests in these files also depend on the installed apps, the user model or the database.
IN_EVERY_PROJECT = {"test_advice.py", "test_names.py", "test_revocation.py", "test_tables.py"}
# These need a project without the optional apps.
IN_BARE = {"test_registry.py", "test_stateless.py"}

project = settings.SETTINGS_MODULE.split(".")[-2]
if project != "full":
    here = IN_EVERY_PROJECT | (IN_BARE if project == "bare" else set())
    collect_ignore = [file.name for file in Path(__file__).parent.glob("test_*.py") if file.name not in here]


@pytest.fixture
def messages():
    """A function that runs every check, those of `check --deploy` included, and returns the messages."""

    def run_checks():
        found = [message for check in CHECKS.values() for message in check.messages()]
        assert all(message.hint for message in found)
        assert len({(message.id, message.msg) for message in found}) == len(found), "each is reported once"
        return found

    return run_checks


@pytest.fixture
def reported(messages, simple_jwt):
    """A function that changes SIMPLE_JWT and returns the ids of the messages, such as "E001".

    `reported(LEEWAY=-1)` is the set of ids that are reported with that leeway.
    """

    def change_and_run(**values):
        simple_jwt(**values)
        return {message.id.removeprefix("simplejwt.") for message in messages()}

    return change_and_run
