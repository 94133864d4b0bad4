"""Dotted paths."""

import pytest

from rest_framework_simplejwt.checks import imports
from rest_framework_simplejwt.settings import IMPORT_STRINGS
from rest_framework_simplejwt.tokens import AccessToken

PATHS = sorted({*IMPORT_STRINGS, *imports._SERIALIZERS} - {"AUTH_TOKEN_CLASSES"})


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    "value", ["no.such.thing", "tests.checks.NO_SUCH_THING", "plain", "", 5, "tests.checks.__name__"]
)
def test_a_path_that_leads_nowhere_is_a_warning(ids, messages, name, value):
    assert "W023" in ids(**{name: value})
    [message] = [message for message in messages() if message.id == "simplejwt.W023"]
    assert name in message.msg
    assert repr(value) in message.msg


@pytest.mark.parametrize("name", PATHS)
def test_a_path_that_leads_to_a_class_is_left_alone(ids, name):
    assert "W023" not in ids(**{name: "builtins.dict"})


@pytest.mark.parametrize("name", ["JSON_ENCODER", "REVOCATION_STORE"])
def test_none_is_a_value_where_it_is_the_default(ids, name):
    assert "W023" not in ids(**{name: None})


def test_none_is_no_rule(ids):
    assert "W023" in ids(USER_AUTHENTICATION_RULE=None)


def test_the_setting_may_hold_the_object(ids):
    assert "W023" not in ids(TOKEN_USER_CLASS=dict, AUTH_TOKEN_CLASSES=[AccessToken])


def test_but_a_serializer_is_a_path(ids):
    assert "W023" in ids(TOKEN_VERIFY_SERIALIZER=dict)


def test_what_a_module_raises_is_told(simple_jwt, messages):
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
    def test_what_is_no_tuple_of_them_is_a_warning(self, ids, value):
        found = ids(AUTH_TOKEN_CLASSES=value)
        assert "W024" in found
        assert "W023" not in found

    def test_a_token_without_a_type_is_a_warning(self, ids):
        assert "W024" in ids(AUTH_TOKEN_CLASSES=["rest_framework_simplejwt.tokens.Token"])

    def test_a_path_that_leads_nowhere_is_told_as_that(self, ids):
        found = ids(AUTH_TOKEN_CLASSES=["rest_framework_simplejwt.tokens.AccessToken", "no.such.Token"])
        assert "W023" in found
        assert "W024" not in found

    def test_ours_are_left_alone(self, ids):
        found = ids(AUTH_TOKEN_CLASSES=("rest_framework_simplejwt.tokens.SlidingToken", AccessToken))
        assert not {"W023", "W024"} & found
