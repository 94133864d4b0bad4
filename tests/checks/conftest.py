import pytest

from rest_framework_simplejwt.checks import CHECKS


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
