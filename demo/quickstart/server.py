"""The server's process: started on a free loopback port, and ended whatever happens."""

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
    """The server did not start, or ended by itself; what it had to say is on stderr."""


@dataclass(frozen=True)
class Server:
    url: str
    process: subprocess.Popen[str]

    def wait(self) -> None:
        """Return only by an exception: ``KeyboardInterrupt``, or ``ServerError`` if the server is gone."""
        raise ServerError(f"The server ended by itself, with exit code {self.process.wait()}.")


@contextmanager
def running() -> Iterator[Server]:
    """A server for as long as the block lasts. Raises ``ServerError``."""
    process = subprocess.Popen(
        [sys.executable, str(MANAGE), "serve"],
        env={
            **os.environ,
            "DEMO_SECRET_KEY": settings.SECRET_KEY,
            "DEMO_SIGNING_KEY": settings.SIGNING_KEY,
            "DEMO_DATABASE": str(settings.DATABASES["default"]["NAME"]),
        },
        # The server ends when this pipe does: even if we are killed, it can't outlive us.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C in the terminal is ours to deal with.
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
