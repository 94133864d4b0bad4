"""A refresh by a process that is killed in the middle of it."""

import os
import signal
import time

from django.db import connections

from rest_framework_simplejwt import signals
from rest_framework_simplejwt.tokens import RefreshToken

from . import tasks
from .crew import PATIENCE

# The successor is recorded and the old token not yet revoked; it is revoked, and the transaction
# open; it is committed, and nobody has been answered. In Redis the second is as good as the third.
MOMENTS = ["recorded", "revoked", "committed"]


def die_while_refreshing(text, moment):
    """In a fork, which has the project set up already. Raises unless it was killed at that moment."""
    # Nothing of a connection may be shared with the fork.
    connections.close_all()
    pid = os.fork()
    if not pid:
        # Whatever happens, the fork does not go on as the racer that it was.
        try:
            _be_killed(moment)
            tasks.refresh(text)
        finally:
            os._exit(1)
    assert os.WTERMSIG(_status_of(pid)) == signal.SIGKILL, "it survived"


def _be_killed(moment):
    if moment == "committed":
        signals.token_refreshed.connect(_kill, weak=False)
        return
    name = {"recorded": "outstand", "revoked": "blacklist"}[moment]
    done = getattr(RefreshToken, name)

    def killed_after(token):
        done(token)
        _kill()

    setattr(RefreshToken, name, killed_after)


def _kill(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def _status_of(pid):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise TimeoutError("the victim hung")
