import pytest

from rest_framework_simplejwt import authentication, backends, serializers, tokens, views
from rest_framework_simplejwt._also import lazy_attributes


def test_a_name_resolves_to_a_dotted_path_or_to_the_result_of_a_function():
    get = lazy_attributes("mine", {"Token": "rest_framework_simplejwt.tokens.Token", "now": lambda: 5})
    assert get("Token") is tokens.Token
    assert get("now") == 5


def test_any_other_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'mine' has no attribute 'other'"):
        lazy_attributes("mine", {})("other")


@pytest.mark.parametrize("module", [authentication, backends, serializers, tokens, views])
def test_a_module_has_no_other_names(module):
    assert not hasattr(module, "no_such_name")


def test_the_header_types_follow_the_settings(simple_jwt):
    simple_jwt(AUTH_HEADER_TYPES="JWT")
    assert views.AUTH_HEADER_TYPES == authentication.AUTH_HEADER_TYPES == ("JWT",)
    assert authentication.AUTH_HEADER_TYPE_BYTES == {b"JWT"}
