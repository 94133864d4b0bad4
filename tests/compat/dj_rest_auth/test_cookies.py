import pytest

from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken


@pytest.fixture
def credentials():
    """dj-rest-auth trims passwords."""
    return {"username": "alice", "password": "correct horse battery staple"}


@pytest.fixture
def browser(user, credentials, client):
    answer = client.post("/auth/login/", credentials)
    assert answer.status_code == 200
    return client


def test_log_in_sets_both_cookies(browser, user_id):
    assert AccessToken(browser.cookies["access"].value)["user_id"] == user_id
    assert RefreshToken(browser.cookies["refresh"].value)["user_id"] == user_id
    assert browser.cookies["access"]["httponly"]


def test_the_access_cookie_authenticates(browser):
    assert browser.get("/auth/user/").json()["username"] == "alice"
    browser.cookies.clear()
    assert browser.get("/auth/user/").status_code == 401


def test_a_forged_cookie_is_refused(browser):
    browser.cookies["access"] = browser.cookies["access"].value[:-6] + "AAAAAA"
    assert browser.get("/auth/user/").status_code == 401


def test_the_refresh_cookie_is_rotated(browser):
    old = browser.cookies["refresh"].value
    assert browser.post("/auth/token/refresh/").status_code == 200
    assert RefreshToken(browser.cookies["refresh"].value)["jti"] != RefreshToken(old, verify=False)["jti"]
    browser.cookies["refresh"] = old
    assert browser.post("/auth/token/refresh/").status_code == 401


def test_log_out_revokes_the_refresh_token_and_clears_the_cookies(browser):
    old = browser.cookies["refresh"].value
    assert browser.post("/auth/logout/").status_code == 200
    assert browser.cookies["access"].value == ""
    assert BlacklistedToken.objects.get().token.jti == RefreshToken(old, verify=False)["jti"]
    browser.cookies["refresh"] = old
    assert browser.post("/auth/token/refresh/").status_code == 401


def test_verify(browser):
    assert browser.post("/auth/token/verify/", {"token": browser.cookies["access"].value}).status_code == 200
    assert browser.post("/auth/token/verify/", {"token": "garbage"}).status_code == 401
