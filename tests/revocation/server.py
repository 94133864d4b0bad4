"""A Redis server that a test can start and stop, and a server that never answers."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest
import redis


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RedisServer:
    """A redis-server on a free port. It writes every change to disk before it replies."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.place = f"redis://127.0.0.1:{self.port}"
        self.url = f"{self.place}/0"
        self.socket_url = f"unix://{folder}/redis.sock"
        self.process = None

    def start(self):
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            reason = "no redis-server and no valkey-server on the PATH"
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
        options = {
            "bind": "127.0.0.1",
            "port": self.port,
            "unixsocket": f"{self.folder}/redis.sock",
            "dir": self.folder,
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def _wait(self):
        client = redis.Redis.from_url(self.url)
        deadline = time.monotonic() + 30
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                assert time.monotonic() < deadline, "redis-server did not start"
                time.sleep(0.02)
            else:
                client.close()
                return

    def stop(self):
        """Kill the server, so that it can't close its connections or files."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def redis_server(folder):
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def silent_server():
    """Yield the URL of a server that accepts every connection and never replies."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


def is_unavailable(answer):
    """Return whether the response is the 503 of an unavailable store, with a Retry-After."""
    body = answer.json()
    return (answer.status_code, body["code"]) == (503, "revocation_unavailable") and int(answer["Retry-After"]) > 0
