"""One leg of the way from the published package to ours and back: `journey.py <state file>`.

Run by `uvx nox -s upgrade` in the environment of each package in turn, with the witness's settings
on one database file. A leg first asks for what the legs before it left behind, then leaves its own.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import django
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test.utils import setup_test_environment

PASSWORD = "correct horse"


def api():
    from rest_framework.test import APIClient

    return APIClient()


def refresh(text):
    return api().post("/api/token/refresh/", {"refresh": text})


def me(text):
    return api().get("/api/me/", HTTP_AUTHORIZATION=f"Bearer {text}")


def expect(answer, status):
    assert answer.status_code == status, f"expected {status}, got {answer.status_code}: {answer.json()}"
    return answer.json()


def log_in():
    return expect(api().post("/api/token/", {"username": "bob", "password": PASSWORD}), 200)


def start():
    get_user_model().objects.create_user("bob", password=PASSWORD)


def arrive(luggage):
    """What the legs before this one issued is good, and what they revoked is not."""
    good, revoked = luggage["good"], luggage["revoked"]
    for pair in good:
        expect(me(pair["access"]), 200)
        expect(api().post("/api/token/verify/", {"token": pair["refresh"]}), 200)
    for text in revoked:
        assert expect(refresh(text), 401)["detail"] == "Token is blacklisted"
    for sliding in luggage["sliding"]:
        expect(api().post("/api/sliding/refresh/", {"token": sliding}), 200)
    if good:
        spent = good.pop(0)["refresh"]
        good.append(expect(refresh(spent), 200))
        expect(refresh(spent), 401)
        revoked.append(spent)


def pack(luggage):
    """Leave two good pairs, a token that was logged out, one that was spent, and a sliding one."""
    luggage["good"] += [log_in(), log_in()]
    out = log_in()["refresh"]
    expect(api().post("/api/token/blacklist/", {"refresh": out}), 200)
    spent = log_in()["refresh"]
    luggage["good"].append(expect(refresh(spent), 200))
    luggage["revoked"] += [out, spent]
    login = {"username": "bob", "password": PASSWORD}
    luggage["sliding"].append(expect(api().post("/api/sliding/", login), 200)["token"])


def main(state):
    django.setup()
    setup_test_environment()
    call_command("migrate", verbosity=0)
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    luggage = {"good": [], "revoked": [], "sliding": []}
    if state.exists():
        luggage = json.loads(state.read_text())
    else:
        start()
    arrive(luggage)
    pack(luggage)
    state.write_text(json.dumps(luggage))
    counts = ", ".join(f"{len(texts)} {kind}" for kind, texts in luggage.items())
    print(f"djangorestframework-simplejwt {version('djangorestframework-simplejwt')}: {counts}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
