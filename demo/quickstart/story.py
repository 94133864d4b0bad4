"""The steps of the tour: the requests and the expected responses."""

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


def run_tour(client: Client, transcript: Transcript, credentials: dict[str, str]) -> None:
    """Takes all steps. Raises ``Deviation`` at the first unexpected response."""
    welcome = Expected(200, {"username": credentials["username"], "authenticated_by": "JWTAuthentication"})
    first: Pair = client.post("Log in: a password returns a pair of tokens.", OBTAIN, credentials, expected=A_PAIR)
    try_protected_view(client, first, welcome)
    second = rotate(client, transcript, first, welcome)
    reuse(client, first, second)
    log_out(client, credentials)
    flush(transcript, [first["refresh"], second["refresh"]])


def try_protected_view(client: Client, pair: Pair, welcome: Expected) -> None:
    access = pair["access"]
    client.get("Request a protected view with the access token.", WHOAMI, token=access, expected=welcome)
    client.get("Without a token the request is refused.", WHOAMI, expected=Expected(401))
    client.get(
        "Change the user_id in the access token: the signature is no longer valid.",
        WHOAMI,
        token=tamper(access, user_id="1000"),
        expected=access_refused("Token is invalid"),
    )
    client.get(
        "A refresh token does not authenticate a request.",
        WHOAMI,
        token=pair["refresh"],
        expected=access_refused("Token has wrong type"),
    )


def rotate(client: Client, transcript: Transcript, pair: Pair, welcome: Expected) -> Pair:
    """Refreshes twice with one token, waits until the grace period is over, and returns the newest pair."""
    refresh = {"refresh": pair["refresh"]}
    newer: Pair = client.post("Refresh: the refresh token returns a new pair.", REFRESH, refresh, expected=A_PAIR)
    # On the server the period started a little earlier.
    grace = api_settings.REFRESH_TOKEN_GRACE_PERIOD.total_seconds()
    over = time.monotonic() + grace
    newest: Pair = client.post(
        "Replay within the grace period, as after a lost response: the same refresh token is returned.",
        REFRESH,
        refresh,
        expected=A_PAIR,
    )
    check_lineage(transcript, newer, newest)
    client.get("Request the view with the new access token.", WHOAMI, token=newest["access"], expected=welcome)
    transcript.note(f"Waiting until the grace period of {grace:g} seconds is over.")
    time.sleep(max(0, over - time.monotonic()))
    return newest


def check_lineage(transcript: Transcript, first: Pair, second: Pair) -> None:
    """Checks that both responses have the same refresh token, and that only it and its parent are on record."""
    claims = [RefreshToken(pair["refresh"], verify=False).payload for pair in (first, second)]
    same, recorded = claims[0] == claims[1], OutstandingToken._default_manager.count()
    if not same or recorded != 2:
        got = f"{'the same' if same else 'another'} refresh token, and {recorded} on record"
        raise deviation(transcript, "the same refresh token, and 2 on record", got)


def reuse(client: Client, old: Pair, newest: Pair) -> None:
    client.post(
        "Reuse the old refresh token, as a thief would: it is refused, and its family is revoked.",
        REFRESH,
        {"refresh": old["refresh"]},
        expected=refused("Token is blacklisted"),
    )
    client.post(
        "The newest refresh token is refused too.",
        REFRESH,
        {"refresh": newest["refresh"]},
        expected=refused("Token family is blacklisted"),
    )
    client.get(
        "The newest access token is refused too.",
        WHOAMI,
        token=newest["access"],
        expected=access_refused("Token family is blacklisted"),
    )


def log_out(client: Client, credentials: dict[str, str]) -> None:
    refresh = client.post("Log in again: a new family starts.", OBTAIN, credentials, expected=A_PAIR)["refresh"]
    client.post("Verify the new refresh token: it is valid.", VERIFY, {"token": refresh}, expected=NOTHING)
    client.post("Log out: the refresh token is revoked.", BLACKLIST, {"refresh": refresh}, expected=NOTHING)
    revoked = refused("Token is blacklisted")
    client.post("Refresh with the revoked token: it is refused.", REFRESH, {"refresh": refresh}, expected=revoked)
    client.post("Verify the revoked token: it is refused.", VERIFY, {"token": refresh}, expected=revoked)


def flush(transcript: Transcript, old_refresh_tokens: list[str]) -> None:
    """Flushes expired records. Those of the second log-in have not expired and must stay."""
    expire(old_refresh_tokens)
    transcript.step("Delete the records of refresh tokens that have expired.")
    flush_table(transcript, "flushexpiredtokens", OutstandingToken, expired=len(old_refresh_tokens))
    transcript.step("Delete the record of their family, which has expired too.")
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


def tamper(token: str, **claims: Any) -> str:
    """Returns ``token`` with these claims and the old signature, as somebody without the key could make it."""
    header, payload, signature = token.split(".")
    edited = json.loads(urlsafe_b64decode(payload + "==")) | claims
    payload = urlsafe_b64encode(json.dumps(edited).encode()).rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"
