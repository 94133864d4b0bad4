"""Redis is unavailable for a while: no revocation is lost, and no token is consumed by a request answered 503."""

import logging
import threading
import time
from collections import Counter

import pytest
from django.db import connections
from rest_framework.test import APIClient

from rest_framework_simplejwt.tokens import RefreshToken
from tests.revocation.server import is_unavailable, redis_server

pytestmark = [pytest.mark.needs("redis"), pytest.mark.django_db]

PACKAGE = "rest_framework_simplejwt"


@pytest.fixture
def server(tmp_path, use_redis, simple_jwt):
    simple_jwt(TOKEN_FAMILY_CHECK_ON_ACCESS=True)
    with redis_server(tmp_path) as server:
        use_redis(server.url)
        yield server


@pytest.fixture
def texts(server, issue):
    """Valid encoded tokens, issued before the server was stopped."""
    texts = issue()
    server.stop()
    return texts


def test_in_the_open_mode_an_available_server_decides(server, user, whoami, simple_jwt):
    simple_jwt(REVOCATION_FAIL_MODE="open")
    refresh = RefreshToken.for_user(user)
    refresh.blacklist_family()
    assert whoami(refresh.access_token).status_code == 401


def test_a_request_that_was_answered_503_consumed_no_token(texts, send_all, server, whoami, post):
    send_all(texts)
    server.start()
    assert post("verify", token=texts["refresh"]).status_code == 200
    assert post("refresh", refresh=texts["refresh"]).status_code == 200
    assert post("refresh sliding", token=texts["sliding"]).status_code == 200
    assert whoami(texts["access"]).status_code == 200


def test_an_outage_is_logged_once_when_it_starts_and_once_when_it_ends(texts, send_all, server, caplog):
    caplog.set_level(logging.INFO, PACKAGE)
    for _ in range(2):
        send_all(texts)
    server.start()
    for _ in range(2):
        send_all(texts)
    records = [record for record in caplog.records if "Redis" in record.getMessage()]
    logged = [(record.levelname, record.name, record.getMessage().partition(";")[0]) for record in records]
    assert logged == [
        ("ERROR", PACKAGE, "Redis, the revocation store, does not answer"),
        ("INFO", PACKAGE, "Redis, the revocation store, answers again"),
    ]
    # Nor does the traceback contain a token, which a reader of the log could use.
    assert not [part for text in texts.values() for part in text.split(".")[1:] if part in caplog.text]


class Client(threading.Thread):
    """Logs in, refreshes, sends a request and logs out in a loop. Checks that earlier log-outs still hold."""

    def __init__(self, credentials, stopping):
        super().__init__()
        self.credentials, self.stopping = credentials, stopping
        self.api = APIClient()
        self.status_counts = Counter()
        self.revoked = []
        self.wrong = []

    def run(self):
        try:
            while not self.stopping.is_set():
                self.session()
        except Exception as error:  # noqa: BLE001  # otherwise it would be lost with the thread
            self.wrong.append(repr(error))
        finally:
            connections.close_all()

    def send(self, path, *expected, **body):
        """Repeat a request until the response is not a 503. Record it as wrong if its status is not an expected one.

        Returns the response, or None if the test ended first.
        """
        while not self.stopping.is_set():
            answer = self.api.post(path, body) if body else self.api.get(path)
            self.status_counts[answer.status_code] += 1
            if answer.status_code != 503:
                if answer.status_code not in expected:
                    self.wrong.append((path, answer.status_code, answer.json()))
                return answer
            if not is_unavailable(answer):
                self.wrong.append((path, answer.json()))
        return None

    def session(self):
        pair = self.send("/token/", 200, **self.credentials)
        for _ in range(3):
            # An attempt that was answered 503 may have consumed the token. The retry is then a replay.
            pair = pair and self.send("/token/refresh/", 200, refresh=pair.json()["refresh"])
            if pair:
                self.send("/token/verify/", 200, token=pair.json()["refresh"])
                self.api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.json()['access']}")
                self.send("/whoami/", 200)
                self.api.credentials()
        # A log-out that was answered 503 may have revoked the token. The retry is then answered 401.
        if pair and self.send("/token/blacklist/", 200, 401, refresh=pair.json()["refresh"]):
            self.revoked.append(pair.json()["refresh"])
        for text in self.revoked[-2:]:
            self.send("/token/verify/", 401, token=text)


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_no_revocation_is_lost_when_the_server_is_killed_and_restarted(server, user, credentials, post):
    stopping = threading.Event()
    clients = [Client(credentials, stopping) for _ in range(4)]

    def total(status):
        return sum(client.status_counts[status] for client in clients)

    for client in clients:
        client.start()
    try:
        for _ in range(2):
            done, refused = total(200), total(503)
            wait_until(lambda done=done: total(200) > done + 40)
            server.stop()
            wait_until(lambda refused=refused: total(503) > refused + 20)
            server.start()
        done = total(200)
        wait_until(lambda: total(200) > done + 40)
    finally:
        stopping.set()
        for client in clients:
            client.join()
    assert [client.wrong for client in clients if client.wrong] == []
    assert set().union(*(client.status_counts for client in clients)) == {200, 401, 503}
    revoked = [text for client in clients for text in client.revoked]
    assert {post("verify", token=text).status_code for text in revoked} == {401}
