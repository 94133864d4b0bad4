"""Refreshes a token in a process that is killed during the refresh."""

import os
import signal
import time

from django.db import connections

from rest_framework_simplejwt import signals
from rest_framework_simplejwt.tokens import RefreshToken

from . import tasks
from .crew import TIMEOUT

# When the process is killed: after the successor was recorded; after the old token was revoked, but before the commit;
# or after the commit, but before the response. In Redis the second equals the third, since there is no commit.
MOMENTS = ["recorded", "revoked", "committed"]


def be_killed_while_refreshing(text, moment):
    """Refresh in a fork of this process. Raise if it was not killed at ``moment``."""
    # A fork must not share a connection.
    connections.close_all()
    pid = os.fork()
    if not pid:
        # The fork must never return to the code of the racer.
        try:
            _arrange_kill(moment)
            tasks.refresh(text)
        finally:
            os._exit(1)
    assert os.WTERMSIG(_wait_for_exit(pid)) == signal.SIGKILL, "the process was not killed"


def _arrange_kill(moment):
    if moment == "committed":
        signals.token_refreshed.connect(_kill, weak=False)
        return
    name = {"recorded": "outstand", "revoked": "blacklist"}[moment]
    method = getattr(RefreshToken, name)

    def call_and_kill(token):
        method(token)
        _kill()

    setattr(RefreshToken, name, call_and_kill)


def _kill(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def _wait_for_exit(pid):
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise TimeoutError("the process that should have been killed did not end")
