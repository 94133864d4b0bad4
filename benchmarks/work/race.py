"""One client process of several that refresh at the same time: ``python -m benchmarks.work.race URL``."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any

from benchmarks.work.listen import listen
from benchmarks.work.project import BLACKLIST_APP, set_up


def main() -> None:
    set_up(sys.argv[1], BLACKLIST_APP, ROOT_URLCONF="benchmarks.work.urls", MIDDLEWARE=[])
    listen({"prepare": prepare, "token": token, "post": post, "rotate": rotate})


def prepare() -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.create_user("somebody")


def token() -> str:
    from django.contrib.auth.models import User

    from rest_framework_simplejwt.tokens import RefreshToken

    return str(RefreshToken.for_user(User.objects.get(username="somebody")))


def post(text: str, at: float) -> int:
    """Sends a refresh at the time ``at`` (seconds since the epoch) and returns the status of the response."""
    client = _client()
    time.sleep(max(0.0, at - time.time()))
    return client.post("/refresh/", {"refresh": text}, content_type="application/json").status_code


def rotate(text: str, at: float, seconds: float) -> dict[str, int]:
    """Returns how often each status was answered. The client tries again after an error, and stops after a 401."""
    client, statuses = _client(), Counter[str]()
    time.sleep(max(0.0, at - time.time()))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        response = client.post("/refresh/", {"refresh": text}, content_type="application/json")
        statuses[str(response.status_code)] += 1
        if response.status_code == 401:
            break
        if response.status_code == 200:
            text = response.json()["refresh"]
    return statuses


def _client() -> Any:
    from django.test import Client

    # Like a server, answers 500 for an exception of a view.
    return Client(raise_request_exception=False)


if __name__ == "__main__":
    main()
