"""Lets racers wait for each other: at the start, or after each has checked its token and before it writes.

Between check and write, code that relies on the check would let several racers succeed.
"""

import threading
import time
from functools import wraps

from rest_framework_simplejwt import rotation

_racer = threading.local()


def prepare(wait, *, after_check):
    """Wait for the others with ``wait``, now or after this thread has checked its token."""
    _racer.wait, _racer.delay = wait, 0
    if not after_check:
        meet()


def meet():
    """Wait for the other racers, unless this thread has done so in this race."""
    wait, _racer.wait = getattr(_racer, "wait", None), None
    if wait is not None:
        wait()
        time.sleep(_racer.delay)


def delay_after_meeting(seconds):
    """Delay this thread by some seconds after it has met the others."""
    if getattr(_racer, "wait", None) is None:
        time.sleep(seconds)
    else:
        _racer.delay = seconds


def assert_met():
    """Raise if this thread has not met the others: then there was no race."""
    assert _racer.wait is None, "the racer finished without meeting the others"


def _meeting_after(check):
    @wraps(check)
    def checked(*args, **kwargs):
        presented = check(*args, **kwargs)
        meet()
        return presented

    return checked


def install():
    rotation.present = _meeting_after(rotation.present)
    rotation.present_to_log_out = _meeting_after(rotation.present_to_log_out)
