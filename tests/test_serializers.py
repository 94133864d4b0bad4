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


def validated(serializer_class, data, **context):
    serializer = serializer_class(data=data, context=context)
    serializer.is_valid(raise_exception=True)
    return serializer


@pytest.mark.parametrize("text", ["", " a ", "a\0b", "\ud800", "é\udfff", "é", "a.b.c", 1, None, True, [], 1.5])
def test_a_token_field_answers_as_a_field_of_text(text):
    def answer(field):
        try:
            return field.run_validation(text)
        except ValidationError as error:
            return error.get_codes(), error.detail

    assert answer(serializers.TokenField()) == answer(CharField())


class TestObtain:
    def test_the_fields_are_the_login_and_the_password(self):
        fields = TokenObtainSerializer().fields
        assert list(fields) == [get_user_model().USERNAME_FIELD, "password"]
        assert all(field.write_only for field in fields.values())
        assert fields["password"].style == {"input_type": "password"}

    def test_the_user_is_kept(self, credentials, user):
        assert validated(TokenObtainPairSerializer, credentials).user == user

    def test_white_space_is_part_of_a_password(self, credentials, user):
        assert credentials["password"] != credentials["password"].strip()
        with pytest.raises(AuthenticationFailed):
            validated(TokenObtainPairSerializer, {**credentials, "password": credentials["password"].strip()})

    def test_a_password_field_takes_a_style_of_its_own(self):
        field = PasswordField(style={"placeholder": "…"}, trim_whitespace=True)
        assert field.style == {"placeholder": "…", "input_type": "password"}
        assert field.trim_whitespace

    def test_claims_may_be_added_in_get_token(self, credentials, user):
        class Mine(TokenObtainPairSerializer):
            @classmethod
            def get_token(cls, user):
                token = super().get_token(user)
                token["colour"] = "blue"
                return token

        data = validated(Mine, credentials).validated_data
        assert RefreshToken(data["refresh"])["colour"] == "blue"
        assert AccessToken(data["access"])["colour"] == "blue"

    def test_the_class_of_token_is_an_attribute(self, credentials, user):
        class Mine(TokenObtainSlidingSerializer):
            token_class = AccessToken

        assert AccessToken(validated(Mine, credentials).validated_data["token"])

    def test_what_get_token_answers_with_need_be_no_token_of_ours(self, credentials, user):
        own = type("Own", (TokenObtainSlidingSerializer,), {"get_token": classmethod(lambda cls, user: "opaque")})
        assert validated(own, credentials).validated_data == {"token": "opaque"}

    def test_a_serializer_without_a_class_of_token_says_so(self, user):
        with pytest.raises(AssertionError, match="TokenObtainSerializer.token_class"):
            TokenObtainSerializer.get_token(user)

    def test_wrong_credentials_are_refused_with_a_code(self, credentials, user):
        with pytest.raises(AuthenticationFailed) as caught:
            validated(TokenObtainPairSerializer, {**credentials, "password": "wrong"})
        assert caught.value.detail == {
            "detail": "No active account found with the given credentials",
            "code": "no_active_account",
        }

    def test_the_projects_rule_decides(self, credentials, user):
        never = mock.patch.object(api_settings, "USER_AUTHENTICATION_RULE", lambda user: False)
        with never, pytest.raises(AuthenticationFailed):
            validated(TokenObtainPairSerializer, credentials)

    def test_the_request_reaches_the_authentication_backends(self, credentials, user):
        with mock.patch.object(serializers, "authenticate", return_value=user) as authenticate:
            validated(TokenObtainPairSerializer, credentials, request="the request")
        authenticate.assert_called_once_with("the request", **credentials)


class TestNamesOfAnotherKind:
    """The user name is a number, a UUID or a relation: it is the primary key of this project's users."""

    @pytest.fixture
    def login(self, user, credentials, monkeypatch):
        name = type(user)._meta.pk.name
        monkeypatch.setattr(type(user), "USERNAME_FIELD", name)
        return lambda text: validated(TokenObtainPairSerializer, {name: text, "password": credentials["password"]})

    def test_the_right_one_logs_in(self, login, user):
        assert login(str(user.pk)).user == user

    @pytest.mark.parametrize(
        "text", ["alice", "1.5", "1e5", "-1", "0x1", "\u2603", "a" * 32, str(2**31), str(2**63), "9" * 4096, "a" * 4096]
    )
    def test_another_is_nobodys(self, login, text, credentials):
        told = []

        def receive(sender, credentials, request, **kwargs):
            told.append(credentials)

        user_login_failed.connect(receive)
        try:
            with pytest.raises(LoginFailed):
                login(text)
        finally:
            user_login_failed.disconnect(receive)
        (name,) = {*told[0]} - {"password"}
        assert told == [{name: text, "password": "********************"}]

    @pytest.mark.parametrize("error", [ValueError("wrong"), OverflowError("wrong")])
    def test_an_error_of_the_projects_own_is_not_hidden(self, login, user, error):
        class OfAnotherName(TokenObtainPairSerializer):
            username_field = "card"

        with mock.patch.object(serializers, "authenticate", side_effect=error):
            with pytest.raises(type(error)):
                login(str(user.pk))
            with pytest.raises(type(error)):
                validated(OfAnotherName, {"card": "no number", "password": "x"})

    @pytest.mark.parametrize(("error", "code"), [(DataError, None), (OperationalError, 1267)])
    def test_what_the_database_says_no_column_holds_is_nobodys(self, login, error, code):
        refused = error()
        refused.__cause__ = Exception(code)
        with mock.patch.object(serializers, "authenticate", side_effect=refused), pytest.raises(LoginFailed):
            login("1")


def test_a_user_name_is_bounded(credentials, user):
    name = get_user_model().USERNAME_FIELD
    serializer = TokenObtainPairSerializer(data={**credentials, name: "x" * 4097})
    assert not serializer.is_valid()
    assert serializer.errors[name][0].code == "max_length"
    with pytest.raises(LoginFailed):
        validated(TokenObtainPairSerializer, {**credentials, name: "x" * 4096})


class TestLoginHooks:
    def test_a_failed_login_is_reported_with_the_secrets_masked(self, credentials, user):
        wrong = {**credentials, "password": "wrong"}
        with (
            mock.patch("rest_framework_simplejwt.settings.api_settings.ON_LOGIN_FAILED") as failed,
            pytest.raises(AuthenticationFailed),
        ):
            validated(TokenObtainPairSerializer, wrong, request="the request")
        failed.assert_called_once_with({**wrong, "password": "********************"}, "the request")

    @pytest.mark.parametrize("serializer", [TokenObtainPairSerializer, TokenObtainSlidingSerializer])
    @pytest.mark.parametrize("update", [True, False])
    def test_success_is_reported_where_last_login_is_updated(self, credentials, user, simple_jwt, serializer, update):
        simple_jwt(UPDATE_LAST_LOGIN=update)
        with mock.patch.object(api_settings, "ON_LOGIN_SUCCESS") as success:
            validated(serializer, credentials, request="the request")
        assert success.mock_calls == ([mock.call(user, "the request")] if update else [])

    @pytest.mark.django_db(transaction=True)
    def test_one_that_breaks_a_constraint_of_the_projects_runs_once(self, credentials, user, simple_jwt):
        simple_jwt(UPDATE_LAST_LOGIN=True)
        error = IntegrityError("UNIQUE constraint failed: a table of the project's own")
        with (
            mock.patch.object(api_settings, "ON_LOGIN_SUCCESS", side_effect=error) as success,
            pytest.raises(IntegrityError),
        ):
            validated(TokenObtainPairSerializer, credentials)
        assert success.call_count == 1

    @pytest.mark.needs("no users_plain")
    def test_by_default_success_updates_last_login(self, credentials, user, simple_jwt):
        simple_jwt(UPDATE_LAST_LOGIN=True)
        validated(TokenObtainPairSerializer, credentials)
        user.refresh_from_db()
        assert user.last_login is not None

    def test_by_default_failure_does_nothing(self):
        assert serializers.default_on_login_failed({}, None) is None


REFRESHES = {
    "refresh": (TokenRefreshSerializer, RefreshToken),
    "token": (TokenRefreshSlidingSerializer, SlidingToken),
}


@pytest.fixture(params=REFRESHES)
def field(request):
    return request.param


class TestRefreshOfEitherKind:
    @pytest.fixture
    def token(self, field, user):
        return REFRESHES[field][1].for_user(user)

    @pytest.fixture
    def refreshed(self, field):
        return lambda token: validated(REFRESHES[field][0], {field: str(token)}).validated_data

    def refusal(self, refreshed, token):
        with pytest.raises(AuthenticationFailed) as caught:
            refreshed(token)
        return caught.value.detail

    def test_it_works(self, refreshed, token):
        assert refreshed(token)

    def test_a_deleted_user_gets_nothing(self, refreshed, token, user):
        user.delete()
        assert self.refusal(refreshed, token) == {
            "detail": "No active account found for the given token.",
            "code": "no_active_account",
        }

    @pytest.mark.needs("no users_plain")
    def test_an_inactive_user_gets_nothing(self, refreshed, token, user):
        user.is_active = False
        user.save()
        assert self.refusal(refreshed, token)["code"] == "no_active_account"

    def test_a_token_without_a_user_claim_is_refreshed(self, refreshed, token):
        del token[api_settings.USER_ID_CLAIM]
        assert refreshed(token)

    @pytest.mark.parametrize("claim", [None, "", 0, "no such user"])
    def test_a_token_whose_claim_names_nobody_gets_nothing(self, refreshed, token, claim):
        token[api_settings.USER_ID_CLAIM] = claim
        assert self.refusal(refreshed, token)["code"] == "no_active_account"

    def test_a_changed_password_ends_the_token_where_that_is_checked(self, refreshed, token, user, simple_jwt, field):
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        token = REFRESHES[field][1].for_user(user)
        assert refreshed(token)
        user.set_password("another")
        user.save()
        assert self.refusal(refreshed, token) == {
            "detail": "The user's password has been changed.",
            "code": "password_changed",
        }
        assert not hasattr(token, "check_blacklist") or self._is_revoked(token)

    def _is_revoked(self, token):
        with pytest.raises(TokenError, match="Token is blacklisted"):
            token.check_blacklist()
        return True

    def test_another_kind_of_token_is_refused(self, refreshed, user):
        with pytest.raises(TokenError, match="wrong type"):
            refreshed(AccessToken.for_user(user))


class TestRefresh:
    def test_without_rotation_there_is_an_access_token_alone(self, user, user_id):
        data = validated(TokenRefreshSerializer, {"refresh": str(RefreshToken.for_user(user))}).validated_data
        assert list(data) == ["access"]
        assert AccessToken(data["access"])[api_settings.USER_ID_CLAIM] == user_id

    def test_with_rotation_there_is_a_pair(self, user, simple_jwt):
        simple_jwt(ROTATE_REFRESH_TOKENS=True)
        text = str(RefreshToken.for_user(user))
        data = validated(TokenRefreshSerializer, {"refresh": text}).validated_data
        assert list(data) == ["access", "refresh"]
        assert RefreshToken(data["refresh"])["jti"] != RefreshToken(text)["jti"]

    def test_a_subclass_may_fetch_the_token_elsewhere(self, user):
        text = str(RefreshToken.for_user(user))

        class CookieRefreshSerializer(TokenRefreshSerializer):
            refresh = serializers.serializers.CharField(required=False)

            def validate(self, attrs):
                attrs["refresh"] = text
                return super().validate(attrs)

        assert "access" in validated(CookieRefreshSerializer, {}).validated_data


class TestSlidingRefresh:
    def test_the_token_is_the_same_with_later_times(self, user):
        token = SlidingToken.for_user(user)
        token.set_iat(at_time=token.current_time - SlidingToken.lifetime / 2)
        token.set_exp(from_time=token.current_time - SlidingToken.lifetime / 2)
        data = validated(TokenRefreshSlidingSerializer, {"token": str(token)}).validated_data
        again = SlidingToken(data["token"])
        assert again["exp"] > token["exp"]
        assert again["iat"] > token["iat"]
        assert again["jti"] == token["jti"]
        assert again["refresh_exp"] == token["refresh_exp"]

    def test_it_ends_with_the_refresh_period(self, user):
        token = SlidingToken.for_user(user)
        token["refresh_exp"] = token["iat"]
        with pytest.raises(TokenError, match="Token 'refresh_exp' claim has expired"):
            validated(TokenRefreshSlidingSerializer, {"token": str(token)})


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
def test_a_missing_field_is_named(serializer, fields):
    instance = getattr(serializers, serializer)(data={})
    login = get_user_model().USERNAME_FIELD
    assert list(instance.fields) == [login if name == "<login>" else name for name in fields]
    assert not instance.is_valid()
    required = [name for name, field in instance.fields.items() if not field.read_only]
    assert instance.errors == {name: [ErrorDetail("This field is required.", "required")] for name in required}
