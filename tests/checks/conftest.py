import pytest

from rest_framework_simplejwt.checks import CHECKS


@pytest.fixture
def messages():
    """What is wrong with the settings of now, `check --deploy` included."""

    def told():
        found = [message for check in CHECKS.values() for message in check.messages()]
        assert all(message.hint for message in found)
        assert len({(message.id, message.msg) for message in found}) == len(found), "each is told once"
        return found

    return told


@pytest.fixture
def ids(messages, simple_jwt):
    """The ids of what is wrong, E001 for simplejwt.E001, with some of SIMPLE_JWT changed: `ids(LEEWAY=-1)`."""

    def told(**values):
        simple_jwt(**values)
        return {message.id.removeprefix("simplejwt.") for message in messages()}

    return told
