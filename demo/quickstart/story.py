"""The steps of the tour: what is asked of the server, and what must come back."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db.models import Model

from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.token_family.models import TokenFamily
from rest_framework_simplejwt.tokens import RefreshToken

from .client import Client, Expected, deviation
from .database import expire
from .transcript import Transcript

OBTAIN = "/api/token/"
REFRESH = "/api/token/refresh/"
VERIFY = "/api/token/verify/"
BLACKLIST = "/api/token/blacklist/"
WHOAMI = "/api/whoami/"

Pair = dict[str, str]

A_PAIR = Expected(200, {"access": ..., "refresh": ...})
NOTHING = Expected(200, {})


def refused(reason: str) -> Expected:
    return Expected(401, {"code": "token_not_valid", "detail": reason})


def access_refused(reason: str) -> Expected:
    message = {"token_class": "AccessToken", "token_type": "access", "message": reason}
    return Expected(401, {"code": "token_not_valid", "messages": [message]})


def tell(client: Client, transcript: Transcript, credentials: dict[str, str]) -> None:
    """Take every step. Raises ``Deviation`` at the first one that goes otherwise."""
    welcome = Expected(200, {"username": credentials["username"], "authenticated_by": "JWTAuthentication"})
    first: Pair = client.post("Log in: a password buys two tokens.", OBTAIN, credentials, expected=A_PAIR)
    try_doors(client, first, welcome)
    second = rotate(client, transcript, first, welcome)
    replay(client, first, second)
    log_out(client, credentials)
    flush(transcript, [first["refresh"], second["refresh"]])


def try_doors(client: Client, pair: Pair, welcome: Expected) -> None:
    access = pair["access"]
    client.get("The access token opens a protected view.", WHOAMI, token=access, expected=welcome)
    client.get("Without a token it stays shut.", WHOAMI, expected=Expected(401))
    client.get(
        "An access token with another user_id written into it: the signature no longer fits.",
        WHOAMI,
        token=forged(access, user_id="1000"),
        expected=access_refused("Token is invalid"),
    )
    client.get(
        "A refresh token is no access token.",
        WHOAMI,
        token=pair["refresh"],
        expected=access_refused("Token has wrong type"),
    )


def rotate(client: Client, transcript: Transcript, pair: Pair, welcome: Expected) -> Pair:
    """The newest pair, once the grace period of the old one is over."""
    refresh = {"refresh": pair["refresh"]}
    newer: Pair = client.post("Refresh: the refresh token buys a new pair, once.", REFRESH, refresh, expected=A_PAIR)
    # The period began on the server, a little earlier.
    grace = api_settings.REFRESH_TOKEN_GRACE_PERIOD.total_seconds()
    over = time.monotonic() + grace
    newest: Pair = client.post(
        "If that answer was lost, the client asks again at once: the same refresh token comes back.",
        REFRESH,
        refresh,
        expected=A_PAIR,
    )
    check_lineage(transcript, newer, newest)
    client.get("The new access token opens the view.", WHOAMI, token=newest["access"], expected=welcome)
    transcript.note(f"Waiting: for {grace:g} seconds after a refresh, asking again is forgiven.")
    time.sleep(max(0, over - time.monotonic()))
    return newest


def check_lineage(transcript: Transcript, first: Pair, second: Pair) -> None:
    """Both answers must bring one refresh token, the only one besides the old one on the server's record."""
    claims = [RefreshToken(pair["refresh"], verify=False).payload for pair in (first, second)]
    same, recorded = claims[0] == claims[1], OutstandingToken._default_manager.count()
    if not same or recorded != 2:
        got = f"{'the same' if same else 'another'} refresh token, and {recorded} on record"
        raise deviation(transcript, "the same refresh token, and 2 on record", got)


def replay(client: Client, old: Pair, newest: Pair) -> None:
    client.post(
        "Replay the old refresh token, as a thief would: it is refused, and its family revoked.",
        REFRESH,
        {"refresh": old["refresh"]},
        expected=refused("Token is blacklisted"),
    )
    client.post(
        "So the newest refresh token is refused.",
        REFRESH,
        {"refresh": newest["refresh"]},
        expected=refused("Token family is blacklisted"),
    )
    client.get(
        "So is the newest access token.",
        WHOAMI,
        token=newest["access"],
        expected=access_refused("Token family is blacklisted"),
    )


def log_out(client: Client, credentials: dict[str, str]) -> None:
    refresh = client.post("Log in again: a new family.", OBTAIN, credentials, expected=A_PAIR)["refresh"]
    client.post("Verify the new refresh token: it is good.", VERIFY, {"token": refresh}, expected=NOTHING)
    client.post("Log out: the refresh token is revoked.", BLACKLIST, {"refresh": refresh}, expected=NOTHING)
    revoked = refused("Token is blacklisted")
    client.post("A revoked refresh token buys nothing.", REFRESH, {"refresh": refresh}, expected=revoked)
    client.post("A revoked refresh token does not verify.", VERIFY, {"token": refresh}, expected=revoked)


def flush(transcript: Transcript, old_refresh_tokens: list[str]) -> None:
    """The second log-in is still in time, so one row of each kind must stay."""
    expire(old_refresh_tokens)
    transcript.step("Once the first log-in's refresh tokens have expired, forget them.")
    flush_table(transcript, "flushexpiredtokens", OutstandingToken, expired=len(old_refresh_tokens))
    transcript.step("Forget their family, which has ended too.")
    flush_table(transcript, "flushexpiredfamilies", TokenFamily, expired=1)


def flush_table(transcript: Transcript, command: str, model: type[Model], *, expired: int) -> None:
    output = StringIO()
    before = model._default_manager.count()
    call_command(command, stdout=output)
    transcript.command(command, output.getvalue().strip())
    left = model._default_manager.count()
    if (before - left, left) != (expired, 1):
        raise deviation(
            transcript, f"{expired} rows deleted and 1 left", f"{before - left} rows deleted and {left} left"
        )


def forged(token: str, **claims: Any) -> str:
    """``token`` with these claims in it and the old signature on it: what can be done without the key."""
    header, payload, signature = token.split(".")
    edited = json.loads(urlsafe_b64decode(payload + "==")) | claims
    payload = urlsafe_b64encode(json.dumps(edited).encode()).rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"
