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
def reasons(caplog):
    """The lines that were logged."""
    caplog.set_level(logging.DEBUG, logger="rest_framework_simplejwt")
    return lambda: [record.getMessage() for record in caplog.records if record.msg.startswith("Refused")]


def challenge(request):
    return refusals.challenge(request, scheme="Bearer", realm="api")


def test_a_request_without_a_token_is_challenged_without_an_error(request_):
    assert challenge(request_) == 'Bearer realm="api"'


@pytest.mark.parametrize("code", refusals.DESCRIPTIONS)
def test_a_refused_token_is_told_with_its_reason(request_, code):
    refusals.mark(request_, AuthenticationFailed("x", code))
    error = "invalid_request" if code == "bad_authorization_header" else "invalid_token"
    expected = f'Bearer realm="api", error="{error}", error_description="{refusals.DESCRIPTIONS[code]}"'
    assert challenge(request_) == expected


@pytest.mark.parametrize("refusal", [AuthenticationFailed("x", 'made "up"'), APIException("x"), APIException(["x"])])
def test_a_reason_of_the_projects_own_is_not_quoted(request_, refusal):
    refusals.mark(request_, refusal)
    assert challenge(request_).endswith('error_description="The token was refused"')


def test_descriptions_keep_to_the_grammar():
    """RFC 6750 section 3: no quote, no backslash, no control character, ASCII."""
    assert all(
        text.isascii() and text.isprintable() and not {*'"\\'} & {*text} for text in refusals.DESCRIPTIONS.values()
    )


@pytest.mark.django_db
@pytest.mark.needs("rest_framework_simplejwt")  # whose translations are found only then
def test_the_challenge_and_the_log_speak_english_whatever_the_client_speaks(whoami, reasons):
    with translation.override("de"):
        response = whoami("x")
    assert response.json()["messages"][0]["message"] == "Das Token ist ungültig"
    assert "The token is" in response["WWW-Authenticate"]
    assert "TokenError: Token is invalid" in reasons()[0]


@pytest.mark.django_db
class TestLog:
    def test_it_names_each_check_that_failed(self, reasons):
        with pytest.raises(TokenError):
            RefreshToken("a.b.c")
        (line,) = reasons()
        assert line.startswith("Refused: TokenError: Token is invalid <- TokenBackendError: Token is invalid <- ")
        assert line.endswith("Malformed: a segment is not base64url <- Error (user None, jti None)")

    def test_it_names_whose_token_it_was_once_the_signature_vouches_for_that(self, reasons):
        token = AccessToken()
        token[api_settings.USER_ID_CLAIM], token["jti"] = "5", "name"
        with pytest.raises(TokenError):
            RefreshToken(str(token))
        assert reasons() == ["Refused: TokenError: Token has wrong type (user '5', jti 'name')"]

    def test_also_of_an_expired_one(self, reasons):
        token = AccessToken()
        token[api_settings.USER_ID_CLAIM], token["jti"] = "5", "name"
        token.set_exp(lifetime=-AccessToken.lifetime)
        with pytest.raises(TokenError):
            AccessToken(str(token))
        (line,) = reasons()
        assert line.startswith("Refused: ExpiredTokenError: Token is expired <- TokenBackendExpiredToken")
        assert line.endswith("(user '5', jti 'name')")

    def test_but_of_a_forged_one_it_believes_nothing(self, reasons):
        token = AccessToken()
        token[api_settings.USER_ID_CLAIM] = "5"
        with pytest.raises(TokenError):
            AccessToken(str(token)[:-4] + "AAAA")
        assert "(user None, jti None)" in reasons()[0]

    def test_it_names_a_user_who_may_not_enter(self, user, whoami, reasons, user_id):
        token = AccessToken.for_user(user)
        user.delete()
        whoami(token)
        assert reasons() == [f"Refused: user_not_found (user {user_id!r}, jti {token['jti']!r})"]

    def test_also_at_a_refresh(self, user, post, reasons, user_id):
        token = RefreshToken.for_user(user)
        user.delete()
        post("refresh", refresh=str(token))
        assert f"Refused: no_active_account (user {user_id!r}, jti {token['jti']!r})" in reasons()

    def test_a_claim_cannot_forge_a_line(self, reasons):
        refusals.log(TokenError("x"), {api_settings.USER_ID_CLAIM: "5\nERROR all is lost", "jti": "\r\n"})
        assert reasons() == [r"Refused: TokenError: x (user '5\nERROR all is lost', jti '\r\n')"]

    def test_a_claim_cannot_fill_the_disk(self, reasons):
        refusals.log(TokenError("x"), {api_settings.USER_ID_CLAIM: "5" * 8000})
        assert len(reasons()[0]) < 200

    def test_errors_of_others_are_not_quoted(self, reasons):
        error = TokenError("x")
        error.__cause__ = ValueError("the token that they stumbled over")
        refusals.log(error, None)
        assert reasons() == ["Refused: TokenError: x <- ValueError (user None, jti None)"]

    def test_without_ids_there_are_none(self, reasons, simple_jwt):
        simple_jwt(JTI_CLAIM=None)
        refusals.log(InvalidToken("x"), {"jti": "5"})
        assert reasons() == ["Refused: token_not_valid (user None, jti None)"]

    def test_it_costs_nothing_where_nobody_listens(self, caplog):
        caplog.set_level(logging.INFO, logger="rest_framework_simplejwt")
        refusals.log(TokenError("x"), None)
        assert not caplog.records
