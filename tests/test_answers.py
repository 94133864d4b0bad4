"""What all responses of the token endpoints have in common."""

from statistics import median
from time import perf_counter
from unittest import mock

import pytest
from django.contrib.auth import get_user_model, hashers
from django.db import IntegrityError
from rest_framework import throttling
from rest_framework.test import APIClient

from rest_framework_simplejwt import serializers, views
from rest_framework_simplejwt.tokens import OutstandingToken, RefreshToken, TokenFamily

pytestmark = pytest.mark.django_db

ENDPOINTS = ["obtain", "refresh", "verify", "blacklist", "blacklist family", "obtain sliding", "refresh sliding"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_no_response_may_be_cached(post, endpoint, credentials, user):
    token = str(RefreshToken.for_user(user))
    for body in ({}, {"refresh": token, "token": token, **credentials}):
        response = post(endpoint, **body)
        assert (response["Cache-Control"], response["Pragma"]) == ("no-store", "no-cache")


class TestThrottling:
    @pytest.fixture(autouse=True)
    def _throttle_by_scope(self, monkeypatch):
        monkeypatch.setattr(views.TokenViewBase, "throttle_classes", [throttling.ScopedRateThrottle])

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    @pytest.mark.parametrize("rates", [{}, {"something else": "1/day"}])
    def test_without_a_rate_no_request_is_throttled(self, post, endpoint, monkeypatch, rates):
        monkeypatch.setattr(throttling.ScopedRateThrottle, "THROTTLE_RATES", rates)
        assert {post(endpoint).status_code for _ in range(3)} <= {400, 501}

    @pytest.mark.parametrize(
        ("endpoint", "scope"),
        [
            ("obtain", "token_obtain"),
            ("obtain sliding", "token_obtain"),
            ("refresh", "token_refresh"),
            ("refresh sliding", "token_refresh"),
            ("verify", "token_verify"),
        ],
    )
    def test_a_view_is_throttled_by_the_rate_of_its_scope(self, post, endpoint, scope, monkeypatch):
        monkeypatch.setattr(throttling.ScopedRateThrottle, "THROTTLE_RATES", {scope: "2/day"})
        assert [post(endpoint).status_code for _ in range(3)] == [400, 400, 429]

    def test_a_view_may_have_another_scope(self, monkeypatch):
        monkeypatch.setattr(throttling.ScopedRateThrottle, "THROTTLE_RATES", {})
        view = views.TokenObtainPairView(throttle_scope="mine")
        assert len(view.get_throttles()) == 1


@pytest.mark.needs("django's user")
class TestEqualResponses:
    """Neither content nor time of a response tells an unknown user, a wrong password and an inactive user apart."""

    @pytest.fixture
    def attempts(self, user, credentials):
        get_user_model().objects.create_user("bob", password="secret", is_active=False)
        return {
            "unknown": {"username": "mallory", "password": "secret"},
            "wrong": {**credentials, "password": "wrong"},
            "inactive": {"username": "bob", "password": "secret"},
        }

    def test_the_responses_are_equal(self, post, attempts):
        answers = [post("obtain", **attempt) for attempt in attempts.values()]
        assert len({(a.status_code, a.content, str(sorted(a.headers.items()))) for a in answers}) == 1

    def test_each_response_hashes_one_password(self, post, attempts):
        with mock.patch.object(hashers.MD5PasswordHasher, "encode", autospec=True, return_value="md5$x$y") as encode:
            for attempt in attempts.values():
                post("obtain", **attempt)
                assert encode.call_count == 1
                encode.reset_mock()

    def test_the_responses_take_the_same_time(self, post, settings, attempts):
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
        with mock.patch.object(hashers.PBKDF2PasswordHasher, "iterations", 50_000):
            for name in ("alice", "bob"):
                user = get_user_model().objects.get(username=name)
                user.set_password("secret")
                user.save()
            taken = {name: [] for name in attempts}
            for _ in range(7):
                for name, attempt in attempts.items():
                    started = perf_counter()
                    post("obtain", **attempt)
                    taken[name].append(perf_counter() - started)
        fastest, *_, slowest = sorted(median(times) for times in taken.values())
        # A response without hashing takes a tenth of the time.
        assert slowest / fastest < 2


class TestFailedLogin:
    @pytest.fixture(autouse=True)
    def _add_unencodable_claim(self, monkeypatch):
        # A claim that JSON can't represent.
        def get_token(user):
            token = RefreshToken.for_user(user)
            token["extra"] = object()
            return token

        monkeypatch.setattr(serializers.TokenObtainPairSerializer, "get_token", staticmethod(get_token))

    @pytest.mark.needs("token_blacklist", "token_family", "no redis")
    def test_no_token_is_recorded(self, credentials, user):
        client = APIClient(raise_request_exception=False)
        assert client.post("/token/", credentials).status_code == 500
        assert not OutstandingToken.objects.exists()
        assert not TokenFamily.objects.exists()


@pytest.mark.needs("token_blacklist", "no redis")
class TestUserDeletedDuringRequest:
    """Another transaction deletes the user after the user was fetched and before the token is recorded."""

    pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("token_blacklist", "no redis")]

    @pytest.fixture
    def delete_user_before(self, monkeypatch, user):
        def install(owner, name):
            method = getattr(owner, name)

            def deleting(*args, **kwargs):
                type(user).objects.filter(pk=user.pk).delete()
                return method(*args, **kwargs)

            monkeypatch.setattr(owner, name, deleting)

        return install

    def test_a_refresh_is_refused(self, post, user, simple_jwt, delete_user_before):
        simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
        token = str(RefreshToken.for_user(user))
        delete_user_before(serializers.rotation, "refresh")
        response = post("refresh", refresh=token)
        assert (response.status_code, response.json()["code"]) == (401, "no_active_account")

    def test_a_login_is_refused(self, post, user, credentials, delete_user_before):
        delete_user_before(serializers, "token_store")
        response = post("obtain", **credentials)
        assert (response.status_code, response.json()["code"]) == (401, "no_active_account")

    @pytest.mark.parametrize("endpoint", ["obtain", "refresh"])
    def test_another_integrity_error_is_raised(self, user, credentials, simple_jwt, monkeypatch, endpoint):
        simple_jwt(ROTATE_REFRESH_TOKENS=True)
        body = {**credentials, "refresh": str(RefreshToken.for_user(user))}
        path = {"obtain": "/token/", "refresh": "/token/refresh/"}[endpoint]
        for owner, name in ((serializers.rotation, "refresh"), (serializers.TokenObtainPairSerializer, "get_token")):
            monkeypatch.setattr(owner, name, mock.Mock(side_effect=IntegrityError))
        assert APIClient(raise_request_exception=False).post(path, body).status_code == 500
