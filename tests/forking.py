"""Runs a function in a forked child process."""

import os
import signal
import time
import warnings

# Seconds. A child that takes longer is considered to hang.
TIMEOUT = 5


def succeeds_in_child(function):
    """Whether `function` returns a true value in a forked child, in time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns when threads are running.
        pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if function() else 1)
        except BaseException:  # noqa: BLE001  # otherwise the child would run the remaining tests
            os._exit(2)
    deadline = time.monotonic() + TIMEOUT
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return False
        time.sleep(0.01)
