"""Lost replies, concurrent tabs and stolen tokens: whole sequences of requests to a live server over HTTP."""

from datetime import timedelta

import httpx
import pytest

from rest_framework_simplejwt.tokens import RefreshToken
from tests.test_rotation import ROTATION

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("full")]

GRACE = timedelta(seconds=10)
AFTER_GRACE = {"seconds": 30}


@pytest.fixture
def server(live_server, clock, simple_jwt):
    """The URL of a live server whose time `clock` sets forward."""
    simple_jwt(**ROTATION, REFRESH_TOKEN_GRACE_PERIOD=GRACE, TOKEN_FAMILY_CHECK_ON_ACCESS=True)
    return live_server.url


class Device:
    """A browser, an app or an attacker: a client that keeps the last pair it received."""

    def __init__(self, server, pair):
        self.http = httpx.Client(base_url=server, trust_env=False)
        self.pair = dict(pair)

    def refresh(self, *, reply_is_lost=False):
        response = self.http.post("/token/refresh/", json={"refresh": self.pair["refresh"]})
        if response.status_code == 200 and not reply_is_lost:
            self.pair = response.json()
        return response

    def log_out(self):
        return self.http.post("/token/blacklist/", json={"refresh": self.pair["refresh"]})

    @property
    def is_logged_in(self):
        headers = {"Authorization": f"Bearer {self.pair['access']}"}
        return self.http.get("/whoami/", headers=headers).status_code == 200


@pytest.fixture
def create_device(server, user, credentials):
    """Create a device that has the pair of the user's login; all devices of a test have the same pair."""
    pair = httpx.post(f"{server}/token/", json=credentials, trust_env=False).json()
    devices = []

    def create():
        devices.append(Device(server, pair))
        return devices[-1]

    yield create
    for device in devices:
        device.http.close()


def test_a_client_that_lost_the_reply_gets_the_same_successor_within_the_grace_period(create_device, clock):
    phone = create_device()
    lost = phone.refresh(reply_is_lost=True).json()
    clock(seconds=5)
    assert phone.refresh().status_code == 200
    assert phone.pair["refresh"] == lost["refresh"]
    clock(**AFTER_GRACE)
    assert phone.refresh().status_code == 200
    assert phone.is_logged_in


def test_a_client_that_lost_the_reply_is_logged_out_if_it_retries_after_the_grace_period(create_device, clock):
    phone = create_device()
    phone.refresh(reply_is_lost=True)
    clock(**AFTER_GRACE)
    response = phone.refresh()
    assert (response.status_code, response.json()["code"]) == (401, "token_not_valid")
    assert not phone.is_logged_in, "reuse, which may be theft, must end the session"


def test_two_tabs_that_present_the_same_token_get_the_same_successor(create_device, clock):
    first, second = create_device(), create_device()
    first.refresh()
    clock(seconds=2)
    second.refresh()
    assert first.pair["refresh"] == second.pair["refresh"]
    for tab in (first, second):
        assert tab.is_logged_in
    clock(**AFTER_GRACE)
    first.refresh()
    second.refresh()
    assert first.pair["refresh"] == second.pair["refresh"]
    assert RefreshToken(first.pair["refresh"], verify=False)["jti"]


def test_if_the_attacker_refreshes_first_the_victims_refresh_is_reuse_and_logs_out_both(create_device, clock):
    victim, attacker = create_device(), create_device()
    assert attacker.refresh().status_code == 200
    assert attacker.is_logged_in
    clock(**AFTER_GRACE)
    assert victim.refresh().status_code == 401
    assert not victim.is_logged_in
    assert not attacker.is_logged_in
    assert attacker.refresh().json()["detail"] == "Token family is blacklisted"


def test_if_the_victim_refreshes_first_the_attackers_refresh_is_reuse_and_logs_out_both(create_device, clock):
    victim, attacker = create_device(), create_device()
    assert victim.refresh().status_code == 200
    clock(**AFTER_GRACE)
    assert attacker.refresh().status_code == 401
    assert not victim.is_logged_in
    assert victim.refresh().json()["detail"] == "Token family is blacklisted"


def test_an_attacker_who_replays_within_the_grace_period_is_detected_at_the_next_refresh(create_device, clock):
    victim, attacker = create_device(), create_device()
    victim.refresh()
    assert attacker.refresh().json()["refresh"] == victim.pair["refresh"], "a replay gets the same successor"
    clock(**AFTER_GRACE)
    assert victim.refresh().status_code == 200
    clock(**AFTER_GRACE)
    assert attacker.refresh().status_code == 401
    assert not victim.is_logged_in
    assert not attacker.is_logged_in


def test_a_victim_who_logs_out_with_a_consumed_token_logs_out_the_attacker(create_device, clock):
    victim, attacker = create_device(), create_device()
    attacker.refresh()
    clock(**AFTER_GRACE)
    assert victim.log_out().status_code == 401
    assert not attacker.is_logged_in
