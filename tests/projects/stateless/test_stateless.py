from io import StringIO

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from rest_framework_simplejwt.models import TokenUser
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

KINDS = [AccessToken, RefreshToken, SlidingToken]


@pytest.fixture
def post():
    client = APIClient()
    return lambda path, **body: client.post(f"/{path}/", body)


def of_user(kind):
    token = kind()
    token["user_id"] = "7"
    return str(token)


def test_the_service_starts():
    output = StringIO()
    call_command("check", fail_level="WARNING", stdout=output)
    assert "no issues" in output.getvalue()


def test_a_request_is_authenticated():
    assert APIClient().get("/whoami/", HTTP_AUTHORIZATION=f"Bearer {of_user(AccessToken)}").json() == {"user": "7"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_token_is_verified(post, kind):
    assert post("verify", token=of_user(kind)).status_code == 200
    assert post("verify", token=str(kind())).status_code == 200


@pytest.mark.parametrize("path", ["verify", "sliding/refresh"])
def test_a_malformed_token_is_refused(post, path):
    assert post(path, token="a.b.c").json()["code"] == "token_not_valid"


def test_a_sliding_token_is_refreshed(post):
    assert SlidingToken(post("sliding/refresh", token=of_user(SlidingToken)).json()["token"])["user_id"] == "7"


def test_a_refresh_token_without_a_user_is_refreshed(post):
    assert AccessToken(post("refresh", refresh=str(RefreshToken())).json()["access"])


def test_a_refresh_token_with_a_user_is_refused(post):
    response = post("refresh", refresh=of_user(RefreshToken))
    assert (response.status_code, response.json()["code"]) == (401, "no_active_account")


def test_a_log_out_is_accepted(post):
    assert post("logout", refresh=of_user(RefreshToken)).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_is_issued_for_a_token_user(kind):
    user = TokenUser(AccessToken(of_user(AccessToken)))
    assert kind.for_user(user)["user_id"] == "7"
