"""What a forked child comes to."""

import os
import signal
import time
import warnings

# Seconds. A child that takes longer hangs.
GENEROUS = 5


def in_a_child(act):
    """Whether `act` comes to an end, and to a true one, in a forked child."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads.
        pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if act() else 1)
        except BaseException:  # noqa: BLE001  # the child must not go on with the tests
            os._exit(2)
    deadline = time.monotonic() + GENEROUS
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return False
        time.sleep(0.01)
