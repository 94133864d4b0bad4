"""What happens to people: each story told over HTTP, to a server with its own clock."""

from datetime import timedelta

import httpx
import pytest

from rest_framework_simplejwt.tokens import RefreshToken

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("full")]

LATER = {"seconds": 30}


@pytest.fixture
def server(live_server, clock, simple_jwt):
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        REFRESH_TOKEN_GRACE_PERIOD=timedelta(seconds=10),
        TOKEN_FAMILY_ENABLED=True,
        TOKEN_FAMILY_CHECK_ON_ACCESS=True,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
    )
    return live_server.url


class Device:
    """A browser, an app or a thief: keeps the last pair that it got."""

    def __init__(self, server, pair):
        self.http = httpx.Client(base_url=server, trust_env=False)
        self.pair = dict(pair)

    def refresh(self, *, the_reply_is_lost=False):
        answer = self.http.post("/token/refresh/", json={"refresh": self.pair["refresh"]})
        if answer.status_code == 200 and not the_reply_is_lost:
            self.pair = answer.json()
        return answer

    def log_out(self):
        return self.http.post("/token/blacklist/", json={"refresh": self.pair["refresh"]})

    @property
    def is_logged_in(self):
        headers = {"Authorization": f"Bearer {self.pair['access']}"}
        return self.http.get("/whoami/", headers=headers).status_code == 200


@pytest.fixture
def device(server, user, credentials):
    pair = httpx.post(f"{server}/token/", json=credentials, trust_env=False).json()
    made = []

    def another():
        made.append(Device(server, pair))
        return made[-1]

    yield another
    for one in made:
        one.http.close()


def test_a_lost_reply(device, clock):
    phone = device()
    lost = phone.refresh(the_reply_is_lost=True).json()
    clock(seconds=5)
    assert phone.refresh().status_code == 200
    assert phone.pair["refresh"] == lost["refresh"]
    clock(**LATER)
    assert phone.refresh().status_code == 200
    assert phone.is_logged_in


def test_a_reply_lost_and_a_retry_that_comes_too_late(device, clock):
    phone = device()
    phone.refresh(the_reply_is_lost=True)
    clock(**LATER)
    answer = phone.refresh()
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert not phone.is_logged_in, "nobody can tell this from theft"


def test_two_tabs(device, clock):
    first, second = device(), device()
    first.refresh()
    clock(seconds=2)
    second.refresh()
    assert first.pair["refresh"] == second.pair["refresh"]
    for tab in (first, second):
        assert tab.is_logged_in
    clock(**LATER)
    first.refresh()
    second.refresh()
    assert first.pair["refresh"] == second.pair["refresh"]
    assert RefreshToken(first.pair["refresh"], verify=False)["jti"]


def test_the_thief_comes_first(device, clock):
    victim, thief = device(), device()
    assert thief.refresh().status_code == 200
    assert thief.is_logged_in
    clock(**LATER)
    assert victim.refresh().status_code == 401
    assert not victim.is_logged_in
    assert not thief.is_logged_in
    assert thief.refresh().json()["detail"] == "Token family is blacklisted"


def test_the_victim_comes_first(device, clock):
    victim, thief = device(), device()
    assert victim.refresh().status_code == 200
    clock(**LATER)
    assert thief.refresh().status_code == 401
    assert not victim.is_logged_in
    assert victim.refresh().json()["detail"] == "Token family is blacklisted"


def test_a_thief_within_the_grace_period_is_found_out_at_the_next_refresh(device, clock):
    victim, thief = device(), device()
    victim.refresh()
    assert thief.refresh().json()["refresh"] == victim.pair["refresh"], "this is what grace costs"
    clock(**LATER)
    assert victim.refresh().status_code == 200
    clock(**LATER)
    assert thief.refresh().status_code == 401
    assert not victim.is_logged_in
    assert not thief.is_logged_in


def test_the_victim_logs_out_after_the_thief_has_refreshed(device, clock):
    victim, thief = device(), device()
    thief.refresh()
    clock(**LATER)
    assert victim.log_out().status_code == 401
    assert not thief.is_logged_in
