"""The server process: started on a free port of the loopback interface, and always stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from django.conf import settings

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
START_SECONDS = 20
STOP_SECONDS = 5


class ServerError(Exception):
    """Raised if the server did not start or has stopped. Its own messages are on stderr."""


@dataclass(frozen=True)
class Server:
    url: str
    process: subprocess.Popen[str]

    def wait(self) -> None:
        """Waits until an exception: ``KeyboardInterrupt``, or ``ServerError`` if the server has stopped."""
        raise ServerError(f"The server ended by itself, with exit code {self.process.wait()}.")


@contextmanager
def running() -> Iterator[Server]:
    """Starts a server and stops it after the block. Raises ``ServerError``."""
    process = subprocess.Popen(
        [sys.executable, str(MANAGE), "serve"],
        env={
            **os.environ,
            "DEMO_SECRET_KEY": settings.SECRET_KEY,
            "DEMO_SIGNING_KEY": settings.SIGNING_KEY,
            "DEMO_DATABASE": str(settings.DATABASES["default"]["NAME"]),
        },
        # The server stops when this pipe is closed, so it stops even if this process is killed.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # This process handles Ctrl-C.
        start_new_session=True,
    )
    try:
        yield Server(_announced_url(process), process)
    finally:
        _end(process)


def _announced_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None, "it is a pipe"
    deadline = Timer(START_SECONDS, process.kill)
    deadline.start()
    try:
        url = process.stdout.readline().strip()
    finally:
        deadline.cancel()
    if not url:
        raise ServerError(f"The server did not start within {START_SECONDS} seconds.")
    return url


def _end(process: subprocess.Popen[str]) -> None:
    try:
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=STOP_SECONDS)
    finally:
        process.kill()
        process.wait()
