import json

import pytest

from rest_framework_simplejwt import exceptions


def test_the_default_response_has_a_detail_and_a_code():
    assert exceptions.InvalidToken().detail == {"detail": "Token is invalid or expired", "code": "token_not_valid"}


def test_a_detail_and_a_code_replace_the_defaults():
    error = exceptions.AuthenticationFailed("No.", code="because")
    assert error.detail == {"detail": "No.", "code": "because"}
    assert error.status_code == 401


@pytest.mark.parametrize("code", exceptions.RefusalCode)
def test_a_code_of_the_enum_is_sent_as_a_plain_string(code):
    error = exceptions.AuthenticationFailed("No.", code)
    code_in_response = error.detail["code"]
    assert error.get_codes() == {"detail": code.value, "code": code.value}
    assert type(error.get_codes()["detail"]) is type(error.detail["detail"].code) is str
    assert (str(code_in_response), f"{code_in_response}", json.dumps(code_in_response)) == (
        code.value,
        code.value,
        f'"{code.value}"',
    )


@pytest.mark.parametrize("error", vars(exceptions).values())
def test_a_default_code_is_a_plain_string(error):
    assert type(getattr(error, "default_code", "")) is str


def test_a_dict_adds_to_the_response_and_keeps_the_defaults():
    error = exceptions.InvalidToken({"messages": ["one"]})
    assert error.detail == {
        "detail": "Token is invalid or expired",
        "code": "token_not_valid",
        "messages": ["one"],
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (exceptions.InvalidToken, 401, "token_not_valid"),
        (exceptions.TokenHasNoFamily, 400, "token_has_no_family"),
        (exceptions.TokenFamilyNotConfigured, 501, "token_family_not_configured"),
        (exceptions.KeysUnavailable, 503, "keys_unavailable"),
        (exceptions.RevocationUnavailable, 503, "revocation_unavailable"),
    ],
)
def test_each_exception_has_its_status_and_code(error, status, code):
    assert (error().status_code, error().detail["code"]) == (status, code)


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (exceptions.ExpiredTokenError, exceptions.TokenError),
        (exceptions.RefreshTokenBlacklistedError, exceptions.TokenError),
        (exceptions.TokenBackendExpiredToken, exceptions.TokenBackendError),
        (exceptions.InvalidToken, exceptions.AuthenticationFailed),
        (exceptions.KeysUnavailable, exceptions.ServiceUnavailable),
        (exceptions.RevocationUnavailable, exceptions.ServiceUnavailable),
    ],
)
def test_each_exception_has_its_base_class(error, base):
    assert issubclass(error, base)


@pytest.mark.parametrize("error", [exceptions.KeysUnavailable, exceptions.RevocationUnavailable])
def test_a_503_has_a_retry_after_of_one_second(error):
    assert error().wait == 1


def test_a_code_in_a_dict_of_details_is_its_text():
    detail = exceptions.AuthenticationFailed({"detail": "x", "code": exceptions.RefusalCode.USER_INACTIVE}).detail
    assert (str(detail["code"]), detail["code"].code) == ("user_inactive", "user_inactive")
