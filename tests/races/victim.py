"""A refresh by a process that is killed in the middle of it."""

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
from .crew import PATIENCE

# A project's own methods have recorded the successor, and not yet revoked the old token; they have revoked it, and
# the transaction is open; the store has exchanged the tokens, and the transaction is open (Redis has no transaction:
# there the store has recorded the successor only); everything is committed, and no answer was sent.
# In Redis the second is as good as the last, on PostgreSQL the third, which is one statement without a transaction.
MOMENTS = ["recorded", "revoked", "exchanged", "committed"]


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
    owner, name = {
        "recorded": (RefreshToken, "outstand"),
        "revoked": (RefreshToken, "blacklist"),
        "exchanged": (RedisStore, "remember") if settings.STORE == "redis" else (direct, "exchange"),
    }[moment]
    done = getattr(owner, name)

    def killed_after(*args, **kwargs):
        done(*args, **kwargs)
        _kill()

    setattr(owner, name, killed_after)


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
