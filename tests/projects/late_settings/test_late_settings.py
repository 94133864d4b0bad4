"""A project may fill `settings.SIMPLE_JWT` while it starts. These tests pass on the published 5.5.1 too."""

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.test import RequestFactory

from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

from .apps import KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return get_user_model().objects.create_user("bob", password="correct horse")


def validated(serializer_class, **data):
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def claims(token):
    return jwt.decode(str(token), KEY, algorithms=["HS256"], audience="late", issuer="vault")


@pytest.mark.parametrize(("kind", "lifetime"), [(AccessToken, 60), (RefreshToken, 7200), (SlidingToken, 180)])
def test_a_token_is_signed_with_the_key_and_has_the_lifetime(user, kind, lifetime):
    signed = claims(kind.for_user(user))
    assert signed["exp"] - signed["iat"] == lifetime
    assert kind.lifetime.total_seconds() == lifetime


def test_claims_have_their_names(user):
    refresh = RefreshToken.for_user(user)
    assert {"id", "kind"} <= set(claims(refresh))
    assert {"jti", "token_type"}.isdisjoint(claims(refresh))
    assert refresh.access_token["kind"] == "access"
    assert refresh.access_token["id"] != refresh["id"]


def test_switches_are_on(user):
    pair = validated(TokenObtainPairSerializer, username="bob", password="correct horse")
    assert "refresh" in validated(TokenRefreshSerializer, refresh=pair["refresh"])
    user.refresh_from_db()
    assert user.last_login is not None


def test_the_leeway_forgives(user):
    token = AccessToken.for_user(user)
    token.set_exp(from_time=token.current_time, lifetime=-type(token).lifetime / 6)
    assert AccessToken(str(token))["user_id"] == str(user.pk)


def test_a_request_is_authenticated_with_the_scheme(user):
    authenticate = JWTAuthentication().authenticate
    token = AccessToken.for_user(user)
    assert authenticate(RequestFactory().get("/", HTTP_AUTHORIZATION=f"JWT {token}"))[0] == user
