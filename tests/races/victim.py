"""Refreshes a token in a process that is killed during the refresh."""

import os
import signal
import time

from django.conf import settings
from django.db import connections

from rest_framework_simplejwt import signals
from rest_framework_simplejwt.revocation import direct
from rest_framework_simplejwt.revocation.redis import RedisStore
from rest_framework_simplejwt.tokens import RefreshToken

from . import tasks
from .crew import TIMEOUT

# When the process is killed. "recorded" and "revoked": in a project's own methods, after they recorded the successor,
# and after they revoked the old token, before the commit. "exchanged": after the store exchanged the tokens, before
# the commit; in Redis, which has no transaction, after the store recorded the successor only. "committed": after the
# commit, before the response. In Redis "revoked" equals "committed"; on PostgreSQL "exchanged" does, since it is one
# statement without a transaction.
MOMENTS = ["recorded", "revoked", "exchanged", "committed"]


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
    owner, name = {
        "recorded": (RefreshToken, "outstand"),
        "revoked": (RefreshToken, "blacklist"),
        "exchanged": (RedisStore, "remember") if settings.STORE == "redis" else (direct, "exchange"),
    }[moment]
    method = getattr(owner, name)

    def call_and_kill(*args, **kwargs):
        method(*args, **kwargs)
        _kill()

    setattr(owner, name, call_and_kill)


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
