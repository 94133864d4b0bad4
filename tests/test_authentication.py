from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from rest_framework.test import APIRequestFactory

from rest_framework_simplejwt import authentication
from rest_framework_simplejwt.authentication import (
    JWTAuthentication,
    JWTStatelessUserAuthentication,
    default_user_authentication_rule,
)
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken
from rest_framework_simplejwt.models import TokenUser
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, SlidingToken


@pytest.fixture
def backend():
    return JWTAuthentication()


def request_with(header):
    return APIRequestFactory().get("/", HTTP_AUTHORIZATION=header)


class TestAuthenticate:
    def test_a_valid_token_authenticates_its_user(self, backend, user):
        token = AccessToken.for_user(user)
        found, validated = backend.authenticate(request_with(f"Bearer {token}"))
        assert found == user
        assert isinstance(validated, AccessToken)
        assert validated.payload == token.payload

    def test_a_plain_django_request_can_be_authenticated(self, backend, user):
        request = HttpRequest()
        request.META["HTTP_AUTHORIZATION"] = f"Bearer {AccessToken.for_user(user)}"
        assert backend.authenticate(request)[0] == user

    @pytest.mark.parametrize("header", ["", "Basic abc", "Token abc"])
    def test_another_scheme_returns_none(self, backend, header):
        assert backend.authenticate(request_with(header)) is None

    def test_a_missing_header_returns_none(self, backend):
        assert backend.authenticate(APIRequestFactory().get("/")) is None

    def test_the_header_and_its_schemes_are_settings(self, backend, user, simple_jwt):
        simple_jwt(AUTH_HEADER_NAME="HTTP_X_TOKEN", AUTH_HEADER_TYPES="JWT")
        request = APIRequestFactory().get("/", HTTP_X_TOKEN=f"jwt {AccessToken.for_user(user)}")
        assert backend.authenticate(request)[0] == user
        assert backend.authenticate_header(request) == 'JWT realm="api"'

    def test_a_subclass_may_override_get_header(self, user):
        class CookieAuthentication(JWTAuthentication):
            def get_header(self, request):
                return b"Bearer " + request.COOKIES["token"].encode()

        request = APIRequestFactory().get("/")
        request.COOKIES["token"] = str(AccessToken.for_user(user))
        assert CookieAuthentication().authenticate(request)[0] == user

    def test_the_challenge_has_the_first_scheme_and_the_realm(self, backend):
        assert backend.authenticate_header(request_with("")) == 'Bearer realm="api"'
        assert backend.media_type == "application/json"


class TestValidatedToken:
    @pytest.mark.parametrize("encoding", [str, str.encode])
    def test_text_and_bytes_are_accepted(self, backend, encoding):
        token = AccessToken()
        assert backend.get_validated_token(encoding(str(token))).payload == token.payload

    def test_the_token_classes_are_tried_in_order(self, backend, simple_jwt, db):
        simple_jwt(
            AUTH_TOKEN_CLASSES=[
                "rest_framework_simplejwt.tokens.AccessToken",
                "rest_framework_simplejwt.tokens.SlidingToken",
            ]
        )
        assert isinstance(backend.get_validated_token(str(SlidingToken())), SlidingToken)
        assert isinstance(backend.get_validated_token(str(AccessToken())), AccessToken)

    def test_an_invalid_token_lists_the_message_of_each_class(self, backend, db):
        with pytest.raises(InvalidToken) as caught:
            backend.get_validated_token(str(SlidingToken()))
        assert caught.value.detail == {
            "detail": "Given token not valid for any token type",
            "code": "token_not_valid",
            "messages": [{"token_class": "AccessToken", "token_type": "access", "message": "Token has wrong type"}],
        }


class TestGetUser:
    def refusal(self, backend, token):
        with pytest.raises(AuthenticationFailed) as caught:
            backend.get_user(token)
        return caught.value.detail["code"]

    def test_a_token_without_a_user_id_is_invalid(self, backend):
        with pytest.raises(InvalidToken) as caught:
            backend.get_user(AccessToken())
        assert caught.value.detail["detail"] == "Token contained no recognizable user identification"

    def test_a_deleted_user_is_not_found(self, backend, user):
        token = AccessToken.for_user(user)
        user.delete()
        assert self.refusal(backend, token) == "user_not_found"

    @pytest.mark.parametrize("odd", [None, True, [], {}, "abc", 2**200, "a\0b"])
    def test_a_malformed_user_id_is_not_found(self, backend, user, odd):
        token = AccessToken()
        token[api_settings.USER_ID_CLAIM] = odd
        assert self.refusal(backend, token) == "user_not_found"

    @pytest.mark.needs("no users_plain")
    def test_an_inactive_user_is_refused_unless_the_check_is_off(self, backend, user, simple_jwt):
        token = AccessToken.for_user(user)
        user.is_active = False
        user.save()
        assert self.refusal(backend, token) == "user_inactive"
        simple_jwt(CHECK_USER_IS_ACTIVE=False)
        assert backend.get_user(token) == user

    def test_a_changed_password_is_refused_if_it_is_checked(self, backend, user, simple_jwt):
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        token = AccessToken.for_user(user)
        assert backend.get_user(token) == user
        user.set_password("another")
        user.save()
        assert self.refusal(backend, token) == "password_changed"
        simple_jwt(CHECK_REVOKE_TOKEN=False)
        assert backend.get_user(token) == user

    def test_a_token_without_the_revoke_claim_is_refused(self, backend, user, simple_jwt):
        token = AccessToken.for_user(user)
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        assert self.refusal(backend, token) == "password_changed"

    def test_the_user_model_is_that_of_django(self, backend):
        assert backend.user_model is get_user_model()


class TestStateless:
    def test_the_user_is_built_from_the_token_without_a_query(self, user, user_id, assert_statements):
        token = AccessToken.for_user(user)
        with assert_statements(0):
            found, _ = JWTStatelessUserAuthentication().authenticate(request_with(f"Bearer {token}"))
        assert isinstance(found, TokenUser)
        assert found.id == user_id

    def test_a_token_without_a_user_id_is_rejected(self):
        with pytest.raises(InvalidToken, match="no recognizable user identification"):
            JWTStatelessUserAuthentication().get_user(AccessToken())

    def test_the_user_class_is_a_setting(self, simple_jwt):
        class Robot(TokenUser):
            pass

        token = AccessToken()
        token[api_settings.USER_ID_CLAIM] = "1"
        with mock.patch.object(api_settings, "TOKEN_USER_CLASS", Robot):
            assert isinstance(JWTStatelessUserAuthentication().get_user(token), Robot)

    def test_the_class_has_two_names(self):
        assert authentication.JWTTokenUserAuthentication is JWTStatelessUserAuthentication


class TestRule:
    def test_none_gets_no_tokens(self):
        assert not default_user_authentication_rule(None)

    @pytest.mark.parametrize(("active", "checked", "allowed"), [(1, 1, 1), (0, 1, 0), (1, 0, 1), (0, 0, 1)])
    def test_an_inactive_user_gets_tokens_only_if_the_check_is_off(self, simple_jwt, active, checked, allowed):
        simple_jwt(CHECK_USER_IS_ACTIVE=bool(checked))
        assert default_user_authentication_rule(mock.Mock(is_active=bool(active))) is bool(allowed)

    def test_a_user_without_the_field_is_active(self):
        assert default_user_authentication_rule(object())


def test_module_names_follow_the_settings(simple_jwt):
    simple_jwt(AUTH_HEADER_TYPES="JWT")
    assert authentication.AUTH_HEADER_TYPES == ("JWT",)
    assert authentication.AUTH_HEADER_TYPE_BYTES == {b"JWT"}
    with pytest.raises(AttributeError, match="NONSENSE"):
        authentication.NONSENSE  # noqa: B018


@pytest.mark.django_db
class TestOverHTTP:
    def test_a_valid_token_is_accepted(self, user, whoami):
        response = whoami(AccessToken.for_user(user))
        assert response.json() == {"user": str(user.pk), "type": "access"}

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
    def test_the_scheme_is_case_insensitive(self, user, whoami, scheme):
        assert whoami(AccessToken.for_user(user), scheme).status_code == 200

    def test_a_request_without_a_token_is_answered_with_a_challenge(self, client):
        response = client.get("/whoami/")
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == 'Bearer realm="api"'

    def test_an_invalid_token_is_answered_401_with_its_code(self, whoami):
        response = whoami("garbage")
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == (
            'Bearer realm="api", error="invalid_token", '
            'error_description="The token is malformed, expired, revoked or not for this"'
        )
        assert response.json() == {
            "detail": "Given token not valid for any token type",
            "code": "token_not_valid",
            "messages": [{"token_class": "AccessToken", "token_type": "access", "message": "Token is invalid"}],
        }

    def test_two_words_after_the_scheme_are_refused(self, whoami):
        response = whoami("one two")
        assert response.status_code == 401
        assert response.json()["code"] == "bad_authorization_header"

    def test_a_stateless_view_gets_the_user_id(self, user, user_id, whoami):
        assert whoami(AccessToken.for_user(user), path="/stateless/").json()["user"] == user_id
