"""Checks of dotted paths."""

import pytest

from rest_framework_simplejwt.checks import imports
from rest_framework_simplejwt.settings import IMPORT_STRINGS
from rest_framework_simplejwt.tokens import AccessToken

PATHS = sorted({*IMPORT_STRINGS, *imports._SERIALIZERS} - {"AUTH_TOKEN_CLASSES"})


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    "value", ["no.such.thing", "tests.checks.NO_SUCH_THING", "plain", "", 5, "tests.checks.__name__"]
)
def test_an_unimportable_path_is_a_warning(reported, messages, name, value):
    assert "W023" in reported(**{name: value})
    [message] = [message for message in messages() if message.id == "simplejwt.W023"]
    assert name in message.msg
    assert repr(value) in message.msg


@pytest.mark.parametrize("name", PATHS)
def test_a_path_of_a_class_is_accepted(reported, name):
    assert "W023" not in reported(**{name: "builtins.dict"})


@pytest.mark.parametrize("name", ["JSON_ENCODER", "REVOCATION_STORE"])
def test_none_is_accepted_where_it_is_the_default(reported, name):
    assert "W023" not in reported(**{name: None})


def test_none_is_not_an_authentication_rule(reported):
    assert "W023" in reported(USER_AUTHENTICATION_RULE=None)


def test_a_setting_may_hold_the_object_itself(reported):
    assert "W023" not in reported(TOKEN_USER_CLASS=dict, AUTH_TOKEN_CLASSES=[AccessToken])


def test_a_serializer_must_be_a_path(reported):
    assert "W023" in reported(TOKEN_VERIFY_SERIALIZER=dict)


def test_the_message_contains_the_error_of_the_module(simple_jwt, messages):
    simple_jwt(ON_LOGIN_FAILED="tests.checks.raises.anything")
    [message] = [message for message in messages() if message.id == "simplejwt.W023"]
    assert "as this module does" in message.msg


class TestTokenClasses:
    @pytest.mark.parametrize(
        "value",
        [
            (),
            [],
            None,
            5,
            "rest_framework_simplejwt.tokens.AccessToken",
            AccessToken,
            (dict,),
            [AccessToken, "builtins.dict"],
        ],
    )
    def test_anything_but_token_classes_is_a_warning(self, reported, value):
        found = reported(AUTH_TOKEN_CLASSES=value)
        assert "W024" in found
        assert "W023" not in found

    def test_a_token_class_without_a_type_is_a_warning(self, reported):
        assert "W024" in reported(AUTH_TOKEN_CLASSES=["rest_framework_simplejwt.tokens.Token"])

    def test_an_unimportable_token_class_is_w023_only(self, reported):
        found = reported(AUTH_TOKEN_CLASSES=["rest_framework_simplejwt.tokens.AccessToken", "no.such.Token"])
        assert "W023" in found
        assert "W024" not in found

    def test_token_classes_of_this_package_are_accepted(self, reported):
        found = reported(AUTH_TOKEN_CLASSES=("rest_framework_simplejwt.tokens.SlidingToken", AccessToken))
        assert not {"W023", "W024"} & found
