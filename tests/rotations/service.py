"""The service in processes of its own, and clients that never rest."""

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64decode
from collections import Counter, deque
from contextlib import contextmanager
from http.client import HTTPConnection

WORKERS = 2


def manage(*command, folder):
    """What a management command prints, run as cron would."""
    done = subprocess.run(
        [sys.executable, "-m", "django", *command], env=environment(folder), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(folder):
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.rotations.settings", "ROTATIONS_DIR": str(folder)}


@contextmanager
def serving(folder):
    """The port on 127.0.0.1 that several worker processes answer at."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        # Or else each answer waits 40 ms for the acknowledgement of its headers.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        command = ["gunicorn", "--workers", str(WORKERS), "--threads", "8", "--worker-class", "gthread"]
        command += ["--keep-alive", "60", "--log-level", "warning", "--bind", f"fd://{listening.fileno()}"]
        server = subprocess.Popen(
            [sys.executable, "-m", *command, "tests.rotations.wsgi"],
            env=environment(folder),
            pass_fds=[listening.fileno()],
        )
        try:
            yield listening.getsockname()[1]
        finally:
            server.terminate()
            server.wait(30)


def claims_and_kid(token):
    header, payload = (json.loads(urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return payload, header["kid"]


class Clients:
    """Threads that log in, and call the protected view with the new token or an older one that is still alive."""

    def __init__(self, port):
        self._port = port
        # With when it is presented no more: a request may be under way for a while.
        self._alive = deque(maxlen=20_000)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.answers = Counter()
        self.kids = Counter()
        self.older = 0
        self.refused = []

    @contextmanager
    def at_work(self, threads):
        crew = [threading.Thread(target=self._work, args=(random.Random(seed),)) for seed in range(threads)]
        for each in crew:
            each.start()
        try:
            yield
        finally:
            self._stopped.set()
            for each in crew:
                each.join(30)

    def count(self):
        with self._lock:
            return sum(self.answers.values())

    def _work(self, choice):
        try:
            self._call(choice)
        except Exception as error:  # noqa: BLE001  # a thread that dies says nothing
            # A connection that breaks is a request that was refused.
            self.refused.append(repr(error))

    def _call(self, choice):
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stopped.is_set():
            token = json.loads(self._get(connection, "/issue/"))["access"]
            claims, kid = claims_and_kid(token)
            with self._lock:
                self.kids[kid] += 1
                self._alive.append((claims["exp"] - 2.5, token))
            self._present(connection, token)
            for _ in range(4):
                self._present(connection, self._older(choice))
                self.older += 1
        connection.close()

    def _older(self, choice):
        with self._lock:
            while self._alive[0][0] < time.time():
                self._alive.popleft()
            # Of the oldest a key may have retired, and the newest another worker may have signed with a newer one.
            place = choice.random() ** 2
            return self._alive[int(len(self._alive) * choice.choice([place, 1 - place])) - 1][1]

    def _present(self, connection, token):
        self._get(connection, "/whoami/", {"Authorization": f"Bearer {token}"})

    def _get(self, connection, path, headers=None):
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        body = response.read()
        with self._lock:
            self.answers[response.status] += 1
            if response.status != 200:
                self.refused.append((path, response.status, body[:300], headers))
        return body
