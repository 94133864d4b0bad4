"""A Redis that goes and comes back: nothing that was revoked comes back with it."""

import logging
import threading
import time
from collections import Counter

import pytest
from django.db import connections
from rest_framework.test import APIClient

from rest_framework_simplejwt.tokens import RefreshToken
from tests.revocation.server import redis_server, says_when_to_ask_again

pytestmark = [pytest.mark.needs("redis"), pytest.mark.django_db]

PACKAGE = "rest_framework_simplejwt"


@pytest.fixture
def server(tmp_path, on, simple_jwt):
    simple_jwt(TOKEN_FAMILY_CHECK_ON_ACCESS=True)
    with redis_server(tmp_path) as server:
        on(server.url)
        yield server


@pytest.fixture
def texts(server, issue):
    """Good tokens, issued before the server went."""
    texts = issue()
    server.stop()
    return texts


def test_in_the_open_mode_a_server_that_answers_is_believed(server, user, whoami, simple_jwt):
    simple_jwt(REVOCATION_FAIL_MODE="open")
    refresh = RefreshToken.for_user(user)
    refresh.blacklist_family()
    assert whoami(refresh.access_token).status_code == 401


def test_nothing_was_spent_by_a_request_that_was_refused(texts, asked, server, whoami, post):
    asked(texts)
    server.start()
    assert post("verify", token=texts["refresh"]).status_code == 200
    assert post("refresh", refresh=texts["refresh"]).status_code == 200
    assert post("refresh sliding", token=texts["sliding"]).status_code == 200
    assert whoami(texts["access"]).status_code == 200


def test_an_outage_is_logged_once_and_so_is_its_end(texts, asked, server, caplog):
    caplog.set_level(logging.INFO, PACKAGE)
    for _ in range(2):
        asked(texts)
    server.start()
    for _ in range(2):
        asked(texts)
    records = [record for record in caplog.records if "Redis" in record.getMessage()]
    logged = [(record.levelname, record.name, record.getMessage().partition(";")[0]) for record in records]
    assert logged == [
        ("ERROR", PACKAGE, "Redis, the revocation store, does not answer"),
        ("INFO", PACKAGE, "Redis, the revocation store, answers again"),
    ]
    # The traceback too: whoever reads the log must not be able to log in with it.
    assert not [part for text in texts.values() for part in text.split(".")[1:] if part in caplog.text]


class Client(threading.Thread):
    """Logs in, refreshes, looks around and logs out, over and over; and now and then tries what it revoked."""

    def __init__(self, credentials, over):
        super().__init__()
        self.credentials, self.over = credentials, over
        self.api = APIClient()
        self.seen = Counter()
        self.revoked = []
        self.wrong = []

    def run(self):
        try:
            while not self.over.is_set():
                self.session()
        except Exception as error:  # noqa: BLE001  # it would vanish with the thread
            self.wrong.append(repr(error))
        finally:
            connections.close_all()

    def ask(self, path, *expected, **body):
        """The first answer that is not a 503, which must be one of those expected; None if the time was over."""
        while not self.over.is_set():
            answer = self.api.post(path, body) if body else self.api.get(path)
            self.seen[answer.status_code] += 1
            if answer.status_code != 503:
                if answer.status_code not in expected:
                    self.wrong.append((path, answer.status_code, answer.json()))
                return answer
            if not says_when_to_ask_again(answer):
                self.wrong.append((path, answer.json()))
        return None

    def session(self):
        pair = self.ask("/token/", 200, **self.credentials)
        for _ in range(3):
            # An earlier attempt may have been answered 503 and yet have been done: the grace period covers that.
            pair = pair and self.ask("/token/refresh/", 200, refresh=pair.json()["refresh"])
            if pair:
                self.ask("/token/verify/", 200, token=pair.json()["refresh"])
                self.api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.json()['access']}")
                self.ask("/whoami/", 200)
                self.api.credentials()
        # The same goes for a log-out, which then finds the token revoked.
        if pair and self.ask("/token/blacklist/", 200, 401, refresh=pair.json()["refresh"]):
            self.revoked.append(pair.json()["refresh"])
        for text in self.revoked[-2:]:
            self.ask("/token/verify/", 401, token=text)


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_a_server_that_goes_and_comes_back_loses_nothing(server, user, credentials, post):
    over = threading.Event()
    clients = [Client(credentials, over) for _ in range(4)]

    def total(status):
        return sum(client.seen[status] for client in clients)

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
        over.set()
        for client in clients:
            client.join()
    assert [client.wrong for client in clients if client.wrong] == []
    assert set().union(*(client.seen for client in clients)) == {200, 401, 503}
    revoked = [text for client in clients for text in client.revoked]
    assert {post("verify", token=text).status_code for text in revoked} == {401}
