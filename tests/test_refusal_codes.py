"""What exception handlers read of a refusal: `get_codes()` and the code of each text are the documented code."""

import pytest
from rest_framework.exceptions import APIException, ErrorDetail
from rest_framework.views import exception_handler

from rest_framework_simplejwt import exceptions
from tests.refusals import REFUSALS, World
from tests.test_docs_reference import codes_in_source

CLASSES = {
    name: kind
    for name, kind in vars(exceptions).items()
    if isinstance(kind, type) and issubclass(kind, APIException) and kind.__module__ == exceptions.__name__
}
heard = []


def handler(error, context):
    """The project's exception handler."""
    heard.append(error)
    return exception_handler(error, context)


def leaves(value):
    """Every text in a detail, or every code in `get_codes()`."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


def assert_codes(error, code):
    assert set(leaves(error.get_codes())) == {code}
    assert {text.code for text in leaves(error.detail) if isinstance(text, ErrorDetail)} == {code}
    full = error.get_full_details()
    assert (full if "message" in full else full["detail"])["code"] == code


@pytest.mark.needs("full")
@pytest.mark.django_db
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_refusal_has_its_documented_code(refusal, settings, simple_jwt):
    heard.clear()
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": f"{__name__}.handler"}
    response = refusal.provoke(World(simple_jwt))
    body = response.json()
    body.pop("messages", None)
    assert response.status_code == refusal.status
    assert refusal.is_plain or body == refusal.body
    (error,) = heard
    assert_codes(error, refusal.code)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(
    "arguments",
    [(), ("x",), ({"detail": "x", "messages": [{"message": "y"}]},)],
    ids=["its own detail", "a text", "a dict"],
)
def test_each_class_hands_its_code_to_every_text(name, arguments):
    assert_codes(CLASSES[name](*arguments), CLASSES[name].default_code)


def test_a_code_that_is_given_wins():
    assert_codes(exceptions.AuthenticationFailed("x", code="user_not_found"), "user_not_found")
    assert_codes(exceptions.AuthenticationFailed({"detail": "x", "code": "user_inactive"}), "user_inactive")


def test_every_code_in_the_source_is_in_the_table():
    assert codes_in_source() <= {refusal.code for refusal in REFUSALS} | {"authentication_failed"}
