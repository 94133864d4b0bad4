import logging

import pytest
from django.utils import translation
from rest_framework.exceptions import APIException
from rest_framework.test import APIRequestFactory

from rest_framework_simplejwt import refusals
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken


@pytest.fixture
def request_():
    return APIRequestFactory().get("/")


@pytest.fixture
def log_lines(caplog):
    """A function that returns the lines about refusals that were logged."""
    caplog.set_level(logging.DEBUG, logger="rest_framework_simplejwt")
    return lambda: [record.getMessage() for record in caplog.records if record.msg.startswith("Refused")]


def challenge(request):
    return refusals.challenge(request, scheme="Bearer", realm="api")


def test_without_a_token_the_challenge_has_no_error(request_):
    assert challenge(request_) == 'Bearer realm="api"'


@pytest.mark.parametrize("code", refusals.DESCRIPTIONS)
def test_for_a_refused_token_the_challenge_has_an_error_and_description(request_, code):
    refusals.attach(request_, AuthenticationFailed("x", code))
    error = "invalid_request" if code == "bad_authorization_header" else "invalid_token"
    expected = f'Bearer realm="api", error="{error}", error_description="{refusals.DESCRIPTIONS[code]}"'
    assert challenge(request_) == expected


@pytest.mark.parametrize("refusal", [AuthenticationFailed("x", 'made "up"'), APIException("x"), APIException(["x"])])
def test_an_unknown_code_gets_the_general_description(request_, refusal):
    refusals.attach(request_, refusal)
    assert challenge(request_).endswith('error_description="The token was refused"')


def test_descriptions_contain_only_allowed_characters():
    """RFC 6750 section 3: no quote, no backslash, no control character, ASCII."""
    assert all(
        text.isascii() and text.isprintable() and not {*'"\\'} & {*text} for text in refusals.DESCRIPTIONS.values()
    )


@pytest.mark.django_db
@pytest.mark.needs("rest_framework_simplejwt")  # translations are found only if the app is installed
def test_the_challenge_and_the_log_are_in_english_for_any_client(whoami, log_lines):
    with translation.override("de"):
        response = whoami("x")
    assert response.json()["messages"][0]["message"] == "Das Token ist ungültig"
    assert "The token is" in response["WWW-Authenticate"]
    assert "TokenError: Token is invalid" in log_lines()[0]


@pytest.mark.django_db
class TestLog:
    def test_it_contains_the_error_and_its_causes(self, log_lines):
        with pytest.raises(TokenError):
            RefreshToken("a.b.c")
        (line,) = log_lines()
        assert line.startswith("Refused: TokenError: Token is invalid <- TokenBackendError: Token is invalid <- ")
        assert line.endswith("Malformed: a segment is not base64url <- Error (user None, jti None)")

    def test_it_contains_the_user_and_id_of_a_token_with_a_valid_signature(self, log_lines):
        token = AccessToken()
        token[api_settings.USER_ID_CLAIM], token["jti"] = "5", "name"
        with pytest.raises(TokenError):
            RefreshToken(str(token))
        assert log_lines() == ["Refused: TokenError: Token has wrong type (user '5', jti 'name')"]

    def test_it_contains_the_user_and_id_of_an_expired_token(self, log_lines):
        token = AccessToken()
        token[api_settings.USER_ID_CLAIM], token["jti"] = "5", "name"
        token.set_exp(lifetime=-AccessToken.lifetime)
        with pytest.raises(TokenError):
            AccessToken(str(token))
        (line,) = log_lines()
        assert line.startswith("Refused: ExpiredTokenError: Token is expired <- TokenBackendExpiredToken")
        assert line.endswith("(user '5', jti 'name')")

    def test_it_contains_no_claim_of_a_forged_token(self, log_lines):
        token = AccessToken()
        token[api_settings.USER_ID_CLAIM] = "5"
        with pytest.raises(TokenError):
            AccessToken(str(token)[:-4] + "AAAA")
        assert "(user None, jti None)" in log_lines()[0]

    def test_it_contains_the_user_and_id_if_the_user_was_deleted(self, user, whoami, log_lines, user_id):
        token = AccessToken.for_user(user)
        user.delete()
        whoami(token)
        assert log_lines() == [f"Refused: user_not_found (user {user_id!r}, jti {token['jti']!r})"]

    def test_it_contains_the_user_and_id_of_a_refused_refresh(self, user, post, log_lines, user_id):
        token = RefreshToken.for_user(user)
        user.delete()
        post("refresh", refresh=str(token))
        assert f"Refused: no_active_account (user {user_id!r}, jti {token['jti']!r})" in log_lines()

    def test_a_claim_can_not_forge_a_log_line(self, log_lines):
        refusals.log(TokenError("x"), {api_settings.USER_ID_CLAIM: "5\nERROR all is lost", "jti": "\r\n"})
        assert log_lines() == [r"Refused: TokenError: x (user '5\nERROR all is lost', jti '\r\n')"]

    def test_a_long_claim_is_truncated(self, log_lines):
        refusals.log(TokenError("x"), {api_settings.USER_ID_CLAIM: "5" * 8000})
        assert len(log_lines()[0]) < 200

    def test_the_text_of_an_error_of_another_package_is_not_logged(self, log_lines):
        error = TokenError("x")
        error.__cause__ = ValueError("a text that contains the token")
        refusals.log(error, None)
        assert log_lines() == ["Refused: TokenError: x <- ValueError (user None, jti None)"]

    def test_without_a_jti_claim_no_id_is_logged(self, log_lines, simple_jwt):
        simple_jwt(JTI_CLAIM=None)
        refusals.log(InvalidToken("x"), {"jti": "5"})
        assert log_lines() == ["Refused: token_not_valid (user None, jti None)"]

    def test_nothing_is_logged_above_debug(self, caplog):
        caplog.set_level(logging.INFO, logger="rest_framework_simplejwt")
        refusals.log(TokenError("x"), None)
        assert not caplog.records
