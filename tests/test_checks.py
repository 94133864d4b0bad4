from datetime import timedelta

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from rest_framework_simplejwt import checks  # noqa: F401  # registers them, as the core app does


def ids(*, deploy=False):
    messages = run_checks(include_deployment_checks=deploy)
    assert all(message.hint for message in messages if message.id.startswith("simplejwt."))
    return {message.id for message in messages if message.id.startswith("simplejwt.")}


@pytest.fixture
def installed_config():
    return apps.get_app_config("token_blacklist")


def test_sound_settings_are_left_alone():
    assert ids() == set()


class TestGracePeriod:
    @pytest.mark.parametrize("period", [timedelta(0), timedelta(seconds=10), timedelta(minutes=5)])
    def test_a_sound_one_is_left_alone(self, simple_jwt, period):
        simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=period)
        assert ids() == set()

    @pytest.mark.parametrize("period", [10, None, timedelta(seconds=-1), timedelta(minutes=5, seconds=1)])
    def test_any_other_is_an_error(self, simple_jwt, period):
        simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=period)
        assert ids() == {"simplejwt.E001"}

    @pytest.mark.needs("token_blacklist")
    def test_and_stops_the_project_from_starting(self, simple_jwt, installed_config):
        installed_config.ready()
        simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=timedelta(hours=1))
        with pytest.raises(ImproperlyConfigured, match="REFRESH_TOKEN_GRACE_PERIOD.*from 0 to 5 minutes"):
            installed_config.ready()


@pytest.mark.parametrize(
    ("name", "check_id"), [("STORE_OUTSTANDING_TOKENS", "simplejwt.E002"), ("REVOCATION_FAIL_MODE", "simplejwt.E003")]
)
def test_a_value_that_is_no_choice_is_an_error(simple_jwt, name, check_id):
    simple_jwt(**{name: "some"})
    assert ids() == {check_id}


@pytest.mark.needs("token_blacklist")
class TestStoredTexts:
    def test_a_deployment_is_warned_of_them(self):
        assert "simplejwt.W001" in ids(deploy=True)
        assert "simplejwt.W001" not in ids()

    @pytest.mark.parametrize(
        "sound",
        [{"STORE_OUTSTANDING_TOKENS": "none"}, {"REVOCATION_STORE": "builtins.dict"}],
        ids=["none", "elsewhere"],
    )
    def test_where_there_are_none_it_is_not(self, simple_jwt, sound):
        simple_jwt(**sound)
        assert "simplejwt.W001" not in ids(deploy=True)


@pytest.mark.needs("no token_blacklist")
def test_without_the_app_there_are_no_texts():
    assert "simplejwt.W001" not in ids(deploy=True)
