"""Ending more than one token: everything of a user, a family, or everything there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.views.decorators.debug import sensitive_variables

from . import revocation, signals, state, tokens, users
from .exceptions import TokenError
from .revocation import Issued
from .settings import api_settings


@dataclass(frozen=True)
class Revoked:
    """How many were revoked that were alive until then."""

    tokens: int
    families: int


def revoke_all(user: Any, *, except_family: str | None = None) -> Revoked:
    """End every outstanding token and family of ``user``, but for those of one family: "log out everywhere else".

    The number of statements does not grow with that of the tokens. Access tokens, which are not
    recorded, end with their family under ``TOKEN_FAMILY_CHECK_ON_ACCESS``, and else expire.
    Raises ``TokenError`` unless ``user`` is a saved instance of the user model.
    """
    users.require_user(user)
    if user.pk is None:
        # The store takes None for everybody.
        raise TokenError("The user is not saved yet and has no tokens.")
    return _revoke_all(user.pk, except_family)


def revoke_everything() -> Revoked:
    """End every outstanding token and family of everybody."""
    return _revoke_all(None, None)


def _revoke_all(owner_pk: Any, except_family: str | None) -> Revoked:
    # What expired within the leeway is accepted still.
    now = tokens.aware_utcnow() - state.token_backend.get_leeway()
    revoked = families = 0
    # Families first: a refresh that runs meanwhile finds its family ended.
    if tokens.family_enabled():
        families = revocation.family_store().revoke_all(owner_pk, now=now, except_family=except_family)
    if tokens.tokens_recorded():
        revoked = revocation.token_store().revoke_all(owner_pk, now=now, except_family=except_family)
    return Revoked(revoked, families)


@sensitive_variables()
def revoke_token(jti: str) -> bool:
    """Revoke the token of that id, whether or not it was ever recorded. False if it had been revoked before."""
    longest = max(api_settings.REFRESH_TOKEN_LIFETIME, api_settings.SLIDING_TOKEN_REFRESH_LIFETIME)
    store = revocation.token_store()
    _, first = store.revoke(_by_id(jti, lasting=longest))
    if first:
        store.after_commit(lambda: signals.send(signals.token_revoked, tokens.Token, jti=jti, token=None))
    return first


def revoke_family(family_id: str) -> bool:
    """Revoke the family of that id, whether or not it was ever recorded. False if it had been revoked before."""
    store = revocation.family_store()
    _, first = store.revoke(_by_id(family_id, lasting=api_settings.TOKEN_FAMILY_LIFETIME))
    if first:
        facts = {"family_id": family_id, "reason": "revoked"}
        store.after_commit(lambda: signals.send(signals.family_revoked, tokens.Token, **facts))
    return first


def _by_id(key: str, *, lasting: timedelta | None) -> Issued:
    now = tokens.aware_utcnow()
    expires_at: datetime | None = None if lasting is None else now + lasting
    return Issued(key, now, expires_at, owner_pk=lambda: None, text=lambda: "")
