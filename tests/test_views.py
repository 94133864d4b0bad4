import logging
from datetime import timedelta

import pytest
from django.db import connections, transaction
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from rest_framework_simplejwt import serializers, tokens, views
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import NoSigningKey
from rest_framework_simplejwt.keys.ring import KeyRing, read_key
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken
from rest_framework_simplejwt.views import TokenObtainPairView, TokenViewBase

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(post, credentials, user):
    return post("obtain", **credentials).json()


@pytest.fixture
def atomic_requests(monkeypatch):
    for connection in connections.all():
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


def refused(response, detail, code="token_not_valid", *, of_token=True):
    """Returns whether the response is a 401 with this body and a challenge, which has an error if `of_token`."""
    challenge, _, error = response.headers.get("WWW-Authenticate", "").partition(", ")
    return (
        response.status_code == 401
        and response.json() == {"detail": detail, "code": code}
        and challenge == 'Bearer realm="api"'
        and error.startswith('error="invalid_token", error_description="The ') is of_token
    )


def login_refused(response):
    detail = "No active account found with the given credentials"
    return refused(response, detail, "no_active_account", of_token=False)


class TestObtain:
    def test_valid_credentials_return_a_token_pair(self, pair, user_id, whoami):
        assert list(pair) == ["refresh", "access"]
        assert RefreshToken(pair["refresh"])
        assert whoami(pair["access"]).status_code == 200

    def test_wrong_credentials_are_refused(self, post, credentials, user):
        response = post("obtain", **{**credentials, "password": "wrong"})
        assert login_refused(response)

    def test_an_unknown_user_is_refused_with_the_same_response(self, post, credentials):
        response = post("obtain", **credentials)
        assert login_refused(response)

    @pytest.mark.needs("no users_plain")
    def test_an_inactive_user_is_refused_with_the_same_response(self, post, credentials, user):
        user.is_active = False
        user.save()
        response = post("obtain", **credentials)
        assert login_refused(response)

    def test_missing_fields_are_listed(self, post, credentials):
        response = post("obtain")
        assert response.status_code == 400
        assert response.json() == {name: ["This field is required."] for name in credentials}


class TestRefresh:
    def test_a_refresh_token_returns_an_access_token(self, post, pair, whoami):
        response = post("refresh", refresh=pair["refresh"])
        assert list(response.json()) == ["access"]
        assert whoami(response.json()["access"]).status_code == 200

    def test_rotation_returns_a_refresh_token_too(self, post, pair, simple_jwt):
        simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
        response = post("refresh", refresh=pair["refresh"])
        assert list(response.json()) == ["access", "refresh"]
        assert post("refresh", refresh=response.json()["refresh"]).status_code == 200

    @pytest.mark.parametrize("text", ["garbage", "a.b.c", "é", "x" * 10_000])
    def test_a_malformed_token_is_refused(self, post, text):
        assert refused(post("refresh", refresh=text), "Token is invalid")

    def test_an_access_token_is_refused(self, post, pair):
        assert refused(post("refresh", refresh=pair["access"]), "Token has wrong type")

    def test_an_expired_token_is_refused(self, post, user):
        token = RefreshToken.for_user(user)
        token.set_exp(lifetime=-timedelta(seconds=1))
        assert refused(post("refresh", refresh=str(token)), "Token is expired")

    def test_a_deleted_user_is_refused(self, post, pair, user):
        user.delete()
        response = post("refresh", refresh=pair["refresh"])
        assert refused(response, "No active account found for the given token.", "no_active_account")

    def test_a_token_without_a_user_is_refreshed(self, post, simple_jwt):
        simple_jwt(ROTATE_REFRESH_TOKENS=True)
        pair = post("refresh", refresh=str(RefreshToken())).json()
        assert post("refresh", refresh=pair["refresh"]).status_code == 200
        assert api_settings.USER_ID_CLAIM not in AccessToken(pair["access"])

    @pytest.mark.parametrize("body", [{}, {"refresh": ""}, {"refresh": None}, {"refresh": []}, {"refresh": {}}])
    def test_a_missing_or_malformed_field_is_answered_400(self, post, body):
        response = post("refresh", **body)
        assert response.status_code == 400
        assert list(response.json()) == ["refresh"]


@pytest.mark.needs("token_blacklist")
class TestReuse:
    @pytest.fixture(autouse=True)
    def _rotate_tokens(self, simple_jwt):
        simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True, TOKEN_FAMILY_BLACKLIST_ON_REUSE=True)

    def test_a_consumed_token_is_refused(self, post, pair):
        post("refresh", refresh=pair["refresh"])
        assert refused(post("refresh", refresh=pair["refresh"]), "Token is blacklisted")

    @pytest.mark.needs("token_family")
    def test_reuse_revokes_the_family(self, post, pair):
        newest = post("refresh", refresh=pair["refresh"]).json()["refresh"]
        post("refresh", refresh=pair["refresh"])
        assert refused(post("refresh", refresh=newest), "Token family is blacklisted")

    @pytest.mark.needs("token_family")
    @pytest.mark.django_db(transaction=True)
    def test_reuse_revokes_the_family_under_atomic_requests(self, post, pair, atomic_requests):
        newest = post("refresh", refresh=pair["refresh"]).json()["refresh"]
        post("refresh", refresh=pair["refresh"])
        assert refused(post("refresh", refresh=newest), "Token family is blacklisted")

    @pytest.mark.needs("token_family")
    def test_reuse_revokes_the_family_within_a_transaction_of_the_project(self, post, pair, atomic_requests):
        newest = post("refresh", refresh=pair["refresh"]).json()["refresh"]
        with transaction.atomic(using=tokens.OutstandingToken.objects.db):
            post("refresh", refresh=pair["refresh"])
        assert refused(post("refresh", refresh=newest), "Token family is blacklisted")

    @pytest.mark.django_db(transaction=True)
    def test_a_changed_password_revokes_the_token_under_atomic_requests(self, post, simple_jwt, user, atomic_requests):
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        token = RefreshToken.for_user(user)
        user.set_password("another")
        user.save()
        response = post("refresh", refresh=str(token))
        assert refused(response, "The user's password has been changed.", "password_changed")
        assert tokens.BlacklistedToken.objects.filter(token__jti=token["jti"]).exists()


class TestSliding:
    def test_valid_credentials_return_a_token_that_authenticates(self, post, credentials, user, whoami, simple_jwt):
        simple_jwt(AUTH_TOKEN_CLASSES=["rest_framework_simplejwt.tokens.SlidingToken"])
        response = post("obtain sliding", **credentials)
        assert list(response.json()) == ["token"]
        assert whoami(response.json()["token"]).json()["type"] == "sliding"

    def test_a_refresh_keeps_the_id(self, post, credentials, user):
        token = post("obtain sliding", **credentials).json()["token"]
        again = post("refresh sliding", token=token).json()
        assert SlidingToken(again["token"])["jti"] == SlidingToken(token)["jti"]

    def test_a_token_is_refused_after_its_refresh_period(self, post, user):
        token = SlidingToken.for_user(user)
        token["refresh_exp"] = token["iat"]
        assert refused(post("refresh sliding", token=str(token)), "Token 'refresh_exp' claim has expired")

    def test_wrong_credentials_are_refused(self, post, credentials):
        response = post("obtain sliding", **credentials)
        assert login_refused(response)


class TestVerify:
    @pytest.mark.parametrize("kind", [AccessToken, RefreshToken, SlidingToken])
    def test_a_valid_token_returns_an_empty_object(self, post, user, kind):
        response = post("verify", token=str(kind.for_user(user)))
        assert (response.status_code, response.json()) == (200, {})

    def test_a_malformed_token_is_not_verified(self, post):
        assert refused(post("verify", token="garbage"), "Token is invalid")

    @pytest.mark.needs("token_blacklist")
    @pytest.mark.parametrize("rotating", [True, False])
    def test_a_revoked_token_is_refused_with_and_without_rotation(self, post, pair, simple_jwt, rotating):
        simple_jwt(BLACKLIST_AFTER_ROTATION=rotating, ROTATE_REFRESH_TOKENS=rotating)
        RefreshToken(pair["refresh"]).blacklist()
        assert refused(post("verify", token=pair["refresh"]), "Token is blacklisted")

    @pytest.mark.needs("token_family")
    def test_a_revoked_or_expired_family_is_refused(self, post, pair):
        refresh = RefreshToken(pair["refresh"])
        refresh.set_exp("family_exp", lifetime=-timedelta(seconds=1))
        assert refused(post("verify", token=str(refresh)), "Token family has expired")
        refresh.blacklist_family()
        assert refused(post("verify", token=pair["refresh"]), "Token family is blacklisted")

    @pytest.mark.parametrize(
        ("classes", "status"),
        [
            (["JWTStatelessUserAuthentication"], 200),
            (["JWTStatelessUserAuthentication", "JWTAuthentication"], 401),
            (["JWTAuthentication"], 401),
            ([], 401),
        ],
    )
    @pytest.mark.needs("no redis")
    def test_the_user_is_not_looked_up_with_stateless_authentication(self, post, settings, classes, status):
        paths = [f"rest_framework_simplejwt.authentication.{name}" for name in classes]
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_AUTHENTICATION_CLASSES": paths}
        of_another_service = AccessToken()
        of_another_service[api_settings.USER_ID_CLAIM] = "987654321"
        assert post("verify", token=str(of_another_service)).status_code == status

    @pytest.mark.needs("no users_plain")
    @pytest.mark.parametrize("kind", [AccessToken, RefreshToken, SlidingToken])
    def test_a_token_of_an_inactive_user_is_refused(self, post, user, kind):
        token = str(kind.for_user(user))
        user.is_active = False
        user.save()
        assert refused(post("verify", token=token), "No active account found for the given token.", "no_active_account")

    def test_a_token_from_before_the_password_was_changed_is_refused(self, post, user, simple_jwt):
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        token = str(AccessToken.for_user(user))
        assert post("verify", token=token).status_code == 200
        user.set_password("another")
        user.save()
        assert refused(post("verify", token=token), "The user's password has been changed.", "password_changed")

    def test_a_token_without_a_user_is_accepted(self, post):
        assert post("verify", token=str(AccessToken())).status_code == 200


class TestBlacklist:
    def test_a_log_out_returns_an_empty_object(self, post, pair):
        response = post("blacklist", refresh=pair["refresh"])
        assert (response.status_code, response.json()) == (200, {})

    @pytest.mark.needs("token_blacklist")
    def test_a_log_out_revokes_the_token(self, post, pair):
        post("blacklist", refresh=pair["refresh"])
        for endpoint in ("refresh", "blacklist"):
            assert refused(post(endpoint, refresh=pair["refresh"]), "Token is blacklisted")

    @pytest.mark.needs("no revocation")
    def test_without_the_app_nothing_is_revoked(self, post, pair):
        post("blacklist", refresh=pair["refresh"])
        assert post("refresh", refresh=pair["refresh"]).status_code == 200

    def test_an_access_token_can_not_be_revoked(self, post, pair):
        assert refused(post("blacklist", refresh=pair["access"]), "Token has wrong type")


class TestBlacklistFamily:
    @pytest.mark.needs("token_family")
    def test_the_family_is_revoked(self, post, pair):
        response = post("blacklist family", refresh=pair["refresh"])
        assert (response.status_code, response.json()) == (200, {"message": "Token Family blacklisted"})
        assert refused(post("refresh", refresh=pair["refresh"]), "Token family is blacklisted")

    @pytest.mark.needs("token_family")
    def test_a_token_without_a_family_is_answered_400(self, post, pair):
        refresh = RefreshToken(pair["refresh"])
        del refresh["family_id"]
        response = post("blacklist family", refresh=str(refresh))
        assert response.status_code == 400
        assert response.json() == {"detail": "Token has no family ID", "code": "token_has_no_family"}

    @pytest.mark.needs("token_family")
    def test_disabled_families_are_answered_501(self, post, pair, simple_jwt):
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        assert post("blacklist family", refresh=pair["refresh"]).status_code == 501

    @pytest.mark.needs("no families")
    def test_without_the_app_it_is_answered_501(self, post, pair):
        response = post("blacklist family", refresh=pair["refresh"])
        assert response.status_code == 501
        assert response.json() == {
            "detail": "Token family is not configured",
            "code": "token_family_not_configured",
        }


class TestSerializerClass:
    def of(self, view):
        return view.get_serializer_class()

    def test_it_is_read_from_the_setting(self, simple_jwt):
        assert self.of(TokenObtainPairView()) is serializers.TokenObtainPairSerializer
        simple_jwt(TOKEN_OBTAIN_SERIALIZER="rest_framework_simplejwt.serializers.TokenObtainSlidingSerializer")
        assert self.of(TokenObtainPairView()) is serializers.TokenObtainSlidingSerializer

    def test_serializer_class_has_priority_over_the_setting(self):
        class Mine(TokenObtainPairView):
            serializer_class = serializers.TokenVerifySerializer

        assert self.of(Mine()) is serializers.TokenVerifySerializer

    def test_it_may_be_a_dotted_path(self):
        class Mine(TokenViewBase):
            _serializer_class = "rest_framework_simplejwt.serializers.TokenVerifySerializer"

        assert self.of(Mine()) is serializers.TokenVerifySerializer

    @pytest.mark.parametrize("path", ["no.such.Serializer", "", "json.NoSuchSerializer"])
    def test_a_path_that_can_not_be_imported_is_reported(self, path):
        class Mine(TokenViewBase):
            _serializer_class = path

        with pytest.raises(ImportError, match=f"Could not import serializer '{path}'"):
            self.of(Mine())


class TestNoActiveKey:
    """A ring without an active key, because all keys have retired or none has started."""

    KEY = {"kid": "a", "algorithm": "HS256", "key": "a secret of an HMAC that is long enough"}

    @pytest.fixture
    def retire_all_keys(self, simple_jwt):
        simple_jwt(SIGNING_KEYS=[self.KEY])
        return lambda: simple_jwt(SIGNING_KEYS=[], VERIFYING_KEYS=[self.KEY])

    def assert_unavailable(self, response):
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "1"
        assert response.json()["code"] == "keys_unavailable"

    @pytest.mark.parametrize("endpoint", ["obtain", "obtain sliding"])
    def test_a_login_is_answered_503(self, post, credentials, user, retire_all_keys, endpoint):
        retire_all_keys()
        self.assert_unavailable(post(endpoint, **credentials))
        assert login_refused(post(endpoint, **{**credentials, "password": "wrong"}))

    def test_the_refresh_of_a_sliding_token_is_answered_503(self, post, user, retire_all_keys):
        token = str(SlidingToken.for_user(user))
        retire_all_keys()
        self.assert_unavailable(post("refresh sliding", token=token))

    @pytest.mark.parametrize("rotates", [False, True])
    def test_a_refresh_is_answered_503_and_consumes_no_token(self, post, user, simple_jwt, retire_all_keys, rotates):
        simple_jwt(ROTATE_REFRESH_TOKENS=rotates, BLACKLIST_AFTER_ROTATION=rotates, STORE_OUTSTANDING_TOKENS="none")
        token = str(RefreshToken.for_user(user))
        retire_all_keys()
        for _ in range(2):
            self.assert_unavailable(post("refresh", refresh=token))
        simple_jwt(SIGNING_KEYS=[self.KEY], VERIFYING_KEYS=[])
        assert post("refresh", refresh=token).status_code == 200

    def test_a_view_of_the_project_that_issues_a_token_is_answered_503(self, retire_all_keys):
        class LogIn(APIView):
            def get(self, request):
                return Response({"access": str(AccessToken())})

        retire_all_keys()
        response = LogIn.as_view(permission_classes=[])(APIRequestFactory().get("/"))
        assert (response.status_code, response["Retry-After"]) == (503, "1")

    def test_requests_are_still_authenticated(self, user, whoami, retire_all_keys):
        token = str(AccessToken.for_user(user))
        retire_all_keys()
        assert whoami(token).status_code == 200

    def test_it_is_logged_when_it_starts_and_when_it_ends(self, caplog):
        caplog.set_level(logging.INFO, "rest_framework_simplejwt")
        rings = [KeyRing()]
        backend = TokenBackend("HS256", ring=lambda: rings[-1])
        for _ in range(2):
            with pytest.raises(NoSigningKey, match="no key to sign with"):
                backend.encode({})
        rings.append(KeyRing([read_key(self.KEY, signs=True)]))
        for _ in range(2):
            backend.encode({})
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("ERROR", "The ring of signing keys has no active key; logins and refreshes are answered 503"),
            ("INFO", "The ring of signing keys has an active key again"),
        ]


def test_views_need_no_authentication_and_challenge_with_the_first_scheme(simple_jwt):
    simple_jwt(AUTH_HEADER_TYPES=("JWT", "Bearer"))
    view = TokenViewBase()
    assert view.permission_classes == view.authentication_classes == ()
    assert view.get_authenticate_header(None) == 'JWT realm="api"'


@pytest.mark.parametrize(
    "name",
    [
        "token_obtain_pair",
        "token_refresh",
        "token_obtain_sliding",
        "token_refresh_sliding",
        "token_verify",
        "token_blacklist",
        "token_family_blacklist",
    ],
)
def test_each_view_is_exported_and_exempt_from_atomic_requests(name):
    view = getattr(views, name)
    assert view(APIRequestFactory().get("/")).status_code == 405
    assert view._non_atomic_requests == set(connections)
