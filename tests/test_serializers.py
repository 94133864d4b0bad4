"""The serializers that obtain and refresh tokens."""

from unittest import mock

import pytest
from django.contrib.auth import get_user_model, user_login_failed
from django.db import DataError, IntegrityError, OperationalError
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.serializers import CharField

from rest_framework_simplejwt import serializers
from rest_framework_simplejwt.exceptions import AuthenticationFailed, LoginFailed, TokenError
from rest_framework_simplejwt.serializers import (
    PasswordField,
    TokenObtainPairSerializer,
    TokenObtainSerializer,
    TokenObtainSlidingSerializer,
    TokenRefreshSerializer,
    TokenRefreshSlidingSerializer,
)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

pytestmark = pytest.mark.django_db


def validate(serializer_class, data, **context):
    """Return a serializer that has validated ``data``; raises what its validation raises."""
    serializer = serializer_class(data=data, context=context)
    serializer.is_valid(raise_exception=True)
    return serializer


@pytest.mark.parametrize("text", ["", " a ", "a\0b", "\ud800", "é\udfff", "é", "a.b.c", 1, None, True, [], 1.5])
def test_a_token_field_validates_as_a_char_field_does(text):
    def result(field):
        try:
            return field.run_validation(text)
        except ValidationError as error:
            return error.get_codes(), error.detail

    assert result(serializers.TokenField()) == result(CharField())


class TestObtain:
    def test_the_fields_are_the_username_field_and_the_password(self):
        fields = TokenObtainSerializer().fields
        assert list(fields) == [get_user_model().USERNAME_FIELD, "password"]
        assert all(field.write_only for field in fields.values())
        assert fields["password"].style == {"input_type": "password"}

    def test_the_authenticated_user_is_an_attribute(self, credentials, user):
        assert validate(TokenObtainPairSerializer, credentials).user == user

    def test_white_space_is_part_of_a_password(self, credentials, user):
        assert credentials["password"] != credentials["password"].strip()
        with pytest.raises(AuthenticationFailed):
            validate(TokenObtainPairSerializer, {**credentials, "password": credentials["password"].strip()})

    def test_a_password_field_accepts_style_and_trim_whitespace(self):
        field = PasswordField(style={"placeholder": "…"}, trim_whitespace=True)
        assert field.style == {"placeholder": "…", "input_type": "password"}
        assert field.trim_whitespace

    def test_an_overridden_get_token_can_add_claims(self, credentials, user):
        class Custom(TokenObtainPairSerializer):
            @classmethod
            def get_token(cls, user):
                token = super().get_token(user)
                token["colour"] = "blue"
                return token

        data = validate(Custom, credentials).validated_data
        assert RefreshToken(data["refresh"])["colour"] == "blue"
        assert AccessToken(data["access"])["colour"] == "blue"

    def test_token_class_sets_the_class_of_the_issued_token(self, credentials, user):
        class Custom(TokenObtainSlidingSerializer):
            token_class = AccessToken

        assert AccessToken(validate(Custom, credentials).validated_data["token"])

    def test_an_overridden_get_token_may_return_any_text(self, credentials, user):
        custom = type("Custom", (TokenObtainSlidingSerializer,), {"get_token": classmethod(lambda cls, user: "opaque")})
        assert validate(custom, credentials).validated_data == {"token": "opaque"}

    def test_get_token_without_token_class_raises_an_assertion_error(self, user):
        with pytest.raises(AssertionError, match="TokenObtainSerializer.token_class"):
            TokenObtainSerializer.get_token(user)

    def test_wrong_credentials_are_refused_with_code_no_active_account(self, credentials, user):
        with pytest.raises(AuthenticationFailed) as caught:
            validate(TokenObtainPairSerializer, {**credentials, "password": "wrong"})
        assert caught.value.detail == {
            "detail": "No active account found with the given credentials",
            "code": "no_active_account",
        }

    def test_the_user_authentication_rule_can_refuse_a_user(self, credentials, user):
        refuse = mock.patch.object(api_settings, "USER_AUTHENTICATION_RULE", lambda user: False)
        with refuse, pytest.raises(AuthenticationFailed):
            validate(TokenObtainPairSerializer, credentials)

    def test_the_request_is_passed_to_the_authentication_backends(self, credentials, user):
        with mock.patch.object(serializers, "authenticate", return_value=user) as authenticate:
            validate(TokenObtainPairSerializer, credentials, request="the request")
        authenticate.assert_called_once_with("the request", **credentials)


class TestUsernameThatIsNotText:
    """USERNAME_FIELD is the primary key of this project's users: a number, a UUID or a relation."""

    @pytest.fixture
    def login(self, user, credentials, monkeypatch):
        name = type(user)._meta.pk.name
        monkeypatch.setattr(type(user), "USERNAME_FIELD", name)
        return lambda text: validate(TokenObtainPairSerializer, {name: text, "password": credentials["password"]})

    def test_a_user_logs_in_with_their_primary_key(self, login, user):
        assert login(str(user.pk)).user == user

    @pytest.mark.parametrize(
        "text", ["alice", "1.5", "1e5", "-1", "0x1", "\u2603", "a" * 32, str(2**31), str(2**63), "9" * 4096, "a" * 4096]
    )
    def test_any_other_username_is_refused_as_a_failed_login(self, login, text, credentials):
        failures = []

        def receive(sender, credentials, request, **kwargs):
            failures.append(credentials)

        user_login_failed.connect(receive)
        try:
            with pytest.raises(LoginFailed):
                login(text)
        finally:
            user_login_failed.disconnect(receive)
        (name,) = {*failures[0]} - {"password"}
        assert failures == [{name: text, "password": "********************"}]

    @pytest.mark.parametrize("error", [ValueError("wrong"), OverflowError("wrong")])
    def test_an_error_raised_by_the_project_is_not_hidden(self, login, user, error):
        class WithCustomUsername(TokenObtainPairSerializer):
            username_field = "card"

        with mock.patch.object(serializers, "authenticate", side_effect=error):
            with pytest.raises(type(error)):
                login(str(user.pk))
            with pytest.raises(type(error)):
                validate(WithCustomUsername, {"card": "no number", "password": "x"})

    @pytest.mark.parametrize(("error", "code"), [(DataError, None), (OperationalError, 1267)])
    def test_a_username_that_the_database_cannot_store_is_refused_as_a_failed_login(self, login, error, code):
        rejected = error()
        rejected.__cause__ = Exception(code)
        with mock.patch.object(serializers, "authenticate", side_effect=rejected), pytest.raises(LoginFailed):
            login("1")


def test_a_username_has_a_maximum_length(credentials, user):
    name = get_user_model().USERNAME_FIELD
    serializer = TokenObtainPairSerializer(data={**credentials, name: "x" * 4097})
    assert not serializer.is_valid()
    assert serializer.errors[name][0].code == "max_length"
    with pytest.raises(LoginFailed):
        validate(TokenObtainPairSerializer, {**credentials, name: "x" * 4096})


class TestLoginHooks:
    def test_on_login_failed_is_called_with_the_password_masked(self, credentials, user):
        wrong = {**credentials, "password": "wrong"}
        with (
            mock.patch("rest_framework_simplejwt.settings.api_settings.ON_LOGIN_FAILED") as failed,
            pytest.raises(AuthenticationFailed),
        ):
            validate(TokenObtainPairSerializer, wrong, request="the request")
        failed.assert_called_once_with({**wrong, "password": "********************"}, "the request")

    @pytest.mark.parametrize("serializer", [TokenObtainPairSerializer, TokenObtainSlidingSerializer])
    @pytest.mark.parametrize("update", [True, False])
    def test_on_login_success_is_called_only_if_update_last_login_is_on(
        self, credentials, user, simple_jwt, serializer, update
    ):
        simple_jwt(UPDATE_LAST_LOGIN=update)
        with mock.patch.object(api_settings, "ON_LOGIN_SUCCESS") as success:
            validate(serializer, credentials, request="the request")
        assert success.mock_calls == ([mock.call(user, "the request")] if update else [])

    @pytest.mark.django_db(transaction=True)
    def test_a_hook_that_raises_integrity_error_is_called_once(self, credentials, user, simple_jwt):
        simple_jwt(UPDATE_LAST_LOGIN=True)
        error = IntegrityError("UNIQUE constraint failed: a table of the project")
        with (
            mock.patch.object(api_settings, "ON_LOGIN_SUCCESS", side_effect=error) as success,
            pytest.raises(IntegrityError),
        ):
            validate(TokenObtainPairSerializer, credentials)
        assert success.call_count == 1

    @pytest.mark.needs("no users_plain")
    def test_the_default_on_login_success_updates_last_login(self, credentials, user, simple_jwt):
        simple_jwt(UPDATE_LAST_LOGIN=True)
        validate(TokenObtainPairSerializer, credentials)
        user.refresh_from_db()
        assert user.last_login is not None

    def test_the_default_on_login_failed_does_nothing(self):
        assert serializers.default_on_login_failed({}, None) is None


# By the request field that holds the token: the serializer that refreshes it, and its class.
REFRESHABLE = {
    "refresh": (TokenRefreshSerializer, RefreshToken),
    "token": (TokenRefreshSlidingSerializer, SlidingToken),
}


@pytest.fixture(params=REFRESHABLE)
def field(request):
    return request.param


class TestRefreshOfRefreshAndSlidingTokens:
    @pytest.fixture
    def token(self, field, user):
        return REFRESHABLE[field][1].for_user(user)

    @pytest.fixture
    def refresh(self, field):
        return lambda token: validate(REFRESHABLE[field][0], {field: str(token)}).validated_data

    def refusal(self, refresh, token):
        with pytest.raises(AuthenticationFailed) as caught:
            refresh(token)
        return caught.value.detail

    def test_a_valid_token_is_refreshed(self, refresh, token):
        assert refresh(token)

    def test_a_token_of_a_deleted_user_is_refused(self, refresh, token, user):
        user.delete()
        assert self.refusal(refresh, token) == {
            "detail": "No active account found for the given token.",
            "code": "no_active_account",
        }

    @pytest.mark.needs("no users_plain")
    def test_a_token_of_an_inactive_user_is_refused(self, refresh, token, user):
        user.is_active = False
        user.save()
        assert self.refusal(refresh, token)["code"] == "no_active_account"

    def test_a_token_without_a_user_claim_is_refreshed(self, refresh, token):
        del token[api_settings.USER_ID_CLAIM]
        assert refresh(token)

    @pytest.mark.parametrize("claim", [None, "", 0, "no such user"])
    def test_a_token_whose_user_claim_matches_no_user_is_refused(self, refresh, token, claim):
        token[api_settings.USER_ID_CLAIM] = claim
        assert self.refusal(refresh, token)["code"] == "no_active_account"

    def test_a_changed_password_revokes_the_token_if_check_revoke_token_is_on(
        self, refresh, token, user, simple_jwt, field
    ):
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        token = REFRESHABLE[field][1].for_user(user)
        assert refresh(token)
        user.set_password("another")
        user.save()
        assert self.refusal(refresh, token) == {
            "detail": "The user's password has been changed.",
            "code": "password_changed",
        }
        assert not hasattr(token, "check_blacklist") or self.is_revoked(token)

    def is_revoked(self, token):
        with pytest.raises(TokenError, match="Token is blacklisted"):
            token.check_blacklist()
        return True

    def test_a_token_of_another_type_is_rejected(self, refresh, user):
        with pytest.raises(TokenError, match="wrong type"):
            refresh(AccessToken.for_user(user))


class TestRefresh:
    def test_without_rotation_only_an_access_token_is_issued(self, user, user_id):
        data = validate(TokenRefreshSerializer, {"refresh": str(RefreshToken.for_user(user))}).validated_data
        assert list(data) == ["access"]
        assert AccessToken(data["access"])[api_settings.USER_ID_CLAIM] == user_id

    def test_with_rotation_a_new_pair_is_issued(self, user, simple_jwt):
        simple_jwt(ROTATE_REFRESH_TOKENS=True)
        text = str(RefreshToken.for_user(user))
        data = validate(TokenRefreshSerializer, {"refresh": text}).validated_data
        assert list(data) == ["access", "refresh"]
        assert RefreshToken(data["refresh"])["jti"] != RefreshToken(text)["jti"]

    def test_a_subclass_can_read_the_token_from_elsewhere(self, user):
        text = str(RefreshToken.for_user(user))

        class CookieRefreshSerializer(TokenRefreshSerializer):
            refresh = serializers.serializers.CharField(required=False)

            def validate(self, attrs):
                attrs["refresh"] = text
                return super().validate(attrs)

        assert "access" in validate(CookieRefreshSerializer, {}).validated_data


class TestSlidingRefresh:
    def test_the_token_keeps_its_id_and_gets_later_times(self, user):
        token = SlidingToken.for_user(user)
        token.set_iat(at_time=token.current_time - SlidingToken.lifetime / 2)
        token.set_exp(from_time=token.current_time - SlidingToken.lifetime / 2)
        data = validate(TokenRefreshSlidingSerializer, {"token": str(token)}).validated_data
        again = SlidingToken(data["token"])
        assert again["exp"] > token["exp"]
        assert again["iat"] > token["iat"]
        assert again["jti"] == token["jti"]
        assert again["refresh_exp"] == token["refresh_exp"]

    def test_a_token_past_its_refresh_exp_is_rejected(self, user):
        token = SlidingToken.for_user(user)
        token["refresh_exp"] = token["iat"]
        with pytest.raises(TokenError, match="Token 'refresh_exp' claim has expired"):
            validate(TokenRefreshSlidingSerializer, {"token": str(token)})


@pytest.mark.parametrize(
    ("serializer", "fields"),
    [
        ("TokenObtainSerializer", ["<login>", "password"]),
        ("TokenObtainPairSerializer", ["<login>", "password"]),
        ("TokenObtainSlidingSerializer", ["<login>", "password"]),
        ("TokenRefreshSerializer", ["refresh", "access"]),
        ("TokenRefreshSlidingSerializer", ["token"]),
        ("TokenVerifySerializer", ["token"]),
        ("TokenBlacklistSerializer", ["refresh"]),
        ("TokenFamilyBlacklistSerializer", ["refresh", "message"]),
    ],
)
def test_errors_name_each_missing_required_field(serializer, fields):
    instance = getattr(serializers, serializer)(data={})
    login = get_user_model().USERNAME_FIELD
    assert list(instance.fields) == [login if name == "<login>" else name for name in fields]
    assert not instance.is_valid()
    required = [name for name, field in instance.fields.items() if not field.read_only]
    assert instance.errors == {name: [ErrorDetail("This field is required.", "required")] for name in required}
