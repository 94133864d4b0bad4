"""Where racers meet: at the door, or each past the check that its token is good, when only the write is left.

The second is the window in which looking first and writing later goes wrong.
"""

import threading
import time
from functools import wraps

from rest_framework_simplejwt import rotation

_racer = threading.local()


def prepare(wait, *, past_the_check):
    """From now on this thread meets the others by ``wait``: at once, or where it has presented its token."""
    _racer.wait, _racer.head_start = wait, 0
    if not past_the_check:
        meet()


def meet():
    """Wait for the others, the first time."""
    wait, _racer.wait = getattr(_racer, "wait", None), None
    if wait is not None:
        wait()
        time.sleep(_racer.head_start)


def give_head_start(seconds):
    """Let the others go on, once they have met, before this thread does."""
    if getattr(_racer, "wait", None) is None:
        time.sleep(seconds)
    else:
        _racer.head_start = seconds


def require():
    """Raise unless this thread has met the others: a race that nobody ran in proves nothing."""
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
