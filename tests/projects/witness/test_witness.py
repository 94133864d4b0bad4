"""What users of the witness see. These pass on the published 5.5.1 too: `nox -s upgrade` runs them on it."""

import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.urls import reverse
from rest_framework.test import APIClient

from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from rest_framework_simplejwt.utils import aware_utcnow, datetime_to_epoch

from .tokens import DeviceToken, KioskRefreshToken

pytestmark = pytest.mark.django_db

CREDENTIALS = {"username": "bob", "password": "correct horse"}


@pytest.fixture
def client():
    """Here, because the suite's own fixtures know more than the published package has."""
    return APIClient()


@pytest.fixture
def bob():
    return get_user_model().objects.create_user(**CREDENTIALS)


@pytest.fixture
def pair(bob, client):
    return client.post("/api/token/", CREDENTIALS).json()


@pytest.fixture
def me(client):
    return lambda token, scheme="Bearer": client.get("/api/me/", HTTP_AUTHORIZATION=f"{scheme} {token}")


def claims(text):
    payload = text.split(".")[1]
    return json.loads(urlsafe_b64decode(payload + "=="))


def test_log_in_answers_with_the_projects_own_items(pair, bob):
    assert set(pair) == {"refresh", "access", "lifetime", "username"}
    assert (pair["lifetime"], pair["username"]) == (900, "bob")
    bob.refresh_from_db()
    assert bob.last_login is not None


def test_tokens_carry_the_claims_that_they_always_did(pair, bob):
    access, refresh = claims(pair["access"]), claims(pair["refresh"])
    common = {"token_type", "exp", "iat", "jti", "user_id", "name", "roles", "aud", "iss"}
    assert set(access) == set(refresh) == common
    assert access["exp"] - access["iat"] == 900
    assert refresh["exp"] - refresh["iat"] == 7 * 24 * 3600
    assert refresh["user_id"] == str(bob.pk)
    assert (refresh["name"], refresh["roles"], refresh["iss"], refresh["aud"]) == ("bob", [], "witness", ["web", "app"])
    assert access["jti"] != refresh["jti"]


def test_a_wrong_password_is_refused(bob, client):
    answer = client.post("/api/token/", {**CREDENTIALS, "password": "wrong"})
    assert answer.status_code == 401
    assert answer.json()["detail"] == "No active account found with the given credentials"
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("scheme", ["Bearer", "JWT"])
def test_the_access_token_opens_the_api(pair, me, scheme):
    answer = me(pair["access"], scheme)
    assert answer.json() == {"username": "bob", "name": "bob"}


def test_the_refresh_token_does_not(pair, me):
    answer = me(pair["refresh"])
    assert answer.status_code == 401
    assert answer.json() == {
        "detail": "Given token not valid for any token type",
        "code": "token_not_valid",
        "messages": [
            {"token_class": "AccessToken", "token_type": "access", "message": "Token has wrong type"},
            {"token_class": "DeviceToken", "token_type": "device", "message": "Token has wrong type"},
        ],
    }


def test_a_kind_of_the_projects_own_opens_the_api(bob, me):
    assert me(DeviceToken.for_user(bob)).json() == {"username": "bob", "name": None}
    assert not OutstandingToken.objects.exists()


def test_rotation_spends_the_old_token(pair, client, me):
    answer = client.post("/api/token/refresh/", {"refresh": pair["refresh"]})
    assert set(answer.json()) == {"refresh", "access"}
    assert me(answer.json()["access"]).json() == {"username": "bob", "name": "bob"}
    assert claims(answer.json()["refresh"])["roles"] == []

    replayed = client.post("/api/token/refresh/", {"refresh": pair["refresh"]})
    assert replayed.status_code == 401
    assert replayed.json() == {"detail": "Token is blacklisted", "code": "token_not_valid"}


def test_verify(pair, client):
    answer = client.post("/api/token/verify/", {"token": pair["access"]})
    assert (answer.status_code, answer.json()) == (200, {})
    answer = client.post("/api/token/verify/", {"token": pair["access"][:-6] + "AAAAAA"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


def test_the_leeway_is_honoured(bob, me):
    token = AccessToken.for_user(bob)
    token.set_exp(lifetime=timedelta(seconds=-2))
    assert me(token).status_code == 200
    token.set_exp(lifetime=timedelta(seconds=-8))
    assert me(token).status_code == 401


def test_tokens_for_others_are_refused(pair, me, bob):
    token = AccessToken.for_user(bob)
    backend = token.get_token_backend()
    assert backend.decode(str(token))["iss"] == "witness"
    other = type(backend)("HS256", backend.signing_key, audience="somebody else", issuer="witness")
    assert me(other.encode(token.payload)).status_code == 401


def test_log_out_in_three_ways(pair, client):
    assert client.post("/api/logout/", {"refresh": pair["refresh"]}).status_code == 205
    again = client.post("/api/logout/", {"refresh": pair["refresh"]})
    assert (again.status_code, again.json()) == (400, {"detail": "Token is blacklisted"})

    other = client.post("/api/token/", CREDENTIALS).json()
    answer = client.post("/api/token/blacklist/", {"refresh": other["refresh"]})
    assert (answer.status_code, answer.json()) == (200, {})

    last = client.post("/api/token/", CREDENTIALS).json()
    client.post("/api/logout/everywhere/", HTTP_AUTHORIZATION=f"Bearer {last['access']}")
    for text in (other["refresh"], last["refresh"]):
        assert client.post("/api/token/refresh/", {"refresh": text}).status_code == 401
    assert BlacklistedToken.objects.count() == OutstandingToken.objects.count() == 3


def test_garbage_at_log_out_gets_the_text_that_it_always_got(client, bob):
    assert client.post("/api/logout/", {"refresh": "garbage"}).json() == {"detail": "Token is invalid"}


def test_cookies(bob, client):
    client.post("/api/cookie/", CREDENTIALS)
    assert client.get("/api/me/").json()["username"] == "bob"
    old = client.cookies["refresh"].value
    assert set(client.post("/api/cookie/refresh/").json()) == {"access"}
    assert client.cookies["refresh"].value != old
    client.cookies["refresh"] = old
    assert client.post("/api/cookie/refresh/").status_code == 401
    assert APIClient().post("/api/cookie/refresh/").json()["code"] == "token_not_valid"


def test_a_refresh_token_class_of_the_projects_own(bob, client, me):
    pair = client.post("/api/kiosk/", CREDENTIALS).json()
    refresh, access = claims(pair["refresh"]), claims(pair["access"])
    assert (refresh["exp"] - refresh["iat"], access["exp"] - access["iat"]) == (3600, 60)
    assert refresh["kiosk"] is True
    assert "kiosk" not in access
    assert me(pair["access"]).status_code == 200
    assert KioskRefreshToken(pair["refresh"]).token_type == RefreshToken.token_type


def test_sliding_tokens(bob, client):
    token = client.post("/api/sliding/", CREDENTIALS).json()["token"]
    assert set(claims(token)) == {"token_type", "exp", "iat", "jti", "user_id", "refresh_exp", "aud", "iss"}
    answer = client.post("/api/sliding/refresh/", {"token": token})
    assert claims(answer.json()["token"])["jti"] == claims(token)["jti"]


def test_what_is_recorded(pair, bob):
    row = OutstandingToken.objects.get()
    refresh = claims(pair["refresh"])
    assert (row.user, row.jti) == (bob, refresh["jti"])
    # It is recorded before get_token() adds the project's own.
    assert claims(row.token) == {name: value for name, value in refresh.items() if name not in {"name", "roles"}}
    assert datetime_to_epoch(row.expires_at) == refresh["exp"]
    assert datetime_to_epoch(row.created_at) == refresh["iat"]


def test_the_flush(pair):
    OutstandingToken.objects.update(expires_at=aware_utcnow() - timedelta(days=1))
    call_command("flushexpiredtokens", stdout=StringIO())
    assert not OutstandingToken.objects.exists()


def test_the_admin(pair, client):
    root = get_user_model().objects.create_superuser("root", password="root")
    client.force_login(root)
    RefreshToken(pair["refresh"]).blacklist()
    row = OutstandingToken.objects.get(jti=claims(pair["refresh"])["jti"])
    listing = reverse("admin:token_blacklist_outstandingtoken_changelist")
    assert row.jti in client.get(listing).content.decode()
    assert row.jti in client.get(reverse("admin:token_blacklist_blacklistedtoken_changelist")).content.decode()
    page = reverse("admin:token_blacklist_outstandingtoken_delete", args=[row.pk])
    answer = client.post(page, {"post": "yes"}, format="multipart")
    assert answer.status_code == 302
    assert not OutstandingToken.objects.filter(pk=row.pk).exists()
