"""One step of the upgrade from the published package to this one and back: `journey.py <state file>`.

Run by `nox -s upgrade` in the environment of each package in turn, with the witness's settings
on one database file. A step first checks the tokens of the steps before it, then leaves tokens of its own.
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


def create_user():
    get_user_model().objects.create_user("bob", password=PASSWORD)


def check_tokens(tokens):
    """Checks that tokens which earlier steps issued are valid, and that those they revoked are refused."""
    valid, revoked = tokens["valid"], tokens["revoked"]
    for pair in valid:
        expect(me(pair["access"]), 200)
        expect(api().post("/api/token/verify/", {"token": pair["refresh"]}), 200)
    for text in revoked:
        assert expect(refresh(text), 401)["detail"] == "Token is blacklisted"
    for sliding in tokens["sliding"]:
        expect(api().post("/api/sliding/refresh/", {"token": sliding}), 200)
    if valid:
        consumed = valid.pop(0)["refresh"]
        valid.append(expect(refresh(consumed), 200))
        expect(refresh(consumed), 401)
        revoked.append(consumed)


def leave_tokens(tokens):
    """Adds two valid pairs, a token that was logged out, one that was consumed, and a sliding token."""
    tokens["valid"] += [log_in(), log_in()]
    logged_out = log_in()["refresh"]
    expect(api().post("/api/token/blacklist/", {"refresh": logged_out}), 200)
    consumed = log_in()["refresh"]
    tokens["valid"].append(expect(refresh(consumed), 200))
    tokens["revoked"] += [logged_out, consumed]
    login = {"username": "bob", "password": PASSWORD}
    tokens["sliding"].append(expect(api().post("/api/sliding/", login), 200)["token"])


def main(state):
    django.setup()
    setup_test_environment()
    call_command("migrate", verbosity=0)
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    tokens = {"valid": [], "revoked": [], "sliding": []}
    if state.exists():
        tokens = json.loads(state.read_text())
    else:
        create_user()
    check_tokens(tokens)
    leave_tokens(tokens)
    state.write_text(json.dumps(tokens))
    counts = ", ".join(f"{len(texts)} {kind}" for kind, texts in tokens.items())
    print(f"djangorestframework-simplejwt {version('djangorestframework-simplejwt')}: {counts}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
