"""Other projects import, patch, reload and subclass names of 5.5.1: all of that still works."""

import importlib
from datetime import timedelta
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.test import override_settings
from rest_framework.test import APIRequestFactory

from rest_framework_simplejwt import authentication, backends, serializers, state, tokens, views
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

NAMES = {
    "authentication": """AUTH_HEADER_TYPES AUTH_HEADER_TYPE_BYTES AuthUser AuthenticationFailed InvalidToken
        JWTAuthentication JWTStatelessUserAuthentication JWTTokenUserAuthentication TokenError TokenUser
        api_settings default_user_authentication_rule""",
    "backends": "JWK_CLIENT_AVAILABLE PyJWKClient TokenBackend",
    "cache": "BlacklistCache blacklist_cache",
    "exceptions": """AuthenticationFailed DetailDictMixin ExpiredTokenError InvalidToken RefreshTokenBlacklistedError
        TokenBackendError TokenBackendExpiredToken TokenError TokenFamilyNotConfigured""",
    "models": "TYPE_CHECKING TokenUser",
    "serializers": """PasswordField TokenBlacklistSerializer TokenFamilyBlacklistSerializer TokenObtainPairSerializer
        TokenObtainSerializer TokenObtainSlidingSerializer TokenRefreshSerializer TokenRefreshSlidingSerializer
        TokenVerifySerializer api_settings default_on_login_failed default_on_login_success update_last_login""",
    "settings": """APISettings DEFAULTS IMPORT_STRINGS REMOVED_SETTINGS USER_SETTINGS api_settings
        reload_api_settings""",
    "state": "token_backend",
    "token_blacklist.apps": "TokenBlacklistConfig",
    "token_blacklist.models": "BlacklistedToken OutstandingToken",
    "token_family.apps": "TokenFamilyConfig",
    "token_family.models": "BlacklistedTokenFamily TokenFamily",
    "tokens": """AccessToken BlacklistMixin BlacklistedToken FamilyMixin RefreshToken SlidingToken TYPE_CHECKING Token
        TokenBackendError TokenError UntypedToken api_settings aware_utcnow""",
    "utils": """aware_utcnow datetime_from_epoch datetime_to_epoch format_lazy get_md5_hash_password logger
        make_utc""",
    "views": """TokenBlacklistView TokenFamilyBlacklistView TokenObtainPairView TokenObtainSlidingView
        TokenRefreshSlidingView TokenRefreshView TokenVerifyView TokenViewBase token_blacklist
        token_family_blacklist token_obtain_pair token_obtain_sliding token_refresh token_refresh_sliding
        token_verify""",
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in NAMES for name in NAMES[module].split()])
def test_the_name_exists(module, name):
    assert hasattr(importlib.import_module(f"rest_framework_simplejwt.{module}"), name)


@pytest.mark.needs("token_blacklist", "admin")
@pytest.mark.parametrize("name", ["BlacklistedTokenAdmin", "OutstandingToken", "OutstandingTokenAdmin"])
def test_the_admin_classes_exist(name):
    assert hasattr(importlib.import_module("rest_framework_simplejwt.token_blacklist.admin"), name)


class TestReload:
    @pytest.fixture
    def reload(self):
        """Reloads a module, and restores its previous names after the test."""
        before = []

        def reload(module):
            before.append((module, dict(vars(module))))
            return importlib.reload(module)

        yield reload
        for module, names in before:
            vars(module).update(names)

    def test_tokens_can_be_reloaded(self, reload):
        with override_settings(SIMPLE_JWT={"ACCESS_TOKEN_LIFETIME": timedelta(days=3)}):
            assert reload(tokens).AccessToken.lifetime == timedelta(days=3)

    def test_authentication_and_serializers_can_be_reloaded(self, reload, simple_jwt):
        simple_jwt(AUTH_HEADER_TYPES=("JWT",))
        assert reload(authentication).AUTH_HEADER_TYPES == ("JWT",)
        assert reload(serializers).TokenRefreshSerializer is not views.TokenRefreshView().get_serializer_class


class TestPatching:
    def test_the_clock_of_tokens_can_be_patched(self):
        then = tokens.aware_utcnow() + timedelta(days=1)
        with mock.patch("rest_framework_simplejwt.tokens.aware_utcnow", return_value=then):
            assert AccessToken().current_time == then

    def test_the_key_set_client_can_be_patched(self):
        with mock.patch("rest_framework_simplejwt.backends.PyJWKClient") as client:
            assert backends.TokenBackend("RS256", jwk_url="x").jwks_client is client.return_value

    def test_the_process_wide_backend_can_be_patched(self):
        other = backends.TokenBackend("HS256", "another key of more than thirty-two bytes")
        with mock.patch("rest_framework_simplejwt.state.token_backend", other):
            assert other.decode(str(AccessToken()))

    def test_a_login_hook_can_be_patched(self):
        with mock.patch("rest_framework_simplejwt.settings.api_settings.ON_LOGIN_FAILED") as hook:
            assert api_settings.ON_LOGIN_FAILED is hook
        assert api_settings.ON_LOGIN_FAILED is serializers.default_on_login_failed

    @pytest.mark.needs("token_blacklist")
    def test_methods_of_the_blacklist_can_be_patched(self, db):
        with mock.patch("rest_framework_simplejwt.tokens.RefreshToken.check_blacklist") as check:
            RefreshToken(str(RefreshToken()))
        check.assert_called_once_with()
        with mock.patch("rest_framework_simplejwt.tokens.RefreshToken.blacklist") as blacklist:
            RefreshToken().blacklist()
        blacklist.assert_called_once_with()

    @pytest.mark.django_db
    @pytest.mark.needs("no users_plain")
    def test_the_update_of_last_login_can_be_patched(self, user):
        with mock.patch("rest_framework_simplejwt.serializers.update_last_login") as update:
            serializers.default_on_login_success(user, None)
        update.assert_called_once_with(None, user)


class TestUsage:
    def test_the_leeway_of_a_backend_may_be_set(self, simple_jwt):
        simple_jwt(ISSUER="another issuer, so that no other test uses this backend")
        token = AccessToken()
        token.token_backend.leeway = timedelta(hours=1)
        token.set_exp(lifetime=-timedelta(minutes=1))
        assert AccessToken(str(token))

    def test_a_backend_may_be_built_from_the_settings(self):
        own = backends.TokenBackend(
            api_settings.ALGORITHM,
            api_settings.SIGNING_KEY,
            api_settings.VERIFYING_KEY,
            api_settings.AUDIENCE,
            api_settings.ISSUER,
            api_settings.JWK_URL,
            api_settings.LEEWAY,
        )
        assert state.token_backend.decode(own.encode({"foo": 1})) == {"foo": 1}

    def test_blacklist_raises_attribute_error_without_the_app(self, db):
        token = RefreshToken()
        try:
            token.blacklist()
        except AttributeError:
            assert not hasattr(token, "blacklist")

    @pytest.mark.django_db
    @pytest.mark.parametrize("given_by", ["serializer_class", "_serializer_class"])
    def test_a_view_may_have_another_serializer(self, given_by):
        by = {
            "serializer_class": serializers.TokenVerifySerializer,
            "_serializer_class": "rest_framework_simplejwt.serializers.TokenVerifySerializer",
        }
        view = type("Mine", (views.TokenViewBase,), {given_by: by[given_by]}).as_view()
        response = view(APIRequestFactory().post("/", {"token": str(AccessToken())}))
        assert (response.status_code, response.data) == (200, {})

    def test_an_authentication_class_has_the_user_model(self):
        assert authentication.JWTAuthentication().user_model is get_user_model()
