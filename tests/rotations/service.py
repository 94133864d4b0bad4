"""Runs the service in separate processes, and clients that send requests without a pause."""

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


def run_command(*command, folder):
    """Runs a management command in a new process, as cron would, and returns its output."""
    done = subprocess.run(
        [sys.executable, "-m", "django", *command], env=environment(folder), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(folder):
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.rotations.settings", "ROTATIONS_DIR": str(folder)}


@contextmanager
def run_service(folder):
    """Starts several worker processes and yields their port on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        # Without it, each response waits 40 ms for the acknowledgement of its headers.
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
    """Threads that log in, and request the protected view with the new token and with older valid ones."""

    def __init__(self, port):
        self._port = port
        # Each token with the time after which it is not presented: a request may take a while.
        self._valid = deque(maxlen=20_000)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.answers = Counter()
        self.kids = Counter()
        self.older = 0
        self.refused = []

    @contextmanager
    def running(self, threads):
        workers = [threading.Thread(target=self._work, args=(random.Random(seed),)) for seed in range(threads)]
        for each in workers:
            each.start()
        try:
            yield
        finally:
            self._stopped.set()
            for each in workers:
                each.join(30)

    def count(self):
        with self._lock:
            return sum(self.answers.values())

    def _work(self, choice):
        try:
            self._call(choice)
        except Exception as error:  # noqa: BLE001  # an exception in a thread is not reported
            # A broken connection counts as a refused request.
            self.refused.append(repr(error))

    def _call(self, choice):
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stopped.is_set():
            token = json.loads(self._get(connection, "/issue/"))["access"]
            claims, kid = claims_and_kid(token)
            with self._lock:
                self.kids[kid] += 1
                self._valid.append((claims["exp"] - 2.5, token))
            self._present(connection, token)
            for _ in range(4):
                self._present(connection, self._pick_older(choice))
                self.older += 1
        connection.close()

    def _pick_older(self, choice):
        with self._lock:
            while self._valid[0][0] < time.time():
                self._valid.popleft()
            # Prefers the oldest tokens (their key may have retired) and the newest (a worker may not have their key).
            place = choice.random() ** 2
            return self._valid[int(len(self._valid) * choice.choice([place, 1 - place])) - 1][1]

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
