"""`get_codes()` of a refusal and the code of each of its texts are the documented code."""

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
handled = []


def record_and_handle(error, context):
    """The exception record_and_handle of these tests, which records each exception."""
    handled.append(error)
    return exception_handler(error, context)


def leaf_values(value):
    """Returns every text in a detail, or every code in the result of `get_codes()`."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaf_values(item)]
    return [leaf for item in value for leaf in leaf_values(item)] if isinstance(value, list) else [value]


def assert_codes(error, code):
    assert set(leaf_values(error.get_codes())) == {code}
    assert {text.code for text in leaf_values(error.detail) if isinstance(text, ErrorDetail)} == {code}
    full = error.get_full_details()
    assert (full if "message" in full else full["detail"])["code"] == code


@pytest.mark.needs("full")
@pytest.mark.django_db
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_refusal_has_its_documented_code(refusal, settings, simple_jwt):
    handled.clear()
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": f"{__name__}.record_and_handle"}
    response = refusal.provoke(World(simple_jwt))
    body = response.json()
    body.pop("messages", None)
    assert response.status_code == refusal.status
    assert refusal.is_plain or body == refusal.body
    (error,) = handled
    assert_codes(error, refusal.code)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(
    "arguments",
    [(), ("x",), ({"detail": "x", "messages": [{"message": "y"}]},)],
    ids=["its own detail", "a text", "a dict"],
)
def test_each_class_gives_its_code_to_every_text(name, arguments):
    assert_codes(CLASSES[name](*arguments), CLASSES[name].default_code)


def test_an_explicit_code_has_priority():
    assert_codes(exceptions.AuthenticationFailed("x", code="user_not_found"), "user_not_found")
    assert_codes(exceptions.AuthenticationFailed({"detail": "x", "code": "user_inactive"}), "user_inactive")


def test_every_code_in_the_source_is_in_the_table():
    assert codes_in_source() <= {refusal.code for refusal in REFUSALS} | {"authentication_failed"}
